//! What ends a credential's fetch that gets no answer: a stop by the host, and a limit where one is near.

use std::time::Instant;

use cloud_simulator::{Fault, Metadata, Route};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use plugin_host::protocol::tfplugin::read_data_source;
use prost::Message as _;
use tower::ServiceExt as _;

use super::*;
use crate::protocol::summaries;

/// Below every limit that would end a wait by itself, of which the nearest is 3 s. A busy machine takes its time.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A credential that takes a call of this route. Blocks inside have all their attributes, as core sends them.
fn block(cloud_state: &CloudState, route: Route) -> Value {
    let key = json!({ "access_key": cloud_state.keys[0].id, "secret_key": cloud_state.keys[0].secret });
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
        Route::AgencyKeys => role("domain_name", &cloud_state.account_name),
        Route::Assume => role("domain_id", &cloud_state.account_id),
        Route::FederatedTokens | Route::TokenKeys => oidc("idp_id", &cloud_state.identity_provider.idp_id),
        Route::AssumeWithOidc => oidc("provider_urn", &cloud_state.identity_provider.provider_urn),
        _ => json!({}),
    }
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

/// A provider whose credential takes a call of this route, configured for the cloud. Its home is empty.
async fn configured(cloud: &Simulator, route: Route) -> (Process, Connection, tempfile::TempDir) {
    let (home, url) = (tempfile::tempdir().unwrap(), cloud.url());
    let mut launch = Launch::new(PROVIDER).set("TF_LOG", "DEBUG").set("HOME", home.path().to_str().unwrap());
    if route == Route::PodKeys {
        let token = home.path().join("token");
        std::fs::write(&token, &cloud.cloud_state().pod.token).unwrap();
        launch = launch.set("HC_CONTAINER_CREDENTIALS_FULL_URI", cloud.pod_url());
        launch = launch.set("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().unwrap());
    }
    let process = start(launch).await;
    let connection = right(&process).await;
    let endpoints = json!({ "dds": url, "iam": url, "sts": url, "metadata": url });
    let block = with(block(cloud.cloud_state(), route), "endpoints", endpoints);
    let faults = connection.configure(with(block, "region", json!("cn-north-4"))).await.unwrap();
    assert_eq!(faults, [], "{route:?}");
    (process, connection, home)
}

#[tokio::test]
async fn stop_ends_every_fetch_at_once_and_the_next_read_begins_anew() {
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
        let (process, connection, _home) = configured(&cloud, route).await;
        cloud.next(route, [Fault::Silent]);
        // One that fetches, and others that wait for it.
        let reads: Vec<_> = (0..3).map(|_| start_read(&connection)).collect();
        until(|| cloud.count(route) == 1 && begun(&process) == 3).await;
        let stopped = Instant::now();
        connection.stop().await.unwrap();
        for read in reads {
            let reading = tokio::time::timeout(SOON, read).await.expect("an end").unwrap().unwrap();
            assert_eq!(reading.diagnostics[0].summary, "Operation Cancelled", "{route:?}");
        }
        assert!(stopped.elapsed() < AT_ONCE, "{route:?} went on for {:?}", stopped.elapsed());
        assert_eq!(cloud.count(Route::Links), 0, "{route:?}");
        let reading = read(&connection).await;
        assert!(reading.state.is_some(), "{route:?} {:?}", reading.diagnostics);
    }
}

/// A read whose request arrives in two parts, and what the host does between them.
async fn in_two_parts(
    connection: &Connection,
    protocol: &str,
    between: impl Future<Output = ()>,
) -> read_data_source::Response {
    let config = connection.complete(LINKS, json!({ "instance_id": INSTANCE })).await.unwrap();
    let request =
        read_data_source::Request { type_name: LINKS.to_owned(), config: Some(config), ..Default::default() };
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
    let answer = tokio::spawn(connection.channel().oneshot(request));
    let part = |bytes: &[u8]| Ok::<_, tonic::Status>(Frame::data(bytes.to_vec().into()));
    parts.send(part(first)).await.unwrap();
    // It has arrived by then, on a machine that is not wholly stuck.
    tokio::time::sleep(Duration::from_millis(200)).await;
    between.await;
    parts.send(part(second)).await.unwrap();
    drop(parts);
    let body = answer.await.unwrap().unwrap().into_body().collect().await.unwrap().to_bytes();
    read_data_source::Response::decode(&body[5..]).unwrap()
}

#[tokio::test]
async fn stop_reaches_a_read_whose_request_is_still_arriving() {
    for protocol in ["5", "6"] {
        let cloud = Simulator::start(CloudState::sample());
        let process = start(Launch::new(PROVIDER).set("PLUGIN_PROTOCOL_VERSIONS", protocol)).await;
        let connection = right(&process).await;
        assert_eq!(connection.configure(cloud.provider_settings()).await.unwrap(), []);
        let stop = async { assert_eq!(connection.stop().await.unwrap(), "") };
        let answer = in_two_parts(&connection, protocol, stop).await;
        assert_eq!(summaries(&answer.diagnostics), ["Operation Cancelled"], "{protocol}");
        assert_eq!((answer.state, cloud.recorded().len()), (None, 0));
        // Nothing happens between the parts, and the next read is not stopped.
        let answer = in_two_parts(&connection, protocol, async {}).await;
        assert!(answer.state.is_some() && cloud.count(Route::Links) == 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_metadata_service_that_hangs_costs_three_seconds_in_all() {
    let hangs: [fn(&Simulator); 3] = [
        |cloud| cloud.always(Route::MetadataToken, Fault::Silent),
        |cloud| cloud.always(Route::MetadataKeys, Fault::Silent),
        // Each of the two is quick enough by itself.
        |cloud| {
            cloud.always(Route::MetadataToken, Fault::Slow(Duration::from_secs(2)));
            cloud.always(Route::MetadataKeys, Fault::Slow(Duration::from_secs(2)));
        },
    ];
    let waits = hangs.map(|hang| async move {
        let cloud = Simulator::start(CloudState { metadata: Metadata::V2, ..CloudState::sample() });
        hang(&cloud);
        let (_process, connection, _home) = configured(&cloud, Route::MetadataKeys).await;
        let begun = Instant::now();
        let reads: Vec<_> = (0..10).map(|_| start_read(&connection)).collect();
        for read in reads {
            let reading = read.await.unwrap().unwrap();
            assert_eq!(reading.diagnostics[0].summary, "Missing Credentials");
            let detail = &reading.diagnostics[0].detail;
            assert!(detail.contains("timeout"), "{detail}");
        }
        (begun.elapsed(), cloud.count(Route::MetadataToken), cloud.count(Route::MetadataKeys))
    });
    // Exactly how long is shown by a paused clock, beside the code. Ten limits in a row would be 30 s.
    let waits = futures_util::future::join_all(waits).await;
    for (wait, ..) in &waits {
        assert!((2500..20_000).contains(&wait.as_millis()), "{waits:?}");
    }
    let sent: Vec<_> = waits.iter().map(|&(_, tokens, keys)| (tokens, keys)).collect();
    assert_eq!(sent, [(1, 0), (1, 1), (1, 1)]);
}

/// How many reads have arrived at the provider, by its log.
fn begun(process: &Process) -> usize {
    let log = process.stderr();
    let of_read = |line: &&str| line.contains("Received request") && line.contains("ReadDataSource");
    log.lines().filter(of_read).count()
}
