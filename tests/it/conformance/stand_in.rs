//! Stand-ins for the data source, in this process: they have attributes of every kind, and do what the executable
//! cannot be brought to do.

use std::borrow::Cow;
use std::collections::BTreeMap;

use dds_test_support::host::{Connection, Protocol};
use serde_json::json;
use terraform_provider_dds::huaweicloud::Client;
use terraform_provider_dds::provider::data_sources::{DataSource, Read, ReadResponse};
use terraform_provider_dds::tfplugin::diagnostic::Diagnostics;
use terraform_provider_dds::tfplugin::schema::{Attribute, Block, Kind, Mode, Nesting, Schema};
use terraform_provider_dds::tfplugin::value::{Number, Refinement, Value};

use crate::protocol::connect_in;

/// A data source, and what it makes of its configuration.
pub struct StandIn(&'static str, fn(Value) -> Value);

pub static STAND_INS: &[&dyn DataSource] = &[
    &StandIn("dds_echo", |config| config),
    &StandIn("dds_large", |config| config.with([("text", "x".repeat(70 << 20).into())])),
    &StandIn("dds_panics", |_| panic!("with a secret in its message")),
    // States that must never reach core.
    &StandIn("dds_other_attributes", |_| Value::object([("other", Value::Null)])),
    &StandIn("dds_one_attribute_more", |config| config.with([("other", Value::Null)])),
    &StandIn("dds_null", |_| Value::Null),
    &StandIn("dds_unknown", |_| Value::Unknown(Refinement::default())),
    &StandIn("dds_unknown_text", |config| config.with([("text", Value::Unknown(Refinement::default()))])),
    &StandIn("dds_unknown_inside", |config| {
        let unknown = Value::Map(BTreeMap::from([("a".to_owned(), Value::Unknown(Refinement::default()))]));
        config.with([("texts", unknown)])
    }),
    &StandIn("dds_nan", |config| config.with([("number", Value::Number(Number::Float(f64::NAN)))])),
    &StandIn("dds_infinity", |config| config.with([("number", Value::Number(Number::Float(f64::INFINITY)))])),
    &StandIn("dds_nan_text", |config| {
        config.with([("number", Value::Number(Number::Text("NaN".to_owned())))])
    }),
    &StandIn("dds_number_as_text", |config| config.with([("text", Value::Number(Number::Signed(1)))])),
    &StandIn("dds_bool_as_text", |config| config.with([("text", Value::Bool(true))])),
    &StandIn("dds_text_as_bool", |config| config.with([("flag", "true".into())])),
    &StandIn("dds_number_as_bool", |config| config.with([("flag", Value::Number(Number::Signed(1)))])),
    &StandIn("dds_text_as_number", |config| config.with([("number", "1".into())])),
];

/// Where a state stops being the configuration as it was.
pub const WRONG: std::ops::RangeFrom<usize> = 3..;

const TEXT: Attribute = Attribute::new("text", Kind::String, Mode::OptionalComputed, "A text.");

const ATTRIBUTES: &[Attribute] = &[
    TEXT,
    Attribute::new("number", Kind::Number, Mode::OptionalComputed, "A number."),
    Attribute::new("flag", Kind::Bool, Mode::OptionalComputed, "A flag."),
    Attribute::new("texts", Kind::MapOfStrings, Mode::OptionalComputed, "Texts."),
];

const BLOCKS: &[Block] = &[
    Block { name: "single", nesting: Nesting::Single, description: "At most one.", attributes: &[TEXT] },
    Block { name: "several", nesting: Nesting::List, description: "Any number.", attributes: ATTRIBUTES },
];

impl DataSource for StandIn {
    fn name(&self) -> &'static str {
        self.0
    }

    fn schema(&self) -> Schema {
        Schema { description: "A stand-in.", attributes: Cow::Borrowed(ATTRIBUTES), blocks: BLOCKS }
    }

    fn validate(&self, _: &Value) -> Diagnostics {
        assert!(self.0 != "dds_panics", "with a secret in its message");
        Diagnostics::default()
    }

    fn read<'a>(&'a self, _: &'a Client, config: &'a Value) -> Read<'a> {
        Box::pin(async move {
            Ok(ReadResponse { state: self.1(config.clone()), warnings: Diagnostics::default() })
        })
    }
}

/// A provider of the stand-ins, configured.
pub async fn configured(protocol: Protocol) -> Connection {
    let connection = connect_in(protocol, STAND_INS).await;
    assert_eq!(connection.configure(json!({ "region": "cn-north-4" })).await.unwrap(), []);
    connection
}
