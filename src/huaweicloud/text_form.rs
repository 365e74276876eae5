//! What a text may hold that is sent to the cloud as it is. Pure.
//!
//! An empty text has every form but that of an identifier: whether a text is missing is another question.

/// Whether keys, tokens and IDs can be sent: graphic ASCII, as it goes into a header or a signature.
pub fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a text can be an ID in the path of a URL: letters, digits, `-` and `_`.
pub fn is_identifier(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.bytes().all(fits)
}

/// Whether a text has no line breaks and other control characters, such as a password.
pub fn is_one_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// Whether a text can be a name: one line without blanks at its ends.
pub fn is_name(text: &str) -> bool {
    text.trim() == text && is_one_line(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_its_own_characters() {
        for (text, token, identifier, one_line, name) in [
            ("a-B_9", true, true, true, true),
            ("a+/=", true, false, true, true),
            ("a b", false, false, true, true),
            ("é", false, false, true, true),
            (" a", false, false, true, false),
            ("a\n", false, false, false, false),
            ("../a", true, false, true, true),
            ("", true, false, true, true),
        ] {
            let found = (is_token(text), is_identifier(text), is_one_line(text), is_name(text));
            assert_eq!(found, (token, identifier, one_line, name), "{text:?}");
        }
    }
}
