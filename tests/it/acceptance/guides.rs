//! The configurations in `examples/guides`, which the guides contain.

use std::fs;

use cloud_simulator::{DownloadServer, Reply};
use serde_json::Value as Json;
use time::OffsetDateTime;
use time::ext::NumericalDuration as _;

use super::certificates::{pem, serve_downloads};
use super::*;
use crate::certificate_files::certificate;

const CONNECTION_STRING: &str =
    "mongodb://192.168.1.1:8635,192.168.1.2:8635/?authSource=admin&replicaSet=replica&tls=true";

fn directory(example: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guides").join(example)
}

/// Fixtures with both protocols and the files of an example. The access key is in the environment, as the example says.
fn fixtures(example: &str) -> impl Iterator<Item = (Fixture, DownloadServer)> {
    both_protocols().into_iter().map(move |(_, mut fixture)| {
        let downloads = serve_downloads(&mut fixture);
        for name in ["main.tf", "provider.tf"] {
            fixture.workspace.write_file(name, &fs::read_to_string(directory(example).join(name)).unwrap());
        }
        fixture.workspace.write_file("cloud_override.tf", &fixture.provider_block(""));
        let key = fixture.cloud.cloud_state().access_keys[0].clone();
        fixture.workspace.set_env("HW_ACCESS_KEY", key.id).set_env("HW_SECRET_KEY", key.secret);
        (fixture, downloads)
    })
}

#[test]
fn guide_returns_the_ca_and_the_connection_string() {
    for (fixture, downloads) in fixtures("connect-over-tls") {
        fixture.apply();
        // The guide writes this output to a file, so each byte counts.
        let ca = fixture.workspace.run_ok(&["output", "-raw", "ca_pem"]).stdout;
        assert_eq!(ca, pem(&downloads.certificates("international")));
        let connection_string = fixture.workspace.run_ok(&["output", "-raw", "connection_string"]).stdout;
        assert_eq!(connection_string, CONNECTION_STRING);
        assert_eq!(fixture.request_counts([Route::Projects, Route::Instances, Route::Links]), [1, 1, 1]);
        assert_eq!(downloads.requests().len(), 1);
        fixture.assert_no_changes();
    }
}

#[test]
fn precondition_of_the_guide_fails_if_ssl_is_off() {
    // An instance without SSL, and one that does not exist.
    for instance in ["12e893ef73754465a8bd2e0857bbf13ein02", "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeein02"] {
        for (mut fixture, downloads) in fixtures("connect-over-tls") {
            fixture.workspace.set_env("TF_VAR_instance_id", instance);
            fixture.plan_fails_with(&[
                "Error: Resource precondition failed",
                &format!("The instance {instance} does not exist, or its SSL is off. Switch SSL on"),
            ]);
            assert_eq!(fixture.request_counts([Route::Instances, Route::Links]), [1, 0]);
            assert_eq!(downloads.requests().len(), 0);
        }
    }
}

#[test]
fn user_and_password_of_the_guide_are_percent_encoded() {
    for (password, encoded) in [
        ("Sample-Password_1", "Sample-Password_1"),
        ("p@ss/w:rd%1+ ?#&=", "p%40ss%2Fw%3Ard%251%2B%20%3F%23%26%3D"),
    ] {
        for (mut fixture, _downloads) in fixtures("connection-string") {
            fixture.workspace.set_env("TF_VAR_password", password);
            let output = fixture.apply();
            assert!(output.stdout.contains("connection_string = <sensitive>"), "{}", output.stdout);
            let connection_string = fixture.workspace.run_ok(&["output", "-raw", "connection_string"]).stdout;
            let expected = CONNECTION_STRING.replace("mongodb://", &format!("mongodb://rwuser:{encoded}@"));
            assert_eq!(connection_string, expected);
            fixture.assert_no_changes();
        }
    }
}

/// A certificate that expires after this number of days. One more hour, because the test takes some time.
fn expiring(days: i64) -> String {
    let now = OffsetDateTime::now_utc();
    certificate(now - 1.days(), now + days.days() + 1.hours())
}

/// The status of the check block in the state.
fn check_status(fixture: &Fixture) -> Json {
    let state = fixture.workspace.run_ok(&["show", "-json"]).stdout;
    let state: Json = serde_json::from_str(&state).unwrap();
    state["checks"].as_array().unwrap()[0]["status"].clone()
}

#[test]
fn check_block_of_the_guide_warns_60_days_ahead() {
    for (fixture, downloads) in fixtures("watch-ca-expiry") {
        for (days, warns) in [(vec![60, 365], false), (vec![59, 365], true)] {
            let file: String = days.iter().map(|days| expiring(*days)).collect();
            downloads.reply_always("international", Reply::File("application/x-pem-file", file.into_bytes()));
            let output = without_line_breaks(&fixture.apply().stdout);
            let warning = format!("CA certificates of the instance {INSTANCE} expire: CN=Test CA on 20");
            assert_eq!(output.contains("Warning: Check block assertion failed"), warns, "{output}");
            assert_eq!(output.contains(&warning), warns, "{output}");
            // The certificate that is valid for a year is not in the message.
            assert!(!output.contains("; CN=Test CA"), "{output}");
            // The provider itself warns 30 days ahead.
            assert!(!output.contains("Warning: Certificate"), "{output}");
            assert_eq!(check_status(&fixture), if warns { "fail" } else { "pass" });
            let fingerprints = &fixture.workspace.outputs()["ca_fingerprints"];
            assert_eq!(fingerprints.as_array().unwrap().len(), 2);
            fixture.assert_no_changes();
        }
    }
}

#[test]
fn new_ca_is_a_change_in_the_plan_of_the_guide() {
    for (fixture, downloads) in fixtures("watch-ca-expiry") {
        fixture.apply();
        let file = Reply::File("application/x-pem-file", expiring(365).into_bytes());
        downloads.reply_always("international", file);
        let plan = fixture.workspace.run(&["plan", "-input=false", "-detailed-exitcode"]);
        assert_eq!(plan.code, Some(2), "{}\n{}", plan.stdout, plan.stderr);
        assert!(plan.stdout.contains("~ ca_fingerprints"), "{}", plan.stdout);
    }
}

/// `kubernetes-secret` also needs the provider `hashicorp/kubernetes`, so it is not applied: only its format is checked.
#[test]
fn examples_of_guides_are_formatted_and_in_a_guide() {
    let guides = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/guides");
    let guides: String = fs::read_dir(guides)
        .unwrap()
        .map(|guide| fs::read_to_string(guide.unwrap().path()).unwrap())
        .collect();
    let fixture = Fixture::new();
    let mut names = Vec::new();
    for entry in fs::read_dir(directory("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = directory(&name).display().to_string();
        fixture.workspace.run_ok(&["fmt", "-check", "-diff", &path]);
        assert!(guides.contains(&format!("\n{{{name}}}\n")), "{name} is in no guide");
        names.push(name);
    }
    names.sort_unstable();
    // The tests above apply the others.
    assert_eq!(names, ["connect-over-tls", "connection-string", "kubernetes-secret", "watch-ca-expiry"]);
}
