//! The mapping file: how to configure each provider, and which of its data sources is read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::results::METRICS;

/// The providers of a mapping file, by name.
pub type Mapping = BTreeMap<String, Provider>;

/// A provider in the mapping file. The configurations can contain the variables of [`Cloud`](super::cloud::Cloud).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The source address.
    pub source: String,
    /// The file name of the executable, without extension. The default is `terraform-provider-TYPE`.
    executable: Option<String>,
    /// The plugin protocol that the host offers: 5 or 6.
    pub protocol: u16,
    #[serde(default)]
    pub provider_config: Map<String, Value>,
    /// The type of a data source.
    pub data_source: String,
    #[serde(default)]
    pub data_source_config: Map<String, Value>,
    /// Set if the others are compared with this provider.
    pub floor: Option<Floor>,
    /// The maximum of each median, by the key of the metric.
    #[serde(default)]
    pub limits: BTreeMap<String, f64>,
}

/// What a provider does that the others are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Floor {
    /// As little as possible.
    Minimal,
    /// Returns the state that the others return, without a request.
    Constant,
}

impl Provider {
    /// The last part of the source address.
    pub fn type_name(&self) -> &str {
        self.source.rsplit('/').next().unwrap_or_default()
    }

    /// Whether a file has the name of this provider's executable. A version can follow: `_v1.2.3`.
    fn is_executable(&self, stem: &str) -> bool {
        let default = format!("terraform-provider-{}", self.type_name());
        let name = self.executable.as_ref().unwrap_or(&default);
        stem.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with("_v"))
    }

    fn check(&self) -> Result<(), String> {
        let parts: Vec<_> = self.source.split('/').collect();
        if !matches!(parts.len(), 2 | 3) || parts.iter().any(|part| part.is_empty()) {
            return Err(format!("source {:?} is not NAMESPACE/TYPE or HOST/NAMESPACE/TYPE", self.source));
        }
        if !matches!(self.protocol, 5 | 6) {
            return Err(format!("protocol must be 5 or 6, not {}", self.protocol));
        }
        let is_unknown = |key: &&String| !METRICS.iter().any(|metric| metric.key == key.as_str());
        match self.limits.keys().find(is_unknown) {
            Some(key) => Err(format!("limits: there is no metric {key:?}")),
            None => Ok(()),
        }
    }
}

/// Reads mapping files. An entry of a later file replaces one with the same name.
pub fn read(files: &[PathBuf]) -> Result<Mapping, String> {
    let mut mapping = Mapping::new();
    for file in files {
        let with_file = |reason: String| format!("{}: {reason}", file.display());
        let text = fs::read_to_string(file).map_err(|error| with_file(error.to_string()))?;
        mapping.extend(parse(&text).map_err(with_file)?);
    }
    Ok(mapping)
}

fn parse(text: &str) -> Result<Mapping, String> {
    let mapping: Mapping = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for (name, provider) in &mapping {
        provider.check().map_err(|reason| format!("{name}: {reason}"))?;
    }
    Ok(mapping)
}

/// Finds the provider of a command line argument: `BINARY` or `NAME=BINARY`. Returns its name and the path.
pub fn find<'a>(mapping: &'a Mapping, argument: &str) -> Result<(&'a str, &'a Provider, PathBuf), String> {
    let named = argument.split_once('=').and_then(|(name, path)| Some((mapping.get_key_value(name)?, path)));
    if let Some(((name, provider), path)) = named {
        return Ok((name, provider, path.into()));
    }
    let path = Path::new(argument);
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = file.strip_suffix(".exe").unwrap_or(file);
    let found = mapping.iter().find(|(_, provider)| provider.is_executable(stem));
    let (name, provider) = found.ok_or_else(|| {
        let names: Vec<_> = mapping.keys().map(String::as_str).collect();
        format!(
            "{argument} has not the file name of a known provider. Write NAME={argument}, where NAME is one of {}, or add \
             the provider with --providers FILE.",
            names.join(", ")
        )
    })?;
    Ok((name, provider, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str =
        r#"{ "x": { "source": "a/x", "protocol": 6, "data_source": "x_y", "provider_config": { "r": 1 } } }"#;

    #[test]
    fn entry_needs_only_source_protocol_and_data_source() {
        let mapping = parse(ENTRY).unwrap();
        let provider = &mapping["x"];
        assert_eq!((provider.type_name(), provider.protocol, provider.data_source.as_str()), ("x", 6, "x_y"));
        assert_eq!(provider.provider_config["r"], 1);
        assert!(provider.floor.is_none() && provider.limits.is_empty());
        assert!(provider.data_source_config.is_empty());
    }

    #[test]
    fn invalid_entry_is_an_error_with_its_name() {
        for (from, to, part) in [
            ("\"a/x\"", "\"x\"", "x: source \"x\" is not NAMESPACE/TYPE"),
            ("\"a/x\"", "\"a//x\"", "x: source \"a//x\" is not"),
            ("6", "4", "x: protocol must be 5 or 6, not 4"),
            ("\"r\": 1", "\"r\": 1 }, \"limits\": { \"speed\": 1", "limits: there is no metric \"speed\""),
            ("{ \"r\": 1 }", "[]", "invalid type: sequence"),
            ("\"data_source\"", "\"datasource\"", "unknown field `datasource`"),
            ("\"protocol\": 6,", "", "missing field `protocol`"),
            ("6,", "6, \"floor\": \"low\",", "unknown variant `low`, expected `minimal` or `constant`"),
        ] {
            let error = parse(&ENTRY.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        let error = read(&["/nowhere/providers.json".into()]).unwrap_err();
        assert!(error.starts_with("/nowhere/providers.json: "), "{error}");
    }

    #[test]
    fn provider_is_found_by_executable_or_name() {
        let mapping = read(&[super::super::mapping_file()]).unwrap();
        for (argument, name, path) in [
            ("a/terraform-provider-dds", "dds", "a/terraform-provider-dds"),
            ("terraform-provider-dds.exe", "dds", "terraform-provider-dds.exe"),
            (
                "terraform-provider-huaweicloud_v1.2.3_x5",
                "huaweicloud",
                "terraform-provider-huaweicloud_v1.2.3_x5",
            ),
            ("a=b/minimal_provider", "minimal_provider", "a=b/minimal_provider"),
            ("constant_provider.exe", "constant_provider", "constant_provider.exe"),
            ("dds=a/build=2", "dds", "a/build=2"),
        ] {
            let (found, _, found_path) = find(&mapping, argument).unwrap();
            assert_eq!((found, found_path.as_path()), (name, Path::new(path)), "{argument}");
        }
        for unknown in ["terraform-provider-ddsx", "a/provider", "x=terraform-provider-y"] {
            let error = find(&mapping, unknown).unwrap_err();
            assert!(
                error.contains("NAME is one of constant_provider, dds, huaweicloud, minimal_provider"),
                "{error}"
            );
        }
    }

    #[test]
    fn mapping_file_has_one_floor_of_each_kind() {
        let mapping = read(&[super::super::mapping_file()]).unwrap();
        let floors = mapping.iter().filter_map(|(name, provider)| Some((name.as_str(), provider.floor?)));
        let expected = [("constant_provider", Floor::Constant), ("minimal_provider", Floor::Minimal)];
        assert_eq!(floors.collect::<Vec<_>>(), expected);
        assert!(!mapping["dds"].limits.is_empty());
    }
}
