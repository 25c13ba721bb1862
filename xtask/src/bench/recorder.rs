//! Measures the recorder itself: the time until its hooks are live, and its memory while it
//! records.

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
    /// The time from the start of the program until its hooks are live.
    pub start: Duration,
    /// The peak of resident memory while the command ran.
    pub memory: Memory,
}

/// Resident memory, KiB.
#[derive(Default)]
pub struct Memory {
    /// As ps(1) counts it: every mapping of a page.
    pub resident: u64,
    /// The peak since the start.
    pub highest: u64,
    /// Each page once, and a share of pages that other processes have too.
    pub proportional: u64,
}

/// Records a storm.
pub fn measure(tracer: &Path, processes: u32, directory: &Path) -> Result<Taken> {
    let trace = directory.join("recorder.trace");
    // The recorder makes the trace when the hooks are live.
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
    let mut memory = Memory::default();
    let status = loop {
        if trace.exists() {
            let now = Memory::of(&recorder).unwrap_or_default();
            memory.resident = memory.resident.max(now.resident);
            memory.proportional = memory.proportional.max(now.proportional);
            memory.highest = memory.highest.max(now.highest);
        }
        if let Some(status) = recorder.try_wait().context("cannot wait for tracer")? {
            break status;
        }
        thread::sleep(Duration::from_millis(20));
    };
    if !status.success() || memory.resident == 0 {
        bail!("tracer record failed: {status}");
    }
    let attached = first_event(tracer, &trace)?;
    Ok(Taken {
        start: Duration::from_nanos(attached.saturating_sub(begun)),
        memory,
    })
}

/// The snapshot of running processes, which begins as soon as the hooks are live.
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

impl Memory {
    fn of(process: &Child) -> Option<Memory> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", process.id())).ok();
        let (now, status) = (read("smaps_rollup")?, read("status")?);
        Some(Memory {
            resident: field(&now, "Rss:")?,
            highest: field(&status, "VmHWM:")?,
            proportional: field(&now, "Pss:")?,
        })
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Returns the time on the clock of all events.
fn boot_now() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).context("there is no such clock")?;
    Ok(Duration::from(now).as_nanos() as u64)
}
