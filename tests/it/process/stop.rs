//! Stop and timeouts while a credential is fetched and the cloud does not respond.

use std::time::Instant;

use cloud_simulator::{Fault, MetadataService, Route};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use plugin_host::protocol::tfplugin::read_data_source;
use prost::Message as _;
use tower::ServiceExt as _;

use super::*;
use crate::conformance::plugin_command;
use crate::protocol::summaries;

/// Shorter than every timeout of the provider, of which the shortest is 3 s.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Arguments for a credential that needs a request of this route. Nested blocks have all attributes, as Core sends them.
fn credential_arguments(cloud_state: &CloudState, route: Route) -> Value {
    let key = json!({ "access_key": cloud_state.access_keys[0].id, "secret_key": cloud_state.access_keys[0].secret });
    let role = |name: &str, account: &str| {
        let agency = json!({
            "agency_name": "sample-agency", "domain_name": null, "domain_id": null, "duration": null,
        });
        with(key.clone(), "assume_role", json!([with(agency, name, json!(account))]))
    };
    let oidc = |provider: &str, value: &str| {
        let block = json!({
            "agency_name": "sample-agency", "domain_id": cloud_state.account_id, "duration": null, "idp_id": null,
            "provider_urn": null, "id_token": cloud_state.identity_provider.id_token, "id_token_file": null,
        });
        json!({ "assume_role_with_oidc": [with(block, provider, json!(value))] })
    };
    match route {
        Route::Projects => key,
        Route::Tokens => json!({ "user_id": cloud_state.user_id, "password": cloud_state.password }),
        Route::Account | Route::AgencyKeys => role("domain_name", &cloud_state.account_name),
        Route::AgencyTokens => {
            let agency = with(key.clone(), "agency_name", json!("sample-agency"));
            let agency = with(agency, "agency_domain_name", json!(cloud_state.account_name));
            with(agency, "delegated_project", json!("cn-north-4"))
        }
        Route::Assume => role("domain_id", &cloud_state.account_id),
        Route::FederatedTokens | Route::TokenKeys => oidc("idp_id", &cloud_state.identity_provider.idp_id),
        Route::AssumeWithOidc => oidc("provider_urn", &cloud_state.identity_provider.provider_urn),
        _ => json!({}),
    }
}

/// The object with one more member.
fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

/// A provider with a credential that needs a request of this route, more settings, and an empty home directory.
pub async fn start_configured(
    cloud: &Simulator,
    route: Route,
    settings: Value,
) -> (Process, Connection, tempfile::TempDir) {
    let (home, url) = (tempfile::tempdir().unwrap(), cloud.url());
    let mut command =
        PluginCommand::new(PROVIDER_PATH).env("TF_LOG", "DEBUG").env("HOME", home.path().to_str().unwrap());
    if route == Route::PodKeys {
        let token = home.path().join("token");
        std::fs::write(&token, &cloud.cloud_state().pod_identity.token).unwrap();
        command = command.env("HC_CONTAINER_CREDENTIALS_FULL_URI", cloud.pod_identity_url());
        command = command.env("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().unwrap());
    }
    let process = start(command).await;
    let connection = connect_as_host(&process).await;
    let endpoints = json!({ "dds": url, "iam": url, "sts": url, "metadata": url });
    let mut block = with(credential_arguments(cloud.cloud_state(), route), "endpoints", endpoints);
    block.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let diagnostics = connection.configure(with(block, "region", json!("cn-north-4"))).await.unwrap();
    assert_eq!(diagnostics, [], "{route:?}");
    (process, connection, home)
}

#[tokio::test]
async fn stop_cancels_every_fetch_and_the_next_read_starts_again() {
    for route in [
        Route::Projects,
        Route::Tokens,
        Route::AgencyKeys,
        Route::Assume,
        Route::FederatedTokens,
        Route::TokenKeys,
        Route::AssumeWithOidc,
        Route::MetadataToken,
        Route::MetadataKeys,
        Route::PodKeys,
    ] {
        let cloud = Simulator::start(CloudState::sample());
        let (process, connection, _home) = start_configured(&cloud, route, json!({})).await;
        cloud.inject_once(route, [Fault::NoResponse]);
        // One read fetches the credential, and the others wait for it.
        let reads: Vec<_> = (0..3).map(|_| spawn_read(&connection)).collect();
        wait_until(|| cloud.request_count(route) == 1 && received_requests(&process, "ReadDataSource") == 3)
            .await;
        let stopped = Instant::now();
        connection.stop().await.unwrap();
        for read in reads {
            let response = tokio::time::timeout(DEADLINE, read).await.expect("a response").unwrap().unwrap();
            assert_eq!(response.diagnostics[0].summary, "Operation Cancelled", "{route:?}");
        }
        assert!(stopped.elapsed() < STOP_LIMIT, "{route:?} took {:?}", stopped.elapsed());
        assert_eq!(cloud.request_count(Route::Links), 0, "{route:?}");
        let response = read(&connection).await;
        assert!(response.state.is_some(), "{route:?} {:?}", response.diagnostics);
    }
}

/// Sends a read request in two parts, and runs `between` after the first part.
async fn read_in_two_parts(
    connection: &Connection,
    protocol: &str,
    between: impl Future<Output = ()>,
) -> read_data_source::Response {
    let config = connection.encode_config(TYPE_NAME, json!({ "instance_id": INSTANCE })).await.unwrap();
    let request = read_data_source::Request {
        type_name: TYPE_NAME.to_owned(),
        config: Some(config),
        ..Default::default()
    };
    let message = request.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let message = [&[0], &length[..], &message].concat();
    let (first, second) = message.split_at(message.len() / 2);
    let (parts, body) = tokio::sync::mpsc::channel(1);
    let body = tonic::body::Body::new(StreamBody::new(tokio_stream::wrappers::ReceiverStream::new(body)));
    let request = http::Request::post(format!("http://localhost/tfplugin{protocol}.Provider/ReadDataSource"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    let response = tokio::spawn(connection.channel().oneshot(request));
    let part = |bytes: &[u8]| Ok::<_, tonic::Status>(Frame::data(bytes.to_vec().into()));
    parts.send(part(first)).await.unwrap();
    // Enough time for the first part to arrive.
    tokio::time::sleep(Duration::from_millis(200)).await;
    between.await;
    parts.send(part(second)).await.unwrap();
    drop(parts);
    let body = response.await.unwrap().unwrap().into_body().collect().await.unwrap().to_bytes();
    read_data_source::Response::decode(&body[5..]).unwrap()
}

#[tokio::test]
async fn stop_cancels_a_read_whose_request_is_incomplete() {
    for protocol in ["5", "6"] {
        let cloud = Simulator::start(CloudState::sample());
        let process = start(plugin_command(protocol)).await;
        let connection = connect_as_host(&process).await;
        assert_eq!(connection.configure(cloud.provider_config()).await.unwrap(), []);
        let stop = async { assert_eq!(connection.stop().await.unwrap(), "") };
        let response = read_in_two_parts(&connection, protocol, stop).await;
        assert_eq!(summaries(&response.diagnostics), ["Operation Cancelled"], "{protocol}");
        assert_eq!((response.state, cloud.recorded_requests().len()), (None, 0));
        // The next read is not cancelled.
        let response = read_in_two_parts(&connection, protocol, async {}).await;
        assert!(response.state.is_some() && cloud.request_count(Route::Links) == 1, "{response:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn stop_and_sigterm_work_while_files_block() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = start(PluginCommand::new(PROVIDER_PATH).env("TF_LOG", "DEBUG")).await;
    let connection = connect_as_host(&process).await;
    // A pipe without a writer blocks its reader.
    let configure = ["a", "b", "c"].map(|name| {
        let path = directory.path().join(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let (connection, settings) = (connection.clone(), json!({ "cacert_file": path.to_str().unwrap() }));
        (path, tokio::spawn(async move { connection.configure(settings).await }))
    });
    wait_until(|| received_requests(&process, "ConfigureProvider") == configure.len()).await;
    let stop = tokio::time::timeout(STOP_LIMIT, connection.stop()).await;
    assert_eq!(stop.expect("Stop was not answered").unwrap(), "");
    let [(first, unblocked), others @ ..] = configure;
    assert!(!unblocked.is_finished());
    tokio::task::spawn_blocking(|| std::fs::write(first, "no certificate")).await.unwrap().unwrap();
    let diagnostics = unblocked.await.unwrap().unwrap();
    assert!(summaries(&diagnostics).contains(&"Unusable Certificate File"), "{diagnostics:?}");
    assert!(others.iter().all(|(_, configure)| !configure.is_finished()));
    process.signal("TERM");
    let status = process.wait(DEADLINE).await.expect("no end after SIGTERM");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
}

#[tokio::test]
async fn metadata_timeout_of_three_seconds_covers_both_requests() {
    let delays: [fn(&Simulator); 3] = [
        |cloud| cloud.inject_always(Route::MetadataToken, Fault::NoResponse),
        |cloud| cloud.inject_always(Route::MetadataKeys, Fault::NoResponse),
        // Each delay alone is shorter than the timeout.
        |cloud| {
            cloud.inject_always(Route::MetadataToken, Fault::Delayed(Duration::from_secs(2)));
            cloud.inject_always(Route::MetadataKeys, Fault::Delayed(Duration::from_secs(2)));
        },
    ];
    let results = delays.map(|delay| async move {
        let cloud =
            Simulator::start(CloudState { metadata_service: MetadataService::V2, ..CloudState::sample() });
        delay(&cloud);
        let (_process, connection, _home) = start_configured(&cloud, Route::MetadataKeys, json!({})).await;
        let start = Instant::now();
        let reads: Vec<_> = (0..10).map(|_| spawn_read(&connection)).collect();
        for read in reads {
            let response = read.await.unwrap().unwrap();
            assert_eq!(response.diagnostics[0].summary, "Missing Credentials");
            let detail = &response.diagnostics[0].detail;
            assert!(detail.contains("timeout"), "{detail}");
        }
        (start.elapsed(), cloud.request_count(Route::MetadataToken), cloud.request_count(Route::MetadataKeys))
    });
    // A unit test with a paused clock checks the exact time. Ten timeouts one after the other would take 30 s.
    let results = futures_util::future::join_all(results).await;
    for (duration, ..) in &results {
        assert!((2500..20_000).contains(&duration.as_millis()), "{results:?}");
    }
    let sent: Vec<_> = results.iter().map(|&(_, tokens, keys)| (tokens, keys)).collect();
    assert_eq!(sent, [(1, 0), (1, 1), (1, 1)]);
}

/// The number of requests of an RPC that the provider has received, according to its log.
fn received_requests(process: &Process, rpc: &str) -> usize {
    let log = process.stderr();
    log.lines().filter(|line| line.contains("Received request") && line.contains(rpc)).count()
}
