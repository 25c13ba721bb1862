//! PID 1 of the sandbox: runs the recording, adopts and reaps the daemons that
//! detach, and ends everything by exiting. It keeps nothing running for long.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::listing;
use super::sandbox::{self, SandboxFiles};

/// Limit of the recorded part, which takes about ten seconds; several times that on a slow machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// Time for which the daemons run without a recorder.
const UNRECORDED_LINGER: Duration = Duration::from_secs(3);

/// The trace of the removal.
pub const REMOVAL: &str = "purge.trace";

/// Files that tests get besides the trace, in its directory: the removal, and what each process
/// said about itself until the first recording ended, and after that.
pub const FOR_TESTS: [&str; 3] = [REMOVAL, "truth", "purge.truth"];

/// The log of processes about themselves, and what scripts use to write it.
const TRUTH: &str = "/run/replica-truth/log";
pub const TRUTH_SCRIPT: &str = "/run/replica-truth/script";

/// The name under which the scripts look for it.
const TRUTH_NAME: &str = "/run/replica-truth/say";

/// The task of PID 1.
pub struct Task<'a> {
    /// The file system of the sandbox.
    pub files: SandboxFiles<'a>,
    /// The command line to run: the recorder's, or the installer's own.
    pub command: Vec<OsString>,
    /// A second command line, for tests.
    pub removal: Option<Vec<OsString>>,
    /// True if the command is a recorder, which waits for daemons by itself.
    pub recorded: bool,
    /// Prints only errors.
    pub quiet: bool,
}

/// Runs the task; the result is the exit status of PID 1.
pub fn run(task: &Task) -> isize {
    match try_run(task) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("demo: {error:#}");
            125
        }
    }
}

fn try_run(task: &Task) -> Result<isize> {
    // When the demo itself dies, so does PID 1, and with it all the rest.
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    sandbox::enter(&task.files)?;

    match task.removal {
        Some(_) => begin_truth()?,
        None => fs::remove_dir_all("/run/replica-truth")?,
    }

    start_background("/usr/sbin/cron", &["-f"])?;
    // An upgrade of the machine that happens at the same time.
    start_background("/usr/bin/unattended-upgrade", &[])?;

    let status = run_command(task, &task.command)?;
    if let Some(removal) = &task.removal {
        let [_, truth, later] = FOR_TESTS.map(|name| task.files.output_inside.join(name));
        fs::copy(TRUTH, truth).context("cannot keep the log of the processes")?;
        // Its writers append.
        File::create(TRUTH).context("cannot begin a new log")?;
        let removed = run_command(task, removal)?;
        fs::copy(TRUTH, later).context("cannot keep the log of the processes")?;
        if removed != 0 {
            return Ok(removed);
        }
    }
    if !task.recorded {
        reap_for(UNRECORDED_LINGER)?;
    }
    if !task.quiet {
        show_aftermath(task);
    }
    Ok(status)
}

/// Begins the log. The kernel lets others than its owner append, since its directory is root's.
fn begin_truth() -> Result<()> {
    fs::rename(TRUTH_SCRIPT, TRUTH_NAME).context("cannot place the script of the log")?;
    let log = File::create(TRUTH).context("cannot make the log")?;
    log.set_permissions(fs::Permissions::from_mode(0o666))?;
    Ok(())
}

fn run_command(task: &Task, line: &[OsString]) -> Result<isize> {
    let (program, arguments) = line.split_first().context("nothing to run")?;
    let mut command = in_clean_environment(Path::new(program));
    command.args(arguments).stdin(Stdio::null());
    if task.quiet {
        command.stdout(Stdio::null());
    }
    let main = command
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    reap_until_exit(&main, Instant::now() + DEADLINE)
}

/// Shows the output of classic tools: they list no process that has ended, and connections without
/// their owners.
fn show_aftermath(task: &Task) {
    if !task.recorded {
        println!("\nps, at the end:\n{}", listing::processes());
    }
    println!("\nnetstat, at the end, of connections that are over:");
    for connection in listing::ownerless_connections() {
        println!("  {connection}");
    }
}

fn start_background(program: &str, arguments: &[&str]) -> Result<Child> {
    in_clean_environment(Path::new(program))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {program}"))
}

/// A root login's environment: nothing of the developer's gets in.
fn in_clean_environment(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs([
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("USER", "root"),
        ("LOGNAME", "root"),
        ("SHELL", "/bin/sh"),
        ("LANG", "C.UTF-8"),
        ("DEBIAN_FRONTEND", "noninteractive"),
    ]);
    // For the recorder: the owner of the trace, and its style of output.
    for name in [
        "SUDO_UID",
        "SUDO_GID",
        "TERM",
        "NO_COLOR",
        "RUST_BACKTRACE",
        "COLUMNS",
    ] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

fn reap_until_exit(main: &Child, deadline: Instant) -> Result<isize> {
    let main = Pid::from_raw(i32::try_from(main.id())?);
    while Instant::now() < deadline {
        match reap_one()? {
            WaitStatus::Exited(pid, code) if pid == main => return Ok(code as isize),
            WaitStatus::Signaled(pid, signal, _) if pid == main => {
                return Ok(128 + signal as isize);
            }
            _ => {}
        }
    }
    bail!("the recording did not end within {} s", DEADLINE.as_secs())
}

fn reap_for(duration: Duration) -> Result<()> {
    let deadline = Instant::now() + duration;
    while Instant::now() < deadline {
        reap_one()?;
    }
    Ok(())
}

/// Reaps one child if one has exited, else rests a moment.
fn reap_one() -> Result<WaitStatus> {
    let status = waitpid(None, Some(WaitPidFlag::WNOHANG))?;
    if status == WaitStatus::StillAlive {
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(status)
}
