//! Operations of the Document Database Service (DDS).

mod instance;
mod instances;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::auth::Scope;
use super::certificate::{X509Certificate, remove_duplicates};
use super::client::Client;
use super::error::{Context, DecodeError, Error, ErrorKind, Operation};
use super::signer::canonical::encode;
use super::transport::{Deadline, ErrorResponse, Response};
pub use instance::{Instance, Node};
pub use instances::{InstanceFilter, InstanceList};

impl Operation {
    pub(crate) const SSL_CERT_DOWNLOAD_LINKS: Self = Self {
        description: "reading the certificate download links of the instance",
        permission: "dds:instance:getSslCertDownloadAddress",
    };

    pub(crate) const SSL_CERTIFICATES: Self = Self {
        description: "reading the certificates of the instance",
        permission: Self::SSL_CERT_DOWNLOAD_LINKS.permission,
    };
}

impl Client {
    /// Returns the operations of DDS.
    pub fn dds(&self) -> Dds<'_> {
        Dds { client: self }
    }
}

/// The operations of DDS, one method each.
#[derive(Clone, Copy)]
pub struct Dds<'a> {
    client: &'a Client,
}

impl Dds<'_> {
    /// Returns the certificates of an instance, in the cloud's order. `timeout` is the timeout that the user set, if
    /// any.
    ///
    /// `GET /v3/{project_id}/instances/{instance_id}/ssl-cert/download-link` (DDS API reference, `dds_api_0220`).
    pub async fn ssl_cert_download_links(
        self,
        region: Option<&str>,
        instance_id: &str,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Vec<Certificate>, Error> {
        let deadline = Client::deadline(timeout.into());
        self.links(Operation::SSL_CERT_DOWNLOAD_LINKS, region, instance_id, deadline).await
    }

    /// Returns the certificates that the download links of an instance point to, by category. With `category`, only those
    /// of this category. The links and the downloads have one timeout together.
    pub async fn ssl_certificates(
        self,
        region: Option<&str>,
        instance_id: &str,
        category: Option<&str>,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Vec<CertificateBundle>, Error> {
        let (operation, deadline) = (Operation::SSL_CERTIFICATES, Client::deadline(timeout.into()));
        let mut links = self.links(operation, region, instance_id, deadline).await?;
        // The order of the response is not documented.
        links.sort_by(|link, other| {
            (&link.category, &link.download_link).cmp(&(&other.category, &other.download_link))
        });
        let error = |kind| Error { context: self.context(operation, region), kind };
        if let Some(category) = category
            && !links.is_empty()
            && links.iter().all(|link| link.category != category)
        {
            let found = links.into_iter().map(|link| link.category).collect();
            return Err(error(ErrorKind::CategoryNotFound { category: category.to_owned(), found }));
        }
        let mut bundles = BTreeMap::<String, Vec<X509Certificate>>::new();
        for link in links.into_iter().filter(|link| category.is_none_or(|category| link.category == category))
        {
            let found = self.client.certificates(deadline, &link.download_link).await;
            let found = found.map_err(|kind| {
                error(ErrorKind::Download { category: link.category.clone(), error: Box::new(kind) })
            })?;
            bundles.entry(link.category).or_default().extend(found);
        }
        let bundles = bundles.into_iter().map(|(category, mut certificates)| {
            remove_duplicates(&mut certificates);
            CertificateBundle { category, certificates }
        });
        Ok(bundles.collect())
    }

    async fn links(
        self,
        operation: Operation,
        region: Option<&str>,
        instance_id: &str,
        deadline: Deadline,
    ) -> Result<Vec<Certificate>, Error> {
        let path = format!("instances/{}/ssl-cert/download-link", encode(instance_id));
        let found = self.get(operation, region, &path, deadline, certificates).await?;
        tracing::debug!(certificates = ?found, "download links read");
        Ok(found)
    }

    fn context(self, operation: Operation, region: Option<&str>) -> Context {
        let region = region.unwrap_or_else(|| self.client.region()).to_owned();
        let credential = self.client.settings.credential.origin().to_owned();
        Context { operation, region, project: None, instance: None, credential }
    }

    /// Sends `GET /v3/{project_id}/{path}` in a region, and decodes the response. The default region is the client's.
    async fn get<T>(
        self,
        operation: Operation,
        region: Option<&str>,
        path: &str,
        deadline: Deadline,
        decode: fn(&Response) -> Result<T, DecodeError>,
    ) -> Result<T, Error> {
        let mut context = self.context(operation, region);
        let region = region.unwrap_or_else(|| self.client.region());
        // Each step observes the deadline itself, so that its error names the step that timed out.
        let result = async {
            let endpoint = self.client.dds_endpoint(region)?;
            let project = self.client.project(region);
            let id = self.client.project_id(deadline, &project).await?;
            context.project = Some(id.clone());
            let url = format!("{endpoint}/v3/{}/{path}", encode(&id));
            let decode = |response: &Response| decode(response).map_err(ErrorKind::Decode);
            self.client.get(deadline, &url, Some(&id), &Scope::Project(project), decode).await
        };
        result.await.map_err(|kind| Error { context, kind })
    }
}

/// A certificate of an instance.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// `international`, `national`, or a value that the cloud adds later.
    pub category: String,
    /// The URL of the file. Its query may contain a signature.
    pub download_link: String,
}

/// The certificates of one category. They are one file for a TLS client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateBundle {
    /// The category of the links.
    pub category: String,
    /// The certificates in the order of the file, each of them once.
    pub certificates: Vec<X509Certificate>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = self.download_link.split(['?', '#']).next().unwrap_or_default();
        write!(f, "Certificate {} at {link}", self.category)
    }
}

/// Decodes the certificates. Without a serde struct, so that the error can name the missing field.
pub(super) fn certificates(response: &Response) -> Result<Vec<Certificate>, DecodeError> {
    let body = DecodeError::json(response)?;
    let items = DecodeError::list(&body, "certs")?;
    // An error response may contain an empty list too.
    if items.is_empty() && ErrorResponse::in_success(response).is_some() {
        return Err(DecodeError::MissingField("certs"));
    }
    let text =
        |item: &Value, name| item.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let certificate = |(index, item): (usize, &Value)| {
        let missing = |name| DecodeError::MissingItemField { list: "certs", index, name };
        Ok(Certificate {
            category: text(item, "category").ok_or_else(|| missing("category"))?,
            download_link: text(item, "download_link").ok_or_else(|| missing("download_link"))?,
        })
    };
    items.iter().enumerate().map(certificate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::huaweicloud::transport::tests::http_response;

    fn decode(body: &str) -> Result<Vec<Certificate>, String> {
        certificates(&http_response(200, &[], body)).map_err(|error| error.to_string())
    }

    #[test]
    fn certificates_keep_the_order_of_the_response() {
        let body = r#"{"new":1,"certs":[{"category":"national","download_link":"https://a/b?Signature=s","x":{}},
            {"category":"lunar","download_link":"c"}]}"#;
        let found = decode(body).unwrap();
        assert_eq!([&found[0].category, &found[1].category], ["national", "lunar"]);
        assert_eq!(found[0].download_link, "https://a/b?Signature=s");
        assert_eq!(format!("{:?}", found[0]), "Certificate national at https://a/b");
        assert_eq!(decode(r#"{"certs":[]}"#), Ok(vec![]));
    }

    #[test]
    fn incomplete_response_fails_with_the_missing_field() {
        for (body, expected) in [
            (r#"{"certs":null}"#, "certs is null"),
            (r#"{}"#, "certs is missing"),
            (r#"{"cert_info_list":[]}"#, "certs is missing"),
            (r#"{"certs":"x"}"#, "certs is not a list"),
            (r#"[]"#, "certs is missing"),
            (r#"{"certs":[null]}"#, "certs[0] has no category"),
            (r#"{"certs":[{"category":"a","download_link":"b"},{}]}"#, "certs[1] has no category"),
            (r#"{"certs":[{"category":"a"}]}"#, "certs[0] has no download_link"),
            (r#"{"certs":[{"category":"a","download_link":""}]}"#, "certs[0] has no download_link"),
            (r#"{"certs":[{"category":"a","download_link":true}]}"#, "certs[0] has no download_link"),
            ("", "the body is empty"),
            ("<html><title>Sign in</title></html>", "the body is not JSON, but an HTML page titled Sign in"),
            (r#"{"certs":[{"cat"#, r#"the body is not JSON, but {"certs":[{"cat"#),
        ] {
            assert_eq!(decode(body), Err(expected.to_owned()), "{body}");
        }
    }
}
