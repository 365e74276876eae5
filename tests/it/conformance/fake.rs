//! A fake provider for cases that the executable cannot produce. It runs in this process.

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

use crate::protocol::connect_in_process;

/// A provider with data sources that return invalid states, and an ephemeral resource that must be closed.
pub struct FakeProvider;

impl Provider for FakeProvider {
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
        DATA_SOURCES
    }

    fn ephemeral_resources(&self) -> &[&dyn EphemeralResource<()>] {
        &[&FakeLock]
    }
}

/// An ephemeral resource whose private data is its name.
struct FakeLock;

impl EphemeralResource<()> for FakeLock {
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

/// A data source: its name, and the function that converts its configuration to its state.
pub struct FakeDataSource(&'static str, fn(Value) -> Value);

/// All data sources. Those in [`INVALID_STATES`] return states that must never be sent.
pub static DATA_SOURCES: &[&dyn DataSource<()>] = &[
    &FakeDataSource("dds_echo", |config| config),
    &FakeDataSource("dds_large", |config| config.with([("text", "x".repeat(70 << 20).into())])),
    &FakeDataSource("dds_panics", |_| panic!("with a secret in its message")),
    &FakeDataSource("dds_other_attributes", |_| Value::object([("other", Value::Null)])),
    &FakeDataSource("dds_extra_attribute", |config| config.with([("other", Value::Null)])),
    &FakeDataSource("dds_null", |_| Value::Null),
    &FakeDataSource("dds_unknown", |_| Value::unknown()),
    &FakeDataSource("dds_unknown_text", |config| config.with([("text", Value::unknown())])),
    &FakeDataSource("dds_unknown_inside", |config| {
        let unknown = Value::Map(BTreeMap::from([("a".to_owned(), Value::unknown())]));
        config.with([("texts", unknown)])
    }),
    &FakeDataSource("dds_nan", |config| config.with([("number", Value::Number(Number::Float(f64::NAN)))])),
    &FakeDataSource("dds_infinity", |config| {
        config.with([("number", Value::Number(Number::Float(f64::INFINITY)))])
    }),
    &FakeDataSource("dds_nan_text", |config| {
        config.with([("number", Value::Number(Number::Decimal("NaN".to_owned())))])
    }),
    &FakeDataSource("dds_number_as_text", |config| config.with([("text", Value::Number(Number::Signed(1)))])),
    &FakeDataSource("dds_bool_as_text", |config| config.with([("text", Value::Bool(true))])),
    &FakeDataSource("dds_text_as_bool", |config| config.with([("flag", "true".into())])),
    &FakeDataSource("dds_number_as_bool", |config| config.with([("flag", Value::Number(Number::Signed(1)))])),
    &FakeDataSource("dds_text_as_number", |config| config.with([("number", "1".into())])),
];

/// The range of the data sources with invalid states.
pub const INVALID_STATES: std::ops::RangeFrom<usize> = 3..;

const TEXT: Attribute = Attribute::string("text", "A string.").optional_computed();

const ATTRIBUTES: &[Attribute] = &[
    TEXT,
    Attribute::number("number", "A number.").optional_computed(),
    Attribute::bool("flag", "A flag.").optional_computed(),
    Attribute::map("texts", &AttributeType::String, "Strings.").optional_computed(),
];

const BLOCKS: &[Block] = &[
    Block::new("single", Nesting::Single, "At most one.", &[TEXT]),
    Block::new("several", Nesting::List, "Any number.", ATTRIBUTES),
];

impl DataSource<()> for FakeDataSource {
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

/// Connections to configured fake providers, one for each protocol.
pub async fn connect_both() -> [Connection; 2] {
    let connections = [
        connect_in_process(Protocol::Five, FakeProvider).await,
        connect_in_process(Protocol::Six, FakeProvider).await,
    ];
    for connection in &connections {
        assert_eq!(connection.configure(json!({})).await.unwrap(), []);
    }
    connections
}
