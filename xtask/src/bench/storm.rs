//! The load: one process after the other, each as short as a process can be.

use std::{path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, bail};

use super::{
    Bench,
    pairs::{self, Load, Peers},
    recorders::{BPFTRACE_EXECS, Recorder},
    row::Row,
};

/// Starts many processes and prints the time; called by `bench`
#[derive(clap::Args)]
pub struct Arguments {
    processes: u32,
}

/// Measures the storm under each recorder.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let processes = bench.choose(3000, 1000);
    let few = bench.choose(1000, 300);
    let words = |count: u64| vec!["storm".to_owned(), count.to_string()];
    let load = Load {
        part: "processes",
        what: format!("{processes} × posix_spawn of /bin/true"),
        words: words(processes),
        peers: Peers {
            recorders: vec![
                Recorder::Strace,
                Recorder::StraceSeccomp,
                BPFTRACE_EXECS,
                Recorder::Tracexec,
            ],
            words: words(few),
            what: format!("of {few}"),
        },
        goal: Some(1.02),
        check: &|trace, _| check(&bench.tracer, processes, trace),
    };
    Ok(vec![pairs::measure(bench, &load)?])
}

/// Fails if the recording lacks an exec.
fn check(tracer: &Path, processes: u64, trace: &Path) -> Result<()> {
    let output = Command::new(tracer)
        .args(["replay", "--strict", "--event", "exec", "--tree", "command"])
        .arg(trace)
        .output()
        .context("cannot read the recording")?;
    // The storm's own exec is one more.
    let lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    let execs = lines.saturating_sub(1) as u64;
    if !output.status.success() || execs != processes {
        bail!(
            "the recording has {execs} of {processes} execs: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Starts the processes, and prints the nanoseconds. With nothing to do between fork and exec, the
/// standard library uses posix_spawn(3), as most package managers and shells do.
pub fn run(arguments: &Arguments) -> Result<()> {
    let start = Instant::now();
    for _ in 0..arguments.processes {
        let status = Command::new("/bin/true")
            .status()
            .context("cannot start /bin/true")?;
        if !status.success() {
            bail!("/bin/true failed: {status}");
        }
    }
    println!("{}", start.elapsed().as_nanos());
    Ok(())
}
