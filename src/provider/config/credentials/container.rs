//! The agent beside a container.

use super::{Answer, Source};
use crate::huaweicloud::auth::temporary_key;
use crate::huaweicloud::auth::{Credential, KeyProvider};
use crate::provider::config::error::ConfigError;
use crate::provider::config::reader::ConfigReader;

const URL: &str = "HC_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN_FILE: &str = "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE";

pub(super) const SOURCE: Source = Source {
    place: "container",
    needs: "`HC_CONTAINER_CREDENTIALS_FULL_URI` and `HC_CONTAINER_AUTHORIZATION_TOKEN_FILE`, as the cloud sets them for a \
            pod with an identity",
    look,
};

/// It announces itself by two variables.
fn look(given: &mut ConfigReader<'_>, _: &[String]) -> Answer {
    match [URL, TOKEN_FILE].map(|name| given.environment.get(name)) {
        [None, None] => Answer::Nothing(format!("there is no variable {URL}")),
        [Some(url), Some(token_file)] => {
            let origin = "the container's identity service".to_owned();
            let temporary = KeyProvider::new(temporary_key::KeySource::Container { url, token_file }, origin);
            Answer::of(Some(Credential::KeyProvider(temporary)))
        }
        [url, _] => {
            let (has, lacks) = if url.is_some() { (URL, TOKEN_FILE) } else { (TOKEN_FILE, URL) };
            given.faults.push(ConfigError::HalfVariables { has, lacks });
            Answer::Stop
        }
    }
}
