//! All diagnostics of the provider, and the tables of `docs/guides/errors.md`.

use std::time::{Duration, SystemTime};

use super::FailedRequest;
use super::request_error::{self, Received};
use crate::huaweicloud::error::{Context, Operation};
use crate::huaweicloud::error_codes::{self, CODES, ErrorCategory, MESSAGE_PATTERNS};
use crate::huaweicloud::transport::retry::Attempts;
use crate::huaweicloud::transport::{ErrorResponse, TransportError};
use crate::provider::data_sources;
use crate::tfplugin::diagnostic::{Diagnostic, MESSAGES, MessageDoc, Severity};

/// A diagnostic of the provider. The message in a run adds the details.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::provider) struct Message {
    severity: Severity,
    doc: MessageDoc,
}

impl Message {
    /// Returns the diagnostic without a path.
    pub(in crate::provider) fn diagnostic(&self, detail: impl Into<String>) -> Diagnostic {
        match self.severity {
            Severity::Error => self.doc.error(detail),
            Severity::Warning => self.doc.warning(detail),
        }
    }
}

/// Declares a constant for each message, and `TOPICS` with all of them.
macro_rules! topics {
    ($($topic:literal: { $($severity:ident $name:ident: $summary:literal, $meaning:literal, $action:literal;)* })*) => {
        $($(pub(in crate::provider) const $name: Message = Message {
            severity: Severity::$severity,
            doc: MessageDoc { summary: $summary, meaning: $meaning, action: $action },
        };)*)*

        /// All messages by topic.
        const TOPICS: &[(&str, &[Message])] = &[$(($topic, &[$($name),*])),*];
    };
}

topics! {
    "Provider settings and credentials": {
        Error MISSING_SETTING: "Missing Provider Setting",
            "A setting that the provider requires, such as the region, is not set.",
            "Set it in the provider block, or in one of the environment variables in the message.";
        Error INVALID_SETTING: "Invalid Provider Setting",
            "A setting or an environment variable has a value that is not allowed. The message describes the allowed \
             values. It does not contain the value, which may be a secret.",
            "Correct the value in the place that the message names.";
        Error UNUSABLE_CERTIFICATE_FILE: "Unusable Certificate File",
            "`cacert_file`, `cert` or `key` is the path of a file that cannot be read or that is not PEM.",
            "Check that the file exists on this machine, is readable, and is PEM.";
        Error INCOMPLETE_CLIENT_CERTIFICATE: "Incomplete Client Certificate",
            "Only one of `cert` and `key` is set.",
            "Set both, or neither.";
        Error CERTIFICATE_KEY_MISMATCH: "Certificate Key Mismatch",
            "`key` is not the private key of the certificate in `cert`.",
            "Set `key` to the private key that the certificate was issued for.";
        Error UNKNOWN_ENDPOINT: "Unknown Endpoint",
            "A key of `endpoints` is not a service of this provider or of the official provider.",
            "Correct the key. This provider uses `dds`, `iam`, `sts` and `metadata`.";
        Error ENDPOINT_OF_ANOTHER_REGION: "Endpoint Of Another Region",
            "A data source sets another `region` than the provider block, but `endpoints.dds` is the URL of one region.",
            "Replace the region code in `endpoints.dds` with `{region}`, or use a second provider block.";
        Error MISSING_CREDENTIALS: "Missing Credentials",
            "No credential source has a credential. The message contains the reason for each source.",
            "Set `HW_ACCESS_KEY` and `HW_SECRET_KEY`, or use another credential source.";
        Error INCOMPLETE_CREDENTIALS: "Incomplete Credentials",
            "A part of a credential or of an agency is set, but another required part is not. Parts of a credential are \
             never combined from two sources.",
            "Set the missing part that the message names, or remove the other parts.";
        Error CONFLICTING_CREDENTIALS: "Conflicting Credentials",
            "Two settings are set in the same place, and only one of them can be used.",
            "Remove one of the two.";
        Error UNUSABLE_CREDENTIALS_FILE: "Unusable Credentials File",
            "A setting selects a KooCLI config file or an SDK credentials file, but the file cannot be read or its profile \
             has no valid credential.",
            "Correct the file, or the setting that selects it.";
        Warning CREDENTIALS_FILE_SKIPPED: "Credentials File Skipped",
            "A file at its default path has no valid credential, so the provider uses the next credential source.",
            "Correct or remove the file, or set `HW_SHARED_CONFIG_FILE=/dev/null` to use no credentials files.";
        Warning SETTINGS_IGNORED: "Settings Ignored",
            "The provider block has settings that only the official provider uses.",
            "Remove them, or keep them if the official provider uses a copy of the block.";
    }
    "Fetching a credential": {
        Error CREDENTIAL_REQUEST_REJECTED: "Credential Request Rejected",
            "Huawei Cloud rejected a request for a token or a temporary access key, such as assuming an agency. It \
             accepted the identity of the caller, but a name or a scope is invalid, or a permission is missing.",
            "Check the settings that the message names, and grant the permission for the request.";
        Error NO_ECS_AGENCY: "No ECS Agency",
            "The ECS metadata service has no credential: this machine is not an ECS, or the ECS has no agency.",
            "Attach an agency to the ECS, or use another credential source.";
        Error INCOMPLETE_CREDENTIAL_RESPONSE: "Incomplete Credential Response",
            "The response to a request for a token or a temporary access key lacks a required field.",
            "Check the endpoint in the message, and whether a proxy responds instead of the service.";
        Error EXPIRED_CREDENTIAL: "Expired Credential",
            "A service returned a token or a temporary access key that had already expired.",
            "Correct this machine's clock, or restart the service that returns expired credentials.";
        Error UNUSABLE_TOKEN_FILE: "Unusable Token File",
            "The file with the OIDC ID token, or with the token of a container, cannot be read or contains no token.",
            "Check that the file exists on this machine, is readable, and contains a token.";
    }
    "Network and TLS": {
        Error HOST_NOT_FOUND: "Host Not Found",
            "DNS has no entry for the host name of a service.",
            "Check the settings that the host name is made of: `region`, `cloud`, `endpoints` and `auth_url`.";
        Error NAME_RESOLUTION_FAILED: "Name Resolution Failed",
            "The DNS server did not respond, or returned an error.",
            "Check the DNS settings and the network of this machine.";
        Error CONNECTION_FAILED: "Connection Failed",
            "No connection to a service, or to the proxy, could be opened.",
            "Check the network, and `HTTPS_PROXY` and `NO_PROXY` if there is a proxy.";
        Error CONNECTION_INTERRUPTED: "Connection Interrupted",
            "The connection was closed before the response was complete.",
            "Check the proxy or the firewall between this machine and Huawei Cloud, or try again later.";
        Error INVALID_PROXY: "Invalid Proxy",
            "The value of the environment variable in the message is not a valid proxy URL.",
            "Set it to a URL such as `http://proxy.example.com:3128`, or add the host to `NO_PROXY`.";
        Error INVALID_REQUEST_URL: "Invalid Request URL",
            "The URL of a request is invalid.",
            "Check the URLs in the settings that the message names.";
        Error REQUEST_TIMED_OUT: "Request Timed Out",
            "No attempt of the request got a response within its timeout.",
            "Check the network, `HTTPS_PROXY` and `NO_PROXY`, or raise `request_timeout` if the service is slow.";
        Error READ_TIMED_OUT: "Read Timed Out",
            "The read got no response within its timeout (`timeouts.read`). It may have waited for a request of another \
             read.",
            "Check the network, or raise `timeouts.read` in the data source's `timeouts` block.";
        Error UNTRUSTED_CERTIFICATE: "Untrusted Certificate",
            "The certificate of a server was not issued by a trusted CA. Usual causes are a proxy that inspects TLS, and \
             a private cloud.",
            "Set `cacert_file`, or on Linux the environment variable `SSL_CERT_FILE`, to a file with the CA certificate.";
        Error EXPIRED_CERTIFICATE: "Expired Certificate",
            "The certificate of a server has expired, or this machine's clock is wrong.",
            "Correct the clock, or contact the operator of the server, or of the proxy that inspects TLS.";
        Error CERTIFICATE_NOT_YET_VALID: "Certificate Not Yet Valid",
            "The validity of a server's certificate begins in the future, or this machine's clock is wrong.",
            "Correct the clock, or contact the operator of the server, or of the proxy that inspects TLS.";
        Error CERTIFICATE_NAME_MISMATCH: "Certificate Name Mismatch",
            "The certificate of a server is issued for other host names than the one in the URL.",
            "Use one of the certificate's names in `endpoints`, `auth_url` or `cloud`, or check the DNS entry of \
             the host.";
        Error NO_CERTIFICATE_STORE: "No Certificate Store",
            "The operating system has no CA certificates that can be used.",
            "Install the CA certificates, often a package named `ca-certificates`, or set `SSL_CERT_FILE` to a PEM file.";
    }
    "Responses of Huawei Cloud": {
        Error AUTHENTICATION_FAILED: "Authentication Failed",
            "Huawei Cloud did not accept the identity of the caller. The message contains the origin of the credential.",
            "Check the credential as the message describes. Usual causes are a wrong, expired or incomplete \
             credential, and clocks that differ by more than 15 minutes.";
        Error ACCESS_DENIED: "Access Denied",
            "The caller does not have a required permission.",
            "Grant the permission that the message names. It takes effect after up to 30 minutes.";
        Error ACCOUNT_SUSPENDED: "Account Suspended",
            "The account or the project cannot be used, for example because of an unpaid bill.",
            "Check the Billing Center in the console.";
        Error TOO_MANY_REQUESTS: "Too Many Requests",
            "Huawei Cloud throttled all attempts until the read timeout. If `max_retries` is 0, there is only one \
             attempt.",
            "Raise `timeouts.read`, or run Terraform with a lower `-parallelism`. Other clients may use the same rate \
             limit.";
        Error INSTANCE_NOT_FOUND: "Instance Not Found",
            "There is no DDS instance with this ID in the region and the project that the message names.",
            "Compare ID, region and project with the DDS console. Set `region`, or `project_name` for a sub-project.";
        Error INVALID_INSTANCE_ID: "Invalid Instance ID",
            "Huawei Cloud does not accept the format of the instance ID.",
            "Copy `instance_id` from the instance's page in the DDS console.";
        Error INSTANCE_BUSY: "Instance Busy",
            "The state of the instance, or a task that it is running, does not allow the request.",
            "Wait until the DDS console shows the instance as available.";
        Error WRONG_PROJECT: "Wrong Project",
            "The instance, or the scope of the token, belongs to another project than the one in the message.",
            "Set `project_id` to the instance's project. If the credential is a token, use one for that project.";
        Error PROJECT_NOT_FOUND: "Project Not Found",
            "The account has no project with this name. The project of a region exists only after somebody has opened the \
             region in the console.",
            "Set `project_name` or `project_id` to an existing project, or open the region in the console.";
        Error PROJECT_DISABLED: "Project Disabled",
            "The project is disabled in IAM.",
            "Enable it in the IAM console, or set `project_id` to another project.";
        Error REGION_NOT_AVAILABLE: "Region Not Available",
            "DDS is not available in this region, or not for this account.",
            "Check `region`.";
        Error API_NOT_FOUND: "API Not Found",
            "The server has no such API: the request was sent to a wrong host or path.",
            "Check the settings that the URL is made of: `region`, `cloud`, `endpoints` and `auth_url`.";
        Error UNEXPECTED_REDIRECT: "Unexpected Redirect",
            "The response is a redirect. The provider does not follow it, because it could send the credential to another \
             host.",
            "Check the endpoint, and whether a proxy requires a sign-in.";
        Error REQUEST_REJECTED: "Request Rejected",
            "Huawei Cloud rejected the request for another reason, which the code and the message describe.",
            "Check the code in the API reference of the service.";
        Error SERVER_ERROR: "Server Error",
            "Huawei Cloud, or a proxy, responded to all attempts with a server error.",
            "Try again later. If the error remains, contact Huawei Cloud support with the request ID.";
        Error PARTIAL_RESPONSE: "Partial Response",
            "The server returned a part of a response (HTTP 206), but the provider requested the whole response.",
            "Check the proxy or the cache between this machine and Huawei Cloud.";
        Error INVALID_RESPONSE: "Invalid Response",
            "The response has a success status, but its body does not have the documented format.",
            "Check whether a proxy changes responses. If there is no proxy, report the message to the developers of \
             the provider.";
        Error RESPONSE_TOO_LARGE: "Response Too Large",
            "The response is larger than 4 MiB, so it is not from Huawei Cloud.",
            "Check the endpoint, and whether a proxy responds instead of the service.";
        Warning INSTANCE_LIST_CHANGED: "Instance List Changed",
            "The list of instances changed while it was read, or its length differs from the count in the response. The \
             provider read it again twice. An instance may be missing.",
            "Run Terraform again. If the warning remains, compare the list with the DDS console.";
        Error INVALID_TAG_CONDITION: "Invalid Tag Condition",
            "The API cannot select instances by these `tags`: there are more than 20, or a key is empty or contains `,` or `=`.",
            "Correct the key, or remove tags.";
        Warning NO_CERTIFICATES: "No Certificates",
            "Huawei Cloud returned no certificate for the instance, so the list of certificates is empty.",
            "Check in the DDS console whether SSL is enabled for the instance.";
    }
    "Downloaded certificates": {
        Error DOWNLOAD_LINK_NOT_ALLOWED: "Download Link Not Allowed",
            "A link that Huawei Cloud returned, or a redirect, breaks a rule for downloads: `https` (or `http` if \
             `endpoints.dds` has it, but not for a redirect), no user name, at most 3 redirects, no link-local or metadata \
             address, and this machine only if `endpoints.dds` is on it, too.",
            "Check whether a proxy changes responses, and `endpoints.dds` if it is set.";
        Error DOWNLOAD_FAILED: "Download Failed",
            "The server of a certificate file returned an error, for example because the link has expired.",
            "Run Terraform again, which gets a new link. Check the network and the proxy if the error remains.";
        Error NOT_A_CERTIFICATE: "Not A Certificate",
            "The downloaded file is not a certificate in PEM or DER, or a zip file with them. It is also not used if it is \
             damaged, larger than 1 MiB, or contains a private key.",
            "Check whether a proxy responds instead of the server. The message says what the file is.";
        Error CATEGORY_NOT_FOUND: "Category Not Found",
            "The instance has no certificate of the category in `category`.",
            "Set `category` to one of those in the message, or remove it.";
        Warning CERTIFICATES_NOT_VERIFIED: "Certificates Not Verified",
            "`insecure` is set, so anybody between this machine and the cloud can replace the certificates. A client that \
             trusts them does not verify its server either.",
            "Remove `insecure`, and set `cacert_file` if the cloud or a proxy has its own CA.";
        Warning CERTIFICATE_EXPIRED: "Certificate Expired",
            "A certificate of the instance has expired. Clients that verify the server reject it.",
            "Check in the DDS console whether there is a new certificate for the instance.";
        Warning CERTIFICATE_EXPIRES_SOON: "Certificate Expires Soon",
            "A certificate of the instance expires within `warn_before_expiry_days`.",
            "Check in the DDS console when the certificate is replaced, and give clients the new one before.";
        Warning CERTIFICATE_NOT_VALID_YET: "Certificate Not Valid Yet",
            "The validity of a certificate of the instance begins in the future, or this machine's clock is wrong.",
            "Correct this machine's clock if it is wrong. Otherwise wait until the certificate is valid.";
    }
}

/// Whether the catalogue has this message.
#[cfg(test)]
pub(super) fn contains(severity: Severity, summary: &str) -> bool {
    let mut messages = TOPICS.iter().flat_map(|(_, messages)| *messages);
    messages.any(|message| message.severity == severity && message.doc.summary == summary)
        || severity == Severity::Error && MESSAGES.iter().any(|doc| doc.summary == summary)
}

/// The topic of the messages of the plugin framework, which every provider has.
const PLUGIN: &str = "The plugin";

/// Returns all messages in Markdown: a heading and a table for each topic.
pub fn messages() -> String {
    let provider = TOPICS.iter().map(|(topic, messages)| {
        let rows = messages.iter().map(|message| row(message.severity, &message.doc)).collect();
        (*topic, rows)
    });
    let framework = (PLUGIN, MESSAGES.iter().map(|doc| row(Severity::Error, doc)).collect());
    let sections = provider.chain([framework]).map(|(topic, rows): (&str, String)| {
        format!("### {topic}\n\n| Message | Meaning | What to do |\n|---|---|---|\n{rows}")
    });
    sections.collect::<Vec<_>>().join("\n")
}

fn row(severity: Severity, MessageDoc { summary, meaning, action }: &MessageDoc) -> String {
    let severity = if severity == Severity::Warning { " (warning)" } else { "" };
    format!("| **{summary}**{severity} | {meaning} | {action} |\n")
}

const TABLE_HEAD: &str = "| What comes back | Message | What to do |\n|---|---|---|\n";

/// Returns the table of error responses in Markdown: by code, by the gateway's message, and by status.
pub fn error_responses() -> String {
    let codes = CODES.iter().map(|(category, codes)| (list(codes), *category));
    let patterns = MESSAGE_PATTERNS.map(|(pattern, failure)| {
        (format!("`APIGW.0301`: \"{pattern}\""), ErrorCategory::Unauthenticated(failure))
    });
    let statuses = [
        (401, "401"),
        (403, "403"),
        (404, "404"),
        (429, "429"),
        (500, "5xx"),
        (302, "3xx"),
        (400, "4xx"),
        (206, "206"),
    ];
    let statuses = statuses
        .map(|(status, shown)| (format!("any other HTTP {shown}"), error_codes::classify_status(status)));
    let not_found = ("any other `DBS.*` with HTTP 404".to_owned(), ErrorCategory::NotFound);
    let rows = codes.chain(patterns).chain([not_found]).chain(statuses);
    let context = placeholder_context();
    let request = FailedRequest::of_dds(&context, &data_sources::INSTANCE);
    let response = ErrorResponse { request_id: Some("ID".to_owned()), ..ErrorResponse::default() };
    let received = Received { response: &response, attempts: Attempts::NONE, at: SystemTime::UNIX_EPOCH };
    rows.fold(TABLE_HEAD.to_owned(), |table, (response, category)| {
        let (message, action) = request_error::action(&request, category, received);
        format!("{table}| {response} | {} | {action} |\n", message.doc.summary)
    })
}

/// Returns the table of transport errors in Markdown.
pub fn transport_errors() -> String {
    let cause = String::new;
    let errors = [
        TransportError::NameResolution { cause: "the name does not exist".into(), temporary: false },
        TransportError::NameResolution { cause: "the DNS server does not respond".into(), temporary: true },
        TransportError::ConnectionFailed { cause: cause() },
        TransportError::UntrustedCertificate { cause: cause() },
        TransportError::ExpiredCertificate { cause: cause() },
        TransportError::CertificateNotYetValid { cause: cause() },
        TransportError::CertificateNameMismatch { cause: cause() },
        TransportError::InvalidProxy { variable: "HTTPS_PROXY", cause: cause() },
        TransportError::NoCertificateStore { cause: cause() },
        TransportError::RequestTimedOut {
            timeout: Duration::from_secs(30),
            setting: Some("request_timeout"),
        },
        TransportError::ReadTimedOut { timeout: Duration::from_secs(300) },
        TransportError::QueueTimedOut { timeout: Duration::from_secs(300) },
        TransportError::IncompleteResponse { cause: cause() },
        TransportError::ResponseTooLarge,
        TransportError::InvalidRequest { cause: cause() },
    ];
    let context = placeholder_context();
    let request = FailedRequest::of_dds(&context, &data_sources::INSTANCE);
    errors.iter().fold(TABLE_HEAD.to_owned(), |table, error| {
        let (message, action) = request_error::transport_action(&request, error);
        let cause = error.cause().filter(|cause| !cause.is_empty());
        let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{table}| {error}{cause} | {} | {action} |\n", message.doc.summary)
    })
}

fn list(codes: &[&str]) -> String {
    codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ")
}

/// Returns a context with placeholders for the values of a run.
fn placeholder_context() -> Context {
    Context {
        operation: Operation::SSL_CERT_DOWNLOAD_LINKS,
        region: "REGION".into(),
        project: Some("PROJECT".into()),
        instance: None,
        credential: "CREDENTIAL".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn sources(dir: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn every_summary_is_unique_and_in_title_case() {
        let provider = TOPICS.iter().flat_map(|(_, messages)| *messages).map(|message| &message.doc);
        let mut summaries = BTreeSet::new();
        for MessageDoc { summary, meaning, action } in provider.chain(MESSAGES) {
            assert!(summaries.insert(summary), "{summary} appears twice");
            assert!(summary.split(' ').all(|word| word.starts_with(char::is_uppercase)), "{summary}");
            assert!(meaning.ends_with('.') && action.ends_with('.'), "{summary} needs whole sentences");
            assert_eq!(self::messages().matches(&format!("| **{summary}**")).count(), 1, "{summary}");
        }
    }

    #[test]
    fn provider_uses_only_diagnostics_of_the_catalogue() {
        for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider")) {
            let source = std::fs::read_to_string(&path).unwrap();
            let code = source.split("mod tests {").next().unwrap();
            for call in ["Diagnostic::error(", "Diagnostic::warning(", "summary: \""] {
                assert!(!code.contains(call), "{call} in {}", path.display());
            }
        }
    }
}
