//! The canonical request of a signature, as Huawei Cloud's API request signing guide specifies.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All characters except the unreserved ones of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The reserved characters of a path, which keeps its slashes.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Percent-encodes a path segment or a part of a query.
pub fn encode(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, RESERVED).into()
}

/// Returns the canonical request and the list of signed headers.
///
/// `path` and `query` are percent-encoded. `headers` are the headers to sign in any order, with lower-case names.
/// `payload` is the hexadecimal digest of the body.
pub fn request(
    method: &str,
    path: &str,
    query: &str,
    headers: &[(&str, &str)],
    payload: &str,
) -> (String, String) {
    let mut headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.trim())).collect();
    headers.sort_unstable();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut text = [method, &self::path(path), &self::query(query), ""].join("\n");
    for (name, value) in headers {
        text.extend([name, ":", value, "\n"]);
    }
    text.extend(["\n", &names, "\n", payload]);
    (text, names)
}

/// Decodes the path once, and encodes it again. As on the server, an encoded slash becomes a slash.
fn path(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let mut path = utf8_percent_encode(&decoded, RESERVED_IN_PATH).to_string();
    if !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// Sorts the query by name and value before encoding, like the official signer.
fn query(query: &str) -> String {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    pairs.sort_unstable();
    let pairs = pairs.into_iter().map(|(name, value)| format!("{}={}", encode(&name), encode(&value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn canonical_path_is_idempotent(text in "[a-zA-Z0-9/ %é~+:@._-]{0,40}") {
            let once = path(&encode(&text).replace("%2F", "/"));
            prop_assert_eq!(path(&once), once);
        }

        #[test]
        fn order_of_headers_and_query_does_not_matter(
            headers in prop::collection::vec(("[a-z-]{1,8}", "[ -~]{0,8}"), 0..5),
            mut pairs in prop::collection::vec(("[a-zA-Z%é]{1,5}", "[ -~é]{0,5}"), 0..5),
        ) {
            let join = |pairs: &[(String, String)]| {
                pairs.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect::<Vec<_>>().join("&")
            };
            let mut headers: Vec<_> = headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let expected = request("GET", "/", &join(&pairs), &headers, "");
            headers.reverse();
            pairs.reverse();
            prop_assert_eq!(request("GET", "/", &join(&pairs), &headers, ""), expected);
        }

        #[test]
        fn canonical_query_is_idempotent(text in "[a-zA-Z0-9=& %é~+:@._-]{0,40}") {
            let once = query(&text);
            prop_assert_eq!(query(&once), once);
        }

        #[test]
        fn arbitrary_request_does_not_panic(parts in [".*", ".*", ".*"], name in ".*", value in ".*") {
            request(&parts[0], &parts[1], &parts[2], &[(&name, &value)], "");
        }
    }

    #[test]
    fn query_is_sorted_before_it_is_encoded() {
        assert_eq!(query("%C3%A9=1&~=1&a=%5D&a=0"), "a=0&a=%5D&~=1&%C3%A9=1");
    }
}
