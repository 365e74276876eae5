//! What a data source is, and the table of them all. A new one is a file beside the others and a line here.

mod ssl_cert_download_links;

use std::future::Future;
use std::pin::Pin;

use crate::huaweicloud::Client;
use crate::tfplugin::diagnostic::Diagnostics;
use crate::tfplugin::schema::Schema;
use crate::tfplugin::value::Value;

/// Every data source that the provider serves, by name.
pub const DATA_SOURCES: &[&dyn DataSource] = &[&ssl_cert_download_links::SslCertDownloadLinks];

/// Those that can be opened as ephemeral resources, too: the same arguments and results, but kept out of plan and state.
pub const EPHEMERAL_RESOURCES: &[&dyn DataSource] = &[&ssl_cert_download_links::SslCertDownloadLinks];

/// One data source. A trait, because the protocol tests bring ones that panic, stall or answer nonsense.
pub trait DataSource: Send + Sync {
    /// The type name in the configuration language, with the provider's prefix.
    fn name(&self) -> &'static str;

    fn schema(&self) -> Schema;

    /// What the schema alone cannot say is wrong with a configuration. Passes over unknown values.
    fn validate(&self, config: &Value) -> Diagnostics;

    /// The state for a wholly known configuration. May be dropped at any point.
    fn read<'a>(&'a self, client: &'a Client, config: &'a Value) -> Read<'a>;
}

pub type Read<'a> = Pin<Box<dyn Future<Output = Result<ReadResponse, Diagnostics>> + Send + 'a>>;

/// A state, complete and right, and what the user should know about it all the same.
#[derive(Debug)]
pub struct ReadResponse {
    pub state: Value,
    pub warnings: Diagnostics,
}
