//! Asks ps, ss and tcpdump, and parses their answers.

use std::{collections::BTreeSet, net::SocketAddr, process::Command};

use crate::harness::run;

/// A process with its users, as ps(1) prints it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner {
    pub(super) pid: u64,
    pub(super) real_user: u64,
    pub(super) user: u64,
    pub(super) user_name: String,
    pub(super) name: String,
}

/// A socket with the processes that hold it, as ss(8) prints it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Held {
    pub(super) protocol: String,
    pub(super) local: SocketAddr,
    /// `None` if it listens or is not connected.
    pub(super) remote: Option<SocketAddr>,
    /// Their names and process ids.
    pub(super) holders: BTreeSet<(String, u64)>,
}

/// A SYN, or the first datagram between two ends, as tcpdump(1) prints it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flow {
    pub(super) protocol: &'static str,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

/// Lists all processes.
pub(super) fn owners() -> Vec<Owner> {
    let form = "pid=,ruid=,euid=,euser:32=,comm=";
    let printed = run(Command::new("ps").args(["-eo", form])).success();
    let owner = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [pid, real_user, user, user_name, name, ..] = words[..] else {
            return None;
        };
        Some(Owner {
            pid: pid.parse().ok()?,
            real_user: real_user.parse().ok()?,
            user: user.parse().ok()?,
            user_name: user_name.to_owned(),
            name: name.to_owned(),
        })
    };
    let lines = printed.text().lines();
    lines
        .map(|line| owner(line).unwrap_or_else(|| panic!("no process: {line}")))
        .collect()
}

/// Lists sockets.
pub(super) fn held(options: &[&str]) -> Vec<Held> {
    let printed = run(Command::new("ss").args(options)).success();
    let lines = printed.text().lines();
    lines
        .map(|line| socket(line).unwrap_or_else(|| panic!("no socket: {line}")))
        .collect()
}

/// Parses `[PROTOCOL] STATE RECEIVED SENT LOCAL REMOTE users:(("NAME",pid=PID,fd=FD),…)`. Without
/// a protocol it is TCP.
fn socket(line: &str) -> Option<Held> {
    let mut words = line.split_ascii_whitespace();
    let first = words.next()?;
    let protocol = match first {
        "tcp" | "udp" => {
            words.next()?;
            first
        }
        _ => "tcp",
    };
    let mut words = words.skip(2);
    let local = end(words.next()?)?;
    let remote = end(words.next()?);
    let mut holders = BTreeSet::new();
    for user in words.next().unwrap_or_default().split("(\"").skip(1) {
        let (name, rest) = user.split_once("\",pid=")?;
        let pid = rest.split(',').next()?.parse().ok()?;
        holders.insert((name.to_owned(), pid));
    }
    Some(Held {
        protocol: protocol.to_owned(),
        local,
        remote,
        holders,
    })
}

/// Parses an address of ss(8): `*` is for both families, and a zone follows a percent sign.
fn end(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    let host = host.split('%').next()?.trim_end_matches(']');
    let host = if host == "*" { "::" } else { host };
    let address: std::net::IpAddr = host.parse().ok()?;
    Some(SocketAddr::new(address.to_canonical(), port.parse().ok()?))
}

/// Lists the connections that were asked for, and who wrote first over UDP.
pub(super) fn flows(file: &str) -> Vec<Flow> {
    let line = ["-nn", "-t", "-r", file];
    let printed = run(Command::new("tcpdump").args(line)).success();
    let mut flows: Vec<Flow> = Vec::new();
    for line in printed.text().lines() {
        let Some((from, to, rest)) = packet(line) else {
            panic!("no packet: {line}");
        };
        let protocol = match rest.trim_start().strip_prefix("Flags [") {
            Some(flags) if flags.starts_with("S]") => "tcp",
            Some(_) => continue,
            None => "udp",
        };
        let is_known = |flow: &Flow| {
            let ends = (flow.from, flow.to);
            let is_answer = protocol == "udp" && ends == (to, from);
            flow.protocol == protocol && (ends == (from, to) || is_answer)
        };
        // A SYN may be sent again.
        if !flows.iter().any(is_known) {
            flows.push(Flow { protocol, from, to });
        }
    }
    flows
}

/// Parses `[INTERFACE DIRECTION] IP ADDRESS.PORT > ADDRESS.PORT: …`.
fn packet(line: &str) -> Option<(SocketAddr, SocketAddr, &str)> {
    let (_, rest) = line.split_once("IP")?;
    let (_, rest) = rest.split_once(' ')?;
    let (from, rest) = rest.split_once(" > ")?;
    let (to, rest) = rest.split_once(": ")?;
    let end = |text: &str| {
        let (host, port) = text.rsplit_once('.')?;
        Some(SocketAddr::new(host.parse().ok()?, port.parse().ok()?))
    };
    Some((end(from)?, end(to)?, rest))
}
