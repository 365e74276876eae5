//! The tables of the provider's settings. The schema, the documentation and `resolve` all read them: a new
//! setting is one row.

use super::validate;
use crate::huaweicloud::auth::Algorithm;
use crate::tfplugin::schema::{Attribute, AttributeType, Block, Nesting, Schema};
use crate::tfplugin::validator::{Validator, duration};
use crate::tfplugin::value::Value;

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
pub(super) const SETTINGS: &[Attribute] = &[
    Attribute::string(REGION, "Region to read in. Set it here, in the environment or in a profile.")
        .variables(&["HW_REGION_NAME", "OS_REGION_NAME"])
        .validated(validate::REGION),
    Attribute::string(ACCESS_KEY, "Access key ID (AK). Together with `secret_key`.")
        .variables(&["HW_ACCESS_KEY", "OS_ACCESS_KEY", "HUAWEICLOUD_SDK_AK"])
        .validated(validate::TOKEN),
    Attribute::string(SECRET_KEY, "Secret access key (SK). Together with `access_key`.")
        .variables(&["HW_SECRET_KEY", "OS_SECRET_KEY", "HUAWEICLOUD_SDK_SK"])
        .sensitive()
        .validated(validate::TOKEN),
    Attribute::string(
        SECURITY_TOKEN,
        "Security token of a temporary access key. Together with `access_key` and `secret_key`.",
    )
    .variables(&["HW_SECURITY_TOKEN", "HUAWEICLOUD_SDK_SECURITY_TOKEN"])
    .sensitive()
    .validated(validate::TOKEN),
    Attribute::string(SIGNING_ALGORITHM, "How requests are signed with an access key.")
        .variables(&["HW_SIGNING_ALGORITHM"])
        .default(Algorithm::HmacSha256.name())
        .validated(validate::ALGORITHM),
    Attribute::string(
        TOKEN,
        "A ready IAM token that was issued for the project to read in. It is sent as `X-Auth-Token`.",
    )
    .variables(&["HW_AUTH_TOKEN", "OS_AUTH_TOKEN"])
    .sensitive()
    .validated(validate::TOKEN),
    Attribute::string(
        USER_NAME,
        "Name of the IAM user for a login by password. Together with `password` and the user's account in \
         `domain_name` or `domain_id`.",
    )
    .variables(&["HW_USER_NAME", "OS_USERNAME"])
    .validated(validate::NAME),
    Attribute::string(
        USER_ID,
        "ID of the IAM user for a login by password, in place of `user_name`. Needs no account.",
    )
    .variables(&["HW_USER_ID", "OS_USER_ID"])
    .validated(validate::TOKEN),
    Attribute::string(PASSWORD, "Password of the IAM user. Together with `user_name` or `user_id`.")
        .variables(&["HW_USER_PASSWORD", "OS_PASSWORD"])
        .sensitive()
        .validated(validate::PASSWORD),
    Attribute::string(
        DOMAIN_NAME,
        "Name of the account that the user belongs to. Needed for a login by `user_name`. Not used if \
         `domain_id` comes from the same origin.",
    )
    .variables(&["HW_DOMAIN_NAME", "OS_DOMAIN_NAME", "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME"])
    .validated(validate::NAME),
    Attribute::string(
        DOMAIN_ID,
        "ID of the account that the user belongs to, in place of `domain_name`. One from the environment \
         does not override a name in the block.",
    )
    .variables(&[
        "HW_DOMAIN_ID",
        "OS_DOMAIN_ID",
        "OS_USER_DOMAIN_ID",
        "OS_PROJECT_DOMAIN_ID",
        "HUAWEICLOUD_SDK_DOMAIN_ID",
    ])
    .validated(validate::TOKEN),
    Attribute::string(
        PROJECT_ID,
        "ID of the project to read in. Looked up by `project_name` at the first read if not given. One \
         from the environment does not override a name in the block, and is left out if the same tool's \
         variables name another region.",
    )
    .variables(&["HW_PROJECT_ID", "OS_PROJECT_ID", "HUAWEICLOUD_SDK_PROJECT_ID"])
    .validated(validate::IDENTIFIER),
    Attribute::string(
        PROJECT_NAME,
        "Name of the project to read in, such as `cn-north-4_team` for a sub-project. Defaults to the \
         project that has the region's name. Not used if `project_id` comes from the same origin.",
    )
    .variables(&["HW_PROJECT_NAME", "OS_PROJECT_NAME"])
    .validated(validate::NAME),
    Attribute::string(TENANT_ID, "Older name of `project_id`, which goes before it.")
        .variables(&["OS_TENANT_ID"])
        .validated(validate::IDENTIFIER),
    Attribute::string(TENANT_NAME, "Older name of `project_name`, which goes before it.")
        .variables(&["OS_TENANT_NAME"])
        .validated(validate::NAME),
    Attribute::string(
        AGENCY_NAME,
        "Name of an agency to assume by a token, the older form of an `assume_role` block. Together with \
         `agency_domain_name`.",
    )
    .variables(&["OS_AGENCY_NAME"])
    .validated(validate::NAME),
    Attribute::string(AGENCY_DOMAIN_NAME, "Name of the account that owns that agency.")
        .variables(&["OS_AGENCY_DOMAIN_NAME"])
        .validated(validate::NAME),
    Attribute::string(
        DELEGATED_PROJECT,
        "Name of the project to read in with that agency, if the same origin gives no `project_name`.",
    )
    .variables(&["OS_DELEGATED_PROJECT"])
    .validated(validate::NAME),
    Attribute::string(
        CACERT_FILE,
        "Certificates of further authorities to trust, in PEM, or the path of a file with them. The \
         system's own stay trusted, unlike with the official provider.",
    )
    .variables(&["OS_CACERT"]),
    Attribute::string(
        CERT,
        "Certificate to show to a server that asks for one, in PEM, or the path of a file with it. \
         Together with `key`.",
    )
    .variables(&["OS_CERT"]),
    Attribute::string(KEY, "Private key of `cert`, in PEM, or the path of a file with it.")
        .variables(&["OS_KEY"])
        .sensitive(),
    Attribute::string(
        SHARED_CONFIG_FILE,
        "Path of a configuration file of the hcloud CLI (KooCLI) to take the credential from. Its secrets \
         must not be encrypted: `hcloud configure set --cli-auth-encrypt=false`. Looked for at \
         `~/.hcloud/config.json` if not given. `/dev/null` switches off the search in all files, that of \
         the official SDKs included.",
    )
    .variables(&["HW_SHARED_CONFIG_FILE"]),
    Attribute::string(PROFILE, "Name of the profile in that file. Defaults to the file's current one.")
        .variables(&["HW_PROFILE"]),
    Attribute::bool(
        SKIP_METADATA,
        "Whether to leave out the ECS metadata service, which is asked last for a credential.",
    )
    .variables(&["HW_SKIP_METADATA"])
    .default("false"),
    Attribute::string(
        AUTH_URL,
        "URL of the IAM service for logins. Defaults to `endpoints.iam`, which a variable does not \
         override, and else to `https://iam.{region}.{cloud}/v3`.",
    )
    .variables(&["HW_AUTH_URL", "OS_AUTH_URL"])
    .validated(validate::BASE_URL),
    Attribute::string(
        CLOUD,
        "Domain of the cloud's services. Defaults to `myhuaweicloud.com`, and to `myhuaweicloud.eu` for \
         regions that begin with `eu-west-1`.",
    )
    .variables(&["HW_CLOUD"])
    .validated(validate::DOMAIN),
    Attribute::map(
        ENDPOINTS,
        &AttributeType::String,
        "Base URLs of services, without a version: `dds`, `iam`, `sts` and `metadata` (of the ECS \
         metadata service). `{region}` in one stands for the region that is read. `iam` is used for \
         logins, too.",
    )
    .validated(validate::BASE_URL),
    Attribute::bool(
        "regional",
        "Whether IAM and STS are asked in the region. Taken from the official provider; here they always \
         are.",
    ),
    Attribute::bool(
        INSECURE,
        "Whether to accept any TLS certificate of the cloud. For tests only: it lets others read along.",
    )
    .variables(&["HW_INSECURE", "OS_INSECURE"])
    .default("false"),
    Attribute::number(
        MAX_RETRIES,
        "How often a request is tried again after a failed, cut or missing answer, with growing pauses. \
         Throttled requests (HTTP 429) do not count: they are repeated until the read's limit. `0` \
         repeats nothing, throttled requests included.",
    )
    .variables(&["HW_MAX_RETRIES"])
    .default("5")
    .validated(validate::RETRIES),
    Attribute::string(
        REQUEST_TIMEOUT,
        "How long one try of a request may take, from its connection to the end of its answer. A whole \
         read has a limit of its own, in the data source's `timeouts` block. Without that, a host that \
         does not answer is given up after 90 s, or after three times this.",
    )
    .variables(&["HW_REQUEST_TIMEOUT"])
    .default("30s")
    .validated(duration()),
];

/// The arguments of the blocks that assume an agency. The first is of `assume_role` only, the last four are of
/// `assume_role_with_oidc` only. The variables of each are read in place of any of these blocks.
pub(super) const AGENCY_SETTINGS: &[Attribute] = &[
    Attribute::string(
        DOMAIN_NAME,
        "Name of the account that owns the agency. Not used if `domain_id` comes from the same origin.",
    )
    .variables(&["HW_ASSUME_ROLE_DOMAIN_NAME"])
    .validated(validate::NAME),
    Attribute::string(AGENCY_NAME, "Name of the agency.")
        .variables(&["HW_ASSUME_ROLE_AGENCY_NAME"])
        .validated(validate::NAME),
    Attribute::string(
        DOMAIN_ID,
        "ID of the account that owns the agency; the token service (STS) is used with it.",
    )
    .variables(&["HW_ASSUME_ROLE_DOMAIN_ID"])
    .validated(validate::TOKEN),
    Attribute::number(DURATION, "Lifetime of each key, which is renewed in time.")
        .variables(&["HW_ASSUME_ROLE_DURATION"])
        .default("3600")
        .validated(validate::KEY_LIFETIME),
    Attribute::string(IDP_ID, "ID of the identity provider in IAM.")
        .variables(&["HW_ASSUME_ROLE_IDP_ID"])
        .validated(validate::TOKEN),
    Attribute::string(
        PROVIDER_URN,
        "URN of the identity provider, in place of `idp_id`: the agency is then assumed in one step \
         instead of three.",
    )
    .variables(&["HW_ASSUME_ROLE_PROVIDER_URN"])
    .validated(validate::TOKEN),
    Attribute::string(ID_TOKEN, "The token.")
        .variables(&["HW_ASSUME_ROLE_ID_TOKEN"])
        .sensitive()
        .validated(validate::TOKEN),
    Attribute::string(
        ID_TOKEN_FILE,
        "Path of a file with the token, which is read anew whenever it is needed.",
    )
    .variables(&["HW_ASSUME_ROLE_ID_TOKEN_FILE"]),
];

const IGNORED: &str =
    "Accepted, so that a block of the official provider can be copied, and without effect here.";

/// A setting of the official provider that means nothing for reading certificates.
const fn ignored_setting(name: &'static str, ty: AttributeType) -> Attribute {
    Attribute::new(name, ty, IGNORED)
}

const IGNORED_SETTINGS: &[Attribute] = &[
    ignored_setting("default_tags", AttributeType::Map(&AttributeType::String)),
    ignored_setting("enable_force_new", AttributeType::Bool),
    ignored_setting("enterprise_project_id", AttributeType::String),
    ignored_setting("skip_check_upgrade", AttributeType::Bool),
    ignored_setting("skip_check_website_type", AttributeType::Bool),
];

const BLOCKS: &[Block] = &[
    Block::new(
        ASSUME_ROLE,
        Nesting::List,
        "An agency to assume. Several blocks form a chain: each one is assumed with the credential of the \
         one before.",
        AGENCY_SETTINGS.split_at(4).0,
    ),
    Block::new(
        IGNORE_TAGS,
        Nesting::List,
        IGNORED,
        &[
            ignored_setting("key_prefixes", AttributeType::List(&AttributeType::String)),
            ignored_setting("keys", AttributeType::List(&AttributeType::String)),
        ],
    ),
    Block::new(
        WITH_OIDC,
        Nesting::List,
        "An agency to assume with the token of an identity provider (OpenID Connect), such as a CI \
         system's. At most one block.",
        AGENCY_SETTINGS.split_at(1).1,
    ),
];

/// The schema of the provider block. `resolve` runs the validators, over values of variables as well.
pub(in crate::provider) fn schema() -> Schema {
    let description = "Reads the TLS certificates of Huawei Cloud DDS (Document Database Service) instances.";
    Schema::new(description, [SETTINGS, IGNORED_SETTINGS].concat())
        .with_blocks(BLOCKS)
        .validated_by_provider()
}

/// Finds a setting of a table by its name.
pub(super) fn find(table: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    table.iter().find(|setting| setting.name == name)
}

/// The validator of a setting of a table. A boolean needs none in the table: its type says what it must be.
pub(super) fn validator(table: &'static [Attribute], name: &str) -> Option<Validator> {
    let setting = find(table, name)?;
    setting.validator.or(matches!(setting.ty, AttributeType::Bool).then_some(validate::BOOL))
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
