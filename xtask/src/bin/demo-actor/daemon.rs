//! Daemons leave their parents: fork, setsid, fork, and a change of user. Every caller has one
//! thread.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::exit;

use anyhow::{Context, Result};
use nix::unistd::{
    ForkResult, Pid, Uid, User, dup2_stderr, dup2_stdin, dup2_stdout, fork, initgroups, setgid,
    setsid, setuid,
};

use crate::truth;

/// Forks; `Some` in the parent, with the child's PID, and `None` in the child.
pub fn split() -> Result<Option<Pid>> {
    // SAFETY: every caller has a single thread, so the child may do anything.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => {
            truth::log_fork();
            Ok(None)
        }
    }
}

/// Forks twice: on return, this is a daemon whose parent and grandparent are gone, or about to go.
/// Its output goes to `log`, not to the installer.
pub fn detach(log: &Path) -> Result<()> {
    if split()?.is_some() {
        exit(0);
    }
    setsid().context("cannot start a session")?;
    if split()?.is_some() {
        exit(0);
    }
    let nothing = File::open("/dev/null")?;
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    dup2_stdin(&nothing)?;
    dup2_stdout(&log)?;
    dup2_stderr(&log)?;
    Ok(())
}

/// Becomes `uid` for good, groups first, since root alone may change them.
pub fn become_user(uid: Uid) -> Result<()> {
    let user = User::from_uid(uid)?.with_context(|| format!("nobody has uid {uid}"))?;
    initgroups(&std::ffi::CString::new(user.name)?, user.gid)?;
    setgid(user.gid)?;
    setuid(uid).with_context(|| format!("cannot become uid {uid}"))
}

/// Writes this process's PID to the file that `service_control` reads.
pub fn write_pid(path: &Path) -> Result<()> {
    std::fs::write(path, format!("{}\n", std::process::id()))
        .with_context(|| format!("cannot write {}", path.display()))
}
