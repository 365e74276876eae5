//! A complete provider with one argument, one data source and one ephemeral resource.
//!
//! Terraform and OpenTofu can start it if the executable has the name `terraform-provider-greeting`.

use std::process::ExitCode;

use terraform_provider_dds::tfplugin::config::Config;
use terraform_provider_dds::tfplugin::diagnostic::Diagnostics;
use terraform_provider_dds::tfplugin::provider::*;
use terraform_provider_dds::tfplugin::schema::{Attribute, Schema};
use terraform_provider_dds::tfplugin::{serve, validator::one_of};

fn main() -> ExitCode {
    serve(Greeting)
}

struct Greeting;

/// The client. It contains the words before a name.
struct Client(String);

impl Provider for Greeting {
    type Client = Client;

    fn info(&self) -> ProviderInfo {
        let description = "Provider that greets people";
        ProviderInfo { description, ..ProviderInfo::new("greeting", "example/greeting", "1.0.0") }
    }

    fn schema(&self) -> Schema {
        let prefix = Attribute::string("prefix", "The words before a name.").default("Hello");
        Schema::new("Greets people.", vec![prefix.validated(one_of(&["Hello", "Welcome"]))])
    }

    async fn configure(
        &self,
        request: ConfigureRequest<'_>,
    ) -> Result<ConfigureResponse<Client>, Diagnostics> {
        if let Some(unknown) = ConfigureResponse::if_unknown(request.config) {
            return Ok(unknown);
        }
        Ok(Client(request.config.required("prefix")?).into())
    }

    fn data_sources(&self) -> &[&dyn DataSource<Client>] {
        &[&GreetingText]
    }

    fn ephemeral_resources(&self) -> &[&dyn EphemeralResource<Client>] {
        &[&Ephemeral(GreetingText)]
    }
}

/// `greeting_text`, a data source and an ephemeral resource.
struct GreetingText;

impl DataSource<Client> for GreetingText {
    fn name(&self) -> &'static str {
        "greeting_text"
    }

    fn schema(&self) -> Schema {
        let name = Attribute::string("name", "The name to greet.").required();
        Schema::new("A greeting.", vec![name, Attribute::string("text", "The greeting.").computed()])
    }

    fn read<'a>(&'a self, client: &'a Client, config: &'a Config<'a>) -> ResponseFuture<'a, ReadResponse> {
        Box::pin(async {
            let name: &str = config.required("name")?;
            Ok(config.state([("text", format!("{}, {name}!", client.0).into())]).into())
        })
    }
}
