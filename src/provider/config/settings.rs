//! The tables of the provider's settings. The schema, the documentation and `resolve` all read them: a new setting is
//! one row.

use std::sync::LazyLock;

use super::validate::{self, Validator};
use crate::huaweicloud::auth::Algorithm;
use crate::tfplugin::schema::{Attribute, AttributeType, Block, Nesting, Schema};
use crate::tfplugin::value::Value;

/// One argument of the provider block, or of a block in it.
pub(super) struct Setting {
    pub(super) name: &'static str,
    kind: AttributeType,
    /// In order; the first that is not blank counts. Named as in the official provider, so that users can switch.
    pub(super) variables: &'static [&'static str],
    pub(super) default: Option<&'static str>,
    /// What its text must be, whatever origin it has.
    pub(super) validator: Option<Validator>,
    sensitive: bool,
    description: &'static str,
}

impl Setting {
    const fn new(name: &'static str, variables: &'static [&'static str], description: &'static str) -> Self {
        let (kind, default, validator, sensitive) = (AttributeType::String, None, None, false);
        Self { name, kind, variables, default, validator, sensitive, description }
    }

    /// A setting of the official provider that is accepted, so that its block can be copied, and then ignored.
    const fn ignored(name: &'static str, kind: AttributeType) -> Self {
        Self::new(name, &[], IGNORED).kind(kind)
    }

    const fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    const fn kind(self, kind: AttributeType) -> Self {
        Self { kind, ..self }
    }

    const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn validator(self, validator: Validator) -> Self {
        Self { validator: Some(validator), ..self }
    }

    fn attribute(&self) -> Attribute {
        Attribute {
            sensitive: self.sensitive,
            variables: self.variables,
            default: self.default,
            ..Attribute::new(self.name, self.kind, self.description)
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
pub(super) const AGENCY_DOMAIN_NAME: &str = "agency_domain_name";
pub(super) const DELEGATED_PROJECT: &str = "delegated_project";
pub(super) const CACERT_FILE: &str = "cacert_file";
pub(super) const CERT: &str = "cert";
pub(super) const KEY: &str = "key";
pub(super) const SHARED_CONFIG_FILE: &str = "shared_config_file";
pub(super) const PROFILE: &str = "profile";
pub(super) const SKIP_METADATA: &str = "skip_metadata";
pub(super) const REQUEST_TIMEOUT: &str = "request_timeout";
pub(super) const ASSUME_ROLE: &str = "assume_role";
pub(super) const WITH_OIDC: &str = "assume_role_with_oidc";
pub(super) const AGENCY_NAME: &str = "agency_name";
pub(super) const DURATION: &str = "duration";
pub(super) const IDP_ID: &str = "idp_id";
pub(super) const PROVIDER_URN: &str = "provider_urn";
pub(super) const ID_TOKEN: &str = "id_token";
pub(super) const ID_TOKEN_FILE: &str = "id_token_file";
const IGNORE_TAGS: &str = "ignore_tags";

/// The arguments of the provider block.
pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        REGION,
        &["HW_REGION_NAME", "OS_REGION_NAME"],
        "Region code, such as `cn-north-4`. Must be given here or in the environment.",
    )
    .validator(validate::REGION),
    Setting::new(
        ACCESS_KEY,
        &["HW_ACCESS_KEY", "OS_ACCESS_KEY", "HUAWEICLOUD_SDK_AK"],
        "Access key ID (AK). Together with `secret_key`.",
    )
    .validator(validate::TOKEN),
    Setting::new(
        SECRET_KEY,
        &["HW_SECRET_KEY", "OS_SECRET_KEY", "HUAWEICLOUD_SDK_SK"],
        "Secret access key (SK). Together with `access_key`.",
    )
    .sensitive()
    .validator(validate::TOKEN),
    Setting::new(
        SECURITY_TOKEN,
        &["HW_SECURITY_TOKEN", "HUAWEICLOUD_SDK_SECURITY_TOKEN"],
        "Security token of a temporary access key. Together with `access_key` and `secret_key`.",
    )
    .sensitive()
    .validator(validate::TOKEN),
    Setting::new(
        SIGNING_ALGORITHM,
        &["HW_SIGNING_ALGORITHM"],
        "How requests are signed with an access key: `HmacSHA256`, `HmacSM3`, `EcdsaP256SHA256` or `SM2SM3`.",
    )
    .default(Algorithm::HmacSha256.name())
    .validator(validate::ALGORITHM),
    Setting::new(
        TOKEN,
        &["HW_AUTH_TOKEN", "OS_AUTH_TOKEN"],
        "A ready IAM token, sent as `X-Auth-Token`. Must have been issued for the project that is read.",
    )
    .sensitive()
    .validator(validate::TOKEN),
    Setting::new(
        USER_NAME,
        &["HW_USER_NAME", "OS_USERNAME"],
        "Name of the IAM user for a login by password. Together with `password` and the user's account in \
         `domain_name` or `domain_id`.",
    )
    .validator(validate::NAME),
    Setting::new(
        USER_ID,
        &["HW_USER_ID", "OS_USER_ID"],
        "ID of the IAM user for a login by password, in place of `user_name`. Needs no account.",
    )
    .validator(validate::TOKEN),
    Setting::new(
        PASSWORD,
        &["HW_USER_PASSWORD", "OS_PASSWORD"],
        "Password of the IAM user. Together with `user_name` or `user_id`.",
    )
    .sensitive()
    .validator(validate::PASSWORD),
    Setting::new(
        DOMAIN_NAME,
        &["HW_DOMAIN_NAME", "OS_DOMAIN_NAME", "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME"],
        "Name of the account that the user belongs to. Needed for a login by `user_name`. Not used if `domain_id` comes \
         from the same origin.",
    )
    .validator(validate::NAME),
    Setting::new(
        DOMAIN_ID,
        &["HW_DOMAIN_ID", "OS_DOMAIN_ID", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_ID", "HUAWEICLOUD_SDK_DOMAIN_ID"],
        "ID of the account that the user belongs to, in place of `domain_name`. One from the environment does not \
         override a name in the block.",
    )
    .validator(validate::TOKEN),
    Setting::new(
        PROJECT_ID,
        &["HW_PROJECT_ID", "OS_PROJECT_ID", "HUAWEICLOUD_SDK_PROJECT_ID"],
        "ID of the project to read in. Looked up by `project_name` at the first read if not given. One from the \
         environment does not override a name in the block, and is left out if the same tool's variables name another \
         region.",
    )
    .validator(validate::IDENTIFIER),
    Setting::new(
        PROJECT_NAME,
        &["HW_PROJECT_NAME", "OS_PROJECT_NAME"],
        "Name of the project to read in, such as `cn-north-4_team` for a sub-project. Defaults to the project that \
         has the region's name. Not used if `project_id` comes from the same origin.",
    )
    .validator(validate::NAME),
    Setting::new(TENANT_ID, &["OS_TENANT_ID"], "Older name of `project_id`, which goes before it.")
    .validator(validate::IDENTIFIER),
    Setting::new(TENANT_NAME, &["OS_TENANT_NAME"], "Older name of `project_name`, which goes before it.")
    .validator(validate::NAME),
    Setting::new(
        AGENCY_NAME,
        &["OS_AGENCY_NAME"],
        "Name of an agency to assume by a token, the older form of an `assume_role` block. Together with \
         `agency_domain_name`.",
    )
    .validator(validate::NAME),
    Setting::new(
        AGENCY_DOMAIN_NAME,
        &["OS_AGENCY_DOMAIN_NAME"],
        "Name of the account that owns that agency.",
    )
    .validator(validate::NAME),
    Setting::new(
        DELEGATED_PROJECT,
        &["OS_DELEGATED_PROJECT"],
        "Name of the project to read in with that agency, if the same origin gives no `project_name`.",
    )
    .validator(validate::NAME),
    Setting::new(
        CACERT_FILE,
        &["OS_CACERT"],
        "Certificates of further authorities to trust, in PEM, or the path of a file with them. The system's own stay \
         trusted, unlike with the official provider.",
    ),
    Setting::new(
        CERT,
        &["OS_CERT"],
        "Certificate to show to a server that asks for one, in PEM, or the path of a file with it. Together with `key`.",
    ),
    Setting::new(KEY, &["OS_KEY"], "Private key of `cert`, in PEM, or the path of a file with it.").sensitive(),
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
    .kind(AttributeType::Bool)
    .default("false")
    .validator(validate::BOOL),
    Setting::new(
        AUTH_URL,
        &["HW_AUTH_URL", "OS_AUTH_URL"],
        "URL of the IAM service for logins. Defaults to `endpoints.iam`, which a variable does not override, and else \
         to `https://iam.{region}.{cloud}/v3`.",
    )
    .validator(validate::BASE_URL),
    Setting::new(
        CLOUD,
        &["HW_CLOUD"],
        "Domain of the cloud's services. Defaults to `myhuaweicloud.com`, and to `myhuaweicloud.eu` for regions \
         that begin with `eu-west-1`.",
    )
    .validator(validate::DOMAIN),
    Setting::new(
        ENDPOINTS,
        &[],
        "Base URLs of services, without a version: `dds`, `iam`, `sts` and `metadata` (of the ECS metadata service). \
         `{region}` in one stands for the region that is read. `iam` is used for logins, too.",
    )
    .kind(AttributeType::Map(&AttributeType::String))
    .validator(validate::BASE_URL),
    Setting::new(
        "regional",
        &[],
        "Whether IAM and STS are asked in the region. Taken from the official provider; here they always are.",
    )
    .kind(AttributeType::Bool),
    Setting::new(
        INSECURE,
        &["HW_INSECURE", "OS_INSECURE"],
        "Whether to accept any TLS certificate of the cloud. For tests only: it lets others read along.",
    )
    .kind(AttributeType::Bool)
    .default("false")
    .validator(validate::BOOL),
    Setting::new(
        MAX_RETRIES,
        &["HW_MAX_RETRIES"],
        "How often a request is tried again after a failed, cut or missing answer, with growing pauses. Throttled requests \
         (HTTP 429) do not count: they are repeated until the read's limit. `0` repeats nothing, throttled requests \
         included.",
    )
    .kind(AttributeType::Number)
    .default("5")
    .validator(validate::RETRIES),
    Setting::new(
        REQUEST_TIMEOUT,
        &["HW_REQUEST_TIMEOUT"],
        "How long one try of a request may take, from its connection to the end of its answer, such as `10s`. A whole \
         read has a limit of its own, in the data source's `timeouts` block. Without that, a host that does not answer is \
         given up after 90 s, or after three times this.",
    )
    .default("30s")
    .validator(validate::DURATION),
];

/// The arguments of the blocks that assume an agency: of `assume_role` the first four, of `assume_role_with_oidc` all but
/// the account's name.
pub(super) const AGENCY_SETTINGS: &[Setting] = &[
    Setting::new(AGENCY_NAME, &["HW_ASSUME_ROLE_AGENCY_NAME"], "Name of the agency.").validator(validate::NAME),
    Setting::new(
        DOMAIN_NAME,
        &["HW_ASSUME_ROLE_DOMAIN_NAME"],
        "Name of the account that owns the agency. Not used if `domain_id` comes from the same origin.",
    )
    .validator(validate::NAME),
    Setting::new(
        DOMAIN_ID,
        &["HW_ASSUME_ROLE_DOMAIN_ID"],
        "ID of the account that owns the agency; the token service (STS) is used with it.",
    )
    .validator(validate::TOKEN),
    Setting::new(
        DURATION,
        &["HW_ASSUME_ROLE_DURATION"],
        "Lifetime of each key in seconds, at least 900. It is renewed in time.",
    )
    .kind(AttributeType::Number)
    .default("3600")
    .validator(validate::KEY_LIFETIME),
    Setting::new(IDP_ID, &["HW_ASSUME_ROLE_IDP_ID"], "ID of the identity provider in IAM.")
        .validator(validate::TOKEN),
    Setting::new(
        PROVIDER_URN,
        &["HW_ASSUME_ROLE_PROVIDER_URN"],
        "URN of the identity provider, in place of `idp_id`: the agency is then assumed in one step instead of three.",
    )
    .validator(validate::TOKEN),
    Setting::new(ID_TOKEN, &["HW_ASSUME_ROLE_ID_TOKEN"], "The token.").sensitive().validator(validate::TOKEN),
    Setting::new(
        ID_TOKEN_FILE,
        &["HW_ASSUME_ROLE_ID_TOKEN_FILE"],
        "Path of a file with the token, which is read anew whenever it is needed.",
    ),
];

const IGNORED: &str =
    "Accepted, so that a block of the official provider can be copied, and without effect here.";

/// The arguments of the official provider that mean nothing for reading certificates.
const IGNORED_SETTINGS: &[Setting] = &[
    Setting::ignored("default_tags", AttributeType::Map(&AttributeType::String)),
    Setting::ignored("enable_force_new", AttributeType::Bool),
    Setting::ignored("enterprise_project_id", AttributeType::String),
    Setting::ignored("skip_check_upgrade", AttributeType::Bool),
    Setting::ignored("skip_check_website_type", AttributeType::Bool),
];

static ASSUME_ROLE_ATTRIBUTES: LazyLock<Vec<Attribute>> =
    LazyLock::new(|| AGENCY_SETTINGS.iter().take(4).map(Setting::attribute).collect());

static WITH_OIDC_ATTRIBUTES: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
    AGENCY_SETTINGS.iter().filter(|setting| setting.name != DOMAIN_NAME).map(Setting::attribute).collect()
});

static IGNORE_TAGS_ATTRIBUTES: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
    ["key_prefixes", "keys"]
        .map(|name| Setting::ignored(name, AttributeType::List(&AttributeType::String)).attribute())
        .into()
});

static BLOCKS: LazyLock<[Block; 3]> = LazyLock::new(|| {
    [
        Block {
            name: ASSUME_ROLE,
            nesting: Nesting::List,
            description: "An agency to assume. Several blocks form a chain: each one is assumed with the credential of \
                          the one before.",
            attributes: &ASSUME_ROLE_ATTRIBUTES,
            blocks: &[],
        },
        Block {
            name: IGNORE_TAGS,
            nesting: Nesting::List,
            description: IGNORED,
            attributes: &IGNORE_TAGS_ATTRIBUTES,
            blocks: &[],
        },
        Block {
            name: WITH_OIDC,
            nesting: Nesting::List,
            description: "An agency to assume with the token of an identity provider (OpenID Connect), such as a CI \
                          system's. At most one block.",
            attributes: &WITH_OIDC_ATTRIBUTES,
            blocks: &[],
        },
    ]
});

/// The schema of the provider block.
pub(in crate::provider) fn schema() -> Schema {
    Schema {
        description: "Reads the TLS certificates of Huawei Cloud DDS (Document Database Service) instances.",
        attributes: SETTINGS.iter().chain(IGNORED_SETTINGS).map(Setting::attribute).collect(),
        blocks: &*BLOCKS,
    }
}

/// Finds a setting of a table by its name.
pub(super) fn find(table: &'static [Setting], name: &str) -> Option<&'static Setting> {
    table.iter().find(|setting| setting.name == name)
}

/// The validator of a setting of a table.
pub(super) fn validator(table: &'static [Setting], name: &str) -> Option<Validator> {
    find(table, name).and_then(|setting| setting.validator)
}

/// The environment variables of a setting of the provider block, in their order.
pub(in crate::provider) fn variables(name: &str) -> &'static [&'static str] {
    find(SETTINGS, name).map_or(&[], |setting| setting.variables)
}

/// The arguments and blocks in the provider block that have no effect.
pub(super) fn ignored(config: &Value) -> impl Iterator<Item = &'static str> {
    let is_set = |name: &&str| !matches!(config.attribute(name), None | Some(Value::Null));
    let has_blocks =
        |name: &&str| matches!(config.attribute(name), Some(Value::List(blocks)) if !blocks.is_empty());
    let attributes = IGNORED_SETTINGS.iter().map(|setting| setting.name).filter(is_set);
    attributes.chain(Some(IGNORE_TAGS).filter(has_blocks))
}
