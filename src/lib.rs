//! A Terraform and OpenTofu provider that reads the TLS certificates of Huawei Cloud DDS instances.
//!
//! Three parts and a thin frame. Each may call those that it is said to use and no other; a test compares the sources
//! with that rule.
//!
//! - [`tfplugin`]: Terraform's plugin protocol for any provider. Uses [`system`].
//! - [`huaweicloud`]: a client of Huawei Cloud. Uses [`system`].
//! - [`provider`]: the dds provider: settings, data sources and error messages. Uses all others.
//! - [`guide`]: how to write another provider on [`tfplugin`].
//! - [`system`]: the clock, the environment, its files, and the secrets of the process.

#[doc = include_str!("guide.md")]
pub mod guide {}
pub mod huaweicloud;
pub mod provider;
pub mod system;
pub mod tfplugin;
