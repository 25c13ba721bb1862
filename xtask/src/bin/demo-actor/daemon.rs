//! Daemons leave their parents: fork, setsid, fork, and a change of user. Every caller has one
//! thread.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::exit;

use anyhow::{Context, Result};
use nix::unistd::{
    ForkResult, Gid, Pid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, fork, setgid, setgroups,
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

/// A user of the replica, from passwd(5) and group(5). This program is static, and cannot load the
/// libraries of other directories.
pub struct Account {
    pub user: Uid,
    groups: Vec<Gid>,
}

impl Account {
    /// Finds a user by name.
    pub fn of_name(name: &str) -> Result<Option<Account>> {
        Account::find(|row| row[0] == name)
    }

    /// Finds a user by number.
    pub fn of_user(user: Uid) -> Result<Account> {
        let wanted = user.to_string();
        let found = Account::find(|row| row[2] == wanted)?;
        found.with_context(|| format!("there is no user {user}"))
    }

    fn find(is_wanted: impl Fn(&[&str]) -> bool) -> Result<Option<Account>> {
        let users = read("/etc/passwd")?;
        let mut rows = users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>());
        let Some(row) = rows.find(|row| row.len() > 3 && is_wanted(row)) else {
            return Ok(None);
        };
        let name = row[0];
        let mut groups = vec![Gid::from_raw(row[3].parse()?)];
        for line in read("/etc/group")?.lines() {
            let row: Vec<&str> = line.split(':').collect();
            if row.len() == 4 && row[3].split(',').any(|member| member == name) {
                groups.push(Gid::from_raw(row[2].parse()?));
            }
        }
        let user = Uid::from_raw(row[2].parse()?);
        Ok(Some(Account { user, groups }))
    }

    /// Becomes the user for good, groups first, since root alone may change them.
    pub fn assume(&self) -> Result<()> {
        setgroups(&self.groups)?;
        setgid(self.groups[0])?;
        setuid(self.user).with_context(|| format!("cannot become uid {}", self.user))
    }
}

fn read(table: &str) -> Result<String> {
    std::fs::read_to_string(table).with_context(|| format!("cannot read {table}"))
}

/// Writes this process's PID to the file that `service_control` reads.
pub fn write_pid(path: &Path) -> Result<()> {
    std::fs::write(path, format!("{}\n", std::process::id()))
        .with_context(|| format!("cannot write {}", path.display()))
}
