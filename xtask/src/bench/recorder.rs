//! Watches one recording: the times before and after the command, memory and processor time of the
//! recorder, and the events of its trace.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::wait::{Id, WaitPidFlag, WaitStatus, waitid},
    time::{ClockId, clock_gettime},
    unistd::{Pid, SysconfVar, sysconf},
};
use serde_json::Value;

use super::Bench;

/// One recording.
pub struct Taken {
    /// Seconds from the start of the program until the command's exec.
    pub start: f64,
    /// Seconds from the end of the command to the end of the program.
    pub end: f64,
    /// The peak while the command ran.
    pub memory: Memory,
    /// Seconds of the recorder, without its children.
    pub processor: f64,
    pub events: f64,
}

/// Resident memory in KiB.
#[derive(Default)]
pub struct Memory {
    /// As ps(1) counts it: every mapping of a page.
    pub resident: u64,
    /// The peak since the start.
    pub highest: u64,
    /// Each page once, and a share of pages that other processes have too.
    pub proportional: u64,
}

/// Records a command.
pub fn take(bench: &Bench, command: &[String]) -> Result<Taken> {
    let trace = bench.trace();
    // The recorder makes the trace when the hooks are live.
    drop(fs::remove_file(&trace));
    let begun = boot_now()?;
    let mut recorder = Command::new(&bench.tracer)
        .args(["record", "--quiet", "-o"])
        .arg(&trace)
        .arg("--")
        .args(command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot run tracer")?;
    let pid = recorder.id();
    let memory = watch(pid, &trace)?;
    let ended = boot_now()?;
    let processor = processor(pid);
    let status = recorder.wait().context("cannot wait for tracer")?;
    if !status.success() {
        bail!("tracer record failed: {status}");
    }
    let times = Times::of(&bench.tracer, &trace)?;
    let seconds = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e9;
    Ok(Taken {
        start: seconds(begun, times.exec),
        end: seconds(times.exit, ended),
        memory,
        processor: processor?,
        events: times.events,
    })
}

/// Samples until the recorder has ended; it stays to be waited for.
fn watch(pid: u32, trace: &Path) -> Result<Memory> {
    let mut memory = Memory::default();
    let pid_of_kernel = Pid::from_raw(pid.cast_signed());
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        if trace.exists() {
            let now = Memory::of(pid).unwrap_or_default();
            memory.resident = memory.resident.max(now.resident);
            memory.proportional = memory.proportional.max(now.proportional);
            memory.highest = memory.highest.max(now.highest);
        }
        let status = waitid(Id::Pid(pid_of_kernel), flags).context("cannot wait for tracer")?;
        if status != WaitStatus::StillAlive {
            return Ok(memory);
        }
        // Each sample takes the lock of the recorder's memory, so they are few.
        let pause = if memory.resident == 0 { 1 } else { 10 };
        thread::sleep(Duration::from_millis(pause));
    }
}

/// Times of a recording on the clock of all events.
struct Times {
    exec: u64,
    exit: u64,
    events: f64,
}

impl Times {
    /// Finds the first exec of the command, and the exit of that process.
    fn of(tracer: &Path, trace: &Path) -> Result<Self> {
        let output = Command::new(tracer)
            .args(["replay", "--format", "jsonl", "--event", "exec,exit"])
            .args(["--tree", "command"])
            .arg(trace)
            .output()
            .context("cannot read the recording")?;
        let lines = output.stdout.split(|byte| *byte == b'\n');
        let events: Vec<Value> = lines
            .filter(|line| !line.is_empty())
            .map(serde_json::from_slice)
            .collect::<Result<_, _>>()
            .context("a line is no JSON")?;
        let exec = events.first().context("the recording has no exec")?;
        let exit = events.iter().rev().find(|event| {
            event["event"] == "exit" && event["process"]["pid"] == exec["process"]["pid"]
        });
        let exit = exit.context("the recording has no end of the command")?;
        let time = |event: &Value| event["boot_ns"].as_u64().context("an event has no time");
        Ok(Self {
            exec: time(exec)?,
            exit: time(exit)?,
            events: count(tracer, trace)?,
        })
    }
}

/// Counts all events: the last one has the highest number.
fn count(tracer: &Path, trace: &Path) -> Result<f64> {
    let output = Command::new(tracer)
        .args(["replay", "--format", "jsonl", "--event", "end"])
        .arg(trace)
        .output()
        .context("cannot read the recording")?;
    let line = output.stdout.split(|byte| *byte == b'\n').next();
    let event: Value =
        serde_json::from_slice(line.unwrap_or_default()).context("the recording has no end")?;
    event["seq"].as_f64().context("the end has no number")
}

impl Memory {
    fn of(pid: u32) -> Option<Memory> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
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

/// Returns the seconds of a process that has ended and was not waited for. Its children count for
/// themselves.
fn processor(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).context("cannot read /proc")?;
    // The name may hold spaces and brackets.
    let (_, fields) = text.rsplit_once(") ").context("/proc has no such line")?;
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    let second = sysconf(SysconfVar::CLK_TCK)?.context("there are no ticks")?;
    Ok(ticks / second as f64)
}

/// Returns the time on the clock of all events.
fn boot_now() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).context("there is no such clock")?;
    Ok(Duration::from(now).as_nanos() as u64)
}
