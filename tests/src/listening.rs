//! Tests listeners: each TCP listener and each bound UDP socket is a row with its owner, address
//! and state, and ss agrees. All of them are in a network of the test.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use crate::harness::{NO_WIRE, Recording, Survivors, Test, Wire, act, live, run, words};

pub(crate) fn tests() -> Vec<Test> {
    let on_the_wire = |test: Test| test.needs("ip").only_where(Wire::is_possible, NO_WIRE);
    vec![
        on_the_wire(live!(every_listener_is_a_row_with_its_owner)),
        on_the_wire(live!(listening_rows_match_ss)).needs("ss"),
        on_the_wire(live!(a_port_that_the_kernel_chose_is_reported))
            .lacking("a port yet when a socket that was not bound begins to listen"),
        on_the_wire(live!(a_failed_listen_is_not_a_listener))
            .lacking("a word from the kernel that listen(2) failed after it had begun"),
        on_the_wire(live!(an_mptcp_listener_is_a_tcp_listener))
            .needs_file("/proc/sys/net/mptcp/enabled", "this kernel has no MPTCP"),
    ]
}

/// Kind of listener, action, address, count of rows, and their state. Kinds and actions are those
/// of `actor/listen.rs`.
type Line = (
    &'static str,
    &'static str,
    &'static str,
    usize,
    &'static str,
);

#[rustfmt::skip]
const TABLE: [Line; 30] = [
    ("tcp", "stay", "192.0.2.1:0", 1, "listening"),
    ("tcp", "stay", "[2001:db8:1::1]:0", 1, "listening"),
    ("tcp", "stay", "0.0.0.0:26001", 1, "listening"),
    ("tcp", "stay", "[::]:26002", 1, "listening"),
    ("tcp", "stay", "127.0.0.1:0", 1, "listening"),
    // A v4 address of a v6 socket.
    ("tcp6", "stay", "192.0.2.1:0", 1, "listening"),
    ("tcp", "close", "192.0.2.1:0", 1, "closed"),
    ("tcp", "close", "[::]:0", 1, "closed"),
    ("tcp", "leave", "192.0.2.1:0", 1, "closed"),
    ("tcp", "leave", "[2001:db8:1::1]:0", 1, "closed"),
    // One row, however often it is called.
    ("tcp-twice", "stay", "192.0.2.1:0", 1, "listening"),
    ("tcp-shared", "stay", "192.0.2.1:0", 2, "listening"),
    ("tcp-shared", "leave", "[2001:db8:1::1]:0", 2, "closed"),
    // The process that began it is the owner, regardless of later holders.
    ("tcp", "bequeath", "192.0.2.1:0", 1, "listening"),
    // Its process lives on.
    ("tcp", "shut", "192.0.2.1:0", 1, "closed"),
    ("udp", "stay", "192.0.2.1:26011", 1, "listening"),
    ("udp", "stay", "[2001:db8:1::1]:26012", 1, "listening"),
    ("udp", "stay", "0.0.0.0:26001", 1, "listening"),
    ("udp", "stay", "[::]:26002", 1, "listening"),
    ("udp6", "stay", "192.0.2.1:26013", 1, "listening"),
    ("udp", "close", "192.0.2.1:26014", 1, "closed"),
    ("udp", "close", "[::]:26015", 1, "closed"),
    ("udp", "leave", "192.0.2.1:26016", 1, "closed"),
    ("udp", "leave", "[2001:db8:1::1]:26017", 1, "closed"),
    ("udp-shared", "stay", "192.0.2.1:26018", 2, "listening"),
    ("udp", "bequeath", "192.0.2.1:26019", 1, "listening"),
    // At any port it is a client's end, until a stranger writes to it.
    ("udp", "stay", "192.0.2.1:0", 1, CLIENT),
    ("udp", "leave", "[2001:db8:1::1]:0", 1, CLIENT),
    ("udp-heard", "stay", "192.0.2.1:0", 1, "listening"),
    ("udp-heard", "leave", "[2001:db8:1::1]:0", 1, "closed"),
];

/// No row.
const CLIENT: &str = "";

/// The results of the recording.
struct Scene {
    rows: Vec<Value>,
    /// The expected rows.
    wanted: Vec<String>,
    /// Client ends, which are not rows.
    clients: BTreeSet<SocketAddr>,
    /// The process that holds a socket after its owner has ended, by owner.
    holders: BTreeMap<u64, u64>,
    /// Output of ss(8) after the recording; `None` where it is not installed.
    sockets: Option<String>,
}

/// An actor's own report.
#[derive(Default)]
struct ListenerReport {
    owner: u64,
    holder: Option<u64>,
    locals: Vec<SocketAddr>,
}

fn reports(output: &str) -> BTreeMap<usize, ListenerReport> {
    let mut all: BTreeMap<usize, ListenerReport> = BTreeMap::new();
    for line in output.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let one = all.entry(words[0].parse().expect("a name")).or_default();
        match words[1..] {
            ["owner", pid] => one.owner = pid.parse().expect("a process"),
            ["taken-over", pid] => one.holder = pid.parse().ok(),
            ["saw", local] => one.locals.push(local.parse().expect("an address")),
            _ => panic!("no line of an actor's: {line}"),
        }
    }
    all
}

fn play(table: &[Line]) -> Scene {
    let wire = Wire::with(&[]);
    let script: Vec<String> = table
        .iter()
        .enumerate()
        .map(|(name, (kind, action, address, _, _))| format!("{name} {kind} {action} {address}"))
        .collect();
    let recorded = Recording::of(wire.local(act(["listeners"])))
        .input(script.join("\n").as_bytes())
        .lingers(300)
        .run();
    let reports = reports(recorded.ended.text());
    let survivors = Survivors::new(reports.values().map(|one| one.holder.unwrap_or(one.owner)));
    let line = wire.local(words(["ss", "-H", "-lntup"]));
    let sockets = run(Command::new(&line[0]).args(&line[1..]));
    drop(survivors);
    let mut wanted = Vec::new();
    let mut clients = BTreeSet::new();
    for (name, (kind, action, address, count, state)) in table.iter().enumerate() {
        let one = &reports[&name];
        assert_eq!(one.locals.len(), *count, "{kind} {action} {address}");
        let protocol = if kind.starts_with("udp") {
            "udp"
        } else {
            "tcp"
        };
        if *state == CLIENT {
            clients.extend(&one.locals);
            continue;
        }
        for local in &one.locals {
            let ended = *state == "closed";
            let owner = one.owner;
            wanted.push(format!(
                "{protocol} {local} {state} ended {ended} owner {owner}"
            ));
        }
    }
    let trace = recorded.trace();
    Scene {
        rows: trace.connections(["--listening", "--tree", "command"]),
        wanted,
        clients,
        holders: reports
            .values()
            .filter_map(|one| Some((one.owner, one.holder?)))
            .collect(),
        sockets: (sockets.code == Some(0)).then(|| sockets.text().to_owned()),
    }
}

/// Plays the scene once for all tests.
fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| play(&TABLE))
}

#[track_caller]
fn rows_match(scene: &Scene) {
    let mut rows: Vec<String> = scene
        .rows
        .iter()
        .map(|row| {
            assert_eq!(row["tree"], "command");
            assert!(row["started"].is_string(), "{row}");
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {} ended {} owner {}",
                text("protocol"),
                text("local"),
                text("state"),
                row["duration_ms"].is_number(),
                row["process"]["pid"],
            )
        })
        .collect();
    let mut wanted = scene.wanted.clone();
    rows.sort();
    wanted.sort();
    let missing: Vec<&String> = wanted.iter().filter(|it| !rows.contains(it)).collect();
    let more: Vec<&String> = rows.iter().filter(|it| !wanted.contains(it)).collect();
    assert!(
        rows == wanted,
        "{} rows, {} wanted\nmissing: {missing:#?}\nmore: {more:#?}",
        rows.len(),
        wanted.len()
    );
}

fn every_listener_is_a_row_with_its_owner() {
    rows_match(scene());
}

fn an_mptcp_listener_is_a_tcp_listener() {
    rows_match(&play(&[
        ("mptcp", "stay", "192.0.2.1:0", 1, "listening"),
        ("mptcp", "close", "[2001:db8:1::1]:0", 1, "closed"),
    ]));
}

fn a_port_that_the_kernel_chose_is_reported() {
    rows_match(&play(&[
        ("tcp-unbound", "stay", "0.0.0.0:0", 1, "listening"),
        ("tcp-unbound", "stay", "[::]:0", 1, "listening"),
    ]));
}

/// Binds two sockets of a process to one port, which is allowed, and listens on both, which is not.
fn a_failed_listen_is_not_a_listener() {
    rows_match(&play(&[(
        "tcp-too-late",
        "stay",
        "192.0.2.1:26003",
        1,
        "listening",
    )]));
}

/// Parses `PROTOCOL STATE RECEIVED SENT LOCAL REMOTE users:(("NAME",pid=PID,fd=FD))`.
fn shown(line: &str) -> Option<(String, SocketAddr, u64)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [protocol, _, _, _, local, _, users] = words[..] else {
        return None;
    };
    // For both families.
    let local = match local.strip_prefix("*:") {
        Some(port) => format!("[::]:{port}"),
        None => local.to_owned(),
    };
    let local: SocketAddr = local.parse().ok()?;
    let local = SocketAddr::new(local.ip().to_canonical(), local.port());
    let (_, pid) = users.split_once("pid=")?;
    let pid = pid.split(',').next()?.parse().ok()?;
    Some((protocol.to_owned(), local, pid))
}

fn listening_rows_match_ss() {
    let scene = scene();
    let sockets = scene.sockets.as_deref().expect("ss was there");
    let mut theirs: Vec<(String, SocketAddr, u64)> = sockets
        .lines()
        .map(|line| shown(line).unwrap_or_else(|| panic!("no socket: {line}")))
        .collect();
    let mut ours: Vec<(String, SocketAddr, u64)> = scene
        .rows
        .iter()
        .filter(|row| row["state"] == "listening")
        .map(|row| {
            let owner = row["process"]["pid"].as_u64().expect("a process");
            let local = row["local"].as_str().and_then(|local| local.parse().ok());
            (
                row["protocol"].as_str().unwrap_or_default().to_owned(),
                local.unwrap_or_else(|| panic!("no local end: {row}")),
                scene.holders.get(&owner).copied().unwrap_or(owner),
            )
        })
        .collect();
    theirs.retain(|(protocol, local, _)| protocol == "tcp" || !scene.clients.contains(local));
    let protocols: BTreeSet<&str> = theirs.iter().map(|(name, _, _)| &**name).collect();
    assert_eq!(protocols.len(), 2, "{sockets}");
    theirs.sort();
    ours.sort();
    assert_eq!(ours, theirs);
}
