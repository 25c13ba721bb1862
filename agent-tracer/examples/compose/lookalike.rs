//! Composes programs with the names of a daemon, a service manager and its client, next to the real
//! ones.

use agent_tracer::event::{
    Cgroup, CommandEnded, CommandStarted, End, EndReason, EventKind, Exec, Exit, Identity,
    ProcessId, Snapshot, SnapshotProcess, UserNamed, View,
};

use crate::story::Story;

/// The command line of the recording.
pub(crate) const COMMAND: [&[u8]; 2] = [b"/bin/sh", b"install.sh"];

const SERVER: &[u8] = b"/opt/omi/bin/omiserver";

/// A file of root that the recorder sees, too.
const OWN: Identity = Identity {
    pid_namespace: 0,
    network_namespace: 0,
    is_unlinked: false,
    device: 259 << 20 | 1,
    inode: 4711,
    owner: 0,
    group: 0,
    mode: 0o100_755,
    view: View::Own as i32,
    mount_namespace: 0,
    user_namespace: 0,
    inner_user: None,
    file_namespace: 0,
};

pub(crate) fn compose(story: &mut Story) {
    let manager = ProcessId {
        pid: 1,
        start_ns: 10_000_000,
    };
    let init = SnapshotProcess {
        pid: manager.pid,
        start_ns: manager.start_ns,
        comm: b"systemd".to_vec(),
        exe: b"/usr/lib/systemd/systemd".to_vec(),
        argv: vec![b"/sbin/init".to_vec()],
        cgroup: b"/init.scope".to_vec(),
        identity: Some(OWN),
        ..SnapshotProcess::default()
    };
    story.of_recording(EventKind::Snapshot(Snapshot {
        processes: vec![init],
    }));
    for (user, name) in [(0, "root"), (65534, "nobody")] {
        let name = name.as_bytes().to_vec();
        story.of_recording(EventKind::UserNamed(UserNamed { user, name }));
    }
    let command = story.fork(manager, 0, b"sh");
    let started = CommandStarted { attached: false };
    story.emit(command, 0, EventKind::CommandStarted(started));
    exec(story, command, 0, &COMMAND, OWN);
    let in_namespaces = Identity {
        view: View::Another.into(),
        mount_namespace: 4_026_532_200,
        file_namespace: 4_026_532_200,
        user_namespace: 4_026_532_201,
        inner_user: Some(0),
        owner: 65534,
        group: 65534,
        ..OWN
    };
    let servers = [
        (0, OWN),
        (
            0,
            Identity {
                view: View::SameFile.into(),
                mount_namespace: 4_026_532_202,
                file_namespace: 4_026_532_202,
                ..OWN
            },
        ),
        (
            0,
            Identity {
                mode: 0o100_777,
                ..OWN
            },
        ),
        (65534, in_namespaces),
    ];
    for (user, identity) in servers {
        let server = story.fork(command, user, b"sh");
        exec(story, server, user, &[SERVER, b"-d"], identity);
        story.emit(server, user, EventKind::Exit(Exit::of(0)));
    }
    let client = story.fork(command, 65534, b"sh");
    let words: [&[u8]; 3] = [b"/home/nobody/systemctl", b"start", b"mine.service"];
    let mine = Identity {
        owner: 65534,
        group: 65534,
        ..OWN
    };
    exec(story, client, 65534, &words, mine);
    // An unrelated service starts meanwhile.
    enter(story, manager, b"/system.slice/mine.service");
    story.emit(client, 65534, EventKind::Exit(Exit::of(0)));
    let lookalike = story.fork(command, 0, b"sh");
    exec(story, lookalike, 0, &[b"/tmp/systemd"], OWN);
    enter(story, lookalike, b"/fake/other.service");
    story.emit(command, 0, EventKind::Exit(Exit::of(0)));
    story.of_recording(EventKind::CommandEnded(CommandEnded {
        status: 0,
        status_known: true,
    }));
    story.of_recording(EventKind::End(End {
        reason: EndReason::CommandEnded.into(),
    }));
}

/// Forks a child that moves to a cgroup and executes a program there.
fn enter(story: &mut Story, parent: ProcessId, cgroup: &[u8]) {
    let child = story.fork(parent, 0, b"systemd");
    let path = cgroup.to_vec();
    story.emit(child, 0, EventKind::Cgroup(Cgroup { path }));
    exec(story, child, 0, &[b"/usr/bin/sleep", b"1"], OWN);
    story.emit(child, 0, EventKind::Exit(Exit::of(0)));
}

fn exec(story: &mut Story, process: ProcessId, user: u32, argv: &[&[u8]], identity: Identity) {
    let program = argv.first().copied().unwrap_or_default();
    let name = program.rsplit(|byte| *byte == b'/').next();
    let exec = Exec {
        filename: program.to_vec(),
        interpreter: program.to_vec(),
        exe: program.to_vec(),
        cwd: b"/".to_vec(),
        argv: argv.iter().map(|word| word.to_vec()).collect(),
        argv_bytes: argv.iter().map(|word| word.len() as u64 + 1).sum(),
        comm: name.unwrap_or_default().to_vec(),
        identity: Some(Box::new(identity)),
        ..Exec::default()
    };
    story.emit(process, user, EventKind::Exec(exec));
}
