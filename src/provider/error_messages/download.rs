//! Diagnostics for certificates that could not be downloaded or used.

use super::catalogue::{self, Message};
use super::request_error::{no_response, throttling_action, transport_action};
use super::{FailedRequest, attempts_phrase};
use crate::huaweicloud::DownloadError;
use crate::huaweicloud::transport::TransportError;
use crate::tfplugin::diagnostic::Diagnostic;

const LINK_ACTION: &str = "Huawei Cloud returned this link, or a server redirected to it. Check whether a proxy changes \
                           responses, and endpoints.dds if it is set.";

/// The diagnostic for a file that was not downloaded, or that contains no usable certificate.
pub(super) fn diagnostic(request: &FailedRequest<'_>, category: &str, error: &DownloadError) -> Diagnostic {
    let subject = format!("The download of the certificate {category:?}");
    let failed =
        |message, action: &str| request.diagnostic(message, &format!("{subject} failed: {error}."), action);
    match error {
        DownloadError::InvalidUrl
        | DownloadError::NotHttps { .. }
        | DownloadError::UserInfo { .. }
        | DownloadError::AddressNotAllowed { .. }
        | DownloadError::TooManyRedirects { .. } => {
            let came_back = match error {
                DownloadError::InvalidUrl => format!("{subject} was not sent: the link is not a valid URL."),
                DownloadError::AddressNotAllowed { url, address } => {
                    format!("{subject} from {url} was not sent: {address}.")
                }
                _ => format!("{subject} was not sent: {error}."),
            };
            request.diagnostic(&catalogue::DOWNLOAD_LINK_NOT_ALLOWED, &came_back, LINK_ACTION)
        }
        DownloadError::Transport { url, error, attempts } => {
            let request = FailedRequest {
                subject: format!("{subject} from {url}"),
                what_failed: request.what_failed.clone(),
                ..*request
            };
            let (message, action) = download_action(&request, error);
            request.diagnostic(message, &no_response(&request, error, *attempts), &action)
        }
        DownloadError::Status { status, attempts, .. } if *status == 429 => request.diagnostic(
            &catalogue::TOO_MANY_REQUESTS,
            &format!("{subject} failed: {error}{}.", attempts_phrase(*attempts)),
            throttling_action(*attempts),
        ),
        DownloadError::Status { attempts, .. } => request.diagnostic(
            &catalogue::DOWNLOAD_FAILED,
            &format!("{subject} failed: {error}{}.", attempts_phrase(*attempts)),
            "A link may expire soon after it was created. Run Terraform again, which gets a new link, and check the \
             network and the proxy if the error remains.",
        ),
        DownloadError::TooLarge { .. } => failed(
            &catalogue::NOT_A_CERTIFICATE,
            "Such a file is not a certificate. Check whether a proxy responds instead of the server.",
        ),
        DownloadError::Unusable { .. } => failed(
            &catalogue::NOT_A_CERTIFICATE,
            "A certificate is a PEM file, a DER file, or a zip file with them. Check whether a proxy responds instead of the \
             server.",
        ),
    }
}

/// The message for a download without a response, and one thing to do. The user does not choose its URL.
fn download_action(request: &FailedRequest<'_>, error: &TransportError) -> (&'static Message, String) {
    match error {
        TransportError::NameResolution { temporary: false, .. } => (
            &catalogue::HOST_NOT_FOUND,
            "Huawei Cloud returned the link. Check that this machine can resolve the host, or set HTTPS_PROXY to a proxy \
             that can."
                .to_owned(),
        ),
        error => transport_action(request, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::huaweicloud::certificate::CertificateError;
    use crate::huaweicloud::error::ErrorKind;
    use crate::huaweicloud::transport::RefusedAddress;
    use crate::provider::error_messages::tests::{ONCE, check};

    #[test]
    fn every_download_error_has_its_summary_and_action() {
        let url = || "https://obs.example.com/ca.crt?***".to_owned();
        let address = RefusedAddress::LinkLocal([169, 254, 0, 1].into());
        let received = || "an HTML page (6 bytes, text/html)".to_owned();
        let not_found = TransportError::NameResolution { cause: "unknown".to_owned(), temporary: false };
        let status = |status: u16| status.try_into().unwrap();
        let (not_allowed, not_a_certificate) = ("Download Link Not Allowed", "Not A Certificate");
        let errors = [
            (DownloadError::InvalidUrl, not_allowed, "was not sent: the link is not a valid URL."),
            (DownloadError::NotHttps { url: url() }, not_allowed, "?*** is not an https URL. Huawei Cloud"),
            (DownloadError::UserInfo { url: url() }, not_allowed, "contains a user name or a password."),
            (
                DownloadError::AddressNotAllowed { url: url(), address },
                not_allowed,
                "169.254.0.1 is link-local",
            ),
            (DownloadError::TooManyRedirects { url: url() }, not_allowed, "more than 3 redirects."),
            (DownloadError::TooLarge { url: url() }, not_a_certificate, "is larger than 1 MiB. Such a file"),
            (
                DownloadError::Transport { url: url(), error: not_found, attempts: ONCE },
                "Host Not Found",
                "from https://obs.example.com/ca.crt?*** failed: the host name could not be resolved (unknown).",
            ),
            (
                DownloadError::Status {
                    url: url(),
                    status: status(429),
                    received: received(),
                    attempts: ONCE,
                },
                "Too Many Requests",
                "returned HTTP 429 with an HTML page (6 bytes, text/html). Other clients",
            ),
            (
                DownloadError::Status {
                    url: url(),
                    status: status(403),
                    received: received(),
                    attempts: ONCE,
                },
                "Download Failed",
                "returned HTTP 403 with an HTML page (6 bytes, text/html). A link may expire",
            ),
            (
                DownloadError::Unusable {
                    url: url(),
                    received: received(),
                    error: CertificateError::PrivateKey,
                },
                not_a_certificate,
                "(6 bytes, text/html): it contains a private key. A certificate is",
            ),
        ];
        check(errors.map(|(error, summary, part)| {
            (ErrorKind::Download { category: "national".into(), error: error.into() }, summary, part)
        }));
        let found = vec!["international".to_owned()];
        let kind = ErrorKind::CategoryNotFound { category: "lunar".into(), found };
        check([(kind, "Category Not Found", "It has only: international. Set category")]);
    }
}
