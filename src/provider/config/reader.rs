//! Reads settings from the block and the environment, and collects what is wrong with them.
//!
//! Some settings are alternatives: each names the same thing, such as an account's ID and its name. They are read from
//! one origin, the first that has any of them: a name in the block is not overridden by an ID in the environment, which
//! may be that of another account. Within an origin the first alternative wins.

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

/// The settings that name a user's account, or the account that owns an agency.
pub(super) const ACCOUNT: [&str; 2] = [DOMAIN_ID, DOMAIN_NAME];

/// The settings that name the project to read in.
const PROJECT: [&str; 5] = [PROJECT_ID, TENANT_ID, PROJECT_NAME, TENANT_NAME, DELEGATED_PROJECT];

/// The provider block, or the environment variables of one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OriginGroup {
    Block,
    /// The variables with this prefix.
    Variables(&'static str),
}

impl OriginGroup {
    /// All groups, in the order in which they are read.
    const ALL: [Self; 4] =
        [Self::Block, Self::Variables("HW_"), Self::Variables("OS_"), Self::Variables("HUAWEICLOUD_SDK_")];
}

/// The text of a setting and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SettingValue {
    pub(super) setting: &'static str,
    pub(super) text: String,
    pub(super) origin: Origin,
}

impl SettingValue {
    /// The value of a block, unless it is null, unknown or blank.
    pub(super) fn in_block(setting: &'static str, field: ConfigValue<String>) -> Option<Self> {
        let text = field.known().filter(|text| !text.trim().is_empty())?;
        Some(Self { setting, text, origin: Origin::Block })
    }

    /// The account that one of `ACCOUNT` names.
    pub(super) fn into_account(self) -> Account {
        if self.setting == DOMAIN_ID { Account::Id(self.text) } else { Account::Name(self.text) }
    }
}

/// Why nothing was read: an error was added to the reader, or a value is unknown.
pub(super) struct Stop;

/// Reads settings one by one, and keeps the errors and the unknown values.
pub(super) struct ConfigReader<'a> {
    pub(super) config: &'a Config<'a>,
    pub(super) environment: &'a Environment,
    pub(super) errors: Vec<ConfigError>,
    /// The settings whose values are not known before apply.
    pub(super) unknown: Vec<AttributePath>,
    /// Invalid credentials files that the user did not name.
    pub(super) skipped: Vec<SkippedFile>,
    /// The keys of `endpoints` that have no effect.
    pub(super) ignored_endpoints: Vec<String>,
    /// How access keys sign requests.
    pub(super) algorithm: Algorithm,
}

impl<'a> ConfigReader<'a> {
    pub(super) fn new(config: &'a Config<'a>, environment: &'a Environment) -> Self {
        Self {
            config,
            environment,
            errors: Vec::new(),
            unknown: Vec::new(),
            skipped: Vec::new(),
            ignored_endpoints: Vec::new(),
            algorithm: Algorithm::default(),
        }
    }

    /// Reads the block's value. Remembers an unknown one.
    pub(super) fn block(&mut self, name: &'static str) -> ConfigValue<String> {
        // Numbers and booleans are read in the form that they have in a variable, so that one parser is enough.
        let field = self.config.value().attribute(name).map_or(ConfigValue::Null, Value::scalar);
        if matches!(field, ConfigValue::Unknown) {
            let path = AttributePath::attribute(name);
            if !self.unknown.contains(&path) {
                self.unknown.push(path);
            }
        }
        field
    }

    /// Reads the variables of a table's setting that have this prefix.
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

    /// Reads a setting. A blank text in the block counts as unset, like a blank variable.
    pub(super) fn read(&mut self, setting: &'static str) -> Option<SettingValue> {
        let block = self.read_group(OriginGroup::Block, setting);
        if block.is_some() || self.is_unknown(setting) { block } else { self.variable(SETTINGS, setting, "") }
    }

    /// Reads a setting in one group of origins. A blank text counts as unset.
    pub(super) fn read_group(&mut self, group: OriginGroup, setting: &'static str) -> Option<SettingValue> {
        match group {
            OriginGroup::Block => SettingValue::in_block(setting, self.block(setting)),
            OriginGroup::Variables(prefix) => self.variable(SETTINGS, setting, prefix),
        }
    }

    /// Reads a setting and checks it by its validator.
    pub(super) fn checked(&mut self, name: &'static str) -> Option<String> {
        self.parsed(name, |text| Some(text.to_owned()))
    }

    /// Reads a setting, or its default, checks it by its validator and parses it.
    pub(super) fn parsed<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let Some(value) = self.read(name) else {
            return find(SETTINGS, name).and_then(|setting| setting.default).and_then(parse);
        };
        self.is_valid(&value).then(|| parse(&value.text)).flatten()
    }

    /// Whether the validator of the value's setting accepts it. Adds an error if not.
    pub(super) fn is_valid(&mut self, value: &SettingValue) -> bool {
        self.validate(validator(SETTINGS, value.setting), value, AttributePath::attribute(value.setting))
    }

    /// Whether the validator accepts the value. Adds an error if not, without the text.
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

    /// The account that a user belongs to. None as well where the block's is unknown.
    pub(super) fn account(&mut self) -> Option<SettingValue> {
        self.choose(&ACCOUNT, |_, _| true)
    }

    /// The project to read in. One from variables counts only in the region that the same tool's variables name.
    pub(super) fn project(&mut self, region: Option<&str>) -> Option<SettingValue> {
        self.choose(&PROJECT, |reader, group| {
            let own = reader.read_group(group, REGION);
            group == OriginGroup::Block || own.is_none_or(|own| Some(own.text.as_str()) == region)
        })
    }

    fn choose(
        &mut self,
        alternatives: &[&'static str],
        counts: impl Fn(&mut Self, OriginGroup) -> bool,
    ) -> Option<SettingValue> {
        for setting in alternatives {
            self.block(setting);
        }
        if self.any_unknown(alternatives) {
            return None;
        }
        let origins: Vec<_> = OriginGroup::ALL.into_iter().filter(|group| counts(self, *group)).collect();
        let mut first = |group| alternatives.iter().find_map(|setting| self.read_group(group, setting));
        origins.into_iter().find_map(&mut first)
    }

    /// Reads two variables that belong together. Adds an error if only one of them is set.
    pub(super) fn variable_pair(&mut self, names: [&'static str; 2]) -> Result<Option<[String; 2]>, Stop> {
        match names.map(|name| self.environment.get(name)) {
            [None, None] => Ok(None),
            [Some(first), Some(second)] => Ok(Some([first, second])),
            [first, _] => {
                let [set, missing] = if first.is_some() { names } else { [names[1], names[0]] };
                self.errors.push(ConfigError::IncompleteVariables { set, missing });
                Err(Stop)
            }
        }
    }

    /// Adds an error for a setting that needs another one, unless that is unknown or has an error itself.
    pub(super) fn add_incomplete(&mut self, set: &'static str, origin: Origin, missing: &'static str) {
        if !self.is_unknown(missing) && !self.has_error(missing) {
            self.errors.push(ConfigError::Incomplete { set, origin, missing });
        }
    }

    /// Whether the block's value was read and is unknown.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        self.unknown.contains(&AttributePath::attribute(name))
    }

    pub(super) fn any_unknown(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is_unknown(name))
    }

    /// Whether an error says that the setting's value is invalid.
    pub(super) fn has_error(&self, name: &str) -> bool {
        let attribute = AttributePath::attribute(name);
        self.errors.iter().any(|error| match error {
            ConfigError::Invalid { path, .. } | ConfigError::Unreadable { path, .. } => *path == attribute,
            _ => false,
        })
    }
}
