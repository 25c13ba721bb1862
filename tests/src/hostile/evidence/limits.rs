//! Limits, signals and privileges of the recorder. It reports a limit that it reaches, the command
//! inherits what the recorder inherited, and unneeded privileges are dropped.

use std::{fs, process::Command};

use serde_json::Value;

use crate::{
    harness::{Recording, Test, act, live, run, tracer, words},
    launch::without_own_variables,
};

use super::{after, shell};

pub(super) fn tests() -> Vec<Test> {
    vec![
        live!(a_limit_on_the_size_of_files_is_like_a_full_disk),
        live!(too_few_descriptors_are_reported),
        live!(an_empty_proc_is_reported),
        live!(an_impossible_output_is_reported_before_loading).needs("strace"),
        live!(signals_end_no_recorder),
        live!(what_it_inherited_reaches_the_command),
        live!(privileges_that_are_not_needed_are_dropped),
    ]
}

fn a_limit_on_the_size_of_files_is_like_a_full_disk() {
    let script = "i=0; while [ $i -lt 60 ]; do
            /bin/true \"$(head -c 2000 /dev/urandom | od -An -tx1 | tr -d ' \\n')\"
            i=$((i + 1))
        done; sleep 0.2; echo finished; exit 3";
    let recorded = Recording::of(shell(script))
        .through(after("ulimit -f 40"))
        .option(["--quiet", "--no-changes"])
        .run();
    let messages = recorded.ended.messages();
    assert_eq!(recorded.ended.text(), "finished\n", "the command goes on");
    assert_eq!(recorded.ended.code, Some(125), "{messages}");
    assert!(messages.contains("the trace ends early"), "{messages}");
    assert!(messages.contains("hint: raise the limit"), "{messages}");
    assert!(messages.contains("ulimit -f"), "{messages}");
}

fn too_few_descriptors_are_reported() {
    for limit in [8, 32, 100] {
        let recorded = Recording::of(words(["true"]))
            .through(after(&format!("ulimit -n {limit}")))
            .run();
        let messages = recorded.ended.messages();
        assert_eq!(recorded.ended.code, Some(125), "{messages}");
        assert!(messages.contains("hint: raise it: ulimit -n"), "{messages}");
        assert!(!messages.contains("CONFIG_BPF_SYSCALL"), "{messages}");
        assert!(!recorded.file.exists(), "no trace of nothing");
    }
}

fn an_empty_proc_is_reported() {
    let recorded = Recording::of(words(["true"]))
        .through(act(["within", "hide", "/proc", "--"]))
        .run();
    let messages = recorded.ended.messages();
    assert_eq!(recorded.ended.code, Some(125), "{messages}");
    assert!(messages.contains("cannot read /proc"), "{messages}");
    assert!(!recorded.file.exists(), "no trace of nothing");
}

fn an_impossible_output_is_reported_before_loading() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let calls = directory.path().join("calls");
    let mut launcher = words(["strace", "-f", "-qq", "-e", "trace=bpf", "-o"]);
    launcher.push(calls.clone().into());
    let refused = Recording::of(words(["true"]))
        .through(launcher)
        .to(&directory.path().join("missing/it.trace"))
        .run();
    assert_eq!(refused.ended.code, Some(125));
    let calls = fs::read_to_string(&calls).expect("what strace saw");
    assert!(!calls.contains("bpf("), "{calls}");
}

fn signals_end_no_recorder() {
    // The first and the last real-time signal that the C library leaves.
    let script = "for signal in USR1 USR2 ALRM VTALRM PROF XFSZ XCPU PIPE IO PWR STKFLT \
            SYS ILL TRAP ABRT BUS FPE SEGV 34 64; do
            kill -s $signal $PPID || exit 9
        done; /bin/true after; exit 3";
    let mut command = words(["bash", "-c"]);
    command.push(script.into());
    let recorded = Recording::of(command).option(["--no-changes"]).run();
    assert_eq!(
        recorded.ended.code,
        Some(3),
        "{}",
        recorded.ended.messages()
    );
    let trace = recorded.trace();
    let is_last = |argv: &[Vec<u8>]| argv.last().is_some_and(|word| word == b"after");
    let execs = trace.of_command("exec");
    assert!(execs.iter().any(|event| is_last(&event.argv())));
}

fn what_it_inherited_reaches_the_command() {
    let look = "grep -E '^Sig(Blk|Ign)' /proc/self/status; ulimit -a";
    for launcher in [
        words(["env", "--default-signal"]),
        words(["env", "--ignore-signal=PIPE", "--ignore-signal=USR1"]),
        words(["env", "--default-signal=PIPE", "--ignore-signal=XFSZ"]),
        words(["env", "--block-signal=USR2"]),
        after("ulimit -f 1000; ulimit -l 64; trap '' PIPE XCPU ALRM"),
    ] {
        let (program, rest) = launcher.split_first().expect("a program");
        let plain = run(Command::new(program).args(rest).args(shell(look))).success();
        let recorded = Recording::of(shell(look)).through(launcher.clone()).run();
        let found = without_own_variables(recorded.ended.text());
        assert_eq!(found, without_own_variables(plain.text()), "{launcher:?}");
    }
}

/// Returns the capabilities that `doctor` says are kept: those in force, and all.
fn kept() -> (u64, u64) {
    let numbers = [
        ("CAP_CHOWN", 0),
        ("CAP_DAC_OVERRIDE", 1),
        ("CAP_DAC_READ_SEARCH", 2),
        ("CAP_FOWNER", 3),
        ("CAP_KILL", 5),
        ("CAP_NET_ADMIN", 12),
        ("CAP_SYS_PTRACE", 19),
        ("CAP_SYS_ADMIN", 21),
        ("CAP_MAC_ADMIN", 33),
        ("CAP_BPF", 39),
    ];
    let answer = run(tracer().args(["doctor", "--format", "json"])).success();
    let report: Value = serde_json::from_str(answer.text()).expect("an object");
    let text = run(tracer().arg("doctor")).success();
    let mut sets = (0, 0);
    for kept in report["keeps"].as_array().expect("a list") {
        let name = kept["capability"].as_str().expect("a name");
        assert!(text.text().contains(name), "{}", text.text());
        assert_ne!(kept["purpose"], "", "{kept}");
        let number = numbers.iter().find(|(known, _)| *known == name);
        let (_, number) = number.unwrap_or_else(|| panic!("{name} is not expected"));
        sets.1 |= 1 << number;
        if kept["always"] == true {
            sets.0 |= 1 << number;
        }
    }
    sets
}

fn privileges_that_are_not_needed_are_dropped() {
    let own = fs::read_to_string("/proc/self/status").expect("it is there");
    let field = |status: &str, name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let digits = line.expect("a field").trim();
        u64::from_str_radix(digits, 16).expect("a number")
    };
    let (in_force, all) = kept();
    // A moment after its start, when the thread that started the command drops its own.
    let recorded = Recording::of(shell(
        "sleep 0.2; cat /proc/$PPID/task/*/status; echo; cat /proc/self/status",
    ))
    .run();
    let (recorder, command) = recorded
        .ended
        .text()
        .split_once("\n\n")
        .expect("two answers");
    let threads: Vec<&str> = recorder.split("Name:\t").skip(1).collect();
    assert!(threads.len() >= 2, "{recorder}");
    for thread in threads {
        assert_eq!(field(thread, "CapEff:"), field(&own, "CapEff:") & in_force);
        assert_eq!(field(thread, "CapPrm:"), field(&own, "CapPrm:") & all);
        assert_eq!(field(thread, "CapInh:"), 0);
        assert_eq!(field(thread, "NoNewPrivs:"), 1);
    }
    for set in [
        "CapInh:",
        "CapPrm:",
        "CapEff:",
        "CapBnd:",
        "CapAmb:",
        "NoNewPrivs:",
    ] {
        assert_eq!(
            field(command, set),
            field(&own, set),
            "{set} of the command"
        );
    }
    recorded.trace();
}
