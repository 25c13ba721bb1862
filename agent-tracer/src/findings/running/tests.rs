//! Tests the processes that a recording leaves behind.

use super::{still_running, survivors};
use crate::{
    event::{
        CommandStarted, Event, EventKind, FileDifference, FileState, FilesCompared, Fork,
        ProcessId, Snapshot, SnapshotProcess,
    },
    model::Model,
    rules::RuleSet,
};

fn id(pid: u32) -> ProcessId {
    ProcessId {
        pid,
        start_ns: u64::from(pid) * 1_000_000_000,
    }
}

fn event(pid: u32, kind: EventKind) -> Event {
    Event {
        process: id(pid),
        ..Event::of_recording(10_000_000_000_000, kind)
    }
}

fn ran_before(pid: u32, argv: &[&str], unit: &str) -> SnapshotProcess {
    let exe = argv.first().copied().unwrap_or_default();
    SnapshotProcess {
        pid,
        start_ns: id(pid).start_ns,
        parent_pid: 1,
        exe: exe.into(),
        comm: exe.rsplit('/').next().unwrap_or_default().into(),
        argv: argv.iter().map(|word| word.as_bytes().to_vec()).collect(),
        cgroup: format!("/system.slice/{unit}").into_bytes(),
        ..SnapshotProcess::default()
    }
}

#[test]
fn what_was_started_and_what_survives_its_removal() {
    let mut model = Model::new(RuleSet::empty());
    let processes = vec![
        ran_before(1, &["/usr/lib/systemd/systemd"], "init.scope"),
        ran_before(10, &["/opt/acme/agent", "-d"], "acme.service"),
        ran_before(
            11,
            &["/usr/bin/ruby", "/opt/acme/plugin.rb"],
            "other.service",
        ),
        ran_before(12, &["/usr/bin/sleep", "9"], "gone.service"),
        ran_before(13, &["/opt/kept/agent"], "kept.service"),
        ran_before(14, &["/opt/acme/upgraded"], "upgraded.service"),
    ];
    let difference = |path: &str, stays: bool| FileDifference {
        path: path.into(),
        before: Some(FileState::default()),
        after: stays.then(FileState::default),
    };
    let differences = vec![
        difference("/opt/acme/agent", false),
        difference("/opt/acme/plugin.rb", false),
        difference("/opt/acme/upgraded", true),
        difference("/usr/lib/systemd/system/gone.service", false),
    ];
    let fork = |parent: u32| {
        EventKind::Fork(Fork {
            parent_pid: parent,
            parent_start_ns: id(parent).start_ns,
            comm: b"x".to_vec(),
        })
    };
    for event in [
        event(0, EventKind::Snapshot(Snapshot { processes })),
        event(20, fork(1)),
        event(
            20,
            EventKind::CommandStarted(CommandStarted { attached: false }),
        ),
        event(21, fork(20)),
        event(22, fork(13)),
        event(
            0,
            EventKind::FilesCompared(FilesCompared {
                differences,
                ..FilesCompared::default()
            }),
        ),
    ] {
        model.apply(&event);
    }
    let pid = |index| model.process(index).id.pid;
    let left: Vec<u32> = still_running(&model).map(|(index, _)| pid(index)).collect();
    assert_eq!(left, [10, 11, 12, 20, 21]);
    let survived: Vec<u32> = survivors(&model).map(pid).collect();
    assert_eq!(survived, [10, 11, 12]);
}
