//! The example that shows any provider: as a program, with our provider and with what is none.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cloud_simulator::{CloudState, Fault, Route, Simulator};
use plugin_host::built;
use plugin_host::protocol::provider_schema::{Action, Function, ProviderSchema, function};
use plugin_host::protocol::tfplugin6::Schema;
use plugin_host::protocol::tfplugin6::schema::{Attribute, Block, NestedBlock, Object, nested_block, object};
use serde_json::json;

use crate::process::{INSTANCE, LINKS, PROVIDER, settings};

#[path = "../../examples/host/sheet.rs"]
mod sheet;

fn host(arguments: &[&str]) -> Output {
    static FOLDER: OnceLock<std::path::PathBuf> = OnceLock::new();
    // Built already, unless only some of the tests were.
    let provider = FOLDER.get_or_init(|| built::provider("host").unwrap());
    let program = provider.parent().unwrap().join("examples").join("host");
    // The environment is handed on, and nobody's keys are for these tests.
    Command::new(program).args(arguments).env_clear().env("PATH", "/usr/bin:/bin").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn our_provider_is_shown_with_a_read_in_both_protocols() {
    let cloud = Simulator::start(CloudState::sample());
    let config = settings(&cloud).to_string();
    let read = json!({ "instance_id": INSTANCE }).to_string();
    for protocol in ["5", "6"] {
        let output = host(&["--protocol", protocol, "--config", &config, "--read", LINKS, &read, PROVIDER]);
        let (shown, errors) = (text(&output.stdout), text(&output.stderr));
        assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{shown}");
        for part in [
            &format!("protocol       {protocol}\n"),
            "certificate    ECDSA P-256\n",
            "  names        localhost\n",
            "mutual TLS: TLSv1_3",
            &format!("data source {LINKS}\n"),
            "certs        list(object({category = string, download_link = string})), computed",
            "secret_key               string, optional, sensitive\n",
            &format!("\"instance_id\": \"{INSTANCE}\""),
            "\"category\": \"international\"",
            "start of the process to handshake line",
            "connection and first answer",
            "\nschema",
            "\nconfigure",
            "\nread",
            "Shutdown to end of the process",
        ] {
            assert!(shown.contains(part), "{part:?} is not in {shown}");
        }
        assert_eq!(shown.contains(" MiB\n"), cfg!(target_os = "linux"), "{shown}");
        let secret = &cloud.cloud_state().keys[0].secret;
        assert!(!shown.contains(secret.as_str()) && !shown.contains("which is not now"));
    }
}

#[test]
fn a_command_line_that_is_none_is_answered_with_the_usage() {
    for (arguments, word) in [
        (&[][..], "BINARY is missing"),
        (&["--unknown", "x"], "--unknown is no option"),
        (&["--protocol", "7", "x"], "--protocol takes 5 or 6, not 7"),
        (&["--limit", "0", "x"], "--limit takes seconds"),
        (&["--config", "{\"password\": \"hidden\"", "x"], "wrong at line 1, column 21"),
        (&["--config", "[]", "x"], "--config takes a JSON object"),
        (&["--read", "dds_x"], "JSON after --read TYPE is missing"),
    ] {
        let output = host(arguments);
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{errors}");
        assert!(errors.contains(word) && errors.contains("usage:") && !errors.contains("hidden"), "{errors}");
    }
}

#[test]
fn what_the_provider_refuses_is_told() {
    let read = |arguments: &[&str]| {
        let output = host(&[arguments, &[PROVIDER]].concat());
        assert_eq!(output.status.code(), Some(1));
        // What can be measured is shown also then.
        assert!(text(&output.stdout).contains("Shutdown to end of the process"));
        text(&output.stderr)
    };
    let errors = read(&["--config", "{}"]);
    assert!(errors.contains("error: Missing Provider Setting (at region)\nThe provider needs"), "{errors}");
    let errors = read(&["--config", r#"{ "regoin": "x" }"#]);
    assert!(errors.contains("--config: the configuration has no argument \"regoin\""), "{errors}");
    let config = r#"{ "region": "cn-north-4", "token": "t" }"#;
    let errors = read(&["--config", config, "--read", "dds_unknown", "{}"]);
    assert!(errors.contains("It has no data source \"dds_unknown\""), "{errors}");
    let errors = read(&["--config", config, "--read", LINKS, r#"{ "instance_id": "../x" }"#]);
    assert!(errors.contains("(at instance_id)"), "{errors}");
}

#[test]
fn a_read_is_not_waited_for_beyond_the_limit() {
    let cloud = Simulator::start(CloudState::sample());
    cloud.always(Route::Links, Fault::Slow(Duration::from_secs(30)));
    let config = settings(&cloud).to_string();
    let read = json!({ "instance_id": INSTANCE }).to_string();
    let output = host(&["--limit", "1", "--config", &config, "--read", LINKS, &read, PROVIDER]);
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(1), "\nNo answer in 1 s: read.\n")
    );
    assert!(text(&output.stdout).contains("Shutdown to end of the process"));
}

#[test]
fn what_is_no_provider_is_told_and_not_waited_for() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let certificate = STANDARD_NO_PAD.encode(certificate.der());
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let line =
        |protocol: &str, rest: &str| format!("echo '1|{protocol}|tcp|{address}|grpc|{rest}'; exec sleep 30");
    let cases = [
        ("echo welcome; exec sleep 30".to_owned(), "\"welcome\" is not the line of a plugin"),
        (
            "echo why >&2; exit 3".to_owned(),
            "the output ended before a line did (exit status: 3).\nIts stderr:\n  why",
        ),
        ("exec sleep 30".to_owned(), "no line in 1 s"),
        ("echo '2|6|unix|/x|grpc|'".to_owned(), "core protocol 1"),
        (line("4", ""), "It speaks protocol 4, and was offered 6,5."),
        (line("6", ""), "no server certificate"),
        (line("6", &certificate), "No answer in 1 s: the connection."),
        ("echo '1|6|unix|/nowhere/socket|grpc|'".to_owned() + &certificate, "It cannot be connected to: "),
    ];
    std::thread::scope(|scope| {
        for (script, word) in &cases {
            scope.spawn(move || {
                let output = host(&["--limit", "1", "/bin/sh", "-c", script]);
                let errors = text(&output.stderr);
                assert_eq!(output.status.code(), Some(1), "{script}: {errors}");
                assert!(errors.contains(word) && !errors.contains("panicked"), "{script}: {errors}");
            });
        }
    });
    let output = host(&[Path::new("/nowhere").join("provider").to_str().unwrap()]);
    assert!(
        output.status.code() == Some(1)
            && text(&output.stderr).contains("/nowhere/provider cannot be started")
    );
}

#[test]
fn everything_that_a_provider_can_offer_is_listed() {
    let attribute = |name: &str, of: &str| Attribute {
        name: name.to_owned(),
        r#type: of.into(),
        optional: true,
        ..Default::default()
    };
    let of = |attributes| Block { attributes, ..Default::default() };
    let schema = |version, block| Schema { version, block: Some(block) };
    let nested = |name: &str, nesting: nested_block::NestingMode, items: (i64, i64)| NestedBlock {
        type_name: name.to_owned(),
        block: Some(of(vec![attribute("inner", "\"bool\"")])),
        nesting: nesting.into(),
        min_items: items.0,
        max_items: items.1,
    };
    let members = Object {
        attributes: vec![Attribute { sensitive: true, ..attribute("member", "\"number\"") }],
        nesting: object::NestingMode::Set.into(),
    };
    let data = Block {
        attributes: vec![
            attribute("any", "\"dynamic\""),
            attribute("wrong", "[]"),
            Attribute { nested_type: Some(members), computed: true, ..attribute("members", "") },
        ],
        block_types: vec![
            nested("single", nested_block::NestingMode::Single, (0, 0)),
            nested("list", nested_block::NestingMode::List, (1, 0)),
            nested("set", nested_block::NestingMode::Set, (0, 3)),
            nested("map", nested_block::NestingMode::Map, (0, 0)),
            nested("group", nested_block::NestingMode::Group, (0, 0)),
        ],
        ..Default::default()
    };
    let parameter = |name: &str, of: &str| function::Parameter { name: name.to_owned(), r#type: of.into() };
    let join = Function {
        parameters: vec![parameter("by", "\"string\"")],
        variadic_parameter: Some(parameter("parts", r#"["list","string"]"#)),
        r#return: Some(function::Return { r#type: b"\"string\"".to_vec() }),
    };
    let one = |name: &str, schema: Schema| [(name.to_owned(), schema)].into();
    let schema = ProviderSchema {
        provider: Some(schema(0, of(vec![]))),
        data_sources: one("x_data", schema(0, data)),
        resources: one(
            "x_thing",
            schema(3, of(vec![Attribute { write_only: true, ..attribute("w", "\"string\"") }])),
        ),
        ephemeral_resources: one("x_secret", schema(0, of(vec![attribute("value", "\"string\"")]))),
        list_resources: one("x_listed", Schema::default()),
        actions: [("x_act".to_owned(), Action { schema: Some(schema(0, of(vec![]))) })].into(),
        functions: [("join".to_owned(), join)].into(),
        ..Default::default()
    };
    insta::assert_snapshot!(sheet::listing(&schema), @"
    provider
    data source x_data
      any       dynamic, optional
      wrong     [] is no type, optional
      members   set of objects, optional, computed
        member  number, optional, sensitive
      single    block
        inner   bool, optional
      list      list of blocks, at least 1
        inner   bool, optional
      set       set of blocks, at most 3
        inner   bool, optional
      map       map of blocks
        inner   bool, optional
      group     block, always there
        inner   bool, optional
    resource x_thing (version 3)
      w  string, optional, write-only
    ephemeral resource x_secret
      value  string, optional
    list resource x_listed
      no block, which is against the protocol
    action x_act
    function join(by string, parts... list(string)) string
    ");
}
