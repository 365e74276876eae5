use proptest::prelude::*;

use super::*;

fn without(text: &str, secret: &str) -> String {
    cut_out(text, Needle::of(secret).iter())
}

#[test]
fn a_long_secret_is_redacted_in_every_encoding() {
    let secret = "aB/9+c=\"d\\e f<é";
    for encoded in [
        secret.to_owned(),
        r#"aB\/9+c\u003d\"d\\e f<é"#.into(),
        r#"\u0061\u0042\u002F\u0039\u002b\u0063\u003D\u0022\u0064\u005c\u0065\u0020\u0066\u003c\u00e9"#
            .into(),
        r#"aB/9+c=\\\"d\\\\e f\\u003cé"#.into(),
        r#"aB/9+c\x3d\"d\\e f\u{3c}é"#.into(),
        "aB%2F9%2Bc%3D%22d%5Ce%20f%3C%C3%A9".into(),
        "aB%2f9%2bc%3d%22d%5ce%20f%3c%c3%a9".into(),
        "aB%2F9%2Bc%3D%22d%5Ce+f%3C%C3%A9".into(),
        "aB%252F9%252Bc%253D%2522d%255Ce%2520f%253C%25C3%25A9".into(),
        "aB/9+c=&quot;d\\e f&lt;é".into(),
        "aB&#47;9&#x2b;c&equals;&#34;d&bsol;e&#x20;f&#60;&#xe9;".into(),
    ] {
        assert_eq!(without(&format!("you sent <{encoded}>!"), secret), "you sent <***>!", "{encoded}");
    }
}

#[test]
fn base64_of_a_text_with_the_secret_hides_it() {
    use base64::engine::general_purpose::STANDARD;

    for before in ["", "u:", "us:", "user:"] {
        let text = format!("{before}pass?>~word!");
        for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
            let shown = without(&format!("Basic {encoded}"), "pass?>~word!");
            assert!(shown.contains("***") && shown.len() < 24, "{shown}");
        }
    }
}

#[test]
fn a_short_secret_is_redacted_as_a_whole_word_only() {
    for (text, shown) in [
        ("DBS.200002", "DBS.200002"),
        ("your S, or S=1 (S)", "your ***, or ***=1 (***)"),
        (r"a\nS\u0020b", r"a\n***\u0020b"),
        ("key%3DS%26", "key%3D***%26"),
        ("S", "***"),
        ("SS _S S1", "SS _S S1"),
    ] {
        assert_eq!(without(text, "S"), shown);
    }
}

#[test]
fn overlapping_secrets_leave_nothing_between_them() {
    let both: Vec<_> = ["12345678", "5678901y"].into_iter().flat_map(Needle::of).collect();
    assert_eq!(cut_out("x12345678901y", both.iter()), "x***");
    assert_eq!(without("x abcabcabcabc y", "abcabcabc"), "x *** y");
    assert_eq!(without("éabcdefghé", "abcdefgh"), "é***é");
    assert_eq!((without("", "abcdefgh"), without("a", " \n")), (String::new(), "a".to_owned()));
}

#[test]
fn half_a_secret_at_the_end_of_what_is_searched_is_not_shown() {
    let secret = "0123456789abcdef".repeat(300);
    let long = format!("{}{}", secret.repeat(400), "x");
    let shown = without(&long, &secret);
    assert!(!shown.contains("0123456789"), "{}", &shown[shown.len() - 40..]);
    assert!(without(&"x".repeat(1 << 20), "12345678").len() <= 1 << 16);
}

#[test]
fn secret_is_known_at_once_and_forgotten_after_it_was_dropped() {
    assert_eq!(redact("held-secret"), "held-secret");
    let held = SecretString::from("held-secret\n");
    assert_eq!((redact("a held-secret"), format!("{held:?}")), ("a ***".to_owned(), "***".to_owned()));
    for number in 0..3000 {
        drop(SecretString::from(format!("dropped-{number:04}")));
    }
    assert_eq!(redact("held-secret dropped-2999 dropped-0001"), "*** *** dropped-0001");
    assert!(with(|known| known.0.len()) <= MOST_KNOWN);
    let again = SecretString::from("held-secret\n");
    assert!(Arc::ptr_eq(&held.0, &again.0));
}

#[test]
fn a_text_of_our_own_keeps_its_short_words() {
    let _secrets = ["read", "longer-secret"].map(SecretString::from);
    assert_eq!(redact_long("read failed: longer-secret"), "read failed: ***");
}

/// All encodings that a text may come in.
fn encode(text: &str, form: usize, seed: u64) -> String {
    let mut state = seed;
    let mut coin = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 63 == 1
    };
    let units = |letter: char| {
        letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>()
    };
    let bytes =
        |letter: char| letter.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    text.chars()
        .map(|letter| match (form, letter) {
            (0, _) => letter.to_string(),
            (1, '"' | '\\' | '/') => format!("\\{letter}"),
            (2, _) => units(letter),
            (3, _) if coin() || letter == '\\' => units(letter),
            (4, _) => bytes(letter),
            (5, _) => bytes(letter).to_lowercase(),
            (6, ' ') => "+".to_owned(),
            (6, _) if !letter.is_ascii_alphanumeric() => bytes(letter),
            (7, _) => format!("&#{};", u32::from(letter)),
            (8, '&') => "&amp;".to_owned(),
            (8, '<') => "&lt;".to_owned(),
            (8, '>') => "&gt;".to_owned(),
            (8, '"') => "&quot;".to_owned(),
            (8, '\'') => "&#39;".to_owned(),
            _ => letter.to_string(),
        })
        .collect()
}

proptest! {
    #[test]
    fn no_encoding_and_no_two_of_them_hide_a_secret(
        secret in "[!-~é][ -~é😀]{6,30}[!-~é]",
        before in "[ -~é]{0,20}",
        after in "[ -~é]{0,20}",
        (first, second) in (0..9_usize, 0..9_usize),
        seed in any::<u64>(),
    ) {
        let encoded = encode(&encode(&secret, first, seed), second, !seed);
        let shown = without(&format!("{before} {encoded} {after}"), &secret);
        prop_assert!(!shown.contains(&encoded), "{encoded} in {shown}");
    }

    #[test]
    fn a_text_without_the_secret_is_left_as_it_is(text in "[ -~é]{0,200}") {
        prop_assert_eq!(without(&text, "secret that is not there"), text);
    }
}

#[test]
fn secret_is_found_in_short_and_long_texts() {
    let _secret = SecretString::from("correct-horse");
    for padding in [0, 4000, 5000, 20_000] {
        let blanks = " ".repeat(padding);
        let shown = redact(&format!("c {blanks}correct-horse, correct-hors{blanks}"));
        assert_eq!(shown, format!("c {blanks}***, correct-hors{blanks}"), "{padding}");
    }
}
