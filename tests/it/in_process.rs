//! Runs the provider in the process of the test, with configurations in JSON. `tests/credentials` uses this module too.

use cloud_simulator::Simulator;
use serde_json::Value as Json;
use terraform_provider_dds::huaweicloud::Client;
use terraform_provider_dds::provider::Dds;
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::Provider as _;
use terraform_provider_dds::tfplugin::diagnostic::Diagnostics;
use terraform_provider_dds::tfplugin::provider::DataSource;
use terraform_provider_dds::tfplugin::schema::{Nesting, Schema};
use terraform_provider_dds::tfplugin::session::Session;
use terraform_provider_dds::tfplugin::value::{Number, Value};

/// A session with the provider.
pub fn session(environment: Environment) -> Session<Dds> {
    Session::new(Dds::new(environment))
}

/// A provider block as Core sends it. Attributes that are not set are null.
pub fn block<'a>(
    arguments: impl IntoIterator<Item = (&'a String, &'a Json)>,
    session: &Session<Dds>,
) -> Value {
    let schema = session.provider().schema();
    let arguments = arguments.into_iter().map(|(name, json)| (name.as_str(), value(&schema, name, json)));
    schema.null_object().with(arguments)
}

fn value(schema: &Schema, name: &str, json: &Json) -> Value {
    match json {
        Json::Number(number) => Value::Number(Number::Decimal(number.to_string())),
        Json::Array(items) => Value::List(items.iter().map(|item| value(schema, name, item)).collect()),
        Json::Object(members) => {
            let mut blocks = schema.blocks.iter();
            let nested = blocks.find(|block| block.name == name && block.nesting == Nesting::List).unwrap();
            let null = Value::object(nested.attributes.iter().map(|attribute| (attribute.name, Value::Null)));
            null.with(members.iter().map(|(name, json)| (name.as_str(), value(schema, name, json))))
        }
        json => json.as_str().unwrap().into(),
    }
}

/// Configures the provider with the block and the endpoints of the simulated cloud.
pub async fn configure(session: &Session<Dds>, block: Value, cloud: &Simulator) -> Diagnostics {
    let url = |name| if name == "dds" { cloud.regional_url() } else { cloud.url() };
    let endpoints = ["dds", "iam", "sts", "metadata"].map(|name| (name, url(name).into()));
    let block = block.with([("endpoints", Value::object(endpoints))]);
    session.configure(&session.provider().schema(), &block, "1.11.4").await
}

/// Returns the data source with this name.
pub fn data_source<'a>(session: &'a Session<Dds>, name: &str) -> &'a dyn DataSource<Client> {
    let mut sources = session.provider().data_sources().iter();
    *sources.find(|source| source.name() == name).unwrap()
}

/// Reads the links of an instance, and returns the diagnostics if that fails.
pub async fn read(session: &Session<Dds>, instance: &str) -> Option<String> {
    let source = data_source(session, "dds_ssl_cert_download_links");
    let schema = source.schema();
    let config = schema.null_object().with([("instance_id", instance.into())]);
    Some(format!("{:?}", session.read(source, &schema, &config, false).await.err()?))
}
