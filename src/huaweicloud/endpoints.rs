//! Where the services are. Pure.

use url::Url;

use super::client::{Kind, Settings};
use crate::huaweicloud::auth::AuthEndpoints;
use crate::huaweicloud::auth::temporary_key::ecs_metadata;

/// Base URLs that replace the usual ones, without a version. `{region}` in one stands for a call's region.
#[derive(Default)]
pub struct Endpoints {
    pub dds: Option<String>,
    pub iam: Option<String>,
    pub sts: Option<String>,
    /// Of the ECS metadata service.
    pub metadata: Option<String>,
    /// IAM for logins only; may end in `/v3`.
    pub auth: Option<String>,
}

const REGION: &str = "{region}";

/// The DDS API. An endpoint without `{region}` is that of the provider's region, and would mislead other calls.
pub(super) fn dds(settings: &Settings, region: &str) -> Result<String, Kind> {
    match &settings.endpoints.dds {
        None => Ok(usual("dds", region, &settings.cloud)),
        Some(url) if region != settings.region && !url.contains(REGION) => Err(Kind::ForeignEndpoint),
        Some(url) => Ok(base(url, region)),
    }
}

/// IAM for look-ups. The provider's region serves those of other regions, too.
pub(super) fn lookups(settings: &Settings) -> String {
    iam(settings, [&settings.endpoints.iam, &settings.endpoints.auth])
}

/// Where credentials are asked for.
pub(super) fn places(settings: &Settings) -> AuthEndpoints {
    let or =
        |url: &Option<String>, usual: String| url.as_ref().map_or(usual, |url| base(url, &settings.region));
    let sts = usual("sts", &settings.region, &settings.cloud);
    AuthEndpoints {
        iam: iam(settings, [&settings.endpoints.auth, &settings.endpoints.iam]),
        sts: or(&settings.endpoints.sts, sts),
        metadata: or(&settings.endpoints.metadata, ecs_metadata::ADDRESS.to_owned()),
    }
}

fn iam(settings: &Settings, endpoints: [&Option<String>; 2]) -> String {
    let url = endpoints.into_iter().flatten().next().map(|url| base(url, &settings.region));
    let url = url.unwrap_or_else(|| usual("iam", &settings.region, &settings.cloud));
    url.strip_suffix("/v3").map_or(url.clone(), str::to_owned)
}

/// Where a service is unless the user says otherwise. The cloud's domain may be absolute, with a dot at its end.
fn usual(service: &str, region: &str, cloud: &str) -> String {
    base(&format!("https://{service}.{region}.{}", cloud.trim().trim_end_matches('.')), region)
}

/// In the form that the HTTP client gives it, such as the host in lower case: what is signed must be what is sent.
fn base(url: &str, region: &str) -> String {
    let url = url.trim().replace(REGION, region);
    let url = Url::parse(&url).map_or(url, String::from);
    url.trim_end_matches('/').to_owned()
}
