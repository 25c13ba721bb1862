//! `cargo xtask demo`: a replica of the OMS agent's installer, run in
//! namespaces of its own and recorded. It changes nothing on this machine but
//! the build directory and the trace, and no packet leaves it.

mod addresses;
pub mod build;
pub mod bundle;
pub mod elevate;
mod init;
mod listing;
mod network;
mod sandbox;
mod secret;
mod views;

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, clone};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, Uid};

use build::Programs;
use network::Network;
use secret::WorkspaceKey;

/// Runs a replica of the OMS installer in namespaces of its own and records it
#[derive(clap::Args)]
pub struct Arguments {
    /// Path of the trace [default: target/demo/oms-install.trace]
    #[arg(long, value_name = "FILE", conflicts_with = "no_record")]
    trace: Option<PathBuf>,
    /// Show no views and no progress, only errors
    #[arg(long)]
    quiet: bool,
    /// Run the replica without recording it, and list what it leaves running
    #[arg(long)]
    no_record: bool,
    /// Record with this program instead of building it
    #[arg(long, value_name = "PROGRAM")]
    tracer: Option<PathBuf>,
    /// Also record the removal, and keep what the processes say about themselves
    #[arg(long, hide = true, conflicts_with = "no_record")]
    tests: bool,
    /// Play the replica with this program instead of building it
    #[arg(long, value_name = "PROGRAM")]
    actor: Option<PathBuf>,
}

/// The command line that the installer's user typed.
const INSTALLER: &str = "onboard_agent.sh";
/// The script that it downloads to its working directory.
const BUNDLE: &str = "omsagent-1.13.9-0.universal.x64.sh";
/// Path of the recorder inside the sandbox.
const TRACER_INSIDE: &str = "/usr/bin/tracer";
/// Directory in which the recorder looks for published lists of a cloud; this one has four
/// prefixes.
const SERVICE_TAGS: &str = "/usr/share/tracer/service-tags.json";
/// Time for which the recorder follows the installer's daemons.
const LINGER: &str = "6s";

/// Tools that a machine may lack; the actor plays them inside. If the machine has them, the overlay
/// hides them: they would find no internet.
const PLAYED_TOOLS: [&str; 9] = [
    "/usr/bin/wget",
    "/usr/bin/curl",
    "/usr/bin/openssl",
    "/usr/bin/gpg",
    "/usr/bin/python2",
    "/usr/bin/netstat",
    "/usr/sbin/dmidecode",
    "/usr/sbin/cron",
    "/usr/bin/unattended-upgrade",
];

/// Runs the demo.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = workspace()?;
    for tool in ["dpkg", "dpkg-deb", "tar", "gzip"] {
        if elevate::find_program(tool).is_none() {
            bail!("the demo installs real packages and needs `{tool}`: run it on Debian or Ubuntu");
        }
    }
    let programs = programs(arguments, &workspace)?;
    let trace = trace_path(arguments, &workspace, &programs)?;
    if !Uid::effective().is_root() {
        match elevate::through_sudo(arguments.again(&programs, &trace))? {}
    }
    let key = WorkspaceKey::generate()?;
    let output = private_directory_beside(&trace)?;
    let status = perform(
        arguments,
        &workspace,
        &programs,
        &trace,
        output.path(),
        &key,
    )?;
    if status != 0 {
        bail!("the installer's replica, or its recording, ended with status {status}");
    }
    if let Some(tracer) = &programs.tracer {
        views::check_files(output.path(), &key)?;
        let recorded = output.path().join(trace.file_name().unwrap_or_default());
        fs::rename(&recorded, &trace).context("the recorder left no trace")?;
        for name in init::FOR_TESTS.iter().filter(|_| arguments.tests) {
            fs::rename(output.path().join(name), trace.with_file_name(name))
                .with_context(|| format!("the sandbox left no {name}"))?;
        }
        views::check_output(tracer, &trace, &key)?;
        if !arguments.quiet {
            views::show(tracer, &trace)?;
        }
    }
    Ok(())
}

impl Arguments {
    /// The same command line with all paths resolved, for the run as root.
    fn again(&self, programs: &Programs, trace: &Path) -> Vec<OsString> {
        let mut line: Vec<OsString> = vec!["--actor".into(), programs.actor.clone().into()];
        match &programs.tracer {
            Some(tracer) => {
                line.extend(["--tracer".into(), tracer.clone().into()]);
                line.extend(["--trace".into(), trace.to_owned().into()]);
            }
            None => line.push("--no-record".into()),
        }
        if self.quiet {
            line.push("--quiet".into());
        }
        if self.tests {
            line.push("--tests".into());
        }
        line
    }

    fn progress(&self, message: &str) {
        if !self.quiet {
            eprintln!("demo: {message}");
        }
    }
}

/// The directory of the workspace.
pub fn workspace() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_owned)
        .context("xtask lies in no workspace")
}

fn programs(arguments: &Arguments, workspace: &Path) -> Result<Programs> {
    let tracer = match &arguments.tracer {
        _ if arguments.no_record => None,
        Some(tracer) => Some(existing(tracer)?),
        None => {
            arguments.progress("building tracer");
            Some(build::tested(workspace, "agent-tracer", "tracer", &[])?)
        }
    };
    let actor = match &arguments.actor {
        Some(actor) => existing(actor)?,
        None => {
            arguments.progress("building the replica's programs");
            build::tested(workspace, "xtask", "demo-actor", &[])?
        }
    };
    Ok(Programs { tracer, actor })
}

fn existing(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .with_context(|| format!("there is no {}", path.display()))
}

/// Returns the trace's absolute path, and makes its directory. An existing file is only removed if
/// its name is the demo's default.
fn trace_path(arguments: &Arguments, workspace: &Path, programs: &Programs) -> Result<PathBuf> {
    let trace = match &arguments.trace {
        Some(trace) => std::path::absolute(trace)?,
        None => workspace.join("target/demo/oms-install.trace"),
    };
    let directory = trace.parent().context("the trace needs a name")?;
    // Inside, an empty directory hides this one.
    if directory.components().count() < 3 {
        bail!(
            "{} is too close to the root for the sandbox: give the trace a directory of its own",
            directory.display()
        );
    }
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    if programs.tracer.is_some() && trace.exists() {
        if arguments.trace.is_some() {
            bail!("{} exists already: name another file", trace.display());
        }
        fs::remove_file(&trace).with_context(|| format!("cannot remove {}", trace.display()))?;
    }
    Ok(trace)
}

/// The only directory of this machine that the sandbox can write to. It is next to the trace, so
/// that moving the trace is a rename.
fn private_directory_beside(trace: &Path) -> Result<tempfile::TempDir> {
    let directory = trace.parent().context("the trace needs a directory")?;
    tempfile::Builder::new()
        .prefix(".recording.")
        .tempdir_in(directory)
        .with_context(|| format!("cannot write to {}", directory.display()))
}

/// Builds the bundle, the network and the sandbox, runs the installer in it and returns its exit
/// status. All its processes have ended when it returns.
fn perform(
    arguments: &Arguments,
    workspace: &Path,
    programs: &Programs,
    trace: &Path,
    output: &Path,
    key: &WorkspaceKey,
) -> Result<i32> {
    let temporary = tempfile::Builder::new()
        .prefix("tracer-demo.")
        .tempdir()
        .context("cannot make a temporary directory")?;
    let replica = workspace.join("xtask/replica");
    arguments.progress("building the packages and the bundle");
    let bundle = bundle::build(&replica, &programs.actor, temporary.path())?;

    arguments.progress("laying a network of its own");
    let network = Network::create()?;
    let mut hosts = start_hosts(&network, &programs.actor, &bundle)?;

    let staging = temporary.path().join("sandbox");
    fs::create_dir(&staging)?;
    let task = init::Task {
        files: sandbox::SandboxFiles {
            staging: &staging,
            output,
            output_inside: trace.parent().context("the trace needs a directory")?,
            programs: programs_inside(&replica, programs),
        },
        command: command_inside(programs, trace, key),
        removal: arguments.tests.then(|| removal_inside(trace)),
        recorded: programs.tracer.is_some(),
        quiet: arguments.quiet,
    };
    arguments.progress(&format!(
        "running sh {INSTALLER} -w {} -s KEY",
        addresses::WORKSPACE
    ));
    let status = run_sandbox(&task);
    // The servers have nothing to finish: they end with the demo.
    let _ = hosts.kill();
    let _ = hosts.wait();
    status
}

fn programs_inside(replica: &Path, programs: &Programs) -> Vec<(PathBuf, PathBuf)> {
    let mut inside = vec![
        (replica.join(INSTALLER), Path::new("/root").join(INSTALLER)),
        (replica.join("service-tags.json"), SERVICE_TAGS.into()),
        (replica.join("truth.sh"), init::TRUTH_SCRIPT.into()),
    ];
    inside.extend(PLAYED_TOOLS.map(|tool| (programs.actor.clone(), PathBuf::from(tool))));
    inside.extend(
        programs
            .tracer
            .iter()
            .map(|tracer| (tracer.clone(), PathBuf::from(TRACER_INSIDE))),
    );
    inside
}

fn command_inside(programs: &Programs, trace: &Path, key: &WorkspaceKey) -> Vec<OsString> {
    let mut command: Vec<OsString> = Vec::new();
    if programs.tracer.is_some() {
        command.extend([TRACER_INSIDE, "record", "-o"].map(OsString::from));
        command.push(trace.into());
        command.extend(["--linger", LINGER, "--"].map(OsString::from));
    }
    command.extend(
        [
            "sh",
            INSTALLER,
            "-w",
            addresses::WORKSPACE,
            "-s",
            key.reveal(),
        ]
        .map(OsString::from),
    );
    command
}

/// Returns the command line that records the removal of what the installer left.
fn removal_inside(trace: &Path) -> Vec<OsString> {
    let mut command: Vec<OsString> = [TRACER_INSIDE, "record", "-o"].map(OsString::from).into();
    command.push(trace.with_file_name(init::REMOVAL).into());
    command.extend(["--linger", "1s", "--", "sh", BUNDLE, "--purge"].map(OsString::from));
    command
}

/// Starts the remote side's servers and waits until they listen. They run outside of the sandbox,
/// like the internet, so a recording of it does not have their processes.
fn start_hosts(network: &Network, actor: &Path, bundle: &Path) -> Result<Child> {
    let mut hosts = network.in_remote(|| {
        Command::new(actor)
            .arg("hosts")
            .arg(bundle)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the demo's servers")
    })?;
    let mut ready = [0; 1];
    let mut output = hosts.stdout.take().context("the servers have no output")?;
    if output.read_exact(&mut ready).is_err() {
        let _ = hosts.kill();
        let _ = hosts.wait();
        bail!("the demo's servers did not start; their message is above");
    }
    Ok(hosts)
}

/// Runs the task as PID 1 of new namespaces and waits until all of it is over.
fn run_sandbox(task: &init::Task) -> Result<i32> {
    let_interrupts_through()?;
    let mut stack = vec![0; 1024 * 1024];
    let flags = CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    // SAFETY: without CLONE_VM the child has memory of its own, as after fork,
    // and this process has only this one thread, so no lock is held across it;
    // the stack is large enough for ordinary code and outlives the call.
    let sandbox = unsafe {
        clone(
            Box::new(|| init::run(task)),
            &mut stack,
            flags,
            Some(Signal::SIGCHLD as i32),
        )
    }
    .context("cannot make the sandbox's namespaces: does this kernel (or container) forbid it?")?;
    wait_for(sandbox)
}

fn wait_for(process: Pid) -> Result<i32> {
    loop {
        match waitpid(process, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as i32),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error).context("cannot wait for the sandbox"),
        }
    }
}

/// Leaves Ctrl-C to the recorder, which completes its trace. Every program of the sandbox would
/// inherit "ignore", but not a handler.
fn let_interrupts_through() -> Result<()> {
    extern "C" fn nothing(_signal: i32) {}
    let action = SigAction::new(
        SigHandler::Handler(nothing),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: the handler does nothing, so it is safe at any moment.
    unsafe { sigaction(Signal::SIGINT, &action) }.context("cannot handle Ctrl-C")?;
    Ok(())
}
