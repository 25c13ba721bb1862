//! Runs other observers of the same network, ss(8) and tcpdump(8), at the local end of the wire,
//! and parses their output.

use std::{collections::BTreeSet, net::SocketAddr, process::Command, time::Duration};

use crate::harness::{Background, Wire, run, words};

/// Source and destination.
pub(super) type Flow = (SocketAddr, SocketAddr);

fn is_installed(program: &str) -> bool {
    let question = ["-c", &format!("command -v {program} >/dev/null")];
    run(Command::new("sh").args(question)).code == Some(0)
}

/// Returns ss's list of the local end's TCP sockets, with their processes.
pub(super) fn sockets(wire: &Wire) -> Option<String> {
    if !is_installed("ss") {
        return None;
    }
    let line = wire.local(words(["ss", "-H", "-tanp"]));
    let answer = run(Command::new(&line[0]).args(&line[1..])).success();
    Some(answer.text().to_owned())
}

/// Parses `STATE RECEIVED SENT LOCAL REMOTE users:(("NAME",pid=PID,fd=FD))`, one a line, and
/// returns those in a state, with their process.
pub(super) fn in_state(sockets: &str, state: &str) -> Vec<(Flow, u64)> {
    let socket = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, remote) = (address(words.get(3)?)?, address(words.get(4)?)?);
        let (_, pid) = words.get(5)?.split_once("pid=")?;
        let (pid, _) = pid.split_once(',')?;
        Some(((local, remote), pid.parse().ok()?))
    };
    sockets
        .lines()
        .filter(|line| line.split_ascii_whitespace().next() == Some(state))
        .map(|line| socket(line).unwrap_or_else(|| panic!("no socket: {line}")))
        .collect()
}

/// Parses `192.0.2.1:80`, `[2001:db8::1]:80`, `[::ffff:192.0.2.1]:80`.
fn address(text: &str) -> Option<SocketAddr> {
    let address: SocketAddr = text.parse().ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// tcpdump on the wire.
pub(super) struct Capture(Background);

impl Capture {
    /// Starts it; `None` where it is not installed.
    pub(super) fn start(wire: &Wire) -> Option<Capture> {
        if !is_installed("tcpdump") {
            return None;
        }
        // Only the heads of SYNs: it must not lose any.
        let options = "-i local0 -nn -l --immediate-mode -Z root -s 128 -B 16384";
        let filter = "tcp[13] & 2 != 0 or (ip6[6] = 6 and ip6[53] & 2 != 0)";
        let mut line = words(["tcpdump"]);
        line.extend(options.split(' ').map(Into::into));
        line.push(filter.into());
        let line = wire.local(line);
        let mut capture = Background::run(&line, "tcpdump");
        capture.wait_for_message("listening on");
        Some(Capture(capture))
    }

    /// Returns the captured SYNs, each flow once.
    pub(super) fn stop(self) -> BTreeSet<Flow> {
        // The last packets are printed by then.
        std::thread::sleep(Duration::from_millis(300));
        let ended = self.0.stop();
        let messages = ended.messages();
        assert!(
            messages.contains("\n0 packets dropped by kernel"),
            "tcpdump is no oracle: {messages}"
        );
        ended.text().lines().filter_map(syn).collect()
    }
}

/// Parses `TIME IP LOCAL.PORT > REMOTE.PORT: Flags [S], …`; also with `IP6`.
fn syn(line: &str) -> Option<Flow> {
    let (ends, flags) = line.split_once(": Flags ")?;
    if !flags.starts_with("[S]") {
        return None;
    }
    let mut words = ends.split(' ').skip(2);
    let from = dotted(words.next()?)?;
    let to = dotted(words.nth(1)?)?;
    Some((from, to))
}

fn dotted(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once('.')?;
    Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}
