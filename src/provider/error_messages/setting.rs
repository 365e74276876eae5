//! Diagnostics for the provider's settings.

use super::credential::capitalized;
use crate::provider::config::{
    ConfigError, ConfigWarnings, DECRYPT, Origin, SkippedFile, may_come_from_environment, schema, variables,
};
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic, Step};
use crate::tfplugin::provider;

/// The diagnostic for an error in the provider's settings.
pub(in crate::provider) fn config_error(error: &ConfigError) -> Diagnostic {
    let diagnostic = match error {
        ConfigError::Missing(name) => Diagnostic::error(
            "Missing Provider Setting",
            format!(
                "The provider needs a {name}. Set {name} in the provider block, or {}.",
                in_environment(name)
            ),
        )
        .at(AttributePath::attribute(*name)),
        ConfigError::NoCredentials(reasons) => Diagnostic::error(
            "Missing Credentials",
            format!(
                "The provider has nothing to authenticate with: {}. Set {} in the environment, or one of the ways \
                 that the provider's documentation lists.",
                reasons.join("; "),
                ["access_key", "secret_key"].map(|name| variables(name)[0]).join(" and ")
            ),
        ),
        ConfigError::IncompleteVariables { set, missing } => Diagnostic::error(
            "Incomplete Credentials",
            format!("The environment variable {set} is set, but {missing} is missing or invalid. Set both, or neither."),
        ),
        ConfigError::File { path, setting, reason, encrypted } => {
            let remedy = if *encrypted {
                format!("Turn that off with {DECRYPT}, or use another way to authenticate.")
            } else {
                format!("Correct the file, or {setting}.")
            };
            let detail = format!("The file {path} was to give the credential, but {reason}. {remedy}");
            let path = (!variables(setting).is_empty()).then(|| AttributePath::attribute(*setting));
            Diagnostic { path, ..Diagnostic::error("Unusable Credentials File", detail) }
        }
        ConfigError::Incomplete { set, origin: Origin::Block, missing } => {
            let remedy = if may_come_from_environment(missing) {
                format!("Set {missing} as well, in the block or by {}.", in_environment(missing))
            } else {
                format!("Set {missing} in the block, too. The two are never taken from different places.")
            };
            let detail = format!("{set} is set in the provider block, but {missing} is not. {remedy}");
            Diagnostic::error("Incomplete Credentials", detail).at(AttributePath::attribute(*set))
        }
        ConfigError::Incomplete { origin: Origin::Variable(variable), missing, .. } => Diagnostic::error(
            "Incomplete Credentials",
            format!(
                "The environment variable {variable} is set, but none for {missing}. Set {missing} as well: {}.",
                in_environment(missing)
            ),
        ),
        ConfigError::IncompleteBlock { block, missing } => {
            let variable = format!("HW_ASSUME_ROLE_{}", missing.to_ascii_uppercase());
            let detail = format!(
                "{block} needs {missing}. Set it in the block, or by the environment variable {variable}."
            );
            Diagnostic::error("Incomplete Credentials", detail).at(AttributePath::attribute(*block))
        }
        ConfigError::Conflict { first, second } => Diagnostic::error(
            "Conflicting Credentials",
            format!(
                "The provider block has both {first} and {second}, which belong to two ways to authenticate. \
                 Remove one of them."
            ),
        )
        .at(path_of(second)),
        ConfigError::ConflictingVariables { first, second } => Diagnostic::error(
            "Conflicting Credentials",
            format!("The environment variables {first} and {second} are both set. Unset one of them."),
        ),
        ConfigError::Invalid { path, origin, expected } => {
            let remedy = match origin {
                Origin::Block if expected.contains("line break") => {
                    "Correct its value. One that file() reads often ends with a line break; trimspace(file(...)) does \
                     not."
                }
                _ => "Correct its value.",
            };
            invalid(path, *origin, format!("must be {expected}. {remedy}"))
        }
        ConfigError::InvalidFile { path, origin, expected } => {
            invalid(path, *origin, format!("must be {expected}. Correct the file that it names."))
        }
        ConfigError::Unreadable { path, origin, reason } => {
            let what = "is neither a text in PEM nor the path of a file that can be read";
            invalid(path, *origin, format!("{what} ({reason}). Check that the file exists on this machine."))
        }
        ConfigError::KeyMismatch { certificate, key } => Diagnostic::error(
            "Invalid Provider Setting",
            format!(
                "{certificate} and {key} do not belong together: the certificate has another public key. Set {key} to \
                 the private key that the certificate was issued for."
            ),
        )
        .at(AttributePath::attribute(*certificate)),
        ConfigError::SkippedFiles { files, used } => skipped(files, used),
        ConfigError::UnknownEndpoint { key, suggestion } => {
            let remedy = match suggestion {
                Some(suggestion) => format!("Did you mean {suggestion:?}?"),
                None => "Use \"dds\" or \"iam\", or remove the entry.".to_owned(),
            };
            let detail =
                format!("endpoints has the key {key:?}, but the provider calls no such service. {remedy}");
            let path = AttributePath::attribute("endpoints").then(Step::Key(key.clone()));
            Diagnostic::error("Unknown Endpoint", detail).at(path)
        }
    };
    without_secrets(diagnostic)
}

/// The warnings of a valid configuration. `used` is the origin of its credential.
pub(in crate::provider) fn warnings(
    warnings: &ConfigWarnings,
    used: &str,
) -> impl Iterator<Item = Diagnostic> {
    let ConfigWarnings { ignored: names, skipped_files: files } = warnings;
    let unused = (!names.is_empty()).then(|| without_effect(names));
    let skipped = (!files.is_empty()).then(|| skipped(files, used));
    unused.into_iter().chain(skipped)
}

fn without_effect(names: &[String]) -> Diagnostic {
    let detail = format!(
        "These settings of the official provider mean nothing for reading certificates, and are accepted only so that \
         its block can be copied: {}. They can be removed.",
        names.join(", ")
    );
    Diagnostic::warning("Settings Without Effect", detail)
}

/// The warning about files that were skipped in favour of another credential.
fn skipped(files: &[SkippedFile], used: &str) -> Diagnostic {
    let reasons = capitalized(&files.iter().map(SkippedFile::to_string).collect::<Vec<_>>().join("; "));
    let detail = format!(
        "{reasons}. The credential comes from {used} instead. Correct or remove the file, or set \
         HW_SHARED_CONFIG_FILE=/dev/null if no file is to be used."
    );
    Diagnostic::warning("Credentials File Skipped", detail)
}

/// The error for an invalid value. It points at the block only if the value comes from there.
fn invalid(path: &AttributePath, origin: Origin, what: String) -> Diagnostic {
    let diagnostic = |name: String| Diagnostic::error("Invalid Provider Setting", format!("{name} {what}"));
    match origin {
        Origin::Block => diagnostic(path.to_string()).at(path.clone()),
        Origin::Variable(variable) => diagnostic(format!("The environment variable {variable}")),
    }
}

/// The path of a setting of a credential.
fn path_of(name: &str) -> AttributePath {
    let is_setting = !variables(name).is_empty();
    AttributePath::attribute(if is_setting { name } else { "assume_role_with_oidc" })
}

/// The error for a read that needs a setting which is not known yet.
pub(in crate::provider) fn unknown_setting(path: AttributePath) -> Diagnostic {
    without_secrets(provider::unknown_setting(path))
}

fn in_environment(name: &str) -> String {
    format!("one of the environment variables {}", variables(name).join(", "))
}

/// Removes a path to a line that may have a secret. Core prints the line of the configuration that a path points at; so
/// the diagnostic points at the block, and names the argument in its text.
fn without_secrets(diagnostic: Diagnostic) -> Diagnostic {
    let Some(path) = diagnostic.path.as_ref().filter(|path| may_show_secret(path)) else { return diagnostic };
    let name = path.to_string();
    let is_named = diagnostic.detail.contains(path.names().next_back().unwrap_or(&name));
    let detail = if is_named {
        diagnostic.detail
    } else {
        format!("{} The argument is {name} of the provider block.", diagnostic.detail)
    };
    Diagnostic { path: None, detail, ..diagnostic }
}

/// Whether a sensitive argument may be in the line: as the argument itself, or in a block that is written in one line.
fn may_show_secret(path: &AttributePath) -> bool {
    let schema = schema();
    let mut names = path.names();
    let (Some(first), second) = (names.next(), names.next()) else { return false };
    match schema.blocks.iter().find(|block| block.name == first) {
        Some(block) => {
            let mut attributes = block.attributes.iter();
            attributes.any(|it| it.sensitive && second.is_none_or(|name| name == it.name))
        }
        None => schema.attributes.iter().any(|it| it.sensitive && it.name == first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_point_only_at_lines_without_secrets() {
        let block = AttributePath::attribute("assume_role_with_oidc").then(Step::Index(0));
        let inside = |name: &str| block.member(name);
        let shown = |path: AttributePath| {
            let found = without_secrets(Diagnostic::error("X", "Correct it.").at(path));
            (found.path.is_some(), found.detail)
        };
        for name in ["secret_key", "password", "token", "security_token", "key", "assume_role_with_oidc"] {
            let told = format!("Correct it. The argument is {name} of the provider block.");
            assert_eq!(shown(AttributePath::attribute(name)), (false, told));
        }
        assert!(!shown(inside("id_token")).0 && shown(inside("id_token")).1.contains("[0].id_token"));
        for name in ["access_key", "region", "cert", "user_name", "assume_role", "endpoints"] {
            assert_eq!(shown(AttributePath::attribute(name)), (true, "Correct it.".to_owned()), "{name}");
        }
        assert!(shown(inside("duration")).0);
    }
}
