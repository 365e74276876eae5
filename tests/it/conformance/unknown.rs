//! Values that are not known yet, in all their forms.

use plugin_host::null_object;
use serde_json::json;

use super::*;
use crate::process::LINKS;
use crate::protocol::{path, summaries};

/// Every way to write an unknown value: the plain one, what newer cores say about one, and what may come yet.
fn forms() -> Vec<Vec<u8>> {
    let refined = |payload: &[u8]| [&[0xc7, u8::try_from(payload.len()).unwrap(), 12], payload].concat();
    let with = |head: &[u8], length: usize| [head, &vec![0; length]].concat();
    vec![
        vec![0xd4, 0, 0],
        // Not null; beginning with "pre-"; between two numbers; with a length between two.
        refined(&[0x81, 1, 0xc2]),
        refined(b"\x82\x01\xc2\x02\xa4pre-"),
        refined(&[0x82, 3, 0x92, 1, 0xc3, 4, 0x92, 9, 0xc2]),
        refined(&[0x82, 5, 1, 6, 9]),
        refined(&[]),
        // Extensions of another number, in each of the eight forms.
        with(&[0xd4, 99], 1),
        with(&[0xd5, 99], 2),
        with(&[0xd6, 99], 4),
        with(&[0xd7, 99], 8),
        with(&[0xd8, 99], 16),
        with(&[0xc7, 0, 99], 0),
        with(&[0xc7, 5, 0], 5),
        with(&[0xc8, 1, 0, 99], 256),
        with(&[0xc9, 0, 0, 1, 0, 12], 256),
    ]
}

#[tokio::test]
async fn c54_every_form_of_an_unknown_value_is_taken_for_one() {
    for offered in BOTH {
        let (_process, connection) = speaking(offered).await;
        for config in [
            // Null here would be an error.
            json!({ "instance_id": HERE }),
            json!({ "instance_id": "i", "region": HERE }),
            json!({ "instance_id": "i", "timeouts": HERE }),
            json!({ "instance_id": "i", "timeouts": { "read": HERE } }),
        ] {
            let config = connection.complete(LINKS, config).await.unwrap();
            for bytes in forms() {
                let config = Some(with_bytes(config.clone(), &bytes));
                assert_eq!(connection.validate_raw(LINKS, config).await.unwrap(), [], "{bytes:x?}");
            }
        }
        let settings = json!({ "region": "cn-north-4", "max_retries": HERE });
        let config = connection.complete_provider(settings).await.unwrap();
        for bytes in forms() {
            let config = Some(with_bytes(config.clone(), &bytes));
            assert_eq!(connection.validate_provider_raw(config).await.unwrap(), [], "{bytes:x?}");
        }
    }
}

#[tokio::test]
async fn c55_nothing_is_said_about_what_is_not_known_yet() {
    for offered in BOTH {
        let (_process, connection) = speaking(offered).await;
        for unknown in [json!({ "$unknown": "plain" }), json!({ "$unknown": "refined" })] {
            for (config, expected) in [
                (json!({ "instance_id": unknown, "region": unknown, "timeouts": unknown }), vec![]),
                (json!({ "instance_id": unknown, "region": "" }), vec!["region"]),
                (json!({ "instance_id": "../x", "region": unknown }), vec!["instance_id"]),
                (json!({ "instance_id": "../x", "timeouts": { "read": unknown } }), vec!["instance_id"]),
            ] {
                let found = connection.validate(LINKS, config).await.unwrap();
                assert_eq!(found.iter().map(path).collect::<Vec<_>>(), expected, "{found:?}");
            }
            let schema = connection.schema().await.unwrap().provider.unwrap();
            for name in null_object(&schema).keys().filter(|name| *name != "max_retries") {
                let mut config = json!({ "max_retries": -1 });
                config[name] = unknown.clone();
                let found = connection.validate_provider(config).await.unwrap();
                assert_eq!(found.iter().map(path).collect::<Vec<_>>(), ["max_retries"], "{name}: {found:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_read_that_needs_what_is_not_known_yet_names_each_setting() {
    let (_process, connection) = speaking("6").await;
    let unknown = json!({ "$unknown": "plain" });
    let config = json!({
        "region": unknown, "access_key": unknown, "secret_key": "s", "endpoints": { "dds": unknown },
        "insecure": unknown, "max_retries": unknown, "project_id": unknown,
    });
    assert_eq!(connection.configure(config).await.unwrap(), []);
    let found = connection.read(LINKS, json!({ "instance_id": "i" })).await.unwrap().diagnostics;
    assert!(summaries(&found).iter().all(|it| *it == "Provider Setting Not Known Yet"), "{found:?}");
    let mut places: Vec<_> = found.iter().map(path).collect();
    places.sort();
    assert_eq!(places, ["access_key", "endpoints.dds", "insecure", "max_retries", "project_id", "region"]);
}
