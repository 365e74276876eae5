//! A simulated cloud on loopback: the API gateway, the DDS service, the identity and the token service, and what a
//! machine or a pod finds beside it, as far as a reader of certificates meets them.
//!
//! It shares no code with the provider. Signatures of every algorithm are verified against what arrived on the wire,
//! tokens and projects are checked, and errors have the bodies, headers and codes that the cloud documents. It can be
//! told to be slow, to throttle, to fail, and to cut or garble its answers.

mod caller;
mod cloud_state;
mod dds;
mod fault;
mod gateway;
mod iam;
mod metadata;
mod signature;
mod sts;
mod tls;
mod wire;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

pub use cloud_state::{
    AccessKey, Agency, Certificate, CloudState, IdentityProvider, Instance, LINK_SIGNATURE, MetadataService,
    PodIdentity, Project,
};
pub use fault::{Encoding, Fault};
pub use gateway::Route;
pub use tls::{CertifiedKey, TlsProxy};
pub use wire::Request;

/// A request that was answered.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    pub route: Route,
    pub request: Request,
    pub arrived: Instant,
    /// None if the connection was closed instead.
    pub status: Option<u16>,
}

/// A running cloud. It stops when this is dropped, and complains then if one of its own parts had panicked.
pub struct Simulator {
    address: SocketAddr,
    state: Arc<SharedState>,
}

/// What all connections share.
#[derive(Default)]
struct SharedState {
    cloud_state: CloudState,
    default_region: String,
    recorded: Mutex<Vec<RecordedRequest>>,
    faults: Mutex<HashMap<Route, VecDeque<Fault>>>,
    constant: Mutex<HashMap<Route, Fault>>,
    limits: Mutex<HashMap<Route, fault::Limit>>,
    issued: Mutex<HashMap<String, iam::IssuedToken>>,
    /// By the keys' IDs.
    temporary: Mutex<HashMap<String, caller::TemporaryKey>>,
    /// The machine's, with their ends.
    metadata_tokens: Mutex<HashMap<String, SystemTime>>,
    id_token: Mutex<String>,
    pod_token: Mutex<String>,
    /// Wrong signatures in a row and the time of the last, by access key.
    failures: Mutex<HashMap<String, (u32, SystemTime)>>,
    /// Seconds by which this cloud's clock is ahead.
    ahead: AtomicI64,
    /// Milliseconds before each answer, also to who is refused.
    latency: AtomicU64,
    listener: Option<fn(&RecordedRequest)>,
    connections: AtomicUsize,
    stopping: AtomicBool,
    panicked: AtomicBool,
}

impl Simulator {
    pub fn start(cloud_state: CloudState) -> Self {
        Self::start_on(0, cloud_state, None).expect("a free port on loopback")
    }

    /// On this port, 0 for any; `listener` hears of each request.
    pub fn start_on(
        port: u16,
        cloud_state: CloudState,
        listener: Option<fn(&RecordedRequest)>,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(("127.0.0.1", port))?;
        let address = socket.local_addr()?;
        let state = Arc::new(SharedState {
            default_region: cloud_state.projects[0].region.clone(),
            id_token: Mutex::new(cloud_state.identity_provider.id_token.clone()),
            pod_token: Mutex::new(cloud_state.pod_identity.token.clone()),
            cloud_state,
            listener,
            ..SharedState::default()
        });
        let shared = state.clone();
        thread::spawn(move || {
            for stream in socket.incoming() {
                if shared.stopping.load(Ordering::Relaxed) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (Ok(mut stream), shared) = (stream, shared.clone()) else {
                    continue;
                };
                thread::spawn(move || {
                    // The connection outlives the call: a client that sees it end has to find the panic noted.
                    let serve = std::panic::AssertUnwindSafe(|| shared.serve(&mut stream));
                    if std::panic::catch_unwind(serve).is_err() {
                        shared.panicked.store(true, Ordering::Relaxed);
                    }
                });
            }
        });
        Ok(Self { address, state })
    }

    /// Of the default region. With a region's code as the first segment of a path, it is that region's host.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the provider's `endpoints.dds` has to be so that every region is reached.
    pub fn regional_url(&self) -> String {
        format!("http://{}/{{region}}", self.address)
    }

    /// Where a pod gets its keys.
    pub fn pod_identity_url(&self) -> String {
        format!("http://{}/pod-identity", self.address)
    }

    /// A provider block that reads from this cloud with its first key.
    pub fn provider_config(&self) -> serde_json::Value {
        let (key, url) = (&self.state.cloud_state.access_keys[0], self.url());
        serde_json::json!({
            "region": self.state.default_region,
            "access_key": key.id,
            "secret_key": key.secret,
            "endpoints": { "dds": url, "iam": url },
        })
    }

    /// A Terraform configuration that reads the first instance. The key belongs into the environment.
    pub fn terraform_configuration(&self) -> String {
        format!(
            r#"provider "dds" {{
  region    = "{region}"
  endpoints = {{ dds = "{url}", iam = "{url}" }}
}}

data "dds_ssl_cert_download_links" "this" {{
  instance_id = "{instance}"
}}

output "certs" {{
  value = data.dds_ssl_cert_download_links.this.certs
}}"#,
            region = self.state.default_region,
            url = self.url(),
            instance = self.state.cloud_state.instances[0].id,
        )
    }

    pub fn cloud_state(&self) -> &CloudState {
        &self.state.cloud_state
    }

    pub fn recorded_requests(&self) -> Vec<RecordedRequest> {
        lock(&self.state.recorded).clone()
    }

    pub fn request_count(&self, route: Route) -> usize {
        lock(&self.state.recorded).iter().filter(|recorded| recorded.route == route).count()
    }

    /// How many connections were made so far.
    pub fn connection_count(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Forgets what was recorded so far.
    pub fn clear_recorded_requests(&self) {
        lock(&self.state.recorded).clear();
    }

    /// One fault each for the next requests of a route whose credential is good.
    pub fn inject_once(&self, route: Route, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.state.faults).entry(route).or_default().extend(faults);
    }

    /// The same fault for every request of a route from now on.
    pub fn inject_always(&self, route: Route, fault: Fault) {
        lock(&self.state.constant).insert(route, fault);
    }

    /// From now on a route lets so many requests through in each window, and answers the others with 429.
    pub fn set_rate_limit(&self, route: Route, requests: u32, window: Duration) {
        lock(&self.state.limits).insert(route, fault::Limit::new(requests, window));
    }

    /// All that nobody else may see: what the cloud state has and what was issued.
    pub fn secrets(&self) -> Vec<String> {
        let CloudState { access_keys, password, token, pod_identity, .. } = &self.state.cloud_state;
        let temporary = lock(&self.state.temporary);
        let keys = access_keys.iter().chain(temporary.values().map(|issued| &issued.key));
        let keys = keys.flat_map(|key| [Some(key.secret.clone()), key.security_token.clone()]).flatten();
        let (tokens, machines) = (lock(&self.state.issued), lock(&self.state.metadata_tokens));
        let tokens =
            tokens.keys().chain(machines.keys()).chain([password, token, &pod_identity.token]).cloned();
        keys.chain(tokens).chain([lock(&self.state.id_token).clone()]).collect()
    }

    pub fn set_clock_skew(&self, seconds: i64) {
        self.state.ahead.store(seconds, Ordering::Relaxed);
    }

    /// From now on each answer takes this long, also the refusal of a credential.
    pub fn set_latency(&self, latency: Duration) {
        self.state.latency.store(latency.as_millis().try_into().expect("a short time"), Ordering::Relaxed);
    }

    /// The cloud forgets all tokens that it has issued.
    pub fn revoke_tokens(&self) {
        lock(&self.state.issued).clear();
    }

    /// The cloud forgets all temporary keys that it has issued.
    pub fn revoke_temporary_keys(&self) {
        lock(&self.state.temporary).clear();
    }

    /// The machine's metadata service forgets the tokens that it has issued.
    pub fn revoke_metadata_tokens(&self) {
        lock(&self.state.metadata_tokens).clear();
    }

    /// From now on this is the identity provider's only good token.
    pub fn set_id_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.state.id_token));
    }

    /// From now on this is the pod's only good token.
    pub fn set_pod_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.state.pod_token));
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::Relaxed);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
        let panicked = self.state.panicked.load(Ordering::Relaxed);
        assert!(!panicked || thread::panicking(), "the simulated cloud panicked");
    }
}

impl SharedState {
    fn serve(&self, stream: &mut TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut unread = Vec::new();
        while let Ok(Some(mut request)) = wire::read(stream, &mut unread) {
            request.region = self.take_region(&mut request);
            let arrived = Instant::now();
            let (route, action) = gateway::handle(self, &request);
            let recorded = RecordedRequest { route, request, arrived, status: action.status() };
            if let Some(listener) = self.listener {
                listener(&recorded);
            }
            lock(&self.recorded).push(recorded);
            thread::sleep(Duration::from_millis(self.latency.load(Ordering::Relaxed)));
            if !action.write(stream, self.now()) {
                return;
            }
        }
    }

    /// A path may begin with the code of the region whose host is meant. The signature covers the path as it was sent.
    fn take_region(&self, request: &mut Request) -> String {
        let first = request.path.split('/').nth(1).unwrap_or_default();
        match self.cloud_state.projects.iter().find(|project| project.region == first) {
            Some(project) => {
                request.path = request.path[1 + first.len()..].to_owned();
                project.region.clone()
            }
            None => self.default_region.clone(),
        }
    }

    fn now(&self) -> SystemTime {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let seconds = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 { SystemTime::now() - seconds } else { SystemTime::now() + seconds }
    }

    fn fault(&self, route: Route) -> Option<Fault> {
        let next = lock(&self.faults).get_mut(&route).and_then(VecDeque::pop_front);
        let throttled = || {
            let exceeded = lock(&self.limits).get_mut(&route)?.is_exceeded(Instant::now());
            exceeded.then_some(Fault::Throttled { retry_after: None })
        };
        next.or_else(throttled).or_else(|| lock(&self.constant).get(&route).cloned())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
