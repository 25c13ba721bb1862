//! Tests file systems that are mounted below a watched directory, before or during a recording. All
//! mounts are in a namespace of the test's own.

use serde_json::Value;

use crate::harness::{Recorded, Recording, Test, Trace, live, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(changes_on_mounts_have_their_author),
        live!(changes_through_a_bind_mount_have_their_author),
        live!(a_recording_prevents_no_unmount),
        live!(a_new_mount_with_an_old_number_is_watched),
        live!(an_early_change_has_its_author_or_is_a_loss),
        live!(a_mount_that_cannot_be_watched_is_a_loss),
    ]
}

/// Records a script in a tmpfs on /opt, prepared by another script.
fn recorded(prepare: &str, script: &str) -> Recorded {
    const PREPARE: &str = "set -e
        mount -t tmpfs tmpfs /opt
        mount -t tmpfs tmpfs /mnt
        mount -t tmpfs tmpfs /srv
        cd /opt
        eval \"$BEFORE\"
        exec \"$@\"";
    let recorded = Recording::of(words(["sh", "-e", "-c", script]))
        .through(words([
            "unshare", "--mount", "--net", "sh", "-c", PREPARE, "sh",
        ]))
        .environment("BEFORE", prepare)
        .option(["--watch", "/srv"])
        .run();
    assert_eq!(
        recorded.ended.code,
        Some(0),
        "{}",
        recorded.ended.messages()
    );
    recorded
}

/// Returns the changed files below a directory: name, action and author.
fn changes(trace: &Trace, directory: &str) -> Vec<[String; 3]> {
    let rows = trace.lives("changes", ["--all"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = rows.iter().filter(|row| row["kind"] == "file");
    let rows = rows.map(|row| [&row["name"], &row["action"], &row["process"]["name"]].map(text));
    rows.filter(|[name, ..]| name.starts_with(directory))
        .collect()
}

fn losses(trace: &Trace) -> Vec<String> {
    let lost = trace.all("lost");
    lost.map(|event| event.text("kind").to_owned()).collect()
}

fn changes_on_mounts_have_their_author() {
    let trace = recorded(
        "mkdir before during; mount -t tmpfs tmpfs before; echo x >before/mode",
        "echo x >before/new; chmod 600 before/mode
         mount -t tmpfs tmpfs during; sleep 1
         cp before/new during/copy; mkdir during/d; sleep 1.3; touch during/d/e
         mkdir /mnt/m; mount -t tmpfs tmpfs /mnt/m; sleep 1; cp before/new /mnt/m/other",
    )
    .trace();
    let expected = [
        ["/opt/before/mode", "changed", "chmod"],
        ["/opt/before/new", "new", "sh"],
        ["/opt/during/copy", "new", "cp"],
        ["/opt/during/d", "new", "mkdir"],
        ["/opt/during/d/e", "new", "touch"],
    ];
    let found = changes(&trace, "/opt/");
    let found: Vec<&[String; 3]> = found
        .iter()
        .filter(|[name, ..]| name != "/opt/during")
        .collect();
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
    let elsewhere = changes(&trace, "/mnt/m/");
    assert_eq!(elsewhere, [["/mnt/m/other", "new", "cp"]]);
}

fn changes_through_a_bind_mount_have_their_author() {
    let trace = recorded(
        "mkdir bound later /mnt/data; mount --bind /mnt/data bound",
        "cp /etc/hostname bound/inside; cp /etc/hostname /mnt/data/outside
         mount --bind /mnt/data later; sleep 1; touch later/last",
    )
    .trace();
    let found = changes(&trace, "/opt/");
    for expected in [
        ["/opt/bound/inside", "new", "cp"],
        ["/opt/bound/last", "new", "touch"],
        ["/opt/bound/outside", "new", "cp"],
        ["/opt/later/last", "new", "touch"],
    ] {
        let expected = expected.map(str::to_owned);
        assert!(found.contains(&expected), "{expected:?}: {found:?}");
    }
}

/// The script fails if a file system is busy.
fn a_recording_prevents_no_unmount() {
    let trace = recorded(
        "mkdir before during; mount -t tmpfs tmpfs before; mkdir before/d; echo x >before/d/x",
        "echo y >before/d/x; sleep 0.5; umount before
         mount -t tmpfs tmpfs during; sleep 1; echo x >during/x; sleep 0.5; umount during
         umount /mnt; umount /srv",
    )
    .trace();
    assert!(losses(&trace).is_empty());
}

/// The kernel gives the lowest free number to a new tmpfs.
fn a_new_mount_with_an_old_number_is_watched() {
    let trace = recorded(
        "mkdir one other",
        "mount -t tmpfs tmpfs one; stat -c %d one; sleep 1; echo x >one/x; umount one
         mount -t tmpfs tmpfs other; stat -c %d other; sleep 1; cp /etc/hostname other/y",
    )
    .trace();
    let found = changes(&trace, "/opt/other/");
    assert_eq!(found, [["/opt/other/y", "new", "cp"]]);
}

fn an_early_change_has_its_author_or_is_a_loss() {
    const LOSS: &str = "change of a file before its new mount was watched";
    let recorded = recorded(
        "mkdir one",
        "mount -t tmpfs tmpfs one; cp /etc/hostname one/x",
    );
    let trace = Trace::read(recorded);
    let found = changes(&trace, "/opt/one/");
    let is_seen = found == [["/opt/one/x", "new", "cp"]];
    assert!(
        is_seen || losses(&trace).iter().any(|it| it == LOSS),
        "{found:?}"
    );
}

fn a_mount_that_cannot_be_watched_is_a_loss() {
    const LOSS: &str = "new mount below a watched directory, not watched";
    let recorded = recorded(
        "mkdir one two",
        "mount -t proc proc two; mount -t ramfs ramfs one; sleep 1",
    );
    let trace = Trace::read(recorded);
    // Some kernels can watch a ramfs.
    let lost = losses(&trace);
    assert!(
        lost.is_empty() || lost.iter().any(|it| it == LOSS),
        "{lost:?}"
    );
}
