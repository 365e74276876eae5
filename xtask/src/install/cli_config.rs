//! CLI configurations of this user that prevent Terraform or OpenTofu from finding the installed provider.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::{ADDRESS, HOSTS, UserDirectory};

/// Returns a message for each CLI configuration that hides the installed provider.
pub fn problems(directory: &UserDirectory) -> std::io::Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in files(directory, env::var_os("TF_CLI_CONFIG_FILE").map(PathBuf::from))? {
        // Terraform ignores a missing file, too.
        if let Ok(text) = fs::read_to_string(&file) {
            problems.extend(problem(&text, &file, &directory.mirror()));
        }
    }
    Ok(problems)
}

/// The files that Terraform and OpenTofu read. `TF_CLI_CONFIG_FILE` replaces all others.
fn files(directory: &UserDirectory, from_environment: Option<PathBuf>) -> std::io::Result<Vec<PathBuf>> {
    if let Some(file) = from_environment.filter(|file| !file.as_os_str().is_empty()) {
        return Ok(vec![file]);
    }
    let names = if cfg!(windows) { ["terraform.rc", "tofu.rc"] } else { [".terraformrc", ".tofurc"] };
    let mut files: Vec<_> = names.iter().map(|name| directory.0.with_file_name(name)).collect();
    for entry in fs::read_dir(&directory.0)? {
        let path = entry?.path();
        if [".tfrc", ".tfrc.json"].iter().any(|suffix| path.to_string_lossy().ends_with(suffix)) {
            files.push(path);
        }
    }
    Ok(files)
}

/// The reason why this CLI configuration hides the installed provider, and what to do.
fn problem(text: &str, file: &Path, mirror: &Path) -> Option<String> {
    let tokens = tokens(text);
    let file = file.display();
    let is_provider = |token: &String| {
        token == ADDRESS || HOSTS.iter().any(|host| token.strip_prefix(host) == Some(&format!("/{ADDRESS}")))
    };
    if !tokens.iter().any(|token| token == "provider_installation") {
        return None;
    }
    if blocks(&tokens, "dev_overrides").any(|block| block.iter().any(is_provider)) {
        return Some(format!(
            "{file} has dev_overrides for {ADDRESS}.
Terraform uses the executable in that directory instead of the installed one. Remove the line from dev_overrides."
        ));
    }
    if blocks(&tokens, "filesystem_mirror").any(|block| block.iter().any(|token| Path::new(token) == mirror))
    {
        return None;
    }
    Some(format!(
        "{file} has a provider_installation block without the directory of the installed provider.
Terraform does not find the provider. Add this to the provider_installation block. If that has a `direct` block, add
`exclude = [\"{ADDRESS}\"]` to it.

  filesystem_mirror {{
    path    = {:?}
    include = [\"{ADDRESS}\"]
  }}",
        mirror.display().to_string()
    ))
}

/// The tokens in each block or JSON object with this name, up to the next closing brace.
fn blocks<'a>(tokens: &'a [String], name: &'a str) -> impl Iterator<Item = &'a [String]> {
    let starts = tokens.iter().enumerate().filter(move |(_, token)| *token == name);
    starts.map(|(start, _)| {
        let block = &tokens[start..];
        &block[..block.iter().position(|token| token == "}").unwrap_or(block.len())]
    })
}

/// The names, strings without their quotation marks, and closing braces in HCL 1 or JSON.
fn tokens(text: &str) -> Vec<String> {
    let (mut tokens, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let comment_end = if rest.starts_with('#') || rest.starts_with("//") {
            Some("\n")
        } else {
            rest.starts_with("/*").then_some("*/")
        };
        let end_of_name = rest.find(|letter: char| !(letter.is_alphanumeric() || "_-.".contains(letter)));
        if let Some(end) = comment_end {
            rest = rest.split_once(end).map_or("", |(_, after)| after);
        } else if first == '"' {
            let mut letters = rest[1..].chars();
            let mut string = String::new();
            while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                string.push(if letter == '\\' { letters.next().unwrap_or(letter) } else { letter });
            }
            tokens.push(string);
            rest = letters.as_str();
        } else {
            let end = end_of_name.unwrap_or(rest.len()).max(first.len_utf8());
            if end_of_name != Some(0) || first == '}' {
                tokens.push(rest[..end].to_owned());
            }
            rest = &rest[end..];
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problem of a CLI configuration in a home directory with the mirror `/home/me/.terraform.d/plugins`.
    fn problem_in(text: &str) -> Option<String> {
        problem(text, Path::new("cli.tfrc"), Path::new("/home/me/.terraform.d/plugins"))
    }

    #[test]
    fn development_override_is_reported() {
        for text in [
            r#"provider_installation { dev_overrides { "terraform-dds/dds" = "/built" } direct {} }"#,
            "provider_installation {\n  dev_overrides {\n    \"registry.opentofu.org/terraform-dds/dds\" = \"/built\"\n  }\n}",
            r#"{"provider_installation": [{"dev_overrides": {"registry.terraform.io/terraform-dds/dds": "/built"}}]}"#,
        ] {
            let problem = problem_in(text).unwrap();
            assert!(problem.contains("cli.tfrc has dev_overrides"), "{problem}");
        }
    }

    #[test]
    fn provider_installation_without_the_mirror_is_reported() {
        for text in [
            "provider_installation {\n  direct {}\n}\n",
            "provider_installation {\n  dev_overrides {\n    \"example/other\" = \"/built\"\n  }\n  direct {}\n}\n",
            "provider_installation {\n  filesystem_mirror {\n    path = \"/opt/mirror\"\n  }\n}\n",
            // Terraform expands no variable in this path.
            "provider_installation {\n  filesystem_mirror {\n    path = \"$HOME/.terraform.d/plugins\"\n  }\n}\n",
            "provider_installation {\n  /* filesystem_mirror { path = \"/home/me/.terraform.d/plugins\" } */\n  direct {}\n}\n",
            r#"{"provider_installation": {"network_mirror": {"url": "https://example.com/"}}}"#,
        ] {
            let problem = problem_in(text).unwrap();
            assert!(problem.contains("path    = \"/home/me/.terraform.d/plugins\""), "{problem}");
        }
    }

    #[test]
    fn configuration_that_does_not_hide_the_mirror_is_accepted() {
        for text in [
            "",
            "plugin_cache_dir = \"/cache\"\n",
            "# provider_installation { direct {} }\n// provider_installation {}\n/* provider_installation {}",
            "provider_installation {\n  dev_overrides {\n    \"example/other\" = \"/built\"\n  }\n  filesystem_mirror {\n    \
             path    = \"/home/me/.terraform.d/plugins\"\n    include = [\"terraform-dds/dds\"]\n  }\n}\n",
        ] {
            assert_eq!(problem_in(text), None, "{text}");
        }
    }

    #[test]
    fn environment_variable_replaces_the_other_files() {
        let home = tempfile::tempdir().unwrap();
        let directory = UserDirectory::below(Some(home.path().to_owned())).unwrap();
        fs::create_dir(&directory.0).unwrap();
        for name in ["mirror.tfrc", "mirror.tfrc.json", "checkpoint_cache"] {
            fs::write(directory.0.join(name), "").unwrap();
        }
        let mut names: Vec<_> = files(&directory, Some("".into()))
            .unwrap()
            .iter()
            .map(|file| file.strip_prefix(home.path()).unwrap().display().to_string().replace('\\', "/"))
            .collect();
        names.sort();
        let own = if cfg!(windows) {
            ["terraform.d/mirror.tfrc", "terraform.d/mirror.tfrc.json", "terraform.rc", "tofu.rc"]
        } else {
            [".terraform.d/mirror.tfrc", ".terraform.d/mirror.tfrc.json", ".terraformrc", ".tofurc"]
        };
        assert_eq!(names, own);
        assert_eq!(files(&directory, Some("other".into())).unwrap(), [PathBuf::from("other")]);
    }

    #[test]
    fn strings_names_and_braces_are_tokens() {
        let text = "a \"b\\\"c\\\\d\" = é.f { } # g\nh // i\n/* j */ k \"#\" /l \"open";
        assert_eq!(tokens(text), ["a", "b\"c\\d", "é.f", "}", "h", "k", "#", "l", "open"]);
    }
}
