//! Runs the recorder of a soak, and measures its memory.

use std::{
    fs::{self, File},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Time until a recorder has begun.
const PATIENCE: Duration = Duration::from_secs(60);

/// Samples at the start that are left out: programs are being loaded.
const WARM_UP: usize = 5;

/// A recorder of segments.
pub struct Recorder {
    child: Child,
    begun: Instant,
    messages: PathBuf,
    /// Resident bytes, one sample a look.
    samples: Vec<f64>,
}

/// Resident memory, bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Mean of the first third.
    pub first: f64,
    /// Mean of the last third.
    pub last: f64,
    /// The most of all.
    pub most: f64,
}

impl Recorder {
    /// Starts it, and waits until it records.
    pub fn start(tracer: &Path, folder: &Path, options: &[&str]) -> Result<Recorder> {
        let messages = folder.with_extension("messages");
        let output = File::create(&messages).context("cannot write messages")?;
        // As systemd does, see sd_notify(3).
        let socket = folder.with_extension("notify");
        drop(fs::remove_file(&socket));
        let manager = UnixDatagram::bind(&socket).context("cannot listen to the recorder")?;
        manager
            .set_read_timeout(Some(Duration::from_secs(1)))
            .context("cannot listen to the recorder")?;
        let mut child = Command::new(tracer)
            .args(["record", "--system", "-o"])
            .arg(folder)
            .args(options)
            .env("NOTIFY_SOCKET", &socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot run {}", tracer.display()))?;
        let begun = Instant::now();
        while !says_ready(&manager) {
            if child.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                let said = fs::read_to_string(&messages).unwrap_or_default();
                bail!("the recorder did not begin: {said}");
            }
        }
        Ok(Recorder {
            child,
            begun: Instant::now(),
            messages,
            samples: Vec::new(),
        })
    }

    /// Kills it.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill().context("cannot kill the recorder")?;
        self.child.wait().context("cannot wait for the recorder")?;
        Ok(())
    }

    /// Takes a sample of its memory.
    pub fn measure(&mut self) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_ascii_whitespace().next());
        if let Some(kibibytes) = number.and_then(|number| number.parse::<f64>().ok()) {
            self.samples.push(kibibytes * 1024.0);
        }
    }

    /// Returns its memory.
    pub fn memory(&self) -> Memory {
        let warm_up = WARM_UP.min(self.samples.len() / 4);
        let samples = self.samples.get(warm_up..).unwrap_or_default();
        let third = (samples.len() / 3).max(1).min(samples.len());
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
        Memory {
            first: mean(samples.get(..third).unwrap_or_default()),
            last: mean(samples.get(samples.len() - third..).unwrap_or_default()),
            most: samples.iter().copied().fold(0.0, f64::max),
        }
    }

    /// Ends it well. Returns its share of a processor.
    pub fn stop(mut self) -> Result<f64> {
        let pid = i32::try_from(self.child.id()).context("a process id")?;
        let ticks = processor_ticks(pid);
        let share = ticks / 100.0 / self.begun.elapsed().as_secs_f64();
        kill(Pid::from_raw(pid), Signal::SIGTERM).context("cannot stop the recorder")?;
        let status = self.child.wait().context("cannot wait for the recorder")?;
        let said = fs::read_to_string(&self.messages).unwrap_or_default();
        ensure!(status.success(), "the recorder failed: {said}");
        Ok(share)
    }
}

impl Drop for Recorder {
    /// Leaves none behind after an error.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// Reads the processor time of a process, in hundredths of a second.
fn processor_ticks(pid: i32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|it| it.parse::<f64>().ok());
    number(11).unwrap_or(0.0) + number(12).unwrap_or(0.0)
}

/// Returns true if the recorder says that it records, within a second.
fn says_ready(manager: &UnixDatagram) -> bool {
    let mut message = [0; 256];
    let length = manager.recv(&mut message).unwrap_or(0);
    message
        .get(..length)
        .is_some_and(|message| message == b"READY=1")
}
