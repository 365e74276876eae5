//! What the program says of itself to the person who runs it by hand.

/// Name and version.
pub const VERSION: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

/// What this is and how to use it from Terraform.
pub fn help() -> String {
    format!(
        r#"{VERSION}
{description}

This program is a plugin: Terraform or OpenTofu starts it. To use it, put this into your configuration
and run "terraform init":

  terraform {{
    required_providers {{
      dds = {{
        source  = "terraform-dds/dds"
        version = "~> {major_minor}"
      }}
    }}
  }}

  data "dds_ssl_cert_download_links" "this" {{
    instance_id = "..."
  }}

Options:
  --debug    serve runs of Terraform or OpenTofu that did not start this process, until it is interrupted
  --version  print name and version
  --help     print this text

Documentation: {repository}"#,
        description = env!("CARGO_PKG_DESCRIPTION"),
        major_minor = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR")),
        repository = env!("CARGO_PKG_REPOSITORY"),
    )
}
