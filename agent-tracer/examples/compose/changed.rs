//! Composes an installer that leaves a change of every kind: each compared subject, with its
//! author, and changes without an observed author.

use std::net::{Ipv4Addr, SocketAddr};

use agent_tracer::event::{
    CommandEnded, CommandStarted, Compared, Difference, Dns, End, EndReason, Established,
    EventKind, FileAction, FileDifference, FileEvent, FileState, FilesCompared, Listen, ProcessId,
    Snapshot, SnapshotProcess, Subject, TlsHello, Unit, UnitAction, UserNamed,
};

use crate::story::Story;

/// The command line of the recording.
pub(crate) const COMMAND: [&[u8]; 2] = [b"/bin/sh", b"install.sh"];

const MANAGER: ProcessId = ProcessId {
    pid: 1,
    start_ns: 10_000_000,
};

pub(crate) fn compose(story: &mut Story) {
    let init = SnapshotProcess {
        pid: MANAGER.pid,
        start_ns: MANAGER.start_ns,
        comm: b"systemd".to_vec(),
        exe: b"/usr/lib/systemd/systemd".to_vec(),
        argv: vec![b"/sbin/init".to_vec()],
        cgroup: b"/init.scope".to_vec(),
        ..SnapshotProcess::default()
    };
    story.of_recording(EventKind::Snapshot(Snapshot {
        processes: vec![init],
    }));
    for (user, name) in [(0, "root"), (990, "acme")] {
        let name = name.as_bytes().to_vec();
        story.of_recording(EventKind::UserNamed(UserNamed { user, name }));
    }
    let shell = story.fork(MANAGER, 0, b"sh");
    let started = CommandStarted { attached: false };
    story.emit(shell, 0, EventKind::CommandStarted(started));
    story.exec(shell, 0, b"sh", &COMMAND);
    download(story, shell);
    accounts(story, shell);
    services(story, shell);
    story.exit(shell, 0, 0);
    story.of_recording(EventKind::CommandEnded(CommandEnded {
        status: 0,
        status_known: true,
    }));
    lists(story);
    files(story);
    story.of_recording(EventKind::End(End {
        reason: EndReason::CommandEnded.into(),
    }));
}

/// Fetches a file with one program, moves it with another, and runs it with a third.
fn download(story: &mut Story, shell: ProcessId) {
    let wget = run(
        story,
        shell,
        &[b"/usr/bin/wget", b"https://mirror.example/acme"],
    );
    let address = Ipv4Addr::new(203, 0, 113, 9);
    connect(story, wget, "mirror.example", address);
    done(story, wget, b"/tmp/acme.part", FileAction::Written);
    story.exit(wget, 0, 0);
    let mv = run(
        story,
        shell,
        &[b"/usr/bin/mv", b"/tmp/acme.part", b"/opt/acme/acmed"],
    );
    done(story, mv, b"/tmp/acme.part", FileAction::Removed);
    done(story, mv, b"/opt/acme/acmed", FileAction::Renamed);
    story.exit(mv, 0, 0);
    let chmod = run(
        story,
        shell,
        &[b"/usr/bin/chmod", b"4755", b"/opt/acme/acmed"],
    );
    done(story, chmod, b"/opt/acme/acmed", FileAction::Attributes);
    story.exit(chmod, 0, 0);
    let daemon = run(story, shell, &[b"/opt/acme/acmed", b"-f", b"\xff"]);
    let address = Ipv4Addr::new(198, 51, 100, 7);
    connect(story, daemon, "ingest.example", address);
    done(story, daemon, b"/opt/acme/state", FileAction::Written);
    let listen = Listen {
        network_namespace: 0,
        connection: 1000,
        local_address: vec![127, 0, 0, 1],
        local_port: 8126,
        any_port: false,
    };
    story.emit(daemon, 0, EventKind::Listen(listen));
}

fn accounts(story: &mut Story, shell: ProcessId) {
    let useradd = run(story, shell, &[b"/usr/sbin/useradd", b"acme"]);
    done(story, useradd, b"/etc/passwd", FileAction::Renamed);
    done(story, useradd, b"/etc/group", FileAction::Renamed);
    story.exit(useradd, 0, 0);
    let dpkg = run(story, shell, &[b"/usr/bin/dpkg", b"-i", b"acme.deb"]);
    done(story, dpkg, b"/opt/acme", FileAction::Created);
    for name in ["a", "b", "c", "d", "e"] {
        let path = format!("/opt/acme/lib/{name}.so");
        done(story, dpkg, path.as_bytes(), FileAction::Written);
    }
    done(story, dpkg, b"/etc/acme/odd-\xff", FileAction::Written);
    done(
        story,
        dpkg,
        b"/etc/systemd/system/acme.service",
        FileAction::Written,
    );
    story.exit(dpkg, 0, 0);
}

/// Stops one service for good, restarts another, and removes a link of a third. The manager itself
/// makes the link that masks a fourth.
fn services(story: &mut Story, shell: ProcessId) {
    for (words, unit, actions) in [
        (
            &[&b"/usr/bin/systemctl"[..], b"stop", b"auditd"][..],
            "auditd.service",
            &[UnitAction::Stopped][..],
        ),
        (
            &[b"/usr/bin/systemctl", b"restart", b"cron"],
            "cron.service",
            &[UnitAction::Stopped, UnitAction::Restarted],
        ),
    ] {
        let systemctl = run(story, shell, words);
        for action in [UnitAction::Queued].iter().chain(actions) {
            let mut unit = Unit {
                name: unit.into(),
                ..Unit::default()
            };
            unit.set_action(*action);
            story.of_recording(EventKind::Unit(unit));
        }
        story.exit(systemctl, 0, 0);
    }
    let link = b"/etc/systemd/system/multi-user.target.wants/ufw.service";
    let rm = run(story, shell, &[b"/usr/bin/rm", link]);
    done(story, rm, link, FileAction::Removed);
    story.exit(rm, 0, 0);
    let systemctl = run(story, shell, &[b"/usr/bin/systemctl", b"mask", b"rsyslog"]);
    done(
        story,
        MANAGER,
        b"/etc/systemd/system/rsyslog.service",
        FileAction::Created,
    );
    story.exit(systemctl, 0, 0);
}

fn lists(story: &mut Story) {
    for (subject, entries) in [
        (
            Subject::Users,
            &[("acme", "", "990:990:/opt/acme:/bin/sh")][..],
        ),
        (Subject::Groups, &[("acme", "", "990:")]),
        (
            Subject::DebianPackages,
            &[("acme:all", "1.0-1 installed", "1.0-2 installed")],
        ),
        (Subject::Sysctls, &[("net.ipv4.tcp_syn_retries", "6", "5")]),
        (
            Subject::UnitFiles,
            &[
                ("acme.service", "", "disabled"),
                ("rsyslog.service", "enabled", "masked"),
                ("ufw.service", "enabled", "disabled"),
            ],
        ),
        (
            Subject::Units,
            &[
                ("auditd.service", "active running", ""),
                ("ended-by-itself.service", "active running", ""),
            ],
        ),
        (Subject::Mounts, &[("/mnt", "", "tmpfs acme")]),
    ] {
        let value = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        let differences = entries.iter().map(|(name, before, after)| Difference {
            name: name.as_bytes().to_vec(),
            before: value(before),
            after: value(after),
            origin: None,
        });
        story.of_recording(EventKind::Compared(Compared {
            subject: subject.into(),
            entries: 100,
            differences: differences.collect(),
            ..Compared::default()
        }));
    }
    story.of_recording(EventKind::Compared(Compared {
        subject: Subject::Modules.into(),
        entries: 10,
        differences: vec![Difference {
            name: b"acme\xff".to_vec(),
            before: None,
            after: Some(Vec::new()),
            origin: None,
        }],
        ..Compared::default()
    }));
}

fn files(story: &mut Story) {
    let file = |mode: u32, size: u64| FileState {
        mode: 0o100_000 | mode,
        size,
        digest: vec![0xab; 4],
        ..FileState::default()
    };
    let directory = || FileState {
        mode: 0o040_755,
        ..FileState::default()
    };
    let link = |target: &[u8]| FileState {
        mode: 0o120_777,
        target: target.to_vec(),
        ..FileState::default()
    };
    let owned = FileState {
        user: 990,
        group: 990,
        ..file(0o600, 2)
    };
    let capable = FileState {
        capabilities: vec![1, 0, 0, 2],
        digest: Vec::new(),
        ..file(0o755, 9)
    };
    let mut differences = vec![
        (&b"/etc/acme/odd-\xff"[..], None, Some(owned.clone())),
        (
            b"/etc/hosts",
            Some(file(0o644, 100)),
            Some(file(0o600, 101)),
        ),
        (b"/etc/link", Some(link(b"a")), Some(link(b"b\xff"))),
        (b"/etc/sudoers.d/old", Some(file(0o440, 30)), None),
        (
            b"/etc/systemd/system/acme.service",
            None,
            Some(file(0o644, 40)),
        ),
        (
            b"/etc/systemd/system/multi-user.target.wants/ufw.service",
            Some(link(b"/lib/systemd/system/ufw.service")),
            None,
        ),
        (
            b"/etc/systemd/system/rsyslog.service",
            None,
            Some(link(b"/dev/null")),
        ),
        (b"/opt/acme", None, Some(directory())),
        (b"/opt/acme/acmed", None, Some(file(0o4755, 54_321))),
        (b"/opt/acme/state", None, Some(owned)),
        (b"/usr/local/bin/acme", None, Some(capable)),
    ];
    for path in [
        b"/opt/acme/lib/a.so",
        b"/opt/acme/lib/b.so",
        b"/opt/acme/lib/c.so",
    ] {
        differences.push((path, None, Some(file(0o644, 10))));
    }
    differences.sort_by_key(|(path, _, _)| *path);
    let differences = differences
        .into_iter()
        .map(|(path, before, after)| FileDifference {
            path: path.to_vec(),
            before,
            after,
        });
    story.of_recording(EventKind::FilesCompared(FilesCompared {
        roots: vec![b"/etc".to_vec(), b"/opt".to_vec(), b"/usr/local".to_vec()],
        entries: 1000,
        differences: differences.collect(),
        ..FilesCompared::default()
    }));
}

fn run(story: &mut Story, shell: ProcessId, argv: &[&[u8]]) -> ProcessId {
    story.now += 5_000_000;
    let child = story.fork(shell, 0, b"sh");
    let program = argv.first().copied().unwrap_or_default();
    let name = program.rsplit(|byte| *byte == b'/').next();
    story.exec(child, 0, name.unwrap_or_default(), argv);
    story.now += 5_000_000;
    child
}

fn done(story: &mut Story, process: ProcessId, path: &[u8], action: FileAction) {
    let mut file = FileEvent {
        path: path.to_vec(),
        ..FileEvent::default()
    };
    file.set_action(action);
    story.emit(process, 0, EventKind::File(file));
}

fn connect(story: &mut Story, process: ProcessId, host: &str, address: Ipv4Addr) {
    let dns = Dns {
        question: host.to_owned(),
        kind: "A".to_owned(),
        rcode: "NOERROR".to_owned(),
        addresses: vec![address.octets().to_vec()],
        ..Dns::default()
    };
    story.emit(process, 0, EventKind::Dns(dns));
    let connection = story.connect(process, 0, SocketAddr::from((address, 443)));
    let established = Established {
        connection,
        local_address: vec![10, 0, 0, 4],
        local_port: 40_000,
    };
    story.emit(process, 0, EventKind::Established(established));
    let hello = TlsHello {
        connection,
        server_name: host.to_owned(),
        ..TlsHello::default()
    };
    story.emit(process, 0, EventKind::TlsHello(hello));
    story.now += 900_000;
    story.close(process, 0, connection);
}
