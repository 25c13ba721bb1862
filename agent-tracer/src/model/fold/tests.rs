use std::path::Path;

use super::{CONNECTION_STAYS_NS, PROCESS_STAYS_NS};
use crate::{
    event::{
        Close, CommandStarted, Connect, Dns, Established, Event, EventKind, Exec, Exit, FileAction,
        FileEvent, Fork, Held, Inbound, Listen, ProcessId, SocketOpened, UserChanged,
    },
    findings::shown_changes,
    model::Model,
    rules::RuleSet,
    select::{Filter, Marks, Selection},
    trace::{Item, Reader},
    view::{Clock, Page, Summary, TimeStyle},
};

const SECOND: u64 = 1_000_000_000;

fn event(boot_ns: u64, pid: u32, kind: EventKind) -> Event {
    Event {
        boot_ns,
        process: ProcessId { pid, start_ns: 1 },
        user: 0,
        kind,
    }
}

/// A process with short connections to each of four hosts, one after the other.
fn storm(connections: u64) -> Vec<Event> {
    let mut events = vec![event(0, 7, EventKind::Fork(Fork::default()))];
    for number in 1..=connections {
        let boot_ns = number * SECOND;
        let connect = Connect {
            connection: number,
            remote_address: vec![192, 0, 2, (number % 4) as u8],
            remote_port: 443,
            ..Connect::default()
        };
        let close = Close {
            connection: number,
            bytes_sent: number,
            bytes_received: 1,
            ..Close::default()
        };
        let established = Established {
            connection: number,
            ..Established::default()
        };
        events.push(event(boot_ns, 7, EventKind::Connect(connect)));
        events.push(event(boot_ns + 1, 7, EventKind::Established(established)));
        events.push(event(boot_ns + 2, 7, EventKind::Close(close)));
    }
    events
}

fn applied(events: &[Event], folds: bool) -> Model {
    let mut model = Model::new(RuleSet::default());
    for event in events {
        model.apply(event);
        if folds {
            model.fold_connections(CONNECTION_STAYS_NS);
        }
    }
    model
}

/// Counts, and bytes sent and received.
fn sums(model: &Model) -> [u64; 3] {
    let mut sums = [0; 3];
    for connection in model.connections() {
        let (sent, received) = connection.sums();
        sums[0] += connection.count();
        sums[1] += sent;
        sums[2] += received;
    }
    sums
}

#[test]
fn the_sums_stay_the_same_and_the_connections_go() {
    let events = storm(200);
    let (whole, folded) = (applied(&events, false), applied(&events, true));
    assert_eq!(sums(&whole), sums(&folded));
    assert_eq!(whole.connections().len(), 200);
    // One for each host, the last that may have brought a file, and those of the last seconds.
    assert!(folded.connections().len() <= 4 + 8 + 3);
}

#[test]
fn an_ended_process_keeps_one_for_each_destination() {
    let mut events = storm(200);
    events.push(event(201 * SECOND, 7, EventKind::Exit(Exit::default())));
    events.push(event(300 * SECOND, 8, EventKind::Fork(Fork::default())));
    let folded = applied(&events, true);
    assert_eq!(folded.connections().len(), 4);
    let firsts: Vec<u64> = folded.connections().iter().map(|it| it.id).collect();
    assert_eq!(firsts, [1, 2, 3, 4], "the first ones stay, in their order");
    assert!(folded.connection_at(3).is_some_and(|it| it.id == 4));
    assert!(folded.connection_at(4).is_none() && folded.connection(5).is_none());
}

#[test]
fn an_open_connection_stays() {
    let mut events = storm(9);
    let connect = Connect {
        connection: 10,
        remote_address: vec![192, 0, 2, 1],
        remote_port: 443,
        ..Connect::default()
    };
    events.push(event(20 * SECOND, 7, EventKind::Connect(connect)));
    events.extend(storm(9).into_iter().map(|mut later| {
        later.boot_ns += 100 * SECOND;
        later
    }));
    let folded = applied(&events, true);
    let open = folded.connection(10).expect("the open connection");
    assert!(open.ended_ns().is_none());
    assert_eq!(open.count(), 1);
}

#[test]
fn inbound_connections_of_a_listener_go_to_its_holder_at_the_end() {
    let local_address = vec![192, 0, 2, 9];
    let mut events = vec![
        event(0, 7, EventKind::Fork(Fork::default())),
        event(0, 8, EventKind::Fork(Fork::default())),
    ];
    let listen = Listen {
        connection: 1,
        local_address: local_address.clone(),
        local_port: 80,
        ..Listen::default()
    };
    events.push(event(1, 7, EventKind::Listen(listen)));
    for number in 2..=100 {
        let inbound = Inbound {
            connection: number,
            local_address: local_address.clone(),
            local_port: 80,
            remote_address: vec![192, 0, 2, number as u8],
            remote_port: 999,
            ..Inbound::default()
        };
        let close = Close {
            connection: number,
            ..Close::default()
        };
        events.push(event(number * SECOND, 7, EventKind::Inbound(inbound)));
        // Its closer is unknown, so the owner remains a guess.
        events.push(event(number * SECOND, 99, EventKind::Close(close)));
    }
    let held = Held {
        connection: 1,
        holders: vec![8],
    };
    events.push(Event::of_recording(200 * SECOND, EventKind::Held(held)));
    let (whole, folded) = (applied(&events, false), applied(&events, true));
    let worker = whole.find(ProcessId {
        pid: 8,
        start_ns: 1,
    });
    for model in [&whole, &folded] {
        assert!(
            model
                .connections()
                .iter()
                .all(|it| Some(it.owner) == worker)
        );
    }
    assert_eq!(sums(&whole), sums(&folded));
    assert!(folded.connections().len() < 10);
}

/// A daemon that forks a process every second, which asks for a name, connects and ends.
fn daemon(processes: u32) -> Vec<Event> {
    let mut events = vec![event(0, 7, EventKind::Fork(Fork::default()))];
    let started = CommandStarted { attached: false };
    events.push(event(0, 7, EventKind::CommandStarted(started)));
    for number in 1..=processes {
        let (pid, boot_ns) = (100 + number, u64::from(number) * SECOND);
        let fork = Fork {
            parent_pid: 7,
            parent_start_ns: 1,
            ..Fork::default()
        };
        let exec = Exec {
            filename: b"/usr/bin/curl".to_vec(),
            argv: vec![b"curl".to_vec(), number.to_string().into_bytes()],
            ..Exec::default()
        };
        let connect = Connect {
            connection: u64::from(number),
            remote_address: vec![192, 0, 2, (number % 4) as u8],
            remote_port: 443,
            ..Connect::default()
        };
        let close = Close {
            connection: u64::from(number),
            ..Close::default()
        };
        let dns = Dns {
            question: "gone.example".to_owned(),
            rcode: "NXDOMAIN".to_owned(),
            ..Dns::default()
        };
        events.push(event(boot_ns, pid, EventKind::Fork(fork)));
        events.push(event(boot_ns + 1, pid, EventKind::Exec(exec)));
        events.push(event(boot_ns + 2, pid, EventKind::Dns(dns)));
        events.push(event(boot_ns + 3, pid, EventKind::Connect(connect)));
        events.push(event(boot_ns + 4, pid, EventKind::Close(close)));
        events.push(event(boot_ns + 5, pid, EventKind::Exit(Exit::default())));
    }
    events
}

fn released(events: &[Event]) -> Model {
    let mut model = Model::new(RuleSet::default());
    for event in events {
        model.apply(event);
        model.fold_connections(CONNECTION_STAYS_NS);
        model.release_processes(PROCESS_STAYS_NS, std::iter::empty());
    }
    model
}

#[test]
fn ended_processes_go_and_are_counted() {
    // Files may come from the last thousand.
    let events = daemon(1500);
    let (whole, released) = (applied(&events, false), released(&events));
    assert_eq!(whole.processes().count(), 1501);
    assert!(
        released.processes().count() < 1100,
        "{}",
        released.processes().count()
    );
    assert!(released.lookups().count() < 1100);
    assert_eq!(summary(&whole), summary(&released));
    assert!(summary(&released).iter().any(|line| line.contains("1501")));
    let counts = released.processes().map(|(index, _)| released.count(index));
    assert_eq!(counts.sum::<usize>(), 1501);
}

#[test]
fn a_late_event_of_a_released_process_is_no_lost_fork() {
    let mut released = released(&daemon(1500));
    let late = FileEvent {
        path: b"/opt/acme/x".to_vec(),
        ..FileEvent::default()
    };
    let gone = ProcessId {
        pid: 105,
        start_ns: 1,
    };
    assert_eq!(released.find(gone), None);
    released.apply(&event(1501 * SECOND, gone.pid, EventKind::File(late)));
    let back = released.find(gone).expect("the process");
    let process = released.process(back);
    assert_eq!(&*process.tree, "command");
    assert_eq!(*process.argv[1], *b"5", "it is the same as before");
    assert!(!process.is_running() && released.ledger().is_complete());
    let counts = released.processes().map(|(index, _)| released.count(index));
    assert_eq!(counts.sum::<usize>(), 1501, "it is not counted twice");
}

#[test]
fn a_socket_of_an_ended_process_is_named_at_the_end() {
    let mut events = daemon(2);
    let opened = SocketOpened {
        family: 2,
        form: 3,
        protocol: 1,
    };
    let place = events.len() - 1;
    events.insert(
        place,
        event(2 * SECOND, 102, EventKind::SocketOpened(opened)),
    );
    let late = event(
        99 * SECOND,
        7,
        EventKind::UserChanged(UserChanged::default()),
    );
    events.push(late);
    let (whole, released) = (applied(&events, false), released(&events));
    assert_eq!(summary(&whole), summary(&released));
    let summary = summary(&released);
    assert!(
        summary.iter().any(|line| line.contains("raw icmp")),
        "{summary:?}"
    );
}

#[test]
fn a_fork_chain_keeps_its_last_generations() {
    let mut events = vec![event(0, 7, EventKind::Fork(Fork::default()))];
    let started = CommandStarted { attached: false };
    events.push(event(0, 7, EventKind::CommandStarted(started)));
    for pid in 8..1008 {
        let fork = Fork {
            parent_pid: pid - 1,
            parent_start_ns: 1,
            ..Fork::default()
        };
        let boot_ns = u64::from(pid) * SECOND;
        events.push(event(boot_ns, pid, EventKind::Fork(fork)));
        events.push(event(
            boot_ns + 1,
            pid - 1,
            EventKind::Exit(Exit::default()),
        ));
    }
    let (whole, released) = (applied(&events, false), released(&events));
    assert!(released.processes().count() < 100);
    assert_eq!(summary(&whole), summary(&released));
}

#[test]
fn inbound_connections_keep_no_closer() {
    let mut events = daemon(0);
    for pid in 8..508 {
        let boot_ns = u64::from(pid) * SECOND;
        let fork = Fork {
            parent_pid: 7,
            parent_start_ns: 1,
            ..Fork::default()
        };
        let inbound = Inbound {
            connection: u64::from(pid),
            local_address: vec![192, 0, 2, 9],
            local_port: 22,
            remote_address: vec![192, 0, 2, 1],
            remote_port: 999,
            ..Inbound::default()
        };
        let close = Close {
            connection: u64::from(pid),
            ..Close::default()
        };
        events.push(event(boot_ns, pid, EventKind::Fork(fork)));
        events.push(event(boot_ns + 1, 7, EventKind::Inbound(inbound)));
        events.push(event(boot_ns + 2, pid, EventKind::Close(close)));
        events.push(event(boot_ns + 3, pid, EventKind::Exit(Exit::default())));
    }
    let (whole, released) = (applied(&events, false), released(&events));
    assert_eq!(sums(&whole), sums(&released));
    assert_eq!(summary(&whole), summary(&released));
    assert!(released.processes().count() < 100 && released.connections().len() < 20);
}

#[test]
fn a_process_that_a_part_refers_to_stays() {
    let mut events = daemon(3);
    let author = FileEvent {
        path: b"/opt/acme/x".to_vec(),
        action: FileAction::Written.into(),
        ..FileEvent::default()
    };
    events.insert(
        events.len() - 1,
        event(3 * SECOND, 103, EventKind::File(author)),
    );
    let mut more = daemon(1500);
    more.drain(..2);
    for later in &mut more {
        later.boot_ns += 9 * SECOND;
        later.process.pid += 1500;
    }
    events.extend(more);
    let released = released(&events);
    let author = released.file_authors(b"/opt/acme/x").wrote;
    let author = author.map(|index| released.process(index));
    assert_eq!(author.map(|author| author.id.pid), Some(103));
    assert!(author.is_some_and(|author| *author.argv[1] == *b"3"));
}

/// The summary of a recording, as `record` shows it at the end.
fn summary(model: &Model) -> Vec<String> {
    let everything = Selection::new(Filter::default(), Marks::default(), model);
    let summary = Summary {
        model,
        command: &[],
        events: 0,
        changes: &shown_changes(model, &everything, false).shown,
        secrets: 0,
        masked: &[],
    };
    let page = Page {
        width: None,
        styled: false,
        time: TimeStyle::Relative,
        clock: Clock {
            start_ns: 0,
            offset_ns: 0,
        },
    };
    let verbs = summary.useful_verbs().into_iter().map(str::to_owned);
    summary.lines(&page).into_iter().chain(verbs).collect()
}

#[test]
fn the_summary_of_a_recording_says_the_same() {
    /// Some recordings last less than a second.
    const STAYS: u64 = 250_000_000;
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    let (mut connections, mut processes) = (0, 0);
    for entry in std::fs::read_dir(corpus).expect("the corpus") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|it| it != "trace") {
            continue;
        }
        let mut whole = Model::new(RuleSet::built_in());
        let mut folded = Model::new(RuleSet::built_in());
        // One is of a newer format.
        let items = Reader::open(&path).into_iter().flatten();
        for (place, item) in items.map_while(Result::ok).enumerate() {
            if let Item::Event { event, .. } = item {
                whole.apply(&event);
                folded.apply(&event);
                if place % 16 == 0 {
                    folded.fold_connections(STAYS);
                    folded.release_processes(STAYS, std::iter::empty());
                }
            }
        }
        assert_eq!(summary(&whole), summary(&folded), "{}", path.display());
        connections += whole.connections().len() - folded.connections().len();
        processes += whole.processes().count() - folded.processes().count();
    }
    assert!(connections > 0 && processes > 0, "nothing was folded");
}

#[test]
fn the_summary_of_a_storm_says_the_same() {
    let events = storm(300);
    let (whole, folded) = (applied(&events, false), applied(&events, true));
    let summary = [summary(&whole), summary(&folded)];
    assert_eq!(summary[0], summary[1]);
    assert!(
        summary[0]
            .iter()
            .any(|line| line.contains("192.0.2.1:443 (75)"))
    );
}
