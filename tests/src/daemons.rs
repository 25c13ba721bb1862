//! Records ten daemons of Debian that are started by unit, socket or init script. Their users,
//! listeners, destinations and inbound peers must be those of ps, ss and tcpdump. There are no
//! exceptions.

mod oracle;
mod stage;

use std::{
    collections::BTreeSet,
    fmt::Debug,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use serde_json::Value;

use crate::{
    harness::{Test, live},
    systemd,
};
use oracle::{Flow, Held, Owner};
use stage::{NEEDED, PACKAGES, Scene, possible, scene};

/// The programs of the daemons, as the kernel names their processes.
const DAEMONS: [&str; 10] = [
    "dnsmasq",
    "lighttpd",
    "memcached",
    "mini_httpd",
    "nginx",
    "redis-server",
    "rpcbind",
    "snmpd",
    "sshd",
    "tinyproxy",
];

/// The daemons' own addresses.
const HERE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)),
];

pub(crate) fn tests() -> Vec<Test> {
    let tests = vec![
        live!(users_are_those_of_ps),
        live!(holders_of_listeners_are_those_of_ss),
        live!(destinations_are_those_of_tcpdump),
        live!(inbound_peers_are_those_of_tcpdump),
        live!(open_connections_are_held_as_ss_says),
        live!(a_closed_inbound_connection_is_of_the_daemon_at_its_port),
        live!(another_network_namespace_has_its_label),
    ];
    let on_stage = |test: Test| {
        let test = NEEDED.into_iter().fold(test, Test::needs);
        test.only_where(systemd::is_manager, systemd::NOT)
            .given(PACKAGES)
            .prepared(possible)
    };
    tests.into_iter().map(on_stage).collect()
}

/// Fails unless both sides have the same.
#[track_caller]
fn same<T: Ord + Debug>(what: &str, ours: &BTreeSet<T>, theirs: &BTreeSet<T>) {
    let missing: Vec<&T> = theirs.difference(ours).collect();
    let more: Vec<&T> = ours.difference(theirs).collect();
    println!("{what}: {} of {}", ours.len(), theirs.len());
    assert!(
        missing.is_empty() && more.is_empty(),
        "{what}: missing {missing:#?}, more {more:#?}"
    );
    assert!(!theirs.is_empty(), "{what}: there are none");
}

/// Returns the rows of the daemons' own network.
fn rows(scene: &Scene) -> Vec<Value> {
    let mut rows = scene.trace.connections([]);
    rows.retain(|row| row["network_namespace"].is_null());
    rows
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

fn end(row: &Value, key: &str) -> SocketAddr {
    let end = text(row, key).parse();
    end.unwrap_or_else(|_| panic!("no {key} end: {row}"))
}

fn is_inbound(row: &Value) -> bool {
    row["direction"] == "inbound"
}

/// Returns the names and numbers of the processes that hold a socket.
fn holders(row: &Value) -> BTreeSet<(String, u64)> {
    let of = |process: &Value| {
        let pid = process["pid"].as_u64().expect("a process");
        (text(process, "name").to_owned(), pid)
    };
    match row["held_by"].as_array() {
        Some(holders) => holders.iter().map(of).collect(),
        None => BTreeSet::from([of(&row["process"])]),
    }
}

fn users_are_those_of_ps() {
    let scene = scene();
    let is_daemon = |name: &str| DAEMONS.contains(&name);
    let theirs = scene.owners.iter().filter(|owner| is_daemon(&owner.name));
    let theirs: BTreeSet<Owner> = theirs.cloned().collect();
    let lives = scene.trace.processes([]);
    let running = lives
        .iter()
        .filter(|life| life["running"] == true && is_daemon(text(life, "name")));
    let number = |life: &Value, key: &str| life[key].as_u64().unwrap_or(u64::MAX);
    let ours = running.map(|life| Owner {
        pid: number(life, "pid"),
        real_user: number(life, "real_uid"),
        user: number(life, "uid"),
        user_name: text(life, "user").to_owned(),
        name: text(life, "name").to_owned(),
    });
    same("users", &ours.collect(), &theirs);
    let running: BTreeSet<&str> = theirs.iter().map(|owner| &*owner.name).collect();
    assert_eq!(running, BTreeSet::from(DAEMONS), "all run");
}

/// A UDP socket at a port of the kernel's choice is a client's end, and is a row of its peer.
fn holders_of_listeners_are_those_of_ss() {
    let scene = scene();
    let clients: BTreeSet<(u16, u64)> = rows(scene)
        .iter()
        .filter(|row| row["protocol"] == "udp" && row["state"] == "open" && !is_inbound(row))
        .flat_map(|row| {
            let port = end(row, "local").port();
            holders(row).into_iter().map(move |(_, pid)| (port, pid))
        })
        .collect();
    let is_client = |socket: &Held| {
        let port = socket.local.port();
        let mut holders = socket.holders.iter();
        socket.protocol == "udp" && holders.any(|(_, pid)| clients.contains(&(port, *pid)))
    };
    let theirs = scene.listening.iter().filter(|socket| !is_client(socket));
    let theirs: BTreeSet<Held> = theirs.cloned().collect();
    let mut listening = scene.trace.connections(["--listening"]);
    listening.retain(|row| row["state"] == "listening" && row["network_namespace"].is_null());
    let ours: BTreeSet<Held> = listening
        .iter()
        .map(|row| Held {
            protocol: text(row, "protocol").to_owned(),
            local: end(row, "local"),
            remote: None,
            holders: holders(row),
        })
        .collect();
    same("listeners", &ours, &theirs);
    let found = scene.listening.iter().filter(|socket| is_client(socket));
    assert_eq!(found.count(), clients.len(), "{clients:?}");
}

/// Compares the rows of one direction with the first packets of tcpdump.
#[track_caller]
fn same_flows(what: &str, inbound: bool) {
    let scene = scene();
    let is_own = |end: &SocketAddr| HERE.contains(&end.ip());
    let theirs = scene.flows.iter().filter(|flow| match inbound {
        true => is_own(&flow.to),
        false => is_own(&flow.from),
    });
    let mut rows = rows(scene);
    rows.retain(|row| is_inbound(row) == inbound);
    let ours: BTreeSet<Flow> = rows
        .iter()
        .map(|row| {
            let protocol = match text(row, "protocol") {
                "udp" => "udp",
                _ => "tcp",
            };
            let (local, remote) = (end(row, "local"), end(row, "remote"));
            let (from, to) = match inbound {
                true => (remote, local),
                false => (local, remote),
            };
            Flow { protocol, from, to }
        })
        .collect();
    assert_eq!(ours.len(), rows.len(), "{what}: each is one row");
    same(what, &ours, &theirs.cloned().collect());
}

fn destinations_are_those_of_tcpdump() {
    same_flows("destinations", false);
}

fn inbound_peers_are_those_of_tcpdump() {
    same_flows("inbound peers", true);
    let all = scene().trace.connections(["--inbound"]);
    assert!(all.iter().all(is_inbound));
}

fn open_connections_are_held_as_ss_says() {
    let scene = scene();
    let connected = scene.connected.iter();
    // Without a process it is closed, and waits for the peer alone.
    let held = connected.filter(|socket| !socket.holders.is_empty());
    let rows = rows(scene);
    let open = rows.iter().filter(|row| {
        let is_open = ["open", "closing"].contains(&text(row, "state"));
        is_open && row["protocol"] == "tcp"
    });
    let ours: BTreeSet<Held> = open
        .map(|row| Held {
            protocol: "tcp".to_owned(),
            local: end(row, "local"),
            remote: Some(end(row, "remote")),
            holders: holders(row),
        })
        .collect();
    same("open connections", &ours, &held.cloned().collect());
}

fn a_closed_inbound_connection_is_of_the_daemon_at_its_port() {
    let scene = scene();
    let serves = |port: u16, name: &str| {
        let mut there = scene.listening.iter().filter(|it| it.local.port() == port);
        name != "systemd" && there.any(|it| it.holders.iter().any(|(holder, _)| holder == name))
    };
    let rows = rows(scene);
    let wrong: Vec<&Value> = rows
        .iter()
        .filter(|row| {
            let name = text(&row["process"], "name");
            is_inbound(row) && !serves(end(row, "local").port(), name)
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn another_network_namespace_has_its_label() {
    let scene = scene();
    let mut rows = scene.trace.connections([]);
    rows.retain(|row| row["process"]["name"] == "python3");
    let protocols: BTreeSet<&str> = rows.iter().map(|row| text(row, "protocol")).collect();
    assert_eq!(protocols, BTreeSet::from(["tcp", "udp"]));
    for row in &rows {
        assert_eq!(row["network_namespace"], scene.peer_namespace, "{row}");
    }
}
