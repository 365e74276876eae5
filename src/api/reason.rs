//! What a refusal means, by its code rather than by its status: "does not exist" comes as 404, 403 and 400.
//!
//! The codes are those of the DDS API reference and of the API gateway's error list.

use http::StatusCode;

use crate::transport::Refusal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    NotFound,
    MalformedId,
    /// The project is not the instance's, or not the caller's.
    WrongProject,
    Unauthenticated(Doubt),
    Denied,
    Suspended,
    Throttled,
    /// Wrong host, region or path.
    NoSuchApi,
    RegionUnavailable,
    /// The instance's state, or another task on it, forbids the call for now.
    Busy,
    /// A fault on the cloud's side that may pass.
    ServerFault,
    /// Sent elsewhere, by a proxy's sign-in page for example.
    Redirected,
    Other,
}

/// Why an identity was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    NothingSent,
    DamagedToken,
    ExpiredToken,
    WrongSignature,
    UnknownKey,
    LockedKey,
    Clock,
    Unexplained,
}

pub fn of(refusal: &Refusal) -> Reason {
    by_code(refusal).unwrap_or_else(|| by_status(refusal))
}

fn by_code(refusal: &Refusal) -> Option<Reason> {
    let gateway = |numbers: &[&str]| numbers.iter().any(|number| refusal.is_gateway(number));
    Some(match refusal.code.as_str() {
        "DBS.200002" | "DBS.201028" | "DBS.201501" | "DBS.201502" | "DBS.280110" | "DBS.280016" => {
            Reason::NotFound
        }
        "DBS.280404" => Reason::MalformedId,
        "DBS.200604" | "DBS.200010" | "DBS.280408" => Reason::WrongProject,
        "DBS.280056" | "DBS.280015" => Reason::Unauthenticated(Doubt::Unexplained),
        "DBS.280032" | "DBS.280063" | "DBS.280064" | "DBS.280433" | "EPS.0003" => Reason::Denied,
        "DBS.280019" => Reason::Suspended,
        "DBS.280443" => Reason::Throttled,
        "DBS.200024" => Reason::RegionUnavailable,
        "DBS.200011" | "DBS.200018" | "DBS.200019" | "DBS.200076" | "DBS.201000" | "DBS.201014"
        | "DBS.201015" | "DBS.200047" | "DBS.201202" => Reason::Busy,
        "DBS.200998" | "DBS.280005" | "DBS.201509" => Reason::ServerFault,
        code if code.starts_with("PAP5.") => Reason::Denied,
        _ if gateway(&["0301", "0303", "0305", "0307", "0311", "0312", "0313"]) => {
            Reason::Unauthenticated(doubt(refusal))
        }
        _ if gateway(&["0302", "0304", "0306", "0314", "0401", "0402", "0405", "0802"]) => Reason::Denied,
        _ if gateway(&["0310"]) => Reason::Suspended,
        _ if gateway(&["0308"]) => Reason::Throttled,
        _ if gateway(&["0101"]) => Reason::NoSuchApi,
        _ if gateway(&["0801"]) => Reason::RegionUnavailable,
        code if code.starts_with("DBS.") && refusal.status == StatusCode::NOT_FOUND => Reason::NotFound,
        _ => return None,
    })
}

fn by_status(refusal: &Refusal) -> Reason {
    match refusal.status {
        StatusCode::UNAUTHORIZED => Reason::Unauthenticated(doubt(refusal)),
        StatusCode::FORBIDDEN => Reason::Denied,
        StatusCode::NOT_FOUND => Reason::NoSuchApi,
        StatusCode::TOO_MANY_REQUESTS => Reason::Throttled,
        status if status.is_server_error() => Reason::ServerFault,
        status if status.is_redirection() => Reason::Redirected,
        _ => Reason::Other,
    }
}

/// The gateway has one code for them all, and tells them apart in its message.
fn doubt(refusal: &Refusal) -> Doubt {
    let message = refusal.message.to_ascii_lowercase();
    let says = |words: &str| message.contains(words);
    if says("signature expired") {
        Doubt::Clock
    } else if says("reach the limit") {
        Doubt::LockedKey
    } else if says("not exist") {
        Doubt::UnknownKey
    } else if says("verify aksk signature") {
        Doubt::WrongSignature
    } else if says("x-auth-token not found") {
        Doubt::NothingSent
    } else if says("decrypt token") {
        Doubt::DamagedToken
    } else if says("token expires") || refusal.is_gateway("0307") {
        Doubt::ExpiredToken
    } else {
        Doubt::Unexplained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(status: u16, code: &str, message: &str) -> Reason {
        of(&Refusal {
            status: StatusCode::from_u16(status).unwrap(),
            code: code.into(),
            message: message.into(),
            request_id: None,
            authorization: None,
            date: None,
        })
    }

    #[test]
    fn not_found_is_known_by_its_code() {
        for (status, code) in
            [(404, "DBS.200002"), (403, "DBS.201028"), (400, "DBS.201501"), (400, "DBS.280110")]
        {
            assert_eq!(reason(status, code, ""), Reason::NotFound, "{code}");
        }
        assert_eq!(reason(404, "APIGW.0101", ""), Reason::NoSuchApi);
        assert_eq!(reason(404, "", "an HTML page"), Reason::NoSuchApi);
    }

    #[test]
    fn a_denial_is_one_whatever_its_status() {
        for (status, code) in
            [(401, "EPS.0003"), (401, "DBS.280064"), (403, "PAP5.0001"), (403, "APIG.0302"), (403, "")]
        {
            assert_eq!(reason(status, code, ""), Reason::Denied, "{code}");
        }
    }

    #[test]
    fn each_variant_of_a_refused_identity_is_told_apart() {
        for (message, expected) in [
            ("x-auth-token not found", Doubt::NothingSent),
            ("decrypt token fail", Doubt::DamagedToken),
            ("token expires, expires_at:2026-01-15T08:30:00Z", Doubt::ExpiredToken),
            ("verify aksk signature fail", Doubt::WrongSignature),
            ("ak *** not exist", Doubt::UnknownKey),
            ("Get secretKey failed,ak:***,err:ak not exist", Doubt::UnknownKey),
            ("AK access failed to reach the limit,forbidden", Doubt::LockedKey),
            ("calc aksk signature fail:signature expired, signature time:a,server time:b", Doubt::Clock),
            ("", Doubt::Unexplained),
        ] {
            let message = format!("Incorrect IAM authentication information: {message}");
            assert_eq!(reason(401, "APIGW.0301", &message), Reason::Unauthenticated(expected), "{message}");
        }
        assert_eq!(reason(401, "APIGW.0307", "renew"), Reason::Unauthenticated(Doubt::ExpiredToken));
        assert_eq!(reason(401, "", ""), Reason::Unauthenticated(Doubt::Unexplained));
    }
}
