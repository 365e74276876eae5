//! Logs, errors and states contain no secret, token or signature, whatever error occurs.

use cloud_simulator::{Encoding, Fault, LINK_SIGNATURE, Route};

use super::*;

/// All secrets and signatures that the cloud issued or received.
fn secrets(cloud: &Simulator) -> Vec<String> {
    let mut secrets = cloud.secrets();
    secrets.push("SIMULATEDTOKEN".to_owned());
    for recorded in cloud.recorded_requests() {
        let authorization = recorded.request.header("authorization").unwrap_or_default().to_owned();
        secrets.extend(authorization.split_once("Signature=").map(|(_, signature)| signature.to_owned()));
    }
    secrets
}

#[test]
fn no_output_contains_a_secret_after_any_error() {
    let cloud_state = CloudState::sample();
    let settings = [
        key_args(&cloud_state, 0),
        key_args(&cloud_state, 1),
        user_id_args(&cloud_state),
        token_arg(&cloud_state),
    ];
    let faults = [
        None,
        Some(Fault::EmptyBody { status: 401 }),
        Some(Fault::ErrorResponse { status: 403, code: "DBS.280063", message: "denied" }),
        Some(Fault::ErrorResponse { status: 404, code: "DBS.200002", message: "gone" }),
        Some(Fault::Throttled { retry_after: Some("0") }),
        Some(Fault::Html { status: 502 }),
        Some(Fault::Truncated),
        Some(Fault::InvalidJson),
    ];
    for settings in settings {
        for fault in &faults {
            let mut fixture = Fixture::new();
            if let Some(fault) = fault {
                fixture.cloud.inject_always(Route::Links, fault.clone());
            }
            fixture.workspace.enable_trace_log();
            // A throttled read is retried until its timeout.
            let data_source = data_source_with_read_timeout("2s");
            let (read, _) = data_source.split_once("output").unwrap();
            fixture.configure_with(&format!("{settings}\n  max_retries = 1"), read);
            let output = fixture.workspace.run(&["apply", "-input=false", "-auto-approve"]);
            assert_eq!(output.code == Some(0), fault.is_none(), "{fault:?}\n{}", output.stderr);
            let (trace, state) = (fixture.workspace.trace_log(), fixture.workspace.state());
            assert!(
                trace.contains("tf_req_id") && trace.contains("HTTP request"),
                "the log must contain requests"
            );
            let outputs = [("log", &trace), ("stdout", &output.stdout), ("stderr", &output.stderr)];
            for secret in secrets(&fixture.cloud) {
                for (name, text) in outputs.into_iter().chain([("state", &state)]) {
                    assert!(!text.contains(&secret), "{secret} in the {name} after {fault:?}");
                }
            }
            for (name, text) in outputs {
                assert!(!text.contains(LINK_SIGNATURE), "a link signature in the {name} after {fault:?}");
            }
        }
    }
}

/// A cloud whose secrets contain characters that encodings change.
pub fn cloud_with_special_characters() -> CloudState {
    let mut cloud_state = CloudState::sample();
    cloud_state.password = r#"p"a\\ss/wörd=+&<>%41 x"#.to_owned();
    cloud_state.token = format!("{}==", "MIIT0ken/+".repeat(20));
    cloud_state.access_keys[0].secret = "aB/9+cD=eF/1gH+iJ==".to_owned();
    cloud_state.access_keys[1].secret = "kL/9+mN=oP/1qR+sT==".to_owned();
    cloud_state.access_keys[1].security_token = Some(format!("{}==", "STSt0ken/+".repeat(20)));
    cloud_state.identity_provider.id_token = "eyJ/+hbGci.eyJ=zdWIi.c2ln-_".to_owned();
    cloud_state
}

/// The text without whitespace and without the frame that Core draws around messages.
pub fn without_layout(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace() && !"│╷╵".contains(*character)).collect()
}

#[test]
fn echoed_secret_is_redacted_in_every_encoding() {
    let cloud_state = cloud_with_special_characters();
    let project = format!("project_id = {:?}", cloud_state.projects[0].id);
    let agency = format!("{}\n  {}", key_args(&cloud_state, 0), role_by_id(&cloud_state, "sample-agency"));
    let oidc = oidc_role(&cloud_state, &provider_urn_arg(&cloud_state));
    for (settings, route) in [
        (key_args(&cloud_state, 0), Route::Links),
        (key_args(&cloud_state, 1), Route::Links),
        (token_arg(&cloud_state), Route::Links),
        (user_id_args(&cloud_state), Route::Tokens),
        (user_id_args(&cloud_state), Route::Links),
        (agency.clone(), Route::Assume),
        (agency, Route::Links),
        (oidc.clone(), Route::AssumeWithOidc),
        (oidc, Route::Links),
    ] {
        let mut fixture = Fixture::with_cloud_state(cloud_state.clone());
        fixture
            .cloud
            .inject_once(route, Encoding::ALL.map(|encoding| Fault::EchoSecrets { status: 400, encoding }));
        fixture.workspace.enable_trace_log();
        let data_sources = "data \"dds_ssl_cert_download_links\" \"many\" {\n  count       = 9\n  instance_id = \
                    \"i-${count.index}\"\n}\n";
        fixture.configure_with(&format!("{settings}\n  {project}\n  max_retries = 0"), data_sources);
        let output = fixture.workspace.run(&["plan", "-input=false", "-parallelism=1"]);
        let errors = without_layout(&output.stderr);
        let count = errors.matches("yousent:").count();
        assert!(count == 9 || (terraform_merges_equal_errors() && count > 0), "{route:?} {}", output.stderr);
        assert!(errors.contains("***"), "{errors}");
        let texts = [
            ("log", without_layout(&fixture.workspace.trace_log())),
            ("stdout", without_layout(&output.stdout)),
            ("stderr", errors),
        ];
        assert!(!texts[0].1.is_empty());
        assert_no_secret(&fixture.cloud, &texts, &format!("{route:?}"));
    }
}

/// Asserts that none of the texts contains a secret in any encoding. `case` is the name of the case.
pub fn assert_no_secret(cloud: &Simulator, texts: &[(&str, String)], case: &str) {
    for secret in secrets(cloud).into_iter().chain([LINK_SIGNATURE.to_owned()]) {
        for encoding in Encoding::ALL {
            let encoded = without_layout(&encoding.encode(&secret));
            // Core, the log and error messages can encode the text once more.
            for encoded in [encoded.clone(), without_layout(&Encoding::Json.encode(&encoded))] {
                for (name, text) in texts {
                    assert!(!text.contains(&encoded), "{encoded} ({encoding:?}) in the {name}, {case}");
                }
            }
        }
    }
}

#[test]
fn errors_show_no_line_with_a_literal_secret() {
    let oidc =
        "assume_role_with_oidc {\n    agency_name = \"a\"\n    domain_id = \"d\"\n    idp_id = \"i\"\n    ";
    for (arguments, summary, part) in [
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
        let fixture = Fixture::new();
        let later = "resource \"terraform_data\" \"later\" {\n  input = \"x\"\n}\n";
        fixture.configure_with(&arguments, &format!("{later}{}", data_source(INSTANCE)));
        let errors = fixture.plan_fails_with(&[summary, part]);
        assert!(!errors.contains("LITERAL"), "{arguments}: {errors}");
        let shows_block = errors.contains("in provider \"dds\"");
        assert!(shows_block || summary == "Provider Setting Not Known Yet", "{arguments}: {errors}");
    }
    // Lines of other arguments are printed.
    let fixture = Fixture::new();
    fixture.configure("max_retries = -1", &data_source(INSTANCE)).plan_fails_with(&["max_retries = -1"]);
}
