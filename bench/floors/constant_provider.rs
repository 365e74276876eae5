//! A provider with the schema and the state of `dds_ssl_cert_download_links`, but without a cloud.
//!
//! It shows what Terraform itself needs for this state.

use std::process::ExitCode;

use terraform_provider_dds::provider::{Dds, data_sources::DATA_SOURCES};
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin::config::Config;
use terraform_provider_dds::tfplugin::diagnostic::Diagnostics;
use terraform_provider_dds::tfplugin::provider::*;
use terraform_provider_dds::tfplugin::schema::Schema;
use terraform_provider_dds::tfplugin::{serve, value::Value};

fn main() -> ExitCode {
    serve(ConstantProvider)
}

struct ConstantProvider;

impl Provider for ConstantProvider {
    type Client = ();

    fn info(&self) -> ProviderInfo {
        ProviderInfo::new("dds", "terraform-dds/dds", "1.0.0")
    }

    fn schema(&self) -> Schema {
        Dds::new(Environment::Process).schema()
    }

    async fn configure(
        &self,
        _request: ConfigureRequest<'_>,
    ) -> Result<ConfigureResponse<Self::Client>, Diagnostics> {
        Ok(().into())
    }

    fn data_sources(&self) -> &[&dyn DataSource<Self::Client>] {
        &[&ConstantLinks]
    }
}

/// `dds_ssl_cert_download_links` with the links of the simulated cloud.
struct ConstantLinks;

impl DataSource<()> for ConstantLinks {
    fn name(&self) -> &'static str {
        "dds_ssl_cert_download_links"
    }

    fn schema(&self) -> Schema {
        let original = DATA_SOURCES.iter().find(|data_source| data_source.name() == self.name());
        // Terraform would reject the configuration if the schema was empty.
        original.map_or_else(|| Schema::new("", vec![]), |data_source| data_source.schema())
    }

    fn read<'a>(&'a self, _client: &'a (), config: &'a Config<'a>) -> ResponseFuture<'a, ReadResponse> {
        Box::pin(async {
            let id: &str = config.required("instance_id")?;
            let certs = ["international", "national"].map(|category| {
                let link = format!(
                    "https://obs.example.com/dds/{category}/ca-dds.crt?AccessKeyId=SIMULATEDLINKKEY&Expires=1893456000\
                     &Signature=SIMULATEDLINKSIGNATURE"
                );
                Value::object([("category", category.into()), ("download_link", link.into())])
            });
            let region = "cn-north-4".into();
            Ok(config.state([("region", region), ("certs", certs.to_vec().into()), ("id", id.into())]).into())
        })
    }
}
