//! What a block says, or the variables in its place.

use super::blocks::{AGENCY_NAME, DOMAIN_NAME, DURATION};
use super::fault::{Fault, Origin};
use super::given::Given;
use super::setting::DOMAIN_ID;
use crate::auth::{Account, Agency, Home};
use crate::diagnostic::{AttributePath, Step};
use crate::value::{Field, Value};

/// What the services allow, in seconds; the token service ends at half a day, and says so itself.
const DURATIONS: std::ops::RangeInclusive<u32> = 900..=86400;

/// The blocks of a name. None if one is not known yet.
pub(super) fn places(given: &mut Given<'_>, block: &'static str) -> Option<Vec<Place>> {
    match given.config.attribute(block) {
        Some(Value::Unknown(_)) => {
            given.unknown.push(AttributePath::attribute(block));
            None
        }
        Some(Value::List(items)) => {
            let blocks = items.iter().enumerate().map(|(index, values)| Place {
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
pub(super) struct Place {
    block: &'static str,
    values: Option<(usize, Value)>,
    variables: bool,
}

impl Place {
    pub(super) fn environment(block: &'static str) -> Self {
        Self { block, values: None, variables: true }
    }

    pub(super) fn is_block(&self) -> bool {
        self.values.is_some()
    }

    fn path(&self, name: &str) -> AttributePath {
        let path = AttributePath::attribute(self.block);
        match &self.values {
            Some((index, _)) => {
                let index = i64::try_from(*index).unwrap_or(i64::MAX);
                path.then(Step::Index(index)).then(Step::Attribute(name.to_owned()))
            }
            None => path,
        }
    }

    /// The block's text, or the variable's. An unknown one is noted.
    pub(super) fn text(&self, given: &mut Given<'_>, name: &'static str) -> Option<String> {
        let field = self
            .values
            .as_ref()
            .and_then(|(_, values)| values.attribute(name))
            .map_or(Field::Null, Value::scalar);
        match field {
            Field::Known(text) if !text.trim().is_empty() => Some(text),
            Field::Unknown => {
                given.unknown.push(self.path(name));
                None
            }
            Field::Known(_) | Field::Null if self.variables => {
                given.environment.get(&format!("HW_ASSUME_ROLE_{}", name.to_ascii_uppercase()))
            }
            Field::Known(_) | Field::Null => None,
        }
    }

    pub(super) fn agency(&self, given: &mut Given<'_>) -> Option<Agency> {
        let before = given.unknown.len();
        let name = self.text(given, AGENCY_NAME);
        let account = match (self.text(given, DOMAIN_ID), self.text(given, DOMAIN_NAME)) {
            (Some(id), _) => Some(Account::Id(id)),
            (None, Some(name)) => Some(Account::Name(name)),
            (None, None) => None,
        };
        let duration = self.text(given, DURATION);
        if given.unknown.len() > before {
            return None;
        }
        let seconds =
            duration.as_ref().and_then(|text| text.parse().ok()).filter(|it| DURATIONS.contains(it));
        if duration.is_some() && seconds.is_none() {
            let expected = "a whole number of seconds from 900 to 86400";
            let (path, origin) = (self.path(DURATION), Origin::Block);
            given.faults.push(Fault::Malformed { path, origin, expected });
            return None;
        }
        match (name, account) {
            (Some(name), Some(account)) => {
                Some(Agency { name, account, duration: seconds, home: Home::default() })
            }
            (name, _) => {
                let lacks = if name.is_none() { AGENCY_NAME } else { DOMAIN_ID };
                given.faults.push(Fault::BlockLacks { block: self.block, lacks });
                None
            }
        }
    }
}
