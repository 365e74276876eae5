//! A cloud that limits requests, and limits of the user's own.

use std::time::{Duration, Instant};

use cloud_simulator::{Fault, Route};

use super::*;

/// One data source for each of so many keys.
fn for_each(count: usize) -> String {
    format!(
        "data \"dds_ssl_cert_download_links\" \"many\" {{\n  for_each    = toset([for i in range({count}) : tostring(i)])\n  \
         instance_id = {INSTANCE:?}\n}}\n\n\
         output \"read\" {{\n  value = length(data.dds_ssl_cert_download_links.many)\n}}\n"
    )
}

/// Plans one data source with this limit for the read, and gives the error without its line breaks.
fn failure(scene: &Scene, limit: &str) -> String {
    let limited = data(INSTANCE)
        .replace("instance_id", &format!("timeouts {{\n    read = {limit:?}\n  }}\n  instance_id"));
    let output = scene.configure("", &limited).plan();
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    joined(&output.stderr)
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
    holds(
        &failure(&scene, "2s"),
        &[
            "Error: Too Many Requests",
            "HTTP 429, code APIGW.0308, message \"The throttling threshold has been reached",
            "request ID 5a3d",
            "the read's limit of 2 s (timeouts.read)",
        ],
    );
    assert!((3..=8).contains(&scene.cloud.count(Route::Links)), "{}", scene.cloud.count(Route::Links));
}

#[test]
fn retry_after_beyond_the_limit_fails_at_once() {
    let scene = Scene::new();
    scene.cloud.always(Route::Links, Fault::Throttled { retry_after: Some("60") });
    let started = Instant::now();
    holds(
        &failure(&scene, "60s"),
        &[
            "Error: Too Many Requests",
            "HTTP 429, code APIGW.0308",
            "a pause of 60 s (Retry-After)",
            "the read's limit of 60 s (timeouts.read)",
        ],
    );
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(scene.cloud.count(Route::Links), 1);
}

#[test]
fn a_limit_below_a_second_is_told_as_it_is() {
    let scene = Scene::new();
    scene.cloud.always(Route::Links, Fault::Slow(Duration::from_secs(60)));
    holds(&failure(&scene, "500ms"), &["Error: Read Timed Out", "after 500 ms", "timeouts.read"]);
    let output = scene.configure("max_retries = 0\n  request_timeout = \"300ms\"", &data(INSTANCE)).plan();
    let text = joined(&output.stderr);
    holds(&text, &["Error: Request Timed Out", "no answer came within", "300 ms (request_timeout)"]);
}

#[test]
fn without_retries_a_throttled_read_is_sent_once() {
    let scene = Scene::new();
    scene.cloud.always(Route::Links, Fault::Throttled { retry_after: None });
    let output = scene.configure("max_retries = 0", &data(INSTANCE)).plan();
    holds(&joined(&output.stderr), &["Error: Too Many Requests", "max_retries allows no other try"]);
    assert_eq!(scene.cloud.count(Route::Links), 1);
}
