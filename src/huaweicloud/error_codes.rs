//! The meaning of error responses.
//!
//! A DDS code with status 404 means that the instance does not exist. Any other known code overrides the status,
//! because the cloud also returns 403 or 400 for a missing instance, and sometimes 401 for a denied permission. The
//! codes come from the DDS API reference and the API gateway's list of errors.

use http::StatusCode;

use crate::huaweicloud::transport::ErrorResponse;

/// The meaning of an error response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorCategory {
    NotFound,
    InvalidId,
    /// The instance, or the caller's token, belongs to another project.
    WrongProject,
    Unauthenticated(AuthFailure),
    AccessDenied,
    AccountSuspended,
    Throttled,
    /// Wrong host, region or path.
    ApiNotFound,
    RegionUnavailable,
    /// The state of the instance, or a running task, does not allow the call now.
    InstanceBusy,
    /// A temporary error of the cloud.
    ServerError,
    /// A redirect, for example to the sign-in page of a proxy.
    Redirect,
    /// A partial response, as for a range request.
    PartialResponse,
    Other,
}

/// The reason why a credential was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    MissingCredential,
    MalformedToken,
    ExpiredToken,
    SignatureMismatch,
    UnknownAccessKey,
    LockedAccessKey,
    ClockSkew,
    Unspecified,
}

/// Codes by meaning. Codes of the gateway have the prefix of the public cloud. `*` matches any suffix.
#[rustfmt::skip]
pub(crate) const CODES: &[(ErrorCategory, &[&str])] = &[
    (ErrorCategory::NotFound, &["DBS.200002", "DBS.201028", "DBS.201501", "DBS.201502", "DBS.280110", "DBS.280016"]),
    (ErrorCategory::InvalidId, &["DBS.280404"]),
    (ErrorCategory::WrongProject, &["DBS.200604", "DBS.200010", "DBS.280408"]),
    (ErrorCategory::Unauthenticated(AuthFailure::Unspecified), &[
        "APIGW.0301", "APIGW.0303", "APIGW.0305", "APIGW.0311", "APIGW.0312", "APIGW.0313", "DBS.280015", "DBS.280056",
    ]),
    (ErrorCategory::Unauthenticated(AuthFailure::ExpiredToken), &["APIGW.0307"]),
    (ErrorCategory::AccessDenied, &[
        "APIGW.0302", "APIGW.0304", "APIGW.0306", "APIGW.0314", "APIGW.0401", "APIGW.0402", "APIGW.0405", "APIGW.0802",
        "DBS.280032", "DBS.280063", "DBS.280064", "DBS.280433", "EPS.0003", "PAP5.*",
    ]),
    (ErrorCategory::AccountSuspended, &["APIGW.0310", "DBS.280019"]),
    (ErrorCategory::Throttled, &["APIGW.0308", "DBS.280443"]),
    (ErrorCategory::ApiNotFound, &["APIGW.0101"]),
    (ErrorCategory::RegionUnavailable, &["APIGW.0801", "DBS.200024"]),
    (ErrorCategory::InstanceBusy, &[
        "DBS.200011", "DBS.200018", "DBS.200019", "DBS.200047", "DBS.200076", "DBS.201000", "DBS.201014", "DBS.201015",
        "DBS.201202",
    ]),
    (ErrorCategory::ServerError, &[
        "APIGW.0103", "APIGW.0104", "APIGW.0105", "APIGW.0202", "APIGW.0203", "APIGW.0601", "APIGW.0605", "APIGW.0606",
        "APIGW.0608", "APIGW.0610", "APIGW.0613", "APIGW.0705", "DBS.200998", "DBS.201509", "DBS.280005",
    ]),
    (ErrorCategory::Other, &[
        "APIGW.0106", "APIGW.0204", "APIGW.0205", "APIGW.0404", "APIGW.0501", "APIGW.0502", "APIGW.0602", "APIGW.0607",
        "DBS.200001", "DBS.200095", "DBS.201006", "DBS.280001", "DBS.280042", "DBS.290000",
    ]),
];

/// Words in the gateway's messages, because it has one code for all these failures. The first match is used.
pub(crate) const MESSAGE_PATTERNS: [(&str, AuthFailure); 7] = [
    ("signature expired", AuthFailure::ClockSkew),
    ("reach the limit", AuthFailure::LockedAccessKey),
    ("not exist", AuthFailure::UnknownAccessKey),
    ("verify aksk signature", AuthFailure::SignatureMismatch),
    ("x-auth-token not found", AuthFailure::MissingCredential),
    ("decrypt token", AuthFailure::MalformedToken),
    ("token expires", AuthFailure::ExpiredToken),
];

/// Returns the meaning of an error response.
pub(crate) fn classify(response: &ErrorResponse) -> ErrorCategory {
    match classify_code(response).unwrap_or_else(|| classify_status(response.status.as_u16())) {
        ErrorCategory::Unauthenticated(AuthFailure::Unspecified) => {
            ErrorCategory::Unauthenticated(auth_failure(response))
        }
        category => category,
    }
}

fn classify_code(response: &ErrorResponse) -> Option<ErrorCategory> {
    let matches_code = |known: &str| match (known.strip_suffix('*'), known.strip_prefix("APIGW.")) {
        (Some(start), _) => response.code.starts_with(start),
        (None, Some(number)) => response.is_gateway(number),
        (None, None) => response.code == known,
    };
    let known = CODES
        .iter()
        .find(|(_, codes)| codes.iter().any(|known| matches_code(known)))
        .map(|(category, _)| *category);
    // DDS returns 404 only for a missing instance.
    let is_missing_instance = response.code.starts_with("DBS.") && response.status == StatusCode::NOT_FOUND;
    is_missing_instance.then_some(ErrorCategory::NotFound).or(known)
}

/// Returns the meaning of a response without a known code.
pub(crate) fn classify_status(status: u16) -> ErrorCategory {
    match status {
        206 => ErrorCategory::PartialResponse,
        401 => ErrorCategory::Unauthenticated(AuthFailure::Unspecified),
        403 => ErrorCategory::AccessDenied,
        404 => ErrorCategory::ApiNotFound,
        429 => ErrorCategory::Throttled,
        500..=599 => ErrorCategory::ServerError,
        300..=399 => ErrorCategory::Redirect,
        _ => ErrorCategory::Other,
    }
}

fn auth_failure(response: &ErrorResponse) -> AuthFailure {
    MESSAGE_PATTERNS
        .iter()
        .find(|(words, _)| response.message_contains(words))
        .map_or(AuthFailure::Unspecified, |(_, error)| *error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(status: u16, code: &str, message: &str) -> ErrorCategory {
        classify(&ErrorResponse {
            status: StatusCode::from_u16(status).unwrap(),
            code: code.into(),
            message: message.into(),
            ..ErrorResponse::default()
        })
    }

    #[test]
    fn known_codes_override_the_status() {
        for (status, code, expected) in [
            (404, "DBS.200002", ErrorCategory::NotFound),
            (403, "DBS.201028", ErrorCategory::NotFound),
            (400, "DBS.201501", ErrorCategory::NotFound),
            (400, "DBS.280110", ErrorCategory::NotFound),
            (404, "DBS.200604", ErrorCategory::NotFound),
            (404, "DBS.200011", ErrorCategory::NotFound),
            (404, "DBS.999999", ErrorCategory::NotFound),
            (404, "APIGW.0101", ErrorCategory::ApiNotFound),
            (404, "", ErrorCategory::ApiNotFound),
            (401, "EPS.0003", ErrorCategory::AccessDenied),
            (401, "DBS.280064", ErrorCategory::AccessDenied),
            (403, "PAP5.0001", ErrorCategory::AccessDenied),
            (403, "APIG.0302", ErrorCategory::AccessDenied),
            (403, "", ErrorCategory::AccessDenied),
        ] {
            assert_eq!(category(status, code, "an HTML page"), expected, "{status} {code}");
        }
    }

    #[test]
    fn every_code_overrides_every_status() {
        let statuses = [200, 206, 302, 400, 401, 403, 404, 405, 409, 429, 500, 502, 503, 504];
        let unknown = ["", "401", "XYZ.0001", "APIGW.9999", "dbs.200002", "DBS.999999"];
        let known =
            CODES.iter().flat_map(|(category, codes)| codes.iter().map(|code| (*code, Some(*category))));
        for (code, known_category) in known.chain(unknown.map(|code| (code, None))) {
            let codes = match code.strip_prefix("APIGW.") {
                Some(number) => ["APIGW", "APIG", "APIC"].map(|prefix| format!("{prefix}.{number}")).to_vec(),
                None => vec![code.replace('*', "0001")],
            };
            for (code, status) in codes.iter().flat_map(|code| statuses.map(|status| (code, status))) {
                let expected = if status == 404 && code.starts_with("DBS.") {
                    ErrorCategory::NotFound
                } else {
                    known_category.unwrap_or_else(|| classify_status(status))
                };
                assert_eq!(category(status, code, ""), expected, "{status} {code}");
            }
        }
    }

    #[test]
    fn no_code_has_two_meanings() {
        let mut codes: Vec<&str> = CODES.iter().flat_map(|(_, codes)| *codes).copied().collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn authentication_failures_are_classified_by_message() {
        let wrong_clock = "calc aksk signature fail:signature expired, signature time:a,server time:b";
        for (code, message, expected) in [
            ("APIGW.0301", "x-auth-token not found", AuthFailure::MissingCredential),
            ("APIGW.0301", "decrypt token fail", AuthFailure::MalformedToken),
            ("APIGW.0301", "token expires, expires_at:2026-01-15T08:30:00Z", AuthFailure::ExpiredToken),
            ("APIGW.0301", "verify aksk signature fail", AuthFailure::SignatureMismatch),
            ("APIGW.0301", "ak *** not exist", AuthFailure::UnknownAccessKey),
            ("APIGW.0301", "Get secretKey failed,ak:***,err:ak not exist", AuthFailure::UnknownAccessKey),
            ("APIGW.0301", "AK access failed to reach the limit,forbidden", AuthFailure::LockedAccessKey),
            ("APIGW.0301", wrong_clock, AuthFailure::ClockSkew),
            ("APIGW.0301", "", AuthFailure::Unspecified),
            ("APIGW.0307", "renew", AuthFailure::ExpiredToken),
            ("", "", AuthFailure::Unspecified),
        ] {
            let message = format!("Incorrect IAM authentication information: {message}");
            assert_eq!(category(401, code, &message), ErrorCategory::Unauthenticated(expected), "{message}");
        }
    }
}
