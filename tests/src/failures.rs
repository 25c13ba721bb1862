//! Tests execs that fail: file name, arguments and error, as strace(1) has them.

use std::{ffi::OsString, fs, path::Path};

use crate::harness::{Recording, Test, act, live, words};

pub(crate) fn tests() -> Vec<Test> {
    let where_seen = |test: Test| test.only_where(is_possible, NEITHER);
    vec![
        where_seen(live!(each_call_that_fails_is_an_event)),
        where_seen(live!(a_search_that_finds_the_program_is_not_a_failure)).needs("/usr/bin/env"),
    ]
}

const NEITHER: &str = "this kernel has no kprobes, and tracefs is not mounted";

fn is_possible() -> bool {
    let places = [
        "/sys/bus/event_source/devices/kprobe",
        "/sys/kernel/tracing/events/syscalls/sys_exit_execve",
    ];
    places.iter().any(|place| Path::new(place).exists())
}

fn each_call_that_fails_is_an_event() {
    let place = tempfile::tempdir().expect("a directory");
    let path = |name: &str| place.path().join(name).to_str().expect("plain").to_owned();
    fs::write(path("interpreter"), "#!/no/such/interpreter\n").expect("a script");
    fs::write(path("format"), "neither a script nor a program\n").expect("a file");
    for name in ["interpreter", "format"] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o755)).expect("executable");
    }
    let missing = path("missing");
    let calls = [
        (missing.as_str(), "ENOENT"),
        ("/etc/passwd", "EACCES"),
        (&path("interpreter"), "ENOENT"),
        (&path("format"), "ENOEXEC"),
    ];
    let mut command = act(["failed-execs"]);
    command.extend(calls.iter().map(|(path, _)| OsString::from(path)));
    let trace = Recording::of(command)
        .option(["--no-changes"])
        .option(["--failed-execs"])
        .run()
        .trace();
    let failed = trace.of_command("exec_failed");
    let found: Vec<(&str, &str)> = failed
        .iter()
        .map(|event| (event.text("filename"), event.text("error")))
        .collect();
    assert_eq!(found, calls);
    for event in failed {
        let filename = event.text("filename").as_bytes().to_vec();
        let argv = vec![filename, b"--import".to_vec(), b"key".to_vec()];
        assert_eq!(event.argv(), argv);
    }
}

fn a_search_that_finds_the_program_is_not_a_failure() {
    let trace = Recording::of(words([
        "/usr/bin/env",
        "PATH=/nowhere:/bin:/usr/bin",
        "true",
    ]))
    .option(["--no-changes"])
    .option(["--failed-execs"])
    .run()
    .trace();
    let failed = trace.of_command("exec_failed");
    assert_eq!(failed[0].text("filename"), "/nowhere/true");
    let report = trace.read("report", ["--tree", "command"]).success();
    let section = report.text().contains("Execs that failed");
    assert!(!section, "{}", report.text());
}
