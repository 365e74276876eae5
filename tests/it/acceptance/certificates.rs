//! The data source `dds_ssl_certificates` with real Terraform, and a download server of the simulated cloud.

mod chain;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloud_simulator::{DownloadServer, Instance, Reply};
use serde_json::{Value as Json, json};

use super::*;

/// A data source for one instance, and an output with its result.
fn certificates(arguments: &str) -> String {
    format!(
        "data \"dds_ssl_certificates\" \"this\" {{\n  instance_id = {INSTANCE:?}\n  {arguments}\n}}\n\n\
         output \"result\" {{\n  value = data.dds_ssl_certificates.this\n}}\n"
    )
}

/// Starts the download server of the fixture's cloud, and trusts its CA.
pub fn serve_downloads(fixture: &mut Fixture) -> DownloadServer {
    let downloads = fixture.cloud.serve_downloads();
    fixture.workspace.write_file("downloads.pem", downloads.ca_certificate());
    let path = fixture.workspace.file_path("downloads.pem").display().to_string();
    fixture.workspace.set_env("OS_CACERT", path);
    downloads
}

/// Certificates as PEM, with lines of 64 characters.
pub fn pem(certificates: &[Vec<u8>]) -> String {
    let mut pem = String::new();
    for der in certificates {
        pem += "-----BEGIN CERTIFICATE-----\n";
        for line in STANDARD.encode(der).as_bytes().chunks(64) {
            pem += &format!("{}\n", std::str::from_utf8(line).unwrap());
        }
        pem += "-----END CERTIFICATE-----\n";
    }
    pem
}

/// Asserts that no request to the download server has a header about the user.
fn assert_no_credential(downloads: &DownloadServer) {
    for request in downloads.requests() {
        let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"], "{request:?}");
        let agent = request.header("user-agent").unwrap();
        assert!(agent.starts_with("terraform-provider-dds/"), "{agent}");
        assert!(request.method == "GET" && request.body.is_empty());
    }
}

#[test]
fn certificates_of_all_categories_are_returned() {
    for (_, mut fixture) in both_protocols() {
        let downloads = serve_downloads(&mut fixture);
        fixture.configure("", &certificates("")).workspace.run_ok(&["validate"]);
        let output = fixture.apply();
        assert!(!output.stdout.contains("Warning: Certificate"), "{}", output.stdout);
        let result = &fixture.workspace.outputs()["result"];
        let (international, national) =
            (downloads.certificates("international"), downloads.certificates("national"));
        let bundles = result["bundles"].as_array().unwrap();
        let categories: Vec<_> = bundles.iter().map(|bundle| &bundle["category"]).collect();
        assert_eq!(categories, ["international", "national"]);
        assert_eq!(bundles[0]["pem"], pem(&international).as_str());
        assert_eq!(bundles[1]["pem"], pem(&national).as_str());
        assert_eq!(result["bundle_pem"], pem(&[international, national].concat()).as_str());
        let algorithms: Vec<_> = bundles
            .iter()
            .flat_map(|bundle| bundle["certificates"].as_array().unwrap())
            .map(|certificate| {
                assert_eq!(certificate["is_ca"], true);
                [&certificate["public_key_algorithm"], &certificate["signature_algorithm"]]
            })
            .collect();
        assert_eq!(
            json!(algorithms),
            json!([["RSA", "SHA256-RSA"], ["ECDSA", "ECDSA-SHA256"], ["SM2", "SM2-SM3"]])
        );
        let subject = "CN=Simulated DDS SM2 CA,O=Simulated Cloud,C=CN";
        assert_eq!(bundles[1]["certificates"][0]["subject"], subject);
        assert_eq!((&result["id"], &result["region"]), (&INSTANCE.into(), &"cn-north-4".into()));
        assert_eq!((&result["category"], &result["warn_before_expiry_days"]), (&Json::Null, &Json::Null));
        assert!(!fixture.workspace.state().contains(cloud_simulator::LINK_SIGNATURE));
        assert_eq!(downloads.requests().len(), 2);
        fixture.assert_no_changes();
        assert_no_credential(&downloads);
        fixture.workspace.run_ok(&["destroy", "-input=false", "-auto-approve"]);
    }
}

#[test]
fn only_the_file_of_the_category_is_downloaded() {
    let mut fixture = Fixture::new();
    let downloads = serve_downloads(&mut fixture);
    fixture.configure("", &certificates("category = \"national\"")).apply();
    let result = &fixture.workspace.outputs()["result"];
    assert_eq!(result["bundle_pem"], pem(&downloads.certificates("national")).as_str());
    assert_eq!(downloads.requests().len(), 1);
    fixture.configure("", &certificates("category = \"lunar\"")).plan_fails_with(&[
        "Error: Category Not Found",
        "no certificate of the category \"lunar\". It has only: international, national. Set category",
    ]);
    fixture
        .configure("", &certificates("category = \"\""))
        .plan_fails_with(&["a category such as international"]);
    assert_eq!(downloads.requests().len(), 1);
}

#[test]
fn instance_without_certificates_has_no_bundles() {
    let mut fixture = Fixture::new();
    let downloads = serve_downloads(&mut fixture);
    let configuration =
        certificates("category = \"national\"").replace(INSTANCE, INSTANCE_WITHOUT_CERTIFICATES);
    let output = fixture.configure("", &configuration).apply();
    assert_contains(
        &without_line_breaks(&output.stdout),
        &["Warning: No Certificates", "so bundles is an empty list"],
    );
    let result = &fixture.workspace.outputs()["result"];
    assert_eq!((&result["bundles"], &result["bundle_pem"]), (&json!([]), &"".into()));
    assert_eq!(downloads.requests().len(), 0);
    fixture.assert_no_changes();
}

/// A cloud with this number of instances like the first one, and their IDs.
fn cloud_with_instances(count: usize) -> (CloudState, Vec<String>) {
    let mut cloud_state = CloudState::sample();
    let ids: Vec<String> = (0..count).map(|index| format!("{index:032x}in02")).collect();
    let first = cloud_state.instances[0].clone();
    let instances = ids.iter().map(|id| Instance { id: id.clone(), ..first.clone() });
    cloud_state.instances = instances.collect();
    (cloud_state, ids)
}

/// A data source with `for_each` over instances, and an output with the PEM of each.
fn for_each(ids: &[String]) -> String {
    format!(
        "data \"dds_ssl_certificates\" \"each\" {{\n  for_each    = toset({ids:?})\n  instance_id = each.value\n  \
         category    = \"international\"\n}}\n\n\
         output \"pems\" {{\n  value = {{ for id, found in data.dds_ssl_certificates.each : id => found.bundle_pem }}\n}}\n"
    )
}

#[test]
fn fifty_instances_with_the_same_link_share_one_download() {
    let (cloud_state, ids) = cloud_with_instances(50);
    let mut fixture = Fixture::with_cloud_state(cloud_state);
    let downloads = serve_downloads(&mut fixture);
    fixture.configure("", &for_each(&ids)).apply();
    let pems = fixture.workspace.outputs()["pems"].clone();
    let expected = pem(&downloads.certificates("international"));
    assert_eq!(pems.as_object().unwrap().len(), 50);
    assert!(pems.as_object().unwrap().values().all(|pem| *pem == expected.as_str()));
    assert_eq!((fixture.cloud.request_count(Route::Links), downloads.requests().len()), (50, 1));
    fixture.assert_no_changes();
}

#[test]
fn failure_of_one_download_fails_only_its_read() {
    let (cloud_state, ids) = cloud_with_instances(50);
    let mut fixture = Fixture::with_cloud_state(cloud_state);
    let downloads = serve_downloads(&mut fixture);
    fixture.cloud.set_link_base(&downloads.url(), true);
    let failure = Reply::Error(404, "text/html", "<html><title>No such file</title></html>");
    let replies = (0..25).map(|_| Reply::Certificates).chain([failure]);
    downloads.reply_once("international", replies);
    let errors = fixture.configure("", &for_each(&ids)).plan_fails_with(&[
        "Error: Download Failed",
        "returned HTTP 404 with an HTML page titled No such file (40 bytes, text/html)",
        "ca-dds.crt?***",
    ]);
    assert_eq!(errors.matches("Error: ").count(), 1, "{errors}");
    assert!(!errors.contains(cloud_simulator::LINK_SIGNATURE), "{errors}");
    assert_eq!(downloads.requests().len(), 50);
    // The next run succeeds, and the result does not depend on the links.
    fixture.apply();
    fixture.assert_no_changes();
    assert_eq!(downloads.requests().len(), 150);
    assert_no_credential(&downloads);
}

#[test]
fn client_certificate_is_not_sent_to_the_download_server() {
    let mut fixture = Fixture::new();
    let downloads = serve_downloads(&mut fixture);
    let client = downloads.client_certificate();
    let settings = format!("cert = {:?}\n  key = {:?}", client.certificate, client.key);
    fixture.configure(&settings, &certificates("")).apply();
    assert_eq!((downloads.requests().len(), downloads.client_certificate_count()), (2, 0));
    // A call of the API to the same server has it, so the server would have counted it.
    let (url, key) = (downloads.url(), key_args(fixture.cloud.cloud_state(), 0));
    fixture.workspace.write_config(&format!(
        "provider \"dds\" {{\n  region = \"cn-north-4\"\n  project_id = \"p\"\n  {key}\n  {settings}\n  endpoints = {{ dds = {url:?} }}\n}}\n{}",
        certificates("")
    ));
    fixture.plan_fails_with(&["Error: Invalid Response"]);
    assert_eq!(downloads.client_certificate_count(), 1);
}

#[test]
fn download_server_with_an_unknown_authority_is_rejected() {
    let fixture = Fixture::new();
    let downloads = fixture.cloud.serve_downloads();
    fixture.configure("", &certificates("")).plan_fails_with(&[
        "Error: Untrusted Certificate",
        "The download of the certificate \"international\" from https://127.0.0.1:",
        "Set cacert_file",
    ]);
    assert_eq!(downloads.requests().len(), 0);
    let output = fixture.configure("insecure = true", &certificates("")).apply();
    assert_contains(
        &without_line_breaks(&output.stdout),
        &["Warning: Certificates Not Verified", "Remove insecure"],
    );
    fixture.assert_no_changes();
}

#[test]
fn http_link_needs_an_http_endpoint() {
    let mut fixture = Fixture::new();
    let downloads = serve_downloads(&mut fixture);
    fixture.cloud.set_link_base(&downloads.http_url(), false);
    fixture.configure("", &certificates("")).apply();
    assert_eq!(downloads.requests().len(), 2);

    let proxy = fixture.cloud.tls_proxy();
    let authorities = format!("{}{}", proxy.ca_certificate(), downloads.ca_certificate());
    fixture.workspace.write_file("downloads.pem", &authorities);
    let (url, key) = (proxy.url(), key_args(fixture.cloud.cloud_state(), 0));
    let write = |link_base: &str| {
        fixture.cloud.set_link_base(link_base, false);
        fixture.workspace.write_config(&format!(
            "provider \"dds\" {{\n  region = \"cn-north-4\"\n  {key}\n  endpoints = {{ dds = {url:?}, iam = {url:?} }}\n}}\n{}",
            certificates("")
        ));
    };
    write(&downloads.http_url());
    fixture.plan_fails_with(&[
        "Error: Download Link Not Allowed",
        "was not sent: http://127.0.0.1",
        "?*** is not an https URL",
    ]);
    assert_eq!(downloads.requests().len(), 2);
    write(&downloads.url());
    fixture.apply();
    assert_eq!(downloads.requests().len(), 4);
}

#[test]
fn proxy_of_the_environment_is_used_for_downloads() {
    let mut fixture = Fixture::new();
    let downloads = serve_downloads(&mut fixture);
    // The host exists only behind the proxy.
    fixture.cloud.set_link_base("http://obs.internal.example", false);
    fixture.workspace.set_env("HTTP_PROXY", downloads.http_url());
    fixture.configure("", &certificates("")).apply();
    let targets: Vec<_> = downloads.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets.len(), 2);
    assert!(
        targets.iter().all(|target| target.starts_with("http://obs.internal.example/dds/")),
        "{targets:?}"
    );
    // Also through a proxy, an address of the metadata service is refused.
    fixture.cloud.set_link_base("http://169.254.169.254", false);
    fixture.plan_fails_with(&["Error: Download Link Not Allowed", "169.254.169.254 is link-local"]);
    assert_eq!(downloads.requests().len(), 2);
}

/// A test file for `terraform test`.
const TESTS: &str = r#"
mock_provider "dds" {
  mock_data "dds_ssl_certificates" {
    defaults = {
      bundle_pem = "mock"
      bundles    = [{ category = "international", pem = "mock", certificates = [] }]
    }
  }
}

run "mock_data" {
  assert {
    condition     = data.dds_ssl_certificates.this.bundles[0].pem == "mock" && output.result.bundle_pem == "mock"
    error_message = "the mock must have a bundle"
  }
}
"#;

#[test]
fn bundles_can_be_set_by_mock_data() {
    let fixture = Fixture::new();
    fixture.workspace.write_config(&certificates("")).write_file("certificates.tftest.hcl", TESTS);
    lifecycle::assert_mocked_runs_pass(&fixture, &["mock_data"]);
}
