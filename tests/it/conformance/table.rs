//! The table in `tests/README.md` and the tests agree, so that neither can be changed alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const CHECKS: usize = 78;
const EXTRA: usize = 9;

struct Row {
    /// `c01` or `w01`: what the names of its tests begin with.
    number: String,
    tests: BTreeSet<String>,
    kind: String,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/README.md")).unwrap();
    let cells = text.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let rows = cells.filter_map(|cells| match cells.as_slice() {
        ["", number, _, tests, _, kind, ""] => {
            let number = match number.strip_prefix('w') {
                Some(extra) => format!("w{:02}", extra.parse::<usize>().ok()?),
                None => format!("c{:02}", number.parse::<usize>().ok()?),
            };
            // Names stand between back quotes.
            let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            Some(Row { number, tests, kind: (*kind).to_owned() })
        }
        _ => None,
    });
    rows.collect()
}

/// The paths of all tests whose names begin with a number.
fn numbered() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let (mut folders, mut found) = (vec![root.clone()], BTreeSet::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let module = path.strip_prefix(&root).unwrap().with_extension("");
            let module: Vec<_> = module.iter().map(|part| part.to_str().unwrap()).collect();
            let text = fs::read_to_string(&path).unwrap();
            let names = text.lines().filter_map(|line| line.split_once("fn ")?.1.split_once("()"));
            let names = names.filter(|(name, _)| is_numbered(name));
            found.extend(names.map(|(name, _)| format!("{}::{name}", module.join("::"))));
        }
    }
    found
}

fn is_numbered(name: &str) -> bool {
    matches!(name.as_bytes(), [b'c' | b'w', a, b, b'_', ..] if a.is_ascii_digit() && b.is_ascii_digit())
}

#[test]
fn every_check_has_one_row() {
    let numbers: Vec<_> = rows().into_iter().map(|row| row.number).collect();
    let expected = (1..=CHECKS).map(|number| format!("c{number:02}"));
    let expected = expected.chain((1..=EXTRA).map(|number| format!("w{number:02}")));
    assert_eq!(numbers, expected.collect::<Vec<_>>());
}

#[test]
fn table_lists_all_numbered_tests() {
    let rows = rows();
    let named: BTreeSet<_> = rows.iter().flat_map(|row| row.tests.clone()).collect();
    let numbered = numbered();
    assert!(named.len() > CHECKS, "{named:?}");
    assert_eq!(named.difference(&numbered).collect::<Vec<_>>(), Vec::<&String>::new(), "only in the table");
    assert_eq!(numbered.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the table");
}

#[test]
fn rows_have_tests_with_their_number_or_a_reason() {
    for row in rows() {
        let reasons = ["not applicable: ", "program: "];
        let reason = reasons.iter().find_map(|start| row.kind.strip_prefix(start));
        assert_eq!(row.tests.is_empty(), reason.is_some_and(|reason| reason.len() > 10), "{}", row.number);
        for test in &row.tests {
            let name = test.rsplit("::").next().unwrap();
            assert!(name.starts_with(&format!("{}_", row.number)), "{test} is in the row of {}", row.number);
        }
        let kinds = ["binary", "in process", "core", "not applicable: ", "program: "];
        assert!(kinds.iter().any(|kind| row.kind.starts_with(kind)), "{}: {}", row.number, row.kind);
    }
}
