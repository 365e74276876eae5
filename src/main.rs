//! The provider's executable, which Terraform and OpenTofu start. Started by hand, it prints what it is.

use std::process::ExitCode;

use terraform_provider_dds::provider::Dds;
use terraform_provider_dds::system::Environment;
use terraform_provider_dds::tfplugin;

fn main() -> ExitCode {
    tfplugin::serve(Dds::new(Environment::Process))
}
