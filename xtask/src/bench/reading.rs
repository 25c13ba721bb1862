//! Measures commands that read a trace: time, and the peak of resident memory, which is sampled
//! until about two milliseconds before the end.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    compose::Composed,
    row::{Row, Unit},
};

/// One value a round.
#[derive(Default)]
pub struct Readings {
    pub seconds: Vec<f64>,
    /// Peaks of resident memory.
    pub mebibytes: Vec<f64>,
}

impl Readings {
    pub fn milliseconds(self) -> Vec<f64> {
        self.seconds.iter().map(|seconds| seconds * 1e3).collect()
    }

    /// Returns millions of events a second.
    pub fn speeds(&self, events: f64) -> Vec<f64> {
        let speed = |seconds: &f64| events / 1e6 / seconds;
        self.seconds.iter().map(speed).collect()
    }
}

/// Runs `tracer` with these words on a trace. Of several runs the first is not counted: it warms
/// caches.
pub fn view(tracer: &Path, words: &[&str], trace: &Composed, rounds: u32) -> Result<Readings> {
    let mut readings = Readings::default();
    let first = u32::from(rounds == 1);
    for round in first..=rounds {
        let mut command = Command::new(tracer);
        command.args(words).arg(&trace.file);
        let (seconds, mebibytes) = once(&mut command, &[0])?;
        if round > 0 {
            readings.seconds.push(seconds);
            readings.mebibytes.push(mebibytes);
        }
    }
    Ok(readings)
}

/// Makes a row of memory.
pub fn memory(part: &'static str, what: String, program: &str, readings: &Readings) -> Row {
    let values = readings.mebibytes.clone();
    Row::of_tracer(part, what, Unit::Mebibytes).with(program, values)
}

/// Runs a command that ends with one of these. Returns its seconds, and its memory at most in MiB.
pub fn once(command: &mut Command, expected: &[i32]) -> Result<(f64, f64)> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    let status = format!("/proc/{}/status", child.id());
    let has_ended = AtomicBool::new(false);
    let (ended, seconds, peak) = thread::scope(|scope| {
        let sampler = scope.spawn(|| sample(&status, &has_ended));
        let ended = child.wait();
        let seconds = start.elapsed().as_secs_f64();
        has_ended.store(true, Ordering::Relaxed);
        (ended, seconds, sampler.join().unwrap_or_default())
    });
    let ended = ended.context("cannot wait for a command")?;
    if !ended.code().is_some_and(|code| expected.contains(&code)) {
        bail!("{command:?} failed: {ended}");
    }
    Ok((seconds, peak))
}

/// Returns the highest peak until the end, in MiB.
fn sample(status: &str, has_ended: &AtomicBool) -> f64 {
    let mut peak: f64 = 0.0;
    while !has_ended.load(Ordering::Relaxed) {
        let text = fs::read_to_string(status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0.0) / 1024.0);
        thread::sleep(Duration::from_millis(2));
    }
    peak
}
