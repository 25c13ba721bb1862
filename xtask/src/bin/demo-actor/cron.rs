//! cron, which finds the job that the installer leaves and runs it as the user
//! its line names. It reads that one file, and is more impatient than cron.

use std::ffi::CString;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::execv;

use crate::daemon::{self, Account};

const JOB: &str = "/etc/cron.d/OMSConsistencyInvoker";

/// Plays `cron -f`.
pub fn play() -> Result<()> {
    loop {
        // The file says every 15 minutes; the recording lasts seconds.
        std::thread::sleep(Duration::from_millis(2500));
        while waitpid(None, Some(WaitPidFlag::WNOHANG)).is_ok_and(|status| status.pid().is_some()) {
        }
        let Ok(table) = fs::read_to_string(JOB) else {
            continue;
        };
        for line in table.lines().filter(|line| line.starts_with('*')) {
            start(line)?;
        }
    }
}

/// Forks a child that waits for the job, as cron does, and a grandchild for it.
fn start(line: &str) -> Result<()> {
    let mut fields = line.splitn(7, ' ').skip(5);
    let (user, command) = fields.next().zip(fields.next()).context("not a job")?;
    // Not yet there: the package is still being unpacked.
    let Some(user) = Account::of_name(user)? else {
        return Ok(());
    };
    if daemon::split()?.is_some() {
        return Ok(());
    }
    if let Some(job) = daemon::split()? {
        waitpid(job, None)?;
        std::process::exit(0);
    }
    user.assume()?;
    let command = ["/bin/sh", "-c", command].map(CString::new);
    let command = command.into_iter().collect::<Result<Vec<_>, _>>()?;
    execv(c"/bin/sh", &command)?;
    Ok(())
}
