//! Plays the same scenario under each hook that can report a connect: the picture must not depend
//! on the kernel's choice.

use serde_json::Value;

use crate::harness::{Recording, Test, act, live, run, tracer};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(fentry_gives_the_same_picture).only_where(
            || is_in_use(FENTRY),
            "this kernel allows no program at functions",
        ),
        live!(kprobe_gives_the_same_picture)
            .only_where(|| is_in_use(KPROBE), "this kernel has no kprobes"),
        live!(tracepoint_gives_the_same_picture),
    ]
}

/// A hook that reports connects, and the hooks left out to make it do so.
type HookChoice = (&'static str, &'static str);

const FENTRY: HookChoice = ("fentry tcp_connect", "kprobe_tcp_connect");
const KPROBE: HookChoice = ("kprobe tcp_connect", "fentry_tcp_connect");
const TRACEPOINT: HookChoice = (
    "raw_tp inet_sock_set_state",
    "fentry_tcp_connect,kprobe_tcp_connect",
);

/// Checks whether a hook is in use when others are left out.
fn is_in_use((hook, left_out): HookChoice) -> bool {
    let reported = run(tracer()
        .args(["doctor", "--format", "json"])
        .env("TRACER_WITHOUT_HOOKS", left_out));
    let reported: Value = serde_json::from_str(reported.text()).unwrap_or_default();
    let facts = reported["facts"].as_array().cloned().unwrap_or_default();
    facts
        .iter()
        .any(|fact| fact["fact"] == "connect" && fact["hook"] == hook)
}

/// Lists the outcome of each connection, without times and ports chosen by the kernel.
fn picture(left_out: &str) -> Vec<String> {
    let remote = crate::connect::server("127.0.0.1", std::time::Duration::ZERO).to_string();
    let remote6 = crate::connect::server("::1", std::time::Duration::ZERO).to_string();
    let command = act([
        "dial",
        "exchange",
        &remote,
        "mapped",
        &remote,
        "exchange",
        &remote6,
        "plain",
        "127.0.0.1:1",
        "plain",
        "[::1]:1",
    ]);
    let trace = Recording::of(command)
        .environment("TRACER_WITHOUT_HOOKS", left_out)
        .lingers(300)
        .run()
        .trace();
    trace
        .connections(["--tree", "command"])
        .iter()
        .map(|row| {
            let name = |address: &str| match address {
                known if *known == remote => "v4 server".to_owned(),
                known if *known == remote6 => "v6 server".to_owned(),
                other => other.to_owned(),
            };
            format!(
                "{} {} {} {} {} {} port {}",
                row["process"]["name"],
                name(row["remote"].as_str().unwrap_or_default()),
                row["state"],
                row["error"],
                row["bytes_sent"],
                row["bytes_received"],
                row["local"].is_string(),
            )
        })
        .collect()
}

/// Compares with the kernel's own choice.
fn same(choice: HookChoice) {
    let (hook, left_out) = choice;
    assert!(is_in_use(choice), "{hook} is in use without {left_out}");
    let own = picture("");
    assert_eq!(own.len(), 5, "{own:#?}");
    assert_eq!(picture(left_out), own, "{hook}");
}

fn fentry_gives_the_same_picture() {
    same(FENTRY);
}

fn kprobe_gives_the_same_picture() {
    same(KPROBE);
}

fn tracepoint_gives_the_same_picture() {
    same(TRACEPOINT);
}
