//! A short version of `cargo xtask soak`, with the debug build and real Terraform or OpenTofu.
#![cfg(target_os = "linux")]

use std::process::Command;

use plugin_host::build_provider_and_example;

/// Runs `cargo xtask soak`. Returns the exit code, and the name, the measured value and the result of each check.
fn soak(arguments: &[&str]) -> (Option<i32>, Vec<[String; 3]>) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("soak").args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    print!("{text}{}", String::from_utf8_lossy(&output.stderr));
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.map(|row| row.split(" | ").map(str::to_owned).collect::<Vec<_>>());
    let rows = rows.map(|row| [row[0].clone(), row[1].clone(), row[3].clone()]);
    (output.status.code(), rows.skip(1).collect())
}

/// The name ends with `acceptance`, so that `--skip acceptance` leaves out the test, which needs Terraform or OpenTofu.
#[test]
fn short_soak_passes_its_checks_acceptance() {
    let (provider, _) = build_provider_and_example("quickstart").unwrap();
    let provider = provider.to_str().unwrap();
    let numbers = ["--reads", "500", "--tokens", "4", "--kills", "2", "--interrupts", "2", "--seed", "1"];
    let (code, rows) = soak(&[&["--binary", provider], &numbers[..]].concat());
    let names: Vec<_> = rows.iter().map(|[name, ..]| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "memory in the first and the last tenth of the reads",
            "open files in the first and the last tenth of the reads",
            "new tokens after 4 expirations",
            "end of the process",
            "SIGKILL of Terraform: processes and sockets left",
            "SIGKILL of Terraform: end of the provider after the end of Terraform",
            "SIGINT to Terraform and the provider: processes and sockets left",
            "SIGINT to Terraform and the provider: end of the provider after the end of Terraform",
            "SIGINT to Terraform and the provider: end of both after the signal, if a request was sent before",
        ]
    );
    assert_eq!(rows[2][1], "4 fetched");
    // After few reads, the memory still grows.
    assert!(rows[1..].iter().all(|[.., result]| result == "passed"), "{rows:?}");
    let all_passed = rows.iter().all(|[.., result]| result == "passed");
    assert_eq!(code, Some(i32::from(!all_passed)));
}

#[test]
fn exceeded_limit_is_reported_by_the_exit_code() {
    let (provider, _) = build_provider_and_example("quickstart").unwrap();
    // With more expirations than batches, several tokens expire at once, and only one new token is fetched for them.
    let numbers = ["--reads", "50", "--tokens", "20", "--kills", "0", "--interrupts", "0"];
    let (code, rows) = soak(&[&["--binary", provider.to_str().unwrap()], &numbers[..]].concat());
    assert_eq!((code, rows[2][2].as_str()), (Some(1), "failed"), "{rows:?}");
}
