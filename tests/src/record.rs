//! `tracer record` as its user sees it: its targets and durations, the place of the trace, and the
//! summary. `bad_input` tests refusals, and `launch` the effects on the command.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};
use serde_json::Value;

use crate::harness::{
    Recording, Test, Trace, finish, live, record, run, slowness, tracer, within_limit, words,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(the_recording_begins_with_the_command),
        live!(lingering_follows_processes_that_are_left),
        live!(ctrl_c_ends_lingering_well),
        live!(the_whole_system_for_a_second),
        live!(a_running_process_until_its_end),
        live!(a_running_process_for_a_while),
        live!(a_trace_has_a_name_by_default),
        live!(a_trace_is_private_to_the_caller),
        live!(force_makes_a_new_file),
        live!(two_recorders_at_once),
        live!(a_busy_machine_loses_nothing),
        live!(a_killed_recorder_leaves_its_events),
        live!(the_summary_counts_everything),
        live!(the_summary_counts_changes_and_names_commands).needs("python3"),
        live!(a_command_without_changes_leaves_parameters_alone),
        live!(quiet_is_quiet),
        live!(own_rules_name_trees),
    ]
}

fn shell(script: &str) -> Vec<OsString> {
    words(["sh", "-c", script])
}

fn the_recording_begins_with_the_command() {
    let trace = record(shell("/bin/true; /bin/true"));
    let started = trace.all("command_started").next().expect("its start");
    let pid = trace.command_pid();
    let before: Vec<&str> = trace
        .events
        .iter()
        .filter(|event| event.pid() == pid && event.number("seq") < started.number("seq"))
        .map(|event| event.kind())
        .collect();
    assert_eq!(before, ["fork"], "nothing ran before it was announced");
    let first = trace.of_command("exec")[0].clone();
    assert_eq!(first.pid(), pid);
    assert_eq!(first.argv(), [&b"sh"[..], b"-c", b"/bin/true; /bin/true"]);
    assert_eq!(trace.of_command("exec").len(), 3);
    let last = trace.events.last().expect("an end");
    assert_eq!((last.kind(), last.text("reason")), ("end", "command ended"));
    // Numbers ascend by one and times never go back for one process.
    for (position, event) in trace.events.iter().enumerate() {
        assert_eq!(event.number("seq"), position as u64 + 1);
    }
}

fn lingering_follows_processes_that_are_left() {
    let script = "sh -c 'sleep 0.3; /bin/true from the daemon
        sleep 30 & trap \"kill $!\" TERM; wait' >/dev/null 2>&1 & echo $!";
    let trace = Recording::of(shell(script)).lingers(1000).run().trace();
    let daemon: i32 = trace.ended.text().trim().parse().expect("a process id");
    kill(Pid::from_raw(daemon), Signal::SIGTERM).expect("the daemon runs");
    let ended = trace
        .of_command("exit")
        .into_iter()
        .find(|event| event.pid() == trace.command_pid())
        .expect("its exit");
    let late = trace
        .of_command("exec")
        .into_iter()
        .find(|event| event.argv().len() == 4)
        .expect("what the daemon ran");
    assert!(late.number("boot_ns") > ended.number("boot_ns"));
    let messages = trace.ended.messages();
    assert!(
        messages.contains("the command has ended; recording"),
        "{messages}"
    );
    assert!(messages.contains("still running: 2"), "{messages}");
    assert!(messages.contains(&format!("[{daemon}]")), "{messages}");
}

fn ctrl_c_ends_lingering_well() {
    let began = Instant::now();
    let running = Recording::of(words(["true"]))
        .option(["--linger", "10m"])
        .start()
        .says("recording its descendants");
    running.send(Signal::SIGINT);
    let trace = running.finish().trace();
    assert!(began.elapsed() < Duration::from_secs(20) * slowness());
    assert_eq!(trace.ended.code, Some(0));
    let end = trace.all("end").next().expect("an end");
    assert_eq!(end.text("reason"), "interrupted");
}

fn the_whole_system_for_a_second() {
    let running = Recording::of(Vec::new())
        .option(["--system"])
        .lasts(1000)
        .start()
        .attached();
    run(Command::new("/bin/true").arg("a stranger to the recorder")).success();
    let mut stays = Command::new("/bin/sleep")
        .arg("60.5")
        .spawn()
        .expect("sleep");
    let trace = running.finish().trace();
    stays.kill().expect("it runs");
    stays.wait().expect("it has ended");
    assert_eq!(trace.ended.code, Some(0));
    let end = trace.all("end").next().expect("an end");
    assert_eq!(end.text("reason"), "time over");
    let seen = trace
        .all("exec")
        .find(|event| {
            event
                .argv()
                .last()
                .is_some_and(|word| word == b"a stranger to the recorder")
        })
        .expect("the stranger");
    assert_eq!(seen.tree(), "system");
    assert_eq!(trace.all("command_started").count(), 0);
    let changes = trace.lives("changes", []);
    let stays = |row: &Value| {
        let detail = row["detail"].as_str().unwrap_or_default();
        row["kind"] == "process" && detail.contains("sleep 60.5")
    };
    assert!(changes.iter().any(stays), "{changes:?}");
}

/// Follows a shell that starts its script once it is followed.
fn follow(script: &str, options: &[&str]) -> (Trace, u32) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let go = directory.path().join("go");
    let script = format!("while [ ! -e \"$1\" ]; do sleep 0.05; done\n{script}");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, "sh"])
        .arg(&go)
        .stdin(Stdio::null());
    let mut child = command.spawn().expect("a shell");
    let mut recording = Recording::of(Vec::new()).option(["--pid", &child.id().to_string()]);
    for option in options {
        recording = recording.option([option]);
    }
    let running = recording.start().attached();
    fs::write(&go, "").expect("a sign");
    let recorded = running.finish();
    let pid = child.id();
    drop(child.kill());
    finish(child);
    (recorded.trace(), pid)
}

fn a_running_process_until_its_end() {
    let (trace, pid) = follow(
        "/bin/true first; sleep 0.2; (/bin/true second); sleep 0.2; exit 6",
        &["--for", "60s"],
    );
    assert_eq!(
        trace.ended.code,
        Some(0),
        "the process is not a child, so its status is unknown"
    );
    let lives = trace.processes(["--tree", "command"]);
    let own: &Value = lives
        .iter()
        .find(|life| life["pid"] == pid)
        .expect("the process");
    assert_eq!(own["because"], "followed on request");
    assert_eq!(own["code"], 6);
    let started: Vec<Vec<u8>> = trace
        .of_command("exec")
        .iter()
        .map(|event| event.argv().join(&b' '))
        .collect();
    for program in [&b"/bin/true first"[..], b"/bin/true second"] {
        assert!(started.iter().any(|each| each == program), "{started:?}");
    }
    let end = trace.all("end").next().expect("an end");
    assert_eq!(end.text("reason"), "command ended");
    let ended = trace.all("command_ended").next().expect("its end");
    assert_eq!(ended.0["code"], 6);
}

fn a_running_process_for_a_while() {
    let began = Instant::now();
    let time = format!("{}ms", 800 * slowness());
    let (trace, pid) = follow("while :; do sleep 0.1; done", &["--for", &time]);
    assert!(began.elapsed() < Duration::from_secs(30) * slowness());
    let end = trace.all("end").next().expect("an end");
    assert_eq!(end.text("reason"), "time over");
    let sleeps = trace
        .of_command("exec")
        .iter()
        .filter(|event| event.process()["ppid"] == pid)
        .count();
    assert!(sleeps >= 2, "{sleeps} sleeps");
    let own = &trace.processes(["--pid", &pid.to_string()])[0];
    assert_eq!(own["running"], true);
}

fn a_trace_has_a_name_by_default() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    run(tracer()
        .args(["record", "--", "/bin/true"])
        .current_dir(directory.path()))
    .success();
    let names: Vec<String> = fs::read_dir(directory.path())
        .expect("the directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let [name] = &names[..] else {
        panic!("one file: {names:?}");
    };
    let time = name
        .strip_prefix("true-")
        .and_then(|rest| rest.strip_suffix(".trace"));
    let digits = time.expect("COMMAND-DATE-TIME.trace");
    assert_eq!(digits.len(), "20200601-120000".len(), "{name}");
}

fn mode_and_owner(file: &Path) -> (u32, u32, u32) {
    let metadata = fs::metadata(file).expect("the trace");
    (
        metadata.permissions().mode() & 0o7777,
        metadata.uid(),
        metadata.gid(),
    )
}

fn a_trace_is_private_to_the_caller() {
    let trace = Recording::of(words(["true"])).run();
    assert_eq!(mode_and_owner(&trace.file), (0o600, 0, 0));
    let trace = Recording::of(shell("umask 0"))
        .environment("SUDO_UID", "65534")
        .environment("SUDO_GID", "65533")
        .run();
    assert_eq!(mode_and_owner(&trace.file), (0o600, 65534, 65533));
}

fn force_makes_a_new_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("it.trace");
    let other = directory.path().join("another name of it");
    fs::write(&file, "an old one").expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("its mode");
    chown(&file, Some(65534), None).expect("its owner");
    fs::hard_link(&file, &other).expect("another name");
    let trace = Recording::of(words(["true"]))
        .to(&file)
        .option(["--force"])
        .run();
    assert_eq!(trace.ended.code, Some(0), "{}", trace.ended.messages());
    assert_eq!(mode_and_owner(&file), (0o600, 0, 0));
    assert_eq!(fs::read(&other).expect("the old one"), b"an old one");
    trace.trace();
}

fn two_recorders_at_once() {
    let both = ["one", "two"].map(|name| {
        let script = format!("sleep 0.4; /bin/true {name}; sleep 0.4");
        Recording::of(shell(&script)).start()
    });
    for (running, name) in both.into_iter().zip(["one", "two"]) {
        let trace = running.finish().trace();
        let own: Vec<Vec<u8>> = trace
            .of_command("exec")
            .iter()
            .map(|event| event.argv().join(&b' '))
            .collect();
        assert_eq!(own.len(), 4, "{own:?}");
        assert_eq!(own[2], format!("/bin/true {name}").into_bytes());
    }
}

/// Processes that come and go while the recorder starts may be missing.
fn a_busy_machine_loses_nothing() {
    // Some processes are gone before the snapshot, and have children that were there before.
    let storm = "some() { for i in 1 2 3 4; do sleep 0.01; /bin/true; done; }
        while [ ! -e \"$1\" ]; do (some) & (sleep 0.02; some) & (sleep 0.04; some) & wait; done";
    let directory = tempfile::tempdir().expect("a temporary directory");
    let stop = directory.path().join("stop");
    let mut command = Command::new("sh");
    command
        .args(["-c", storm, "sh"])
        .arg(&stop)
        .stdin(Stdio::null());
    let busy = command.spawn().expect("a shell");
    let messages: Vec<String> = (0..8)
        .map(|_| Recording::of(words(["/bin/true"])).run())
        .map(|recorded| recorded.read("replay", ["--strict"]).messages().to_owned())
        .collect();
    fs::write(&stop, "").expect("a sign");
    finish(busy);
    assert!(messages.iter().all(String::is_empty), "{messages:?}");
}

fn a_killed_recorder_leaves_its_events() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("done");
    let mut command = words([
        "sh",
        "-c",
        "/bin/true early; echo that was early >&2; sleep 2.5; echo done >\"$1\"",
        "sh",
    ]);
    command.push(file.clone().into());
    let running = Recording::of(command).start().says("that was early");
    // Ten times the longest delay of an event on its way into the file.
    std::thread::sleep(Duration::from_secs(1));
    running.send(Signal::SIGKILL);
    let recorded = running.finish();
    assert_eq!(recorded.ended.signal, Some(9));
    let trace = Trace::read(recorded);
    assert_eq!(
        trace.replayed.code,
        Some(3),
        "{}",
        trace.replayed.messages()
    );
    let early = trace
        .of_command("exec")
        .iter()
        .any(|event| event.argv()[0] == b"/bin/true");
    assert!(early, "what happened long before is there");
    assert_eq!(trace.all("gap").count(), 1);
    assert!(within_limit(|| file.exists()), "the command went on");
}

fn the_summary_counts_everything() {
    let trace = record(shell(&format!(
        "(sleep {} >/dev/null 2>&1 &); exit 3",
        3 * slowness()
    )));
    let messages = trace.ended.messages();
    let file = trace.file.display().to_string();
    for expected in [
        "ended with 3 after",
        "TREE",
        "command",
        "still running: 1",
        "complete: no event was lost",
        &format!("trace: {file} ("),
        &format!("next:  tracer tree {file}"),
    ] {
        assert!(messages.contains(expected), "{expected}: {messages}");
    }
    assert_eq!(trace.ended.text(), "", "stdout is the command's");
}

fn the_summary_counts_changes_and_names_commands() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let place = place.path().display();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let fifo = directory.path().join("fifo");
    mkfifo(&fifo, Mode::S_IRWXU).expect("a fifo");
    let fifo = fifo.display();
    let script = format!(
        "umask 022; echo x >{place}/one; cp /bin/true {place}/two; chmod 4755 {place}/two
        python3 -B -c 'import os, socket, time; s = socket.socket(); s.listen(1); \
        print(os.getpid(), file=open(\"{fifo}\", \"w\")); time.sleep(100)' >/dev/null 2>&1 &
        read pid <{fifo}; echo $pid"
    );
    let file = directory.path().join("it's one.trace");
    let trace = Recording::of(words(["sh", "-c", &script]))
        .to(&file)
        .option(["--watch", &place.to_string()])
        .run()
        .trace();
    let left: i32 = trace.ended.text().trim().parse().expect("a process id");
    kill(Pid::from_raw(left), Signal::SIGKILL).expect("the listener runs");
    let messages = trace.ended.messages();
    let quoted = format!("'{}/it'\\''s one", directory.path().display());
    for expected in [
        "left behind: 1 listener, 2 files and directories\n",
        "look at these first: ",
        "setuid ",
        &format!("next:  tracer tree {quoted}.trace'\n"),
        &format!("       tracer changes {quoted}.trace'\n"),
        &format!("       tracer report {quoted}.trace' --format html -o {quoted}.html'\n"),
    ] {
        assert!(messages.contains(expected), "{expected}: {messages}");
    }
    assert!(!messages.contains("tracer connections"), "{messages}");
}

/// Both looks need the same capabilities: AppArmor's parameters are hidden from most of root's
/// processes, and seemed to be gone at the end.
fn a_command_without_changes_leaves_parameters_alone() {
    let trace = record(shell("true"));
    let mut compared = trace.all("compared");
    let parameters = compared.find(|event| event.0["subject"] == "sysctl");
    let parameters = parameters.expect("the kernel's parameters were compared");
    assert_eq!(parameters.0["differences"], Value::Array(Vec::new()));
    assert!(parameters.0["problem"].is_null(), "{parameters:?}");
}

fn quiet_is_quiet() {
    let recorded = Recording::of(words(["true"]))
        .option(["--quiet", "--linger", "10ms"])
        .run();
    assert_eq!(recorded.ended.messages(), "");
}

fn own_rules_name_trees() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let rules = directory.path().join("rules.toml");
    let text = "[[tree]]\nname = \"naps\"\n[[tree.match]]\nargv = [\"sleep\", \"0.012*\"]\n";
    fs::write(&rules, text).expect("rules");
    let trace = Recording::of(shell("sleep 0.0123; sleep 0.1"))
        .option(["--rules", rules.to_str().expect("a path")])
        .run();
    fs::remove_file(&rules).expect("the rules are in the trace");
    let trace = trace.trace();
    let naps = trace.processes(["--tree", "naps"]);
    assert_eq!(naps.len(), 1, "{naps:?}");
    assert_eq!(naps[0]["argv"][1], "0.0123");
    let because = naps[0]["because"].as_str().unwrap_or_default();
    assert!(
        because.contains("rules.toml") || because.contains("naps"),
        "{because}"
    );
}
