//! Fuzzes type constraints. A parsed constraint is written and parsed again without a change. The written JSON has the
//! same structure as the original.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use terraform_provider_dds::tfplugin::value::Type;

fuzz_target!(|data: &[u8]| {
    let Ok(constraint) = Type::from_json(data) else { return };
    let text = constraint.to_json();
    assert_eq!(Type::from_json(&text).as_ref(), Ok(&constraint), "{}", String::from_utf8_lossy(&text));
    let (written, original) = (serde_json::from_slice(&text), serde_json::from_slice(data));
    assert_eq!(written.ok(), original.ok().map(without_optional));
});

/// Removes the lists of optional attributes, which the provider does not write.
fn without_optional(constraint: Value) -> Value {
    match constraint {
        Value::Array(mut elements) => {
            // An empty array is the list of a tuple's element types.
            if elements.first().is_some_and(|kind| kind == "object") {
                elements.truncate(2);
            }
            Value::Array(elements.into_iter().map(without_optional).collect())
        }
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, without_optional(member))).collect(),
        primitive => primitive,
    }
}
