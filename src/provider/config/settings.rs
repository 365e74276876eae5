//! The tables of the provider's settings. The schema, the documentation and `resolve` use them.

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
pub(in crate::provider) const WITH_OIDC: &str = "assume_role_with_oidc";
pub(super) const AGENCY_NAME: &str = "agency_name";
pub(super) const DURATION: &str = "duration";
pub(super) const IDP_ID: &str = "idp_id";
pub(super) const PROVIDER_URN: &str = "provider_urn";
pub(super) const ID_TOKEN: &str = "id_token";
pub(super) const ID_TOKEN_FILE: &str = "id_token_file";
const IGNORE_TAGS: &str = "ignore_tags";

/// The arguments of the provider block.
pub(super) const SETTINGS: &[Attribute] = &[
    Attribute::string(
        REGION,
        "Region to read from. Required here, in the environment, or in the profile that has the credential.",
    )
        .variables(&["HW_REGION_NAME", "OS_REGION_NAME"])
        .validated(validate::REGION),
    Attribute::string(ACCESS_KEY, "Access key ID (AK). Requires `secret_key`.")
        .variables(&["HW_ACCESS_KEY", "OS_ACCESS_KEY", "HUAWEICLOUD_SDK_AK"])
        .validated(validate::TOKEN),
    Attribute::string(SECRET_KEY, "Secret access key (SK). Requires `access_key`.")
        .variables(&["HW_SECRET_KEY", "OS_SECRET_KEY", "HUAWEICLOUD_SDK_SK"])
        .sensitive()
        .validated(validate::TOKEN),
    Attribute::string(
        SECURITY_TOKEN,
        "Security token of a temporary access key. Requires `access_key` and `secret_key`.",
    )
    .variables(&["HW_SECURITY_TOKEN", "HUAWEICLOUD_SDK_SECURITY_TOKEN"])
    .sensitive()
    .validated(validate::TOKEN),
    Attribute::string(SIGNING_ALGORITHM, "Algorithm that signs requests with an access key.")
        .variables(&["HW_SIGNING_ALGORITHM"])
        .default(Algorithm::HmacSha256.name())
        .validated(validate::ALGORITHM),
    Attribute::string(
        TOKEN,
        "IAM token. Its scope must be the project to read from. It is sent in the header `X-Auth-Token`.",
    )
    .variables(&["HW_AUTH_TOKEN", "OS_AUTH_TOKEN"])
    .sensitive()
    .validated(validate::TOKEN),
    Attribute::string(
        USER_NAME,
        "Name of the IAM user for password authentication. Requires `password`, and the user's account in \
         `domain_name` or `domain_id`.",
    )
    .variables(&["HW_USER_NAME", "OS_USERNAME"])
    .validated(validate::NAME),
    Attribute::string(
        USER_ID,
        "ID of the IAM user for password authentication, instead of `user_name`. Requires `password`, but no account.",
    )
    .variables(&["HW_USER_ID", "OS_USER_ID"])
    .validated(validate::TOKEN),
    Attribute::string(PASSWORD, "Password of the IAM user. Requires `user_name` or `user_id`.")
        .variables(&["HW_USER_PASSWORD", "OS_PASSWORD"])
        .sensitive()
        .validated(validate::PASSWORD),
    Attribute::string(
        DOMAIN_NAME,
        "Name of the account (domain) that the IAM user belongs to. Password authentication with `user_name` \
         requires it or `domain_id`. Ignored if `domain_id` is set in the same place: the block, or the variables of one \
         tool.",
    )
    .variables(&["HW_DOMAIN_NAME", "OS_DOMAIN_NAME", "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME"])
    .validated(validate::NAME),
    Attribute::string(
        DOMAIN_ID,
        "ID of the account (domain) that the IAM user belongs to, instead of `domain_name`. An ID from the \
         environment does not override a name in the block.",
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
        "ID of the project to read from. If it is not set, the first read looks it up by `project_name`. An ID \
         from the environment does not override a name in the block, and is ignored if the variables of the same tool \
         name another region.",
    )
    .variables(&["HW_PROJECT_ID", "OS_PROJECT_ID", "HUAWEICLOUD_SDK_PROJECT_ID"])
    .validated(validate::IDENTIFIER),
    Attribute::string(
        PROJECT_NAME,
        "Name of the project to read from, such as `cn-north-4_team` for a sub-project. Defaults to the \
         name of the region. Ignored if `project_id` is set in the same place.",
    )
    .variables(&["HW_PROJECT_NAME", "OS_PROJECT_NAME"])
    .validated(validate::NAME),
    Attribute::string(TENANT_ID, "Older name of `project_id`. `project_id` overrides it.")
        .variables(&["OS_TENANT_ID"])
        .validated(validate::IDENTIFIER),
    Attribute::string(TENANT_NAME, "Older name of `project_name`. `project_name` overrides it.")
        .variables(&["OS_TENANT_NAME"])
        .validated(validate::NAME),
    Attribute::string(
        AGENCY_NAME,
        "Name of an agency to assume with an IAM token: the older form of an `assume_role` block. Requires \
         `agency_domain_name`.",
    )
    .variables(&["OS_AGENCY_NAME"])
    .validated(validate::NAME),
    Attribute::string(AGENCY_DOMAIN_NAME, "Name of the account (domain) that owns the agency in `agency_name`.")
        .variables(&["OS_AGENCY_DOMAIN_NAME"])
        .validated(validate::NAME),
    Attribute::string(
        DELEGATED_PROJECT,
        "Name of the project to read from with the agency in `agency_name`. Ignored if another argument of the project \
         is set in the same place.",
    )
    .variables(&["OS_DELEGATED_PROJECT"])
    .validated(validate::NAME),
    Attribute::string(
        CACERT_FILE,
        "Additional CA certificates to trust, in PEM, or the path of a file with them. Unlike in the \
         official provider, the certificates of the operating system are still trusted.",
    )
    .variables(&["OS_CACERT"]),
    Attribute::string(
        CERT,
        "Client certificate for servers that require one, in PEM, or the path of a file with it. \
         Requires `key`.",
    )
    .variables(&["OS_CERT"]),
    Attribute::string(KEY, "Private key of `cert`, in PEM, or the path of a file with it. Requires `cert`.")
        .variables(&["OS_KEY"])
        .sensitive(),
    Attribute::string(
        SHARED_CONFIG_FILE,
        "Path of a KooCLI (hcloud) config file with the credential. Its secrets must not be encrypted: run \
         `hcloud configure set --cli-auth-encrypt=false`. Defaults to `~/.hcloud/config.json`. `/dev/null` \
         disables the search in all files, including the SDK credentials file.",
    )
    .variables(&["HW_SHARED_CONFIG_FILE"]),
    Attribute::string(PROFILE, "Name of the profile in the KooCLI config file. Defaults to the file's current profile.")
        .variables(&["HW_PROFILE"]),
    Attribute::bool(
        SKIP_METADATA,
        "Whether to skip the ECS metadata service, the last credential source.",
    )
    .variables(&["HW_SKIP_METADATA"])
    .default("false"),
    Attribute::string(
        AUTH_URL,
        "URL of the IAM service that issues tokens and temporary access keys. Defaults to `endpoints.iam`, \
         or to `https://iam.{region}.{cloud}/v3` if that is not set. `endpoints.iam` overrides the environment \
         variables.",
    )
    .variables(&["HW_AUTH_URL", "OS_AUTH_URL"])
    .validated(validate::BASE_URL),
    Attribute::string(
        CLOUD,
        "DNS domain of Huawei Cloud's services. Defaults to `myhuaweicloud.com`, or to `myhuaweicloud.eu` for \
         regions that begin with `eu-west-1`.",
    )
    .variables(&["HW_CLOUD"])
    .validated(validate::DOMAIN),
    Attribute::map(
        ENDPOINTS,
        &AttributeType::String,
        "Base URLs of services, without a version. The keys are `dds`, `iam`, `sts` and `metadata` (the ECS \
         metadata service). In a URL, `{region}` is replaced by the region of the read. If `auth_url` is not set, `iam` is \
         also used for tokens and temporary access keys.",
    )
    .validated(validate::BASE_URL),
    Attribute::bool(
        "regional",
        "Whether requests to IAM and STS use the endpoints of the region. Ignored: they always do, unlike in \
         the official provider.",
    ),
    Attribute::bool(
        INSECURE,
        "Whether to accept any TLS certificate. For tests only: others can read and change the traffic.",
    )
    .variables(&["HW_INSECURE", "OS_INSECURE"])
    .default("false"),
    Attribute::number(
        MAX_RETRIES,
        "Maximum number of retries of a request that fails with a server error or without a complete response. The \
         delay between retries grows. Throttled requests (HTTP 429) do not count: they are retried until the read timeout \
         (`timeouts.read`). `0` disables all retries, also those of throttled requests.",
    )
    .variables(&["HW_MAX_RETRIES"])
    .default("5")
    .validated(validate::RETRIES),
    Attribute::string(
        REQUEST_TIMEOUT,
        "Timeout of one attempt of a request, from the connection to the end of the response. The timeout of \
         a whole read is set in the data source's `timeouts` block. Without it, a read also fails if a server does not \
         respond for 90 s, or for three times this timeout if that is longer.",
    )
    .variables(&["HW_REQUEST_TIMEOUT"])
    .default("30s")
    .validated(duration()),
];

/// The arguments of the blocks that assume an agency. The first one is only in `assume_role`, and the last four are only
/// in `assume_role_with_oidc`. Environment variables can replace each block.
pub(super) const AGENCY_SETTINGS: &[Attribute] = &[
    Attribute::string(
        DOMAIN_NAME,
        "Name of the account (domain) that owns the agency. Ignored if `domain_id` is set in the same place.",
    )
    .variables(&["HW_ASSUME_ROLE_DOMAIN_NAME"])
    .validated(validate::NAME),
    Attribute::string(AGENCY_NAME, "Name of the agency.")
        .variables(&["HW_ASSUME_ROLE_AGENCY_NAME"])
        .validated(validate::NAME),
    Attribute::string(
        DOMAIN_ID,
        "ID of the account (domain) that owns the agency. With it, an access key assumes the agency through STS, not IAM.",
    )
    .variables(&["HW_ASSUME_ROLE_DOMAIN_ID"])
    .validated(validate::TOKEN),
    Attribute::number(DURATION, "Lifetime of each temporary access key, in seconds. A key is renewed before it expires.")
        .variables(&["HW_ASSUME_ROLE_DURATION"])
        .default("3600")
        .validated(validate::KEY_LIFETIME),
    Attribute::string(IDP_ID, "ID of the identity provider in IAM.")
        .variables(&["HW_ASSUME_ROLE_IDP_ID"])
        .validated(validate::TOKEN),
    Attribute::string(
        PROVIDER_URN,
        "URN of the identity provider, instead of `idp_id`. With `domain_id`, the agency is assumed with \
         one request to STS instead of three requests to IAM.",
    )
    .variables(&["HW_ASSUME_ROLE_PROVIDER_URN"])
    .validated(validate::TOKEN),
    Attribute::string(ID_TOKEN, "OIDC ID token of the identity provider.")
        .variables(&["HW_ASSUME_ROLE_ID_TOKEN"])
        .sensitive()
        .validated(validate::TOKEN),
    Attribute::string(
        ID_TOKEN_FILE,
        "Path of a file with the ID token. The file is read again for each request that needs the token.",
    )
    .variables(&["HW_ASSUME_ROLE_ID_TOKEN_FILE"]),
];

const IGNORED: &str =
    "Ignored. It is accepted so that a provider block of the official provider can be copied.";

/// Returns a setting of the official provider that is ignored.
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
        "An agency to assume. Several blocks form an agency chain: each agency is assumed with the credential of the \
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
        "An agency to assume with the ID token of an OpenID Connect (OIDC) identity provider, such as a CI system. At \
         most one block.",
        AGENCY_SETTINGS.split_at(1).1,
    ),
];

/// Returns the schema of the provider block. `resolve` runs the validators, because it also validates variables.
pub(in crate::provider) fn schema() -> Schema {
    let description = "Reads the TLS certificates of Huawei Cloud DDS (Document Database Service) instances.";
    Schema::new(description, [SETTINGS, IGNORED_SETTINGS].concat())
        .with_blocks(BLOCKS)
        .validated_by_provider()
}

/// Returns the setting of a table with this name.
pub(super) fn find(table: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    table.iter().find(|setting| setting.name == name)
}

/// Returns the validator of a setting. Booleans have one without an entry in the table.
pub(super) fn validator(table: &'static [Attribute], name: &str) -> Option<Validator> {
    let setting = find(table, name)?;
    setting.validator.or(matches!(setting.ty, AttributeType::Bool).then_some(validate::BOOL))
}

/// Returns the environment variables of a setting of the provider block, in order of precedence.
pub(in crate::provider) fn variables(name: &str) -> &'static [&'static str] {
    find(SETTINGS, name).map_or(&[], |setting| setting.variables)
}

/// Returns the names of the arguments and blocks in the provider block that are ignored.
pub(super) fn ignored_settings(config: &Value) -> impl Iterator<Item = &'static str> {
    let is_set = |name: &&str| !matches!(config.attribute(name), None | Some(Value::Null));
    let has_blocks =
        |name: &&str| matches!(config.attribute(name), Some(Value::List(blocks)) if !blocks.is_empty());
    let attributes = IGNORED_SETTINGS.iter().map(|setting| setting.name).filter(is_set);
    attributes.chain(Some(IGNORE_TAGS).filter(has_blocks))
}
