//! `tracer doctor` on a machine that can record. `bad_input` tests it on others.

use serde_json::Value;

use crate::harness::{Test, live, record, run, tracer, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(every_fact_has_a_hook_or_a_reason),
        live!(a_recording_has_the_hooks_of_doctor),
    ]
}

fn facts() -> Vec<Value> {
    let answer = run(tracer().args(["doctor", "--format", "json"])).success();
    assert_eq!(answer.text().lines().count(), 1, "one object");
    let report: Value = serde_json::from_str(answer.text()).expect("an object");
    report["facts"].as_array().expect("a list of facts").clone()
}

fn every_fact_has_a_hook_or_a_reason() {
    let facts = facts();
    assert!(facts.len() >= 5, "{facts:?}");
    let text = run(tracer().arg("doctor")).success();
    for fact in facts {
        let name = fact["fact"].as_str().expect("a name");
        assert!(text.text().contains(name), "{name}: {}", text.text());
        let reason = fact["reason"].as_str().unwrap_or_default();
        assert!(fact["hook"].is_string() || !reason.is_empty(), "{fact}");
        assert!(!reason.is_empty(), "why this one: {fact}");
    }
}

fn a_recording_has_the_hooks_of_doctor() {
    let facts = facts();
    let unhooked = facts.iter().filter(|fact| fact["hook"].is_null());
    // A fact without a hook and without a caveat would make every recording incomplete.
    let missing: Vec<_> = unhooked.filter(|fact| fact["caveat"].is_null()).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    record(words(["/bin/true"]));
}
