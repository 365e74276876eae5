//! Checks that the table in `tests/README.md` lists exactly the numbered tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The number of checks in the first table.
const CHECKS: usize = 78;
/// The number of checks in the second table.
const EXTRA_CHECKS: usize = 9;

struct Row {
    /// The prefix of its tests' names, such as `c01` or `w01`.
    number: String,
    tests: BTreeSet<String>,
    /// The last column: how the check is tested.
    method: String,
}

/// All rows of both tables.
fn rows() -> Vec<Row> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/README.md")).unwrap();
    let cells = text.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let rows = cells.filter_map(|cells| match cells.as_slice() {
        ["", number, _, tests, _, method, ""] => {
            let number = match number.strip_prefix('w') {
                Some(extra) => format!("w{:02}", extra.parse::<usize>().ok()?),
                None => format!("c{:02}", number.parse::<usize>().ok()?),
            };
            // Names are between backticks.
            let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            Some(Row { number, tests, method: (*method).to_owned() })
        }
        _ => None,
    });
    rows.collect()
}

/// The paths of all tests whose names begin with a number.
fn numbered_tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let (mut dirs, mut tests) = (vec![root.clone()], BTreeSet::new());
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let module = path.strip_prefix(&root).unwrap().with_extension("");
            let module: Vec<_> = module.iter().map(|part| part.to_str().unwrap()).collect();
            let text = fs::read_to_string(&path).unwrap();
            let names = text.lines().filter_map(|line| line.split_once("fn ")?.1.split_once("()"));
            let names = names.filter(|(name, _)| is_numbered(name));
            tests.extend(names.map(|(name, _)| format!("{}::{name}", module.join("::"))));
        }
    }
    tests
}

fn is_numbered(name: &str) -> bool {
    matches!(name.as_bytes(), [b'c' | b'w', a, b, b'_', ..] if a.is_ascii_digit() && b.is_ascii_digit())
}

#[test]
fn every_check_has_one_row() {
    let numbers: Vec<_> = rows().into_iter().map(|row| row.number).collect();
    let expected = (1..=CHECKS).map(|number| format!("c{number:02}"));
    let expected = expected.chain((1..=EXTRA_CHECKS).map(|number| format!("w{number:02}")));
    assert_eq!(numbers, expected.collect::<Vec<_>>());
}

#[test]
fn table_lists_all_numbered_tests() {
    let listed: BTreeSet<_> = rows().into_iter().flat_map(|row| row.tests).collect();
    let existing = numbered_tests();
    assert!(listed.len() > CHECKS, "{listed:?}");
    assert_eq!(listed.difference(&existing).collect::<Vec<_>>(), Vec::<&String>::new(), "tests do not exist");
    assert_eq!(
        existing.difference(&listed).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "tests are not listed"
    );
}

#[test]
fn rows_have_tests_with_their_number_or_a_reason() {
    for row in rows() {
        let reasons = ["not applicable: ", "program: "];
        let reason = reasons.iter().find_map(|prefix| row.method.strip_prefix(prefix));
        assert_eq!(row.tests.is_empty(), reason.is_some_and(|reason| reason.len() > 10), "{}", row.number);
        for test in &row.tests {
            let name = test.rsplit("::").next().unwrap();
            assert!(name.starts_with(&format!("{}_", row.number)), "{test} is in the row of {}", row.number);
        }
        let methods = ["binary", "in process", "core", "not applicable: ", "program: "];
        assert!(
            methods.iter().any(|method| row.method.starts_with(method)),
            "{}: {}",
            row.number,
            row.method
        );
    }
}
