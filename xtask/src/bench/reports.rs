//! Measures reports on a long trace: two hours of a busy machine, composed by the library's own
//! example, so that machines can be compared. Memory is sampled until about two milliseconds before
//! the end.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::demo::{self, build};

/// Processes of the traces: a long recording, and the largest one that a page must be fast with.
const PROCESSES: [u32; 2] = [20_000, 100_000];

/// Measures, and prints one line per form of the report.
pub fn run(tracer: &Path, directory: &Path) -> Result<()> {
    let compose = build_compose()?;
    println!();
    for processes in PROCESSES {
        let trace = directory.join("busy.trace");
        let made = Command::new(&compose)
            .arg("busy")
            .arg(&trace)
            .arg(processes.to_string())
            .output()
            .context("cannot make a trace up")?;
        if !made.status.success() {
            bail!("no trace was made up: {}", made.status);
        }
        let events = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        for format in ["text", "html"] {
            let file = directory.join("report");
            let (time, peak) = measure(tracer, &trace, format, &file)?;
            println!(
                "report: {processes} processes, {events} to {format}: \
                 {:.2} s, {peak} at most, {:.1} MB",
                time.as_secs_f64(),
                fs::metadata(&file)?.len() as f64 / 1e6
            );
        }
    }
    Ok(())
}

fn build_compose() -> Result<PathBuf> {
    let workspace = demo::workspace()?;
    let mut cargo = build::cargo(&workspace, false)?;
    cargo.args(["build", "--quiet", "--release", "--package", "agent-tracer"]);
    cargo.args(["--example", "compose"]);
    build::executable(cargo, "compose")
}

fn measure(tracer: &Path, trace: &Path, format: &str, file: &Path) -> Result<(Duration, String)> {
    let start = Instant::now();
    let mut child = Command::new(tracer)
        .args(["report", "--force", "--format", format, "-o"])
        .arg(file)
        .arg(trace)
        .spawn()
        .with_context(|| format!("cannot run {}", tracer.display()))?;
    let mut peak = "?".to_owned();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()));
        let status = status.unwrap_or_default();
        if let Some(line) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
            line.trim().clone_into(&mut peak);
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if !status.success() {
        bail!("tracer report failed: {status}");
    }
    Ok((start.elapsed(), peak))
}
