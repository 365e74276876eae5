//! The files and redirects that a download link may lead to: what is returned, and what an error tells the user.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use cloud_simulator::{CloudState, DownloadServer, Reply, Simulator};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::json;
use terraform_provider_dds::system::{Clock, Environment};
use terraform_provider_dds::tfplugin::Provider as _;
use terraform_provider_dds::tfplugin::session::ReadOutcome;
use terraform_provider_dds::tfplugin::value::Value;
use time::OffsetDateTime;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::acceptance::certificates::pem;
use crate::in_process;
use crate::process::INSTANCE;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A cloud with a download server, and the provider with these variables.
struct Fixture {
    cloud: Simulator,
    downloads: DownloadServer,
    variables: BTreeMap<String, String>,
    /// The provider block.
    block: serde_json::Value,
    /// The endpoint of all services, if it is not the cloud.
    endpoint: Option<&'static str>,
}

impl Fixture {
    fn new() -> Self {
        let cloud = Simulator::start(CloudState::sample());
        let downloads = cloud.serve_downloads();
        let key = &cloud.cloud_state().access_keys[0];
        let block = json!({
            "region": "cn-north-4", "access_key": key.id, "secret_key": key.secret, "cacert_file": "/ca.pem",
            "max_retries": 1, "request_timeout": "1s",
        });
        Self { cloud, downloads, variables: BTreeMap::new(), block, endpoint: None }
    }

    /// Reads the certificates of the category `international` with a new provider. Returns the bundle and the warnings, or
    /// the error.
    async fn read(&self) -> Result<(Value, Vec<String>), String> {
        let ca = self.downloads.ca_certificate().to_owned();
        let files = BTreeMap::from([("/ca.pem".to_owned(), Some(ca))]);
        let session = in_process::session(Environment::Fixed { variables: self.variables.clone(), files });
        let block = in_process::block(self.block.as_object().unwrap(), &session);
        let diagnostics = match self.endpoint {
            None => in_process::configure(&session, block, &self.cloud).await,
            Some(url) => {
                let endpoints = Value::object(["dds", "iam"].map(|name| (name, url.into())));
                let block = block.with([("endpoints", endpoints)]);
                session.configure(&session.provider().schema(), &block, "1.11.4").await
            }
        };
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
        let source = in_process::data_source(&session, "dds_ssl_certificates");
        let schema = source.schema();
        let arguments = [("instance_id", INSTANCE.into()), ("category", "international".into())];
        let config = schema.null_object().with(arguments);
        match session.read(source, &schema, &config, false).await {
            Ok(ReadOutcome::Complete(response)) => {
                let Some(Value::List(bundles)) = response.state.attribute("bundles") else {
                    panic!("no list")
                };
                let warnings = response.warnings.iter();
                let warnings =
                    warnings.map(|warning| format!("{}: {}", warning.summary, warning.detail)).collect();
                Ok((bundles[0].clone(), warnings))
            }
            Ok(ReadOutcome::Deferred(_)) => panic!("a deferred read"),
            Err(errors) => {
                let errors: Vec<_> =
                    errors.iter().map(|error| format!("{}: {}", error.summary, error.detail)).collect();
                assert_eq!(errors.len(), 1, "{errors:?}");
                Err(errors[0].clone())
            }
        }
    }

    /// Reads with this response to all requests for the file.
    async fn read_with(&self, reply: Reply) -> Result<(Value, Vec<String>), String> {
        self.downloads.reply_always("international", reply);
        self.read().await
    }
}

/// The value of `pem` in a bundle.
fn bundle_pem(bundle: &Value) -> String {
    let Some(Value::String(pem)) = bundle.attribute("pem") else { panic!("no string") };
    pem.to_string()
}

fn file(body: impl Into<Vec<u8>>) -> Reply {
    Reply::File("binary/octet-stream", body.into())
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A certificate that is valid between these times, as PEM.
pub fn certificate(not_before: OffsetDateTime, not_after: OffsetDateTime) -> String {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Test CA");
    (params.not_before, params.not_after) = (not_before, not_after);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

#[tokio::test]
async fn file_in_every_format_gives_the_same_bundle() {
    let fixture = Fixture::new();
    let certificates = fixture.downloads.certificates("international");
    let (first, both) = (pem(&certificates[..1]), pem(&certificates));
    let (rsa, ecdsa) = (certificates[0].as_slice(), pem(&certificates[1..]));
    let with_path = zip(&[("../../x.crt", rsa), ("README", b"text")]);
    for (reply, expected) in [
        (file(rsa), &first),
        (file(both.replace('\n', "\r\n")), &both),
        (file(format!("\u{feff}{both}")), &both),
        (file(format!("Subject: x\n{both}{both}\nend")), &both),
        (Reply::File("text/html", both.clone().into()), &both),
        (file(with_path), &first),
        (file(zip(&[("b.pem", ecdsa.as_bytes()), ("a.der", rsa), ("c.pem", both.as_bytes())])), &both),
    ] {
        let (bundle, warnings) = fixture.read_with(reply).await.unwrap();
        assert_eq!((&bundle_pem(&bundle), warnings), (expected, vec![]));
    }
}

#[tokio::test]
async fn temporary_failure_and_redirect_are_followed_by_the_file() {
    let fixture = Fixture::new();
    let expected = pem(&fixture.downloads.certificates("international"));
    let path = "/dds/international/other.crt";
    for replies in [
        vec![Reply::Error(503, "text/html", "<html>")],
        vec![Reply::ConnectionClosed],
        vec![Reply::Delayed(Duration::from_secs(60))],
        vec![Reply::RedirectToPath(path), Reply::RedirectToPath(path), Reply::RedirectToPath(path)],
        vec![
            Reply::Redirect(format!("{}{path}", fixture.downloads.url())),
            Reply::Error(503, "text/html", ""),
        ],
    ] {
        let count = fixture.downloads.requests().len() + replies.len() + 1;
        fixture.downloads.reply_once("international", replies);
        assert_eq!(bundle_pem(&fixture.read().await.unwrap().0), expected);
        assert_eq!(fixture.downloads.requests().len(), count);
    }
    assert!(fixture.downloads.requests().iter().all(|request| request.header("cookie").is_none()));
}

#[tokio::test]
async fn unusable_file_or_link_is_an_error_that_says_what_it_is() {
    let fixture = Fixture::new();
    let certificates = fixture.downloads.certificates("international");
    let text = pem(&certificates);
    let key = KeyPair::generate().unwrap().serialize_pem();
    let zeros = vec![0; 8 << 20];
    let names: Vec<String> = (0..10_000).map(|index| format!("{index}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    let expired = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    let loopback = fixture.downloads.http_url();
    let damaged = "it contains an invalid certificate: ";
    for (reply, summary, detail) in [
        (
            Reply::File("text/html", "<html><title>Sign in</title>".into()),
            "Not A Certificate",
            "is an HTML page titled Sign in (28 bytes, text/html): it is not a certificate.",
        ),
        (
            file(""),
            "Not A Certificate",
            "is an empty file (0 bytes, binary/octet-stream): it is not a certificate.",
        ),
        (
            Reply::Error(404, "text/html", "<html><title>Gone</title>"),
            "Download Failed",
            "returned HTTP 404 with an HTML page titled Gone (25 bytes, text/html).",
        ),
        (
            Reply::Error(403, "application/xml", expired),
            "Download Failed",
            "HTTP 403 with an XML document with code AccessDenied, message \"Request has expired\"",
        ),
        (
            Reply::Error(503, "text/html", ""),
            "Download Failed",
            "HTTP 503 with an empty file (0 bytes, text/html), after 2 attempts in ",
        ),
        (Reply::Zeros(1 << 30), "Not A Certificate", "is larger than 1 MiB."),
        (Reply::Endless, "Not A Certificate", "is larger than 1 MiB."),
        (Reply::ConnectionClosed, "Connection Interrupted", "failed: the response was incomplete"),
        (
            Reply::Delayed(Duration::from_secs(60)),
            "Request Timed Out",
            "failed: no response within the request timeout of 1 s (request_timeout), after 2 attempts",
        ),
        (
            Reply::Redirect(format!("{loopback}/a?b")),
            "Download Link Not Allowed",
            "/a?*** is not an https URL.",
        ),
        (
            Reply::Redirect("https://169.254.169.254/latest/meta-data".into()),
            "Download Link Not Allowed",
            "from https://169.254.169.254/latest/meta-data was not sent: the address 169.254.169.254 is link-local",
        ),
        (
            Reply::RedirectToPath("/dds/international/loop"),
            "Download Link Not Allowed",
            "/dds/international/loop is the end of more than 3 redirects.",
        ),
        (file(format!("{text}{key}")), "Not A Certificate", ": it contains a private key."),
        (file(key.clone()), "Not A Certificate", ": it contains a private key."),
        (
            file(&text[..200]),
            "Not A Certificate",
            "is a PEM file (200 bytes, binary/octet-stream): its PEM is damaged: a line with END CERTIFICATE is missing.",
        ),
        (file([&certificates[0], &[0_u8][..]].concat()), "Not A Certificate", damaged),
        (file(&certificates[0][..300]), "Not A Certificate", damaged),
        (file(zip(&[("zeros", &zeros)])), "Not A Certificate", "is a zip file ("),
        (
            file(zip(&[("zeros", &zeros)])),
            "Not A Certificate",
            "it is a zip file with more than 4 MiB of content.",
        ),
        (file(zip(&many)), "Not A Certificate", "it is a zip file with 10000 entries, more than 100."),
        (
            file(zip(&[("README", b"none")])),
            "Not A Certificate",
            "it is a zip file without a certificate; it contains README.",
        ),
    ] {
        let shown = format!("{reply:?}").chars().take(60).collect::<String>();
        let error = fixture.read_with(reply).await.unwrap_err();
        assert!(
            error.starts_with(&format!(
                "{summary}: Reading the certificates of the instance failed in region cn-north-4. \
            The download of the certificate \"international\" "
            )),
            "{shown}: {error}"
        );
        assert!(error.contains(detail), "{shown}: {error}");
        assert!(!error.contains(cloud_simulator::LINK_SIGNATURE), "{error}");
    }
}

#[tokio::test]
async fn name_that_resolves_to_this_machine_is_refused() {
    // The endpoint is not on this machine, but its proxy is.
    let mut fixture = Fixture::new();
    let proxy = fixture.cloud.url();
    fixture.variables.insert("HTTP_PROXY".to_owned(), proxy);
    fixture.endpoint = Some("http://dds.example.com");
    fixture.cloud.set_link_base("https://localhost:1", false);
    let error = fixture.read().await.unwrap_err();
    assert!(error.starts_with("Download Link Not Allowed: ") && error.contains("is this machine"), "{error}");
}

#[tokio::test]
async fn validity_of_a_certificate_causes_a_warning() {
    let fixture = Fixture::new();
    let now = OffsetDateTime::from(Clock::System.now());
    for (not_before, not_after, summary, part) in [
        (now - 20 * DAY, now - DAY, "Certificate Expired", "expired on "),
        (
            now - DAY,
            now + 29 * DAY,
            "Certificate Expires Soon",
            ", in less than 30 days (warn_before_expiry_days).",
        ),
        (now + DAY, now + 400 * DAY, "Certificate Not Valid Yet", "is not valid before "),
        (now - DAY, now + 31 * DAY, "", ""),
    ] {
        let text = certificate(not_before, not_after);
        let (bundle, warnings) = fixture.read_with(file(text.clone())).await.unwrap();
        assert_eq!(bundle_pem(&bundle), text.replace("\r\n", "\n"));
        let expected = format!(
            "{summary}: The certificate CN=Test CA of the category international of the instance {INSTANCE} "
        );
        match warnings.as_slice() {
            [] => assert_eq!(summary, ""),
            [warning] => assert!(warning.starts_with(&expected) && warning.contains(part), "{warning}"),
            _ => panic!("{warnings:?}"),
        }
    }
}
