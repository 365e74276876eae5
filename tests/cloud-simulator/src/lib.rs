//! A simulated cloud on the loopback interface: API gateway, DDS, IAM, STS, ECS metadata service, pod identity agent, and
//! object storage with the CA certificates of DDS.
//!
//! It implements only the calls that the provider makes, and it shares no code with the provider. It verifies the
//! signatures of all algorithms against the received bytes, and it checks tokens and projects. Errors have the bodies,
//! headers and codes of the cloud's documentation. Tests can inject faults, delays and a rate limit.

mod authority;
mod caller;
mod cloud_state;
mod dds;
mod downloads;
mod fault;
mod gateway;
mod iam;
mod instance;
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

pub use authority::KeyAlgorithm;
pub use cloud_state::{
    AccessKey, Agency, Certificate, CloudState, IdentityProvider, LINK_SIGNATURE, MetadataService,
    PodIdentity, Project,
};
pub use downloads::{DownloadServer, Reply};
pub use fault::{Encoding, Fault};
pub use gateway::Route;
pub use instance::Instance;
pub use tls::{CertifiedKey, Forwarder, TlsProxy};
pub use wire::Request;

/// A request that the cloud received, and the status of its response.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    pub route: Route,
    pub request: Request,
    pub arrived: Instant,
    /// None if no response was sent.
    pub status: Option<u16>,
}

/// A running simulated cloud. Dropping it stops it, and panics if one of its threads panicked.
pub struct Simulator {
    address: SocketAddr,
    state: Arc<SharedState>,
}

/// The state that all connections share.
#[derive(Default)]
struct SharedState {
    cloud_state: CloudState,
    default_region: String,
    instances: Mutex<Vec<Instance>>,
    /// Each request for the list first replaces the instances by the next of these.
    next_instances: Mutex<VecDeque<Vec<Instance>>>,
    recorded: Mutex<Vec<RecordedRequest>>,
    faults: Mutex<HashMap<Route, VecDeque<Fault>>>,
    permanent_faults: Mutex<HashMap<Route, Fault>>,
    rate_limits: Mutex<HashMap<Route, fault::RateLimit>>,
    issued_tokens: Mutex<HashMap<String, iam::IssuedToken>>,
    /// By access key ID.
    temporary_keys: Mutex<HashMap<String, caller::TemporaryKey>>,
    /// Tokens of the ECS metadata service, with the times at which they expire.
    metadata_tokens: Mutex<HashMap<String, SystemTime>>,
    id_token: Mutex<String>,
    pod_token: Mutex<String>,
    /// Number of consecutive invalid signatures and the time of the last one, by access key ID.
    signature_failures: Mutex<HashMap<String, (u32, SystemTime)>>,
    link_base: Mutex<Option<downloads::LinkBase>>,
    /// Seconds by which the cloud's clock is ahead.
    clock_skew: AtomicI64,
    /// Milliseconds before each response, also before error responses.
    latency: AtomicU64,
    on_request: Option<fn(&RecordedRequest)>,
    connections: AtomicUsize,
    stopping: AtomicBool,
    panicked: AtomicBool,
}

impl Simulator {
    /// Starts the cloud on a free port.
    pub fn start(cloud_state: CloudState) -> Self {
        Self::start_on(0, cloud_state, None).expect("bind a free port")
    }

    /// Starts the cloud on this port (0: any free port). `on_request` is called for each request.
    pub fn start_on(
        port: u16,
        cloud_state: CloudState,
        on_request: Option<fn(&RecordedRequest)>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let address = listener.local_addr()?;
        let state = Arc::new(SharedState {
            default_region: cloud_state.projects[0].region.clone(),
            id_token: Mutex::new(cloud_state.identity_provider.id_token.clone()),
            pod_token: Mutex::new(cloud_state.pod_identity.token.clone()),
            instances: Mutex::new(cloud_state.instances.clone()),
            cloud_state,
            on_request,
            ..SharedState::default()
        });
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopping.load(Ordering::Relaxed) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (Ok(mut stream), shared) = (stream, shared.clone()) else {
                    continue;
                };
                thread::spawn(move || {
                    // The connection closes only after `panicked` is set, so a test can wait for its end.
                    let serve = std::panic::AssertUnwindSafe(|| shared.serve(&mut stream));
                    if std::panic::catch_unwind(serve).is_err() {
                        shared.panicked.store(true, Ordering::Relaxed);
                    }
                });
            }
        });
        Ok(Self { address, state })
    }

    /// The URL of the default region. A region code as the first path segment selects another region.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The value for the provider's `endpoints.dds` that reaches every region.
    pub fn regional_url(&self) -> String {
        format!("http://{}/{{region}}", self.address)
    }

    /// The URL where a pod requests its temporary keys.
    pub fn pod_identity_url(&self) -> String {
        format!("http://{}/pod-identity", self.address)
    }

    /// A provider configuration with the first access key and the endpoints of this cloud.
    pub fn provider_config(&self) -> serde_json::Value {
        let (key, url) = (&self.state.cloud_state.access_keys[0], self.url());
        serde_json::json!({
            "region": self.state.default_region,
            "access_key": key.id,
            "secret_key": key.secret,
            "endpoints": { "dds": url, "iam": url },
        })
    }

    /// A complete Terraform configuration that reads the first instance. The access key must be set in the environment.
    pub fn terraform_configuration(&self) -> String {
        format!(
            r#"terraform {{
  required_providers {{
    dds = {{
      source = "terraform-dds/dds"
    }}
  }}
}}

provider "dds" {{
  region    = "{region}"
  endpoints = {{ dds = "{url}", iam = "{url}" }}
}}

data "dds_ssl_cert_download_links" "this" {{
  instance_id = "{instance}"
}}

output "certs" {{
  value     = data.dds_ssl_cert_download_links.this.certs
  sensitive = true
}}
"#,
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

    /// The queries of the requests to a route, as they were sent.
    pub fn queries(&self, route: Route) -> Vec<String> {
        let recorded = self.recorded_requests().into_iter().filter(|recorded| recorded.route == route);
        recorded.map(|recorded| recorded.request.raw_query().to_owned()).collect()
    }

    /// Number of TCP connections so far.
    pub fn connection_count(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Removes the recorded requests.
    pub fn clear_recorded_requests(&self) {
        lock(&self.state.recorded).clear();
    }

    /// Injects each fault into one of the next requests to the route. Requests with an invalid credential do not count.
    pub fn inject_once(&self, route: Route, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.state.faults).entry(route).or_default().extend(faults);
    }

    /// Injects the fault into all later requests to the route. Requests with an invalid credential are rejected as usual.
    pub fn inject_always(&self, route: Route, fault: Fault) {
        lock(&self.state.permanent_faults).insert(route, fault);
    }

    /// Limits a route to this number of requests in each window. All others get HTTP 429.
    pub fn set_rate_limit(&self, route: Route, requests: u32, window: Duration) {
        lock(&self.state.rate_limits).insert(route, fault::RateLimit::new(requests, window));
    }

    /// Replaces the instances.
    pub fn set_instances(&self, instances: Vec<Instance>) {
        *lock(&self.state.instances) = instances;
    }

    /// Replaces the instances before each of the next requests for the list.
    pub fn set_instances_before_lists(&self, steps: impl IntoIterator<Item = Vec<Instance>>) {
        lock(&self.state.next_instances).extend(steps);
    }

    /// All secrets: those in the cloud state and those that were issued.
    pub fn secrets(&self) -> Vec<String> {
        let CloudState { access_keys, password, token, pod_identity, .. } = &self.state.cloud_state;
        let temporary_keys = lock(&self.state.temporary_keys);
        let keys = access_keys.iter().chain(temporary_keys.values().map(|issued| &issued.key));
        let keys = keys.flat_map(|key| [Some(key.secret.clone()), key.security_token.clone()]).flatten();
        let (tokens, metadata_tokens) = (lock(&self.state.issued_tokens), lock(&self.state.metadata_tokens));
        let tokens = tokens
            .keys()
            .chain(metadata_tokens.keys())
            .chain([password, token, &pod_identity.token])
            .cloned();
        keys.chain(tokens).chain([lock(&self.state.id_token).clone()]).collect()
    }

    /// Sets by how many seconds the cloud's clock is ahead of the real time.
    pub fn set_clock_skew(&self, seconds: i64) {
        self.state.clock_skew.store(seconds, Ordering::Relaxed);
    }

    /// Delays all later responses, also error responses.
    pub fn set_latency(&self, latency: Duration) {
        self.state
            .latency
            .store(latency.as_millis().try_into().expect("milliseconds fit into 64 bits"), Ordering::Relaxed);
    }

    /// Revokes all IAM tokens that the cloud issued.
    pub fn revoke_tokens(&self) {
        lock(&self.state.issued_tokens).clear();
    }

    /// Revokes all temporary access keys that the cloud issued.
    pub fn revoke_temporary_keys(&self) {
        lock(&self.state.temporary_keys).clear();
    }

    /// Revokes all tokens that the ECS metadata service issued.
    pub fn revoke_metadata_tokens(&self) {
        lock(&self.state.metadata_tokens).clear();
    }

    /// Replaces the only ID token that the cloud accepts.
    pub fn set_id_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.state.id_token));
    }

    /// Replaces the only pod token that the cloud accepts.
    pub fn set_pod_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.state.pod_token));
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::Relaxed);
        // Unblocks the thread that accepts connections.
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
            if let Some(on_request) = self.on_request {
                on_request(&recorded);
            }
            lock(&self.recorded).push(recorded);
            thread::sleep(Duration::from_millis(self.latency.load(Ordering::Relaxed)));
            if !action.write(stream, self.now()) {
                return;
            }
        }
    }

    /// Removes a leading region code from the path and returns the region. The signature covers the path as it was sent.
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
        let skew = self.clock_skew.load(Ordering::Relaxed);
        let seconds = Duration::from_secs(skew.unsigned_abs());
        if skew < 0 { SystemTime::now() - seconds } else { SystemTime::now() + seconds }
    }

    fn fault(&self, route: Route) -> Option<Fault> {
        let next = lock(&self.faults).get_mut(&route).and_then(VecDeque::pop_front);
        let throttled = || {
            let exceeded = lock(&self.rate_limits).get_mut(&route)?.is_exceeded(Instant::now());
            exceeded.then_some(Fault::Throttled { retry_after: None })
        };
        next.or_else(throttled).or_else(|| lock(&self.permanent_faults).get(&route).cloned())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
