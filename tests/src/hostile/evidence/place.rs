//! The recorded command removes, replaces or changes its own trace.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::harness::{Ended, Recorded, Recording, Test, live, run, tracer};

use super::shell;

pub(super) fn tests() -> Vec<Test> {
    vec![
        live!(an_unlinked_trace_is_saved_in_its_directory),
        live!(a_trace_of_a_moved_directory_is_saved_elsewhere),
        live!(a_saved_trace_never_replaces_a_file),
        live!(a_trace_whose_bytes_are_gone_is_an_error),
        live!(a_trace_that_was_opened_to_others_is_private_again),
        live!(a_digest_tells_a_trace_from_a_forged_one).needs("sha256sum"),
    ]
}

/// Makes a directory of the test's own, and returns the path of the trace in it.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("t");
    (directory, file)
}

/// Records a command that attacks its trace, in the trace's directory.
fn attack(file: &Path, script: &str) -> Recorded {
    let directory = file.parent().expect("a directory").display();
    let script = format!("/bin/true EVIDENCE; cd {directory}; {script}");
    Recording::of(shell(&script))
        .option(["--no-changes", "--quiet"])
        .to(file)
        .run()
}

fn replay(file: &Path, options: &[OsString]) -> Ended {
    run(tracer().arg("replay").arg(file).args(options))
}

/// True if a file is a complete trace with the events from before the attack.
fn holds_evidence(file: &Path) -> bool {
    let replayed = replay(file, &["--strict".into()]);
    replayed.code == Some(0) && replayed.text().contains("EVIDENCE")
}

fn an_unlinked_trace_is_saved_in_its_directory() {
    for (script, found) in [
        ("rm t", "removed"),
        ("mv t x", "removed"),
        ("mv t x; echo fake > t", "another file"),
        ("mv t x; cp x t", "another file"),
        ("rm t; ln -s /etc/passwd t", "symbolic link"),
        ("rm t; mkfifo t", "pipe"),
        ("rm t; mkdir t", "directory"),
        // More bytes than the recorder still overwrites.
        ("head -c 300000 /dev/zero >> t", "appended"),
    ] {
        let (_directory, file) = place();
        let passwd = fs::read("/etc/passwd").expect("a file");
        let recorded = attack(&file, script);
        let messages = recorded.ended.messages();
        assert_eq!(recorded.ended.code, Some(125), "{script}: {messages}");
        assert_eq!(fs::read("/etc/passwd").expect("a file"), passwd);
        let saved = file.with_file_name("t.recovered");
        assert!(messages.contains(found), "{script}: {messages}");
        for name in [&file, &saved] {
            assert!(messages.contains(&*name.to_string_lossy()), "{messages}");
        }
        assert!(holds_evidence(&saved), "{script}: {messages}");
        let mode = fs::metadata(&saved).expect("the trace").mode();
        assert_eq!(mode & 0o7777, 0o600, "{script}");
        let (_, digest) = messages.split_once("sha256: ").expect("a digest");
        let verified = replay(&saved, &["--verify".into(), digest.trim().into()]);
        assert_eq!(verified.code, Some(0), "{}", verified.messages());
    }
}

fn a_trace_of_a_moved_directory_is_saved_elsewhere() {
    for script in [
        "cd ..; mv inner other",
        "cd ..; rm -r inner",
        "cd ..; mv inner other; ln -s /etc inner",
        "mount -t tmpfs none \"$PWD\"",
    ] {
        let (directory, _) = place();
        let inner = directory.path().join("inner");
        let other = directory.path().join("temporary");
        fs::create_dir(&inner).expect("a directory");
        fs::create_dir(&other).expect("a directory");
        let file = inner.join("t");
        let script = format!("/bin/true EVIDENCE; cd {}; {script}", inner.display());
        let recorded = Recording::of(shell(&script))
            .environment("TMPDIR", other.to_str().expect("a path"))
            .option(["--no-changes", "--quiet"])
            .to(&file)
            .run();
        let messages = recorded.ended.messages().to_owned();
        if script.contains("mount") {
            run(Command::new("umount").arg(&inner)).success();
        }
        assert_eq!(recorded.ended.code, Some(125), "{script}: {messages}");
        let saved = other.join("t.recovered");
        assert!(messages.contains(&*saved.to_string_lossy()), "{messages}");
        assert!(holds_evidence(&saved), "{script}: {messages}");
        assert!(!Path::new("/etc/t.recovered").exists());
    }
}

fn a_saved_trace_never_replaces_a_file() {
    let (_directory, file) = place();
    let recorded = attack(
        &file,
        "rm t; echo mine > t.recovered; ln -s victim t.recovered-2",
    );
    let messages = recorded.ended.messages();
    assert_eq!(recorded.ended.code, Some(125), "{messages}");
    let beside = |name: &str| file.with_file_name(name);
    let first = fs::read_to_string(beside("t.recovered")).expect("a file");
    assert_eq!(first, "mine\n");
    assert!(!beside("victim").exists());
    assert!(holds_evidence(&beside("t.recovered-3")), "{messages}");
}

fn a_trace_whose_bytes_are_gone_is_an_error() {
    for script in [
        ": > t",
        "truncate -s 100 t",
        "sleep 0.1; : > t; sleep 0.1; /bin/true more; sleep 0.1",
        // The same length with other bytes.
        "printf X | dd of=t bs=1 seek=60 conv=notrunc 2>/dev/null",
    ] {
        let (_directory, file) = place();
        let recorded = attack(&file, script);
        let messages = recorded.ended.messages();
        assert_eq!(recorded.ended.code, Some(125), "{script}: {messages}");
        let name = file.to_string_lossy();
        let said = format!("cannot keep the trace at {name}: it was truncated or changed");
        assert!(messages.contains(&said), "{script}: {messages}");
        assert!(messages.contains("\n        hint: "), "{messages}");
        assert!(!file.with_file_name("t.recovered").exists());
    }
}

fn a_trace_that_was_opened_to_others_is_private_again() {
    let (_directory, file) = place();
    let recorded = attack(&file, "chown 65534:65534 t; chmod 666 t; ln t other");
    let messages = recorded.ended.messages();
    assert_eq!(recorded.ended.code, Some(0), "{messages}");
    for said in ["changed to 666", "user 65534", "1 other names"] {
        assert!(messages.contains(said), "{said}: {messages}");
    }
    let metadata = fs::metadata(&file).expect("the trace");
    let mode = metadata.permissions().mode() & 0o7777;
    assert_eq!((mode, metadata.uid(), metadata.gid()), (0o600, 0, 0));
    assert!(holds_evidence(&file));
}

fn a_digest_tells_a_trace_from_a_forged_one() {
    let (directory, file) = place();
    let recorded = Recording::of(shell("/bin/true EVIDENCE"))
        .option(["--no-changes", "--digest"])
        .to(&file)
        .run();
    let messages = recorded.ended.messages();
    let listed = run(Command::new("sha256sum")
        .args(["--check", "t.sha256"])
        .current_dir(directory.path()));
    assert_eq!(listed.text(), "t: OK\n", "{messages}");
    let sum = run(Command::new("sha256sum").arg(&file));
    let digest = sum.text().split(' ').next().expect("a digest").to_owned();
    assert!(
        messages.contains(&format!("sha256: {digest}")),
        "{messages}"
    );
    let list = directory.path().join("t.sha256");
    let verify = |expected: OsString| replay(&file, &["--verify".into(), expected]);
    for expected in [OsString::from(&digest), list.clone().into()] {
        let verified = verify(expected);
        assert_eq!(verified.code, Some(0), "{}", verified.messages());
        assert!(verified.text().contains("EVIDENCE"));
    }
    let missing = verify("/no/such/list".into());
    assert_eq!(missing.code, Some(1), "{}", missing.messages());
    assert_eq!(missing.text(), "");
    // Another complete trace in its place: its content does not show that.
    let forged = Recording::of(shell("/bin/true FORGED"))
        .option(["--no-changes", "--quiet", "--force"])
        .to(&file)
        .run();
    assert_eq!(forged.ended.code, Some(0));
    assert_eq!(replay(&file, &[]).code, Some(0));
    for expected in [OsString::from(&digest), list.into()] {
        let refused = verify(expected);
        assert_eq!(refused.code, Some(3), "{}", refused.messages());
        assert_eq!(refused.text(), "", "nothing of it is shown");
        assert!(
            refused.messages().contains(&digest),
            "{}",
            refused.messages()
        );
    }
}
