//! Diagnostics for the provider's settings.

use super::capitalized;
use super::catalogue::{self, Message};
use crate::provider::config::{
    ConfigError, ConfigWarnings, DECRYPT, NO_FILE, Origin, SkippedFile, WITH_OIDC, is_client_certificate,
    may_come_from_environment, schema, variables,
};
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic};
use crate::tfplugin::provider;

/// Returns the diagnostic for an error in the provider's settings.
pub(in crate::provider) fn config_error(error: &ConfigError) -> Diagnostic {
    let diagnostic = match error {
        ConfigError::Missing(name) => catalogue::MISSING_SETTING
            .diagnostic(format!(
                "The provider requires a {name}, but none is set. Set {name} in the provider block, or set {}.",
                one_of(variables(name))
            ))
            .at(AttributePath::attribute(*name)),
        ConfigError::NoCredentials(reasons) => catalogue::MISSING_CREDENTIALS.diagnostic(format!(
            "No credential source has a credential: {}. Set {} in the environment, or use another credential source from \
             the provider's documentation.",
            reasons.join("; "),
            ["access_key", "secret_key"].map(|name| variables(name)[0]).join(" and ")
        )),
        ConfigError::IncompleteVariables { set, missing } => catalogue::INCOMPLETE_CREDENTIALS.diagnostic(
            format!("The environment variable {set} is set, but {missing} is missing or invalid. Set both, or neither."),
        ),
        ConfigError::File { path, setting, reason, encrypted } => {
            let action = if *encrypted {
                format!("Run {DECRYPT}, or use another credential source.")
            } else if path == NO_FILE {
                format!("Remove profile, or set {setting} to another file.")
            } else {
                format!("Correct the file, or correct {setting}.")
            };
            let detail = format!("The credentials file {path} cannot be used: {reason}. {action}");
            let path = (!variables(setting).is_empty()).then(|| AttributePath::attribute(*setting));
            Diagnostic { path, ..catalogue::UNUSABLE_CREDENTIALS_FILE.diagnostic(detail) }
        }
        ConfigError::Incomplete { set, origin, missing } => incomplete(set, *origin, missing),
        ConfigError::IncompleteBlock { block, missing, reads_variables } => {
            let variable = if *reads_variables {
                format!(", or in the environment variable HW_ASSUME_ROLE_{}", missing.to_ascii_uppercase())
            } else {
                String::new()
            };
            let required = match alternative(missing) {
                Some(setting) => format!("{missing} or {setting}, but neither is set"),
                None => format!("{missing}, but it is not set"),
            };
            catalogue::INCOMPLETE_CREDENTIALS
                .diagnostic(format!(
                    "{block} requires {required}. Set {missing} in the block{variable}."
                ))
                .at(AttributePath::attribute(*block))
        }
        ConfigError::Conflict { first, second } => {
            let is_one_method = alternative(first) == Some(second);
            let detail = if is_one_method {
                format!("{WITH_OIDC} has both {first} and {second}, and only one of them can be used.")
            } else {
                format!("The provider block has both {first} and {second}, which belong to two authentication methods.")
            };
            catalogue::CONFLICTING_CREDENTIALS
                .diagnostic(format!("{detail} Remove one of them."))
                .at(path_of(second))
        }
        ConfigError::ConflictingVariables { first, second } => catalogue::CONFLICTING_CREDENTIALS.diagnostic(
            format!("The environment variables {first} and {second} are both set. Unset one of them."),
        ),
        ConfigError::Invalid { path, origin, expected } => {
            let action = match origin {
                Origin::Block if expected.contains("line break") => {
                    "Correct the value: if file() reads it from a file with a line break at the end, use \
                     trimspace(file(...))."
                }
                _ => "Correct the value.",
            };
            let name = name_of(path, *origin);
            let detail = format!("{name} has an invalid value: it must be {expected}. {action}");
            invalid(&catalogue::INVALID_SETTING, path, *origin, detail)
        }
        ConfigError::InvalidFile { path, origin } => {
            let name = name_of(path, *origin);
            let detail =
                format!("{name} is the path of a file without a valid certificate or key in PEM. Correct the file.");
            invalid(&catalogue::UNUSABLE_CERTIFICATE_FILE, path, *origin, detail)
        }
        ConfigError::Unreadable { path, origin, reason } => {
            let detail = format!(
                "{} is neither PEM nor the path of a readable file ({reason}). Check that the file exists on this \
                 machine.",
                name_of(path, *origin)
            );
            invalid(&catalogue::UNUSABLE_CERTIFICATE_FILE, path, *origin, detail)
        }
        ConfigError::KeyMismatch { certificate, key } => catalogue::CERTIFICATE_KEY_MISMATCH
            .diagnostic(format!(
                "{key} is not the private key of the certificate in {certificate}. Set {key} to the private key that the \
                 certificate was issued for."
            ))
            .at(AttributePath::attribute(*certificate)),
        ConfigError::SkippedFiles { files, used } => skipped_files(files, used),
        ConfigError::UnknownEndpoint { key, suggestion } => {
            let action = match suggestion {
                Some(suggestion) => format!("Use {suggestion:?} instead, or remove the entry."),
                None => "Use \"dds\", \"iam\", \"sts\" or \"metadata\", or remove the entry.".to_owned(),
            };
            let path = AttributePath::attribute("endpoints").at_map_key(key);
            catalogue::UNKNOWN_ENDPOINT
                .diagnostic(format!("endpoints has the key {key:?}, which is not a service. {action}"))
                .at(path)
        }
    };
    without_secrets(diagnostic)
}

/// The error for a setting that needs another one.
fn incomplete(set: &'static str, origin: Origin, missing: &str) -> Diagnostic {
    let message = if is_client_certificate(missing) {
        catalogue::INCOMPLETE_CLIENT_CERTIFICATE
    } else {
        catalogue::INCOMPLETE_CREDENTIALS
    };
    match origin {
        Origin::Block if may_come_from_environment(missing) => message.diagnostic(format!(
            "{set} is set in the provider block, but {missing} is not set. Set {missing} in the block, or set {}.",
            one_of(variables(missing))
        )),
        Origin::Block => message.diagnostic(format!(
            "{set} is set in the provider block, but {missing} is not. The environment is not searched for it, because \
             both must come from the same source. Set {missing} in the block."
        )),
        Origin::Variable(variable) => {
            // Variables of two tools are not combined.
            let prefix = |name: &'static str| name.split('_').next();
            let variables = variables(missing).iter().copied();
            let same_tool: Vec<_> = variables.filter(|name| prefix(name) == prefix(variable)).collect();
            return message.diagnostic(format!(
                "The environment variable {variable} is set, but {missing} is missing. Set {}.",
                one_of(&same_tool)
            ));
        }
    }
    .at(AttributePath::attribute(set))
}

/// Returns the setting that can replace this one.
fn alternative(setting: &str) -> Option<&'static str> {
    match setting {
        "domain_id" => Some("domain_name"),
        "idp_id" => Some("provider_urn"),
        "id_token" => Some("id_token_file"),
        _ => None,
    }
}

/// Returns the warnings of a valid configuration. `used` is the origin of its credential.
pub(in crate::provider) fn warnings(
    warnings: &ConfigWarnings,
    used: &str,
) -> impl Iterator<Item = Diagnostic> {
    let ConfigWarnings { ignored, skipped_files: files } = warnings;
    let ignored = (!ignored.is_empty()).then(|| settings_ignored(ignored));
    let skipped = (!files.is_empty()).then(|| skipped_files(files, used));
    ignored.into_iter().chain(skipped)
}

fn settings_ignored(names: &[String]) -> Diagnostic {
    catalogue::SETTINGS_IGNORED.diagnostic(format!(
        "The provider ignores these settings, which only the official provider uses: {}. Remove them, or keep \
         them if the official provider uses a copy of the block.",
        names.join(", ")
    ))
}

/// The warning for files that were skipped.
fn skipped_files(files: &[SkippedFile], used: &str) -> Diagnostic {
    let reasons = capitalized(&files.iter().map(SkippedFile::to_string).collect::<Vec<_>>().join("; "));
    catalogue::CREDENTIALS_FILE_SKIPPED.diagnostic(format!(
        "{reasons}. The credential comes from {used} instead. Correct or remove the file, or set \
         HW_SHARED_CONFIG_FILE=/dev/null to use no credentials files."
    ))
}

/// The error for an invalid value. It has a path only if the value is in the block.
fn invalid(message: &Message, path: &AttributePath, origin: Origin, detail: String) -> Diagnostic {
    let diagnostic = message.diagnostic(detail);
    if origin == Origin::Block { diagnostic.at(path.clone()) } else { diagnostic }
}

/// The name of a setting in the block, or of the variable that sets it.
fn name_of(path: &AttributePath, origin: Origin) -> String {
    origin
        .variable()
        .map_or_else(|| path.to_string(), |variable| format!("The environment variable {variable}"))
}

/// The path of a setting of a credential.
fn path_of(name: &str) -> AttributePath {
    let is_setting = !variables(name).is_empty();
    AttributePath::attribute(if is_setting { name } else { WITH_OIDC })
}

/// Returns the error for a read that needs an unknown setting.
pub(in crate::provider) fn unknown_setting(path: AttributePath) -> Diagnostic {
    without_secrets(provider::unknown_setting(path))
}

fn one_of(variables: &[&str]) -> String {
    match variables {
        [variable] => format!("the environment variable {variable}"),
        variables => format!("one of the environment variables {}", variables.join(", ")),
    }
}

/// Removes a path to a line that may contain a secret, because Terraform prints the line. The diagnostic then points at
/// the provider block, and its detail contains the name of the argument.
fn without_secrets(diagnostic: Diagnostic) -> Diagnostic {
    let Some(path) = diagnostic.path.as_ref().filter(|path| may_show_secret(path)) else { return diagnostic };
    let name = path.to_string();
    let is_named = diagnostic.detail.contains(path.names().next_back().unwrap_or(&name));
    let detail = if is_named {
        diagnostic.detail
    } else {
        format!("The argument {name} of the provider block has an error. {}", diagnostic.detail)
    };
    Diagnostic { path: None, detail, ..diagnostic }
}

/// Whether the line may contain a sensitive argument: the argument itself, or a block in one line.
fn may_show_secret(path: &AttributePath) -> bool {
    let schema = schema();
    let mut names = path.names();
    let (Some(first), second) = (names.next(), names.next()) else { return false };
    match schema.blocks.iter().find(|block| block.name == first) {
        Some(block) => {
            let mut sensitive = block.attributes.iter().filter(|attribute| attribute.sensitive);
            sensitive.any(|attribute| second.is_none_or(|name| name == attribute.name))
        }
        None => schema.attributes.iter().any(|attribute| attribute.sensitive && attribute.name == first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::error_messages::tests::check_wording;

    #[test]
    fn every_error_of_a_setting_has_its_summary_and_action() {
        let path = || AttributePath::attribute("cert");
        let (block, variable) = (Origin::Block, Origin::Variable("OS_CERT"));
        let incomplete = |set, origin, missing| ConfigError::Incomplete { set, origin, missing };
        let file = |path: &str, encrypted| {
            let (path, setting, reason) = (path.to_owned(), "profile", "it is X".to_owned());
            ConfigError::File { path, setting, reason, encrypted }
        };
        let block_of = |reads_variables| ConfigError::IncompleteBlock {
            block: "assume_role",
            missing: "agency_name",
            reads_variables,
        };
        let skipped = SkippedFile { path: "/x".into(), reason: "it is X".into(), encrypted: true };
        let conflict = |first, second| ConfigError::Conflict { first, second };
        let unknown = |suggestion| ConfigError::UnknownEndpoint { key: "x".into(), suggestion };
        for (error, summary, part) in [
            (ConfigError::Missing("region"), "Missing Provider Setting", "HW_REGION_NAME, OS_REGION_NAME."),
            (
                ConfigError::NoCredentials(vec!["a".into(), "b".into()]),
                "Missing Credentials",
                ": a; b. Set HW_",
            ),
            (
                ConfigError::IncompleteVariables { set: "A", missing: "B" },
                "Incomplete Credentials",
                "but B is",
            ),
            (
                incomplete("access_key", block, "secret_key"),
                "Incomplete Credentials",
                "Set secret_key in the",
            ),
            (incomplete("user_name", block, "domain_name"), "Incomplete Credentials", "or set one of the"),
            (
                incomplete("access_key", variable, "secret_key"),
                "Incomplete Credentials",
                "Set the environment variable OS_SECRET_KEY.",
            ),
            (
                incomplete("key", block, "cert"),
                "Incomplete Client Certificate",
                "the environment variable OS_CERT.",
            ),
            (block_of(true), "Incomplete Credentials", "HW_ASSUME_ROLE_AGENCY_NAME"),
            // Variables do not complete the blocks of an agency chain.
            (block_of(false), "Incomplete Credentials", "Set agency_name in the block."),
            (conflict("token", "password"), "Conflicting Credentials", "two authentication methods"),
            (
                conflict("id_token", "id_token_file"),
                "Conflicting Credentials",
                "only one of them can be used",
            ),
            (
                ConfigError::ConflictingVariables { first: "A", second: "B" },
                "Conflicting Credentials",
                "Unset one",
            ),
            (
                file("/x", false),
                "Unusable Credentials File",
                "it is X. Correct the file, or correct profile.",
            ),
            (file("/x", true), "Unusable Credentials File", DECRYPT),
            (file(NO_FILE, false), "Unusable Credentials File", "Remove profile"),
            (
                ConfigError::Invalid { path: path(), origin: block, expected: "X".into() },
                "Invalid Provider Setting",
                "cert has an invalid value: it must be X.",
            ),
            (
                ConfigError::Unreadable { path: path(), origin: variable, reason: "X".into() },
                "Unusable Certificate File",
                "OS_CERT is neither PEM",
            ),
            (
                ConfigError::InvalidFile { path: path(), origin: block },
                "Unusable Certificate File",
                "cert is the path of a file without",
            ),
            (
                ConfigError::KeyMismatch { certificate: "cert", key: "key" },
                "Certificate Key Mismatch",
                "Set key to",
            ),
            (unknown(Some("dds")), "Unknown Endpoint", "Use \"dds\" instead"),
            (unknown(None), "Unknown Endpoint", "\"metadata\""),
            (
                ConfigError::SkippedFiles { files: vec![skipped], used: "the file /y".into() },
                "Credentials File Skipped",
                "The credential comes from the file /y instead.",
            ),
        ] {
            let diagnostic = config_error(&error);
            check_wording(&diagnostic);
            assert_eq!(diagnostic.summary, summary);
            assert!(diagnostic.detail.contains(part), "{} lacks {part:?}", diagnostic.detail);
        }
        let names = ConfigWarnings { ignored: vec!["default_tags".into()], skipped_files: Vec::new() };
        warnings(&names, "").for_each(|warning| check_wording(&warning));
    }

    #[test]
    fn no_path_points_at_a_line_with_a_secret() {
        let block = AttributePath::attribute("assume_role_with_oidc").at_list_index(0);
        let inside = |name: &str| block.at_name(name);
        let path_and_detail = |path: AttributePath| {
            let diagnostic = without_secrets(Diagnostic::error("X", "Correct it.").at(path));
            (diagnostic.path.is_some(), diagnostic.detail)
        };
        for name in ["secret_key", "password", "token", "security_token", "key", "assume_role_with_oidc"] {
            let detail = format!("The argument {name} of the provider block has an error. Correct it.");
            assert_eq!(path_and_detail(AttributePath::attribute(name)), (false, detail));
        }
        assert!(
            !path_and_detail(inside("id_token")).0
                && path_and_detail(inside("id_token")).1.contains("[0].id_token")
        );
        for name in ["access_key", "region", "cert", "user_name", "assume_role", "endpoints"] {
            assert_eq!(
                path_and_detail(AttributePath::attribute(name)),
                (true, "Correct it.".to_owned()),
                "{name}"
            );
        }
        assert!(path_and_detail(inside("duration")).0);
    }
}
