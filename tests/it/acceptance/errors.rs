//! The error messages that users see.

use std::time::{Duration, Instant};

use cloud_simulator::{Fault, MetadataService, Route};

use super::*;

#[test]
fn unknown_instance_error_shows_line_region_and_project() {
    let fixture = Fixture::new();
    let project = fixture.cloud.cloud_state().projects[0].id.clone();
    for (instance, response) in [
        ("ffffffffffffffffffffffffffffffffin02", "HTTP 404, code DBS.200002"),
        ("ddddddddddddddddddddddddddddddd1in02", "HTTP 403, code DBS.201028"),
        ("ddddddddddddddddddddddddddddddd2in02", "HTTP 400, code DBS.280110"),
    ] {
        fixture.configure("", &data_source(instance));
        let line = format!("instance_id = {instance:?}");
        let errors = fixture.plan_fails_with(&["Error: Instance Not Found", &line, response]);
        assert_contains(&errors, &["message \"The instance does not exist.\"", "request ID 5a3d"]);
        assert_contains(&errors, &["region cn-north-4", &project]);
    }
}

#[test]
fn rejected_key_is_sent_once_and_the_error_names_its_source() {
    let fixture = Fixture::new();
    let key = "access_key = \"UNKNOWNACCESSKEY0001\"\n  secret_key = \"unknownsecretkey\"\n  max_retries = 5";
    fixture.configure_with(key, &data_sources(12));
    let source = "The credential comes from the provider arguments access_key and secret_key.";
    let errors =
        fixture.plan_fails_with(&["Error: Authentication Failed", source, "Check the access key ID"]);
    assert_contains(&errors, &["HTTP 401, code APIGW.0301", "ak *** not exist"]);
    assert!(!errors.contains("UNKNOWNACCESSKEY0001"));
    assert_eq!(fixture.cloud.recorded_requests().len(), 1);
}

#[test]
fn wrong_secret_token_and_password_have_different_errors() {
    let fixture = Fixture::new();
    let cloud_state = fixture.cloud.cloud_state();
    let wrong_secret = format!("access_key = {:?}\n  secret_key = \"wrong\"", cloud_state.access_keys[0].id);
    let temporary = key_args(cloud_state, 1);
    let (key_without_token, _) = temporary.split_once("\n  security_token").unwrap();
    for (settings, parts) in [
        (wrong_secret, ["verify aksk signature fail", "Check the secret key."]),
        (key_without_token.to_owned(), ["ak *** not exist", "that security_token is set"]),
        ("token = \"wrong-token\"".to_owned(), ["decrypt token fail", "Get a new token"]),
        (
            format!("user_id = {:?}\n  password = \"wrong-password\"", cloud_state.user_id),
            ["failed: the response is HTTP 401, code 401", "Check the password"],
        ),
    ] {
        fixture.configure_with(&settings, &data_source(INSTANCE));
        fixture.plan_fails_with(&["Error: Authentication Failed", parts[0], parts[1]]);
    }
}

#[test]
fn clock_skew_error_shows_both_clocks() {
    let fixture = Fixture::new();
    fixture.cloud.set_clock_skew(3600);
    fixture.configure("", &data_source(INSTANCE));
    fixture.plan_fails_with(&[
        "signature expired",
        "this machine:",
        "server:",
        "Correct this machine's clock.",
    ]);
}

#[test]
fn denied_read_error_names_the_permission() {
    let fixture = Fixture::new();
    fixture.configure_with(&key_args(fixture.cloud.cloud_state(), 3), &data_source(INSTANCE));
    let permission = "dds:instance:getSslCertDownloadAddress";
    fixture.plan_fails_with(&["Error: Access Denied", "HTTP 403, code DBS.280063", permission]);
}

#[test]
fn failed_project_lookup_error_suggests_project_id() {
    let fixture = Fixture::new();
    fixture.configure_with(&key_args(fixture.cloud.cloud_state(), 2), &data_source(INSTANCE));
    fixture.plan_fails_with(&["Error: Access Denied", "looked up the project in IAM", "Or set project_id"]);
    fixture.configure("project_name = \"cn-north-4_missing\"", &data_source(INSTANCE));
    fixture.plan_fails_with(&["Error: Project Not Found", "\"cn-north-4_missing\"", "project_id"]);
    fixture.configure("project_name = \"cn-north-4_closed\"", &data_source(INSTANCE));
    fixture.plan_fails_with(&["Error: Project Disabled"]);
}

#[test]
fn cloud_errors_show_the_response() {
    let html = ["HTTP 502", "an HTML page titled 502 Simulated Failure", "after 2 attempts"];
    let empty = ["HTTP 401, without a message, without a request ID"];
    let server_error = Fault::ErrorResponse { status: 500, code: "DBS.280005", message: "Server error." };
    let server_error_parts = ["HTTP 500, code DBS.280005, message \"Server error.\"", "after 2 attempts"];
    let not_found = Fault::Body(r#"{"error_code":"DBS.200002","error_msg":"gone"}"#);
    let invalid_escape = Fault::Body(r#"{"certs":[{"category":"\ud800","download_link":"x"}]}"#);
    let no_link = Fault::Body(r#"{"certs":[{"category":"x"}]}"#);
    for (fault, summary, parts) in [
        (Fault::Html { status: 502 }, "Server Error", &html[..]),
        (Fault::EmptyBody { status: 401 }, "Authentication Failed", &empty),
        (Fault::Truncated, "Connection Interrupted", &["the response was incomplete", "after 2 attempts"]),
        (Fault::ConnectionClosed, "Connection Interrupted", &["after 2 attempts"]),
        (Fault::InvalidJson, "Invalid Response", &["the body is not JSON"]),
        (Fault::LargeBody(5 << 20), "Response Too Large", &["larger than 4 MiB"]),
        (Fault::Redirect { to: "http://127.0.0.1:1/" }, "Unexpected Redirect", &["HTTP 302"]),
        (Fault::Status(206), "Partial Response", &["HTTP 206"]),
        (not_found, "Instance Not Found", &["HTTP 200, code DBS.200002, message \"gone\""]),
        (invalid_escape, "Invalid Response", &["JSON that cannot be decoded: unexpected end of hex escape"]),
        (Fault::Body(r#"{"certs":null}"#), "Invalid Response", &["certs is null"]),
        (Fault::Body("{}"), "Invalid Response", &["certs is missing"]),
        (Fault::Body(r#"{"certs":"x"}"#), "Invalid Response", &["certs is not a list"]),
        (no_link, "Invalid Response", &["certs[0] has no download_link"]),
        (server_error, "Server Error", &server_error_parts),
    ] {
        let fixture = Fixture::new();
        fixture.cloud.inject_always(Route::Links, fault);
        fixture.configure("max_retries = 1", &data_source(INSTANCE));
        assert_contains(&fixture.plan_fails_with(&[&format!("Error: {summary}")]), parts);
    }
}

#[test]
fn complete_response_with_any_2xx_status_is_read() {
    for fault in [
        Fault::Status(203),
        Fault::Body("\u{feff}{\"certs\":[{\"category\":\"x\",\"download_link\":\"https://a\"}]}"),
    ] {
        let fixture = Fixture::new();
        fixture.cloud.inject_always(Route::Links, fault);
        fixture.configure("", &data_source(INSTANCE)).apply();
    }
}

#[test]
fn invalid_input_is_rejected_before_any_request() {
    let fixture = Fixture::new();
    for (instance, part) in
        [("", "instance_id is \"\""), ("../../other", "Invalid Attribute Value"), ("a b", "letters, digits")]
    {
        fixture.configure("", &data_source(instance)).plan_fails_with(&[part, "on main.tf line"]);
    }
    fixture
        .configure("", &data_source_with("id = \"x\"", INSTANCE))
        .plan_fails_with(&["Read-Only Attribute Set"]);
    let null = data_source(INSTANCE).replace(&format!("{INSTANCE:?}"), "null");
    fixture.configure("", &null).plan_fails_with(&["Missing Required Attribute"]);
    fixture.configure("token = \"x\"\n  max_retries = -1\n  project_id = \"a/b\"", &data_source(INSTANCE));
    fixture.plan_fails_with(&[
        "Conflicting Credentials",
        "max_retries has an invalid value",
        "project_id has an invalid value",
    ]);
    assert_eq!(fixture.cloud.recorded_requests().len(), 0);
}

#[test]
fn missing_region_and_credentials_error_names_all_sources() {
    let fixture = Fixture::new();
    fixture
        .workspace
        .write_config(&format!("provider \"dds\" {{\n  skip_metadata = true\n}}\n{}", data_source(INSTANCE)));
    fixture.workspace.run_ok(&["validate"]);
    let errors =
        fixture.plan_fails_with(&["Error: Missing Provider Setting", "HW_REGION_NAME, OS_REGION_NAME"]);
    assert_contains(&errors, &["Error: Missing Credentials", "the provider block has no credential"]);
    assert_contains(
        &errors,
        &[
            "no variable HW_* has a credential; no variable OS_*",
            "the file ~/.hcloud/config.json does not exist",
        ],
    );
    assert_contains(&errors, &["Set HW_ACCESS_KEY and HW_SECRET_KEY"]);
}

#[test]
fn metadata_service_is_the_last_source_and_fails_fast() {
    for (metadata_service, part) in [
        (MetadataService::Off, "the response is HTTP 404"),
        (MetadataService::NoAgency, "Please configure Cloud Service Agency first"),
        (MetadataService::HtmlPage, "has no access"),
        (MetadataService::NoResponse, "failed: no response within the request timeout"),
    ] {
        let fixture = Fixture::with_cloud_state(CloudState { metadata_service, ..CloudState::sample() });
        let started = Instant::now();
        let errors = fixture
            .configure_with("", &data_source(INSTANCE))
            .plan_fails_with(&["Error: Missing Credentials"]);
        assert_contains(&errors, &["the provider block has no credential", part, "skip_metadata"]);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}

#[test]
fn other_region_with_a_fixed_endpoint_is_an_error() {
    let fixture = Fixture::new();
    let block = format!(
        "provider \"dds\" {{\n  region = \"cn-north-4\"\n  {}\n  endpoints = {{ dds = {:?} }}\n}}\n",
        key_args(fixture.cloud.cloud_state(), 0),
        fixture.cloud.url()
    );
    fixture.workspace.write_config(&(block + &data_source_with("region = \"ap-southeast-3\"", INSTANCE)));
    fixture.plan_fails_with(&["Error: Endpoint Of Another Region", "{region}"]);
    assert_eq!(fixture.cloud.recorded_requests().len(), 0);
}

#[test]
fn unknown_host_and_refused_connection_have_different_errors() {
    let fixture = Fixture::new();
    for (url, part) in
        // The summary depends on the network: without a DNS server it is "Name Resolution Failed".
        [
            ("http://127.0.0.1:1", "Connection refused"),
            ("https://dds.invalid", "host name could not be resolved"),
        ]
    {
        let block = format!(
            "provider \"dds\" {{\n  region = \"cn-north-4\"\n  token = \"x\"\n  project_id = \"p\"\n  max_retries = 0\n  \
             endpoints = {{ dds = {url:?} }}\n}}\n{}",
            data_source(INSTANCE)
        );
        fixture.workspace.write_config(&block);
        fixture.plan_fails_with(&[part]);
    }
}

/// A data source with `for_each` and this number of keys.
fn data_source_with_for_each(count: usize) -> String {
    format!(
        "data \"dds_ssl_cert_download_links\" \"many\" {{\n  for_each    = toset([for i in range({count}) : tostring(i)])\n  \
         instance_id = {INSTANCE:?}\n}}\n\n\
         output \"read\" {{\n  value = length(data.dds_ssl_cert_download_links.many)\n}}\n"
    )
}

#[test]
fn sixty_reads_succeed_at_a_rate_limit_of_10_per_second() {
    let fixture = Fixture::new();
    fixture.cloud.set_rate_limit(Route::Links, 10, Duration::from_secs(1));
    let started = Instant::now();
    let output = fixture.configure("", &data_source_with_for_each(60)).plan();
    let (duration, requests) = (started.elapsed(), fixture.cloud.request_count(Route::Links));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    // 60 reads, 10 throttled requests of the first burst, and at most 10 later ones.
    assert!(requests <= 60 + 10 + 10, "{requests} requests");
    assert!(duration < Duration::from_secs(20), "{duration:?}");
}

#[test]
fn read_timeout_while_throttled_reports_the_429() {
    let fixture = Fixture::new();
    fixture.cloud.inject_always(Route::Links, Fault::Throttled { retry_after: None });
    let throttled = "HTTP 429, code APIGW.0308, message \"The throttling threshold has been reached";
    let errors = fixture
        .configure("", &data_source_with_read_timeout("2s"))
        .plan_fails_with(&["Error: Too Many Requests", throttled]);
    assert_contains(&errors, &["request ID 5a3d", "the read timeout of 2 s (timeouts.read)"]);
    assert!(
        (3..=8).contains(&fixture.cloud.request_count(Route::Links)),
        "{}",
        fixture.cloud.request_count(Route::Links)
    );
}

#[test]
fn retry_after_beyond_the_read_timeout_fails_at_once() {
    let fixture = Fixture::new();
    fixture.cloud.inject_always(Route::Links, Fault::Throttled { retry_after: Some("60") });
    let started = Instant::now();
    let errors = fixture
        .configure("", &data_source_with_read_timeout("60s"))
        .plan_fails_with(&["Error: Too Many Requests"]);
    assert_contains(&errors, &["HTTP 429, code APIGW.0308", "the requested delay of 60 s (Retry-After)"]);
    assert_contains(&errors, &["the read timeout of 60 s (timeouts.read)"]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(fixture.cloud.request_count(Route::Links), 1);
}

#[test]
fn timeouts_below_a_second_are_reported_in_milliseconds() {
    let fixture = Fixture::new();
    fixture.cloud.inject_always(Route::Links, Fault::Delayed(Duration::from_secs(60)));
    fixture.configure("", &data_source_with_read_timeout("500ms"));
    fixture.plan_fails_with(&["Error: Read Timed Out", "500 ms (timeouts.read)"]);
    fixture.configure("max_retries = 0\n  request_timeout = \"300ms\"", &data_source(INSTANCE));
    fixture.plan_fails_with(&["Error: Request Timed Out", "no response within", "300 ms (request_timeout)"]);
}

#[test]
fn throttled_read_without_retries_is_sent_once() {
    let fixture = Fixture::new();
    fixture.cloud.inject_always(Route::Links, Fault::Throttled { retry_after: None });
    fixture.configure("max_retries = 0", &data_source(INSTANCE));
    fixture.plan_fails_with(&["Error: Too Many Requests", "max_retries allows no retry"]);
    assert_eq!(fixture.cloud.request_count(Route::Links), 1);
}
