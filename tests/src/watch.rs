//! Tests `tracer watch` on a terminal of its own, beside recordings that go on.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::process::ExitStatusExt,
    path::Path,
    time::Duration,
};

use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};

use crate::{
    connect::server,
    corpus,
    harness::{
        Recording, Screen, Test, act, hung_up, live, plain, run, says, slowness, tracer,
        within_limit,
    },
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(a_new_destination_is_shown_at_once),
        live!(a_killed_recording_is_cut_off),
        plain!(a_directory_is_followed_from_trace_to_trace),
        plain!(a_growing_file_is_followed),
        plain!(a_signal_gives_the_terminal_back),
        plain!(it_stops_and_goes_on),
        plain!(it_ends_with_its_terminal),
        plain!(a_terminal_may_change_its_size),
        plain!(colours_are_left_out_on_request),
        plain!(errors_name_a_remedy),
    ]
}

/// Returns a trace of the corpus.
fn corpus_trace(name: &str) -> std::path::PathBuf {
    corpus::directory().join(name)
}

fn watch(path: &Path, columns: u16, lines: u16) -> Screen {
    Screen::start(tracer().arg("watch").arg(path), columns, lines)
}

#[track_caller]
fn leave(mut screen: Screen) {
    screen.type_keys("q");
    let left = screen.finish();
    assert_eq!(left.status.code(), Some(0), "{}", left.text);
    assert!(left.is_restored, "{}", left.text);
}

fn a_new_destination_is_shown_at_once() {
    let address = server("127.0.0.1", Duration::ZERO).to_string();
    let port = address.rsplit(':').next().unwrap_or_default().to_owned();
    let directory = tempfile::tempdir().expect("a directory");
    let gate = directory.path().join("gate");
    mkfifo(&gate, Mode::S_IRWXU).expect("a fifo");
    let file = directory.path().join("a.trace");
    // It dials when a line comes, and ends when another one comes.
    let script = r#"read line <"$0"; "$@"; read line <"$0""#;
    let mut command = vec!["sh".into(), "-c".into(), script.into(), gate.clone().into()];
    command.extend(act(["dial", "exchange", &address]));
    let recording = Recording::of(command).to(&file).start().attached();
    let mut screen = watch(&file, 80, 24);
    screen.shows("recording");
    screen.shows("command");
    assert!(!screen.text().contains(&port), "{}", screen.text());

    File::options()
        .write(true)
        .open(&gate)
        .and_then(|mut gate| gate.write_all(b"dial\n"))
        .expect("the command waits");
    let took = screen.wait("the destination", |text| {
        let mut lines = text.lines();
        lines.any(|line| line.contains("127.0.0.1") && line.contains(&port))
    });
    assert!(took < Duration::from_secs(2) * slowness(), "{took:?}");
    println!("a new destination was on the screen after {took:?}");

    screen.type_keys("/no-such-*\r");
    screen.shows("no process matches the filter");
    screen.shows("filter: no-such-*");
    screen.type_keys("/\x15tracer-test?\r");
    screen.shows("filter: tracer-test?");
    screen.shows(&port);
    screen.type_keys("\r");
    screen.shows("command line");
    screen.shows("dial exchange");
    screen.type_keys("\x1b");
    screen.shows("Trees");

    File::options()
        .write(true)
        .open(&gate)
        .and_then(|mut gate| gate.write_all(b"end\n"))
        .expect("the command waits");
    let trace = recording.finish().trace();
    screen.shows("ended: command ended");
    leave(screen);
    // What was watched is what is in the trace.
    let all = trace.connections(["--tree", "command"]);
    assert!(all.iter().any(|one| one["remote"] == address.as_str()));
}

fn a_killed_recording_is_cut_off() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, own) = (
        directory.path().join("a.trace"),
        directory.path().join("pid"),
    );
    let script = r#"echo $$ >"$0"; exec sleep 1000"#;
    let command = vec!["sh".into(), "-c".into(), script.into(), own.clone().into()];
    let recording = Recording::of(command).to(&file).start().attached();
    let screen = watch(&file, 80, 24);
    screen.shows("recording");
    recording.send(Signal::SIGKILL);
    let mut recorder = recording.child;
    recorder.wait().expect("it was killed");
    screen.shows("cut off: its recorder ended");
    leave(screen);
    // The command outlives its recorder.
    let pid = fs::read_to_string(own).expect("its process id");
    let pid = pid.trim().parse().expect("a number");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("the command still runs");
}

fn a_directory_is_followed_from_trace_to_trace() {
    let directory = tempfile::tempdir().expect("a directory");
    let screen = watch(directory.path(), 80, 24);
    screen.shows("so far: waiting for a recording");
    let add = |from: &str, to: &str| {
        let part = directory.path().join(".part");
        fs::copy(corpus_trace(from), &part).expect("a copy");
        fs::rename(&part, directory.path().join(to)).expect("a name");
    };
    add("scene.trace", "web-20260131T000000Z.trace");
    screen.shows("web-20260131T000000Z.trace");
    screen.shows("ended: ");
    add("oms-names.trace", "web-20260201T000000Z.trace");
    screen.shows("web-20260201T000000Z.trace (2 of 2)");
    screen.shows("omsconfig");
    // An older one changes nothing.
    add("scene.trace", "web-20251231T000000Z.trace");
    screen.shows("web-20260201T000000Z.trace (3 of 3)");
    leave(screen);
}

fn a_growing_file_is_followed() {
    let whole = fs::read(corpus_trace("oms-names.trace")).expect("a trace");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.trace");
    let mut file = File::create(&path).expect("a file");
    let screen = watch(&path, 80, 24);
    screen.shows("the recording has not begun");
    let (first, rest) = whole.split_at(whole.len() / 2);
    file.write_all(first).expect("the first half");
    screen.shows("oms-replica");
    screen.wait("some events", |text| !text.contains(" 0 events"));
    assert!(!screen.text().contains("damaged"), "{}", screen.text());
    file.write_all(rest).expect("the rest");
    screen.shows("ended: command ended");
    screen.shows("1,034 events");
    // Another recording of the same name.
    drop(file);
    fs::copy(corpus_trace("scene.trace"), directory.path().join("b")).expect("a copy");
    fs::rename(directory.path().join("b"), &path).expect("a name");
    screen.wait("the new one", |text| !text.contains("oms-replica"));
    leave(screen);
}

fn a_signal_gives_the_terminal_back() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let screen = watch(&corpus_trace("scene.trace"), 80, 24);
        screen.shows("ended");
        screen.send(signal);
        let left = screen.finish();
        assert_eq!(left.status.signal(), Some(signal as i32));
        assert!(left.is_restored, "{signal}: {}", left.text);
    }
    let mut screen = watch(&corpus_trace("scene.trace"), 80, 24);
    screen.shows("ended");
    screen.type_keys("\x03");
    let left = screen.finish();
    assert!(left.status.success() && left.is_restored);
    // A damaged trace has its exit status.
    let mut screen = watch(&corpus_trace("damaged.trace"), 80, 24);
    screen.shows("damaged");
    screen.type_keys("q");
    assert_eq!(screen.finish().status.code(), Some(3));
}

fn it_stops_and_goes_on() {
    let mut screen = watch(&corpus_trace("scene.trace"), 80, 24);
    screen.shows("Trees");
    screen.type_keys("\x1a");
    assert!(within_limit(|| screen.state() == "T"), "{}", screen.state());
    assert!(within_limit(|| !screen.is_taken()), "{}", screen.text());
    screen.send(Signal::SIGCONT);
    screen.shows("Trees");
    assert!(screen.is_taken());
    leave(screen);
}

fn it_ends_with_its_terminal() {
    let trace = corpus_trace("scene.trace");
    let status = hung_up(tracer().arg("watch").arg(trace), "Trees");
    assert_eq!(status.signal(), Some(Signal::SIGHUP as i32));
}

fn a_terminal_may_change_its_size() {
    let screen = watch(&corpus_trace("oms-names.trace"), 80, 24);
    screen.shows("Trees");
    screen.resize(30, 8);
    screen.shows("too small");
    screen.resize(200, 50);
    screen.shows("6f1d2c3b-8a47-4e59-9b0c-5d2e7f1a4c86 -s");
    leave(screen);
}

fn colours_are_left_out_on_request() {
    let trace = corpus_trace("hostile.trace");
    let screen = watch(&trace, 80, 24);
    screen.shows("incomplete");
    assert!(screen.has_colours());
    leave(screen);
    // `env` sets it after the harness has removed it.
    let mut plain = std::process::Command::new("env");
    let own = tracer();
    plain.arg("NO_COLOR=1").arg(own.get_program());
    let screen = Screen::start(plain.arg("watch").arg(&trace), 80, 24);
    screen.shows("incomplete");
    assert!(!screen.has_colours(), "{}", screen.text());
    leave(screen);
}

fn errors_name_a_remedy() {
    let trace = corpus_trace("scene.trace");
    let piped = run(tracer().arg("watch").arg(&trace));
    says(&piped, 1, &["stdout is not a terminal", "tracer replay"]);
    let refuses = |path: &Path, parts: &[&str]| {
        let left = watch(path, 80, 24).finish();
        assert_eq!(left.status.code(), Some(1), "{}", left.text);
        let text = left.text.replace('\n', " ");
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(left.is_restored);
    };
    let directory = tempfile::tempdir().expect("a directory");
    refuses(
        &directory.path().join("none.trace"),
        &["it does not exist", "hint: start the recording first"],
    );
    let text = directory.path().join("text");
    fs::write(&text, "#!/bin/sh\necho hello\n").expect("a file");
    refuses(&text, &["it is not a trace"]);
    let pipe = directory.path().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).expect("a fifo");
    refuses(&pipe, &["neither a file nor a directory"]);
}
