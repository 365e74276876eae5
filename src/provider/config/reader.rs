//! What the user gave, setting by setting, and what was wrong with it so far.

use super::error::{ConfigError, Origin, SkippedFile};
use super::settings::SETTINGS;
use super::validate::{TextForm, text_form};
use super::variables;
use crate::huaweicloud::auth::Algorithm;
use crate::system::Environment;
use crate::tfplugin::diagnostic::AttributePath;
use crate::tfplugin::value::{Field, Value};

pub(super) struct ConfigReader<'a> {
    pub(super) config: &'a Value,
    pub(super) environment: &'a Environment,
    pub(super) faults: Vec<ConfigError>,
    /// What is set to a value that is not known before apply.
    pub(super) unknown: Vec<AttributePath>,
    /// Faulty credential files that nobody named.
    pub(super) skipped: Vec<SkippedFile>,
    /// How keys sign.
    pub(super) algorithm: Algorithm,
}

impl<'a> ConfigReader<'a> {
    pub(super) fn new(config: &'a Value, environment: &'a Environment) -> Self {
        let algorithm = Algorithm::default();
        Self { config, environment, faults: Vec::new(), unknown: Vec::new(), skipped: Vec::new(), algorithm }
    }
}

impl ConfigReader<'_> {
    /// The block's value. An unknown one is noted, and stands in no variable's way to be looked at.
    pub(super) fn block(&mut self, name: &'static str) -> Field<String> {
        // Numbers and booleans take the form that they have in a variable, so that one parser serves both.
        let field = self.config.attribute(name).map_or(Field::Null, Value::scalar);
        if matches!(field, Field::Unknown) {
            let path = AttributePath::attribute(name);
            if !self.unknown.contains(&path) {
                self.unknown.push(path);
            }
        }
        field
    }

    pub(super) fn variable(&self, name: &str) -> Option<(String, Origin)> {
        variables(name)
            .iter()
            .find_map(|variable| Some((self.environment.get(variable)?, Origin::Variable(variable))))
    }

    /// The setting's text and where it came from. A blank one in the block counts as unset, like a blank variable.
    pub(super) fn text(&mut self, name: &'static str) -> Option<(String, Origin)> {
        match self.block(name) {
            Field::Known(text) if !text.trim().is_empty() => Some((text, Origin::Block)),
            Field::Known(_) | Field::Null => self.variable(name),
            Field::Unknown => None,
        }
    }

    pub(super) fn checked(
        &mut self,
        name: &'static str,
        expected: &'static str,
        fits: impl Fn(&str) -> bool,
    ) -> Option<String> {
        self.parsed(name, expected, |text| fits(text).then(|| text.to_owned()))
    }

    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let default =
            SETTINGS.iter().find(|setting| setting.name == name).and_then(|setting| setting.default);
        let Some((text, origin)) = self.text(name) else {
            return default.and_then(parse);
        };
        let value = parse(&text);
        if value.is_none() {
            self.faults.push(ConfigError::Malformed {
                path: AttributePath::attribute(name),
                origin,
                expected,
            });
        }
        value
    }

    /// Whether the text can be sent as the setting's value. Notes a fault if not, without the text.
    pub(super) fn is_sendable(
        &mut self,
        name: &str,
        text: &str,
        origin: Origin,
        path: impl FnOnce() -> AttributePath,
    ) -> bool {
        text_form(name).is_none_or(|form| self.fits(form, text, origin, path))
    }

    /// Whether the text has this form. Notes a fault if not, without the text.
    pub(super) fn fits(
        &mut self,
        form: &TextForm,
        text: &str,
        origin: Origin,
        path: impl FnOnce() -> AttributePath,
    ) -> bool {
        let fits = (form.fits)(text);
        if !fits {
            let fault = ConfigError::Malformed { path: path(), origin, expected: form.expected };
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
        fits
    }

    pub(super) fn waits_for(&self, name: &str) -> bool {
        self.unknown.contains(&AttributePath::attribute(name))
    }

    pub(super) fn is_faulty(&self, name: &str) -> bool {
        let attribute = AttributePath::attribute(name);
        self.faults.iter().any(|fault| match fault {
            ConfigError::Malformed { path, .. } | ConfigError::Unreadable { path, .. } => *path == attribute,
            _ => false,
        })
    }
}
