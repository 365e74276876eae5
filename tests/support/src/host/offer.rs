//! Everything that a provider offers, in the form of protocol 6, whichever is spoken.

use std::collections::HashMap;

use super::protocol::offer::{Action, Action5, Offer, Offer5};
use super::protocol::{tfplugin5, tfplugin6};

impl From<Offer5> for Offer {
    fn from(from: Offer5) -> Self {
        Self {
            provider: from.provider.map(Into::into),
            resources: all(from.resources),
            data_sources: all(from.data_sources),
            diagnostics: from.diagnostics,
            provider_meta: from.provider_meta.map(Into::into),
            server_capabilities: from.server_capabilities,
            functions: from.functions,
            ephemeral_resources: all(from.ephemeral_resources),
            list_resources: all(from.list_resources),
            actions: from.actions.into_iter().map(|(name, action)| (name, action.into())).collect(),
        }
    }
}

impl From<Action5> for Action {
    fn from(from: Action5) -> Self {
        Self { schema: from.schema.map(Into::into) }
    }
}

fn all(schemas: HashMap<String, tfplugin5::Schema>) -> HashMap<String, tfplugin6::Schema> {
    schemas.into_iter().map(|(name, schema)| (name, schema.into())).collect()
}
