//! The parts of a credential that one place gives, and the credential that they make as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::alternatives::{ACCOUNT, OriginGroup, account};
use super::error::{ConfigError, Origin};
use super::reader::ConfigReader;
use super::settings::{
    ACCESS_KEY, DOMAIN_NAME, PASSWORD, SECRET_KEY, SECURITY_TOKEN, TOKEN, USER_ID, USER_NAME,
};
use crate::huaweicloud::auth::{AccessKey, Account, Credential, Token, TokenGrant, TokenProvider, User};
use crate::system::secret::SecretString;
use crate::tfplugin::diagnostic::AttributePath;
use crate::tfplugin::value::Field;

/// The settings that only one way to authenticate has. The order is the one in which an environment is searched,
/// which is the official provider's.
pub(super) const WAYS: [&[&str]; 3] =
    [&[TOKEN], &[ACCESS_KEY, SECRET_KEY, SECURITY_TOKEN], &[PASSWORD, USER_NAME, USER_ID]];

/// What is given of one way to authenticate, never empty: the setting's name, its text unless that is unknown, and
/// where it came from.
pub(super) struct PartialCredential(BTreeMap<&'static str, (Option<String>, Origin)>);

impl PartialCredential {
    pub(super) fn in_block(given: &mut ConfigReader<'_>, way: &[&'static str]) -> Option<Self> {
        let parts = way.iter().filter_map(|name| match given.block(name) {
            Field::Known(text) if !text.trim().is_empty() => Some((*name, (Some(text), Origin::Block))),
            Field::Known(_) | Field::Null => None,
            Field::Unknown => Some((*name, (None, Origin::Block))),
        });
        Some(Self(parts.collect())).filter(|parts| !parts.0.is_empty())
    }

    /// From variables whose names begin alike: two tools' variables make no whole.
    pub(super) fn in_environment(
        given: &mut ConfigReader<'_>,
        way: &[&'static str],
        family: &'static str,
    ) -> Option<Self> {
        let parts = way.iter().filter_map(|name| {
            let (text, origin) = given.text_in(OriginGroup::Variables(family), name)?;
            Some((*name, (Some(text), origin)))
        });
        Some(Self(parts.collect())).filter(|parts| !parts.0.is_empty())
    }

    /// Whether any of it is known. What is not may yet turn out to be null, as every variable may while a configuration
    /// is only validated.
    pub(super) fn is_certain(&self) -> bool {
        self.certain().is_some()
    }

    fn certain(&self) -> Option<(&'static str, Origin)> {
        self.0.iter().find(|(_, (text, _))| text.is_some()).map(|(name, (_, origin))| (*name, *origin))
    }

    /// The part to speak of, if the way as a whole is meant.
    pub(super) fn name(&self) -> &'static str {
        self.certain().map_or(TOKEN, |(name, _)| name)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(|(text, _)| text.clone())
    }

    fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// The credential, or a note of what is wrong with it. Neither where a part is not known yet.
    pub(super) fn assemble(self, given: &mut ConfigReader<'_>) -> Option<Credential> {
        let known = self.0.iter().filter_map(|(name, (text, origin))| Some((*name, text.as_ref()?, *origin)));
        let sendable = known.map(|(name, text, origin)| {
            given.is_sendable(name, text, origin, || AttributePath::attribute(name))
        });
        // All of them are looked at, so that all faults are told at once.
        if sendable.filter(|sendable| !sendable).count() > 0 {
            if self.has(USER_NAME) {
                self.account(given);
            }
            return None;
        }
        if self.has(TOKEN) {
            return Some(Credential::Token(Arc::new(Token::new(self.secret(TOKEN)?, self.origin()))));
        }
        if let Some(lacks) = self.lacks() {
            let (name, origin) = self.certain()?;
            given.faults.push(ConfigError::Incomplete { given: name, origin, lacks });
            return None;
        }
        if self.has(ACCESS_KEY) {
            let security_token = self.secret(SECURITY_TOKEN);
            if self.has(SECURITY_TOKEN) && security_token.is_none() {
                return None;
            }
            let (id, secret) = (self.text(ACCESS_KEY)?, self.secret(SECRET_KEY)?);
            let key = AccessKey::new(id, secret, security_token, self.origin());
            return Some(Credential::Key(Arc::new(key.with_algorithm(given.algorithm))));
        }
        let user = if self.has(USER_ID) {
            User::Id(self.text(USER_ID)?)
        } else {
            User::Name { name: self.text(USER_NAME)?, account: self.account(given)? }
        };
        let way = TokenGrant::Password { user, password: self.secret(PASSWORD)? };
        Some(Credential::TokenProvider(TokenProvider::new(way, self.origin())))
    }

    fn lacks(&self) -> Option<&'static str> {
        let password_login = [PASSWORD, USER_NAME, USER_ID].iter().any(|name| self.has(name));
        if password_login {
            let user = self.has(USER_NAME) || self.has(USER_ID);
            return (!user).then_some(USER_NAME).or_else(|| (!self.has(PASSWORD)).then_some(PASSWORD));
        }
        [ACCESS_KEY, SECRET_KEY].into_iter().find(|name| !self.has(name))
    }

    /// The account is no secret and no part of the credential: it may come from anywhere.
    fn account(&self, given: &mut ConfigReader<'_>) -> Option<Account> {
        if let Some(chosen) = given.account() {
            return given.sendable(chosen).map(account);
        }
        if !given.waits_for_any(&ACCOUNT) {
            let origin = self.0.get(USER_NAME).map_or(Origin::Block, |(_, origin)| *origin);
            given.faults.push(ConfigError::Incomplete { given: USER_NAME, origin, lacks: DOMAIN_NAME });
        }
        None
    }

    /// For a user whose credential is refused: which one it was.
    fn origin(&self) -> String {
        let names = |names: Vec<&str>| match names.as_slice() {
            [one] => format!(" {one}"),
            [first, second] => format!("s {first} and {second}"),
            [firsts @ .., last] => format!("s {} and {last}", firsts.join(", ")),
            [] => String::new(),
        };
        let variables: Vec<&str> = self.0.values().filter_map(|(_, origin)| origin.variable()).collect();
        if variables.is_empty() {
            format!("the provider argument{}", names(self.0.keys().copied().collect()))
        } else {
            format!("the environment variable{}", names(variables))
        }
    }
}
