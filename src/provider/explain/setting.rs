//! Faults of the provider's settings in words.

use crate::diagnostic::{AttributePath, Diagnostic};
use crate::provider::config::{Fault, Origin, variables};

pub(in crate::provider) fn fault(fault: &Fault) -> Diagnostic {
    match fault {
        Fault::Missing(name) => Diagnostic::error(
            "Missing Provider Setting",
            format!(
                "The provider needs a {name}. Set {name} in the provider block, or {}.",
                in_environment(name)
            ),
        )
        .at(AttributePath::attribute(*name)),
        Fault::NoCredentials(reasons) => Diagnostic::error(
            "Missing Credentials",
            format!(
                "The provider has nothing to authenticate with: {}. Set {} in the environment, or one of the ways \
                 that the provider's documentation lists.",
                reasons.join("; "),
                ["access_key", "secret_key"].map(|name| variables(name)[0]).join(" and ")
            ),
        ),
        Fault::HalfVariables { has, lacks } => Diagnostic::error(
            "Incomplete Credentials",
            format!(
                "The environment variable {has} is set, but {lacks} is not, or has no use. Set both, or neither."
            ),
        ),
        Fault::File { path, setting, reason, encrypted } => {
            let remedy = if *encrypted {
                "Turn that off with `hcloud configure set --cli-auth-encrypt=false`, or use another way to authenticate."
                    .to_owned()
            } else {
                format!("Correct the file, or {setting}.")
            };
            let detail = format!("The file {path} was to give the credential, but {reason}. {remedy}");
            let path = (!variables(setting).is_empty()).then(|| AttributePath::attribute(*setting));
            Diagnostic { path, ..Diagnostic::error("Unusable Credentials File", detail) }
        }
        Fault::Incomplete { given, origin, lacks } => {
            let (place, remedy) = match origin {
                Origin::Block => (
                    format!("{given} is set in the provider block, but {lacks} is not"),
                    format!("Set {lacks} in the block, too. The two are never taken from different places."),
                ),
                Origin::Variable(variable) => (
                    format!("The environment variable {variable} is set, but none for {lacks}"),
                    format!("Set {lacks} as well: {}.", in_environment(lacks)),
                ),
            };
            Diagnostic::error("Incomplete Credentials", format!("{place}. {remedy}"))
                .at(AttributePath::attribute(*given))
        }
        Fault::BlockLacks { block, lacks } => {
            let variable = format!("HW_ASSUME_ROLE_{}", lacks.to_ascii_uppercase());
            let detail = format!(
                "{block} needs {lacks}. Set it in the block, or by the environment variable {variable}."
            );
            Diagnostic::error("Incomplete Credentials", detail).at(AttributePath::attribute(*block))
        }
        Fault::Conflict { first, second } => Diagnostic::error(
            "Conflicting Credentials",
            format!(
                "The provider block has both {first} and {second}, which belong to two ways to authenticate. \
                 Remove one of them."
            ),
        )
        .at(AttributePath::attribute(*second)),
        Fault::Malformed { path, origin, expected } => {
            let name = origin
                .variable()
                .map_or_else(|| path.to_string(), |it| format!("The environment variable {it}"));
            Diagnostic::error(
                "Invalid Provider Setting",
                format!("{name} must be {expected}. Correct its value."),
            )
            .at(path.clone())
        }
        Fault::UnknownEndpoint { key, meant } => {
            let remedy = match meant {
                Some(meant) => format!("Did you mean {meant:?}?"),
                None => "Use \"dds\" or \"iam\", or remove the entry.".to_owned(),
            };
            let detail =
                format!("endpoints has the key {key:?}, but the provider calls no such service. {remedy}");
            let path = AttributePath::attribute("endpoints").then(crate::diagnostic::Step::Key(key.clone()));
            Diagnostic::error("Unknown Endpoint", detail).at(path)
        }
    }
}

pub(in crate::provider) fn without_effect(names: &[String]) -> Diagnostic {
    let detail = format!(
        "These settings of the official provider mean nothing for reading certificates, and are accepted only so that \
         its block can be copied: {}. They can be removed.",
        names.join(", ")
    );
    Diagnostic::warning("Settings Without Effect", detail)
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
