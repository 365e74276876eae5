//! Fuzzes response bodies. Shown strings are short, printable, and without URL queries. Decoded values are in the body.
#![no_main]

use http::{HeaderMap, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use terraform_provider_dds::huaweicloud::fuzzing::{certificates, project_id};
use terraform_provider_dds::huaweicloud::transport::{ErrorResponse, Response};

/// Maximum length of a shown string, including the mark for a truncation.
const MAX_CHARS: usize = 501;

const PROJECT: &str = "cn-north-4";

fuzz_target!(|body: &[u8]| {
    let response = |status| Response { status, headers: HeaderMap::new(), body: body.to_vec() };
    check_error(&ErrorResponse::parse(&response(StatusCode::BAD_REQUEST)));
    let ok = response(StatusCode::OK);
    check_certificates(&ok);
    check_project(&ok);
});

fn check_error(response: &ErrorResponse) {
    for text in [&response.code, &response.message].into_iter().chain(&response.request_id) {
        check_printable(text);
        assert!(text.chars().count() <= MAX_CHARS, "{} characters", text.chars().count());
    }
    assert!(
        response.authorization_message.as_ref().is_none_or(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
    );
    assert!(!response.description().contains(char::is_control), "{}", response.description());
}

fn check_certificates(response: &Response) {
    let body_json: Option<Value> = serde_json::from_slice(&response.body).ok();
    match certificates(response) {
        Ok(found) => {
            let listed = body_json.as_ref().and_then(|body| body["certs"].as_array()).expect("certs is a list");
            assert_eq!(found.len(), listed.len());
            for (found, listed) in found.iter().zip(listed) {
                assert!(!found.category.is_empty() && !found.download_link.is_empty());
                assert_eq!(listed["category"], found.category.as_str());
                assert_eq!(listed["download_link"], found.download_link.as_str());
            }
            let items =
                found.iter().map(|certificate| json!({ "download_link": certificate.download_link, "category": certificate.category }));
            let body = json!({ "certs": items.collect::<Vec<_>>() }).to_string().into_bytes();
            assert_eq!(certificates(&Response { body, ..response.clone() }).ok(), Some(found));
        }
        Err(error) => check_printable(&error),
    }
}

fn check_project(response: &Response) {
    let Some(id) = project_id(response, PROJECT) else { return };
    // The decoder may skip strings that `Value` cannot represent.
    let Ok(body_json) = serde_json::from_slice::<Value>(&response.body) else { return };
    let entries = body_json["projects"].as_array().expect("projects is a list");
    let project = entries.iter().find(|entry| entry["name"] == PROJECT).expect("a project with this name");
    assert!(project["id"] == id.as_str() && !id.is_empty());
    assert!(project["enabled"] != false);
}

/// Returns the rest after a slash, which may be escaped.
fn strip_slash(text: &str) -> Option<&str> {
    text.trim_start_matches('\\').strip_prefix('/')
}

fn check_printable(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
    let mut rest = text;
    while let Some(start) = rest.find(':') {
        rest = &rest[start + 1..];
        let Some(url) = strip_slash(rest).and_then(strip_slash) else { continue };
        let url = url.split(|character: char| character.is_whitespace() || "\"'<>".contains(character)).next();
        let query = url.and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
        assert!(query.chars().all(|character| character == '*' || character == '…'), "{text}");
    }
}
