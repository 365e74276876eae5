//! A fake provider in this process: its data sources have attributes of every kind, and do what the executable cannot be
//! brought to do.

use std::collections::BTreeMap;

use plugin_host::{Connection, Protocol};
use serde_json::json;
use terraform_provider_dds::tfplugin::Provider;
use terraform_provider_dds::tfplugin::config::Config;
use terraform_provider_dds::tfplugin::diagnostic::{Diagnostic, Diagnostics};
use terraform_provider_dds::tfplugin::provider::{
    ConfigureRequest, ConfigureResponse, DataSource, EphemeralResource, OpenResponse, ProviderInfo,
    ReadResponse, ResponseFuture,
};
use terraform_provider_dds::tfplugin::schema::{Attribute, AttributeType, Block, Nesting, Schema};
use terraform_provider_dds::tfplugin::value::{Number, Value};

use crate::protocol::connect_in;

/// A provider of data sources that misbehave, and of an ephemeral resource that must be closed.
pub struct Fake;

impl Provider for Fake {
    type Client = ();

    fn info(&self) -> ProviderInfo {
        let issue_url = "https://example.com/issues";
        ProviderInfo { issue_url, ..ProviderInfo::new("dds", "example/fake", "1.0.0") }
    }

    fn schema(&self) -> Schema {
        Schema::new("A fake.", vec![])
    }

    async fn configure(&self, _: ConfigureRequest<'_>) -> Result<ConfigureResponse<()>, Diagnostics> {
        Ok(().into())
    }

    fn data_sources(&self) -> &[&dyn DataSource<()>] {
        FAKES
    }

    fn ephemeral_resources(&self) -> &[&dyn EphemeralResource<()>] {
        &[&Lock]
    }
}

/// An ephemeral resource that closes what it opened, and nothing else.
struct Lock;

impl EphemeralResource<()> for Lock {
    fn name(&self) -> &'static str {
        "dds_lock"
    }

    fn schema(&self) -> Schema {
        Schema::new("A lock.", vec![Attribute::string("name", "Its name.").required()])
    }

    fn open<'a>(&'a self, (): &'a (), config: &'a Config<'a>) -> ResponseFuture<'a, OpenResponse> {
        Box::pin(async {
            let private = config.required::<&str>("name")?.as_bytes().to_vec();
            Ok(OpenResponse { private, ..config.state([]).into() })
        })
    }

    fn close<'a>(&'a self, (): &'a (), private: &'a [u8]) -> ResponseFuture<'a, Diagnostics> {
        Box::pin(async {
            let detail = format!("Closed {}.", String::from_utf8_lossy(private));
            Ok(Diagnostic::warning("Closed", detail).into())
        })
    }
}

/// A data source, and what it makes of its configuration.
pub struct Echo(&'static str, fn(Value) -> Value);

pub static FAKES: &[&dyn DataSource<()>] = &[
    &Echo("dds_echo", |config| config),
    &Echo("dds_large", |config| config.with([("text", "x".repeat(70 << 20).into())])),
    &Echo("dds_panics", |_| panic!("with a secret in its message")),
    // States that must never reach core.
    &Echo("dds_other_attributes", |_| Value::object([("other", Value::Null)])),
    &Echo("dds_one_attribute_more", |config| config.with([("other", Value::Null)])),
    &Echo("dds_null", |_| Value::Null),
    &Echo("dds_unknown", |_| Value::unknown()),
    &Echo("dds_unknown_text", |config| config.with([("text", Value::unknown())])),
    &Echo("dds_unknown_inside", |config| {
        let unknown = Value::Map(BTreeMap::from([("a".to_owned(), Value::unknown())]));
        config.with([("texts", unknown)])
    }),
    &Echo("dds_nan", |config| config.with([("number", Value::Number(Number::Float(f64::NAN)))])),
    &Echo("dds_infinity", |config| config.with([("number", Value::Number(Number::Float(f64::INFINITY)))])),
    &Echo("dds_nan_text", |config| {
        config.with([("number", Value::Number(Number::Decimal("NaN".to_owned())))])
    }),
    &Echo("dds_number_as_text", |config| config.with([("text", Value::Number(Number::Signed(1)))])),
    &Echo("dds_bool_as_text", |config| config.with([("text", Value::Bool(true))])),
    &Echo("dds_text_as_bool", |config| config.with([("flag", "true".into())])),
    &Echo("dds_number_as_bool", |config| config.with([("flag", Value::Number(Number::Signed(1)))])),
    &Echo("dds_text_as_number", |config| config.with([("number", "1".into())])),
];

/// Where a state stops being the configuration as it was.
pub const WRONG: std::ops::RangeFrom<usize> = 3..;

const TEXT: Attribute = Attribute::string("text", "A text.").optional_computed();

const ATTRIBUTES: &[Attribute] = &[
    TEXT,
    Attribute::number("number", "A number.").optional_computed(),
    Attribute::bool("flag", "A flag.").optional_computed(),
    Attribute::map("texts", &AttributeType::String, "Texts.").optional_computed(),
];

const BLOCKS: &[Block] = &[
    Block::new("single", Nesting::Single, "At most one.", &[TEXT]),
    Block::new("several", Nesting::List, "Any number.", ATTRIBUTES),
];

impl DataSource<()> for Echo {
    fn name(&self) -> &'static str {
        self.0
    }

    fn schema(&self) -> Schema {
        Schema::new("A fake.", ATTRIBUTES).with_blocks(BLOCKS)
    }

    fn validate(&self, _: &Config<'_>) -> Diagnostics {
        assert!(self.0 != "dds_panics", "with a secret in its message");
        Diagnostics::default()
    }

    fn read<'a>(&'a self, (): &'a (), config: &'a Config<'a>) -> ResponseFuture<'a, ReadResponse> {
        Box::pin(async { Ok(self.1(config.value().clone()).into()) })
    }
}

/// The fake provider, configured, in each protocol.
pub async fn both() -> [Connection; 2] {
    let connections = [connect_in(Protocol::Five, Fake).await, connect_in(Protocol::Six, Fake).await];
    for connection in &connections {
        assert_eq!(connection.configure(json!({})).await.unwrap(), []);
    }
    connections
}
