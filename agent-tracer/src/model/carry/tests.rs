use std::collections::HashSet;

use crate::{
    event::{
        Carried, Cgroup, Close, CommandStarted, Connect, Dns, Event, EventKind, Exec, Exit, Fork,
        Listen, ProcessId, Snapshot, SnapshotProcess, Unit, UnitAction, Units,
    },
    model::{Model, NameSource, Process},
    rules::RuleSet,
    view::because,
};

const START: u64 = 1_000_000_000_000;

fn id(pid: u32) -> ProcessId {
    ProcessId {
        pid,
        start_ns: u64::from(pid) * 1_000_000_001,
    }
}

fn event(pid: u32, kind: EventKind) -> Event {
    Event {
        boot_ns: START,
        process: id(pid),
        user: 0,
        kind,
    }
}

fn fork(parent: u32, child: u32) -> Event {
    let fork = Fork {
        parent_pid: parent,
        parent_start_ns: id(parent).start_ns,
        comm: b"x".to_vec(),
    };
    event(child, EventKind::Fork(fork))
}

fn exec(pid: u32, line: &str) -> Event {
    let words = line.split(' ').map(|word| word.as_bytes().to_vec());
    let argv: Vec<Vec<u8>> = words.collect();
    let exec = Exec {
        filename: argv[0].clone(),
        cwd: b"/srv".to_vec(),
        comm: b"named".to_vec(),
        argv,
        ..Exec::default()
    };
    event(pid, EventKind::Exec(exec))
}

fn exit(pid: u32) -> Event {
    event(pid, EventKind::Exit(Exit::default()))
}

fn connect(pid: u32, connection: u64, last: u8) -> Event {
    let connect = Connect {
        connection,
        local_address: vec![127, 0, 0, 1],
        local_port: 999,
        remote_address: vec![192, 0, 2, last],
        remote_port: 443,
        ..Connect::default()
    };
    event(pid, EventKind::Connect(connect))
}

/// Processes 1 and 4 from before, and the events.
fn first(events: &[Event]) -> Model {
    let mut model = Model::new(RuleSet::built_in());
    let ran_before = |pid: u32, exe: &str| SnapshotProcess {
        pid,
        start_ns: id(pid).start_ns / 10_000_000 * 10_000_000,
        parent_pid: u32::from(pid != 1),
        exe: exe.into(),
        comm: exe.rsplit('/').next().unwrap_or_default().into(),
        ..SnapshotProcess::default()
    };
    let processes = vec![
        ran_before(1, "/usr/lib/systemd/systemd"),
        ran_before(4, "/bin/sh"),
    ];
    let snapshot = EventKind::Snapshot(Snapshot { processes });
    model.apply(&Event::of_recording(START, snapshot));
    let attached = EventKind::CommandStarted(CommandStarted { attached: true });
    model.apply(&event(4, attached));
    for event in events {
        model.apply(event);
    }
    model
}

/// The next segment, which has the opening alone.
fn next(model: &Model) -> (Model, Snapshot, Carried) {
    let (snapshot, carried) = model.carry(&HashSet::new(), None);
    let mut next = Model::new(RuleSet::built_in());
    let opening = [
        EventKind::Snapshot(snapshot.clone()),
        EventKind::Carried(carried.clone()),
    ];
    for kind in opening {
        next.apply(&Event::of_recording(2 * START, kind));
    }
    (next, snapshot, carried)
}

fn life(model: &Model, pid: u32) -> &Process {
    model.process(model.latest(pid).expect("the process is known"))
}

#[test]
fn a_daemon_keeps_its_tree_though_its_ancestors_ended() {
    let first = first(&[
        fork(4, 5),
        exec(5, "/bin/agent --start"),
        fork(5, 6),
        exit(5),
        fork(6, 7),
        exit(6),
        exec(7, "/bin/daemon"),
    ]);
    let (second, snapshot, carried) = next(&first);
    let pids: Vec<u32> = snapshot.processes.iter().map(|it| it.pid).collect();
    assert_eq!(pids, [1, 4, 7]);
    assert_eq!(snapshot.processes[2].parent_pid, 0, "6 is gone");
    for model in [&first, &second] {
        let daemon = life(model, 7);
        assert_eq!(&*daemon.tree, "command");
        assert_eq!(because(model, daemon), "child of x [6]");
        assert_eq!(
            (&*daemon.cwd, &*daemon.exe),
            (&b"/srv"[..], &b"/bin/daemon"[..])
        );
        assert_eq!(daemon.parent_pid, 6);
        assert_eq!(daemon.names.len(), 4);
    }
    assert!(second.ledger().is_complete());
    // The third segment is as the second: nothing wears off.
    let (third, again, carried_again) = next(&second);
    assert_eq!(again, snapshot);
    assert_eq!(carried_again, carried);
    assert_eq!(&*life(&third, 7).tree, "command");
    // Its children are of the tree, too, and its end has the exact start.
    let mut third = third;
    third.apply(&fork(7, 8));
    third.apply(&exit(7));
    assert_eq!(&*life(&third, 8).tree, "command");
    assert!(!life(&third, 7).is_running());
    assert!(third.ledger().is_complete());
}

#[test]
fn a_connection_has_its_owner_and_names_and_closes_later() {
    let dns = Dns {
        question: "agent.example".to_owned(),
        rcode: "NOERROR".to_owned(),
        addresses: vec![vec![192, 0, 2, 7], vec![192, 0, 2, 8]],
        ..Dns::default()
    };
    let listen = Listen {
        connection: 41,
        local_address: vec![0, 0, 0, 0],
        local_port: 80,
        ..Listen::default()
    };
    let closed = Close {
        connection: 40,
        ..Close::default()
    };
    let first = first(&[
        fork(4, 5),
        event(5, EventKind::Dns(dns)),
        connect(5, 40, 9),
        event(5, EventKind::Listen(listen)),
        connect(5, 42, 7),
        event(5, EventKind::Close(closed)),
        // Another holds the socket.
        fork(5, 6),
        exit(5),
    ]);
    let (mut second, _, carried) = next(&first);
    assert_eq!(carried.connections.len(), 1);
    let connection = second.connection(42).expect("a connection");
    assert!(connection.is_pre_existing);
    assert_eq!(second.process(connection.owner).id.pid, 5);
    assert!(!second.process(connection.owner).is_running());
    assert_eq!(&*connection.names[0].name, "agent.example");
    assert_eq!(
        second
            .listener(41)
            .map(|it| second.process(it.owner).id.pid),
        Some(5)
    );
    let close = Close {
        connection: 42,
        bytes_sent: 3,
        bytes_received: 4,
        ..Close::default()
    };
    second.apply(&event(5, EventKind::Close(close)));
    let connection = second.connection(42).expect("a connection");
    assert_eq!(connection.bytes(), Some((3, 4)));
    assert!(connection.ended_ns().is_some());
    // What was looked up before still names addresses.
    second.apply(&connect(6, 43, 8));
    let names = &second.connection(43).expect("a connection").names;
    assert_eq!(&*names[0].name, "agent.example");
    assert_eq!(names[0].source, NameSource::DnsOther);
    assert!(second.ledger().is_complete());
}

#[test]
fn a_request_explains_a_unit_that_was_started_before() {
    let unit = |action: UnitAction| Unit {
        name: b"acmed.service".to_vec(),
        action: action.into(),
        ..Unit::default()
    };
    let path = b"/system.slice/acmed.service".to_vec();
    let first = first(&[
        Event::of_recording(START, EventKind::Units(Units::default())),
        fork(4, 5),
        exec(5, "/bin/systemctl start acmed"),
        Event::of_recording(START, EventKind::Unit(unit(UnitAction::Queued))),
        fork(1, 6),
        event(6, EventKind::Cgroup(Cgroup { path })),
        exec(6, "/usr/bin/unknown-agent"),
        exit(5),
    ]);
    let expected = "unit acmed.service, started by /bin/systemctl start acmed [pid 5] (inferred)";
    assert_eq!(because(&first, life(&first, 6)), expected);
    let (mut second, _, _) = next(&first);
    assert_eq!(because(&second, life(&second, 6)), expected);
    assert_eq!(&*life(&second, 6).tree, "acmed.service");
    // A restart by systemd itself stays in the unit's own tree.
    second.apply(&exit(6));
    second.apply(&fork(1, 7));
    let path = b"/system.slice/acmed.service".to_vec();
    second.apply(&event(7, EventKind::Cgroup(Cgroup { path })));
    assert_eq!(&*life(&second, 7).tree, "acmed.service");
}

#[test]
fn a_process_that_is_gone_is_left_out() {
    let first = first(&[fork(4, 5), fork(4, 6)]);
    let gone = HashSet::from([id(5)]);
    let (snapshot, carried) = first.carry(&gone, None);
    let pids: Vec<u32> = snapshot.processes.iter().map(|it| it.pid).collect();
    assert_eq!(pids, [1, 4, 6]);
    assert_eq!(carried.processes.len(), 3);
}

#[test]
fn a_forged_opening_is_taken_without_harm() {
    let first = first(&[fork(4, 5), connect(5, 1, 9)]);
    let (_, mut carried) = first.carry(&HashSet::new(), None);
    for process in &mut carried.processes {
        process.parent = process.id;
        process.activation = u32::MAX;
        process.reason = 99;
    }
    for connection in &mut carried.connections {
        connection.state = 77;
        connection.remote_address = vec![1; 3];
    }
    let mut model = Model::new(RuleSet::empty());
    // Twice, and without the snapshot.
    for _ in 0..2 {
        model.apply(&Event::of_recording(1, EventKind::Carried(carried.clone())));
    }
    assert_eq!(model.connections().len(), 0);
}
