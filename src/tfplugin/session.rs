//! A provider in use by one host: what `configure` made, and what each call needs of it. Knows no encoding.

use std::sync::{Arc, PoisonError, RwLock};

use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::{self, Diagnostic, Diagnostics, MessageDoc};
use crate::tfplugin::provider::{
    ConfigureRequest, Configured, DataSource, EphemeralResource, OpenResponse, Provider, ReadResponse,
};
use crate::tfplugin::schema::Schema;
use crate::tfplugin::value::Value;

/// A provider with the configuration of one host.
pub struct Session<P: Provider> {
    provider: Arc<P>,
    /// None before the first `configure`. A host that configures twice means the second.
    client: RwLock<Option<Result<Arc<P::Client>, Diagnostics>>>,
}

/// The result of a read without errors.
#[derive(Debug)]
pub enum ReadOutcome {
    /// The state is complete.
    Complete(ReadResponse),
    /// The provider's configuration is not known before apply. The state has unknown values.
    Deferred(Value),
}

impl<P: Provider> Session<P> {
    /// A session of a provider that is not configured.
    pub fn new(provider: impl Into<Arc<P>>) -> Self {
        Self { provider: provider.into(), client: RwLock::new(None) }
    }

    /// The provider itself.
    pub fn provider(&self) -> &P {
        &self.provider
    }

    /// Errors in a provider block, without those of the environment: `terraform validate` runs where there are no
    /// credentials.
    pub fn validate(&self, schema: &Schema, config: &Value) -> Diagnostics {
        validate(schema, config, |config| self.provider.validate(config))
    }

    /// Makes a client of the provider block. Errors leave the last client in place.
    pub async fn configure(&self, schema: &Schema, config: &Value, terraform_version: &str) -> Diagnostics {
        let found = schema.check(config);
        if found.has_errors() {
            return found;
        }
        let config = &Config::new(schema, config);
        let (client, warnings) =
            match self.provider.configure(ConfigureRequest { config, terraform_version }).await {
                Ok(Configured::Ready(client, warnings)) => (Ok(Arc::new(client)), warnings),
                Ok(Configured::Unknown(errors)) => (Err(errors), Diagnostics::default()),
                Err(errors) => return errors,
            };
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = Some(client);
        warnings
    }

    /// The data source of this name.
    pub fn data_source(&self, name: &str) -> Result<&dyn DataSource<P::Client>, Diagnostics> {
        let found = self.provider.data_sources().iter().find(|source| source.name() == name);
        found.copied().ok_or_else(|| no_type(&diagnostic::UNKNOWN_DATA_SOURCE_TYPE, "data source", name))
    }

    /// The ephemeral resource of this name.
    pub fn ephemeral_resource(&self, name: &str) -> Result<&dyn EphemeralResource<P::Client>, Diagnostics> {
        let found = self.provider.ephemeral_resources().iter().find(|resource| resource.name() == name);
        found
            .copied()
            .ok_or_else(|| no_type(&diagnostic::UNKNOWN_EPHEMERAL_RESOURCE_TYPE, "ephemeral resource", name))
    }

    /// Reads a data source. Only a host that allows a deferral gets one.
    pub async fn read(
        &self,
        source: &dyn DataSource<P::Client>,
        schema: &Schema,
        config: &Value,
        deferral_allowed: bool,
    ) -> Result<ReadOutcome, Diagnostics> {
        let client = self.client()?;
        accepted(schema, config)?;
        match client {
            Ok(client) => source.read(&client, &Config::new(schema, config)).await.map(ReadOutcome::Complete),
            Err(_) if deferral_allowed => Ok(ReadOutcome::Deferred(schema.with_unknown_results(config))),
            Err(errors) => Err(errors),
        }
    }

    /// Opens an ephemeral resource. It is never deferred: no later plan would open it.
    pub async fn open(
        &self,
        resource: &dyn EphemeralResource<P::Client>,
        schema: &Schema,
        config: &Value,
    ) -> Result<OpenResponse, Diagnostics> {
        let client = self.client()??;
        accepted(schema, config)?;
        resource.open(&client, &Config::new(schema, config)).await
    }

    /// Closes what was opened, with what `open` returned for that.
    pub async fn close(
        &self,
        resource: &dyn EphemeralResource<P::Client>,
        private: &[u8],
    ) -> Result<Diagnostics, Diagnostics> {
        let client = self.client()??;
        resource.close(&client, private).await
    }

    /// The client, or what is said while the configuration is unknown.
    fn client(&self) -> Result<Result<Arc<P::Client>, Diagnostics>, Diagnostics> {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(|| {
            let detail = "The provider received a request for a read before ConfigureProvider. Report this to the \
                          developers of the program that started the provider.";
            diagnostic::PROVIDER_NOT_CONFIGURED.error(detail).into()
        })
    }
}

fn accepted(schema: &Schema, config: &Value) -> Result<(), Diagnostics> {
    let found = schema.check(config);
    if found.has_errors() { Err(found) } else { Ok(()) }
}

/// The schema's errors, and the provider's own except for values that the schema refuses.
pub(super) fn validate(
    schema: &Schema,
    config: &Value,
    own: impl FnOnce(&Config<'_>) -> Diagnostics,
) -> Diagnostics {
    let mut found = schema.check(config);
    let refused: Vec<_> = found.iter().filter_map(|error| error.path.clone()).collect();
    let is_new = |error: &Diagnostic| error.path.as_ref().is_none_or(|path| !refused.contains(path));
    found.extend(own(&Config::new(schema, config)).into_iter().filter(is_new));
    found
}

fn no_type(message: &MessageDoc, kind: &str, name: &str) -> Diagnostics {
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

    /// A provider and its only data source.
    struct Greeting;

    const LANGUAGE: Attribute = Attribute::string("language", "").validated(one_of(&["en", "de"]));

    impl Provider for Greeting {
        type Client = String;

        fn info(&self) -> ProviderInfo {
            ProviderInfo::new("greeting", "example/greeting", "1.0.0")
        }

        fn schema(&self) -> Schema {
            Schema::new("", vec![LANGUAGE.default("en")])
        }

        fn validate(&self, config: &Config<'_>) -> Diagnostics {
            let error = |name| Diagnostic::error("Own Error", "").at(config.path(name));
            ["language", "other"].into_iter().map(error).collect()
        }

        async fn configure(&self, request: ConfigureRequest<'_>) -> Result<Configured<String>, Diagnostics> {
            if let Some(unknown) = Configured::if_unknown(request.config) {
                return Ok(unknown);
            }
            Ok(request.config.required::<String>("language")?.into())
        }

        fn data_sources(&self) -> &[&dyn DataSource<String>] {
            &[&Greeting]
        }
    }

    impl DataSource<String> for Greeting {
        fn name(&self) -> &'static str {
            "greeting"
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
        let session = Session::new(Greeting);
        let (schema, null) = (Provider::schema(&Greeting), language(Value::Null));
        let source = session.data_source("greeting").unwrap();
        let source_schema = source.schema();
        let read = |allowed| session.read(source, &source_schema, &null, allowed);
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
    async fn refused_value_is_never_configured_or_read() {
        let session = Session::new(Greeting);
        let (schema, wrong) = (Provider::schema(&Greeting), language("fr".into()));
        assert!(session.configure(&schema, &language("de".into()), "").await.is_empty());
        assert!(session.configure(&schema, &wrong, "").await.has_errors());
        let source = session.data_source("greeting").unwrap();
        assert!(session.read(source, &schema, &wrong, false).await.unwrap_err().has_errors());
    }

    #[test]
    fn schema_and_provider_report_a_value_once() {
        let (schema, session) = (Provider::schema(&Greeting), Session::new(Greeting));
        let found = session.validate(&schema, &language("fr".into()));
        let summaries: Vec<_> = found.iter().map(|error| error.summary).collect();
        assert_eq!(summaries, ["Invalid Attribute Value", "Own Error"]);
    }
}
