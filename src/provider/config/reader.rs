//! Reads settings from the block and the environment, and collects their errors.
//!
//! Some settings are alternatives that name the same thing, such as the ID and the name of an account. They are read
//! from the first source that has any of them. So an ID in the environment, perhaps of another account, does not override
//! a name in the block. Within one source the first alternative overrides the others.

use super::error::{ConfigError, Origin, SkippedFile};
use super::settings::{
    DELEGATED_PROJECT, DOMAIN_ID, DOMAIN_NAME, PROJECT_ID, PROJECT_NAME, REGION, SETTINGS, TENANT_ID,
    TENANT_NAME, find, validator,
};
use crate::huaweicloud::auth::{Account, Algorithm};
use crate::system::Environment;
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::AttributePath;
use crate::tfplugin::schema::Attribute;
use crate::tfplugin::validator::Validator;
use crate::tfplugin::value::{ConfigValue, Value};

/// The settings that name the account of a user, or the account that owns an agency.
pub(super) const ACCOUNT: [&str; 2] = [DOMAIN_ID, DOMAIN_NAME];

/// The settings that name the project of a read.
const PROJECT: [&str; 5] = [PROJECT_ID, TENANT_ID, PROJECT_NAME, TENANT_NAME, DELEGATED_PROJECT];

/// A source of settings: the provider block, or the environment variables of one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConfigSource {
    Block,
    /// The variables with this prefix.
    Variables(&'static str),
}

impl ConfigSource {
    /// All sources in the order of precedence.
    const ALL: [Self; 4] =
        [Self::Block, Self::Variables("HW_"), Self::Variables("OS_"), Self::Variables("HUAWEICLOUD_SDK_")];
}

/// A setting's value as a string, with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SettingValue {
    pub(super) setting: &'static str,
    pub(super) text: String,
    pub(super) origin: Origin,
}

impl SettingValue {
    /// A value of a block. None if it is null, unknown or only whitespace.
    pub(super) fn in_block(setting: &'static str, field: ConfigValue<String>) -> Option<Self> {
        let text = field.known().filter(|text| !text.trim().is_empty())?;
        Some(Self { setting, text, origin: Origin::Block })
    }

    /// Returns the account that this value of `ACCOUNT` names.
    pub(super) fn into_account(self) -> Account {
        if self.setting == DOMAIN_ID { Account::Id(self.text) } else { Account::Name(self.text) }
    }
}

/// No value: an error was added to the reader, or a setting is unknown.
pub(super) struct Unresolved;

/// Reads settings, and collects errors and unknown settings.
pub(super) struct ConfigReader<'a> {
    pub(super) config: &'a Config<'a>,
    pub(super) environment: &'a Environment,
    pub(super) errors: Vec<ConfigError>,
    /// The settings that are unknown until apply.
    pub(super) unknown: Vec<AttributePath>,
    /// Invalid credentials files at default paths.
    pub(super) skipped_files: Vec<SkippedFile>,
    /// The keys of `endpoints` that are ignored.
    pub(super) ignored_endpoints: Vec<String>,
    /// The signing algorithm of access keys.
    pub(super) algorithm: Algorithm,
}

impl<'a> ConfigReader<'a> {
    pub(super) fn new(config: &'a Config<'a>, environment: &'a Environment) -> Self {
        Self {
            config,
            environment,
            errors: Vec::new(),
            unknown: Vec::new(),
            skipped_files: Vec::new(),
            ignored_endpoints: Vec::new(),
            algorithm: Algorithm::default(),
        }
    }

    /// Reads the block's value. Records an unknown one.
    pub(super) fn block(&mut self, name: &'static str) -> ConfigValue<String> {
        // Numbers and booleans are read as strings, so that one parser accepts both blocks and variables.
        let field = self.config.value().attribute(name).map_or(ConfigValue::Null, Value::scalar);
        if matches!(field, ConfigValue::Unknown) {
            let path = AttributePath::attribute(name);
            if !self.unknown.contains(&path) {
                self.unknown.push(path);
            }
        }
        field
    }

    /// Reads a setting of a table from its variables with this prefix.
    pub(super) fn variable(
        &self,
        table: &'static [Attribute],
        setting: &'static str,
        prefix: &str,
    ) -> Option<SettingValue> {
        let variables = find(table, setting)?.variables.iter();
        variables.filter(|variable| variable.starts_with(prefix)).find_map(|variable| {
            let (text, origin) = (self.environment.get(variable)?, Origin::Variable(variable));
            Some(SettingValue { setting, text, origin })
        })
    }

    /// Reads a setting from the block or a variable. Whitespace counts as not set.
    pub(super) fn read(&mut self, setting: &'static str) -> Option<SettingValue> {
        let block = self.read_from(ConfigSource::Block, setting);
        if block.is_some() || self.is_unknown(setting) { block } else { self.variable(SETTINGS, setting, "") }
    }

    /// Reads a setting from one source. Whitespace counts as not set.
    pub(super) fn read_from(&mut self, source: ConfigSource, setting: &'static str) -> Option<SettingValue> {
        match source {
            ConfigSource::Block => SettingValue::in_block(setting, self.block(setting)),
            ConfigSource::Variables(prefix) => self.variable(SETTINGS, setting, prefix),
        }
    }

    /// Reads a setting and validates it.
    pub(super) fn checked(&mut self, name: &'static str) -> Option<String> {
        self.parsed(name, |text| Some(text.to_owned()))
    }

    /// Reads a setting or its default, validates and parses it.
    pub(super) fn parsed<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let Some(value) = self.read(name) else {
            return find(SETTINGS, name).and_then(|setting| setting.default).and_then(parse);
        };
        self.is_valid(&value).then(|| parse(&value.text)).flatten()
    }

    /// Whether the value is valid for its setting. Adds an error if not.
    pub(super) fn is_valid(&mut self, value: &SettingValue) -> bool {
        self.validate(validator(SETTINGS, value.setting), value, AttributePath::attribute(value.setting))
    }

    /// Whether the validator accepts the value. Adds an error without the value if not.
    pub(super) fn validate(
        &mut self,
        validator: Option<Validator>,
        value: &SettingValue,
        path: AttributePath,
    ) -> bool {
        let Some(Err(expected)) = validator.map(|validator| validator.check(&value.text)) else {
            return true;
        };
        let error = ConfigError::Invalid { path, origin: value.origin, expected };
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
        false
    }

    /// Returns the account of the user. None if it is not set or unknown.
    pub(super) fn account(&mut self) -> Option<SettingValue> {
        self.choose(&ACCOUNT, |_, _| true)
    }

    /// Returns the project to read from. Ignores a tool's variable if the same tool's variables name another region.
    pub(super) fn project(&mut self, region: Option<&str>) -> Option<SettingValue> {
        self.choose(&PROJECT, |reader, source| {
            let own_region = reader.read_from(source, REGION);
            source == ConfigSource::Block || own_region.is_none_or(|own| Some(own.text.as_str()) == region)
        })
    }

    /// Reads the first alternative of the first source that has one. `is_used` filters the sources.
    fn choose(
        &mut self,
        alternatives: &[&'static str],
        is_used: impl Fn(&mut Self, ConfigSource) -> bool,
    ) -> Option<SettingValue> {
        for setting in alternatives {
            self.block(setting);
        }
        if self.any_unknown(alternatives) {
            return None;
        }
        let sources: Vec<_> = ConfigSource::ALL.into_iter().filter(|source| is_used(self, *source)).collect();
        let mut first = |source| alternatives.iter().find_map(|setting| self.read_from(source, setting));
        sources.into_iter().find_map(&mut first)
    }

    /// Reads a required pair of variables. Adds an error if only one is set.
    pub(super) fn variable_pair(
        &mut self,
        names: [&'static str; 2],
    ) -> Result<Option<[String; 2]>, Unresolved> {
        match names.map(|name| self.environment.get(name)) {
            [None, None] => Ok(None),
            [Some(first), Some(second)] => Ok(Some([first, second])),
            [first, _] => {
                let [set, missing] = if first.is_some() { names } else { [names[1], names[0]] };
                self.errors.push(ConfigError::IncompleteVariables { set, missing });
                Err(Unresolved)
            }
        }
    }

    /// Adds an error for a setting that needs another one, unless the other one is unknown or invalid.
    pub(super) fn add_incomplete(&mut self, set: &'static str, origin: Origin, missing: &'static str) {
        if !self.is_unknown(missing) && !self.has_error(missing) {
            self.errors.push(ConfigError::Incomplete { set, origin, missing });
        }
    }

    /// Whether the block's value is unknown. It must have been read before.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        self.unknown.contains(&AttributePath::attribute(name))
    }

    pub(super) fn any_unknown(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is_unknown(name))
    }

    /// Whether the setting's value is already reported as invalid.
    pub(super) fn has_error(&self, name: &str) -> bool {
        let attribute = AttributePath::attribute(name);
        self.errors.iter().any(|error| match error {
            ConfigError::Invalid { path, .. } | ConfigError::Unreadable { path, .. } => *path == attribute,
            _ => false,
        })
    }
}
