//! Fuzzes type constraints. A parsed constraint is written and parsed again without a change. The written JSON has the
//! same structure as the original.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use terraform_provider_dds::tfplugin::value::Type;

fuzz_target!(|data: &[u8]| {
    let Ok(of) = Type::from_json(data) else { return };
    let text = of.to_json();
    assert_eq!(Type::from_json(&text).as_ref(), Ok(&of), "{}", String::from_utf8_lossy(&text));
    let (ours, theirs) = (serde_json::from_slice(&text), serde_json::from_slice(data));
    assert_eq!(ours.ok(), theirs.ok().map(required));
});

/// Removes the lists of optional attributes, which the provider does not write.
fn required(constraint: Value) -> Value {
    match constraint {
        Value::Array(mut parts) => {
            // An empty array is the list of a tuple's element types.
            if parts.first().is_some_and(|kind| kind == "object") {
                parts.truncate(2);
            }
            Value::Array(parts.into_iter().map(required).collect())
        }
        Value::Object(members) => members.into_iter().map(|(name, of)| (name, required(of))).collect(),
        simple => simple,
    }
}
