//! `dds_instances`: the instances of a region, with what a client needs to connect to them.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base16ct::lower::encode_string as hex;

use super::{INSTANCE_ID, REGION, TIMEOUTS, Target};
use crate::huaweicloud::strings::{is_name, is_single_line};
use crate::huaweicloud::{Client, Instance, InstanceFilter, InstanceList, Node};
use crate::provider::config::is_identifier;
use crate::provider::error_messages::{DataSourceErrors, catalogue, diagnostic};
use crate::tfplugin::config::Config;
use crate::tfplugin::diagnostic::{Diagnostic, Diagnostics};
use crate::tfplugin::provider::{DataSource, ReadResponse, ResponseFuture};
use crate::tfplugin::schema::{Attribute, AttributeType, Behavior, Schema};
use crate::tfplugin::validator::{Validator, matches, one_of};
use crate::tfplugin::value::Value;

/// The data source.
pub(super) struct Instances;

/// The errors of a read that are about an instance.
const ERRORS: DataSourceErrors = DataSourceErrors {
    argument: INSTANCE_ID.name,
    not_found: (
        &catalogue::INSTANCE_NOT_FOUND,
        "An instance may have been deleted while the list was read. Run Terraform again.",
    ),
    invalid_argument: (
        &catalogue::INVALID_INSTANCE_ID,
        "Copy instance_id from the instance's page in the DDS console.",
    ),
};

const ID: Validator = matches(is_identifier, "an ID of letters, digits, \"-\" and \"_\"");

const NAME: Attribute = Attribute::string(
    "name",
    "Name of the instances. With `*` at the start, a part of the name: `*abc` selects all names that contain `abc`. Names \
     are not unique.",
)
.validated(matches(is_name_filter, "a name, or \"*\" and a part of a name"));

const MODE: Attribute = Attribute::string("mode", "Mode of the instances.").validated(one_of(&[
    "Sharding",
    "ReplicaSet",
    "Single",
]));

const DATASTORE_TYPE: Attribute =
    Attribute::string("datastore_type", "Type of the database, such as `DDS-Community`.")
        .validated(matches(|text| !text.is_empty() && is_name(text), "a type such as DDS-Community"));

const VPC_ID: Attribute = Attribute::string("vpc_id", "ID of the VPC of the instances.").validated(ID);

const SUBNET_ID: Attribute =
    Attribute::string("subnet_id", "ID of the subnet of the instances.").validated(ID);

const TAGS: Attribute = Attribute::map(
    "tags",
    &AttributeType::String,
    "Tags of the instances, at most 20. Only instances with all of them are selected.",
)
.validated(matches(is_tag, "a string without commas and control characters"));

const READ_REPLICA_SET_NAME: Attribute = Attribute::bool(
    "read_replica_set_name",
    "Whether to read the name of each replica set for `connection_string`, with one request for each instance. Otherwise the \
     name is `replica`, which is right unless the replica set was renamed.",
)
.default("false");

const NODE: AttributeType = AttributeType::Object(&[
    ("availability_zone", AttributeType::String),
    ("group_type", AttributeType::String),
    ("id", AttributeType::String),
    ("name", AttributeType::String),
    ("private_ip", AttributeType::String),
    ("public_ip", AttributeType::String),
    ("role", AttributeType::String),
    ("status", AttributeType::String),
]);

const DATASTORE: AttributeType =
    AttributeType::Object(&[("type", AttributeType::String), ("version", AttributeType::String)]);

const INSTANCE: AttributeType = AttributeType::Object(&[
    ("connection_string", AttributeType::String),
    ("created_at", AttributeType::String),
    ("datastore", DATASTORE),
    ("db_user_name", AttributeType::String),
    ("engine", AttributeType::String),
    ("enterprise_project_id", AttributeType::String),
    ("hosts", AttributeType::List(&AttributeType::String)),
    ("id", AttributeType::String),
    ("mode", AttributeType::String),
    ("name", AttributeType::String),
    ("nodes", AttributeType::List(&NODE)),
    ("port", AttributeType::Number),
    ("region", AttributeType::String),
    ("security_group_id", AttributeType::String),
    ("ssl_enabled", AttributeType::Bool),
    ("status", AttributeType::String),
    ("subnet_id", AttributeType::String),
    ("tags", AttributeType::Map(&AttributeType::String)),
    ("vpc_id", AttributeType::String),
]);

const ATTRIBUTES: &[Attribute] = &[
    REGION,
    Attribute {
        behavior: Behavior::Optional,
        description: "ID of the only instance to select, such as `e73893ef73754465a8bd2e0857bbf13ein02`.",
        ..INSTANCE_ID
    },
    NAME,
    MODE,
    DATASTORE_TYPE,
    VPC_ID,
    SUBNET_ID,
    TAGS,
    READ_REPLICA_SET_NAME,
    Attribute::list(
        "instances",
        &INSTANCE,
        "The instances that meet all conditions, sorted by `id`. `engine` is the storage engine. `created_at` has the format \
         of the cloud, without a time zone. `nodes` are the nodes of all groups. `hosts` are the nodes that a client connects \
         to, as `ip:port` in alphabetical order: the mongos nodes of a cluster, or the nodes of a replica set without the \
         hidden ones. `connection_string` has these hosts and the options that the instance requires, without user name and \
         password. Values that the cloud does not return are null, and so is `connection_string` without `hosts`.",
    )
    .computed(),
    Attribute::string("id", "A hash of the region and the conditions.").computed(),
];

impl DataSource<Client> for Instances {
    fn name(&self) -> &'static str {
        "dds_instances"
    }

    fn schema(&self) -> Schema {
        let description = "Reads the DDS instances of a region: their SSL setting, addresses and connection strings, and other \
                           attributes for an inventory.";
        Schema::new(description, ATTRIBUTES).with_blocks(&[TIMEOUTS])
    }

    fn validate(&self, config: &Config<'_>) -> Diagnostics {
        check_tags(config).err().into_iter().collect()
    }

    fn read<'a>(&'a self, client: &'a Client, config: &'a Config<'a>) -> ResponseFuture<'a, ReadResponse> {
        Box::pin(async {
            let Target { region, timeout } = Target::of(config)?;
            check_tags(config)?;
            let filter = filter(config)?;
            let reads_names = config.required(READ_REPLICA_SET_NAME.name)?;
            let list = client.dds().instances(region, &filter, reads_names, timeout).await;
            let list = list.map_err(|error| diagnostic(&error, &ERRORS))?;
            let region = region.unwrap_or(client.region());
            let mut warnings = Diagnostics::default();
            if !list.is_consistent {
                warnings.push(list_changed(&list, region));
            }
            let state = config.state([
                ("region", region.into()),
                ("instances", list.instances.into_iter().map(instance_value).collect::<Vec<_>>().into()),
                ("id", list_id(region, &filter).into()),
            ]);
            Ok(ReadResponse { state, warnings })
        })
    }
}

fn filter<'a>(config: &Config<'a>) -> Result<InstanceFilter<'a>, Diagnostic> {
    Ok(InstanceFilter {
        id: config.optional(INSTANCE_ID.name)?,
        name: config.optional(NAME.name)?,
        mode: config.optional(MODE.name)?,
        datastore_type: config.optional(DATASTORE_TYPE.name)?,
        vpc_id: config.optional(VPC_ID.name)?,
        subnet_id: config.optional(SUBNET_ID.name)?,
        tags: config.optional(TAGS.name)?.unwrap_or_default(),
    })
}

/// Checks what the validator of `tags` cannot check: their number and their keys. The request has them as
/// `key=value,key=value`.
fn check_tags(config: &Config<'_>) -> Result<(), Diagnostic> {
    let tags = config.get::<BTreeMap<&str, &str>>(TAGS.name)?.known().unwrap_or_default();
    let error =
        |detail: String| catalogue::INVALID_TAG_CONDITION.diagnostic(detail).at(config.path(TAGS.name));
    if tags.len() > MAX_TAGS {
        let count = tags.len();
        return Err(error(format!("tags has {count} elements. Remove some, so that {MAX_TAGS} remain.")));
    }
    if let Some(key) = tags.keys().find(|key| !is_tag_key(key)) {
        return Err(error(format!(
            "The key {key:?} in tags is empty, or contains \",\", \"=\" or a control character. Correct the key."
        )));
    }
    Ok(())
}

/// The maximum number of tags that the API accepts.
const MAX_TAGS: usize = 20;

fn is_tag_key(text: &str) -> bool {
    !text.is_empty() && !text.contains('=') && is_tag(text)
}

/// Whether the API accepts the text as a name. It does not accept `*` alone.
fn is_name_filter(text: &str) -> bool {
    !text.trim_start_matches('*').is_empty() && is_name(text)
}

fn is_tag(text: &str) -> bool {
    !text.contains(',') && is_single_line(text)
}

/// The warning that the list may not be complete.
fn list_changed(list: &InstanceList, region: &str) -> Diagnostic {
    let found = list.instances.len();
    let plural = if found == 1 { "" } else { "s" };
    let total = list.total_count.map(|total| format!(", and the cloud counts {total}")).unwrap_or_default();
    catalogue::INSTANCE_LIST_CHANGED.diagnostic(format!(
        "The list of instances in region {region} changed while it was read, and also when it was read again. It has {found} \
         instance{plural}{total}. An instance may be missing. Run Terraform again. If the warning remains, compare the list \
         with the DDS console."
    ))
}

/// Returns the value of `id`, which must not change between versions.
fn list_id(region: &str, filter: &InstanceFilter<'_>) -> String {
    let text = format!("{region}?{}", filter.query());
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn instance_value(instance: Instance) -> Value {
    let (hosts, connection_string) = (instance.hosts(), instance.connection_string());
    Value::object([
        ("connection_string", connection_string.into()),
        ("created_at", instance.created_at.into()),
        (
            "datastore",
            Value::object([
                ("type", instance.datastore_type.into()),
                ("version", instance.datastore_version.into()),
            ]),
        ),
        ("db_user_name", instance.db_user_name.into()),
        ("engine", instance.engine.into()),
        ("enterprise_project_id", instance.enterprise_project_id.into()),
        ("hosts", hosts.into()),
        ("id", instance.id.into()),
        ("mode", instance.mode.into()),
        ("name", instance.name.into()),
        ("nodes", instance.nodes.into_iter().map(node_value).collect::<Vec<_>>().into()),
        ("port", instance.port.map(i64::from).into()),
        ("region", instance.region.into()),
        ("security_group_id", instance.security_group_id.into()),
        ("ssl_enabled", instance.ssl_enabled.into()),
        ("status", instance.status.into()),
        ("subnet_id", instance.subnet_id.into()),
        ("tags", instance.tags.into()),
        ("vpc_id", instance.vpc_id.into()),
    ])
}

fn node_value(node: Node) -> Value {
    Value::object([
        ("availability_zone", node.availability_zone.into()),
        ("group_type", node.group_type.into()),
        ("id", node.id.into()),
        ("name", node.name.into()),
        ("private_ip", node.private_ip.into()),
        ("public_ip", node.public_ip.into()),
        ("role", node.role.into()),
        ("status", node.status.into()),
    ])
}
