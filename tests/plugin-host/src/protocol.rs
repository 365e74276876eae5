//! The client's side of the provider's `proto/`.

use std::collections::HashMap;

use self::provider_schema::{Action, Action5, ProviderSchema, ProviderSchema5};

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Five,
    Six,
}

macro_rules! generated {
    ($($module:ident = $package:literal;)+) => {
        $(pub mod $module {
            tonic::include_proto!($package);
        })+
    };
}

// `tfplugin` has what both protocols have in common, `provider_schema` what the host reads of any provider.
generated! {
    tfplugin = "tfplugin";
    tfplugin5 = "tfplugin5";
    tfplugin6 = "tfplugin6";
    plugin = "plugin";
    health = "grpc.health.v1";
    provider_schema = "provider_schema";
}

impl From<ProviderSchema5> for ProviderSchema {
    fn from(from: ProviderSchema5) -> Self {
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

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::attribute_names;

    #[test]
    fn what_protocol_5_offers_is_all_there_in_the_form_of_6() {
        let of = |name: &str| {
            let attribute = tfplugin5::schema::Attribute { name: name.to_owned(), ..Default::default() };
            let block = tfplugin5::schema::Block { attributes: vec![attribute], ..Default::default() };
            tfplugin5::Schema { version: 0, block: Some(block) }
        };
        let one = |name: &str| [(name.to_owned(), of(name))].into();
        let five = ProviderSchema5 {
            provider: Some(of("provider")),
            resources: one("resource"),
            data_sources: one("data source"),
            provider_meta: Some(of("meta")),
            functions: [("function".to_owned(), Default::default())].into(),
            ephemeral_resources: one("ephemeral"),
            list_resources: one("list"),
            actions: [("action".to_owned(), Action5 { schema: Some(of("action")) })].into(),
            ..Default::default()
        };
        let six = ProviderSchema::from(five);
        let of = |schema: &tfplugin6::Schema| attribute_names(schema).join("");
        assert_eq!(of(six.provider.as_ref().unwrap()), "provider");
        assert_eq!(of(six.provider_meta.as_ref().unwrap()), "meta");
        assert_eq!(of(&six.resources["resource"]), "resource");
        assert_eq!(of(&six.data_sources["data source"]), "data source");
        assert_eq!(of(&six.ephemeral_resources["ephemeral"]), "ephemeral");
        assert_eq!(of(&six.list_resources["list"]), "list");
        assert_eq!(of(six.actions["action"].schema.as_ref().unwrap()), "action");
        assert!(six.functions.contains_key("function"));
    }

    #[test]
    fn the_numbers_are_those_of_the_protocol() {
        let schema = || tfplugin6::Schema { version: 1, block: None };
        let schema = ProviderSchema {
            resources: [("x".to_owned(), schema())].into(),
            functions: [("f".to_owned(), Default::default())].into(),
            ephemeral_resources: [("e".to_owned(), schema())].into(),
            ..Default::default()
        };
        // Number 2, 7 and 8, in each an entry with its name and, if there is anything in it, its message.
        let bytes = [18, 7, 10, 1, b'x', 18, 2, 8, 1, 58, 3, 10, 1, b'f', 66, 7, 10, 1, b'e', 18, 2, 8, 1];
        assert_eq!(schema.encode_to_vec(), bytes);
    }
}
