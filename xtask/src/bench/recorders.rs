//! The recorders that run side by side: ours with and without the comparison of the machine, and
//! peers. A peer that is not installed has a reason in place of a command.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::Bench;

/// A recorder of a load, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Recorder {
    Untraced,
    Tracer,
    /// Without the comparison of users, packages, units and settings.
    NoChanges,
    Strace,
    StraceSeccomp,
    /// Runs a script of one line.
    Bpftrace(&'static str),
    Tracexec,
}

/// Prints a line for each exec.
pub const BPFTRACE_EXECS: Recorder = Recorder::Bpftrace(
    "tracepoint:sched:sched_process_exec { printf(\"%d %s\\n\", pid, str(args->filename)); }",
);

/// Prints a line for each change of a TCP socket.
pub const BPFTRACE_CONNECTS: Recorder = Recorder::Bpftrace(
    "tracepoint:sock:inet_sock_set_state \
     { printf(\"%d %d %d %d\\n\", pid, args->oldstate, args->newstate, args->dport); }",
);

const SYSTEM_CALLS: &str = "trace=execve,execveat,connect";

impl Recorder {
    /// Recorders that measure the whole load in every round.
    pub const OURS: [Recorder; 3] = [Recorder::Untraced, Recorder::Tracer, Recorder::NoChanges];

    pub fn name(self) -> &'static str {
        match self {
            Recorder::Untraced => "untraced",
            Recorder::Tracer => "`tracer record`",
            Recorder::NoChanges => "`tracer record --no-changes`",
            Recorder::Strace => "`strace -f`",
            Recorder::StraceSeccomp => "`strace -f --seccomp-bpf`",
            Recorder::Bpftrace(_) => "bpftrace, one line",
            Recorder::Tracexec => "`tracexec log`",
        }
    }

    /// Returns the reason why it cannot run here.
    pub fn absent(self, bench: &Bench) -> Option<String> {
        let missing =
            |is_there: bool, hint: &str| (!is_there).then(|| format!("not installed (`{hint}`)"));
        match self {
            Recorder::Untraced | Recorder::Tracer | Recorder::NoChanges => None,
            Recorder::Strace | Recorder::StraceSeccomp => {
                missing(find("strace").is_some(), "apt-get install strace")
            }
            Recorder::Bpftrace(_) => {
                missing(find("bpftrace").is_some(), "apt-get install bpftrace").or_else(|| {
                    let is_mounted = Path::new("/sys/kernel/tracing/events").exists();
                    (!is_mounted).then(|| "tracefs is not mounted".to_owned())
                })
            }
            Recorder::Tracexec => missing(
                tracexec(bench).is_some(),
                "cargo install tracexec --root target/bench-tools",
            ),
        }
    }

    /// Returns the command that records a load: this program with the given words.
    pub fn command(self, bench: &Bench, words: &[String]) -> Result<Command> {
        let load = env::current_exe().context("cannot find this program")?;
        let output = bench.directory.join("peer.out");
        let mut command = match self {
            Recorder::Untraced => Command::new(&load),
            Recorder::Tracer | Recorder::NoChanges => {
                let mut command = Command::new(&bench.tracer);
                command.args(["record", "--quiet", "--force"]);
                if self == Recorder::NoChanges {
                    command.arg("--no-changes");
                }
                command.arg("-o").arg(bench.trace()).arg("--").arg(&load);
                command
            }
            Recorder::Strace | Recorder::StraceSeccomp => {
                let mut command = Command::new("strace");
                command.arg("-f");
                if self == Recorder::StraceSeccomp {
                    command.arg("--seccomp-bpf");
                }
                command.args(["-e", SYSTEM_CALLS, "-o"]).arg(output);
                command.arg(&load);
                command
            }
            Recorder::Bpftrace(script) => {
                // Takes the load as one text, which it splits at spaces.
                let load = format!("{} {}", load.display(), words.join(" "));
                let mut command = Command::new("bpftrace");
                command
                    .arg("-o")
                    .arg(output)
                    .args(["-e", script, "-c", &load]);
                return Ok(command);
            }
            Recorder::Tracexec => {
                let program = tracexec(bench).context("tracexec is not installed")?;
                let mut command = Command::new(program);
                command.args(["log", "--output"]).arg(output);
                command.arg("--").arg(&load);
                command
            }
        };
        command.args(words);
        Ok(command)
    }
}

fn tracexec(bench: &Bench) -> Option<PathBuf> {
    let own = bench.workspace.join("target/bench-tools/bin/tracexec");
    own.exists().then_some(own).or_else(|| find("tracexec"))
}

/// Finds a program in PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}
