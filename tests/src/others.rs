//! Runs other observers of the same kernel at the same time: execsnoop, tcpconnect and tcplife of
//! libbpf-tools. The trace must contain all of their reports. Extra events in the trace are not
//! judged: those tools lose events, and cut arguments.

use std::{collections::BTreeMap, net::SocketAddr, process::Command, time::Duration};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    connect::server,
    harness::{Background, Ended, Recording, Test, Trace, act, live, run},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(events_of_libbpf_tools_are_in_the_trace)
            .needs("execsnoop")
            .needs("tcpconnect")
            .needs("tcplife")
            .needs("stdbuf")
            .needs_file(
                "/sys/bus/event_source/devices/kprobe/type",
                "this kernel has no kprobes",
            ),
    ]
}

/// Programs and connections of the scenario, at least; the markers come on top.
const EXECS: usize = 500;
const CONNECTS: usize = 240;

/// Least count of events that makes a tool an oracle.
const ENOUGH: usize = 200;

/// The reports of all of them.
struct Observations {
    trace: Trace,
    execsnoop: Ended,
    tcpconnect: Ended,
    tcplife: Ended,
}

/// Runs the scenario under all of them. The recorder starts first and ends last, so it must have
/// all of their events.
fn observe(servers: [SocketAddr; 2]) -> Observations {
    let recorder = Recording::of(Vec::new())
        .option(["--system"])
        .start()
        .attached();
    let mut execsnoop = Background::start("execsnoop", &["--quote", "--max-args", "40"]);
    let mut tcpconnect = Background::start("tcpconnect", &[]);
    let mut tcplife = Background::start("tcplife", &["--wide"]);
    let mut all_see = |marker: &str| {
        let own = server("127.0.0.1", Duration::ZERO);
        execsnoop.wait_for_output(marker, || {
            run(Command::new("/bin/true").arg(marker)).success();
        });
        // Ports that nothing else has.
        let port = own.port().to_string();
        tcpconnect.wait_for_output(&port, || dial(&["plain"], own));
        tcplife.wait_for_output(&port, || dial(&["plain"], own));
    };
    all_see("marker-before");
    let count = EXECS.to_string();
    let fan_out = act(["fan-out", &count, "8"]);
    run(Command::new(&fan_out[0]).args(&fan_out[1..])).success();
    for remote in servers {
        for _ in 0..CONNECTS / 2 / 30 {
            dial(&["plain", "nonblocking", "exchange"].repeat(10), remote);
        }
    }
    // A port without a listener.
    dial(
        &["plain", "nonblocking"],
        "127.0.0.1:1".parse().expect("an address"),
    );
    all_see("marker-after");
    let seen = (execsnoop.stop(), tcpconnect.stop(), tcplife.stop());
    recorder.send(Signal::SIGINT);
    let (execsnoop, tcpconnect, tcplife) = seen;
    Observations {
        trace: recorder.finish().trace(),
        execsnoop,
        tcpconnect,
        tcplife,
    }
}

/// Connects by several methods in one process.
fn dial(methods: &[&str], remote: SocketAddr) {
    let remote = remote.to_string();
    let mut line = act(["dial"]);
    for method in methods {
        line.extend([method.into(), remote.clone().into()]);
    }
    run(Command::new(&line[0]).args(&line[1..])).success();
}

/// Returns the lines with events, without the heading.
fn lines(output: &Ended) -> impl Iterator<Item = &[u8]> {
    output
        .stdout
        .split(|byte| *byte == b'\n')
        .skip(1)
        .filter(|line| !line.is_empty())
}

/// An exec as execsnoop prints it: `%-16s %-6d %-6d %3d "PROGRAM" "ARGUMENT"…`.
struct Exec {
    pid: u64,
    name: String,
    words: Vec<String>,
}

fn execs(output: &Ended) -> Vec<Exec> {
    let exec = |line: &[u8]| {
        let name = String::from_utf8_lossy(line.get(..16)?)
            .trim_end()
            .to_owned();
        let rest = String::from_utf8_lossy(line.get(16..)?).into_owned();
        let (numbers, words) = rest.split_once('"').unwrap_or((&rest, ""));
        let words = words.trim_end().trim_end_matches('"');
        Some(Exec {
            pid: numbers.split_ascii_whitespace().next()?.parse().ok()?,
            name,
            words: words.split("\" \"").map(str::to_owned).collect(),
        })
    };
    lines(output)
        .map(|line| {
            exec(line).unwrap_or_else(|| panic!("no exec: {}", String::from_utf8_lossy(line)))
        })
        .collect()
}

/// Checks that each entry of `theirs` is as often in `ours`.
#[track_caller]
fn none_missing(what: &str, theirs: Vec<String>, ours: Vec<String>) {
    let mut left: BTreeMap<String, i64> = BTreeMap::new();
    for one in ours {
        *left.entry(one).or_default() += 1;
    }
    let mut missing = Vec::new();
    for one in theirs {
        let count = left.entry(one.clone()).or_default();
        *count -= 1;
        if *count < 0 {
            missing.push(one);
        }
    }
    assert!(missing.is_empty(), "{what} saw more of: {missing:#?}");
}

/// Parses `Lost 12 events on CPU #1!`.
fn lost(output: &Ended) -> usize {
    String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter_map(|line| {
            line.strip_prefix("Lost ")?
                .split(' ')
                .next()?
                .parse::<usize>()
                .ok()
        })
        .sum()
}

fn events_of_libbpf_tools_are_in_the_trace() {
    let servers = ["127.0.0.1", "::1"].map(|address| server(address, Duration::ZERO));
    let seen = observe(servers);
    compare_execs(&seen);
    compare_connects(&seen);
    compare_lives(&seen, servers);
}

fn compare_execs(seen: &Observations) {
    let theirs = execs(&seen.execsnoop);
    let ours: Vec<&crate::harness::Event> = seen.trace.all("exec").collect();
    none_missing(
        "execsnoop",
        theirs
            .iter()
            .map(|exec| format!("{} {}", exec.pid, exec.name))
            .collect(),
        ours.iter()
            .map(|event| {
                format!(
                    "{} {}",
                    event.pid(),
                    event.process()["name"].as_str().unwrap_or_default()
                )
            })
            .collect(),
    );
    // Of the scenario with all arguments: those are short, and text.
    let jobs: Vec<String> = theirs
        .iter()
        .filter(|exec| {
            exec.words
                .get(1)
                .is_some_and(|word| word.starts_with("job "))
        })
        .map(|exec| format!("{} {}", exec.pid, exec.words.join("|")))
        .collect();
    assert!(
        jobs.len() + lost(&seen.execsnoop) >= EXECS,
        "execsnoop saw {} of {EXECS} execs: {}",
        jobs.len(),
        seen.execsnoop.messages()
    );
    println!(
        "execsnoop saw {} execs, {} of the scenario",
        theirs.len(),
        jobs.len()
    );
    let reported = |event: &&crate::harness::Event| {
        let words: Vec<String> = event
            .argv()
            .iter()
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        format!("{} {}", event.pid(), words.join("|"))
    };
    none_missing("execsnoop", jobs, ours.iter().map(reported).collect());
}

/// Parses `%-6d %-16s %-2d %-16s %-16s %-5d`: PID, COMM, IP, SADDR, DADDR, DPORT.
fn compare_connects(seen: &Observations) {
    let connect = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).into_owned();
        let mut words = line.split_ascii_whitespace();
        let pid: u64 = words.next()?.parse().ok()?;
        let port: u16 = words.next_back()?.parse().ok()?;
        let remote = SocketAddr::new(words.next_back()?.parse().ok()?, port);
        Some(format!("{pid} {remote}"))
    };
    let theirs: Vec<String> = lines(&seen.tcpconnect)
        .map(|line| {
            connect(line).unwrap_or_else(|| panic!("no connect: {}", String::from_utf8_lossy(line)))
        })
        .collect();
    println!("tcpconnect saw {}", theirs.len());
    assert!(
        theirs.len() + lost(&seen.tcpconnect) >= CONNECTS,
        "tcpconnect saw {} of {CONNECTS} connects: {}",
        theirs.len(),
        seen.tcpconnect.messages()
    );
    let ours = seen
        .trace
        .all("connect")
        .map(|event| format!("{} {}", event.pid(), event.remote()))
        .collect();
    none_missing("tcpconnect", theirs, ours);
}

/// Parses `PID COMM LADDR LPORT RADDR RPORT TX_KB RX_KB MS`. It also reports the server's side of a
/// connection, which the trace does not.
fn compare_lives(seen: &Observations, servers: [SocketAddr; 2]) {
    let life = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).into_owned();
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [
            pid,
            ..,
            local,
            local_port,
            remote,
            remote_port,
            _,
            received,
            _,
        ] = words[..]
        else {
            return None;
        };
        let address = |address: &str, port: &str| {
            Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
        };
        let remote = address(remote, remote_port)?;
        let reported = format!("{pid} {} {remote} {received}", address(local, local_port)?);
        Some((servers.contains(&remote), reported))
    };
    let theirs: Vec<String> = lines(&seen.tcplife)
        .map(|line| {
            life(line).unwrap_or_else(|| panic!("no life: {}", String::from_utf8_lossy(line)))
        })
        .filter_map(|(is_ours, reported)| is_ours.then_some(reported))
        .collect();
    println!("tcplife saw {} of the scenario", theirs.len());
    // On a slow machine the tool drops some itself, silently.
    assert!(
        theirs.len() + lost(&seen.tcplife) >= ENOUGH,
        "tcplife saw {} of {CONNECTS} connections: {}",
        theirs.len(),
        seen.tcplife.messages()
    );
    let ours = seen
        .trace
        .connections([])
        .iter()
        .map(|row: &Value| {
            let text = |key: &str| row[key].as_str().unwrap_or_default();
            let received = row["bytes_received"].as_u64().unwrap_or_default();
            format!(
                "{} {} {} {:.2}",
                row["process"]["pid"],
                text("local"),
                text("remote"),
                received as f64 / 1024.0
            )
        })
        .collect();
    none_missing("tcplife", theirs, ours);
}
