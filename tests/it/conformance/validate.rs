//! What core leaves to the provider to check.

use plugin_host::protocol::tfplugin::diagnostic::Severity;
use serde_json::{Value, json};

use super::*;
use crate::process::LINKS;
use crate::protocol::path;

/// The summaries and places of what is found.
async fn check(connection: &Connection, config: Value) -> Vec<(String, String)> {
    let found = connection.validate(LINKS, config).await.unwrap();
    assert!(found.iter().all(|it| it.severity() == Severity::Error));
    found.iter().map(|it| (it.summary.clone(), path(it))).collect()
}

fn expect(summary: &str, path: &str) -> Vec<(String, String)> {
    vec![(summary.to_owned(), path.to_owned())]
}

#[tokio::test]
async fn c56_a_required_attribute_that_is_null_is_an_error_at_its_place() {
    for offered in BOTH {
        let (_process, connection) = speaking(offered).await;
        let missing = expect("Missing Required Attribute", "instance_id");
        for config in [json!({}), json!({ "instance_id": null, "region": "cn-north-4" })] {
            assert_eq!(check(&connection, config).await, missing);
        }
        assert_eq!(check(&connection, json!({ "instance_id": "i" })).await, []);
    }
}

#[tokio::test]
async fn c57_a_computed_attribute_that_is_set_is_an_error_at_its_place() {
    for offered in BOTH {
        let (_process, connection) = speaking(offered).await;
        let certs = json!([{ "category": "c", "download_link": null }]);
        for (name, value) in [("id", json!("x")), ("certs", certs), ("certs", json!([]))] {
            let config = json!({ "instance_id": "i", name: value });
            assert_eq!(check(&connection, config).await, expect("Read-Only Attribute Set", name));
        }
    }
}

#[tokio::test]
async fn what_no_instance_and_no_region_is_called_is_an_error_at_its_place() {
    let (_process, connection) = speaking("6").await;
    let config = json!({ "instance_id": "../x" });
    assert_eq!(check(&connection, config).await, expect("Invalid Instance ID", "instance_id"));
    let config = json!({ "instance_id": "i", "region": "" });
    assert_eq!(check(&connection, config).await, expect("Invalid Region", "region"));
}
