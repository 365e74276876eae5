//! Fuzzes response bodies. Shown strings are short, printable, and without URL queries. Decoded values are in the body.
#![no_main]

use http::{HeaderMap, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use terraform_provider_dds::huaweicloud::fuzzing::{certificates, project_id};
use terraform_provider_dds::huaweicloud::transport::{ErrorResponse, Response};

/// Maximum length of a shown string, including the mark for a truncation.
const LONGEST: usize = 501;

const PROJECT: &str = "cn-north-4";

fuzz_target!(|body: &[u8]| {
    let answer = |status| Response { status, headers: HeaderMap::new(), body: body.to_vec() };
    refused(&ErrorResponse::parse(&answer(StatusCode::BAD_REQUEST)));
    let good = answer(StatusCode::OK);
    links(&good);
    project(&good);
});

fn refused(response: &ErrorResponse) {
    for text in [&response.code, &response.message].into_iter().chain(&response.request_id) {
        is_fit_to_show(text);
        assert!(text.chars().count() <= LONGEST, "{} characters", text.chars().count());
    }
    assert!(
        response.authorization_message.as_ref().is_none_or(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
    );
    assert!(!response.description().contains(char::is_control), "{}", response.description());
}

fn links(response: &Response) {
    let said: Option<Value> = serde_json::from_slice(&response.body).ok();
    match certificates(response) {
        Ok(found) => {
            let listed = said.as_ref().and_then(|body| body["certs"].as_array()).expect("a list");
            assert_eq!(found.len(), listed.len());
            for (found, listed) in found.iter().zip(listed) {
                assert!(!found.category.is_empty() && !found.download_link.is_empty());
                assert_eq!(listed["category"], found.category.as_str());
                assert_eq!(listed["download_link"], found.download_link.as_str());
            }
            let own =
                found.iter().map(|own| json!({ "download_link": own.download_link, "category": own.category }));
            let body = json!({ "certs": own.collect::<Vec<_>>() }).to_string().into_bytes();
            assert_eq!(certificates(&Response { body, ..response.clone() }).ok(), Some(found));
        }
        Err(error) => is_fit_to_show(&error),
    }
}

fn project(response: &Response) {
    let Some(id) = project_id(response, PROJECT) else { return };
    // The decoder may skip strings that `Value` cannot represent.
    let Ok(said) = serde_json::from_slice::<Value>(&response.body) else { return };
    let entries = said["projects"].as_array().expect("a list");
    let of_this_name = entries.iter().find(|entry| entry["name"] == PROJECT).expect("a project of the name");
    assert!(of_this_name["id"] == id.as_str() && !id.is_empty());
    assert!(of_this_name["enabled"] != false);
}

/// Returns the rest after a slash, which may be escaped.
fn slash(text: &str) -> Option<&str> {
    text.trim_start_matches('\\').strip_prefix('/')
}

fn is_fit_to_show(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
    let mut rest = text;
    while let Some(start) = rest.find(':') {
        rest = &rest[start + 1..];
        let Some(url) = slash(rest).and_then(slash) else { continue };
        let url = url.split(|letter: char| letter.is_whitespace() || "\"'<>".contains(letter)).next();
        let query = url.and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
        assert!(query.chars().all(|letter| letter == '*' || letter == '…'), "{text}");
    }
}
