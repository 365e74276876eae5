//! The list of instances: filters, pages, and the names of replica sets.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::future::try_join_all;

use super::Dds;
use super::instance::{self, Instance};
use crate::huaweicloud::Client;
use crate::huaweicloud::error::{DecodeError, Error, ErrorKind, Operation};
use crate::huaweicloud::signer::canonical::encode;
use crate::huaweicloud::transport::{Deadline, ErrorResponse, Response};

impl Operation {
    pub(crate) const INSTANCES: Self =
        Self { description: "reading the list of instances", permission: "dds:instance:list" };

    /// The documentation names no permission for it.
    pub(crate) const REPLICA_SET_NAME: Self =
        Self { description: "reading the name of the replica set", permission: Self::INSTANCES.permission };
}

/// The conditions that all instances in a list meet. `None` and an empty map set no condition.
#[derive(Clone, Debug, Default)]
pub struct InstanceFilter<'a> {
    /// The ID.
    pub id: Option<&'a str>,
    /// The name. With `*` at the start, a part of the name.
    pub name: Option<&'a str>,
    /// `Sharding`, `ReplicaSet` or `Single`.
    pub mode: Option<&'a str>,
    /// The type of the database, such as `DDS-Community`.
    pub datastore_type: Option<&'a str>,
    /// The ID of the VPC.
    pub vpc_id: Option<&'a str>,
    /// The ID of the subnet.
    pub subnet_id: Option<&'a str>,
    /// The tags by key. Keys and values contain no comma, and keys no `=`.
    pub tags: BTreeMap<&'a str, &'a str>,
}

impl InstanceFilter<'_> {
    /// Returns the query of the request, percent-encoded. Empty without a condition.
    pub fn query(&self) -> String {
        let tags: Vec<_> = self.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let tags = Some(tags.join(",")).filter(|tags| !tags.is_empty());
        let parameters = [
            ("id", self.id),
            ("name", self.name),
            ("mode", self.mode),
            ("datastore_type", self.datastore_type),
            ("vpc_id", self.vpc_id),
            ("subnet_id", self.subnet_id),
            ("tags", tags.as_deref()),
        ];
        let parameters = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        parameters.map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
    }
}

/// The maximum number of instances in a response.
const PAGE_SIZE: usize = 100;

/// Far more pages than any project has. A list with more pages does not end.
const MAX_PAGES: usize = 500;

/// How many times a list that changes while it is read is read again.
const MAX_REPETITIONS: usize = 2;

/// Parallel requests for names of replica sets. More would only wait for the rate limiter.
const PARALLEL_REQUESTS: usize = 10;

/// A list of instances.
#[derive(Clone, Debug)]
pub struct InstanceList {
    /// The instances, sorted by ID.
    pub instances: Vec<Instance>,
    /// The number of instances that the cloud returned with the list.
    pub total_count: Option<usize>,
    /// Whether the list did not change while it was read, and contains as many instances as the cloud says.
    pub is_consistent: bool,
}

impl Dds<'_> {
    /// Returns the instances that meet a filter. With `reads_replica_set_names`, also reads the name of each replica set.
    /// `timeout` is the timeout that the user set, if any. All requests have one timeout together.
    ///
    /// `GET /v3/{project_id}/instances` (DDS API reference, `dds_api_0023`).
    pub async fn instances(
        self,
        region: Option<&str>,
        filter: &InstanceFilter<'_>,
        reads_replica_set_names: bool,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<InstanceList, Error> {
        let deadline = Client::deadline(timeout.into());
        let mut list = self.list(region, filter, deadline).await?;
        for _ in 0..MAX_REPETITIONS {
            if list.is_consistent {
                break;
            }
            tracing::debug!("list of instances changed, reading it again");
            list = self.list(region, filter, deadline).await?;
        }
        if reads_replica_set_names {
            self.read_replica_set_names(region, &mut list.instances, deadline).await?;
        }
        Ok(list)
    }

    /// Reads all pages once.
    async fn list(
        self,
        region: Option<&str>,
        filter: &InstanceFilter<'_>,
        deadline: Deadline,
    ) -> Result<InstanceList, Error> {
        let mut query = filter.query();
        if !query.is_empty() {
            query.push('&');
        }
        let mut reading = Reading::default();
        for _ in 0..MAX_PAGES {
            let path = format!("instances?{query}limit={PAGE_SIZE}&offset={}", reading.received);
            let page = self.get(Operation::INSTANCES, region, &path, deadline, page).await?;
            if reading.add(page).is_break() {
                return Ok(reading.finish());
            }
        }
        let kind = ErrorKind::Decode(DecodeError::EndlessList { name: "instances", pages: MAX_PAGES });
        Err(Error { context: self.context(Operation::INSTANCES, region), kind })
    }

    /// Reads the names of the replica sets that clients can connect to.
    ///
    /// `GET /v3/{project_id}/instances/{instance_id}/replica-set/name` (DDS API reference, `dds_api_0231`).
    async fn read_replica_set_names(
        self,
        region: Option<&str>,
        instances: &mut [Instance],
        deadline: Deadline,
    ) -> Result<(), Error> {
        let is_needed = |instance: &&mut Instance| instance.is_replica_set() && !instance.hosts().is_empty();
        let mut needed: Vec<_> = instances.iter_mut().filter(is_needed).collect();
        for group in needed.chunks_mut(PARALLEL_REQUESTS) {
            try_join_all(group.iter_mut().map(async |instance| {
                let path = format!("instances/{}/replica-set/name", encode(&instance.id));
                let name =
                    self.get(Operation::REPLICA_SET_NAME, region, &path, deadline, replica_set_name).await;
                instance.replica_set_name = Some(name.map_err(|error| error.of_instance(&instance.id))?);
                Ok(())
            }))
            .await?;
        }
        Ok(())
    }
}

/// The pages of one reading.
#[derive(Default)]
struct Reading {
    /// By ID. The cloud sorts by the time of creation, so a new instance moves the others to later pages.
    instances: BTreeMap<String, Instance>,
    /// The number of instances in all pages, which is the offset of the next page.
    received: usize,
    /// The count in the last page.
    total_count: Option<usize>,
    has_changed: bool,
}

impl Reading {
    /// Adds a page. Breaks if it is the last one.
    fn add(&mut self, page: Page) -> ControlFlow<()> {
        let known = self.instances.len();
        self.has_changed |= self.received > 0 && page.total_count != self.total_count;
        self.total_count = page.total_count;
        self.received += page.instances.len();
        self.instances.extend(page.instances.into_iter().map(|instance| (instance.id.clone(), instance)));
        self.has_changed |= self.instances.len() != self.received;
        // A page without a new instance is empty, or a repetition. A count that is exceeded is wrong and ends nothing.
        if self.instances.len() == known || page.total_count == Some(self.received) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn finish(self) -> InstanceList {
        let count = self.instances.len();
        let is_consistent = !self.has_changed && self.total_count.is_none_or(|total| total == count);
        let instances = self.instances.into_values().collect();
        InstanceList { instances, total_count: self.total_count, is_consistent }
    }
}

struct Page {
    instances: Vec<Instance>,
    total_count: Option<usize>,
}

fn page(response: &Response) -> Result<Page, DecodeError> {
    let body = DecodeError::json(response)?;
    if body.get("instances").is_none() {
        return Err(DecodeError::MissingField("instances"));
    }
    let instances = instance::objects(&body, "instances", instance::instance)?;
    // An error response may contain an empty list too.
    if instances.is_empty() && ErrorResponse::in_success(response).is_some() {
        return Err(DecodeError::MissingField("instances"));
    }
    Ok(Page { instances, total_count: instance::number(&body, "total_count")? })
}

fn replica_set_name(response: &Response) -> Result<String, DecodeError> {
    let body = DecodeError::json(response)?;
    instance::string(&body, "name")?.ok_or(DecodeError::MissingField("name"))
}
