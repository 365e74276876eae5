//! No secret, token or signature in any log, error or state, whatever goes wrong.

use std::fs;

use dds_test_support::simulator::{Fault, LINK_SIGNATURE, Route};

use super::*;

/// Everything that the cloud gave out or was sent that nobody else may see.
fn secrets(cloud: &Simulator) -> Vec<String> {
    let world = cloud.world();
    let mut secrets = vec![world.password.clone(), world.token.clone(), "SIMULATEDTOKEN".to_owned()];
    secrets.extend(
        world.keys.iter().flat_map(|key| [Some(key.secret.clone()), key.security_token.clone()]).flatten(),
    );
    for recorded in cloud.recorded() {
        let authorization = recorded.request.header("authorization").unwrap_or_default().to_owned();
        secrets.extend(authorization.split_once("Signature=").map(|(_, signature)| signature.to_owned()));
    }
    secrets
}

#[test]
fn a_traced_run_shows_no_secret_whatever_goes_wrong() {
    let world = World::sample();
    let key = |index: usize| {
        let key = &world.keys[index];
        let token = key
            .security_token
            .as_ref()
            .map(|token| format!("\n  security_token = {token:?}"))
            .unwrap_or_default();
        format!("access_key = {:?}\n  secret_key = {:?}{token}", key.id, key.secret)
    };
    let login = format!("user_id = {:?}\n  password = {:?}", world.user_id, world.password);
    let token = format!("token = {:?}", world.token);
    let faults = [
        None,
        Some(Fault::Empty { status: 401 }),
        Some(Fault::Refused { status: 403, code: "DBS.280063", message: "denied" }),
        Some(Fault::Refused { status: 404, code: "DBS.200002", message: "gone" }),
        Some(Fault::Throttled { retry_after: Some("0") }),
        Some(Fault::Html { status: 502 }),
        Some(Fault::Cut),
        Some(Fault::Garbled),
    ];
    for settings in [key(0), key(1), login, token] {
        for fault in &faults {
            let mut scene = Scene::new();
            if let Some(fault) = fault {
                scene.cloud.always(Route::Links, fault.clone());
            }
            let trace = scene.workspace.file("trace.log");
            scene.workspace.set("TF_LOG", "TRACE").set("TF_LOG_PATH", trace.display().to_string());
            scene.configure_as(
                &format!("{settings}\n  max_retries = 1"),
                // A throttled read would be tried until its limit.
                &data(INSTANCE)
                    .split("output")
                    .next()
                    .unwrap()
                    .replace("instance_id", "timeouts {\n    read = \"2s\"\n  }\n  instance_id"),
            );
            let output = scene.workspace.run(&["apply", "-input=false", "-auto-approve"]);
            assert_eq!(output.code == Some(0), fault.is_none(), "{fault:?}\n{}", output.stderr);
            let trace = fs::read_to_string(trace).unwrap();
            assert!(trace.contains("tf_req_id") && trace.contains("HTTP request"), "the log is there");
            for secret in secrets(&scene.cloud) {
                for (place, text) in [
                    ("log", &trace),
                    ("stdout", &output.stdout),
                    ("stderr", &output.stderr),
                    ("state", &scene.workspace.state()),
                ] {
                    assert!(!text.contains(&secret), "{secret} in the {place} after {fault:?}");
                }
            }
            for (place, text) in [("log", &trace), ("stdout", &output.stdout), ("stderr", &output.stderr)] {
                assert!(!text.contains(LINK_SIGNATURE), "a link's signature in the {place} after {fault:?}");
            }
        }
    }
}
