//! The same scenario under each hook that can tell of a connect: the picture must not depend on
//! which one a kernel takes.

use serde_json::Value;

use crate::harness::{Recording, Test, act, live, run, tracer};

pub(crate) fn tests() -> Vec<Test> {
    vec![live!(every_hook_gives_the_same_picture)]
}

/// Left out one after the other, from the best on.
const BETTER_ONES: [&str; 3] = [
    "",
    "fentry_tcp_connect",
    "fentry_tcp_connect,kprobe_tcp_connect",
];

/// The hook that tells of connects when some are left out.
fn hook(left_out: &str) -> String {
    let told = run(tracer()
        .args(["doctor", "--format", "json"])
        .env("TRACER_WITHOUT_HOOKS", left_out))
    .success();
    let told: Value = serde_json::from_str(told.text()).expect("an object");
    let facts = told["facts"].as_array().expect("facts");
    let connect = facts
        .iter()
        .find(|fact| fact["fact"] == "connect")
        .expect("connects are a fact");
    connect["hook"].as_str().expect("a hook").to_owned()
}

/// What each connection came to, without times and without the ports that the kernel chose.
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
        .option(["--linger", "300ms"])
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

fn every_hook_gives_the_same_picture() {
    let mut hooks: Vec<String> = BETTER_ONES.map(hook).into();
    let pictures = BETTER_ONES.map(picture);
    assert_eq!(pictures[0].len(), 5, "{pictures:#?}");
    for (picture, hook) in pictures.iter().zip(&hooks) {
        assert_eq!(*picture, pictures[0], "{hook} against {}", hooks[0]);
    }
    hooks.dedup();
    println!("seen with {}", hooks.join(", "));
    assert_eq!(
        hooks.last().map(String::as_str),
        Some("raw_tp inet_sock_set_state")
    );
}
