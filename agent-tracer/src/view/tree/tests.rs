//! Tests the forest on a terminal of 80 columns: equal siblings folded, and times.

use super::*;
use crate::{
    event::{CommandStarted, Connect, Event, EventKind, Exec, Exit, Fork, ProcessId},
    rules::RuleSet,
    view::Clock,
};

const SECOND: u64 = 1_000_000_000;

/// A script with three greps, one of which connects, one of which has a child, and a sleep that
/// runs on. The processes are 10 and its children from 11 on, one a second.
fn model(greps: u32) -> Model {
    let mut model = Model::new(RuleSet::empty());
    let mut apply = |boot_ns, pid, kind| {
        model.apply(&Event {
            boot_ns,
            process: ProcessId { pid, start_ns: 1 },
            user: 0,
            kind,
        });
    };
    let fork = |parent_pid, comm: &str| {
        EventKind::Fork(Fork {
            parent_pid,
            parent_start_ns: 1,
            comm: comm.into(),
        })
    };
    let exec = |words: &[&str]| {
        let argv: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        EventKind::Exec(Exec {
            comm: argv.first().cloned().unwrap_or_default(),
            argv,
            ..Exec::default()
        })
    };
    let exit = |status| EventKind::Exit(Exit::of(status));
    apply(0, 10, fork(1, "tracer"));
    let started = CommandStarted { attached: false };
    apply(0, 10, EventKind::CommandStarted(started));
    apply(0, 10, exec(&["sh", "-c", "a script"]));
    for number in 1..=greps {
        let (pid, at) = (10 + number, u64::from(number) * SECOND);
        apply(at, pid, fork(10, "sh"));
        let word = if number == 1 { "one" } else { "other" };
        apply(at, pid, exec(&["grep", word]));
        apply(
            at + SECOND / 2,
            pid,
            exit(if number == 1 { 0 } else { 256 }),
        );
    }
    let at = u64::from(greps + 1) * SECOND;
    apply(at, 90, fork(10, "sh"));
    apply(at, 90, exec(&["grep", "remote"]));
    let connect = Connect {
        connection: 1,
        remote_address: vec![192, 0, 2, 7],
        remote_port: 443,
        ..Connect::default()
    };
    apply(at, 90, EventKind::Connect(connect));
    apply(at, 90, exit(0));
    apply(at, 91, fork(10, "sh"));
    apply(at, 91, exec(&["grep", "parent"]));
    apply(at, 92, fork(91, "grep"));
    apply(at, 92, exit(9));
    apply(at, 91, exit(0));
    apply(at, 93, fork(10, "sh"));
    apply(at, 93, exec(&["sleep", "inf"]));
    model
}

fn lines(model: &Model, folded: bool, times: bool) -> Vec<String> {
    let page = Page {
        width: Some(80),
        ..Page::unlimited(Clock::default())
    };
    let style = TreeStyle {
        with_system: false,
        folded,
        times,
    };
    let mut lines = Vec::new();
    let mut sink = |line: &str| {
        lines.push(line.to_owned());
        Ok(())
    };
    tree(&page, model, &|_| true, style, &mut sink).expect("a list takes all");
    lines
}

#[test]
fn equal_siblings_are_one_line() {
    assert_eq!(
        lines(&model(3), true, false),
        [
            "command: 8 processes, 2 running",
            "# the recorded command",
            "sh [10]                    0        running sh -c 'a script'",
            "├─ grep ×3                 0        0, 1    grep one (and 1 other)",
            "├─ grep [90]               0        0       grep remote",
            "├─ grep [91]               0        0       grep parent",
            "│  └─ grep [92]            0        SIGKILL (no exec)",
            "└─ sleep [93]              0        running sleep inf",
            "",
            "system: 1 process not shown (--tree system shows them)",
        ]
    );
    // Without the option, each has a line.
    assert_eq!(lines(&model(3), false, false).len(), 12);
    // One is not folded.
    let single = lines(&model(1), true, false);
    assert!(
        single.iter().any(|line| line.contains("grep [11]")),
        "{single:?}"
    );
}

#[test]
fn times_fit_a_narrow_terminal() {
    let model = model(60);
    assert_eq!(
        lines(&model, true, true).get(2..5).expect("lines"),
        [
            "sh [10]                    0        running    0.000       - sh -c 'a script'",
            "├─ grep ×60                0        0, 1       1.000   59.5s grep one (and 1 ot…",
            "├─ grep [90]               0        0         61.000     0us grep remote",
        ]
    );
    let plain = lines(&model, false, true);
    let is_timed = |line: &String| line.ends_with("2.000 500.0ms grep other");
    assert!(plain.iter().any(is_timed), "{plain:?}");
    assert!(plain.iter().all(|line| columns(line) <= 80), "{plain:?}");
}
