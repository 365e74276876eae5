//! Checks of strings before they are sent, and sanitizing of received strings before they are shown.

use crate::system::secret::{redact, redact_long};

/// Whether all characters are visible ASCII, as required for keys, tokens and IDs. True for an empty string.
pub fn is_ascii_graphic(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a string can be an ID in a URL path: ASCII letters, digits, `-` and `_`.
pub fn is_identifier(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// Whether a string has no line breaks or other control characters. Required for passwords.
pub fn is_single_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// Whether a string can be a name: a single line without surrounding whitespace.
pub fn is_name(text: &str) -> bool {
    text.trim() == text && is_single_line(text)
}

/// Maximum length of a shown string in characters. Long enough for every documented message.
pub(super) const MAX_CHARS: usize = 500;

/// Returns an excerpt of a body in an unknown format: the title of an HTML page, or the start of the text.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let lower = text.to_ascii_lowercase();
    if !lower.trim_start().starts_with('<') {
        return printable(&text);
    }
    let title = lower.find("<title>").and_then(|start| {
        let start = start + "<title>".len();
        let end = lower[start..].find("</title>")?;
        Some(text[start..start + end].trim())
    });
    match title {
        Some(title) if !title.is_empty() => printable(&format!("an HTML page titled {title}")),
        _ => "an HTML page".to_owned(),
    }
}

/// Removes the queries of URLs, because they may contain signatures.
fn remove_queries(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(start) = rest.match_indices(':').map(|(at, _)| at).find(|at| is_authority(&rest[at + 1..]))
    {
        let end = |from: usize, marks: &[char]| {
            let at =
                rest[from..].find(|character: char| character.is_whitespace() || marks.contains(&character));
            at.map_or(rest.len(), |at| from + at)
        };
        let path_end = end(start, &['?', '"', '\'', '<', '>']);
        let url_end = end(path_end, &['"', '\'', '<', '>']);
        shown += &rest[..path_end];
        shown += if rest[path_end..].starts_with('?') { "?***" } else { "" };
        rest = &rest[url_end..];
    }
    shown + rest
}

/// Whether the string starts with two slashes. In truncated JSON they may be escaped, even twice.
fn is_authority(text: &str) -> bool {
    let after_slash = text.trim_start_matches('\\').strip_prefix('/');
    after_slash.is_some_and(|text| text.trim_start_matches('\\').starts_with('/'))
}

/// Returns a string without secrets, URL queries and control characters, truncated to the maximum length.
pub(crate) fn printable(text: &str) -> String {
    sanitize(text, redact)
}

/// Like [`printable`], but does not redact short secrets, because an identifier may contain one by coincidence.
pub(super) fn printable_identifier(text: &str) -> String {
    sanitize(text, redact_long)
}

fn sanitize(text: &str, redact: fn(&str) -> String) -> String {
    // Redacts again, because invisible characters may have split a secret.
    let text = redact(&remove_invisible(&redact(text)));
    let text = remove_queries(&text);
    let mut characters = text.trim().chars();
    let start: String = characters.by_ref().take(MAX_CHARS).collect();
    if characters.next().is_some() { start + "…" } else { start }
}

/// Replaces control characters and line separators by spaces. Removes invisible characters, which could reverse or hide
/// text.
fn remove_invisible(text: &str) -> String {
    let characters = text.chars().filter(|character| !is_invisible(*character));
    let is_break = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    characters.map(|character| if is_break(character) { ' ' } else { character }).collect()
}

/// Whether Unicode 16 classifies the character as format (`Cf`) or default ignorable.
fn is_invisible(character: char) -> bool {
    INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(character)))
}

#[rustfmt::skip]
const INVISIBLE: [(u32, u32); 25] = [
    (0xad, 0xad), (0x34f, 0x34f), (0x600, 0x605), (0x61c, 0x61c), (0x6dd, 0x6dd), (0x70f, 0x70f), (0x890, 0x891),
    (0x8e2, 0x8e2), (0x115f, 0x1160), (0x17b4, 0x17b5), (0x180b, 0x180f), (0x200b, 0x200f), (0x202a, 0x202e),
    (0x2060, 0x206f), (0x3164, 0x3164), (0xfe00, 0xfe0f), (0xfeff, 0xfeff), (0xffa0, 0xffa0), (0xfff0, 0xfffb),
    (0x110bd, 0x110bd), (0x110cd, 0x110cd), (0x13430, 0x1343f), (0x1bca0, 0x1bca3), (0x1d173, 0x1d17a), (0xe0000,
    0xe0fff),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_shown_without_its_query() {
        for (text, shown) in [
            (
                "see https://a/b?Signature=s&x=1 and 'http://c?d', why?",
                "see https://a/b?*** and 'http://c?***', why?",
            ),
            ("{\"l\":\"https://a/b?Signature=s", "{\"l\":\"https://a/b?***"),
            ("https://a://b?c", "https://a://b?***"),
            (r#"{"l":"https:\/\/a\/b?Signature=s"}"#, r#"{"l":"https:\/\/a\/b?***"}"#),
            (r#"{\"l\":\"https:\\/\\/a?b"#, r#"{\"l\":\"https:\\/\\/a?***"#),
            ("a:b?c :/d?e", "a:b?c :/d?e"),
            ("://", "://"),
        ] {
            assert_eq!(remove_queries(text), shown);
        }
    }

    #[test]
    fn invisible_characters_are_removed() {
        let text = "\u{feff}a\u{202e}b\u{200b}c\u{2066}d\u{ad}e\u{2028}f\u{e0041}g\u{34f}h é 漢 😀";
        assert_eq!(printable(text), "abcde fgh é 漢 😀");
        assert!(INVISIBLE.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn secret_with_invisible_characters_is_redacted() {
        let _secret = crate::system::secret::SecretString::from("long-secret");
        assert_eq!(printable("long\u{200b}-secret, \u{202e}long-secret"), "***, ***");
    }

    #[test]
    fn each_check_accepts_its_own_characters() {
        for (text, graphic, identifier, single_line, name) in [
            ("a-B_9", true, true, true, true),
            ("a+/=", true, false, true, true),
            ("a b", false, false, true, true),
            ("é", false, false, true, true),
            (" a", false, false, true, false),
            ("a\n", false, false, false, false),
            ("../a", true, false, true, true),
            ("", true, false, true, true),
        ] {
            let found = (is_ascii_graphic(text), is_identifier(text), is_single_line(text), is_name(text));
            assert_eq!(found, (graphic, identifier, single_line, name), "{text:?}");
        }
    }
}
