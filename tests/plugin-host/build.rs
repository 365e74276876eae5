//! Generates the gRPC clients for the provider's `proto/`, and the messages of other providers' schemas.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../../proto");
    println!("cargo::rerun-if-changed=proto");
    let files =
        ["tfplugin5.proto", "tfplugin6.proto", "goplugin.proto", "health.proto", "provider_schema.proto"];
    let files = protox::compile(files, ["../../proto", "proto"])?;
    tonic_prost_build::configure().build_server(false).build_transport(true).compile_fds(files)?;
    Ok(())
}
