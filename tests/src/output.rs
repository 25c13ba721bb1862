//! Tests the views on different outputs: a pipe, a terminal, a narrow one, a closed one. The
//! content is the other tests' subject.

use std::{
    fs::{File, OpenOptions},
    net::TcpListener,
    process::{Command, Stdio},
};

use crate::harness::{
    Recorded, Recording, Test, finish, live, on_terminal, plain, run, says, tracer, words,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(live_lines_are_the_lines_of_replay),
        live!(live_lines_on_a_terminal_are_those_of_replay_on_one),
        live!(a_recorded_command_in_a_pipeline),
        live!(a_closed_pipe_is_not_an_error),
        live!(a_full_disk_under_the_output_is_an_error),
        live!(a_closed_stderr_stops_nothing),
        live!(lines_fit_a_narrow_terminal),
        live!(colour_only_on_terminals_that_ask_for_it),
        live!(nothing_of_a_program_reaches_the_terminal_raw),
        live!(jsonl_is_one_object_per_line_with_ordered_keys),
        live!(times_are_relative_or_absolute),
        plain!(all_manual_pages_are_written),
    ]
}

/// Records a bit of everything: odd arguments, a connection, a refusal.
fn scene(options: &[&str]) -> Recorded {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let remote = listener.local_addr().expect("its address").to_string();
    let own = std::env::current_exe().expect("the path of this program");
    let script = "\"$1\" act odd-arguments 3000; \"$1\" act dial plain \"$2\" plain 127.0.0.1:1
        \"$1\" act rename 'a name' \"$(printf '\\033[31m')\"; (/bin/true | /bin/false); exit 4";
    let mut command = words(["sh", "-c", script, "sh"]);
    command.extend([own.into(), remote.into()]);
    let mut recording = Recording::of(command).option(["--linger", "50ms"]);
    for option in options {
        recording = recording.option([option]);
    }
    recording.run()
}

fn live_lines_are_the_lines_of_replay() {
    for options in [&[][..], &["--format", "jsonl"], &["--time", "absolute"]] {
        let mut all = vec!["--live"];
        all.extend(options);
        let recorded = scene(&all);
        let mut again = tracer();
        again.arg("replay").arg(&recorded.file).args(options);
        let replayed = run(&mut again).success();
        // Skips lines that are not events: progress on a slow machine, and the end.
        let live: String = recorded
            .ended
            .messages()
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("tracer: scanning "))
            .filter(|line| !line.starts_with("tracer: the command has ended"))
            .collect();
        let lines = replayed.text().lines().count();
        assert!(lines > 50, "{lines} lines");
        let seen: String = live.split_inclusive('\n').take(lines).collect();
        assert!(
            seen == replayed.text(),
            "{options:?}: the first line that differs: {:?}",
            seen.lines()
                .zip(replayed.text().lines())
                .find(|(a, b)| a != b)
        );
        let rest = live.lines().nth(lines).unwrap_or_default();
        assert!(rest.contains("ended with 4"), "then the summary: {rest}");
    }
}

fn live_lines_on_a_terminal_are_those_of_replay_on_one() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for columns in [60, 132] {
        let file = directory.path().join(format!("{columns}.trace"));
        let mut live = tracer();
        // Progress on a slow machine is not part of the view.
        live.args(["record", "--live", "--no-changes", "-o"])
            .arg(&file)
            .args([
                "--",
                "sh",
                "-c",
                "/bin/true 'and a rather long argument that does not fit'; false",
            ])
            .env("TERM", "xterm");
        let (code, live) = on_terminal(&mut live, columns);
        assert_eq!(code, Some(1));
        let mut again = tracer();
        again.arg("replay").arg(&file).env("TERM", "xterm");
        let (code, replayed) = on_terminal(&mut again, columns);
        assert_eq!(code, Some(0));
        assert!(
            live.starts_with(&replayed),
            "{columns}:\n{live}\n{replayed}"
        );
    }
}

fn pipeline(script: &str, file: &std::path::Path, rest: &[&str]) -> crate::harness::Ended {
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh"])
        .arg(tracer().get_program())
        .arg(file)
        .args(rest);
    run(&mut command)
}

fn a_recorded_command_in_a_pipeline() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("it.trace");
    let script = "{ \"$1\" record -q -o \"$2\" -- seq 3; echo \"status $?\"; } | cat";
    let seen = pipeline(script, &file, &[]).success();
    assert_eq!(seen.text(), "1\n2\n3\nstatus 0\n");
    assert_eq!(seen.messages(), "");
    // A command that dies of a closed pipe dies as it would alone.
    let script =
        "{ \"$1\" record --force -q -o \"$2\" -- yes; echo \"status $?\" >&2; } | head -n 1";
    let seen = pipeline(script, &file, &[]).success();
    assert_eq!(seen.text(), "y\n");
    assert_eq!(seen.messages(), "status 141\n");
}

/// Returns every verb that prints, with its arguments.
fn printing(recorded: &Recorded) -> Vec<Command> {
    let with_file = |words: &[&str]| {
        let mut command = tracer();
        command.args(words).arg(&recorded.file);
        command
    };
    let plain = |words: &[&str]| {
        let mut command = tracer();
        command.args(words);
        command
    };
    vec![
        with_file(&["replay"]),
        with_file(&["replay", "--format", "jsonl"]),
        with_file(&["replay", "--process", "sh"]),
        with_file(&["tree"]),
        with_file(&["tree", "--format", "jsonl"]),
        with_file(&["tree", "--tree", "system"]),
        with_file(&["connections"]),
        with_file(&["connections", "--format", "jsonl"]),
        plain(&["doctor"]),
        plain(&["doctor", "--format", "json"]),
        plain(&["completions", "bash"]),
        plain(&["man"]),
        plain(&["--help"]),
        plain(&["record", "--help"]),
        plain(&["--version"]),
    ]
}

/// Plays `tracer replay T | head -1` at its worst: the pipe is closed before the first byte.
fn a_closed_pipe_is_not_an_error() {
    let recorded = scene(&[]);
    for mut command in printing(&recorded) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("stderr");
        let messages = File::create(&path).expect("a file");
        command.stdin(Stdio::null()).stdout(writer).stderr(messages);
        let status = finish(command.spawn().expect("tracer"));
        let messages = std::fs::read_to_string(&path).expect("messages");
        assert_eq!(status.code(), Some(0), "{command:?}: {messages}");
        assert_eq!(messages, "", "{command:?}");
    }
    let script = "{ \"$1\" replay \"$2\"; echo \"status $?\" >&2; } | head -n 1";
    let seen = pipeline(script, &recorded.file, &[]);
    assert_eq!(seen.text().lines().count(), 1);
    assert_eq!(seen.messages(), "status 0\n");
}

fn a_full_disk_under_the_output_is_an_error() {
    let recorded = scene(&[]);
    for mut command in printing(&recorded) {
        let full = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("stderr");
        let messages = File::create(&path).expect("a file");
        command.stdin(Stdio::null()).stdout(full).stderr(messages);
        let status = finish(command.spawn().expect("tracer"));
        let messages = std::fs::read_to_string(&path).expect("messages");
        assert!(!messages.contains("panicked"), "{command:?}: {messages}");
        let is_ours = !format!("{command:?}").contains("--help")
            && !format!("{command:?}").contains("--version");
        if is_ours {
            assert_eq!(status.code(), Some(1), "{command:?}: {messages}");
            assert!(messages.starts_with("tracer: "), "{command:?}: {messages}");
            assert_eq!(messages.lines().count(), 1, "{command:?}: {messages}");
        }
    }
}

fn a_closed_stderr_stops_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("it.trace");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = tracer();
    command.args(["record", "--live", "-o"]).arg(&file);
    command.args(["--", "sh", "-c", "/bin/true; /bin/true; exit 5"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(writer);
    let status = finish(command.spawn().expect("tracer"));
    assert_eq!(status.code(), Some(5));
    run(tracer().args(["replay", "--strict"]).arg(&file)).success();
}

/// Strips a terminal's text of its escape sequences.
fn plainly(shown: &str) -> String {
    let mut plain = String::new();
    let mut characters = shown.chars();
    while let Some(character) = characters.next() {
        if character == '\x1b' {
            assert_eq!(characters.next(), Some('['), "only colours are expected");
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    plain
}

fn lines_fit_a_narrow_terminal() {
    let recorded = scene(&[]);
    for columns in [60, 80, 120] {
        for mut command in printing(&recorded) {
            let reported = format!("{command:?}");
            if ["json", "completions", "man", "--tree", "--help"]
                .iter()
                .any(|word| reported.contains(word))
            {
                continue;
            }
            let (code, shown) = on_terminal(command.env("TERM", "xterm"), columns);
            assert_eq!(code, Some(0), "{reported}");
            let plain = plainly(&shown);
            assert!(
                plain.lines().count() > usize::from(!reported.contains("version")),
                "{plain}"
            );
            for line in plain.lines() {
                let width = line.trim_end_matches('\r').chars().count();
                // Names in doctor's output must stay whole for copying.
                let is_one_word = reported.contains("doctor") && !line.trim().contains(' ');
                assert!(
                    width <= usize::from(columns) || is_one_word,
                    "{reported}: {width} columns: {line}"
                );
            }
        }
    }
    // The summary of a recording, too.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut command = tracer();
    command.args(["record", "-o", "a.trace", "--", "sh", "-c"]);
    command.arg(
        "(sleep 1 'and a half, as one would write in a longer text' 2>/dev/null &); : and \
        more text, so much that it does not fit",
    );
    let (_, shown) = on_terminal(
        command.env("TERM", "xterm").current_dir(directory.path()),
        60,
    );
    let plain = plainly(&shown);
    assert!(plain.contains("TREE"), "{plain}");
    for line in plain.lines() {
        let width = line.trim_end_matches('\r').chars().count();
        // A digest stays whole for copying.
        let is_digest = line.starts_with("sha256: ");
        assert!(width <= 60 || is_digest, "{width} columns: {line}");
    }
}

fn colour_only_on_terminals_that_ask_for_it() {
    let recorded = scene(&[]);
    for verb in ["replay", "tree", "connections"] {
        let shown = |environment: &[(&str, &str)]| {
            let mut command = tracer();
            command.arg(verb).arg(&recorded.file).env_remove("NO_COLOR");
            command.env_remove("CLICOLOR_FORCE").env("TERM", "xterm");
            let (code, shown) = on_terminal(command.envs(environment.iter().copied()), 100);
            assert_eq!(code, Some(0));
            shown
        };
        assert!(
            shown(&[]).contains("\x1b["),
            "{verb} has colour on a terminal"
        );
        for unwanted in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let shown = shown(&[unwanted]);
            assert!(!shown.contains('\x1b'), "{verb} with {unwanted:?}: {shown}");
        }
        let mut command = tracer();
        command.arg(verb).arg(&recorded.file).env("TERM", "xterm");
        let piped = run(command.env_remove("NO_COLOR")).success();
        assert!(!piped.text().contains('\x1b'), "{verb} into a file");
    }
    assert!(
        !recorded.ended.messages().contains('\x1b'),
        "the summary into a file"
    );
}

fn nothing_of_a_program_reaches_the_terminal_raw() {
    let recorded = scene(&[]);
    for verb in ["replay", "tree", "connections"] {
        let mut command = tracer();
        command.arg(verb).arg(&recorded.file);
        let (_, shown) = on_terminal(command.env("NO_COLOR", "1").env("TERM", "xterm"), 500);
        for character in shown.chars() {
            let harmless = character == '\n' || character == '\r' || !character.is_control();
            let visible = !['\u{200b}', '\u{202e}'].contains(&character);
            assert!(harmless && visible, "{verb}: {character:?} in {shown}");
        }
    }
    let replayed = recorded.read("replay", ["--event", "exec"]).success();
    for expected in [
        "$'two\\nlines\\n'",
        "\\e[31mred",
        "caf\\xe9",
        "\\u202ebackwards",
    ] {
        assert!(
            replayed.text().contains(expected),
            "{expected}: {}",
            replayed.text()
        );
    }
    let renamed = recorded.read("replay", ["--event", "rename"]).success();
    assert!(renamed.text().contains("\\e[31m"), "{}", renamed.text());
}

fn jsonl_is_one_object_per_line_with_ordered_keys() {
    let recorded = scene(&[]);
    let replayed = recorded.read("replay", ["--format", "jsonl"]).success();
    for line in replayed.text().lines() {
        assert!(line.starts_with("{\"seq\":"), "{line}");
        let places: Vec<usize> = ["\"seq\":", ",\"time\":\"", ",\"boot_ns\":", ",\"event\":\""]
            .iter()
            .map(|key| line.find(key).expect("the key"))
            .collect();
        assert!(places.is_sorted(), "{line}");
    }
    let exec = replayed
        .text()
        .lines()
        .find(|line| line.contains("\"argv_base64\""))
        .expect("bytes that are not UTF-8");
    assert!(exec.contains('\u{fffd}'), "{exec}");
}

fn times_are_relative_or_absolute() {
    let recorded = scene(&[]);
    let relative = recorded.read("replay", []).success();
    let first = relative.text().lines().next().unwrap_or_default();
    let seconds: f64 = first
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .expect("seconds");
    assert!((0.0..5.0).contains(&seconds), "{first}");
    let absolute = recorded.read("replay", ["--time", "absolute"]).success();
    let jsonl = recorded.read("replay", ["--format", "jsonl"]).success();
    for (text, object) in absolute.text().lines().zip(jsonl.text().lines()) {
        let event: serde_json::Value = serde_json::from_str(object).expect("an object");
        let time = event["time"].as_str().expect("a time");
        // To the microsecond in text, to the nanosecond in jsonl.
        assert_eq!(text[..26], time[..26]);
        assert!(time.ends_with('Z') && time.len() == 30, "{time}");
    }
}

fn all_manual_pages_are_written() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    run(tracer().args(["man", "--all"]).arg(directory.path())).success();
    for (page, says) in [
        ("tracer.1", "tracer\\-record(1)"),
        ("tracer-record.1", ".SH OPTIONS"),
        ("tracer-policy-new.1", ".SH OPTIONS"),
    ] {
        let text = std::fs::read_to_string(directory.path().join(page)).expect(page);
        assert!(text.contains(says), "{page}: {text}");
    }
    // Hidden subcommands are not for readers.
    assert!(!directory.path().join("tracer-reference.1").exists());

    let absent = directory.path().join("absent");
    let ended = run(tracer().args(["man", "--all"]).arg(&absent));
    says(&ended, 1, &["cannot write the manual pages to", "hint: "]);
}
