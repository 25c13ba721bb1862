//! The recorded command notices nothing: its exit status, standard streams, signals and inheritance
//! are the same without a recorder. `record` tests the content of the trace.

use std::{ffi::OsString, fs, os::unix::fs::MetadataExt, process::Command};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::harness::{
    Recording, Running, Test, live, on_terminal, run, tracer, within_limit, words,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(the_exit_status_is_the_commands),
        live!(sigterm_reaches_the_command),
        live!(sigint_is_left_to_the_terminal),
        live!(the_standard_streams_are_the_commands),
        live!(the_command_finds_the_world_as_without_a_recorder).alone(),
        live!(as_another_user),
    ]
}

fn shell(script: &str) -> Vec<OsString> {
    words(["sh", "-c", script])
}

fn the_exit_status_is_the_commands() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("not-executable");
    fs::write(&file, "#!/bin/sh\nexit 0\n").expect("a file");
    let cases: [(Vec<OsString>, i32); 8] = [
        (words(["true"]), 0),
        (shell("exit 7"), 7),
        (shell("exit 255"), 255),
        (shell("kill -KILL $$"), 137),
        (shell("kill -TERM $$"), 143),
        (words(["no-such-command-anywhere"]), 127),
        (vec![file.into()], 126),
        (words(["/"]), 126),
    ];
    for (command, code) in cases {
        let shown = format!("{command:?}");
        let recorded = Recording::of(command).run();
        let messages = recorded.ended.messages();
        assert_eq!(recorded.ended.code, Some(code), "{shown}: {messages}");
        assert!(!messages.contains("panicked"), "{messages}");
    }
}

/// Starts a recording, and waits until its command is ready.
fn ready(script: &str) -> (Running, TempDir) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("ready");
    let mut command = words(["sh", "-c"]);
    command.extend([script.into(), "sh".into(), file.clone().into()]);
    let running = Recording::of(command).start();
    assert!(within_limit(|| file.exists()), "the command is ready");
    (running, directory)
}

fn sigterm_reaches_the_command() {
    let (running, _directory) =
        ready("trap 'exit 42' TERM; : >\"$1\"; while :; do sleep 0.05; done");
    running.send(Signal::SIGTERM);
    let trace = running.finish().trace();
    assert_eq!(trace.ended.code, Some(42));
    let (running, _directory) = ready(": >\"$1\"; exec sleep 60");
    running.send(Signal::SIGTERM);
    let trace = running.finish().trace();
    assert_eq!(trace.ended.code, Some(143));
    let ended = trace.all("command_ended").next().expect("its end");
    assert_eq!(ended.text("signal"), "SIGTERM");
}

/// Ctrl-C reaches the command from the terminal itself; a second one would be wrong.
fn sigint_is_left_to_the_terminal() {
    let (running, _directory) =
        ready("trap 'exit 42' INT; : >\"$1\"; for i in 1 2 3 4 5 6; do sleep 0.05; done");
    running.send(Signal::SIGINT);
    assert_eq!(running.finish().trace().ended.code, Some(0));
}

fn the_standard_streams_are_the_commands() {
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let trace = Recording::of(shell("cat; echo to stderr >&2"))
        .option(["--quiet"])
        .input(&bytes)
        .run()
        .trace();
    assert!(trace.ended.stdout == bytes, "stdout has what was on stdin");
    assert_eq!(trace.ended.messages(), "to stderr\n");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut on_it = tracer();
    on_it
        .args(["record", "-q", "-o"])
        .arg(directory.path().join("it.trace"))
        .args([
            "--",
            "sh",
            "-c",
            "test -t 1 && test -t 2 && echo on a terminal",
        ]);
    let (code, shown) = on_terminal(&mut on_it, 80);
    assert_eq!((code, &*shown), (Some(0), "on a terminal\r\n"));
}

/// Descriptors, signals, process group, session, environment, directory, limits.
fn the_command_finds_the_world_as_without_a_recorder() {
    let script = "ls /proc/self/fd | tr '\\n' ' '; echo
        names='SigBlk|SigIgn|ShdPnd|NoNewPrivs|Seccomp|Cap|Groups|Uid|Gid|Umask'
        grep -E \"^($names)\" /proc/self/status
        cut -d ' ' -f 5,6,7,19 /proc/$$/stat
        env | grep -v '^_=' | sort
        pwd; ulimit -a; cat /proc/$$/oom_score_adj /proc/$$/timerslack_ns";
    let plain = || {
        let plain = run(Command::new("sh")
            .args(["-c", script])
            .env_remove("SUDO_UID")
            .env_remove("SUDO_GID"));
        without_own_variables(plain.success().text())
    };
    let recorded = Recording::of(shell(script)).run();
    let found = without_own_variables(recorded.ended.text());
    // A child of another test may inherit an open descriptor of this process.
    let is_found = (0..5).any(|_| plain() == found);
    assert!(is_found, "{found} is not {}", plain());
}

/// Removes signals 32 and 33, which belong to the C library: a process that has had a thread no
/// longer ignores them.
pub(crate) fn without_own_variables(status: &str) -> String {
    let lines = status
        .lines()
        .map(|line| match line.strip_prefix("SigIgn:\t") {
            Some(mask) => {
                let mask = u64::from_str_radix(mask, 16).expect("a mask");
                format!("SigIgn: {:x}\n", mask & !(0b11 << 31))
            }
            None => format!("{line}\n"),
        });
    lines.collect()
}

fn as_another_user() {
    let script = "id -un; id -u; id -g; id -G; echo \"$HOME $USER $LOGNAME\"";
    let trace = Recording::of(shell(script))
        .option(["--user", "nobody"])
        .run()
        .trace();
    let lines: Vec<&str> = trace.ended.text().lines().collect();
    assert_eq!(lines[..2], ["nobody", "65534"], "{lines:?}");
    assert!(lines[4].ends_with(" nobody nobody"), "{lines:?}");
    assert!(!lines[3].split(' ').any(|group| group == "0"), "{lines:?}");
    assert_eq!(trace.of_command("exec")[0].process()["user"], "nobody");
    assert_eq!(fs::metadata(&trace.file).expect("a file").uid(), 0);
}
