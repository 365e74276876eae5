//! An instance: decoded from a list of instances, and the addresses that a client connects to.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde_json::Value;

use crate::huaweicloud::error::DecodeError;
use crate::huaweicloud::signer::canonical::encode;

/// An instance. What the cloud leaves out, or returns as null or as an empty string, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// The ID, such as `e73893ef73754465a8bd2e0857bbf13ein02`.
    pub id: String,
    /// The name. Several instances may have the same name.
    pub name: Option<String>,
    /// `normal`, `creating`, `frozen`, and so on.
    pub status: Option<String>,
    /// `Sharding`, `ReplicaSet` or `Single`.
    pub mode: Option<String>,
    /// The storage engine: `wiredTiger` or `rocksDB`.
    pub engine: Option<String>,
    /// The type of the database, such as `DDS-Community`.
    pub datastore_type: Option<String>,
    /// The version of the database, such as `4.0`.
    pub datastore_version: Option<String>,
    /// Whether clients connect with TLS.
    pub ssl_enabled: Option<bool>,
    /// The port of the database.
    pub port: Option<u16>,
    /// The name of the administrator.
    pub db_user_name: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The ID of the VPC.
    pub vpc_id: Option<String>,
    /// The ID of the subnet.
    pub subnet_id: Option<String>,
    /// The ID of the security group.
    pub security_group_id: Option<String>,
    /// The ID of the enterprise project. `0` is the default project.
    pub enterprise_project_id: Option<String>,
    /// The time of the creation, in the cloud's format.
    pub created_at: Option<String>,
    /// The tags by key.
    pub tags: BTreeMap<String, String>,
    /// The nodes of all groups, sorted by ID.
    pub nodes: Vec<Node>,
    /// The name of the replica set, if it was read.
    pub replica_set_name: Option<String>,
}

/// A node of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The ID.
    pub id: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// `Primary`, `Secondary`, `Hidden`, `master`, and so on.
    pub role: Option<String>,
    /// `normal`, `abnormal`, and so on.
    pub status: Option<String>,
    /// The address in the VPC.
    pub private_ip: Option<String>,
    /// The elastic IP address.
    pub public_ip: Option<String>,
    /// The availability zone.
    pub availability_zone: Option<String>,
    /// The type of its group: `mongos`, `shard`, `config`, `replica` or `single`.
    pub group_type: Option<String>,
}

/// The name of a replica set that was not renamed.
const DEFAULT_REPLICA_SET_NAME: &str = "replica";

impl Instance {
    /// Whether the instance is a replica set.
    pub fn is_replica_set(&self) -> bool {
        self.mode.as_deref() == Some("ReplicaSet")
    }

    /// Returns the addresses that a client connects to, such as `192.168.0.1:8635`. They are sorted, so that a failover
    /// does not change them.
    pub fn hosts(&self) -> Vec<String> {
        let Some(port) = self.port else { return Vec::new() };
        let addresses = self.nodes.iter().filter(|node| node.accepts_clients());
        let addresses = addresses.filter_map(|node| node.private_ip.as_deref());
        let hosts = addresses.map(|address| match address.parse::<Ipv6Addr>() {
            Ok(_) => format!("[{address}]:{port}"),
            Err(_) => format!("{address}:{port}"),
        });
        hosts.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Returns the connection string without user and password. `None` if there are no [`Self::hosts`].
    pub fn connection_string(&self) -> Option<String> {
        let hosts = self.hosts();
        if hosts.is_empty() {
            return None;
        }
        let mut text = format!("mongodb://{}/?authSource=admin", hosts.join(","));
        if self.is_replica_set() {
            let name = self.replica_set_name.as_deref().unwrap_or(DEFAULT_REPLICA_SET_NAME);
            text = text + "&replicaSet=" + &encode(name);
        }
        if self.ssl_enabled == Some(true) {
            text += "&tls=true";
        }
        Some(text)
    }
}

impl Node {
    /// Whether clients connect to the node. Drivers find the nodes of a shard through a mongos, and hidden nodes not at
    /// all.
    fn accepts_clients(&self) -> bool {
        match self.group_type.as_deref() {
            Some("mongos" | "single") => true,
            Some("replica") => self.role.as_deref() != Some("Hidden"),
            _ => false,
        }
    }
}

/// Decodes an instance. Errors contain the path in it.
pub(super) fn instance(item: &Value) -> Result<Instance, DecodeError> {
    let datastore = object(item, "datastore")?;
    let in_datastore = |name| string(datastore, name).map_err(|error| error.within("datastore"));
    let mut nodes = match &item["groups"] {
        // The public API definition has an example with the only group instead of a list.
        only @ Value::Object(_) => group(only).map_err(|error| error.within("groups"))?,
        _ => objects(item, "groups", group)?.into_iter().flatten().collect(),
    };
    // The order of the response is not documented.
    nodes.sort_by(|node, other| node.id.cmp(&other.id));
    Ok(Instance {
        id: string(item, "id")?.ok_or_else(|| DecodeError::at("id", "is missing"))?,
        name: string(item, "name")?,
        status: string(item, "status")?,
        mode: string(item, "mode")?,
        engine: string(item, "engine")?,
        datastore_type: in_datastore("type")?,
        datastore_version: in_datastore("version")?,
        ssl_enabled: flag(item, "ssl")?,
        port: number(item, "port")?.filter(|port| *port != 0),
        db_user_name: string(item, "db_user_name")?,
        region: string(item, "region")?,
        vpc_id: string(item, "vpc_id")?,
        subnet_id: string(item, "subnet_id")?,
        security_group_id: string(item, "security_group_id")?,
        enterprise_project_id: string(item, "enterprise_project_id")?,
        created_at: string(item, "created")?,
        tags: objects(item, "tags", tag)?.into_iter().collect(),
        nodes,
        replica_set_name: None,
    })
}

fn tag(item: &Value) -> Result<(String, String), DecodeError> {
    let key = string(item, "key")?.ok_or_else(|| DecodeError::at("key", "is missing"))?;
    Ok((key, string(item, "value")?.unwrap_or_default()))
}

fn group(item: &Value) -> Result<Vec<Node>, DecodeError> {
    let group_type = string(item, "type")?;
    objects(item, "nodes", |node| {
        Ok(Node {
            id: string(node, "id")?,
            name: string(node, "name")?,
            role: string(node, "role")?,
            status: string(node, "status")?,
            private_ip: string(node, "private_ip")?,
            public_ip: string(node, "public_ip")?,
            availability_zone: string(node, "availability_zone")?,
            group_type: group_type.clone(),
        })
    })
}

/// Decodes a list of objects. Null is an empty list.
pub(super) fn objects<T>(
    parent: &Value,
    name: &str,
    decode: impl Fn(&Value) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let items = match &parent[name] {
        Value::Null => &[],
        Value::Array(items) => items.as_slice(),
        _ => return Err(DecodeError::at(name, "is not a list")),
    };
    let items = items.iter().enumerate().map(|(index, item)| {
        let item = if item.is_object() { decode(item) } else { Err(DecodeError::at("", "is not an object")) };
        item.map_err(|error| error.within(&format!("{name}[{index}]")))
    });
    items.collect()
}

fn object<'a>(parent: &'a Value, name: &str) -> Result<&'a Value, DecodeError> {
    match &parent[name] {
        value @ (Value::Null | Value::Object(_)) => Ok(value),
        _ => Err(DecodeError::at(name, "is not an object")),
    }
}

pub(super) fn string(parent: &Value, name: &str) -> Result<Option<String>, DecodeError> {
    match &parent[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        _ => Err(DecodeError::at(name, "is not a string")),
    }
}

/// Decodes a boolean. The documentation has a number, and the cloud's other APIs have strings.
fn flag(parent: &Value, name: &str) -> Result<Option<bool>, DecodeError> {
    match scalar(&parent[name]).as_deref() {
        Some("") => Ok(None),
        Some("1" | "true") => Ok(Some(true)),
        Some("0" | "false") => Ok(Some(false)),
        _ => Err(DecodeError::at(name, "is not 0 or 1")),
    }
}

/// Decodes a number. The documentation has strings, and its examples have numbers.
pub(super) fn number<T: FromStr>(parent: &Value, name: &str) -> Result<Option<T>, DecodeError> {
    match scalar(&parent[name]) {
        Some(text) if text.is_empty() => Ok(None),
        text => text
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or_else(|| DecodeError::at(name, "is not a valid number")),
    }
}

/// Returns a string, number or boolean as a string. Empty for null.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
