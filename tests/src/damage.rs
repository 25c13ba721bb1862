//! Damaged, truncated and invalid files: intact events are shown, damage is reported, and nothing
//! panics. Damage by older versions is in the corpus.

use std::fs;

use crate::harness::{
    Ended, Recorded, Recording, Test, Trace, act, live, plain, run, says, tracer, words,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(a_torn_trace_shows_all_that_is_intact),
        live!(a_damaged_trace_never_panics),
        live!(strict_fails_on_missing_events).alone(),
        live!(a_newer_format_is_refused),
        plain!(a_file_that_is_not_a_trace_is_refused),
    ]
}

/// Makes a trace of several blocks.
fn some_trace() -> Recorded {
    let script = "for i in 1 2 3 4 5 6; do /bin/true $i; sleep 0.15; done";
    Recording::of(words(["sh", "-c", script])).run()
}

fn damaged(recorded: &Recorded, bytes: &[u8]) -> Ended {
    let file = recorded.file.with_extension("damaged");
    fs::write(&file, bytes).expect("a file");
    run(tracer().args(["replay", "--format", "jsonl"]).arg(&file))
}

fn a_torn_trace_shows_all_that_is_intact() {
    let recorded = some_trace();
    let bytes = fs::read(&recorded.file).expect("the trace");
    let whole = recorded.read("replay", ["--format", "jsonl"]).success();
    let whole: Vec<&str> = whole.text().lines().collect();
    let step = (bytes.len() / 150).max(1);
    let mut most = 0;
    // Some positions everywhere, and every byte of the end mark.
    let tail = bytes.len() - 45;
    for length in (0..tail).step_by(step).chain(tail..bytes.len()) {
        let torn = damaged(&recorded, &bytes[..length]);
        let messages = torn.messages();
        assert!(!messages.contains("panicked"), "at {length}: {messages}");
        let lines: Vec<&str> = torn.text().lines().collect();
        let Some((last, events)) = lines.split_last() else {
            // Not even its header is whole. An empty file is not a trace.
            let code = if length == 0 { 1 } else { 3 };
            assert_eq!(torn.code, Some(code), "at {length}: {messages}");
            continue;
        };
        assert_eq!(torn.code, Some(3), "at {length}: {messages}");
        assert!(last.contains("\"event\":\"gap\""), "at {length}: {last}");
        assert!(
            whole.starts_with(events),
            "at {length}: events as they were"
        );
        assert!(
            events.len() >= most,
            "more of the file is not less of the trace"
        );
        most = events.len();
        assert!(messages.contains("INCOMPLETE"), "at {length}: {messages}");
        assert!(
            messages.contains("breaks off at byte"),
            "at {length}: {messages}"
        );
    }
    // Only the end mark is missing: all events are there.
    assert_eq!(most, whole.len());
}

fn a_damaged_trace_never_panics() {
    let recorded = some_trace();
    let bytes = fs::read(&recorded.file).expect("the trace");
    let whole = recorded.read("replay", ["--format", "jsonl"]).success();
    let whole: Vec<&str> = whole.text().lines().collect();
    let step = (bytes.len() / 150).max(1);
    for place in (0..bytes.len()).step_by(step) {
        let mut changed = bytes.clone();
        changed[place] ^= 0x5a;
        let answer = damaged(&recorded, &changed);
        let messages = answer.messages();
        assert!(!messages.contains("panicked"), "at {place}: {messages}");
        let code = answer.code.unwrap_or(-1);
        assert!(code == 1 || code == 3, "at {place}: {code} {messages}");
        // No event is invented or changed.
        for line in answer.text().lines() {
            let is_gap = line.contains("\"event\":\"gap\"");
            assert!(is_gap || code == 3, "at {place}: {line}");
        }
        let events: Vec<&str> = answer
            .text()
            .lines()
            .filter(|line| !line.contains("\"event\":\"gap\""))
            .collect();
        assert!(events.len() < whole.len() || code == 3, "at {place}");
        let before: Vec<&&str> = events
            .iter()
            .zip(&whole)
            .take_while(|(a, b)| a == b)
            .map(|(a, _)| a)
            .collect();
        let gap = answer
            .text()
            .lines()
            .position(|line| line.contains("\"event\":\"gap\""));
        assert!(
            gap.is_none_or(|gap| gap <= before.len()),
            "at {place}: events before the gap"
        );
    }
}

fn strict_fails_on_missing_events() {
    let whole = Trace::read(some_trace());
    assert!(whole.is_whole());
    let cut = Recording::of(act(["long-argument", "200000"])).run();
    for verb in ["replay", "tree", "connections"] {
        assert_eq!(cut.read(verb, ["--strict"]).code, Some(4), "{verb}");
        let lax = cut.read(verb, []);
        assert_eq!(lax.code, Some(0), "{verb}");
        assert!(
            lax.messages().contains("INCOMPLETE"),
            "{verb} says it all the same"
        );
    }
    let summary = cut.ended.messages().to_owned();
    assert!(summary.contains("INCOMPLETE"), "{summary}");
    // Damage is worse than a gap that the recorder reported.
    let bytes = fs::read(&whole.file).expect("the trace");
    let file = whole.file.with_extension("torn");
    fs::write(&file, &bytes[..bytes.len() - 1]).expect("a file");
    let torn = run(tracer().args(["tree", "--strict"]).arg(&file));
    assert_eq!(torn.code, Some(3));
    assert_eq!(whole.read("replay", []).code, Some(0));
}

fn a_file_that_is_not_a_trace_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let place = |name: &str| directory.path().join(name);
    fs::write(place("empty"), "").expect("a file");
    fs::write(
        place("text"),
        "just words, more than a header is long".repeat(9),
    )
    .expect("a file");
    fs::write(place("zeroes"), [0; 4096]).expect("a file");
    for (name, part) in [
        ("empty", "empty"),
        ("text", "not a trace"),
        ("zeroes", "not a trace"),
        (".", "directory"),
        ("missing", "missing"),
    ] {
        for verb in ["replay", "tree", "connections"] {
            let answer = run(tracer().arg(verb).arg(place(name)));
            says(&answer, 1, &[part]);
        }
    }
}

fn a_newer_format_is_refused() {
    let recorded = some_trace();
    let mut bytes = fs::read(&recorded.file).expect("the trace");
    bytes[8] = bytes[8].wrapping_add(1);
    let answer = damaged(&recorded, &bytes);
    says(&answer, 1, &["newer tracer", "format 2", "update"]);
}
