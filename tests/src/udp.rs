//! Tests UDP: every peer that a process sent to is a row with the process's own counts of datagrams
//! and bytes each way. Traffic of strangers is counted at its destination. No packet leaves the
//! test's own wire.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{NO_WIRE, Recording, Survivors, Test, Trace, Wire, act, live, run, slowness};

pub(crate) fn tests() -> Vec<Test> {
    let on_the_wire = |test: Test| test.needs("ip").only_where(Wire::is_possible, NO_WIRE);
    vec![
        on_the_wire(live!(every_peer_is_a_row_with_its_counts)),
        on_the_wire(live!(strangers_count_at_their_destination)),
        // No other recording has room for its own peers meanwhile.
        on_the_wire(live!(a_hundred_thousand_peers_are_counted)).alone(),
    ]
}

/// A pattern, the count and size of datagrams, and the expected datagrams and bytes each way. The
/// remote end answers with twice the bytes, unless the pattern forbids it.
type Line = (&'static str, u16, usize, [u64; 4]);

/// Patterns are those of `actor/datagram.rs`.
const TABLE: [Line; 12] = [
    ("connected", 3, 100, [3, 300, 3, 600]),
    ("addressed", 3, 100, [3, 300, 3, 600]),
    ("kept", 2, 10, [2, 20, 2, 40]),
    ("thread", 2, 50, [2, 100, 2, 200]),
    ("quiet", 4, 20, [4, 80, 0, 0]),
    ("leave", 1, 20, [1, 20, 0, 0]),
    ("corked", 2, 30, [2, 180, 2, 360]),
    // One packet as far as this machine knows.
    ("segmented", 10, 100, [10, 1000, 10, 2000]),
    // Nothing in them, and several packets each.
    ("addressed", 3, 0, [3, 0, 3, 0]),
    ("connected", 2, 20_000, [2, 40_000, 2, 80_000]),
    ("unsent", 2, 10, [0; 4]),
    // One socket, and each peer gets one more than the one before.
    ("many", PEERS, 10, [0; 4]),
];

const PEERS: u16 = 30;

/// For each line and family: its script, port, remote address, and the expected counts of each
/// peer.
struct Case {
    name: u16,
    pattern: &'static str,
    script: String,
    peers: Vec<(String, [u64; 4])>,
}

fn cases() -> Vec<Case> {
    let mut name = 24_000;
    let mut cases = Vec::new();
    for (pattern, count, size, counts) in TABLE {
        for family in ["v4", "v6", "mapped"] {
            let ip = match (pattern, family) {
                ("unsent", "v6") => "[2001:db8:3::1]",
                ("unsent", _) => "203.0.113.1",
                (_, "v6") => "[2001:db8:1::2]",
                _ => "192.0.2.2",
            };
            let socket = if family == "mapped" { "mapped" } else { "own" };
            let peers = match pattern {
                "unsent" => Vec::new(),
                "many" => (0..count)
                    .map(|peer| {
                        let sent = u64::from(peer) + 1;
                        (
                            format!("{ip}:{}", name + peer),
                            [sent, sent * 10, sent, sent * 20],
                        )
                    })
                    .collect(),
                _ => vec![(format!("{ip}:{name}"), counts)],
            };
            cases.push(Case {
                name,
                pattern,
                script: format!("{name} {pattern} {socket} {ip}:{name} {count} {size}"),
                peers,
            });
            name += PEERS;
        }
    }
    cases
}

/// The actors' own reports: owners, and `LOCAL SENT BYTES RECEIVED BYTES`.
#[derive(Default)]
struct SocketReport {
    owner: u64,
    port: Option<u16>,
    counted: Option<[u64; 4]>,
}

fn reports(output: &str) -> BTreeMap<u16, SocketReport> {
    let mut all: BTreeMap<u16, SocketReport> = BTreeMap::new();
    let number = |word: &&str| word.parse().expect("a number");
    for line in output.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let one = all.entry(words[0].parse().expect("a name")).or_default();
        match &words[1..] {
            ["owner", pid] => one.owner = number(pid),
            ["counted", local, counts @ ..] => {
                one.port = local.rsplit(':').next().and_then(|port| port.parse().ok());
                let counts: Vec<u64> = counts.iter().map(number).collect();
                one.counted = counts.try_into().ok();
            }
            _ => panic!("no line of an actor's: {line}"),
        }
    }
    all
}

fn counts(row: &Value) -> [u64; 4] {
    [
        "datagrams_sent",
        "bytes_sent",
        "datagrams_received",
        "bytes_received",
    ]
    .map(|key| row[key].as_u64().unwrap_or_else(|| panic!("{key}: {row}")))
}

fn port_of(row: &Value) -> Option<u16> {
    row["local"].as_str()?.rsplit(':').next()?.parse().ok()
}

fn reported(row: &Value) -> String {
    let is_v4 = |key: &str| row[key].as_str().map(|end| !end.starts_with('['));
    assert_eq!(is_v4("local"), is_v4("remote"), "{row}");
    assert!(row["connect_ms"].is_null(), "{row}");
    let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
    format!(
        "{} {} {} {} {:?} from port {:?} owner {}",
        text("remote"),
        text("protocol"),
        text("state"),
        text("error"),
        counts(row),
        port_of(row),
        row["process"]["pid"],
    )
}

fn every_peer_is_a_row_with_its_counts() {
    let cases = cases();
    let peers = cases.iter().map(|case| (case.pattern, case.name));
    let servers: Vec<(&str, u16)> = peers
        .flat_map(|(pattern, name)| match pattern {
            "unsent" => 0..0,
            "many" => name..name + PEERS,
            _ => name..name + 1,
        })
        .map(|port| ("echo", port))
        .collect();
    let wire = Wire::with(&servers);
    let script: Vec<&str> = cases.iter().map(|case| &*case.script).collect();
    let recorded = Recording::of(wire.local(act(["datagrams"])))
        .input(script.join("\n").as_bytes())
        .lingers(300)
        .run();
    let reports = reports(recorded.ended.text());
    let kept = cases.iter().filter(|case| case.pattern == "kept");
    let survivors = Survivors::new(kept.map(|case| reports[&case.name].owner));
    drop(survivors);
    let trace = recorded.trace();
    let mut wanted = Vec::new();
    for case in &cases {
        let own = &reports[&case.name];
        // The scene itself: every process counted the sum of its peers.
        let all = case.peers.iter().fold([0; 4], |mut all, (_, counts)| {
            all.iter_mut()
                .zip(counts)
                .for_each(|(sum, one)| *sum += one);
            all
        });
        assert!(
            own.counted.is_none_or(|counted| counted == all),
            "{} counted {:?}",
            case.script,
            own.counted
        );
        let state = if case.pattern == "kept" {
            "open"
        } else {
            "closed"
        };
        for (remote, counts) in &case.peers {
            wanted.push((remote.clone(), own.port, state, *counts, own.owner));
        }
    }
    let rows = trace.connections(["--tree", "command"]);
    // For a process that ended too early to report, the row's port is accepted.
    let mut wanted: Vec<String> = wanted
        .into_iter()
        .map(|(remote, port, state, counts, owner)| {
            let row = rows.iter().find(|row| row["remote"] == remote);
            let port = port.or_else(|| port_of(row?));
            format!("{remote} udp {state} - {counts:?} from port {port:?} owner {owner}")
        })
        .collect();
    let mut rows: Vec<String> = rows.iter().map(reported).collect();
    wanted.sort();
    rows.sort();
    let missing: Vec<&String> = wanted.iter().filter(|it| !rows.contains(it)).collect();
    let more: Vec<&String> = rows.iter().filter(|it| !wanted.contains(it)).collect();
    assert!(
        missing.is_empty() && more.is_empty() && rows.len() == wanted.len(),
        "{} rows for {} peers in {}\nmissing: {missing:#?}\nmore: {more:#?}",
        rows.len(),
        wanted.len(),
        trace.file.display()
    );
}

/// Two strangers for each of these: kind, place, and whether they get an answer.
const BOUND: [(&str, &str, &str, &str); 8] = [
    ("bound", "own", "192.0.2.1", "192.0.2.1"),
    ("bound", "own", "[2001:db8:1::1]", "[2001:db8:1::1]"),
    ("bound", "mapped", "192.0.2.1", "192.0.2.1"),
    ("bound", "own", "[::]", "192.0.2.1"),
    ("bound", "own", "0.0.0.0", "192.0.2.1"),
    ("server", "own", "192.0.2.1", "192.0.2.1"),
    ("server", "own", "[2001:db8:1::1]", "[2001:db8:1::1]"),
    ("server", "own", "[::]", "192.0.2.1"),
];

const STRANGERS: u16 = 2;
const DATAGRAMS: u16 = 5;

fn strangers_count_at_their_destination() {
    let wire = Wire::with(&[]);
    let count = STRANGERS * DATAGRAMS;
    let name = |line: usize| 25_000 + u16::try_from(line).expect("a port");
    let mut script = String::new();
    let mut theirs = String::new();
    for (line, (pattern, socket, own, at)) in BOUND.iter().enumerate() {
        let port = name(line);
        script += &format!("{port} {pattern} {socket} {own}:{port} {count} 0\n");
        let manner = if *pattern == "server" {
            "connected"
        } else {
            "quiet"
        };
        for stranger in 0..STRANGERS {
            theirs += &format!("{port}{stranger} {manner} own {at}:{port} {DATAGRAMS} 40\n");
        }
    }
    let mut recording = Recording::of(wire.local(act(["datagrams"])))
        .input(script.as_bytes())
        .lingers(300)
        .start();
    for line in 0..BOUND.len() {
        recording = recording.says(&format!("{} waits", name(line)));
    }
    let strangers = wire.remote(act(["datagrams"]));
    let mut strangers_line = std::process::Command::new(&strangers[0]);
    strangers_line.args(&strangers[1..]);
    crate::harness::run_with(&mut strangers_line, theirs.as_bytes()).success();
    let recorded = recording.finish();
    let reports = reports(recorded.ended.text());
    let trace = recorded.trace();
    let received = [u64::from(count), u64::from(count) * 40];
    let mut wanted: Vec<String> = BOUND
        .iter()
        .enumerate()
        .map(|(line, (pattern, _, own, _))| {
            let [datagrams, bytes] = received;
            let counts = match *pattern {
                "server" => [datagrams, bytes, datagrams, bytes],
                _ => [0, 0, datagrams, bytes],
            };
            let owner = reports[&name(line)].owner;
            format!("{own}:{} udp closed {counts:?} owner {owner}", name(line))
        })
        .collect();
    let mut rows: Vec<String> = listeners(&trace)
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            let pid = &row["process"]["pid"];
            let (local, protocol) = (text("local"), text("protocol"));
            format!(
                "{local} {protocol} {} {:?} owner {pid}",
                text("state"),
                counts(row)
            )
        })
        .collect();
    wanted.sort();
    rows.sort();
    assert_eq!(rows, wanted);
    // Strangers that get answers are not destinations.
    let peers = trace.connections(["--tree", "command"]);
    let is_inbound = |peer: &Value| peer["direction"] == "inbound";
    assert!(peers.iter().all(is_inbound), "{peers:?}");
}

fn listeners(trace: &Trace) -> Vec<Value> {
    trace.connections(["--listening", "--tree", "command"])
}

/// Peers of each of two sockets.
const SCANNED: usize = 50_000;

/// Each peer is a row with its one datagram. On a busy machine records may be lost, which the trace
/// then reports; but no peer is left without its count.
fn a_hundred_thousand_peers_are_counted() {
    // An emulated machine has not the memory for all.
    let scanned = SCANNED / slowness() as usize;
    let wire = Wire::with(&[]);
    // The router drops all of it.
    let script = format!(
        "1 scan own 198.51.100.1:1000 {scanned} 10\n2 scan own 198.51.100.2:1000 {scanned} 10"
    );
    let recorded = Recording::of(wire.local(act(["datagrams"])))
        .input(script.as_bytes())
        .lingers(300)
        .run();
    assert_eq!(
        recorded.ended.code,
        Some(0),
        "{}",
        recorded.ended.messages()
    );
    let trace = Trace::read(recorded);
    let rows = trace.connections(["--tree", "command"]);
    let exact = rows
        .iter()
        .filter(|row| row["datagrams_sent"] == 1 && row["bytes_sent"] == 10)
        .count();
    let is_complete = trace.replayed.code == Some(0);
    println!(
        "{} rows, {exact} of them exact, complete: {is_complete}",
        rows.len()
    );
    assert!(
        !is_complete || exact == 2 * scanned,
        "{exact} exact rows of {} for two times {scanned} peers, and nothing is reported as lost: \
         {}",
        rows.len(),
        trace.replayed.messages()
    );
    assert_eq!(exact, rows.len(), "each row has its count");
    let messages = trace.replayed.messages();
    assert!(!messages.contains("uncounted"), "{messages}");
    let reported = run(crate::harness::tracer().arg("connections").arg(&trace.file));
    assert!(
        reported.code == Some(0) || !is_complete,
        "{}",
        reported.messages()
    );
}
