//! Settings of which each names the same thing, such as the ID and the name of an account.
//!
//! They are read from one origin, the first that has any of them: a name in the block is not overridden by an ID in the
//! environment, which may be that of another account. Within an origin the first setting in the list wins.

use super::error::Origin;
use super::reader::ConfigReader;
use super::settings::{
    DELEGATED_PROJECT, DOMAIN_ID, DOMAIN_NAME, PROJECT_ID, PROJECT_NAME, REGION, TENANT_ID, TENANT_NAME,
};
use super::variables;
use crate::huaweicloud::auth::Account;
use crate::tfplugin::diagnostic::AttributePath;
use crate::tfplugin::value::Field;

/// The account that a user belongs to.
pub(super) const ACCOUNT: [&str; 2] = [DOMAIN_ID, DOMAIN_NAME];

/// The project to read in.
pub(super) const PROJECT: [&str; 5] = [PROJECT_ID, TENANT_ID, PROJECT_NAME, TENANT_NAME, DELEGATED_PROJECT];

/// The provider block, or the environment variables of one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OriginGroup {
    Block,
    /// Those with this prefix.
    Variables(&'static str),
}

impl OriginGroup {
    /// In the order in which they are read.
    pub(super) const ALL: [Self; 4] =
        [Self::Block, Self::Variables("HW_"), Self::Variables("OS_"), Self::Variables("HUAWEICLOUD_SDK_")];
}

/// The alternative that is used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) setting: &'static str,
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// The first of the alternatives that is set, in the first origin that has any.
pub(super) fn first_of<G>(
    origins: impl IntoIterator<Item = G>,
    alternatives: &[&'static str],
    mut read: impl FnMut(&G, &'static str) -> Option<(String, Origin)>,
) -> Option<Chosen> {
    origins.into_iter().find_map(|group| {
        alternatives
            .iter()
            .find_map(|setting| read(&group, setting).map(|(text, origin)| Chosen { setting, text, origin }))
    })
}

/// An account by the setting that names it.
pub(super) fn account(chosen: Chosen) -> Account {
    if chosen.setting == DOMAIN_ID { Account::Id(chosen.text) } else { Account::Name(chosen.text) }
}

impl ConfigReader<'_> {
    /// The setting's text in one group of origins. Blank counts as unset.
    pub(super) fn text_in(&mut self, group: OriginGroup, name: &'static str) -> Option<(String, Origin)> {
        match group {
            OriginGroup::Block => match self.block(name) {
                Field::Known(text) if !text.trim().is_empty() => Some((text, Origin::Block)),
                Field::Known(_) | Field::Null | Field::Unknown => None,
            },
            OriginGroup::Variables(prefix) => {
                let mut variables = variables(name).iter().filter(|variable| variable.starts_with(prefix));
                variables
                    .find_map(|variable| Some((self.environment.get(variable)?, Origin::Variable(variable))))
            }
        }
    }

    /// The account that a user belongs to. None also where the block's is not known yet.
    pub(super) fn account(&mut self) -> Option<Chosen> {
        self.choose(&ACCOUNT, |_, _| true)
    }

    /// The project to read in. A project of the environment is that of the region that the same tool's variables name.
    pub(super) fn project(&mut self, region: Option<&str>) -> Option<Chosen> {
        self.choose(&PROJECT, |given, group| {
            let own = given.text_in(group, REGION);
            group == OriginGroup::Block || own.is_none_or(|(own, _)| Some(own.as_str()) == region)
        })
    }

    fn choose(
        &mut self,
        alternatives: &[&'static str],
        counts: impl Fn(&mut Self, OriginGroup) -> bool,
    ) -> Option<Chosen> {
        for setting in alternatives {
            self.block(setting);
        }
        if self.waits_for_any(alternatives) {
            return None;
        }
        let origins: Vec<_> = OriginGroup::ALL.into_iter().filter(|group| counts(self, *group)).collect();
        first_of(origins, alternatives, |group, name| self.text_in(*group, name))
    }

    /// What is chosen, if it can be sent. Notes a fault if not.
    pub(super) fn sendable(&mut self, chosen: Chosen) -> Option<Chosen> {
        let path = || AttributePath::attribute(chosen.setting);
        self.is_sendable(chosen.setting, &chosen.text, chosen.origin, path).then_some(chosen)
    }

    pub(super) fn waits_for_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.waits_for(name))
    }
}
