//! The forms that settings have. Pure.

use super::blocks::{AGENCY_NAME, ID_TOKEN, IDP_ID, PROVIDER_URN};
use super::settings::{
    ACCESS_KEY, DELEGATED_PROJECT, DOMAIN_ID, DOMAIN_NAME, OLD_DOMAIN_NAME, PASSWORD, PROJECT_ID,
    PROJECT_NAME, SECRET_KEY, SECURITY_TOKEN, TENANT_ID, TENANT_NAME, TOKEN, USER_ID, USER_NAME,
};
use crate::huaweicloud::text;

/// Back-off makes ten tries take about two minutes already; more would outlast any read.
const MOST_RETRIES: i64 = 100;

pub(super) const ALGORITHMS: &str = "HmacSHA256, HmacSM3, EcdsaP256SHA256 or SM2SM3";

/// A rule for a text that is sent to the cloud.
pub(super) struct TextForm {
    pub(super) fits: fn(&str) -> bool,
    /// Completes "must be".
    pub(super) expected: &'static str,
}

/// Goes into a header or a signature. A line break at the end is what reading a file leaves there.
pub(super) const TOKEN_FORM: TextForm = TextForm {
    fits: text::is_token,
    expected: "of ASCII letters, digits and signs only, without blanks and line breaks",
};

const PASSWORD_FORM: TextForm =
    TextForm { fits: text::is_one_line, expected: "without line breaks and other control characters" };

pub(super) const NAME_FORM: TextForm = TextForm {
    fits: text::is_name,
    expected: "without blanks at its ends, line breaks and other control characters",
};

const IDENTIFIER_FORM: TextForm =
    TextForm { fits: text::is_identifier, expected: "an ID of letters, digits, \"-\" and \"_\"" };

/// The form of a setting, or of an attribute of a block, that is sent as it is.
pub(super) fn text_form(name: &str) -> Option<&'static TextForm> {
    match name {
        ACCESS_KEY | SECRET_KEY | SECURITY_TOKEN | TOKEN | ID_TOKEN | USER_ID | DOMAIN_ID | IDP_ID
        | PROVIDER_URN => Some(&TOKEN_FORM),
        PASSWORD => Some(&PASSWORD_FORM),
        USER_NAME | DOMAIN_NAME | AGENCY_NAME | OLD_DOMAIN_NAME | PROJECT_NAME | TENANT_NAME
        | DELEGATED_PROJECT => Some(&NAME_FORM),
        PROJECT_ID | TENANT_ID => Some(&IDENTIFIER_FORM),
        _ => None,
    }
}

/// New regions appear often, so only the form of a code is checked.
pub fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
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
