//! What a block says, or the variables in its place.

use super::alternatives::{ACCOUNT, Chosen, account, first_of};
use super::blocks::{AGENCY_NAME, DURATION, variable};
use super::error::{ConfigError, Origin};
use super::reader::ConfigReader;
use super::settings::DOMAIN_ID;
use crate::huaweicloud::auth::{Agency, CallerAccount};
use crate::tfplugin::diagnostic::{AttributePath, Step};
use crate::tfplugin::value::{Field, Value};

/// What the services allow, in seconds; the token service ends at half a day, and says so itself.
const DURATIONS: std::ops::RangeInclusive<u32> = 900..=86400;

/// The blocks of a name. None if one is not known yet.
pub(super) fn places(given: &mut ConfigReader<'_>, block: &'static str) -> Option<Vec<AssumeRoleConfig>> {
    match given.config.attribute(block) {
        Some(Value::Unknown(_)) => {
            given.unknown.push(AttributePath::attribute(block));
            None
        }
        Some(Value::List(items)) => {
            let blocks = items.iter().enumerate().map(|(index, values)| AssumeRoleConfig {
                block,
                values: Some((index, values.clone())),
                // With a chain it would be unclear which link the variables mean.
                variables: items.len() == 1,
            });
            Some(blocks.collect())
        }
        _ => Some(Vec::new()),
    }
}

/// One block, or the variables alone.
pub(super) struct AssumeRoleConfig {
    block: &'static str,
    values: Option<(usize, Value)>,
    variables: bool,
}

impl AssumeRoleConfig {
    pub(super) fn environment(block: &'static str) -> Self {
        Self { block, values: None, variables: true }
    }

    pub(super) fn is_block(&self) -> bool {
        self.values.is_some()
    }

    /// Of the block's attribute, or of the block for what a variable gives.
    fn path(&self, name: &str, origin: Origin) -> AttributePath {
        let path = AttributePath::attribute(self.block);
        match &self.values {
            Some((index, _)) if origin == Origin::Block => {
                let index = i64::try_from(*index).unwrap_or(i64::MAX);
                path.then(Step::Index(index)).then(Step::Attribute(name.to_owned()))
            }
            _ => path,
        }
    }

    /// The block's text, or the variable's. An unknown one is noted.
    pub(super) fn text(&self, given: &mut ConfigReader<'_>, name: &'static str) -> Option<(String, Origin)> {
        let before = given.unknown.len();
        let own = self.own_text(given, name);
        if given.unknown.len() > before { None } else { own.or_else(|| self.variable_text(given, name)) }
    }

    fn own_text(&self, given: &mut ConfigReader<'_>, name: &'static str) -> Option<(String, Origin)> {
        let (_, values) = self.values.as_ref()?;
        match values.attribute(name).map_or(Field::Null, Value::scalar) {
            Field::Known(text) if !text.trim().is_empty() => Some((text, Origin::Block)),
            Field::Unknown => {
                given.unknown.push(self.path(name, Origin::Block));
                None
            }
            Field::Known(_) | Field::Null => None,
        }
    }

    fn variable_text(&self, given: &ConfigReader<'_>, name: &str) -> Option<(String, Origin)> {
        let variable = variable(name).filter(|_| self.variables)?;
        Some((given.environment.get(variable)?, Origin::Variable(variable)))
    }

    /// Of settings that name the same thing the one that is used. None if the block's are not known yet.
    pub(super) fn choose(
        &self,
        given: &mut ConfigReader<'_>,
        alternatives: &[&'static str],
    ) -> Option<Chosen> {
        let before = given.unknown.len();
        let own: Vec<_> = alternatives.iter().map(|name| self.own_text(given, name)).collect();
        if given.unknown.len() > before {
            return None;
        }
        let of_block = |name: &str| own[alternatives.iter().position(|it| *it == name)?].clone();
        first_of([true, false], alternatives, |block, name| {
            if *block { of_block(name) } else { self.variable_text(given, name) }
        })
    }

    /// Whether the text can be sent. Notes a fault if not.
    pub(super) fn is_sendable(
        &self,
        given: &mut ConfigReader<'_>,
        name: &str,
        text: &str,
        origin: Origin,
    ) -> bool {
        given.is_sendable(name, text, origin, || self.path(name, origin))
    }

    /// The agency that is meant. None if it is not known yet, or a fault was noted.
    pub(super) fn agency(&self, given: &mut ConfigReader<'_>) -> Option<Agency> {
        let (unknown, faults) = (given.unknown.len(), given.faults.len());
        let name = self.text(given, AGENCY_NAME);
        let chosen = self.choose(given, &ACCOUNT);
        let duration = self.text(given, DURATION);
        if given.unknown.len() > unknown {
            return None;
        }
        if let Some((name, origin)) = &name {
            self.is_sendable(given, AGENCY_NAME, name, *origin);
        }
        if let Some(Chosen { setting, text, origin }) = &chosen {
            self.is_sendable(given, setting, text, *origin);
        }
        let seconds =
            duration.as_ref().and_then(|(text, _)| text.parse().ok()).filter(|it| DURATIONS.contains(it));
        if let (Some((_, origin)), None) = (duration, seconds) {
            let expected = "a whole number of seconds from 900 to 86400";
            given.faults.push(ConfigError::Malformed { path: self.path(DURATION, origin), origin, expected });
        }
        if given.faults.len() > faults {
            return None;
        }
        match (name, chosen) {
            (Some((name, _)), Some(chosen)) => Some(Agency {
                name,
                account: account(chosen),
                duration: seconds,
                caller_account: CallerAccount::default(),
            }),
            (name, _) => {
                let lacks = if name.is_none() { AGENCY_NAME } else { DOMAIN_ID };
                given.faults.push(ConfigError::BlockLacks { block: self.block, lacks });
                None
            }
        }
    }
}
