//! `~/.huaweicloud/credentials` of the official SDKs: an INI file, of which services like DDS use the section `basic`.

use std::collections::BTreeMap;

use super::{Error, Profile, Stored};
use crate::huaweicloud::text_form::{is_identifier, is_token};
use crate::system::secret::SecretString;

/// Where the SDKs look for it.
pub const DEFAULT_PATH: &str = "~/.huaweicloud/credentials";

const SECTION: &str = "basic";

/// None if the file is for global services only.
pub fn read(text: &str) -> Result<Option<Profile>, Error> {
    let Some(section) = section(text)? else { return Ok(None) };
    let lacks = |lacks| Error::Incomplete { profile: SECTION.to_owned(), lacks };
    let field = |name: &str| section.get(name).map(|text| (*text).to_owned()).filter(|text| !text.is_empty());
    for name in ["ak", "sk", "security_token", "idp_id", "project_id"] {
        let fits = if name == "project_id" { is_identifier } else { is_token };
        if field(name).is_some_and(|text| !fits(&text)) {
            return Err(Error::Unsendable { profile: SECTION.to_owned(), field: name });
        }
    }
    // The SDKs take an identity provider's token before a key.
    let stored = match (field("idp_id"), field("id_token_file")) {
        (None, None) => Stored::Key {
            id: field("ak").ok_or_else(|| lacks("ak"))?,
            secret: field("sk").ok_or_else(|| lacks("sk"))?.into(),
            security_token: field("security_token").map(SecretString::from),
        },
        (provider, file) => Stored::IdToken {
            provider: provider.ok_or_else(|| lacks("idp_id"))?,
            file: file.ok_or_else(|| lacks("id_token_file"))?,
        },
    };
    Ok(Some(Profile { stored, agency: None, region: None, project_id: field("project_id"), domain_id: None }))
}

fn section(text: &str) -> Result<Option<BTreeMap<&str, &str>>, Error> {
    let mut found = None;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = name.trim() == SECTION;
            if inside {
                found.get_or_insert_with(BTreeMap::new);
            }
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(Error::Form("an INI file"))?;
        if let (true, Some(entries)) = (inside, &mut found) {
            entries.insert(key.trim(), value.trim());
        }
    }
    Ok(found)
}
