//! Which line of the configuration core prints under a message: the one that its path points at.

use crate::provider::config;
use crate::tfplugin::diagnostic::{AttributePath, Diagnostic, Step};

/// A message of the provider block. One about an argument whose line may hold a secret points at the block instead, and
/// names the argument in its text.
pub(super) fn without_secrets(diagnostic: Diagnostic) -> Diagnostic {
    let Some(path) = diagnostic.path.as_ref().filter(|path| may_show_secret(path)) else { return diagnostic };
    let name = path.to_string();
    let is_named = diagnostic.detail.contains(path.name().unwrap_or(&name));
    let detail = if is_named {
        diagnostic.detail
    } else {
        format!("{} The argument is {name} of the provider block.", diagnostic.detail)
    };
    Diagnostic { path: None, detail, ..diagnostic }
}

/// Whether the line is that of a sensitive argument, or of a block that may be written in one line with one.
fn may_show_secret(path: &AttributePath) -> bool {
    let schema = config::schema();
    let mut names = path.steps().iter().filter_map(|step| match step {
        Step::Attribute(name) => Some(name.as_str()),
        Step::Key(_) | Step::Index(_) => None,
    });
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
    fn only_lines_without_secrets_are_pointed_at() {
        let inside = |name: &str| {
            let path = AttributePath::attribute("assume_role_with_oidc").then(Step::Index(0));
            path.then(Step::Attribute(name.into()))
        };
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
