//! Plays the end of a recording: what differs on the machine.

use agent_tracer::event::{
    Compared, Difference, End, EndReason, EventKind, FileDifference, FileState, FilesCompared,
    Subject,
};

use super::scene::Scene;

/// Emits the differences, and the end unless the recorder was killed.
pub(super) fn compose(scene: &mut Scene<'_>, has_no_end: bool) {
    if scene.take.installs() {
        packages(scene);
        files(scene);
    }
    if has_no_end {
        return;
    }
    scene.wait(1000);
    let reason = match (scene.take.installs(), scene.take.number % 7) {
        (true, _) => EndReason::CommandEnded,
        (false, 0) => EndReason::Interrupted,
        (false, _) => EndReason::TimeOver,
    };
    let reason = reason.into();
    scene.story.of_recording(EventKind::End(End { reason }));
}

fn packages(scene: &mut Scene<'_>) {
    let is_rpm = scene.take.host.is_rpm;
    let [subject, state] = match is_rpm {
        true => ["x86_64", ""],
        false => ["amd64", " installed"],
    };
    let kind = match is_rpm {
        true => Subject::RpmPackages,
        false => Subject::DebianPackages,
    };
    let separator = if is_rpm { '.' } else { ':' };
    let value = |version: String| format!("{version}{state}").into_bytes();
    let before = scene.take.version_before().map(value);
    let after = value(scene.take.version());
    let differences = ["omi", "omsagent", "omsconfig"].map(|name| Difference {
        name: format!("{name}{separator}{subject}").into_bytes(),
        before: before.clone(),
        after: Some(after.clone()),
        origin: None,
    });
    let users = [Difference {
        name: b"omsagent".to_vec(),
        before: None,
        after: Some(b"990:990:/var/opt/microsoft/omsagent:/bin/false".to_vec()),
        origin: None,
    }];
    for (kind, entries, differences) in [
        (Subject::Users, 31, users.to_vec()),
        (kind, 612, differences.to_vec()),
    ] {
        scene.story.of_recording(EventKind::Compared(Compared {
            subject: kind.into(),
            entries,
            differences,
            ..Compared::default()
        }));
    }
}

fn files(scene: &mut Scene<'_>) {
    let file = |mode: u32, size: u64| FileState {
        mode: 0o100_000 | mode,
        size,
        digest: vec![0xcd; 4],
        ..FileState::default()
    };
    let new = |path: &str, state: FileState| FileDifference {
        path: path.as_bytes().to_vec(),
        before: None,
        after: Some(state),
    };
    let mut differences = vec![new("/opt/omi/bin/omicli", file(0o755, 40_960))];
    if scene.has_setuid() {
        differences.push(new("/opt/omi/bin/omi-helper", file(0o4755, 16_384)));
    }
    differences.push(new("/opt/omi/bin/omiserver", file(0o755, 1 << 20)));
    differences.push(new("/opt/omi/lib/libomi.so", file(0o644, 1 << 19)));
    scene
        .story
        .of_recording(EventKind::FilesCompared(FilesCompared {
            roots: vec![b"/etc".to_vec(), b"/opt".to_vec(), b"/usr/local".to_vec()],
            entries: 4000,
            differences,
            ..FilesCompared::default()
        }));
}
