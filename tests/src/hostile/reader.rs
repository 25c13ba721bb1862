//! Writes traces that might crash a reader.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Ended, Recording, Test, live, on_terminal, plain, run, tracer, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(a_wide_command_line_is_reported),
        plain!(forged_traces_are_read_within_bounds),
        plain!(a_memory_bomb_is_refused),
    ]
}

/// Every reading command in every format.
const READINGS: [&[&str]; 13] = [
    &["replay"],
    &["replay", "--format", "jsonl"],
    &["tree"],
    &["tree", "--tree", "system"],
    &["tree", "--format", "jsonl"],
    &["connections"],
    &["connections", "--format", "jsonl"],
    &["connections", "--by", "destination"],
    &["changes"],
    &["changes", "--format", "jsonl"],
    &["report"],
    &["report", "--format", "html"],
    &["replay", "--process", "circle"],
];

/// Address space of a program besides its limit for a trace.
const CODE: u64 = 256 << 20;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/reader")
}

/// Reads a trace with a limited address space: the promised limit, and some for code and stacks.
fn bounded(reading: &[&str], file: &Path) -> Ended {
    let length = fs::metadata(file).expect("the trace").len();
    let kib = ((256 << 20) + 64 * length + CODE) / 1024;
    let script = format!("ulimit -v {kib}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]);
    command.arg(tracer().get_program()).args(reading).arg(file);
    run(&mut command)
}

fn is_fine(answer: &Ended, what: &str) {
    let messages = answer.messages();
    assert!(!messages.contains("panicked"), "{what}: {messages}");
    let code = answer.code;
    let is_missing = code == Some(1) && messages.contains("cannot find the process circle");
    let is_read = matches!(code, Some(0 | 3));
    assert!(is_read || is_missing, "{what}: {code:?} {messages}");
}

fn a_wide_command_line_is_reported() {
    let script = "( exec -a \"$(head -c 66000 /dev/zero | tr '\\0' a)\" sleep 2 & ) ; sleep .1";
    let recorded = Recording::of(words(["bash", "-c", script])).run();
    for reading in READINGS {
        let (verb, options) = reading.split_first().expect("a verb");
        let mut command = tracer();
        command.arg(verb).args(options).arg(&recorded.file);
        is_fine(&run(&mut command), &reading.join(" "));
    }
    for columns in [80, 200] {
        for verb in ["replay", "tree", "connections", "changes", "report"] {
            let mut command = tracer();
            command.arg(verb).arg(&recorded.file);
            let (code, shown) = on_terminal(&mut command, columns);
            assert_eq!(code, Some(0), "{verb} at {columns}: {shown}");
        }
    }
}

fn forged_traces_are_read_within_bounds() {
    for entry in fs::read_dir(directory()).expect("the forged traces") {
        let file = entry.expect("a file").path();
        for reading in READINGS {
            let what = format!("{} {}", reading.join(" "), file.display());
            is_fine(&bounded(reading, &file), &what);
        }
    }
}

fn a_memory_bomb_is_refused() {
    for name in ["processes.trace", "hosts.trace"] {
        for verb in ["replay", "tree", "connections", "changes", "report"] {
            let answer = bounded(&[verb], &directory().join(name));
            let messages = answer.messages();
            assert_eq!(answer.code, Some(3), "{verb} {name}: {messages}");
            assert!(messages.contains("MiB of memory"), "{verb}: {messages}");
            assert!(messages.contains("hint: "), "{verb}: {messages}");
        }
    }
}
