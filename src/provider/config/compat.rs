//! What a block of the official provider may hold that means nothing for reading certificates. It is accepted, so that
//! the block can be copied, and told once.

use super::reader::ConfigReader;
use super::settings::ENDPOINTS;
use crate::tfplugin::schema::{Attribute, AttributeType, Block, Nesting};
use crate::tfplugin::value::Value;

const ABOUT: &str =
    "Accepted, so that a block of the official provider can be copied, and without effect here.";

const fn foreign(name: &'static str, ty: AttributeType) -> Attribute {
    Attribute::new(name, ty, ABOUT)
}

pub(super) const ATTRIBUTES: &[Attribute] = &[
    foreign("default_tags", AttributeType::Map(&AttributeType::String)),
    foreign("enable_force_new", AttributeType::Bool),
    foreign("enterprise_project_id", AttributeType::String),
    foreign("skip_check_upgrade", AttributeType::Bool),
    foreign("skip_check_website_type", AttributeType::Bool),
];

const TEXTS: AttributeType = AttributeType::List(&AttributeType::String);

pub(super) const IGNORE_TAGS: Block = Block {
    name: "ignore_tags",
    nesting: Nesting::List,
    description: ABOUT,
    attributes: &[foreign("key_prefixes", TEXTS), foreign("keys", TEXTS)],
    blocks: &[],
};

/// The keys of the official provider's `endpoints`, other than ours (its documentation, release 1.7x).
#[rustfmt::skip]
const SERVICES: &[&str] = &[
    "aad", "accessanalyzer", "anti-ddos", "aom", "apig", "apm", "appstream", "asm", "autoscaling", "bcs", "bms",
    "bss", "cae", "cbh", "cbr", "cc", "cce", "cci", "ccm", "cdm", "cdn", "ces", "cfw", "cloudtable", "cms", "coc",
    "codearts_build", "codearts_deploy", "codearts_pipeline", "codehub", "cph", "cpts", "cse", "css", "cts",
    "dataarts", "dbss", "dc", "dcs", "ddm", "deh", "dis", "dli", "dms", "dns", "drs", "dsc", "dws", "ecs", "eg",
    "elb", "eps", "er", "evs", "fgs", "ga", "gaussdb", "geip", "geminidb", "ges", "hss", "identitycenter",
    "identitystore", "iec", "ims", "iotda", "kms", "live", "lts", "meeting", "mkt", "modelarts", "mpc", "mrs", "nat",
    "obs", "oms", "opengauss", "organizations", "projectman", "ram", "rds", "rfs", "rgc", "rts", "scm", "sdrs",
    "secmaster", "servicestage", "sfs", "sfs-turbo", "smn", "swr", "tms", "ucs", "vbs", "vod", "vpc", "vpcep", "vpn",
    "vss", "waf", "workspace",
];

pub(super) fn is_service(key: &str) -> bool {
    SERVICES.contains(&key)
}

/// What the block has of all that, for the one warning.
pub(super) fn given(given: &ConfigReader<'_>) -> Vec<String> {
    let set =
        |attribute: &&Attribute| !matches!(given.config.attribute(attribute.name), None | Some(Value::Null));
    let attributes = ATTRIBUTES.iter().filter(set).map(|attribute| attribute.name.to_owned());
    let tags = given.config.attribute(IGNORE_TAGS.name);
    let tags = tags.filter(|tags| matches!(tags, Value::List(blocks) if !blocks.is_empty()));
    let endpoints = match given.config.attribute(ENDPOINTS) {
        Some(Value::Map(entries)) => entries.keys().filter(|key| is_service(key)).collect(),
        _ => Vec::new(),
    };
    let blocks = tags.map(|_| IGNORE_TAGS.name.to_owned());
    attributes.chain(blocks).chain(endpoints.into_iter().map(|key| format!("{ENDPOINTS}[{key:?}]"))).collect()
}
