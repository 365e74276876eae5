//! Plans of real Terraform: the groups `plan`, `aliases`, `plan-1000` and `plan-10000`.

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use terraform_runner::{Output, TerraformCli, Workspace};

use super::cloud::Cloud;
use super::cpu::{CpuTimes, cpu_times};
use super::mapping::Floor;
use super::memory::{Memory, peak_memory};
use super::process::{Candidate, mebibytes, milliseconds};
use super::results::*;
use super::{failed, progress, random_order};

/// The number of provider blocks in the group `aliases`. Terraform starts a process for each of them.
const ALIASES: usize = 17;

/// A plan with 10,000 data sources takes long, also for Terraform itself.
const TIMEOUT: Duration = Duration::from_secs(1800);

const PLAN_COMMAND: [&str; 2] = ["plan", "-input=false"];

/// How the data sources of a configuration are written.
#[derive(Clone, Copy)]
enum Shape {
    /// Some instances of one data source.
    Count(usize),
    /// A data source for each of some provider blocks.
    Aliases(usize),
}

/// Terraform, and directories with the executables under the names that it expects.
pub struct Plans<'a> {
    cli: TerraformCli,
    candidates: &'a [Candidate],
    cloud: &'a Cloud,
    directory: TempDir,
}

impl<'a> Plans<'a> {
    pub fn new(
        cli: TerraformCli,
        candidates: &'a [Candidate],
        cloud: &'a Cloud,
    ) -> Result<Self, Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        for (index, candidate) in candidates.iter().enumerate() {
            let parent = directory.path().join(index.to_string());
            fs::create_dir(&parent)?;
            let name = format!("terraform-provider-{}", candidate.provider.type_name());
            let path = parent.join(name).with_extension(std::env::consts::EXE_EXTENSION);
            #[cfg(unix)]
            std::os::unix::fs::symlink(fs::canonicalize(&candidate.binary)?, path)?;
            #[cfg(not(unix))]
            fs::copy(&candidate.binary, path)?;
        }
        Ok(Self { cli, candidates, cloud, directory })
    }

    /// A workspace that reads data sources of a candidate.
    fn workspace(&self, index: usize, shape: Shape) -> Workspace {
        let Candidate { provider, .. } = &self.candidates[index];
        let directory = self.directory.path().join(index.to_string());
        let mut workspace = Workspace::with_provider(&self.cli, &directory, &provider.source);
        workspace.set_timeout(TIMEOUT);
        workspace.write_file("main.tf.json", &configuration(&self.candidates[index], shape).to_string());
        workspace
    }

    /// Checks the result of a plan: it must have sent a request for each of its data sources.
    fn check<T>(&self, index: usize, reads: usize, result: Result<T, String>) -> Result<T, Box<dyn Error>> {
        let candidate = &self.candidates[index];
        let result = result.and_then(|value| self.cloud.check_requests(candidate, reads).map(|()| value));
        Ok(result.map_err(|reason| failed(candidate, "plan", &reason))?)
    }

    /// Measures the time that each provider adds to a plan.
    pub fn measure_one_read(&self, results: &mut Results, rounds: usize) -> Result<(), Box<dyn Error>> {
        let count = self.candidates.len();
        let mut empty = Workspace::without_cli_config(&self.cli);
        empty
            .set_timeout(TIMEOUT)
            .write_file("main.tf", "resource \"terraform_data\" \"this\" {\n  input = 1\n}\n");
        // With TLS, then without. Core generates a P-521 key for each process, which takes long.
        let mut workspaces: Vec<_> = (0..count).map(|index| self.workspace(index, Shape::Count(1))).collect();
        workspaces.extend((0..count).map(|index| {
            let mut workspace = self.workspace(index, Shape::Count(1));
            workspace.set_env("TF_DISABLE_PLUGIN_TLS", "1");
            workspace
        }));
        // The first round fills the caches of the operating system.
        for round in 0..=rounds {
            progress("plan", round, rounds);
            let mut times = vec![0.0; workspaces.len() + 1];
            for index in random_order(times.len()) {
                times[index] = milliseconds(match workspaces.get(index) {
                    Some(workspace) => self.check(index % count, 1, plan(workspace))?,
                    None => plan(&empty)?,
                });
            }
            let without_provider = times[2 * count];
            if round == 0 {
                continue;
            }
            for index in 0..count {
                results.record(PLAN_EMPTY, index, without_provider);
                results.record(PLAN, index, times[index] - without_provider);
                results.record(PLAN_WITHOUT_TLS, index, times[count + index] - without_provider);
            }
            self.record_ratios(results, &[PLAN], Floor::Minimal, PLAN_RATIO);
        }
        Ok(())
    }

    /// Measures a plan with many provider blocks: its time, and the memory of the provider's processes in a second plan.
    pub fn measure_aliases(&self, results: &mut Results, rounds: usize) -> Result<(), Box<dyn Error>> {
        let shape = Shape::Aliases(ALIASES);
        let workspaces: Vec<_> =
            (0..self.candidates.len()).map(|index| self.workspace(index, shape)).collect();
        for round in 1..=rounds {
            progress("aliases", round, rounds);
            for index in random_order(workspaces.len()) {
                let time = self.check(index, ALIASES, plan(&workspaces[index]))?;
                results.record(ALIASES_TIME, index, time.as_secs_f64());
                let peak = self.check(index, ALIASES, peak_memory_of_plan(&workspaces[index]))?;
                if cfg!(target_os = "linux") {
                    results.record(ALIASES_RESIDENT, index, mebibytes(peak.resident));
                    results.record(ALIASES_PROPORTIONAL, index, mebibytes(peak.proportional));
                }
            }
        }
        Ok(())
    }

    /// Measures a plan with many data sources.
    pub fn measure_many_reads(
        &self,
        results: &mut Results,
        rounds: usize,
        metrics: &ManyReads,
    ) -> Result<(), Box<dyn Error>> {
        let &ManyReads { reads, time, core_cpu, provider_cpu, .. } = metrics;
        let workspaces: Vec<_> =
            (0..self.candidates.len()).map(|index| self.workspace(index, Shape::Count(reads))).collect();
        for round in 1..=rounds {
            progress(&format!("plan-{reads}"), round, rounds);
            for index in random_order(workspaces.len()) {
                let (duration, cpu) = self.check(index, reads, plan_with_cpu_times(&workspaces[index]))?;
                results.record(time, index, duration.as_secs_f64());
                results.record_if_known(core_cpu, index, cpu.map(|times| times.core));
                results.record_if_known(provider_cpu, index, cpu.map(|times| times.provider));
                results.record_if_known(metrics.cloud_cpu, index, cpu.map(|times| times.cloud));
            }
            self.record_ratios(results, &[time], Floor::Minimal, metrics.ratio);
            self.record_ratios(results, &[time], Floor::Constant, metrics.constant_ratio);
            self.record_ratios(results, &[core_cpu, provider_cpu], Floor::Constant, metrics.cpu_ratio);
        }
        Ok(())
    }

    /// Compares the last values of all candidates with those of a floor, if it is measured.
    fn record_ratios(&self, results: &mut Results, metrics: &[Metric], floor: Floor, ratio: Metric) {
        let is_floor = |candidate: &Candidate| candidate.provider.floor == Some(floor);
        if let Some(floor) = self.candidates.iter().position(is_floor) {
            results.record_ratios(metrics, floor, ratio);
        }
    }
}

/// Runs a plan. Returns its time.
fn plan(workspace: &Workspace) -> Result<Duration, String> {
    let started = Instant::now();
    let output = workspace.run(&PLAN_COMMAND);
    let time = started.elapsed();
    check_output(&output)?;
    Ok(time)
}

/// Runs a plan. Returns its time, and the CPU times if they can be measured.
fn plan_with_cpu_times(workspace: &Workspace) -> Result<(Duration, Option<CpuTimes>), String> {
    let started = Instant::now();
    let (cpu, output) = cpu_times(workspace.spawn(&PLAN_COMMAND));
    let time = started.elapsed();
    check_output(&output)?;
    Ok((time, cpu))
}

/// Runs a plan. Returns the peak of the memory of all provider processes together.
fn peak_memory_of_plan(workspace: &Workspace) -> Result<Memory, String> {
    let (peak, output) = peak_memory(workspace.spawn(&PLAN_COMMAND))?;
    check_output(&output)?;
    Ok(peak)
}

fn check_output(output: &Output) -> Result<(), String> {
    if output.code == Some(0) { Ok(()) } else { Err(format!("the plan failed: {}", output.stderr)) }
}

/// A configuration in Terraform's JSON syntax.
fn configuration(candidate: &Candidate, shape: Shape) -> Value {
    let Candidate { provider, .. } = candidate;
    // Terraform finds the provider of a data source by the first word of its type.
    let name = provider.data_source.split('_').next().unwrap_or_default();
    let provider_config = escape_templates(&candidate.provider_config);
    let data_source = escape_templates(&candidate.data_source_config);
    let with = |config: &Value, name: &str, value: Value| {
        let mut config = config.clone();
        config[name] = value;
        config
    };
    let (provider_blocks, data_sources) = match shape {
        Shape::Count(1) => (provider_config, json!({ "this": data_source })),
        Shape::Count(count) => {
            (provider_config, json!({ "this": with(&data_source, "count", json!(count)) }))
        }
        Shape::Aliases(count) => {
            let aliases: Vec<_> = (1..=count).map(|number| format!("alias{number}")).collect();
            let blocks = aliases.iter().map(|alias| with(&provider_config, "alias", json!(alias)));
            let data_sources = aliases.iter().map(|alias| {
                (alias.clone(), with(&data_source, "provider", json!(format!("{name}.{alias}"))))
            });
            (blocks.collect(), Value::Object(data_sources.collect()))
        }
    };
    json!({
        "terraform": { "required_providers": { (name): { "source": provider.source } } },
        "provider": { (name): provider_blocks },
        "data": { (provider.data_source.as_str()): data_sources },
    })
}

/// Escapes the start of template sequences, which strings in the JSON syntax can contain.
fn escape_templates(config: &Value) -> Value {
    match config {
        Value::String(text) => text.replace("${", "$${").replace("%{", "%%{").into(),
        Value::Array(items) => items.iter().map(escape_templates).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), escape_templates(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping;
    use super::*;

    fn configured(shape: Shape) -> Value {
        let mapping = mapping::read(&[super::super::mapping_file()]).unwrap();
        configuration(
            &Candidate {
                title: "dds".to_owned(),
                binary: "x".into(),
                provider: mapping["dds"].clone(),
                provider_config: json!({ "region": "${r}", "endpoints": { "dds": ["%{u}"] } }),
                data_source_config: json!({ "instance_id": "i" }),
            },
            shape,
        )
    }

    #[test]
    fn configuration_contains_no_template_sequences() {
        let expected = json!({
            "terraform": { "required_providers": { "dds": { "source": "terraform-dds/dds" } } },
            "provider": { "dds": { "region": "$${r}", "endpoints": { "dds": ["%%{u}"] } } },
            "data": { "dds_ssl_cert_download_links": { "this": { "instance_id": "i" } } },
        });
        assert_eq!(configured(Shape::Count(1)), expected);
    }

    #[test]
    fn each_alias_has_its_own_data_source() {
        let configuration = configured(Shape::Aliases(2));
        let blocks = configuration["provider"]["dds"].as_array().unwrap();
        let aliases: Vec<_> = blocks.iter().map(|block| block["alias"].as_str().unwrap()).collect();
        assert_eq!(aliases, ["alias1", "alias2"]);
        assert_eq!(blocks[1]["region"], "$${r}");
        let expected = json!({
            "alias1": { "instance_id": "i", "provider": "dds.alias1" },
            "alias2": { "instance_id": "i", "provider": "dds.alias2" },
        });
        assert_eq!(configuration["data"]["dds_ssl_cert_download_links"], expected);
    }

    #[test]
    fn many_reads_are_instances_of_one_data_source() {
        let configuration = configured(Shape::Count(1000));
        let data_source = &configuration["data"]["dds_ssl_cert_download_links"]["this"];
        assert_eq!(data_source, &json!({ "instance_id": "i", "count": 1000 }));
    }
}
