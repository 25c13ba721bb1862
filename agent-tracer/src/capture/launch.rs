//! Starts the command: forks it, and holds it before its exec until the recording is ready. The
//! command keeps stdin, stdout, stderr, terminal and process group.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, process::CommandExt},
    },
    path::Path,
    process::{Command, ExitStatus},
    thread::JoinHandle,
};

use nix::{
    sys::signal::{SigHandler, Signal, signal},
    unistd::Pid,
};

use super::{capabilities, inherited::Inherited, users::Login};

/// A command to run, with its user.
pub struct Launch {
    /// The program, to be found in PATH, and its arguments.
    pub command: Vec<OsString>,
    /// Its user, if it differs from the recorder's.
    pub login: Option<Login>,
    /// The state that it inherits as if there were no recorder.
    pub inherited: Inherited,
}

/// Reasons why the command does not run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no such program.
    #[error("{0}: command not found")]
    NotFound(String),
    /// The program exists, but not its interpreter.
    #[error(
        "{0}: cannot execute: its interpreter, the program after #! or the dynamic loader, is \
         missing"
    )]
    NoInterpreter(String),
    /// The program exists, but cannot be executed.
    #[error("{0}: cannot execute: {1}")]
    CannotExecute(String, io::Error),
    /// The command runs or ran, but its status is unknown.
    #[error("cannot wait for the command: {0}")]
    Wait(io::Error),
    /// The fork failed.
    #[error("cannot start a process: {0}")]
    Fork(io::Error),
}

/// A command that was forked and waits to be released.
pub struct Launched {
    /// Its process id.
    pub pid: u32,
    gate: Option<io::PipeWriter>,
    /// Waits for the command, and returns its status.
    waiter: JoinHandle<Result<ExitStatus, LaunchError>>,
}

impl Launch {
    /// Forks. Another thread calls `ended` when the command has ended or failed to start. The
    /// command gets the current capabilities of this thread.
    pub fn fork(self, ended: impl FnOnce() + Send + 'static) -> Result<Launched, LaunchError> {
        let (gate_reader, gate) = io::pipe().map_err(LaunchError::Fork)?;
        let (mut hello, hello_writer) = io::pipe().map_err(LaunchError::Fork)?;
        let recorder_end = gate.as_raw_fd();
        let waiter = std::thread::Builder::new()
            .name("tracer".to_owned())
            .spawn(move || {
                let result = self.run(gate_reader.into(), hello_writer.into(), recorder_end);
                ended();
                result
            })
            .map_err(LaunchError::Fork)?;
        let mut pid = [0; 4];
        // A failed fork closes the other end without a byte.
        if let Err(error) = hello.read_exact(&mut pid) {
            return match waiter.join() {
                Ok(Err(reason)) => Err(reason),
                Ok(Ok(_)) | Err(_) => Err(LaunchError::Fork(error)),
            };
        }
        Ok(Launched {
            pid: u32::from_ne_bytes(pid),
            gate: Some(gate),
            waiter,
        })
    }

    fn run(
        self,
        gate: OwnedFd,
        hello: OwnedFd,
        recorder_end: i32,
    ) -> Result<ExitStatus, LaunchError> {
        let name = self.command[0].to_string_lossy().into_owned();
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        if let Some(login) = &self.login {
            command
                .env("HOME", &login.account.home)
                .env("USER", &login.account.name);
            command
                .env("LOGNAME", &login.account.name)
                .env("SHELL", &login.account.shell);
        }
        let (login, inherited) = (self.login, self.inherited);
        let ignore_children = expect_children().map_err(LaunchError::Fork)?;
        let (gate_number, hello_number) = (gate.as_raw_fd(), hello.as_raw_fd());
        // SAFETY: between fork and exec only async-signal-safe calls are made: write, read,
        // setgroups, setgid, setuid, close, sigaction, sigprocmask, setrlimit. Nothing is
        // allocated.
        unsafe {
            command.pre_exec(move || {
                let pid = nix::unistd::getpid().as_raw().to_ne_bytes();
                // The child has copies of the recorder's ends, and would wait for itself.
                let _ = nix::unistd::close(recorder_end);
                write_all(hello_number, &pid)?;
                wait_for_gate(gate_number)?;
                if ignore_children {
                    signal(Signal::SIGCHLD, SigHandler::SigIgn)?;
                }
                inherited.restore()?;
                if let Some(login) = &login {
                    nix::unistd::setgroups(&login.groups)?;
                    nix::unistd::setgid(login.account.group)?;
                    nix::unistd::setuid(login.account.user)?;
                }
                Ok(())
            });
        }
        // Returns after the exec of the command, or its failure.
        let spawned = command.spawn();
        // The command has its capabilities by now; this thread only waits.
        capabilities::reduce();
        drop((gate, hello));
        let mut child = spawned.map_err(|error| match error.kind() {
            // The program itself exists: that was checked before.
            io::ErrorKind::NotFound => LaunchError::NoInterpreter(name.clone()),
            _ => LaunchError::CannotExecute(name.clone(), error),
        })?;
        child.wait().map_err(LaunchError::Wait)
    }
}

impl Launched {
    /// Lets the command run.
    pub fn release(&mut self) {
        if let Some(mut gate) = self.gate.take() {
            // It fails if the process was killed meanwhile, which `wait` will show.
            let _ = gate.write_all(b"!");
        }
    }

    /// Passes a signal on to the command.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        if let Ok(pid) = i32::try_from(self.pid) {
            let _ = nix::sys::signal::kill(Pid::from_raw(pid), signal);
        }
    }

    /// Waits for the end of the command. Returns its status.
    pub fn wait(self) -> Result<ExitStatus, LaunchError> {
        self.waiter.join().unwrap_or_else(|_| {
            Err(LaunchError::Fork(io::Error::other(
                "the thread that waits for the command is gone",
            )))
        })
    }
}

/// Finds the program of a command in PATH, as execvp(3) does, and checks that it can be executed.
///
/// # Errors
///
/// There is no such program, or it cannot be executed.
pub fn find_command(command: &[OsString]) -> Result<(), LaunchError> {
    let program = command.first().map(OsString::as_os_str).unwrap_or_default();
    let name = program.to_string_lossy().into_owned();
    if program.is_empty() {
        return Err(LaunchError::NotFound("''".to_owned()));
    }
    if program.as_bytes().contains(&b'/') {
        return executable(Path::new(program)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => LaunchError::NotFound(name),
            _ => LaunchError::CannotExecute(name, error),
        });
    }
    let mut refused = None;
    // Without PATH, execvp(3) uses confstr(_CS_PATH).
    let search_path = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    for directory in std::env::split_paths(&search_path) {
        match executable(&directory.join(program)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => refused = Some(error),
            Err(_) => {}
        }
    }
    Err(match refused {
        Some(error) => LaunchError::CannotExecute(name, error),
        None => LaunchError::NotFound(name),
    })
}

fn executable(path: &Path) -> io::Result<()> {
    let metadata = path.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    // Root may execute a file with any execute bit.
    nix::unistd::access(path, nix::unistd::AccessFlags::X_OK)?;
    Ok(())
}

/// Undoes an inherited "ignore" of SIGCHLD, which would hide the status of the command. Returns
/// true if there was one, so that the command can have it again.
fn expect_children() -> io::Result<bool> {
    // SAFETY: no handler of ours is involved.
    let before = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }?;
    Ok(matches!(before, SigHandler::SigIgn))
}

fn write_all(descriptor: i32, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as the caller holds its owner.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
    nix::unistd::write(borrowed, bytes)?;
    Ok(())
}

/// Blocks until the recorder releases the command. Ends this process if the recorder is gone.
fn wait_for_gate(descriptor: i32) -> io::Result<()> {
    // SAFETY: as above.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
    let mut byte = [0];
    loop {
        match nix::unistd::read(borrowed, &mut byte) {
            Ok(1) => return Ok(()),
            // The recorder is gone, so an error would reach no process.
            // SAFETY: _exit(2) is async-signal-safe.
            Ok(_) => unsafe { nix::libc::_exit(125) },
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
