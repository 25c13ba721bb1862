//! Ends the processes that a run of the tests leaves behind, and reports them as a failure. They
//! carry a mark in their environment. Unlike a reaper of orphans, a mark changes no tree of
//! processes.

use std::{
    fs,
    os::unix::ffi::OsStrExt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The variable that marks the processes of a run.
const MARK: &str = "TRACER_TESTS_RUN";

/// Limit for a process to end after the last test.
const PATIENCE: Duration = Duration::from_secs(10);

/// Actions that end processes of many tests.
static ENDINGS: Mutex<Vec<Ending>> = Mutex::new(Vec::new());

type Ending = Box<dyn FnOnce() + Send>;

/// Marks all processes that this one starts from now on.
pub(crate) fn mark() {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since_1970 = since_1970.map_or(0, |time| time.as_nanos());
    let value = format!("{}-{since_1970}", std::process::id());
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe { std::env::set_var(MARK, value) };
}

/// Registers an action for the end of the run, such as ending a shared process.
pub(crate) fn at_the_end(ending: impl FnOnce() + Send + 'static) {
    let mut endings = ENDINGS.lock().unwrap_or_else(PoisonError::into_inner);
    endings.push(Box::new(ending));
}

/// Ends the processes that tests left behind, and returns a line for each.
pub(crate) fn end_leftovers() -> Vec<String> {
    let endings = std::mem::take(&mut *ENDINGS.lock().unwrap_or_else(PoisonError::into_inner));
    for ending in endings {
        ending();
    }
    let deadline = Instant::now() + PATIENCE;
    let mut left = marked();
    while !left.is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
        left = marked();
    }
    let lines = left.iter().map(|pid| describe(*pid)).collect();
    for pid in left {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    lines
}

/// Finds the other processes with this run's mark.
fn marked() -> Vec<i32> {
    let Ok(value) = std::env::var(MARK) else {
        return Vec::new();
    };
    let mark = format!("{MARK}={value}");
    let own = std::process::id().cast_signed();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != own)
        .filter(|pid| {
            // A process that has ended has no environment any more.
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0);
            variables.any(|variable| variable == mark.as_bytes())
        })
        .collect()
}

fn describe(pid: i32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let directory = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).replace('\0', " ");
    let directory = String::from_utf8_lossy(directory.as_os_str().as_bytes()).into_owned();
    format!("[{pid}] {words}(in {directory})")
}
