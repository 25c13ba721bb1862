//! omiserver: detaches, forks the engine, and forks one agent a requesting user
//! when the engine asks for it. It keeps root and listens to the engine alone.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, Uid, execv, pipe2, read, write};

use super::{LOG_FILE, PID_FILE};
use crate::daemon::{self, Account};

const ENGINE: &str = "/opt/omi/bin/omiengine";
const AGENT: &str = "/opt/omi/bin/omiagent";

static STOP: AtomicBool = AtomicBool::new(false);

/// Plays `omiserver -d`.
pub fn play(arguments: &[String]) -> Result<()> {
    if arguments.first().map(String::as_str) != Some("-d") {
        bail!("only as a daemon: omiserver -d");
    }
    daemon::detach(Path::new(LOG_FILE))?;
    stop_on_sigterm()?;
    daemon::write_pid(Path::new(PID_FILE))?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(LOG_FILE)?;
    let (ours, engines) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?;
    let engine = start_engine(&log, &engines)?;
    drop(engines);
    let mut server = Server {
        log,
        agents: Vec::new(),
        served: BTreeSet::new(),
    };
    let outcome = server.serve(&ours);
    kill(engine, Signal::SIGTERM).ok();
    waitpid(engine, None).ok();
    server.stop_agents();
    std::fs::remove_file(PID_FILE).ok();
    outcome
}

struct Server {
    log: File,
    /// The agents, each with the pipe whose end stops it.
    agents: Vec<(Pid, OwnedFd)>,
    served: BTreeSet<u32>,
}

impl Server {
    /// Answers the engine until a signal stops it.
    fn serve(&mut self, engine: &OwnedFd) -> Result<()> {
        let mut request = [0; 4];
        while !STOP.load(Ordering::Relaxed) {
            match read(engine, &mut request) {
                Ok(4) => {
                    let uid = u32::from_ne_bytes(request);
                    if self.served.insert(uid) {
                        self.start_agent(Uid::from_raw(uid))?;
                    }
                    write(engine, &request)?;
                }
                Ok(_) => bail!("omiengine has gone"),
                Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error).context("cannot hear omiengine"),
            }
        }
        Ok(())
    }

    fn start_agent(&mut self, uid: Uid) -> Result<()> {
        let user = Account::of_user(uid)?;
        let (theirs, ours) = pipe2(OFlag::O_CLOEXEC)?;
        let child = daemon::split()?;
        let Some(agent) = child else {
            become_program(
                &user,
                &[(theirs.as_fd(), 9), (self.log.as_fd(), 10)],
                &[
                    AGENT,
                    "9",
                    "10",
                    "--destdir",
                    "/",
                    "--providerdir",
                    "/opt/omi/lib",
                ],
            );
        };
        self.agents.push((agent, ours));
        Ok(())
    }

    fn stop_agents(&mut self) {
        for (agent, pipe) in self.agents.drain(..) {
            drop(pipe);
            waitpid(agent, None).ok();
        }
    }
}

fn start_engine(log: &File, socket: &OwnedFd) -> Result<Pid> {
    let user = Account::of_name("omi")?.context("there is no user omi")?;
    if let Some(engine) = daemon::split()? {
        return Ok(engine);
    }
    become_program(
        &user,
        &[(log.as_fd(), 3), (socket.as_fd(), 9)],
        &[ENGINE, "-d", "--logfilefd", "3", "--socketpair", "9"],
    )
}

/// Becomes the user before it executes the program, in a child. So for a moment a process named
/// omiserver runs as another user.
fn become_program(user: &Account, descriptors: &[(BorrowedFd, RawFd)], command: &[&str]) -> ! {
    let failure = try_become_program(user, descriptors, command);
    eprintln!("omiserver: cannot run {command:?}: {failure:?}");
    std::process::exit(127)
}

fn try_become_program(
    user: &Account,
    descriptors: &[(BorrowedFd, RawFd)],
    command: &[&str],
) -> Result<std::convert::Infallible> {
    user.assume()?;
    // Long enough for a look at /proc to catch this state, as on a real machine.
    std::thread::sleep(Duration::from_millis(2));
    // First duplicated to other numbers: 3 may be one of the sources.
    let mut moved = Vec::new();
    for (from, to) in descriptors {
        moved.push((fcntl(from, FcntlArg::F_DUPFD_CLOEXEC(20))?, *to));
    }
    for (from, to) in moved {
        // SAFETY: plain numbers; nothing uses an earlier `to` any more, since this child only
        // executes the program.
        nix::errno::Errno::result(unsafe { libc::dup2(from, to) })?;
    }
    let command = command
        .iter()
        .map(|argument| CString::new(*argument))
        .collect::<Result<Vec<_>, _>>()?;
    let program = command.first().context("no program")?;
    Ok(execv(program, &command)?)
}

fn stop_on_sigterm() -> Result<()> {
    extern "C" fn stop(_signal: i32) {
        STOP.store(true, Ordering::Relaxed);
    }
    let action = SigAction::new(SigHandler::Handler(stop), SaFlags::empty(), SigSet::empty());
    // SAFETY: storing to an atomic is safe in a signal handler.
    unsafe { sigaction(Signal::SIGTERM, &action) }?;
    Ok(())
}
