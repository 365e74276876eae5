//! Terraform is killed or interrupted at random moments of a plan.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use cloud_simulator::{CloudState, Simulator};
use fastrand::Rng;
use terraform_runner::{TerraformCli, Workspace};

use super::processes::{group_members, sockets};
use super::{Check, Options};

/// How long each response takes. A read that is not cancelled takes longer than the limit of an interrupt.
const LATENCY: Duration = Duration::from_millis(1500);

/// The interval between two looks at the processes.
const INTERVAL: Duration = Duration::from_millis(5);

/// After this time, a plan hangs.
const HANG: Duration = Duration::from_secs(30);

/// What happens to Terraform.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signal {
    /// SIGKILL to Terraform alone.
    Kill,
    /// SIGINT to Terraform and its plugins, like Ctrl-C in a terminal.
    Interrupt,
}

impl Signal {
    /// Sends the signal to Terraform, which is the leader of its process group. Does nothing if it has ended.
    fn send(self, core: u32) -> io::Result<()> {
        let (signal, target) = match self {
            Self::Kill => ("-KILL", core.to_string()),
            Self::Interrupt => ("-INT", format!("-{core}")),
        };
        Command::new("kill").args([signal, "--", &target]).output().map(drop)
    }

    /// The time in which all processes must end, and their sockets must be removed.
    fn limit(self) -> Duration {
        match self {
            Self::Kill => Duration::from_secs(5),
            Self::Interrupt => Duration::from_secs(1),
        }
    }

    /// The number of plans at the same time. After a kill, most of the time is spent waiting.
    fn lanes(self) -> usize {
        match self {
            Self::Kill => 4,
            Self::Interrupt => 1,
        }
    }
}

/// How long a plan takes without a signal.
#[derive(Clone, Copy)]
struct PlanTime {
    /// Until the first request to the cloud. Until then, Terraform starts the provider several times.
    start: Duration,
    whole: Duration,
}

impl PlanTime {
    fn measure(workspace: &Workspace, cloud: &Simulator) -> Result<Self, String> {
        let started = Instant::now();
        let output = workspace.run(&["plan", "-input=false"]);
        let whole = started.elapsed();
        match (output.code, cloud.recorded_requests().first()) {
            (Some(0), Some(first)) => Ok(Self { start: first.arrived - started, whole }),
            _ => Err(format!("a plan without a signal failed: {}", output.stderr)),
        }
    }

    /// A random moment. It depends only on the seed and the number. Half of the moments are at the start of the plan, which is
    /// the shorter part.
    fn random_moment(self, seed: u64, number: usize) -> Duration {
        let share = Rng::with_seed(seed ^ number as u64).f64();
        if number.is_multiple_of(2) { (self.start * 2).mul_f64(share) } else { self.whole.mul_f64(share) }
    }
}

/// One plan. All times begin with the signal.
struct Round {
    number: usize,
    /// From the start of the plan to the signal.
    moment: Duration,
    /// The provider processes that were running.
    providers: usize,
    /// Whether the plan had sent a request.
    is_reading: bool,
    core_end: Duration,
    /// The end of the last provider process, and the removal of the last socket.
    provider_end: Duration,
    /// Processes and sockets that remained.
    left: Vec<String>,
}

pub(super) fn run(
    cli: &TerraformCli,
    provider: &Path,
    options: &Options,
) -> Result<Vec<Check>, Box<dyn Error>> {
    let cloud = Simulator::start(CloudState::sample());
    let downloads = cloud.serve_downloads();
    cloud.set_link_base(&downloads.http_url(), false);
    cloud.set_latency(LATENCY);
    let time = PlanTime::measure(&workspace(cli, provider, &cloud)?, &cloud)?;
    let mut checks = Vec::new();
    for (signal, rounds) in [(Signal::Kill, options.kills), (Signal::Interrupt, options.interrupts)] {
        if rounds == 0 {
            continue;
        }
        let lanes = signal.lanes().min(rounds);
        let results: Vec<Result<Vec<Round>, String>> = thread::scope(|scope| {
            let lanes = (0..lanes).map(|lane| {
                let numbers = (lane..rounds).step_by(lanes);
                let cloud = &cloud;
                scope.spawn(move || {
                    // Each lane has its own directory, and runs one plan after the other.
                    let workspace = workspace(cli, provider, cloud)?;
                    let moment = |number| time.random_moment(options.seed, number);
                    numbers
                        .map(|number| run_round(&workspace, cloud, signal, number, moment(number)))
                        .collect()
                })
            });
            let lanes: Vec<_> = lanes.collect();
            lanes
                .into_iter()
                .map(|lane| lane.join().unwrap_or_else(|_| Err("a plan panicked".to_owned())))
                .collect()
        });
        let results: Result<Vec<_>, _> = results.into_iter().collect();
        let mut results: Vec<Round> = results?.into_iter().flatten().collect();
        results.sort_by_key(|round| round.number);
        checks.extend(summarize(signal, &results));
    }
    Ok(checks)
}

/// A workspace that reads with all data sources.
fn workspace(cli: &TerraformCli, provider: &Path, cloud: &Simulator) -> Result<Workspace, String> {
    let mut workspace = Workspace::new(cli, provider.parent().ok_or("the provider has no directory")?);
    let (cloud_state, url) = (cloud.cloud_state(), cloud.url());
    workspace
        .set_env("HW_ACCESS_KEY", &cloud_state.access_keys[0].id)
        .set_env("HW_SECRET_KEY", &cloud_state.access_keys[0].secret);
    let instance = &cloud_state.instances[0].id;
    workspace.write_config(&format!(
        "provider \"dds\" {{\n  region    = \"cn-north-4\"\n  endpoints = {{ dds = {url:?}, iam = {url:?} }}\n}}\n\n\
         data \"dds_instances\" \"all\" {{}}\n\n\
         data \"dds_ssl_certificates\" \"this\" {{\n  instance_id = {instance:?}\n}}\n\n\
         data \"dds_ssl_cert_download_links\" \"many\" {{\n  count       = 5\n  instance_id = {instance:?}\n}}\n"
    ));
    Ok(workspace)
}

fn run_round(
    workspace: &Workspace,
    cloud: &Simulator,
    signal: Signal,
    number: usize,
    moment: Duration,
) -> Result<Round, String> {
    // Only the requests of this plan, if there is only one lane.
    cloud.clear_recorded_requests();
    let plan = workspace.spawn(&["plan", "-input=false"]);
    let core = plan.id();
    thread::sleep(moment);
    let members = || group_members(core).map_err(|error| error.to_string());
    let providers = members()?.into_iter().filter(|id| *id != core).count();
    let is_reading = !cloud.recorded_requests().is_empty();
    signal.send(core).map_err(|error| error.to_string())?;
    let sent = Instant::now();
    let directory = workspace.file_path("");
    let mut round =
        Round { number, moment, providers, is_reading, core_end: HANG, provider_end: HANG, left: Vec::new() };
    // An interrupted Terraform may still wait for something else. The limit of the provider begins when it has ended.
    while sent.elapsed() < HANG {
        let running = members()?;
        let now = sent.elapsed();
        if !running.contains(&core) {
            round.core_end = round.core_end.min(now);
        }
        if running.is_empty() && sockets(&directory).is_empty() {
            round.provider_end = now;
            plan.wait();
            return Ok(round);
        }
        if now > round.core_end.saturating_add(signal.limit()) {
            break;
        }
        thread::sleep(INTERVAL);
    }
    round.left = members()?.iter().map(|id| format!("process {id}")).collect();
    for socket in sockets(&directory) {
        round.left.push(format!("socket {}", socket.display()));
        fs::remove_file(&socket).map_err(|error| error.to_string())?;
    }
    // Dropping the plan kills its processes.
    Ok(round)
}

fn summarize(signal: Signal, rounds: &[Round]) -> Vec<Check> {
    let limit = signal.limit();
    for round in rounds.iter().filter(|round| !round.left.is_empty()) {
        let moment = round.moment.as_millis();
        println!("round {} after {moment} ms: {} remained", round.number, round.left.join(", "));
    }
    let left = rounds.iter().filter(|round| !round.left.is_empty()).count();
    let hit = rounds.iter().filter(|round| round.providers > 0).count();
    let name = match signal {
        Signal::Kill => "SIGKILL of Terraform",
        Signal::Interrupt => "SIGINT to Terraform and the provider",
    };
    let mut checks = vec![
        Check {
            name: format!("{name}: processes and sockets left"),
            measured: format!("in {left} of {} plans, {hit} with a running provider", rounds.len()),
            limit: format!("none after {} s", limit.as_secs()),
            passed: left == 0 && hit > 0,
        },
        times(&format!("{name}: end of the provider after the end of Terraform"), limit, rounds, |round| {
            round.provider_end.saturating_sub(round.core_end)
        }),
    ];
    if signal == Signal::Interrupt {
        let end = |round: &Round| round.provider_end.max(round.core_end);
        let (reading, starting): (Vec<_>, Vec<_>) = rounds.iter().partition(|round| round.is_reading);
        // Before it runs the graph, Terraform does not stop at an interrupt, and it does not pass it on.
        let ignored = starting.iter().filter(|round| end(round) > limit).count();
        println!(
            "ignored    {ignored} of {} interrupts before the first request, by Terraform itself",
            starting.len()
        );
        let name = format!("{name}: end of both after the signal, if a request was sent before");
        checks.push(times(&name, limit, reading, end));
    }
    checks
}

/// The median and the maximum of a time.
fn times<'a>(
    name: &str,
    limit: Duration,
    rounds: impl IntoIterator<Item = &'a Round>,
    time: impl Fn(&Round) -> Duration,
) -> Check {
    let mut times: Vec<_> = rounds.into_iter().map(time).collect();
    times.sort_unstable();
    let seconds = |time: Option<&Duration>| time.map_or(f64::NAN, Duration::as_secs_f64);
    let (median, longest) = (times.get(times.len() / 2), times.last());
    Check {
        name: name.to_owned(),
        measured: format!(
            "median {:.2} s, longest {:.2} s, {} plans",
            seconds(median),
            seconds(longest),
            times.len()
        ),
        limit: format!("{} s", limit.as_secs()),
        // Without any plan, nothing was tested.
        passed: longest.is_some_and(|longest| *longest <= limit),
    }
}
