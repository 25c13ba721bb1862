//! Tests execs that fail: file name, arguments and error, as strace(1) has them.

use std::fs;

use crate::harness::{Recording, Test, live, words};

pub(crate) fn tests() -> Vec<Test> {
    let with_tracefs = |test: Test| {
        test.needs("/usr/bin/python3").needs_file(
            "/sys/kernel/tracing/events/syscalls/sys_exit_execve",
            "tracefs is not mounted",
        )
    };
    vec![
        with_tracefs(live!(each_call_that_fails_is_an_event)),
        with_tracefs(live!(a_search_that_finds_the_program_is_no_failure)),
    ]
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
    let paths = calls.map(|(path, _)| format!("'{path}'")).join(", ");
    let script = format!(
        "import os\nfor p in ({paths}):\n    try: os.execv(p, [p, '--import', 'key'])\n    \
         except OSError: pass\n"
    );
    let trace = Recording::of(words(["/usr/bin/python3", "-c", &script]))
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

fn a_search_that_finds_the_program_is_no_failure() {
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
