//! Composes two hours of a whole machine: services that fork workers, and shells that run small
//! programs. A tenth of them connect somewhere, and each of them as often as is asked for. Every
//! run yields the same trace.

use std::net::{Ipv4Addr, SocketAddr};

use agent_tracer::event::{
    Cgroup, Dns, End, EndReason, Established, EventKind, ProcessId, Snapshot, SnapshotProcess,
    TlsHello, UserNamed,
};

use crate::story::{START, Story};

const SERVICES: u32 = 60;
const HOURS_NS: u64 = 2 * 3600 * 1_000_000_000;
const PROGRAMS: [&str; 12] = [
    "sh",
    "grep",
    "awk",
    "sed",
    "curl",
    "python3",
    "ps",
    "df",
    "dpkg-query",
    "systemctl",
    "openssl",
    "logger",
];

/// Emits the life of `processes` processes, each with so many plain connections.
pub(crate) fn compose(story: &mut Story, processes: u32, connections: u32) {
    for (user, name) in [
        (0, "root"),
        (100, "omi"),
        (101, "omsagent"),
        (1000, "alice"),
    ] {
        let name = name.as_bytes().to_vec();
        story.of_recording(EventKind::UserNamed(UserNamed { user, name }));
    }
    let manager = ProcessId {
        pid: 1,
        start_ns: 10_000_000,
    };
    let init = SnapshotProcess {
        root_directory: Vec::new(),
        real_user: None,
        login_user: None,
        pid: manager.pid,
        start_ns: manager.start_ns,
        parent_pid: 0,
        user: 0,
        comm: b"systemd".to_vec(),
        exe: b"/usr/lib/systemd/systemd".to_vec(),
        argv: vec![b"/sbin/init".to_vec()],
        cgroup: b"/init.scope".to_vec(),
        truncated: false,
        identity: None,
    };
    story.of_recording(EventKind::Snapshot(Snapshot {
        processes: vec![init],
    }));
    let services: Vec<ProcessId> = (0..SERVICES)
        .map(|which| service(story, manager, which))
        .collect();
    let mut shell = services[0];
    let step = HOURS_NS / u64::from(processes.max(1));
    for number in 0..processes.saturating_sub(SERVICES) {
        story.now = START + u64::from(number) * step + 1_000_000_000;
        let bits = spread(number);
        let service = services[(bits % SERVICES) as usize];
        // Every fifth is a shell that the next ones are started by.
        let is_shell = number.is_multiple_of(5);
        let user = [0, 0, 100, 101, 1000][(bits >> 8) as usize % 5];
        let child = story.fork(if is_shell { service } else { shell }, user, b"sh");
        run(story, child, user, number, is_shell, connections);
        if is_shell {
            shell = child;
        }
    }
    story.now = START + HOURS_NS;
    story.of_recording(EventKind::End(End {
        reason: EndReason::TimeOver.into(),
    }));
}

fn service(story: &mut Story, manager: ProcessId, which: u32) -> ProcessId {
    let name = format!("service-{which}");
    let process = story.fork(manager, 0, b"systemd");
    let path = format!("/system.slice/{name}.service").into_bytes();
    story.emit(process, 0, EventKind::Cgroup(Cgroup { path }));
    let program = format!("/opt/{name}/bin/{name}");
    let words = [program.as_bytes(), b"--config", b"/etc/service.conf"];
    story.exec(process, 0, &name.as_bytes()[..name.len().min(15)], &words);
    story.now += 1_000_000;
    process
}

fn run(
    story: &mut Story,
    process: ProcessId,
    user: u32,
    number: u32,
    is_shell: bool,
    connections: u32,
) {
    let bits = spread(number);
    let program = match is_shell {
        true => "sh",
        false => PROGRAMS[bits as usize % PROGRAMS.len()],
    };
    let path = format!("/usr/bin/{program}");
    let file = format!("/var/lib/service/{}/state-{:08x}.json", bits % 97, bits);
    let words = [path.as_bytes(), b"--quiet", b"--output", file.as_bytes()];
    story.now += 300_000;
    // One fork in ten keeps its parent's program.
    if bits % 10 != 3 {
        story.exec(process, user, program.as_bytes(), &words);
    }
    if number % 10 == 4 {
        connect(story, process, user, bits);
    }
    for which in 0..connections {
        let remote = address((bits % 400 + which) % 400);
        converse(story, process, user, remote, |_, _| ());
    }
    if !is_shell || !bits.is_multiple_of(50) {
        story.now += 2_000_000 + u64::from(bits % 40_000_000);
        let failed = u32::from(bits.is_multiple_of(40)) << 8;
        story.exit(process, user, failed);
    }
}

fn connect(story: &mut Story, process: ProcessId, user: u32, bits: u32) {
    let host = bits % 400;
    let remote = address(host);
    let question = format!("host-{host}.region-{}.cloud.example", host % 7);
    let dns = Dns {
        question: question.clone(),
        kind: "A".to_owned(),
        rcode: if bits.is_multiple_of(17) {
            "NXDOMAIN"
        } else {
            "NOERROR"
        }
        .to_owned(),
        addresses: vec![remote.octets().to_vec()],
        ..Dns::default()
    };
    story.emit(process, user, EventKind::Dns(dns));
    converse(story, process, user, remote, |story, connection| {
        let hello = TlsHello {
            connection,
            server_name: question,
            ..TlsHello::default()
        };
        story.emit(process, user, EventKind::TlsHello(hello));
    });
}

/// Opens a connection, lets the process say something, and closes it.
fn converse(
    story: &mut Story,
    process: ProcessId,
    user: u32,
    remote: Ipv4Addr,
    say: impl FnOnce(&mut Story, u64),
) {
    let connection = story.connect(process, user, SocketAddr::from((remote, 443)));
    story.now += 30_000;
    let established = Established {
        connection,
        local_address: vec![10, 0, 0, 4],
        local_port: 40_000,
    };
    story.emit(process, user, EventKind::Established(established));
    say(story, connection);
    story.now += 900_000;
    story.close(process, user, connection);
}

fn address(host: u32) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, (host / 200) as u8, (host % 200) as u8)
}

/// Maps each number to a distinct one, in no visible order.
fn spread(number: u32) -> u32 {
    number.wrapping_mul(0x9e37_79b1) >> 3
}
