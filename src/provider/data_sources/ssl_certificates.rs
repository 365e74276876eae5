//! `dds_ssl_certificates`: the CA certificates of an instance, as PEM and with their attributes.

use std::collections::HashSet;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{INSTANCE, INSTANCE_ID, REGION, TIMEOUTS, Target, no_certificates};
use crate::huaweicloud::strings::{is_name, printable};
use crate::huaweicloud::{CertificateBundle, Client, X509Certificate};

use crate::provider::error_messages::{catalogue, diagnostic};
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::{Diagnostic, Diagnostics};
use crate::tfplugin::provider::{DataSource, ReadResponse, ResponseFuture};
use crate::tfplugin::schema::{Attribute, AttributeType, Schema};
use crate::tfplugin::validator::{between, matches};
use crate::tfplugin::value::Value;

/// The data source.
pub(super) struct SslCertificates;

const CATEGORY: Attribute = Attribute::string(
    "category",
    "Category of the certificates to read: `international` for the standard certificates, `national` for those for Chinese \
     SM cryptography, or another one that the cloud returns. Defaults to all.",
)
.validated(matches(|text| !text.is_empty() && is_name(text), "a category such as international"));

const WARN_BEFORE_EXPIRY_DAYS: Attribute = Attribute::number(
    "warn_before_expiry_days",
    "Number of days before the end of a certificate from which Terraform shows a warning.",
)
.default("30")
.validated(between(0, 3650));

const CERTIFICATE: AttributeType = AttributeType::Object(&[
    ("cert_pem", AttributeType::String),
    ("is_ca", AttributeType::Bool),
    ("issuer", AttributeType::String),
    ("not_after", AttributeType::String),
    ("not_before", AttributeType::String),
    ("public_key_algorithm", AttributeType::String),
    ("serial_number", AttributeType::String),
    ("sha256_fingerprint", AttributeType::String),
    ("signature_algorithm", AttributeType::String),
    ("subject", AttributeType::String),
]);

const BUNDLE: AttributeType = AttributeType::Object(&[
    ("category", AttributeType::String),
    ("certificates", AttributeType::List(&CERTIFICATE)),
    ("pem", AttributeType::String),
]);

const ATTRIBUTES: &[Attribute] = &[
    INSTANCE_ID,
    REGION,
    CATEGORY,
    WARN_BEFORE_EXPIRY_DAYS,
    Attribute::list(
        "bundles",
        &BUNDLE,
        "The certificates by category, in alphabetical order. `pem` contains all certificates of the category, for a \
         client's file of trusted CAs. `certificates` describes each of them as the data source `tls_certificate` of the \
         provider `hashicorp/tls` does: `subject`, `issuer`, `serial_number` (decimal), `not_before` and `not_after` \
         (RFC 3339), `is_ca`, `public_key_algorithm` (such as `RSA`, `ECDSA` or `SM2`), `signature_algorithm` (such as \
         `SHA256-RSA` or `SM2-SM3`), `sha256_fingerprint` (hexadecimal), and `cert_pem`. If the instance has no \
         certificate, the list is empty and there is a warning.",
    )
    .computed(),
    Attribute::string(
        "bundle_pem",
        "All certificates of all categories in `bundles`, as PEM. Each of them appears once. For SM cryptography, a client \
         may not accept a file with other algorithms, so use `pem` of one category there.",
    )
    .computed(),
    Attribute::string("id", "The instance ID.").computed(),
];

impl DataSource<Client> for SslCertificates {
    fn name(&self) -> &'static str {
        "dds_ssl_certificates"
    }

    fn schema(&self) -> Schema {
        let description = "Reads the CA certificates of a DDS instance: downloads the files that the cloud has links to, and \
                           returns them as PEM. Clients use them to verify the server if SSL is enabled.";
        Schema::new(description, ATTRIBUTES).with_blocks(&[TIMEOUTS])
    }

    fn read<'a>(&'a self, client: &'a Client, config: &'a Config<'a>) -> ResponseFuture<'a, ReadResponse> {
        Box::pin(async {
            let Target { region, timeout } = Target::of(config)?;
            let instance_id = config.required(INSTANCE_ID.name)?;
            let category = config.optional(CATEGORY.name)?;
            let warn_days: i64 = config.required(WARN_BEFORE_EXPIRY_DAYS.name)?;
            let bundles = client.dds().ssl_certificates(region, instance_id, category, timeout).await;
            let bundles = bundles.map_err(|error| diagnostic(&error, &INSTANCE))?;
            let mut warnings = Diagnostics::default();
            if bundles.is_empty() {
                warnings.push(no_certificates(config, instance_id, "bundles"));
            } else if client.is_insecure() {
                warnings.push(not_verified(instance_id));
            }
            let validity = Validity::at(client.now().into(), warn_days);
            for warning in bundles.iter().flat_map(|bundle| validity.warnings(instance_id, bundle)) {
                warnings.push(warning.at(config.path(INSTANCE_ID.name)));
            }
            let mut seen = HashSet::new();
            let all = bundles.iter().flat_map(|bundle| &bundle.certificates).map(X509Certificate::pem);
            let bundle_pem: String = all.filter(|pem| seen.insert(pem.clone())).collect();
            let state = config.state([
                ("region", region.unwrap_or(client.region()).into()),
                ("bundle_pem", bundle_pem.into()),
                ("bundles", bundles.iter().map(bundle_value).collect::<Vec<_>>().into()),
                ("id", instance_id.into()),
            ]);
            Ok(ReadResponse { state, warnings })
        })
    }
}

/// The warning about certificates from a connection that was not verified.
fn not_verified(instance_id: &str) -> Diagnostic {
    catalogue::CERTIFICATES_NOT_VERIFIED.diagnostic(format!(
        "The provider block sets insecure, so the server that the certificates of the instance {instance_id} come from was \
         not verified. A client that trusts these certificates may trust an attacker. Remove insecure, and set cacert_file \
         if the cloud or a proxy has its own CA."
    ))
}

/// Checks the validity of certificates at one time.
struct Validity {
    now: OffsetDateTime,
    warn_before: Duration,
    warn_days: i64,
}

impl Validity {
    fn at(now: OffsetDateTime, warn_days: i64) -> Self {
        let days = u64::try_from(warn_days).unwrap_or_default();
        Self { now, warn_before: Duration::from_secs(days * 24 * 3600), warn_days }
    }

    fn warnings(&self, instance_id: &str, bundle: &CertificateBundle) -> Vec<Diagnostic> {
        let certificates = bundle.certificates.iter();
        certificates
            .filter_map(|certificate| self.warning(instance_id, &bundle.category, certificate))
            .collect()
    }

    fn warning(
        &self,
        instance_id: &str,
        category: &str,
        certificate: &X509Certificate,
    ) -> Option<Diagnostic> {
        let X509Certificate { subject, not_before, not_after, .. } = certificate;
        let certificate = format!(
            "The certificate {} of the category {} of the instance {instance_id}",
            printable(subject),
            printable(category)
        );
        let (message, detail) = if *not_after < self.now {
            let detail = format!(
                "expired on {}. Clients that verify the server reject it. Check in the DDS console whether there is a new \
                 certificate for the instance.",
                rfc3339(*not_after)
            );
            (&catalogue::CERTIFICATE_EXPIRED, detail)
        } else if *not_before > self.now {
            let detail = format!(
                "is not valid before {}. Check this machine's clock, or wait until then.",
                rfc3339(*not_before)
            );
            (&catalogue::CERTIFICATE_NOT_VALID_YET, detail)
        } else if *not_after < self.now + self.warn_before {
            let detail = format!(
                "expires on {}, in less than {} days (warn_before_expiry_days). Check in the DDS console when it is \
                 replaced, and give clients the new certificate before.",
                rfc3339(*not_after),
                self.warn_days
            );
            (&catalogue::CERTIFICATE_EXPIRES_SOON, detail)
        } else {
            return None;
        };
        Some(message.diagnostic(format!("{certificate} {detail}")))
    }
}

fn bundle_value(bundle: &CertificateBundle) -> Value {
    let certificates: Vec<_> = bundle.certificates.iter().map(certificate_value).collect();
    Value::object([
        ("category", bundle.category.as_str().into()),
        ("certificates", certificates.into()),
        ("pem", bundle.certificates.iter().map(X509Certificate::pem).collect::<String>().into()),
    ])
}

fn certificate_value(certificate: &X509Certificate) -> Value {
    Value::object([
        ("cert_pem", certificate.pem().into()),
        ("is_ca", Value::Bool(certificate.is_ca)),
        ("issuer", certificate.issuer.as_str().into()),
        ("not_after", rfc3339(certificate.not_after).into()),
        ("not_before", rfc3339(certificate.not_before).into()),
        ("public_key_algorithm", certificate.public_key_algorithm.as_str().into()),
        ("serial_number", certificate.serial_number.as_str().into()),
        ("sha256_fingerprint", certificate.sha256_fingerprint().into()),
        ("signature_algorithm", certificate.signature_algorithm.as_str().into()),
        ("subject", certificate.subject.as_str().into()),
    ])
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}
