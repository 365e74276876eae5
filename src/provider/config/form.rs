//! The forms that settings have. Pure.

/// Back-off makes ten tries take about two minutes already; more would outlast any read.
const MOST_RETRIES: i64 = 100;

pub(super) const ALGORITHMS: &str = "HmacSHA256, HmacSM3, EcdsaP256SHA256 or SM2SM3";

/// New regions appear often, so only the form of a code is checked.
pub fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

pub(super) fn is_identifier(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

pub(super) fn is_domain(text: &str) -> bool {
    text.trim().trim_end_matches('.').split('.').all(|label| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

pub(super) const BASE_URL: &str =
    "a URL such as https://dds.example.com, without credentials, query and fragment";

pub(super) fn is_base_url(text: &str) -> bool {
    let Ok(url) = url::Url::parse(&text.trim().replace("{region}", "region")) else {
        return false;
    };
    matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// The words that Go's `strconv.ParseBool` takes: the official provider reads its variables with it.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

pub(super) fn parse_retries(text: &str) -> Option<u32> {
    let retries: i64 = text.parse().ok()?;
    (0..=MOST_RETRIES).contains(&retries).then(|| retries.try_into().ok()).flatten()
}
