//! What a user reads when something goes wrong.

use std::time::{Duration, Instant};

use cloud_simulator::{Fault, Metadata, Route};

use super::*;

#[test]
fn an_unknown_instance_is_shown_at_its_attribute_with_region_and_project() {
    let scene = Scene::new();
    let project = scene.cloud.cloud_state().projects[0].id.clone();
    for (instance, came_back) in [
        ("ffffffffffffffffffffffffffffffffin02", "HTTP 404, code DBS.200002"),
        ("ddddddddddddddddddddddddddddddd1in02", "HTTP 403, code DBS.201028"),
        ("ddddddddddddddddddddddddddddddd2in02", "HTTP 400, code DBS.280110"),
    ] {
        scene.configure("", &data(instance));
        let at = format!("instance_id = {instance:?}");
        let text = scene.fails_with(&["Error: Instance Not Found", &at, came_back]);
        holds(&text, &["message \"The instance does not exist.\"", "request ID 5a3d"]);
        holds(&text, &["region cn-north-4", &project]);
    }
}

#[test]
fn a_refused_key_is_sent_once_and_told_by_its_origin() {
    let scene = Scene::new();
    let key = "access_key = \"UNKNOWNACCESSKEY0001\"\n  secret_key = \"unknownsecretkey\"\n  max_retries = 5";
    scene.configure_as(key, &many(12));
    let origin = "The credential was the provider arguments access_key and secret_key.";
    let text = scene.fails_with(&["Error: Authentication Failed", origin, "Check it, whether"]);
    holds(&text, &["HTTP 401, code APIGW.0301", "ak *** not exist"]);
    assert!(!text.contains("UNKNOWNACCESSKEY0001"));
    assert_eq!(scene.cloud.recorded().len(), 1);
}

#[test]
fn a_wrong_secret_a_wrong_token_and_a_wrong_password_are_told_apart() {
    let scene = Scene::new();
    let cloud_state = scene.cloud.cloud_state();
    let wrong_secret = format!("access_key = {:?}\n  secret_key = \"wrong\"", cloud_state.keys[0].id);
    let temporary = key(cloud_state, 1);
    let (half_a_key, _) = temporary.split_once("\n  security_token").unwrap();
    for (settings, parts) in [
        (wrong_secret, ["verify aksk signature fail", "Check secret_key."]),
        (half_a_key.to_owned(), ["ak *** not exist", "that security_token is set"]),
        ("token = \"nonsense\"".to_owned(), ["decrypt token fail", "Get a new one"]),
        (
            format!("user_id = {:?}\n  password = \"not-this-one\"", cloud_state.user_id),
            ["Authenticating with IAM was answered with HTTP 401, code 401", "Check password"],
        ),
    ] {
        scene.configure_as(&settings, &data(INSTANCE));
        scene.fails_with(&["Error: Authentication Failed", parts[0], parts[1]]);
    }
}

#[test]
fn clocks_that_differ_are_both_shown() {
    let scene = Scene::new();
    scene.cloud.set_clock_ahead(3600);
    scene.configure("", &data(INSTANCE));
    scene.fails_with(&["signature expired", "this machine says", "the server", "Set this machine's clock."]);
}

#[test]
fn a_denied_read_names_the_permission() {
    let scene = Scene::new();
    scene.configure_as(&key(scene.cloud.cloud_state(), 3), &data(INSTANCE));
    let permission = "dds:instance:getSslCertDownloadAddress";
    scene.fails_with(&["Error: Access Denied", "HTTP 403, code DBS.280063", permission]);
}

#[test]
fn a_look_up_that_is_denied_or_finds_nothing_says_how_to_do_without() {
    let scene = Scene::new();
    scene.configure_as(&key(scene.cloud.cloud_state(), 2), &data(INSTANCE));
    scene.fails_with(&["Error: Access Denied", "its project had to be looked up", "With project_id set"]);
    scene.configure("project_name = \"cn-north-4_missing\"", &data(INSTANCE));
    scene.fails_with(&["Error: No Matching Project", "\"cn-north-4_missing\"", "project_id"]);
    scene.configure("project_name = \"cn-north-4_closed\"", &data(INSTANCE));
    scene.fails_with(&["Error: Project Disabled"]);
}

#[test]
fn faults_of_the_cloud_are_told_with_what_came_back() {
    let html = ["HTTP 502", "an HTML page titled 502 Simulated Failure", "after 2 tries"];
    let empty = ["HTTP 401, without a message, without a request ID"];
    let refused = Fault::Refused { status: 500, code: "DBS.280005", message: "Server error." };
    let told = ["HTTP 500, code DBS.280005, message \"Server error.\"", "after 2 tries"];
    let gone = Fault::Body(r#"{"error_code":"DBS.200002","error_msg":"gone"}"#);
    let half_a_character = Fault::Body(r#"{"certs":[{"category":"\ud800","download_link":"x"}]}"#);
    let no_link = Fault::Body(r#"{"certs":[{"category":"x"}]}"#);
    for (fault, summary, parts) in [
        (Fault::Html { status: 502 }, "Server Error", &html[..]),
        (Fault::Empty { status: 401 }, "Authentication Failed", &empty),
        (Fault::Cut, "Connection Interrupted", &["the response was incomplete", "after 2 tries"]),
        (Fault::Closed, "Connection Interrupted", &["after 2 tries"]),
        (Fault::Garbled, "Unexpected Answer", &["the body is not JSON"]),
        (Fault::Huge(5 << 20), "Unexpected Answer", &["larger than 4 MiB"]),
        (Fault::Redirect { to: "http://127.0.0.1:1/" }, "Unexpected Redirect", &["HTTP 302"]),
        (Fault::Status(206), "Partial Answer", &["HTTP 206"]),
        (gone, "Instance Not Found", &["HTTP 200, code DBS.200002, message \"gone\""]),
        (
            half_a_character,
            "Unexpected Answer",
            &["JSON that cannot be decoded: unexpected end of hex escape"],
        ),
        (Fault::Body(r#"{"certs":null}"#), "Unexpected Answer", &["certs is null"]),
        (Fault::Body("{}"), "Unexpected Answer", &["certs is missing"]),
        (Fault::Body(r#"{"certs":"x"}"#), "Unexpected Answer", &["certs is not a list"]),
        (no_link, "Unexpected Answer", &["certs[0] has no download_link"]),
        (refused, "Server Error", &told),
    ] {
        let scene = Scene::new();
        scene.cloud.always(Route::Links, fault);
        scene.configure("max_retries = 1", &data(INSTANCE));
        holds(&scene.fails_with(&[&format!("Error: {summary}")]), parts);
    }
}

#[test]
fn any_good_status_with_the_whole_answer_is_read() {
    for fault in [
        Fault::Status(203),
        Fault::Body("\u{feff}{\"certs\":[{\"category\":\"x\",\"download_link\":\"https://a\"}]}"),
    ] {
        let scene = Scene::new();
        scene.cloud.always(Route::Links, fault);
        scene.configure("", &data(INSTANCE)).apply();
    }
}

#[test]
fn bad_input_is_refused_before_anything_is_sent() {
    let scene = Scene::new();
    for (instance, part) in
        [("", "instance_id is \"\""), ("../../other", "Invalid Attribute Value"), ("a b", "letters, digits")]
    {
        scene.configure("", &data(instance)).fails_with(&[part, "on main.tf line"]);
    }
    scene.configure("", &data_with("id = \"x\"", INSTANCE)).fails_with(&["Read-Only Attribute Set"]);
    let null = data(INSTANCE).replace(&format!("{INSTANCE:?}"), "null");
    scene.configure("", &null).fails_with(&["Missing Required Attribute"]);
    scene.configure("token = \"x\"\n  max_retries = -1\n  project_id = \"a/b\"", &data(INSTANCE));
    scene.fails_with(&["Conflicting Credentials", "max_retries must be", "project_id must be"]);
    assert_eq!(scene.cloud.recorded().len(), 0);
}

#[test]
fn a_provider_without_region_and_credentials_says_where_they_may_come_from() {
    let scene = Scene::new();
    scene
        .workspace
        .configure(&format!("provider \"dds\" {{\n  skip_metadata = true\n}}\n{}", data(INSTANCE)));
    scene.workspace.must(&["validate"]);
    let text = scene.fails_with(&["Error: Missing Provider Setting", "HW_REGION_NAME, OS_REGION_NAME"]);
    holds(&text, &["Error: Missing Credentials", "the provider block has no credential"]);
    holds(
        &text,
        &["no variable HW_* has a credential; no variable OS_*", "there is no file ~/.hcloud/config.json"],
    );
    holds(&text, &["Set HW_ACCESS_KEY and HW_SECRET_KEY"]);
}

#[test]
fn without_any_credential_the_machine_is_asked_last_and_not_for_long() {
    for (metadata, part) in [
        (Metadata::Off, "was answered with HTTP 404"),
        (Metadata::NoAgency, "Please configure Cloud Service Agency first"),
        (Metadata::Html, "has no access"),
        (Metadata::Silent, "failed: no response within the request timeout"),
    ] {
        let scene = Scene::of(CloudState { metadata, ..CloudState::sample() });
        let started = Instant::now();
        let text = scene.configure_as("", &data(INSTANCE)).fails_with(&["Error: Missing Credentials"]);
        holds(&text, &["the provider block has no credential", part, "skip_metadata"]);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}

#[test]
fn another_region_with_a_fixed_endpoint_is_not_sent_to_the_wrong_one() {
    let scene = Scene::new();
    let block = format!(
        "provider \"dds\" {{\n  region = \"cn-north-4\"\n  {}\n  endpoints = {{ dds = {:?} }}\n}}\n",
        key(scene.cloud.cloud_state(), 0),
        scene.cloud.url()
    );
    scene.workspace.configure(&(block + &data_with("region = \"ap-southeast-3\"", INSTANCE)));
    scene.fails_with(&["Error: Endpoint Of Another Region", "{region}"]);
    assert_eq!(scene.cloud.recorded().len(), 0);
}

#[test]
fn a_host_that_does_not_exist_or_listen_is_told_as_such() {
    let scene = Scene::new();
    for (url, part) in
        [("http://127.0.0.1:1", "Connection refused"), ("https://dds.invalid", "Host Not Found")]
    {
        let block = format!(
            "provider \"dds\" {{\n  region = \"cn-north-4\"\n  token = \"x\"\n  project_id = \"p\"\n  max_retries = 0\n  \
             endpoints = {{ dds = {url:?} }}\n}}\n{}",
            data(INSTANCE)
        );
        scene.workspace.configure(&block);
        scene.fails_with(&[part]);
    }
}

/// One data source for each of so many keys.
fn for_each(count: usize) -> String {
    format!(
        "data \"dds_ssl_cert_download_links\" \"many\" {{\n  for_each    = toset([for i in range({count}) : tostring(i)])\n  \
         instance_id = {INSTANCE:?}\n}}\n\n\
         output \"read\" {{\n  value = length(data.dds_ssl_cert_download_links.many)\n}}\n"
    )
}

#[test]
fn a_plan_of_60_reads_passes_10_requests_a_second() {
    let scene = Scene::new();
    scene.cloud.limit(Route::Links, 10, Duration::from_secs(1));
    let started = Instant::now();
    let output = scene.configure("", &for_each(60)).plan();
    let (time, calls) = (started.elapsed(), scene.cloud.count(Route::Links));
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    // 10 of these calls are of the first wave.
    assert!(calls <= 60 + 10 + 10, "{calls} calls");
    assert!(time < Duration::from_secs(20), "{time:?}");
}

#[test]
fn a_limit_that_passes_while_throttled_tells_the_429() {
    let scene = Scene::new();
    scene.cloud.always(Route::Links, Fault::Throttled { retry_after: None });
    let throttled = "HTTP 429, code APIGW.0308, message \"The throttling threshold has been reached";
    let text = scene.configure("", &limited("2s")).fails_with(&["Error: Too Many Requests", throttled]);
    holds(&text, &["request ID 5a3d", "the read's limit of 2 s (timeouts.read)"]);
    assert!((3..=8).contains(&scene.cloud.count(Route::Links)), "{}", scene.cloud.count(Route::Links));
}

#[test]
fn retry_after_beyond_the_limit_fails_at_once() {
    let scene = Scene::new();
    scene.cloud.always(Route::Links, Fault::Throttled { retry_after: Some("60") });
    let started = Instant::now();
    let text = scene.configure("", &limited("60s")).fails_with(&["Error: Too Many Requests"]);
    holds(&text, &["HTTP 429, code APIGW.0308", "a pause of 60 s (Retry-After)"]);
    holds(&text, &["the read's limit of 60 s (timeouts.read)"]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(scene.cloud.count(Route::Links), 1);
}

#[test]
fn a_limit_below_a_second_is_told_as_it_is() {
    let scene = Scene::new();
    scene.cloud.always(Route::Links, Fault::Slow(Duration::from_secs(60)));
    scene.configure("", &limited("500ms"));
    scene.fails_with(&["Error: Read Timed Out", "after 500 ms", "timeouts.read"]);
    scene.configure("max_retries = 0\n  request_timeout = \"300ms\"", &data(INSTANCE));
    scene.fails_with(&["Error: Request Timed Out", "no response within", "300 ms (request_timeout)"]);
}

#[test]
fn without_retries_a_throttled_read_is_sent_once() {
    let scene = Scene::new();
    scene.cloud.always(Route::Links, Fault::Throttled { retry_after: None });
    scene.configure("max_retries = 0", &data(INSTANCE));
    scene.fails_with(&["Error: Too Many Requests", "max_retries allows no other try"]);
    assert_eq!(scene.cloud.count(Route::Links), 1);
}
