//! What a recorder takes for itself: the time until its hooks are live, and the memory that it has while
//! it records. What it costs others is not measured here.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::time::{ClockId, clock_gettime};
use serde_json::Value;

/// One recording.
pub struct Taken {
    /// From before the program is started until its hooks are live.
    pub start: Duration,
    /// The most that was resident while the command ran, KiB.
    pub resident: u64,
}

/// Records a storm.
pub fn measure(tracer: &Path, processes: u32, directory: &Path) -> Result<Taken> {
    let trace = directory.join("recorder.trace");
    // It is made when the hooks are live.
    drop(fs::remove_file(&trace));
    let storm = std::env::current_exe().context("cannot find this program")?;
    let begun = boot_now()?;
    let mut recorder = Command::new(tracer)
        .args(["record", "--quiet", "-o"])
        .arg(&trace)
        .arg("--")
        .arg(storm)
        .args(["storm", &processes.to_string()])
        .stdout(Stdio::null())
        .spawn()
        .context("cannot run tracer")?;
    let mut resident = 0;
    let status = loop {
        if trace.exists() {
            resident = resident.max(resident_kib(&recorder).unwrap_or(0));
        }
        if let Some(status) = recorder.try_wait().context("cannot wait for tracer")? {
            break status;
        }
        thread::sleep(Duration::from_millis(5));
    };
    if !status.success() || resident == 0 {
        bail!("tracer record failed: {status}");
    }
    let attached = first_event(tracer, &trace)?;
    Ok(Taken {
        start: Duration::from_nanos(attached.saturating_sub(begun)),
        resident,
    })
}

/// The snapshot of what runs already, which is begun as soon as the hooks are live.
fn first_event(tracer: &Path, trace: &Path) -> Result<u64> {
    let output = Command::new(tracer)
        .args(["replay", "--format", "jsonl"])
        .arg(trace)
        .output()
        .context("cannot read the recording")?;
    let line = output.stdout.split(|byte| *byte == b'\n').next();
    let event: Value = serde_json::from_slice(line.unwrap_or_default())
        .context("the recording has no first event")?;
    event["boot_ns"]
        .as_u64()
        .context("the first event has no time")
}

fn resident_kib(process: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// The clock of all events.
fn boot_now() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).context("there is no such clock")?;
    Ok(Duration::from(now).as_nanos() as u64)
}
