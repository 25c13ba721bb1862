//! Gets the demo to root: through sudo if there is one; otherwise it prints the command to type. It
//! asks for no password itself and keeps none.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Replaces this process by `sudo xtask demo ARGUMENTS`; returns only to fail.
pub fn through_sudo<I, A>(arguments: I) -> Result<Infallible>
where
    I: IntoIterator<Item = A>,
    A: AsRef<OsStr>,
{
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    if find_program("sudo").is_none() {
        bail!(
            "the demo needs root (namespaces, overlayfs, eBPF) and there is no sudo here: \
             run `su -c 'cargo xtask demo'`, or run it in a root shell"
        );
    }
    eprintln!("demo: namespaces, overlayfs and eBPF need root: going on through sudo");
    let failure = Command::new("sudo")
        .arg("--")
        .arg(&program)
        .arg("demo")
        .args(arguments)
        .exec();
    Err(failure).context("cannot run sudo")
}

/// Finds a program in PATH, or in the directories that only root's PATH has.
pub fn find_program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(Into::into))
        .map(|directory| directory.join(name))
        .find(|candidate| is_program(candidate))
}

fn is_program(candidate: &Path) -> bool {
    nix::unistd::access(candidate, nix::unistd::AccessFlags::X_OK).is_ok() && candidate.is_file()
}
