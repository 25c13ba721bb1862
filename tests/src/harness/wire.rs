//! Two network namespaces that live as long as a value, and command lines that run in one of them.
//! `actor/wire.rs` describes their content.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use nix::unistd::geteuid;

use super::{act, finish, program::start};

/// The wire with its two ends.
pub(crate) struct Wire {
    local: Option<Child>,
    local_pid: u32,
    remote_pid: u32,
}

/// The reason for a skip if [`Wire::is_possible`] is false.
pub(crate) const NO_WIRE: &str =
    "this kernel has no pairs of virtual devices (veth) for IPv4 and IPv6";

impl Wire {
    /// Joins two new namespaces, with servers at the remote end: `BEHAVIOUR PORT…`.
    pub(crate) fn with(servers: &[(&str, u16)]) -> Wire {
        Wire::try_with(servers).expect("a wire")
    }

    fn try_with(servers: &[(&str, u16)]) -> Option<Wire> {
        let mut words = act(["wire"]);
        for (behaviour, port) in servers {
            words.extend([OsString::from(behaviour), port.to_string().into()]);
        }
        let mut line = Command::new(&words[0]);
        line.args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut local = start(&mut line);
        let said = BufReader::new(local.stdout.take().expect("its stdout"))
            .lines()
            .next();
        let remote_pid = said.and_then(|line| line.ok()?.parse().ok());
        let wire = Wire {
            local_pid: local.id(),
            local: Some(local),
            remote_pid: remote_pid.unwrap_or_default(),
        };
        remote_pid.is_some().then_some(wire)
    }

    /// True if this machine can have a wire, and for users who cannot find out.
    pub(crate) fn is_possible() -> bool {
        static ANSWER: OnceLock<bool> = OnceLock::new();
        !geteuid().is_root() || *ANSWER.get_or_init(|| Wire::try_with(&[]).is_some())
    }

    /// Returns a command line that runs at the local end.
    pub(crate) fn local(&self, command: Vec<OsString>) -> Vec<OsString> {
        within(self.local_pid, command)
    }

    /// Returns a command line that runs at the remote end.
    pub(crate) fn remote(&self, command: Vec<OsString>) -> Vec<OsString> {
        within(self.remote_pid, command)
    }
}

fn within(process: u32, command: Vec<OsString>) -> Vec<OsString> {
    let mut line = act(["within", "network-of", &process.to_string(), "--"]);
    line.extend(command);
    line
}

impl Drop for Wire {
    /// Closes the stdin of the wire's process, which ends both ends.
    fn drop(&mut self) {
        if let Some(mut local) = self.local.take() {
            drop(local.stdin.take());
            finish(local);
        }
    }
}
