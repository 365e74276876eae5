//! The generated messages and clients of the plugin protocol.

use std::collections::HashMap;

use self::provider_schema::{Action, Action5, ProviderSchema, ProviderSchema5};

/// A version of the plugin protocol.
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

// `tfplugin` has the messages of both protocols, `provider_schema` the full schema of any provider.
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
            resources: convert_schemas(from.resources),
            data_sources: convert_schemas(from.data_sources),
            diagnostics: from.diagnostics,
            provider_meta: from.provider_meta.map(Into::into),
            server_capabilities: from.server_capabilities,
            functions: from.functions,
            ephemeral_resources: convert_schemas(from.ephemeral_resources),
            list_resources: convert_schemas(from.list_resources),
            actions: from.actions.into_iter().map(|(name, action)| (name, action.into())).collect(),
        }
    }
}

impl From<Action5> for Action {
    fn from(from: Action5) -> Self {
        Self { schema: from.schema.map(Into::into) }
    }
}

fn convert_schemas(schemas: HashMap<String, tfplugin5::Schema>) -> HashMap<String, tfplugin6::Schema> {
    schemas.into_iter().map(|(name, schema)| (name, schema.into())).collect()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::attribute_names;

    #[test]
    fn schema_of_protocol_5_is_converted_completely() {
        let schema = |name: &str| {
            let attribute = tfplugin5::schema::Attribute { name: name.to_owned(), ..Default::default() };
            let block = tfplugin5::schema::Block { attributes: vec![attribute], ..Default::default() };
            tfplugin5::Schema { version: 0, block: Some(block) }
        };
        let map = |name: &str| [(name.to_owned(), schema(name))].into();
        let five = ProviderSchema5 {
            provider: Some(schema("provider")),
            resources: map("resource"),
            data_sources: map("data source"),
            provider_meta: Some(schema("meta")),
            functions: [("function".to_owned(), Default::default())].into(),
            ephemeral_resources: map("ephemeral"),
            list_resources: map("list"),
            actions: [("action".to_owned(), Action5 { schema: Some(schema("action")) })].into(),
            ..Default::default()
        };
        let six = ProviderSchema::from(five);
        let names = |schema: &tfplugin6::Schema| attribute_names(schema).join("");
        assert_eq!(names(six.provider.as_ref().unwrap()), "provider");
        assert_eq!(names(six.provider_meta.as_ref().unwrap()), "meta");
        assert_eq!(names(&six.resources["resource"]), "resource");
        assert_eq!(names(&six.data_sources["data source"]), "data source");
        assert_eq!(names(&six.ephemeral_resources["ephemeral"]), "ephemeral");
        assert_eq!(names(&six.list_resources["list"]), "list");
        assert_eq!(names(six.actions["action"].schema.as_ref().unwrap()), "action");
        assert!(six.functions.contains_key("function"));
    }

    #[test]
    fn field_numbers_match_the_protocol() {
        let schema = || tfplugin6::Schema { version: 1, block: None };
        let schema = ProviderSchema {
            resources: [("x".to_owned(), schema())].into(),
            functions: [("f".to_owned(), Default::default())].into(),
            ephemeral_resources: [("e".to_owned(), schema())].into(),
            ..Default::default()
        };
        // Fields 2, 7 and 8: each has an entry with a name and, if it is not empty, a message.
        let bytes = [18, 7, 10, 1, b'x', 18, 2, 8, 1, 58, 3, 10, 1, b'f', 66, 7, 10, 1, b'e', 18, 2, 8, 1];
        assert_eq!(schema.encode_to_vec(), bytes);
    }
}
