//! A Terraform and OpenTofu provider that reads the TLS certificates of Huawei Cloud DDS instances.
//!
//! Each module may use only the modules that its line names. A test checks this for every path in the sources.
//!
//! - [`tfplugin`]: Terraform's plugin protocol for any provider. Uses [`system`].
//! - [`huaweicloud`]: a client of Huawei Cloud. Uses [`system`].
//! - [`provider`]: the dds provider with its settings, data sources and error messages. Uses all others.
//! - [`system`]: the clock, the environment, files, and the secrets of the process.
//! - [`guide`]: how to write another provider with [`tfplugin`].

#![deny(missing_docs, unreachable_pub, rustdoc::broken_intra_doc_links, rustdoc::private_intra_doc_links)]

#[doc = include_str!("guide.md")]
pub mod guide {}
pub mod huaweicloud;
pub mod provider;
pub mod system;
pub mod tfplugin;
