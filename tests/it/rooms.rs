//! The direction of the rooms: who may call whom under `src/`, compared with what the sources say.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Data flows one way, from the process's start to the cloud. A room may use itself and what stands in its row.
const MAY_USE: &[(&str, &[&str])] = &[
    ("plugin", &["provider", "schema", "value", "diagnostic", "secret", "outside"]),
    // What the protocols translate into.
    ("plugin/engine", &["provider", "schema", "value", "diagnostic"]),
    // The environment passes through on its way to the settings.
    ("provider", &["api", "schema", "value", "diagnostic", "outside"]),
    ("provider/data_source", &["provider", "api", "schema", "value", "diagnostic"]),
    ("provider/config", &["provider", "api", "auth", "schema", "value", "diagnostic", "secret", "outside"]),
    ("provider/explain", &["provider", "api", "auth", "transport", "diagnostic"]),
    ("api", &["auth", "transport", "outside"]),
    ("auth", &["transport", "secret", "outside"]),
    ("transport", &["secret", "outside"]),
    ("schema", &["value", "diagnostic"]),
    ("value", &[]),
    ("diagnostic", &[]),
    ("secret", &[]),
    ("outside", &[]),
    ("about", &[]),
];

/// What a room must not touch of the world outside the crate.
const NEVER: &[(&str, &[&str])] = &[
    ("plugin", &["reqwest"]),
    ("plugin/engine", &["prost", "tonic", "reqwest"]),
    ("provider", &["prost", "tonic", "reqwest", "http", "rmp"]),
    ("api", &["prost", "tonic", "reqwest"]),
    ("auth", &["prost", "tonic", "reqwest"]),
    ("transport", &["prost", "tonic"]),
    ("schema", &["tokio", "tonic", "prost", "reqwest", "http"]),
    ("value", &["tokio", "tonic", "prost", "reqwest", "http"]),
    ("diagnostic", &["tokio", "tonic", "prost", "reqwest", "http"]),
    ("secret", &["tokio", "tonic", "prost", "reqwest", "http"]),
    ("outside", &["tokio", "tonic", "prost", "reqwest", "http"]),
];

#[test]
fn rooms_call_in_one_direction_only() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let room = room(&file);
        let allowed = row(MAY_USE, &room).unwrap_or_else(|| panic!("{file} belongs to no room"));
        let own = room.split('/').next().unwrap();
        for used in rooms_used(&text) {
            if used != own && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{file}: {room} must not use {used}"));
            }
        }
        for never in row(NEVER, &room).unwrap_or_default() {
            if uses_crate(&text, never) {
                wrong.push(format!("{file}: {room} must not touch {never}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_of_the_table_exists() {
    let rooms: BTreeSet<String> = sources().iter().map(|(file, _)| room(file)).collect();
    for (room, _) in MAY_USE {
        assert!(rooms.contains(*room), "{room} is in the table but not under src/");
    }
}

#[test]
fn the_check_sees_a_wrong_arrow() {
    let text = "use crate::plugin::Connection;\nuse crate::{api::Client, value::Value};\nlet x = crate::schema::docs();";
    assert_eq!(rooms_used(text).into_iter().collect::<Vec<_>>(), ["api", "plugin", "schema", "value"]);
    assert!(uses_crate("let x: tonic::Status;", "tonic") && uses_crate("use http::Request;", "http"));
    assert!(!uses_crate("// https://x\nlet mytonic = 1; httpdate::parse()", "http"));
}

/// The room's own row, or else that of the room around it.
fn row<'a>(table: &'a [(&str, &'a [&'a str])], room: &str) -> Option<&'a [&'a str]> {
    let find = |name: &str| table.iter().find(|(row, _)| *row == name).map(|(_, row)| *row);
    find(room).or_else(|| find(room.split('/').next()?))
}

/// `src/provider/config/setting.rs` is in the room `provider/config`, `src/plugin/tls.rs` in `plugin`.
fn room(file: &str) -> String {
    let parts: Vec<&str> = file.trim_end_matches(".rs").split('/').skip(1).collect();
    match parts.as_slice() {
        ["provider", part @ ("config" | "explain" | "data_source"), ..] => format!("provider/{part}"),
        ["plugin", "engine"] => "plugin/engine".to_owned(),
        [room, ..] => (*room).to_owned(),
        [] => String::new(),
    }
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let named = files.into_iter().map(|path| {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        (name, fs::read_to_string(path).unwrap())
    });
    // What only tests use is not held to the table.
    named
        .filter(|(name, _)| {
            !["main.rs", "lib.rs", "tests.rs"].iter().any(|file| name.ends_with(&format!("/{file}")))
        })
        .collect()
}

/// The first names after `crate::`, also inside braces.
fn rooms_used(text: &str) -> BTreeSet<String> {
    let name = |text: &str| {
        text.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned)
    };
    let mut used = BTreeSet::new();
    for rest in code(text).split("crate::").skip(1) {
        if let Some(list) = rest.strip_prefix('{') {
            let list = list.split(';').next().unwrap_or(list);
            let mut depth = 0;
            let mut start = true;
            for (position, letter) in list.char_indices() {
                if depth == 0 && start && !letter.is_whitespace() {
                    used.extend(name(&list[position..]));
                    start = false;
                }
                match letter {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    _ => {}
                }
            }
        } else {
            used.extend(name(rest));
        }
    }
    used.remove("");
    used
}

fn uses_crate(text: &str, name: &str) -> bool {
    let text = code(text);
    let boundary = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
    text.match_indices(&format!("{name}::")).any(|(at, _)| boundary(text[..at].chars().next_back()))
}

/// Without comments.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}
