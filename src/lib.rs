//! A Terraform and OpenTofu provider that reads the TLS certificates of Huawei Cloud DDS instances.
//!
//! Each module may use only the modules in its line. A test checks this rule.
//!
//! - [`tfplugin`]: the plugin framework, for any provider. Uses [`system`].
//! - [`huaweicloud`]: the client of Huawei Cloud. Uses [`system`].
//! - [`provider`]: the dds provider, with settings, data sources and error messages. Uses all other modules.
//! - [`system`]: environment variables, files, clock and secrets.
//! - [`guide`]: how to write another provider with [`tfplugin`].

#![deny(missing_docs, unreachable_pub, rustdoc::broken_intra_doc_links, rustdoc::private_intra_doc_links)]

#[doc = include_str!("guide.md")]
pub mod guide {}
pub mod huaweicloud;
pub mod provider;
pub mod system;
pub mod tfplugin;
