//! The client side of the provider's `proto/`: what core has, for the plugin host and the protocol tests. And what the host
//! reads of other providers.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../../proto");
    println!("cargo::rerun-if-changed=proto");
    let files =
        ["tfplugin5.proto", "tfplugin6.proto", "goplugin.proto", "health.proto", "provider_schema.proto"];
    let files = protox::compile(files, ["../../proto", "proto"])?;
    tonic_prost_build::configure().build_server(false).build_transport(true).compile_fds(files)?;
    Ok(())
}
