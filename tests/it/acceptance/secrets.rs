//! No secret, token or signature in any log, error or state, whatever goes wrong.

use cloud_simulator::{Encoding, Fault, LINK_SIGNATURE, Route};

use super::*;

/// Everything that the cloud gave out or was sent that nobody else may see.
fn secrets(cloud: &Simulator) -> Vec<String> {
    let mut secrets = cloud.secrets();
    secrets.push("SIMULATEDTOKEN".to_owned());
    for recorded in cloud.recorded() {
        let authorization = recorded.request.header("authorization").unwrap_or_default().to_owned();
        secrets.extend(authorization.split_once("Signature=").map(|(_, signature)| signature.to_owned()));
    }
    secrets
}

#[test]
fn a_traced_run_shows_no_secret_whatever_goes_wrong() {
    let cloud_state = CloudState::sample();
    let settings = [key(&cloud_state, 0), key(&cloud_state, 1), login(&cloud_state), token(&cloud_state)];
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
    for settings in settings {
        for fault in &faults {
            let mut scene = Scene::new();
            if let Some(fault) = fault {
                scene.cloud.always(Route::Links, fault.clone());
            }
            scene.workspace.trace();
            // A throttled read would be tried until its limit.
            let limited = limited("2s");
            let (read, _) = limited.split_once("output").unwrap();
            scene.configure_as(&format!("{settings}\n  max_retries = 1"), read);
            let output = scene.workspace.run(&["apply", "-input=false", "-auto-approve"]);
            assert_eq!(output.code == Some(0), fault.is_none(), "{fault:?}\n{}", output.stderr);
            let (trace, state) = (scene.workspace.log(), scene.workspace.state());
            assert!(trace.contains("tf_req_id") && trace.contains("HTTP request"), "the log is there");
            let shown = [("log", &trace), ("stdout", &output.stdout), ("stderr", &output.stderr)];
            for secret in secrets(&scene.cloud) {
                for (place, text) in shown.into_iter().chain([("state", &state)]) {
                    assert!(!text.contains(&secret), "{secret} in the {place} after {fault:?}");
                }
            }
            for (place, text) in shown {
                assert!(!text.contains(LINK_SIGNATURE), "a link's signature in the {place} after {fault:?}");
            }
        }
    }
}

/// A cloud whose secrets have what encodings change.
fn awkward() -> CloudState {
    let mut cloud_state = CloudState::sample();
    cloud_state.password = r#"p"a\\ss/wörd=+&<>%41 x"#.to_owned();
    cloud_state.token = format!("{}==", "MIIT0ken/+".repeat(20));
    cloud_state.keys[0].secret = "aB/9+cD=eF/1gH+iJ==".to_owned();
    cloud_state.keys[1].secret = "kL/9+mN=oP/1qR+sT==".to_owned();
    cloud_state.keys[1].security_token = Some(format!("{}==", "STSt0ken/+".repeat(20)));
    cloud_state.identity_provider.id_token = "eyJ/+hbGci.eyJ=zdWIi.c2ln-_".to_owned();
    cloud_state
}

/// Without what core puts between the words of a message, such as line breaks and the lines at its side.
fn dense(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace() && !"│╷╵".contains(*letter)).collect()
}

#[test]
fn a_secret_that_is_repeated_is_shown_in_no_encoding() {
    let cloud_state = awkward();
    let project = format!("project_id = {:?}", cloud_state.projects[0].id);
    let agency = format!("{}\n  {}", key(&cloud_state, 0), by_id(&cloud_state, "sample-agency"));
    let oidc = oidc(&cloud_state, &provider_urn(&cloud_state));
    for (settings, route) in [
        (key(&cloud_state, 0), Route::Links),
        (key(&cloud_state, 1), Route::Links),
        (token(&cloud_state), Route::Links),
        (login(&cloud_state), Route::Tokens),
        (login(&cloud_state), Route::Links),
        (agency.clone(), Route::Assume),
        (agency, Route::Links),
        (oidc.clone(), Route::AssumeWithOidc),
        (oidc, Route::Links),
    ] {
        let mut scene = Scene::of(cloud_state.clone());
        scene.cloud.next(route, Encoding::ALL.map(|encoding| Fault::Echo { status: 400, encoding }));
        scene.workspace.trace();
        let each = "data \"dds_ssl_cert_download_links\" \"many\" {\n  count       = 9\n  instance_id = \
                    \"i-${count.index}\"\n}\n";
        scene.configure_as(&format!("{settings}\n  {project}\n  max_retries = 0"), each);
        let output = scene.workspace.run(&["plan", "-input=false", "-parallelism=1"]);
        let shown = dense(&output.stderr);
        let errors = shown.matches("yousent:").count();
        assert!(errors == 9 || (shows_equal_errors_once() && errors > 0), "{route:?} {}", output.stderr);
        assert!(shown.contains("***"), "{shown}");
        let texts =
            [("log", dense(&scene.workspace.log())), ("stdout", dense(&output.stdout)), ("stderr", shown)];
        assert!(!texts[0].1.is_empty());
        for secret in secrets(&scene.cloud) {
            for encoding in Encoding::ALL {
                let written = dense(&encoding.write(&secret));
                // What core quotes, the log and our own words write once more.
                for written in [written.clone(), dense(&Encoding::Plain.write(&written))] {
                    for (place, text) in &texts {
                        let told = || format!("{written} by {encoding:?} in the {place}, {route:?}");
                        assert!(!text.contains(&written), "{}", told());
                    }
                }
            }
        }
    }
}

#[test]
fn no_line_with_a_literal_secret_is_printed() {
    let oidc =
        "assume_role_with_oidc {\n    agency_name = \"a\"\n    domain_id = \"d\"\n    idp_id = \"i\"\n    ";
    for (settings, summary, named) in [
        ("secret_key = \"LITERAL\"".to_owned(), "Incomplete Credentials", "secret_key is set"),
        (
            "access_key = \"a\"\n  secret_key = \"LITERAL\"\n  token = \"LITERAL\"".into(),
            "Conflicting Credentials",
            "token",
        ),
        ("token = \"LITERAL LITERAL\"".into(), "Invalid Provider Setting", "token has an invalid value"),
        ("password = \"LITERAL\"".into(), "Incomplete Credentials", "password is set"),
        ("security_token = \"LITERAL\"".into(), "Incomplete Credentials", "security_token is set"),
        ("key = \"-----BEGIN LITERAL\"".into(), "Incomplete Client Certificate", "key is set"),
        (
            format!("{oidc}id_token = \"LITERAL\"\n    id_token_file = \"f\"\n  }}"),
            "Conflicting Credentials",
            "id_token",
        ),
        (
            "assume_role_with_oidc { id_token = \"LITERAL\" }".into(),
            "Incomplete Credentials",
            "assume_role_with_oidc requires",
        ),
        (
            "secret_key = \"LITERAL${terraform_data.later.output}\"\n  access_key = \"a\"".into(),
            "Provider Setting Not Known Yet",
            "secret_key",
        ),
    ] {
        let scene = Scene::new();
        let later = "resource \"terraform_data\" \"later\" {\n  input = \"x\"\n}\n";
        scene.configure_as(&settings, &format!("{later}{}", data(INSTANCE)));
        let text = scene.fails_with(&[summary, named]);
        assert!(!text.contains("LITERAL"), "{settings}: {text}");
        let shown = text.contains("in provider \"dds\"");
        assert!(shown || summary == "Provider Setting Not Known Yet", "{settings}: {text}");
    }
    // Others are still shown in their place.
    let scene = Scene::new();
    scene.configure("max_retries = -1", &data(INSTANCE)).fails_with(&["max_retries = -1"]);
}
