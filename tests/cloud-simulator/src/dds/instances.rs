//! The list of instances, as strict about its query as the documentation allows.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde_json::{Value, json};

use super::super::signature;
use super::{
    Caller, HandlerResult, Instance, Request, Response, SharedState, authorize, error_response, lock,
    request_id,
};

/// All query parameters.
const PARAMETERS: [&str; 9] =
    ["id", "name", "mode", "datastore_type", "vpc_id", "subnet_id", "offset", "limit", "tags"];

/// `GET /v3/{project_id}/instances`.
pub(in super::super) fn list_instances(
    state: &SharedState,
    request: &Request,
    caller: &Caller,
    project_id: &str,
) -> HandlerResult {
    authorize(state, request, caller, project_id, "dds:instance:list")?;
    let query = Query::parse(request)?;
    let mut instances = lock(&state.instances);
    if let Some(next) = lock(&state.next_instances).pop_front() {
        *instances = next;
    }
    let in_project =
        |instance: &&Instance| instance.project_id == project_id && instance.not_found_error.is_none();
    let mut matching: Vec<&Instance> =
        instances.iter().filter(in_project).filter(|instance| query.matches(instance)).collect();
    matching.sort_by_key(|instance| Reverse(text(instance, "created")));
    let page = matching.iter().skip(query.offset).take(query.limit);
    let page: Vec<Value> = page.map(|instance| object(instance, &request.region)).collect();
    let body = json!({ "instances": page, "total_count": matching.len() });
    Ok(Response::json(200, &body).with("X-Request-Id", request_id()))
}

/// The instance as an element of the list.
fn object(instance: &Instance, region: &str) -> Value {
    let mut attributes = instance.attributes.clone();
    if let Some(members) = attributes.as_object_mut() {
        members.entry("id").or_insert_with(|| json!(instance.id));
        members.entry("region").or_insert_with(|| json!(region));
    }
    attributes
}

struct Query {
    /// The values that attributes must have, by parameter.
    equal: HashMap<&'static str, String>,
    name: Option<Name>,
    tags: Vec<(String, String)>,
    offset: usize,
    limit: usize,
}

enum Name {
    Equal(String),
    Contains(String),
}

impl Query {
    fn parse(request: &Request) -> Result<Self, Response> {
        let invalid = |text: &str| error_response(400, "DBS.280001", &format!("Parameter error: {text}."));
        let mut parameters = HashMap::new();
        for pair in request.raw_query().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| invalid(pair))?;
            let name =
                PARAMETERS.into_iter().find(|known| *known == name).ok_or_else(|| invalid("unknown name"))?;
            if value.is_empty() || parameters.insert(name, decode(value)?).is_some() {
                return Err(invalid(name));
            }
        }
        let number = |name, code, default| match parameters.get(name) {
            None => Ok(default),
            Some(value) => value
                .parse::<usize>()
                .map_err(|_| error_response(400, code, &format!("The {name} is invalid."))),
        };
        let offset = number("offset", "DBS.280440", 0)?;
        let limit = number("limit", "DBS.280439", 100)?;
        if !(1..=100).contains(&limit) {
            return Err(error_response(400, "DBS.280439", "The limit is invalid."));
        }
        let tags = parameters.get("tags").map_or(Ok(Vec::new()), |tags| parse_tags(tags))?;
        let name = match parameters.get("name").map(|name| (name, name.strip_prefix('*'))) {
            Some((_, Some(""))) => return Err(invalid("name")),
            Some((_, Some(part))) => Some(Name::Contains(part.to_owned())),
            Some((name, None)) => Some(Name::Equal(name.clone())),
            None => None,
        };
        let equal = ["id", "mode", "datastore_type", "vpc_id", "subnet_id"];
        let equal: HashMap<_, _> =
            equal.into_iter().filter_map(|name| Some((name, parameters.remove(name)?))).collect();
        for (name, value) in &equal {
            let is_valid = match *name {
                "id" => true,
                "mode" => ["Sharding", "ReplicaSet", "Single"].contains(&value.as_str()),
                "datastore_type" => ["DDS-Community", "DDS-Enhanced"].contains(&value.as_str()),
                _ => is_uuid(value),
            };
            if !is_valid {
                return Err(invalid(name));
            }
        }
        Ok(Self { equal, name, tags, offset, limit })
    }

    fn matches(&self, instance: &Instance) -> bool {
        let equal = |(name, value): (&&str, &String)| match *name {
            "id" => instance.id == *value,
            "datastore_type" => instance.attributes["datastore"]["type"] == value.as_str(),
            name => text(instance, name) == value,
        };
        let name = match &self.name {
            None => true,
            Some(Name::Equal(name)) => text(instance, "name") == name,
            Some(Name::Contains(part)) => text(instance, "name").contains(part),
        };
        let has_tag = |(key, value): &(String, String)| {
            let tags = instance.attributes["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
            tags.iter().any(|tag| tag["key"] == key.as_str() && tag["value"] == value.as_str())
        };
        name && self.equal.iter().all(equal) && self.tags.iter().all(has_tag)
    }
}

fn text<'a>(instance: &'a Instance, attribute: &str) -> &'a str {
    instance.attributes[attribute].as_str().unwrap_or_default()
}

/// Decodes a value. Only unreserved characters and `*` may be unencoded, so that `+` has one meaning.
fn decode(value: &str) -> Result<String, Response> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~*%".contains(&byte);
    if !value.bytes().all(is_plain) {
        return Err(error_response(400, "APIGW.0201", "Bad request: the query is not percent-encoded"));
    }
    Ok(signature::decode(value))
}

/// Parses `k1=v1,k2=v2`. A value can be empty, a key cannot.
fn parse_tags(text: &str) -> Result<Vec<(String, String)>, Response> {
    let invalid = || error_response(400, "DBS.280441", "The tags are invalid.");
    let mut tags: Vec<(String, String)> = Vec::new();
    for tag in text.split(',') {
        let (key, value) = tag.split_once('=').ok_or_else(invalid)?;
        if key.is_empty() || tags.len() == 20 || tags.iter().any(|(known, _)| known == key) {
            return Err(invalid());
        }
        tags.push((key.to_owned(), value.to_owned()));
    }
    Ok(tags)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}
