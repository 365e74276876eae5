//! No secret, token or signature in any log, error or state, whatever goes wrong.

use std::fs;

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
    let key = |index: usize| {
        let key = &cloud_state.keys[index];
        let token = key
            .security_token
            .as_ref()
            .map(|token| format!("\n  security_token = {token:?}"))
            .unwrap_or_default();
        format!("access_key = {:?}\n  secret_key = {:?}{token}", key.id, key.secret)
    };
    let login = format!("user_id = {:?}\n  password = {:?}", cloud_state.user_id, cloud_state.password);
    let token = format!("token = {:?}", cloud_state.token);
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
    let key = |index: usize| {
        let key = &cloud_state.keys[index];
        let token = key.security_token.as_ref().map(|token| format!("\n  security_token = {token:?}"));
        format!("access_key = {:?}\n  secret_key = {:?}{}", key.id, key.secret, token.unwrap_or_default())
    };
    let project = format!("project_id = {:?}", cloud_state.projects[0].id);
    let agency = format!(
        "assume_role {{\n    agency_name = \"sample-agency\"\n    domain_id = {:?}\n  }}",
        cloud_state.account_id
    );
    let oidc = format!(
        "assume_role_with_oidc {{\n    agency_name = \"sample-agency\"\n    domain_id = {:?}\n    provider_urn = {:?}\n    \
         id_token = {:?}\n  }}",
        cloud_state.account_id,
        cloud_state.identity_provider.provider_urn,
        cloud_state.identity_provider.id_token
    );
    let login = format!("user_id = {:?}\n  password = {:?}", cloud_state.user_id, cloud_state.password);
    for (settings, route) in [
        (key(0), Route::Links),
        (key(1), Route::Links),
        (format!("token = {:?}", cloud_state.token), Route::Links),
        (login.clone(), Route::Tokens),
        (login, Route::Links),
        (format!("{}\n  {agency}", key(0)), Route::Assume),
        (format!("{}\n  {agency}", key(0)), Route::Links),
        (oidc.clone(), Route::AssumeWithOidc),
        (oidc, Route::Links),
    ] {
        let mut scene = Scene::of(cloud_state.clone());
        scene.cloud.next(route, Encoding::ALL.map(|encoding| Fault::Echo { status: 400, encoding }));
        let trace = scene.workspace.file("trace.log");
        scene.workspace.set("TF_LOG", "TRACE").set("TF_LOG_PATH", trace.display().to_string());
        let each = "data \"dds_ssl_cert_download_links\" \"many\" {\n  count       = 9\n  instance_id = \
                    \"i-${count.index}\"\n}\n";
        scene.configure_as(&format!("{settings}\n  {project}\n  max_retries = 0"), each);
        let output = scene.workspace.run(&["plan", "-input=false", "-parallelism=1"]);
        let shown = dense(&output.stderr);
        let errors = shown.matches("yousent:").count();
        assert!(errors == 9 || (shows_equal_errors_once() && errors > 0), "{route:?} {}", output.stderr);
        assert!(shown.contains("***"), "{shown}");
        let trace = dense(&fs::read_to_string(trace).unwrap());
        for secret in secrets(&scene.cloud) {
            for encoding in Encoding::ALL {
                let written = dense(&encoding.write(&secret));
                // What core quotes, the log and our own words write once more.
                for written in [written.clone(), dense(&Encoding::Plain.write(&written))] {
                    for (place, text) in
                        [("log", &trace), ("stdout", &dense(&output.stdout)), ("stderr", &shown)]
                    {
                        assert!(
                            !text.contains(&written),
                            "{written} by {encoding:?} in the {place}, {route:?}"
                        );
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
        ("token = \"LITERAL LITERAL\"".into(), "Invalid Provider Setting", "token must be"),
        ("password = \"LITERAL\"".into(), "Incomplete Credentials", "password is set"),
        ("security_token = \"LITERAL\"".into(), "Incomplete Credentials", "security_token is set"),
        ("key = \"-----BEGIN LITERAL\"".into(), "Incomplete Credentials", "key is set"),
        (
            format!("{oidc}id_token = \"LITERAL\"\n    id_token_file = \"f\"\n  }}"),
            "Conflicting Credentials",
            "id_token",
        ),
        (
            "assume_role_with_oidc { id_token = \"LITERAL\" }".into(),
            "Incomplete Credentials",
            "assume_role_with_oidc needs",
        ),
        (
            "secret_key = \"LITERAL${terraform_data.later.output}\"\n  access_key = \"a\"".into(),
            "Provider Setting Not Known Yet",
            "secret_key",
        ),
    ] {
        let scene = Scene::new();
        let later = "resource \"terraform_data\" \"later\" {\n  input = \"x\"\n}\n";
        let output = scene.configure_as(&settings, &format!("{later}{}", data(INSTANCE))).plan();
        let text = joined(&output.stderr);
        assert!(
            output.code == Some(1) && text.contains(summary) && text.contains(named),
            "{settings}: {text}"
        );
        assert!(!text.contains("LITERAL"), "{settings}: {text}");
        assert!(
            text.contains("in provider \"dds\"") || summary == "Provider Setting Not Known Yet",
            "{settings}: {text}"
        );
    }
    // Others are still shown in their place.
    let scene = Scene::new();
    let text = joined(&scene.configure("max_retries = -1", &data(INSTANCE)).plan().stderr);
    assert!(text.contains("max_retries = -1"), "{text}");
}
