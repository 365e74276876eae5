use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::*;
use crate::huaweicloud::auth;
use crate::huaweicloud::error::DecodeError;
use crate::huaweicloud::error::Operation;
use crate::huaweicloud::transport::ErrorResponse;

/// What stands in these tests for a secret, and must never show.
const ORIGIN: &str = "the environment variables HW_ACCESS_KEY and HW_SECRET_KEY";

const ONCE: Attempts = Attempts { tries: 1, elapsed: Duration::ZERO, stop: Stop::Final };

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_768_465_800)
}

fn response(status: u16, code: &str, message: &str) -> Box<ErrorResponse> {
    Box::new(ErrorResponse {
        status: StatusCode::from_u16(status).unwrap(),
        code: code.into(),
        message: message.into(),
        raw: Default::default(),
        request_id: Some("req-1".into()),
        authorization: None,
        date: Some(now()),
    })
}

fn told(kind: ErrorKind) -> Diagnostic {
    let context = Context {
        operation: Operation::SSL_CERT_DOWNLOAD_LINKS,
        region: "cn-north-4".into(),
        project: Some("p1".into()),
        credential: ORIGIN.into(),
    };
    explain(&Error { context, kind })
}

fn refused(status: u16, code: &str, message: &str) -> Diagnostic {
    told(ErrorKind::Refused { response: response(status, code, message), attempts: ONCE, received: now() })
}

#[test]
fn a_text_says_what_was_tried_what_came_back_and_what_to_do() {
    let found = refused(404, "DBS.200002", "The instance does not exist.");
    assert_eq!(found.summary, "Instance Not Found");
    assert_eq!(found.path, Some(AttributePath::attribute("instance_id")));
    insta::assert_snapshot!(found.detail, @r#"Tried reading the certificate download links of the instance in region cn-north-4, project p1. The cloud answered with HTTP 404, code DBS.200002, message "The instance does not exist.", request ID req-1. Compare instance_id with the DDS console, in region cn-north-4 and project p1. An instance of another region needs region, one of a sub-project needs project_name or project_id in the provider block."#);
}

#[test]
fn every_refusal_has_its_summary_and_its_advice() {
    let wrong = "Incorrect IAM authentication information:";
    for (status, code, message, summary, advice) in [
        (403, "DBS.201028", "", "Instance Not Found", "Compare instance_id"),
        (400, "DBS.280404", "", "Invalid Instance ID", "Copy instance_id"),
        (403, "DBS.200604", "", "Wrong Project", "Set project_id"),
        (403, "DBS.280063", "", "Access Denied", "dds:instance:getSslCertDownloadAddress"),
        (403, "", "an HTML page", "Access Denied", "region cn-north-4 and project p1"),
        (403, "DBS.280019", "", "Account Suspended", "billing centre"),
        (429, "APIGW.0308", "", "Too Many Requests", "-parallelism"),
        (404, "APIGW.0101", "", "API Not Found", "Check the region cn-north-4"),
        (400, "DBS.200024", "", "Region Not Available", "DDS is not offered in region cn-north-4"),
        (403, "DBS.201014", "", "Instance Busy", "available"),
        (502, "", "an HTML page titled 502 Bad Gateway", "Server Error", "support"),
        (302, "", "", "Unexpected Redirect", "Check endpoints"),
        (400, "DBS.200001", "Parameter error.", "Request Refused", "API reference"),
        (
            401,
            "APIGW.0301",
            &format!("{wrong} x-auth-token not found"),
            "Authentication Failed",
            "removes headers",
        ),
        (401, "APIGW.0301", &format!("{wrong} decrypt token fail"), "Authentication Failed", "Get a new one"),
        (401, "APIGW.0301", &format!("{wrong} token expires"), "Authentication Failed", "24 h"),
        (
            401,
            "APIGW.0301",
            &format!("{wrong} verify aksk signature fail"),
            "Authentication Failed",
            "Check secret_key",
        ),
        (
            401,
            "APIGW.0301",
            &format!("{wrong} ak *** not exist"),
            "Authentication Failed",
            "security_token is set",
        ),
        (
            401,
            "APIGW.0301",
            &format!("{wrong} AK access failed to reach the limit"),
            "Authentication Failed",
            "five minutes",
        ),
        (401, "", "", "Authentication Failed", ORIGIN),
    ] {
        let found = refused(status, code, message);
        assert_eq!(found.summary, summary, "{code} {message}");
        assert!(found.detail.contains(advice), "{} lacks {advice:?}", found.detail);
        assert!(
            found.detail.contains(&format!("HTTP {status}")) && found.detail.contains("req-1"),
            "{}",
            found.detail
        );
    }
}

#[test]
fn clocks_that_differ_are_both_shown() {
    let message = "calc aksk signature fail:signature expired, signature time:20260115T080000Z,server time:20260115T083000Z";
    let response = response(401, "APIGW.0301", message);
    let received = now() - Duration::from_secs(1800);
    let found = told(ErrorKind::Refused { response, attempts: ONCE, received });
    let clocks =
        "(this machine says Thu, 15 Jan 2026 08:00:00 GMT, the server Thu, 15 Jan 2026 08:30:00 GMT)";
    assert!(
        found.detail.contains(clocks) && found.detail.contains("Set this machine's clock"),
        "{}",
        found.detail
    );
    assert!(!refused(401, "", "").detail.contains("this machine says"));
}

#[test]
fn repeated_tries_are_told_and_so_is_a_call_that_was_not_made() {
    let told = |tries| {
        let attempts = Attempts { tries, elapsed: Duration::from_millis(7250), stop: Stop::Final };
        told(ErrorKind::Refused { response: response(503, "", ""), attempts, received: now() }).detail
    };
    assert!(told(6).contains("request ID req-1, after 6 tries in 7.2 s."));
    assert!(told(0).contains("to an earlier call; it is not repeated."));
}

#[test]
fn every_failure_has_its_summary() {
    let cause = || "os error 111".to_owned();
    for (error, summary) in [
        (TransportError::Unresolved { cause: cause(), temporary: false }, "Host Not Found"),
        (TransportError::Unresolved { cause: cause(), temporary: true }, "Name Resolution Failed"),
        (TransportError::Unreachable { cause: cause() }, "Connection Failed"),
        (TransportError::Untrusted { cause: cause() }, "Untrusted Certificate"),
        (TransportError::Expired { cause: cause() }, "Expired Certificate"),
        (TransportError::NotYetValid { cause: cause() }, "Certificate Not Valid Yet"),
        (TransportError::WrongName { cause: cause() }, "Wrong Certificate"),
        (TransportError::Proxy { variable: "https_proxy", cause: cause() }, "Invalid Proxy"),
        (TransportError::NoCertificateStore { cause: cause() }, "No Certificate Store"),
        (TransportError::TimedOut { limit: Duration::from_secs(30), setting: None }, "Request Timed Out"),
        (TransportError::Interrupted { cause: cause() }, "Connection Interrupted"),
        (TransportError::TooLarge, "Unexpected Answer"),
        (TransportError::Unsendable { cause: cause() }, "Invalid Request"),
    ] {
        let found = told(ErrorKind::Unanswered { error: error.clone(), attempts: ONCE });
        assert_eq!(found.summary, summary);
        assert!(found.detail.contains(&error.to_string()), "{}", found.detail);
        assert_eq!(error.cause().is_some(), found.detail.contains("(os error 111)"), "{}", found.detail);
    }
}

fn login(status: u16) -> ErrorKind {
    let response = response(status, &status.to_string(), "wrong");
    ErrorKind::Credential(auth::Error::Refused {
        request: auth::CredentialRequest::Password,
        response,
        attempts: ONCE,
    })
}

#[test]
fn an_error_with_a_good_status_is_told_by_its_code() {
    for (status, code, summary) in [
        (200, "APIGW.0301", "Authentication Failed"),
        (201, "APIGW.0308", "Too Many Requests"),
        (200, "DBS.280005", "Server Error"),
        (206, "", "Server Error"),
        (200, "IAM.0011", "Credential Refused"),
    ] {
        let response = response(status, code, "");
        let error =
            auth::Error::Refused { request: auth::CredentialRequest::Password, response, attempts: ONCE };
        assert_eq!(told(ErrorKind::Credential(error)).summary, summary, "{status} {code}");
    }
    assert_eq!(refused(200, "DBS.200002", "").summary, "Instance Not Found");
    assert_eq!(refused(206, "", "").summary, "Partial Answer");
}

#[test]
fn a_credential_that_cannot_be_had_is_told_step_by_step() {
    let step = || auth::CredentialRequest::EcsMetadata;
    let late = auth::Error::Unanswered {
        request: step(),
        error: TransportError::TimedOut { limit: Duration::from_secs(3), setting: None },
        attempts: ONCE,
    };
    for (error, summary, part) in [
        (late.clone(), "Request Timed Out", "The request to the ECS metadata service failed: no answer came"),
        (
            auth::Error::Unusable { request: step(), missing: "access" },
            "Unexpected Answer",
            "The answer to the request to the ECS metadata service has no access.",
        ),
        (
            auth::Error::Expired {
                what: "the returned token",
                expired_at: now(),
                now: now() + Duration::from_secs(1),
            },
            "Expired Credential",
            "The returned token expired at Thu, 15 Jan 2026 08:30:00 GMT, and this machine's clock says Thu, 15 Jan 2026 08:30:01 GMT",
        ),
        (
            auth::Error::File { path: "/x".into(), reason: "gone".into() },
            "Unusable Credentials File",
            "Its file /x cannot be used: gone.",
        ),
        (
            auth::Error::NoCredential {
                reasons: vec!["no block".into(), "no file".into()],
                last: Box::new(late),
            },
            "Missing Credentials",
            "nothing to authenticate with: no block; no file; and the ECS metadata service, the last resort, gives none.",
        ),
    ] {
        let found = told(ErrorKind::Credential(error));
        assert_eq!(found.summary, summary);
        assert!(found.detail.contains(part), "{}", found.detail);
    }
}

#[test]
fn what_goes_wrong_before_the_call_itself_is_told_as_such() {
    for (kind, summary, part) in [
        (
            ErrorKind::NoProject { name: "cn-north-4".into() },
            "No Matching Project",
            "first opens it in the console",
        ),
        (
            ErrorKind::ProjectDisabled { name: "n".into(), id: "p".into() },
            "Project Disabled",
            "(ID p) is disabled",
        ),
        (ErrorKind::ForeignEndpoint, "Endpoint Of Another Region", "Put {region} into it"),
        (ErrorKind::Deadline(Duration::from_secs(300)), "Read Timed Out", "given up after 300 s"),
        (ErrorKind::Undecodable(DecodeError::Null("certs")), "Unexpected Answer", "but certs is null"),
        (
            login(401),
            "Authentication Failed",
            "The login to IAM was answered with HTTP 401, code 401, message \"wrong\"",
        ),
        (login(400), "Credential Refused", ORIGIN),
    ] {
        let found = told(kind);
        assert_eq!(found.summary, summary);
        assert!(found.detail.contains(part), "{}", found.detail);
    }
    let lookup = ErrorKind::Refused { response: response(403, "", ""), attempts: ONCE, received: now() };
    let found = told(ErrorKind::Lookup(Box::new(lookup)));
    assert_eq!(found.summary, "Access Denied");
    assert!(found.detail.contains("had to be looked up") && found.detail.ends_with("no look-up is needed."));
    assert!(found.detail.contains("to list projects") && !found.detail.contains("dds:"), "{}", found.detail);
}

#[test]
fn summaries_are_phrases_and_details_are_sentences() {
    for found in [refused(404, "DBS.200002", "x"), refused(500, "", ""), told(ErrorKind::ForeignEndpoint)] {
        assert!(
            found.summary.split(' ').all(|word| word.starts_with(char::is_uppercase)),
            "{}",
            found.summary
        );
        assert!(found.detail.ends_with('.') && !found.detail.contains("  "), "{}", found.detail);
    }
}

#[test]
fn the_reason_for_no_further_try_is_told_with_its_setting() {
    let seconds = Duration::from_secs;
    for (tries, stop, part) in [
        (1, Stop::MaxRetries, "request ID req-1, and max_retries allows no other try."),
        (
            9,
            Stop::ReadLimit { limit: seconds(60) },
            "request ID req-1, after 9 tries in 58.0 s; the read's limit of 60 s (timeouts.read) leaves no time for \
             another try.",
        ),
        (
            0,
            Stop::ReadLimit { limit: Duration::from_millis(500) },
            "to an earlier call; the read's limit of 500 ms (timeouts.read)",
        ),
        (
            1,
            Stop::RetryAfter { asked: seconds(60), limit: seconds(60) },
            "request ID req-1; it asks for a pause of 60 s (Retry-After), which does not end within the read's limit \
             of 60 s (timeouts.read).",
        ),
    ] {
        let attempts = Attempts { tries, elapsed: seconds(58), stop };
        let found = told(ErrorKind::Refused {
            response: response(429, "APIGW.0308", "slow"),
            attempts,
            received: now(),
        });
        assert_eq!(found.summary, "Too Many Requests");
        assert!(found.detail.contains(part), "{}", found.detail);
        assert!(found.detail.contains("HTTP 429, code APIGW.0308, message \"slow\""), "{}", found.detail);
    }
}

#[test]
fn a_limit_that_passed_is_told_as_it_is_with_its_setting() {
    let short = Duration::from_millis(500);
    let attempts = Attempts { tries: 2, elapsed: Duration::from_millis(60_300), stop: Stop::Silence };
    let silent =
        TransportError::TimedOut { limit: Duration::from_secs(30), setting: Some("request_timeout") };
    for (kind, summary, part) in [
        (
            ErrorKind::Deadline(short),
            "Read Timed Out",
            "It was given up after 500 ms, the read's limit (timeouts.read).",
        ),
        (
            ErrorKind::Credential(auth::Error::Unanswered {
                request: auth::CredentialRequest::Password,
                error: TransportError::ReadLimit { limit: short },
                attempts: ONCE,
            }),
            "Read Timed Out",
            "The login to IAM was given up after 500 ms, the read's limit (timeouts.read).",
        ),
        (
            ErrorKind::Unanswered { error: silent, attempts },
            "Request Timed Out",
            "no answer came within the time limit of 30 s (request_timeout), after 2 tries in 60.3 s; set timeouts.read",
        ),
    ] {
        let found = told(kind);
        assert_eq!(found.summary, summary);
        assert!(found.detail.contains(part), "{}", found.detail);
    }
}
