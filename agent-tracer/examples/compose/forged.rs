//! Composes traces that no recorder writes: endless lineages, texts wider than any format, and few
//! bytes that stand for many things.

use std::net::{Ipv4Addr, SocketAddr};

use agent_tracer::event::{
    Dns, EventKind, Fork, Hosts, HostsEntry, ProcessId, Snapshot, SnapshotProcess, TlsHello,
};

use crate::story::Story;

/// More columns than a width of 16 bits has.
const WIDE: usize = 70_000;

const FIRST: ProcessId = ProcessId {
    pid: 50,
    start_ns: 10_000_000,
};

/// Makes each process fork the next one.
pub(crate) fn deep(story: &mut Story, processes: u32) {
    let mut parent = FIRST;
    for _ in 0..processes {
        story.now += 1_000;
        parent = story.fork(parent, 0, b"deep");
    }
}

/// Makes processes their own parents, and parents of their parents.
pub(crate) fn circle(story: &mut Story) {
    let seen = |pid, parent_pid| SnapshotProcess {
        pid,
        start_ns: 10_000_000,
        parent_pid,
        comm: b"circle".to_vec(),
        ..SnapshotProcess::default()
    };
    story.of_recording(EventKind::Snapshot(Snapshot {
        processes: vec![seen(50, 52), seen(51, 50), seen(52, 51), seen(53, 53)],
    }));
    let own = ProcessId {
        pid: 60,
        start_ns: story.now,
    };
    for (child, parent) in [(own, own), (FIRST, own), (own, FIRST), (FIRST, FIRST)] {
        let fork = Fork {
            parent_pid: parent.pid,
            parent_start_ns: parent.start_ns,
            comm: b"circle".to_vec(),
        };
        story.emit(child, 0, EventKind::Fork(fork));
        story.exec(child, 0, b"circle", &[b"/bin/circle"]);
    }
}

/// Makes command lines, hosts and names of many thousand columns.
pub(crate) fn wide(story: &mut Story) {
    let text = vec![b'a'; WIDE];
    let host = "h".repeat(WIDE);
    let child = story.fork(FIRST, 0, &text);
    story.exec(child, 0, &text, &[&text, &text]);
    for last in 1..4 {
        let address = Ipv4Addr::new(203, 0, 113, last);
        let dns = Dns {
            question: host.clone(),
            kind: host.clone(),
            rcode: host.clone(),
            addresses: vec![address.octets().to_vec()],
            ..Dns::default()
        };
        story.emit(child, 0, EventKind::Dns(dns));
        let connection = story.connect(child, 0, SocketAddr::from((address, 443)));
        let hello = TlsHello {
            connection,
            server_name: host.clone(),
            ..TlsHello::default()
        };
        story.emit(child, 0, EventKind::TlsHello(hello));
    }
}

/// Makes events of a few bytes each.
pub(crate) fn crowd(story: &mut Story) {
    for _ in 0..20 {
        let hosts = Hosts {
            entries: vec![HostsEntry::default(); 10_000_000],
        };
        story.of_recording(EventKind::Hosts(hosts));
    }
}
