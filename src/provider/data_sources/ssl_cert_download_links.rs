//! `dds_ssl_cert_download_links`: the download links of an instance's CA certificates.

use super::{INSTANCE, INSTANCE_ID, REGION, TIMEOUTS, Target, no_certificates};
use crate::huaweicloud::{Certificate, Client};
use crate::provider::error_messages::diagnostic;
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::Diagnostics;
use crate::tfplugin::provider::{DataSource, ReadResponse, ResponseFuture};
use crate::tfplugin::schema::{Attribute, AttributeType, Schema};
use crate::tfplugin::value::Value;

/// The data source, and the ephemeral resource of the same name.
pub(super) struct SslCertDownloadLinks;

const CERT: AttributeType =
    AttributeType::Object(&[("category", AttributeType::String), ("download_link", AttributeType::String)]);

const ATTRIBUTES: &[Attribute] = &[
    INSTANCE_ID,
    REGION,
    Attribute::list(
        "certs",
        &CERT,
        "The CA certificates, in the order of the API response. The order is not documented, so select one by its \
         `category`: `international` is the standard certificate, and `national` is the one for Chinese SM \
         cryptography. Other values are returned unchanged. `download_link` is the URL of the certificate file. It may \
         contain a signature and may expire, so treat it as a secret. If the instance has no certificate, the list is \
         empty and there is a warning.",
    )
    .computed(),
    Attribute::string("id", "The instance ID.").computed(),
];

impl DataSource<Client> for SslCertDownloadLinks {
    fn name(&self) -> &'static str {
        "dds_ssl_cert_download_links"
    }

    fn schema(&self) -> Schema {
        let description = "Reads the download links of a DDS instance's CA certificates. Clients use these \
                           certificates to verify the server if SSL is enabled.";
        Schema::new(description, ATTRIBUTES).with_blocks(&[TIMEOUTS])
    }

    fn read<'a>(&'a self, client: &'a Client, config: &'a Config<'a>) -> ResponseFuture<'a, ReadResponse> {
        Box::pin(async {
            let Target { region, timeout } = Target::of(config)?;
            let instance_id = config.required(INSTANCE_ID.name)?;
            let certificates = client.dds().ssl_cert_download_links(region, instance_id, timeout).await;
            let certificates = certificates.map_err(|error| diagnostic(&error, &INSTANCE))?;
            let mut warnings = Diagnostics::default();
            if certificates.is_empty() {
                warnings.push(no_certificates(config, instance_id, "certs"));
            }
            let certs: Vec<_> = certificates.into_iter().map(value).collect();
            let region = region.unwrap_or(client.region());
            let (region, certs, id) = (region.into(), certs.into(), instance_id.into());
            let state = config.state([("region", region), ("certs", certs), ("id", id)]);
            Ok(ReadResponse { state, warnings })
        })
    }
}

fn value(certificate: Certificate) -> Value {
    Value::object([
        ("category", certificate.category.into()),
        ("download_link", certificate.download_link.into()),
    ])
}
