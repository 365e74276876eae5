//! A Terraform and OpenTofu provider that reads the TLS certificates of Huawei Cloud DDS instances.
//!
//! Three parts and a thin frame. Each may use those in its line and no others; a test compares this rule with
//! every path in the sources.
//!
//! - [`tfplugin`]: Terraform's plugin protocol for any provider. Uses [`system`].
//! - [`huaweicloud`]: a client of Huawei Cloud. Uses [`system`].
//! - [`provider`]: the dds provider: settings, data sources and error messages. Uses all others.
//! - [`guide`]: how to write another provider on [`tfplugin`].
//! - [`system`]: the clock, the environment, its files, and the secrets of the process.

#![deny(missing_docs, unreachable_pub, rustdoc::broken_intra_doc_links, rustdoc::private_intra_doc_links)]

#[doc = include_str!("guide.md")]
pub mod guide {}
pub mod huaweicloud;
pub mod provider;
pub mod system;
pub mod tfplugin;
