//! Calls of the DDS service.

use std::fmt;

use serde_json::Value;

use super::client::{Client, Kind};
use super::endpoints;
use super::error::{Context, DecodeError};
use crate::huaweicloud::auth::Scope;
use crate::huaweicloud::signer::canonical::encode;
use crate::huaweicloud::transport::{Deadline, ErrorResponse, Response};

/// One certificate of an instance, as the cloud describes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// `international` or `national`, and whatever may come.
    pub category: String,
    /// May carry a signature in its query.
    pub download_link: String,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = self.download_link.split(['?', '#']).next().unwrap_or_default();
        write!(f, "Certificate {} at {link}", self.category)
    }
}

/// `GET /v3/{project_id}/instances/{instance_id}/ssl-cert/download-link` (DDS API reference, `dds_api_0220`).
pub(super) async fn download_links(
    client: &Client,
    call: &mut Context,
    deadline: Deadline,
    region: &str,
    instance_id: &str,
) -> Result<Vec<Certificate>, Kind> {
    let base = endpoints::dds(&client.settings, region)?;
    let named = client.project(region);
    let project = client.project_id(deadline, &named).await?;
    call.project = Some(project.clone());
    let (project_segment, instance) = (encode(&project), encode(instance_id));
    let url = format!("{base}/v3/{project_segment}/instances/{instance}/ssl-cert/download-link");
    let read = |response: &Response| certificates(response).map_err(Kind::Undecodable);
    let certificates = client.get(deadline, &url, Some(&project), &Scope::Project(named), read).await?;
    tracing::debug!(certificates = ?certificates, "download links read");
    Ok(certificates)
}

/// Read by hand instead of into a struct, so that the error can say which part is missing.
pub fn certificates(response: &Response) -> Result<Vec<Certificate>, DecodeError> {
    let body = DecodeError::json(response)?;
    let items = DecodeError::list(&body, "certs")?;
    // An error may come with an empty list, too.
    if items.is_empty() && ErrorResponse::in_good(response).is_some() {
        return Err(DecodeError::Lacks("certs"));
    }
    let text =
        |item: &Value, name| item.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let certificate = |(index, item): (usize, &Value)| {
        let lacks = |name| DecodeError::ItemLacks { list: "certs", index, name };
        Ok(Certificate {
            category: text(item, "category").ok_or_else(|| lacks("category"))?,
            download_link: text(item, "download_link").ok_or_else(|| lacks("download_link"))?,
        })
    };
    items.iter().enumerate().map(certificate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::huaweicloud::transport::tests::answer;

    fn read(body: &str) -> Result<Vec<Certificate>, String> {
        certificates(&answer(200, &[], body)).map_err(|flaw| flaw.to_string())
    }

    #[test]
    fn certificates_keep_the_order_and_categories_of_the_answer() {
        let body = r#"{"new":1,"certs":[{"category":"national","download_link":"https://a/b?Signature=s","x":{}},
            {"category":"lunar","download_link":"c"}]}"#;
        let found = read(body).unwrap();
        assert_eq!(found.iter().map(|it| it.category.as_str()).collect::<Vec<_>>(), ["national", "lunar"]);
        assert_eq!(found[0].download_link, "https://a/b?Signature=s");
        assert_eq!(format!("{:?}", found[0]), "Certificate national at https://a/b");
        assert_eq!(read(r#"{"certs":[]}"#), Ok(vec![]));
    }

    #[test]
    fn an_answer_without_its_parts_says_which_one_is_missing() {
        for (body, expected) in [
            (r#"{"certs":null}"#, "certs is null"),
            (r#"{}"#, "certs is missing"),
            (r#"{"cert_info_list":[]}"#, "certs is missing"),
            (r#"{"certs":"x"}"#, "certs is not a list"),
            (r#"[]"#, "certs is missing"),
            (r#"{"certs":[null]}"#, "certs[0] has no category"),
            (
                r#"{"certs":[{"category":"a","download_link":"b"},{"category":"a"}]}"#,
                "certs[1] has no download_link",
            ),
            (r#"{"certs":[{"category":"a","download_link":""}]}"#, "certs[0] has no download_link"),
            (r#"{"certs":[{"category":"a","download_link":true}]}"#, "certs[0] has no download_link"),
            ("", "the body is empty"),
            ("<html><title>Sign in</title></html>", "the body is not JSON, but an HTML page titled Sign in"),
            (r#"{"certs":[{"cat"#, r#"the body is not JSON, but {"certs":[{"cat"#),
        ] {
            assert_eq!(read(body), Err(expected.to_owned()), "{body}");
        }
    }
}
