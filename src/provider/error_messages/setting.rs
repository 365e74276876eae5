//! Faults of the provider's settings in words.

use crate::provider::config::{
    ConfigError, DECRYPT, Notices, Origin, SkippedFile, may_come_alone, variables,
};
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic};

pub(in crate::provider) fn fault(fault: &ConfigError) -> Diagnostic {
    match fault {
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
        ConfigError::HalfVariables { has, lacks } => Diagnostic::error(
            "Incomplete Credentials",
            format!(
                "The environment variable {has} is set, but {lacks} is not, or has no use. Set both, or neither."
            ),
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
        ConfigError::Incomplete { given, origin, lacks } => {
            let (place, remedy) = match origin {
                Origin::Block if may_come_alone(lacks) => (
                    format!("{given} is set in the provider block, but {lacks} is not"),
                    format!("Set {lacks} as well, in the block or by {}.", in_environment(lacks)),
                ),
                Origin::Block => (
                    format!("{given} is set in the provider block, but {lacks} is not"),
                    format!("Set {lacks} in the block, too. The two are never taken from different places."),
                ),
                Origin::Variable(variable) => (
                    format!("The environment variable {variable} is set, but none for {lacks}"),
                    format!("Set {lacks} as well: {}.", in_environment(lacks)),
                ),
            };
            let diagnostic = Diagnostic::error("Incomplete Credentials", format!("{place}. {remedy}"));
            match origin {
                Origin::Block => diagnostic.at(AttributePath::attribute(*given)),
                Origin::Variable(_) => diagnostic,
            }
        }
        ConfigError::BlockLacks { block, lacks } => {
            let variable = format!("HW_ASSUME_ROLE_{}", lacks.to_ascii_uppercase());
            let detail = format!(
                "{block} needs {lacks}. Set it in the block, or by the environment variable {variable}."
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
        .at(place_of(second)),
        ConfigError::ConflictingVariables { first, second } => Diagnostic::error(
            "Conflicting Credentials",
            format!("The environment variables {first} and {second} are both set. Unset one of them."),
        ),
        ConfigError::Malformed { path, origin, expected } => {
            let remedy = match origin {
                Origin::Block if expected.contains("line break") => {
                    "Correct its value. One that file() reads often ends with a line break; trimspace(file(...)) does \
                     not."
                }
                _ => "Correct its value.",
            };
            invalid(path, *origin, format!("must be {expected}. {remedy}"))
        }
        ConfigError::MalformedFile { path, origin, expected } => {
            invalid(path, *origin, format!("must be {expected}. Correct the file that it names."))
        }
        ConfigError::Unreadable { path, origin, reason } => {
            let what = "is neither a text in PEM nor the path of a file that can be read";
            invalid(path, *origin, format!("{what} ({reason}). Check that the file exists on this machine."))
        }
        ConfigError::ForeignKey { certificate, key } => Diagnostic::error(
            "Invalid Provider Setting",
            format!(
                "{certificate} and {key} do not belong together: the certificate has another public key. Set {key} to \
                 the private key that the certificate was issued for."
            ),
        )
        .at(AttributePath::attribute(*certificate)),
        ConfigError::Skipped { files, used } => skipped(files, used),
        ConfigError::UnknownEndpoint { key, meant } => {
            let remedy = match meant {
                Some(meant) => format!("Did you mean {meant:?}?"),
                None => "Use \"dds\" or \"iam\", or remove the entry.".to_owned(),
            };
            let detail =
                format!("endpoints has the key {key:?}, but the provider calls no such service. {remedy}");
            let path = AttributePath::attribute("endpoints").then(crate::tfplugin::diagnostic::Step::Key(key.clone()));
            Diagnostic::error("Unknown Endpoint", detail).at(path)
        }
    }
}

/// The warnings of a configuration that can be used. `used` is the origin of its credential.
pub(in crate::provider) fn notices(notices: &Notices, used: &str) -> impl Iterator<Item = Diagnostic> {
    let Notices { without_effect: names, skipped: files } = notices;
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

/// For a credential that the user may not expect.
fn skipped(files: &[SkippedFile], used: &str) -> Diagnostic {
    let mut reasons = files.iter().map(SkippedFile::to_string).collect::<Vec<_>>().join("; ");
    if let Some(first) = reasons.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let detail = format!(
        "{reasons}. The credential comes from {used} instead. Correct or remove the file, or set \
         HW_SHARED_CONFIG_FILE=/dev/null if no file is to be used."
    );
    Diagnostic::warning("Credentials File Skipped", detail)
}

/// A value that cannot be used. The block is not to blame for a variable.
fn invalid(path: &AttributePath, origin: Origin, what: String) -> Diagnostic {
    let diagnostic = |name: String| Diagnostic::error("Invalid Provider Setting", format!("{name} {what}"));
    match origin {
        Origin::Block => diagnostic(path.to_string()).at(path.clone()),
        Origin::Variable(variable) => diagnostic(format!("The environment variable {variable}")),
    }
}

/// Where a part of a credential stands in the block.
fn place_of(name: &str) -> AttributePath {
    let is_setting = !variables(name).is_empty();
    AttributePath::attribute(if is_setting { name } else { "assume_role_with_oidc" })
}

/// For a read that needs a setting which is not known yet.
pub(in crate::provider) fn waiting(path: AttributePath) -> Diagnostic {
    let detail = format!(
        "The provider setting {path} is not known before apply, so nothing can be read yet. Apply what it depends on \
         first, for example with -target, or give it a value that is known."
    );
    Diagnostic::error("Provider Setting Not Known Yet", detail).at(path)
}

fn in_environment(name: &str) -> String {
    format!("one of the environment variables {}", variables(name).join(", "))
}
