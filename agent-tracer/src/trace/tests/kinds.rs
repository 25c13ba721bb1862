//! Any event, for the property tests.

use proptest::prelude::*;

use crate::event::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..40)
}

fn lists() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(bytes(), 0..5)
}

/// Any kind.
pub(super) fn kind() -> impl Strategy<Value = EventKind> {
    let numbers = (
        any::<u64>(),
        any::<u64>(),
        any::<u32>(),
        any::<u32>(),
        any::<bool>(),
    );
    let texts = (bytes(), bytes(), bytes(), bytes(), lists(), any::<String>());
    (0..EventKind::NAMES.len(), numbers, texts).prop_map(|(which, numbers, texts)| {
        let (long, other, number, port, flag) = numbers;
        let (one, two, three, four, list, text) = texts;
        match which {
            0 => EventKind::Fork(Fork {
                parent_pid: number,
                parent_start_ns: long,
                comm: one,
                ..Fork::default()
            }),
            1 => EventKind::Exec(Exec {
                filename: one,
                interpreter: two,
                exe: three,
                cwd: four,
                argv: list,
                argv_bytes: long,
                truncated: flag,
                former_tid: number,
                ..Exec::default()
            }),
            2 => EventKind::Exit(Exit {
                status: number,
                ..Exit::default()
            }),
            3 => EventKind::Rename(Rename {
                tid: number,
                from: one,
                to: two,
                ..Rename::default()
            }),
            4 => EventKind::Connect(Connect {
                connection: long,
                local_address: one,
                local_port: port,
                remote_address: two,
                remote_port: number,
                ..Connect::default()
            }),
            5 => EventKind::Established(Established {
                connection: long,
                local_address: one,
                local_port: port,
                ..Established::default()
            }),
            6 => EventKind::ConnectFailed(ConnectFailed {
                connection: long,
                error: number,
                ..ConnectFailed::default()
            }),
            7 => EventKind::Close(Close {
                connection: long,
                bytes_sent: other,
                error: number,
                ..Close::default()
            }),
            8 => EventKind::Snapshot(Snapshot {
                processes: vec![
                    SnapshotProcess {
                        pid: number,
                        comm: one,
                        argv: list,
                        ..SnapshotProcess::default()
                    };
                    3
                ],
                ..Snapshot::default()
            }),
            9 => EventKind::UserNamed(UserNamed {
                user: number,
                name: one,
                ..UserNamed::default()
            }),
            10 => EventKind::CommandStarted(CommandStarted {
                attached: flag,
                ..CommandStarted::default()
            }),
            11 => EventKind::CommandEnded(CommandEnded {
                status: number,
                status_known: flag,
                ..CommandEnded::default()
            }),
            12 => EventKind::Lost(Lost {
                what: text,
                count: long,
                ..Lost::default()
            }),
            13 => EventKind::KernelLog(KernelLog {
                line: text,
                ..KernelLog::default()
            }),
            14 => EventKind::End(End {
                reason: port.cast_signed(),
                ..End::default()
            }),
            15 => EventKind::Cgroup(Cgroup {
                path: one,
                ..Cgroup::default()
            }),
            16 => EventKind::Units(Units {
                units: vec![
                    LoadedUnit {
                        name: one,
                        active: text,
                        ..LoadedUnit::default()
                    };
                    2
                ],
                ..Units::default()
            }),
            17 => EventKind::Unit(Unit {
                name: one,
                action: port.cast_signed(),
                aliases: list,
                file: two,
                job: text,
                ..Unit::default()
            }),
            18 => EventKind::File(FileEvent {
                path: one,
                action: port.cast_signed(),
                jobs: list,
                ..FileEvent::default()
            }),
            19 => EventKind::UnitFollowed(UnitFollowed {
                unit: one,
                ..UnitFollowed::default()
            }),
            20 => EventKind::AddressTagged(AddressTagged {
                address: one,
                tags: vec![AddressTag {
                    name: text,
                    ..AddressTag::default()
                }],
                ..AddressTagged::default()
            }),
            21 => EventKind::Sockets(Sockets {
                sockets: vec![
                    SnapshotSocket {
                        connection: long,
                        state: port.cast_signed(),
                        local_address: one,
                        remote_address: two,
                        remote_port: number,
                        holders: vec![number, port],
                        ..SnapshotSocket::default()
                    };
                    2
                ],
                ..Sockets::default()
            }),
            22 => EventKind::Listen(Listen {
                connection: long,
                local_address: one,
                local_port: port,
                ..Listen::default()
            }),
            23 => EventKind::Bind(Listen {
                connection: long,
                local_address: one,
                ..Listen::default()
            }),
            24 => EventKind::Counted(Counted {
                connection: long,
                bytes_sent: other,
                ..Counted::default()
            }),
            25 => EventKind::Dns(Dns {
                connection: long,
                question: text.clone(),
                answers: vec![
                    DnsAnswer {
                        name: text,
                        ttl: number,
                        ..DnsAnswer::default()
                    };
                    2
                ],
                addresses: list,
                truncated: flag,
                ..Dns::default()
            }),
            26 => EventKind::TlsHello(TlsHello {
                connection: long,
                server_name: text.clone(),
                alpn: vec![text],
                encrypted: flag,
                ..TlsHello::default()
            }),
            27 => EventKind::HttpRequest(HttpRequest {
                connection: long,
                host: text,
                destination_port: port,
                ..HttpRequest::default()
            }),
            28 => EventKind::Hosts(Hosts {
                entries: vec![HostsEntry {
                    address: one,
                    names: vec![text],
                    ..HostsEntry::default()
                }],
                ..Hosts::default()
            }),
            29 => EventKind::Unreadable(Unreadable {
                connection: long,
                what: text,
                ..Unreadable::default()
            }),
            30 => EventKind::Compared(Compared {
                subject: port.cast_signed(),
                entries: long,
                differences: vec![Difference {
                    name: one,
                    before: flag.then_some(two),
                    after: Some(three),
                    ..Difference::default()
                }],
                problem: text,
                problem_from_start: flag,
                ..Compared::default()
            }),
            31 => EventKind::FilesCompared(FilesCompared {
                roots: list,
                entries: long,
                differences: vec![FileDifference {
                    path: one,
                    after: flag.then(|| FileState {
                        mode: number,
                        size: other,
                        digest: two,
                        ..FileState::default()
                    }),
                    ..FileDifference::default()
                }],
                homes: long,
                homes_left_out: number.into(),
                ..FilesCompared::default()
            }),
            32 => EventKind::UserChanged(UserChanged {
                real_user: number,
                at_end: flag,
            }),
            33 => EventKind::ExecFailed(ExecFailed {
                filename: one,
                argv: list,
                truncated: flag,
                error: port,
            }),
            34 => EventKind::SocketOpened(SocketOpened {
                family: number,
                form: port,
                protocol: number,
            }),
            35 => EventKind::Inbound(Inbound {
                connection: long,
                local_address: one,
                remote_address: two,
                remote_port: port,
                ..Inbound::default()
            }),
            36 => EventKind::UnixConnect(UnixConnect {
                path: one,
                peer_pid: number,
            }),
            37 => EventKind::Held(Held {
                connection: long,
                holders: vec![number, port],
            }),
            38 => EventKind::ContainerNamed(ContainerNamed {
                id: text,
                name: one,
                ..ContainerNamed::default()
            }),
            39 => EventKind::HttpAnswer(HttpAnswer {
                connection: long,
                status: port,
            }),
            40 => EventKind::FilesElsewhere(FilesElsewhere {
                files: vec![ElsewhereFile {
                    path: one,
                    existed: port.cast_signed(),
                    wrote: Some(Author {
                        pid: number,
                        start_ns: long,
                    }),
                    was_moved: flag,
                    ..ElsewhereFile::default()
                }],
                folded: vec![FoldedDirectory {
                    path: two,
                    changes: other,
                }],
            }),
            41 => EventKind::FileHashed(FileHashed {
                path: one,
                sha256: two,
                identity: flag.then_some(FileIdentity {
                    device: long,
                    inode: other,
                    size: number.into(),
                    modified_ns: other.cast_signed(),
                }),
                has_changed: flag,
                native: i32::from(flag),
            }),
            42 => EventKind::Carried(Carried {
                processes: vec![CarriedProcess {
                    id: Some(Party {
                        pid: number,
                        start_ns: long,
                    }),
                    tree: text,
                    reason: port.cast_signed(),
                    reason_text: one,
                    names: list,
                    has_connected: flag,
                    ..CarriedProcess::default()
                }],
                connections: vec![CarriedConnection {
                    connection: other,
                    local_address: two,
                    ..CarriedConnection::default()
                }],
                ..Carried::default()
            }),
            43 => EventKind::SegmentsDeleted(SegmentsDeleted {
                count: long,
                bytes: other,
                names: list,
                limit: text,
                first_s: i64::from(number),
                ..SegmentsDeleted::default()
            }),
            _ => EventKind::Shutdown(Shutdown {
                connection: long,
                bytes_sent: other,
                ..Shutdown::default()
            }),
        }
    })
}

/// Any event.
pub(super) fn event() -> impl Strategy<Value = Event> {
    let pid = prop_oneof![Just(0), 1..2000_u32, any::<u32>()];
    (any::<u64>(), pid, any::<u64>(), any::<u32>(), kind()).prop_map(
        |(boot_ns, pid, start_ns, user, kind)| Event {
            boot_ns,
            process: ProcessId { pid, start_ns },
            user,
            kind,
        },
    )
}
