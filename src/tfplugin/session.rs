//! The operations of a provider for one host, on decoded values.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::{self, Diagnostic, Diagnostics, MessageDoc};
use crate::tfplugin::provider::{
    ConfigureRequest, ConfigureResponse, DataSource, EphemeralResource, OpenResponse, Provider, ReadResponse,
};
use crate::tfplugin::schema::Schema;
use crate::tfplugin::value::Value;

/// The client, or the errors for reads while a provider setting is unknown.
type ClientResult<P> = Result<Arc<<P as Provider>::Client>, Diagnostics>;

/// A provider and its client for one host.
pub struct Session<P: Provider> {
    provider: Arc<P>,
    /// The schemas of the data sources, built at first use.
    data_source_schemas: OnceLock<Vec<Schema>>,
    /// `None` before the first `configure`, an error while a setting is unknown. Each `configure` replaces it.
    client: RwLock<Option<ClientResult<P>>>,
}

/// The result of a successful read.
#[derive(Debug)]
pub enum ReadOutcome {
    /// The data source was read.
    Complete(ReadResponse),
    /// A provider setting is not known before apply. The state contains unknown values.
    Deferred(Value),
}

impl<P: Provider> Session<P> {
    /// A session with a provider that is not configured.
    pub fn new(provider: impl Into<Arc<P>>) -> Self {
        let data_source_schemas = OnceLock::new();
        Self { provider: provider.into(), data_source_schemas, client: RwLock::new(None) }
    }

    /// The provider.
    pub fn provider(&self) -> &P {
        &self.provider
    }

    /// Validates the provider block.
    ///
    /// It does not read the environment, because `terraform validate` also runs without credentials.
    pub fn validate(&self, schema: &Schema, config: &Value) -> Diagnostics {
        validate(schema, config, |config| self.provider.validate(config))
    }

    /// Creates the client from the provider block. After an error, the session keeps the previous client.
    pub async fn configure(&self, schema: &Schema, config: &Value, terraform_version: &str) -> Diagnostics {
        if let Err(errors) = check(schema, config) {
            return errors;
        }
        let config = &Config::new(schema, config);
        let (client, warnings) =
            match self.provider.configure(ConfigureRequest { config, terraform_version }).await {
                Ok(ConfigureResponse::Ready(client, warnings)) => (Ok(Arc::new(client)), warnings),
                Ok(ConfigureResponse::Unknown(errors)) => (Err(errors), Diagnostics::default()),
                Err(errors) => return errors,
            };
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = Some(client);
        warnings
    }

    /// The data source with this type name, and its schema.
    pub fn data_source(&self, name: &str) -> Result<(&dyn DataSource<P::Client>, &Schema), Diagnostics> {
        let sources = self.provider.data_sources();
        let build = || sources.iter().map(|source| source.schema()).collect();
        let mut sources = sources.iter().copied().zip(self.data_source_schemas.get_or_init(build));
        sources
            .find(|(source, _)| source.name() == name)
            .ok_or_else(|| unknown_type(&diagnostic::UNKNOWN_DATA_SOURCE_TYPE, "data source", name))
    }

    /// The ephemeral resource with this type name.
    pub fn ephemeral_resource(&self, name: &str) -> Result<&dyn EphemeralResource<P::Client>, Diagnostics> {
        let mut resources = self.provider.ephemeral_resources().iter().copied();
        resources.find(|resource| resource.name() == name).ok_or_else(|| {
            unknown_type(&diagnostic::UNKNOWN_EPHEMERAL_RESOURCE_TYPE, "ephemeral resource", name)
        })
    }

    /// Reads a data source. While a provider setting is unknown, the read is deferred if the host allows it.
    pub async fn read(
        &self,
        source: &dyn DataSource<P::Client>,
        schema: &Schema,
        config: &Value,
        deferral_allowed: bool,
    ) -> Result<ReadOutcome, Diagnostics> {
        let client = self.client()?;
        check(schema, config)?;
        match client {
            Ok(client) => source.read(&client, &Config::new(schema, config)).await.map(ReadOutcome::Complete),
            Err(_) if deferral_allowed => Ok(ReadOutcome::Deferred(schema.with_unknown_results(config))),
            Err(errors) => Err(errors),
        }
    }

    /// Opens an ephemeral resource. It is never deferred.
    pub async fn open(
        &self,
        resource: &dyn EphemeralResource<P::Client>,
        schema: &Schema,
        config: &Value,
    ) -> Result<OpenResponse, Diagnostics> {
        let client = self.client()??;
        check(schema, config)?;
        resource.open(&client, &Config::new(schema, config)).await
    }

    /// Closes an ephemeral resource with the private data that `open` returned.
    pub async fn close(
        &self,
        resource: &dyn EphemeralResource<P::Client>,
        private: &[u8],
    ) -> Result<Diagnostics, Diagnostics> {
        let client = self.client()??;
        resource.close(&client, private).await
    }

    /// The client, or an error if the provider is not configured.
    fn client(&self) -> Result<ClientResult<P>, Diagnostics> {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(|| {
            let detail = "The provider received a request for a read before ConfigureProvider. Report this to the \
                          developers of the program that started the provider.";
            diagnostic::PROVIDER_NOT_CONFIGURED.error(detail).into()
        })
    }
}

fn check(schema: &Schema, config: &Value) -> Result<(), Diagnostics> {
    let diagnostics = schema.check(config);
    if diagnostics.has_errors() { Err(diagnostics) } else { Ok(()) }
}

/// Validates a configuration by its schema and by the provider. A value that the schema rejects is reported once.
pub(super) fn validate(
    schema: &Schema,
    config: &Value,
    by_provider: impl FnOnce(&Config<'_>) -> Diagnostics,
) -> Diagnostics {
    let mut diagnostics = schema.check(config);
    let rejected: Vec<_> = diagnostics.iter().filter_map(|error| error.path.clone()).collect();
    let is_new = |error: &Diagnostic| error.path.as_ref().is_none_or(|path| !rejected.contains(path));
    diagnostics.extend(by_provider(&Config::new(schema, config)).into_iter().filter(is_new));
    diagnostics
}

fn unknown_type(message: &MessageDoc, kind: &str, name: &str) -> Diagnostics {
    let detail = format!(
        "This version of the provider has no {kind} of the type {name:?}. \
         Check the spelling, and the version of the provider in required_providers."
    );
    message.error(detail).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tfplugin::diagnostic::AttributePath;
    use crate::tfplugin::provider::{ProviderInfo, ResponseFuture};
    use crate::tfplugin::schema::Attribute;
    use crate::tfplugin::validator::one_of;

    struct GreetingProvider;

    struct GreetingText;

    const LANGUAGE: Attribute = Attribute::string("language", "").validated(one_of(&["en", "de"]));

    impl Provider for GreetingProvider {
        type Client = String;

        fn info(&self) -> ProviderInfo {
            ProviderInfo::new("greeting", "example/greeting", "1.0.0")
        }

        fn schema(&self) -> Schema {
            Schema::new("", vec![LANGUAGE.default("en")])
        }

        fn validate(&self, config: &Config<'_>) -> Diagnostics {
            let error = |name| Diagnostic::error("Provider Error", "").at(config.path(name));
            ["language", "other"].into_iter().map(error).collect()
        }

        async fn configure(
            &self,
            request: ConfigureRequest<'_>,
        ) -> Result<ConfigureResponse<String>, Diagnostics> {
            if let Some(unknown) = ConfigureResponse::if_unknown(request.config) {
                return Ok(unknown);
            }
            Ok(request.config.required::<String>("language")?.into())
        }

        fn data_sources(&self) -> &[&dyn DataSource<String>] {
            &[&GreetingText]
        }
    }

    impl DataSource<String> for GreetingText {
        fn name(&self) -> &'static str {
            "greeting_text"
        }

        fn schema(&self) -> Schema {
            Schema::new("", vec![LANGUAGE.optional_computed()])
        }

        fn read<'a>(
            &'a self,
            client: &'a String,
            config: &'a Config<'a>,
        ) -> ResponseFuture<'a, ReadResponse> {
            Box::pin(async { Ok(config.state([("language", client.as_str().into())]).into()) })
        }
    }

    fn language(value: Value) -> Value {
        Value::object([("language", value)])
    }

    #[tokio::test]
    async fn unknown_setting_defers_reads_until_it_is_known() {
        let session = Session::new(GreetingProvider);
        let (schema, null) = (GreetingProvider.schema(), language(Value::Null));
        let (source, source_schema) = session.data_source("greeting_text").unwrap();
        let read = |allowed| session.read(source, source_schema, &null, allowed);
        assert_eq!(read(true).await.unwrap_err().iter().next().unwrap().summary, "Provider Not Configured");
        assert!(session.configure(&schema, &language(Value::unknown()), "").await.is_empty());
        let outcome = read(true).await.unwrap();
        assert!(matches!(outcome, ReadOutcome::Deferred(state) if state == language(Value::unknown())));
        let error = read(false).await.unwrap_err().into_iter().next().unwrap();
        assert_eq!(error.summary, "Provider Setting Not Known Yet");
        assert_eq!(error.path, Some(AttributePath::attribute("language")));
        assert!(session.configure(&schema, &null, "").await.is_empty());
        let outcome = read(false).await.unwrap();
        assert!(matches!(outcome, ReadOutcome::Complete(read) if read.state == language("en".into())));
    }

    #[tokio::test]
    async fn invalid_value_is_not_configured_or_read() {
        let session = Session::new(GreetingProvider);
        let (schema, invalid) = (GreetingProvider.schema(), language("fr".into()));
        assert!(session.configure(&schema, &language("de".into()), "").await.is_empty());
        assert!(session.configure(&schema, &invalid, "").await.has_errors());
        let (source, _) = session.data_source("greeting_text").unwrap();
        assert!(session.read(source, &schema, &invalid, false).await.unwrap_err().has_errors());
    }

    #[test]
    fn value_that_schema_and_provider_reject_is_reported_once() {
        let (schema, session) = (GreetingProvider.schema(), Session::new(GreetingProvider));
        let diagnostics = session.validate(&schema, &language("fr".into()));
        let summaries: Vec<_> = diagnostics.iter().map(|error| error.summary).collect();
        assert_eq!(summaries, ["Invalid Attribute Value", "Provider Error"]);
    }
}
