//! The table of the provider's settings: name, environment variables, default and prose of each. The schema, the
//! documentation and `resolve` all read it. A new setting is one row.

use crate::huaweicloud::auth::Algorithm;
use crate::tfplugin::schema::{Attribute, AttributeType};

pub(super) struct Setting {
    pub(super) name: &'static str,
    ty: AttributeType,
    /// In order; the first that is not blank counts. Names as in the official provider, so that a user moves over.
    pub(super) variables: &'static [&'static str],
    pub(super) default: Option<&'static str>,
    secret: bool,
    about: &'static str,
}

impl Setting {
    const fn new(name: &'static str, variables: &'static [&'static str], about: &'static str) -> Self {
        Self { name, ty: AttributeType::String, variables, default: None, secret: false, about }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    const fn of(self, ty: AttributeType) -> Self {
        Self { ty, ..self }
    }

    const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    pub(super) fn attribute(&self) -> Attribute {
        Attribute {
            sensitive: self.secret,
            variables: self.variables,
            default: self.default,
            ..Attribute::new(self.name, self.ty, self.about)
        }
    }
}

pub(super) const REGION: &str = "region";
pub(super) const ACCESS_KEY: &str = "access_key";
pub(super) const SECRET_KEY: &str = "secret_key";
pub(super) const SECURITY_TOKEN: &str = "security_token";
pub(super) const SIGNING_ALGORITHM: &str = "signing_algorithm";
pub(super) const TOKEN: &str = "token";
pub(super) const USER_NAME: &str = "user_name";
pub(super) const USER_ID: &str = "user_id";
pub(super) const PASSWORD: &str = "password";
pub(super) const DOMAIN_NAME: &str = "domain_name";
pub(super) const DOMAIN_ID: &str = "domain_id";
pub(super) const PROJECT_ID: &str = "project_id";
pub(super) const PROJECT_NAME: &str = "project_name";
pub(super) const AUTH_URL: &str = "auth_url";
pub(super) const CLOUD: &str = "cloud";
pub(super) const ENDPOINTS: &str = "endpoints";
pub(super) const INSECURE: &str = "insecure";
pub(super) const MAX_RETRIES: &str = "max_retries";
pub(super) const TENANT_ID: &str = "tenant_id";
pub(super) const TENANT_NAME: &str = "tenant_name";
pub(super) const OLD_AGENCY_NAME: &str = "agency_name";
pub(super) const OLD_DOMAIN_NAME: &str = "agency_domain_name";
pub(super) const DELEGATED_PROJECT: &str = "delegated_project";
pub(super) const CACERT_FILE: &str = "cacert_file";
pub(super) const CERT: &str = "cert";
pub(super) const KEY: &str = "key";
pub(super) const SHARED_CONFIG_FILE: &str = "shared_config_file";
pub(super) const PROFILE: &str = "profile";
pub(super) const SKIP_METADATA: &str = "skip_metadata";
pub(super) const REQUEST_TIMEOUT: &str = "request_timeout";

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        REGION,
        &["HW_REGION_NAME", "OS_REGION_NAME"],
        "Region code, such as `cn-north-4`. Must be given here or in the environment.",
    ),
    Setting::new(
        ACCESS_KEY,
        &["HW_ACCESS_KEY", "OS_ACCESS_KEY", "HUAWEICLOUD_SDK_AK"],
        "Access key ID (AK). Together with `secret_key`.",
    ),
    Setting::new(
        SECRET_KEY,
        &["HW_SECRET_KEY", "OS_SECRET_KEY", "HUAWEICLOUD_SDK_SK"],
        "Secret access key (SK). Together with `access_key`.",
    )
    .secret(),
    Setting::new(
        SECURITY_TOKEN,
        &["HW_SECURITY_TOKEN", "HUAWEICLOUD_SDK_SECURITY_TOKEN"],
        "Security token of a temporary access key. Together with `access_key` and `secret_key`.",
    )
    .secret(),
    Setting::new(
        SIGNING_ALGORITHM,
        &["HW_SIGNING_ALGORITHM"],
        "How requests are signed with an access key: `HmacSHA256`, `HmacSM3`, `EcdsaP256SHA256` or `SM2SM3`.",
    )
    .default(Algorithm::HmacSha256.name()),
    Setting::new(
        TOKEN,
        &["HW_AUTH_TOKEN", "OS_AUTH_TOKEN"],
        "A ready IAM token, sent as `X-Auth-Token`. Must have been issued for the project that is read.",
    )
    .secret(),
    Setting::new(
        USER_NAME,
        &["HW_USER_NAME", "OS_USERNAME"],
        "Name of the IAM user for a login by password. Together with `password` and the user's account in \
         `domain_name` or `domain_id`.",
    ),
    Setting::new(
        USER_ID,
        &["HW_USER_ID", "OS_USER_ID"],
        "ID of the IAM user for a login by password, in place of `user_name`. Needs no account.",
    ),
    Setting::new(
        PASSWORD,
        &["HW_USER_PASSWORD", "OS_PASSWORD"],
        "Password of the IAM user. Together with `user_name` or `user_id`.",
    )
    .secret(),
    Setting::new(
        DOMAIN_NAME,
        &["HW_DOMAIN_NAME", "OS_DOMAIN_NAME", "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME"],
        "Name of the account that the user belongs to. Needed for a login by `user_name`. Not used if `domain_id` comes \
         from the same origin.",
    ),
    Setting::new(
        DOMAIN_ID,
        &["HW_DOMAIN_ID", "OS_DOMAIN_ID", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_ID", "HUAWEICLOUD_SDK_DOMAIN_ID"],
        "ID of the account that the user belongs to, in place of `domain_name`. One from the environment does not \
         override a name in the block.",
    ),
    Setting::new(
        PROJECT_ID,
        &["HW_PROJECT_ID", "OS_PROJECT_ID", "HUAWEICLOUD_SDK_PROJECT_ID"],
        "ID of the project to read in. Looked up by `project_name` at the first read if not given. One from the \
         environment does not override a name in the block, and is left out if the same tool's variables name another \
         region.",
    ),
    Setting::new(
        PROJECT_NAME,
        &["HW_PROJECT_NAME", "OS_PROJECT_NAME"],
        "Name of the project to read in, such as `cn-north-4_team` for a sub-project. Defaults to the project that \
         has the region's name. Not used if `project_id` comes from the same origin.",
    ),
    Setting::new(TENANT_ID, &["OS_TENANT_ID"], "Older name of `project_id`, which goes before it."),
    Setting::new(TENANT_NAME, &["OS_TENANT_NAME"], "Older name of `project_name`, which goes before it."),
    Setting::new(
        OLD_AGENCY_NAME,
        &["OS_AGENCY_NAME"],
        "Name of an agency to take on by a token, the older form of an `assume_role` block. Together with \
         `agency_domain_name`.",
    ),
    Setting::new(
        OLD_DOMAIN_NAME,
        &["OS_AGENCY_DOMAIN_NAME"],
        "Name of the account that lends that agency.",
    ),
    Setting::new(
        DELEGATED_PROJECT,
        &["OS_DELEGATED_PROJECT"],
        "Name of the project to read in with that agency, if the same origin gives no `project_name`.",
    ),
    Setting::new(
        CACERT_FILE,
        &["OS_CACERT"],
        "Certificates of further authorities to trust, in PEM, or the path of a file with them. The system's own stay \
         trusted, other than with the official provider.",
    ),
    Setting::new(
        CERT,
        &["OS_CERT"],
        "Certificate to show to a server that asks for one, in PEM, or the path of a file with it. Together with `key`.",
    ),
    Setting::new(KEY, &["OS_KEY"], "Private key of `cert`, in PEM, or the path of a file with it.").secret(),
    Setting::new(
        SHARED_CONFIG_FILE,
        &["HW_SHARED_CONFIG_FILE"],
        "Path of a configuration file of the hcloud CLI (KooCLI) to take the credential from. Its secrets must not be \
         encrypted: `hcloud configure set --cli-auth-encrypt=false`. Looked for at `~/.hcloud/config.json` if not \
         given. `/dev/null` switches off the search in all files, that of the official SDKs included.",
    ),
    Setting::new(
        PROFILE,
        &["HW_PROFILE"],
        "Name of the profile in that file. Defaults to the file's current one.",
    ),
    Setting::new(
        SKIP_METADATA,
        &["HW_SKIP_METADATA"],
        "Whether to leave out the ECS metadata service, which is asked last for a credential.",
    )
    .of(AttributeType::Bool)
    .default("false"),
    Setting::new(
        AUTH_URL,
        &["HW_AUTH_URL", "OS_AUTH_URL"],
        "URL of the IAM service for logins. Defaults to `endpoints.iam`, which a variable does not override, and else \
         to `https://iam.{region}.{cloud}/v3`.",
    ),
    Setting::new(
        CLOUD,
        &["HW_CLOUD"],
        "Domain of the cloud's services. Defaults to `myhuaweicloud.com`, and to `myhuaweicloud.eu` for regions \
         that begin with `eu-west-1`.",
    ),
    Setting::new(
        ENDPOINTS,
        &[],
        "Base URLs of services, without a version: `dds`, `iam`, `sts` and `metadata` (of the ECS metadata service). \
         `{region}` in one stands for the region that is read. `iam` is used for logins, too.",
    )
    .of(AttributeType::Map(&AttributeType::String)),
    Setting::new(
        "regional",
        &[],
        "Whether IAM and STS are asked in the region. Taken from the official provider; here they always are.",
    )
    .of(AttributeType::Bool),
    Setting::new(
        INSECURE,
        &["HW_INSECURE", "OS_INSECURE"],
        "Whether to accept any TLS certificate of the cloud. For tests only: it lets others read along.",
    )
    .of(AttributeType::Bool)
    .default("false"),
    Setting::new(
        MAX_RETRIES,
        &["HW_MAX_RETRIES"],
        "How often a request is tried again after a failed, cut or missing answer, with growing pauses. Throttled requests \
         (HTTP 429) do not count: they are repeated until the read's limit. `0` repeats nothing, throttled requests \
         included.",
    )
    .of(AttributeType::Number)
    .default("5"),
    Setting::new(
        REQUEST_TIMEOUT,
        &["HW_REQUEST_TIMEOUT"],
        "How long one try of a request may take, from its connection to the end of its answer, such as `10s`. A whole \
         read has a limit of its own, in the data source's `timeouts` block. Without that, a host that does not answer is \
         given up after 90 s, or after three times this.",
    )
    .default("30s"),
];
