//! Diagnostics for certificates that could not be downloaded or used.

use super::catalogue::{self, Message};
use super::request_error::{no_response, transport_action};
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
