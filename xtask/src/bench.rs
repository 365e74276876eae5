//! Measures providers side by side: `cargo xtask bench [BINARY…]`.
//!
//! All providers are measured in each round, in random order, with the same host, the same Terraform and the same simulated
//! cloud. `bench/README.md` describes the measurements.

mod chart;
mod cloud;
mod cpu;
mod instructions;
mod mapping;
mod memory;
mod plans;
mod process;
mod report;
mod results;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use plugin_host::build_bench_providers;
use terraform_runner::TerraformCli;

pub use process::read_many;

use crate::package::dependencies::Workspace;
use crate::package::{NAME, build};
use cloud::Cloud;
use mapping::Floor;
use plans::Plans;
use process::Candidate;
use results::{READS_1000, READS_10000, Results, SIZE};

const USAGE: &str = "\
usage: cargo xtask bench [OPTION…] [BINARY…]

Measures providers side by side. BINARY is an executable whose file name is that of a provider in bench/providers.json, or
NAME=PATH with the name of a provider. Without BINARY, the program builds this provider as it is published, and measures it
beside two floors, which do as little as possible: minimal_provider and constant_provider.

  --own               measure these three also with a BINARY
  --groups LIST       groups of measurements, with commas between them, or all (default: start,reads,plan)
                        start         size, start, schema, configure, idle memory, end
                        reads         reads per second, their times, CPU time, memory after them
                        instructions  instructions of the start and of a read; requires Valgrind
                        plan          time that the provider adds to a plan; this and the following require Terraform
                        aliases       time and memory of a plan with 17 provider blocks
                        plan-1000     time and CPU times of a plan with 1,000 data sources
                        plan-10000    time and CPU times of a plan with 10,000 data sources
  --rounds N          number of rounds of each group (default: from 3 to 31)
  --reads N           number of reads in each round of the group reads (default: 10000)
  --https             read from the cloud over HTTPS
  --providers FILE    more providers, in the format of bench/providers.json
  --check             compare with the limits of the providers, and fail if one is not kept
  --out DIRECTORY     also write table.md, results.json and chart.svg
  --debug             use debug builds of the providers and of the host, for tests";

/// A group of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Start,
    Reads,
    Instructions,
    Plan,
    Aliases,
    Plan1000,
    Plan10000,
}

/// All groups: the name, and the default number of rounds.
const GROUPS: [(Group, &str, usize); 7] = [
    (Group::Start, "start", 31),
    (Group::Reads, "reads", 5),
    (Group::Instructions, "instructions", 3),
    (Group::Plan, "plan", 15),
    (Group::Aliases, "aliases", 5),
    (Group::Plan1000, "plan-1000", 5),
    (Group::Plan10000, "plan-10000", 3),
];

/// The command line.
#[derive(Debug)]
struct Options {
    groups: Vec<Group>,
    rounds: Option<usize>,
    reads: usize,
    https: bool,
    mapping_files: Vec<PathBuf>,
    check: bool,
    out: Option<PathBuf>,
    debug: bool,
    own: bool,
    binaries: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            groups: vec![Group::Start, Group::Reads, Group::Plan],
            rounds: None,
            reads: 10_000,
            https: false,
            mapping_files: vec![mapping_file()],
            check: false,
            out: None,
            debug: false,
            own: false,
            binaries: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| format!("the value after {argument} is missing"));
            match argument.as_str() {
                "--groups" => options.groups = parse_groups(value()?)?,
                "--rounds" => options.rounds = Some(parse_number(argument, value()?, 1000)?),
                "--reads" => options.reads = parse_number(argument, value()?, 1_000_000)?,
                "--https" => options.https = true,
                "--providers" => options.mapping_files.push(value()?.into()),
                "--check" => options.check = true,
                "--out" => options.out = Some(value()?.into()),
                "--debug" => options.debug = true,
                "--own" => options.own = true,
                option if option.starts_with('-') => return Err(format!("unknown option {option}")),
                _ => options.binaries.push(argument.clone()),
            }
        }
        options.own |= options.binaries.is_empty();
        Ok(options)
    }

    /// The number of rounds of a group. None if it is not measured.
    fn rounds(&self, group: Group) -> Option<usize> {
        let (.., default) = GROUPS.iter().find(|(known, ..)| *known == group)?;
        self.groups.contains(&group).then(|| self.rounds.unwrap_or(*default))
    }
}

fn parse_groups(list: &str) -> Result<Vec<Group>, String> {
    if list == "all" {
        return Ok(GROUPS.map(|(group, ..)| group).to_vec());
    }
    let group = |name: &str| {
        let group = GROUPS.iter().find(|(_, known, _)| *known == name);
        group.map(|(group, ..)| *group).ok_or_else(|| format!("there is no group {name:?}"))
    };
    list.split(',').map(group).collect()
}

fn parse_number(option: &str, text: &str, maximum: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=maximum).contains(number));
    number.ok_or_else(|| format!("{option} must be a number from 1 to {maximum}"))
}

/// The mapping file of this repository.
fn mapping_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/providers.json")
}

/// Runs the measurements. The exit code is 2 if the command line is invalid.
pub async fn run(arguments: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    let options = match crate::options(arguments, USAGE, Options::parse) {
        Ok(options) => options,
        Err(code) => return Ok(code),
    };
    if cfg!(debug_assertions) && !options.debug {
        return crate::run_release_build("bench", arguments);
    }
    let cloud = Cloud::start(options.https);
    let candidates = candidates(&options, &cloud)?;
    let titles = candidates.iter().map(|candidate| candidate.title.clone()).collect();
    let mut results = Results::new(titles);
    let mut conditions = report::machine();
    conditions.push(("cloud", format!("simulated, over {}", if options.https { "HTTPS" } else { "HTTP" })));
    measure_processes(&options, &candidates, &cloud, &mut results, &mut conditions).await?;
    measure_plans(&options, &candidates, &cloud, &mut results, &mut conditions)?;
    write(&options, &candidates, &results, &conditions)?;
    let mut success = true;
    if options.check {
        // Otherwise a limit could be skipped.
        success = results.missing.is_empty();
        for (index, candidate) in candidates.iter().enumerate() {
            for (line, passed) in results.check(index, &candidate.provider) {
                println!("{line}");
                success &= passed;
            }
        }
    }
    Ok(crate::exit_code(success))
}

/// The executables with their configurations.
fn candidates(options: &Options, cloud: &Cloud) -> Result<Vec<Candidate>, Box<dyn Error>> {
    let mapping = mapping::read(&options.mapping_files)?;
    let own = if options.own { own_binaries(options.debug)? } else { Vec::new() };
    let own = own.iter().map(|binary| binary.display().to_string());
    let binaries: Vec<_> = own.chain(options.binaries.iter().cloned()).collect();
    let mut candidates: Vec<Candidate> = Vec::new();
    for argument in &binaries {
        let (name, provider, binary) = mapping::find(&mapping, argument)?;
        // Absolute, because Terraform runs in another directory.
        let binary = fs::canonicalize(&binary).map_err(|error| format!("{}: {error}", binary.display()))?;
        let builds = candidates.iter().filter(|other| other.title.split(' ').next() == Some(name)).count();
        let title = if builds == 0 { name.to_owned() } else { format!("{name} {}", builds + 1) };
        let configure = |config| cloud.configure(config).map_err(|reason| format!("{name}: {reason}"));
        candidates.push(Candidate {
            title,
            binary,
            provider_config: configure(&provider.provider_config)?,
            data_source_config: configure(&provider.data_source_config)?,
            provider: provider.clone(),
        });
    }
    Ok(candidates)
}

/// Builds this provider and the floors with the target, the profile and the flags of a release package.
fn own_binaries(debug: bool) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    if debug {
        return Ok(build_bench_providers()?.to_vec());
    }
    let target = build::host_target()?;
    let workspace = Workspace::read(&target)?;
    let mut binaries = Vec::new();
    for (package, name) in
        [(NAME, NAME), ("bench-floors", "minimal_provider"), ("bench-floors", "constant_provider")]
    {
        let binary = build::build_executable(&workspace, &target, package, name)?;
        eprintln!("built {}", binary.display());
        binaries.push(binary);
    }
    Ok(binaries)
}

/// Measures with the plugin host of this repository.
async fn measure_processes(
    options: &Options,
    candidates: &[Candidate],
    cloud: &Cloud,
    results: &mut Results,
    conditions: &mut Vec<(&'static str, String)>,
) -> Result<(), Box<dyn Error>> {
    if let Some(rounds) = options.rounds(Group::Start) {
        for (index, candidate) in candidates.iter().enumerate() {
            results.record(SIZE, index, process::mebibytes(fs::metadata(&candidate.binary)?.len()));
        }
        // Each first start fills the caches, which a large provider empties. Terraform, too, starts a provider several times.
        let mut ignored = Results::new(results.titles.clone());
        for round in 1..=rounds {
            progress("start", round, rounds);
            for index in random_order(candidates.len()) {
                for results in [&mut ignored, &mut *results] {
                    let measured = process::measure_start(results, index, &candidates[index]).await;
                    measured.map_err(|error| failed(&candidates[index], "start", &error))?;
                }
            }
        }
    }
    if let Some(rounds) = options.rounds(Group::Reads) {
        for round in 1..=rounds {
            progress("reads", round, rounds);
            for index in random_order(candidates.len()) {
                let measured =
                    process::measure_reads(results, index, &candidates[index], cloud, options.reads).await;
                measured.map_err(|error| failed(&candidates[index], "reads", &error))?;
            }
        }
    }
    if let Some(rounds) = options.rounds(Group::Instructions) {
        match instructions::valgrind_version() {
            Ok(version) => {
                conditions.push(("instructions", version));
                measure_instructions(rounds, candidates, results).await;
            }
            Err(reason) => results.missing.push(format!("instructions: {reason}")),
        }
    }
    Ok(())
}

/// Counts instructions. A provider that does not run under callgrind is left out.
async fn measure_instructions(rounds: usize, candidates: &[Candidate], results: &mut Results) {
    let mut failing = Vec::new();
    for round in 1..=rounds {
        progress("instructions", round, rounds);
        for index in random_order(candidates.len()) {
            if failing.contains(&index) {
                continue;
            }
            if let Err(error) = instructions::measure(results, index, &candidates[index]).await {
                let reason = failed(&candidates[index], "instructions", &error);
                eprintln!("{reason}");
                failing.push(index);
                // The other lines are the output of callgrind.
                results.missing.extend(reason.lines().next().map(str::to_owned));
            }
        }
    }
}

/// Measures with the installed Terraform or OpenTofu.
fn measure_plans(
    options: &Options,
    candidates: &[Candidate],
    cloud: &Cloud,
    results: &mut Results,
    conditions: &mut Vec<(&'static str, String)>,
) -> Result<(), Box<dyn Error>> {
    let groups = [Group::Plan, Group::Aliases, Group::Plan1000, Group::Plan10000];
    let groups = groups.into_iter().filter_map(|group| Some((group, options.rounds(group)?)));
    let groups: Vec<_> = groups.collect();
    if groups.is_empty() {
        return Ok(());
    }
    let Some(cli) = TerraformCli::installed()? else {
        results.missing.push("plans: put terraform or tofu on the PATH, or set TF_CLI.".to_owned());
        return Ok(());
    };
    conditions.push(("plans", cli.to_string()));
    let plans = Plans::new(cli, candidates, cloud)?;
    for (group, rounds) in groups {
        match group {
            Group::Plan => plans.measure_one_read(results, rounds)?,
            Group::Aliases => plans.measure_aliases(results, rounds)?,
            Group::Plan1000 => plans.measure_many_reads(results, rounds, &READS_1000)?,
            _ => plans.measure_many_reads(results, rounds, &READS_10000)?,
        }
    }
    Ok(())
}

/// Prints the table, and writes the files of `--out`.
fn write(
    options: &Options,
    candidates: &[Candidate],
    results: &Results,
    conditions: &report::Conditions,
) -> Result<(), Box<dyn Error>> {
    let table = report::table(results, conditions);
    println!("{table}");
    if let Some(directory) = &options.out {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("table.md"), table)?;
        fs::write(directory.join("results.json"), report::json(results, conditions))?;
        // The constant provider matters only for plans with many data sources.
        let is_charted = |index: &usize| candidates[*index].provider.floor != Some(Floor::Constant);
        let charted: Vec<_> = (0..candidates.len()).filter(is_charted).collect();
        fs::write(directory.join("chart.svg"), chart::svg(results, &charted))?;
    }
    Ok(())
}

/// The numbers from 0, in random order. So a slow phase of the machine does not always affect the same provider.
fn random_order(count: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).collect();
    fastrand::shuffle(&mut order);
    order
}

fn failed(candidate: &Candidate, group: &str, error: &dyn std::fmt::Display) -> String {
    format!("{group} of {}: {error}", candidate.title)
}

fn progress(group: &str, round: usize, rounds: usize) {
    eprintln!("{group}: round {round} of {rounds}");
}
