//! Locks the kernel down, which lasts until the next boot. So this runs only as the last step of a
//! guest of `cargo xtask vm`, which sets a variable for it.

use std::fs;

use serde_json::Value;

use crate::{
    bad_input::refused_by_doctor,
    harness::{Recording, Test, act, live, record, run, says, tracer, words},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![live!(lockdown_is_reported).needs_file(
        "/run/tracer-tests-may-lock-down",
        "it locks the kernel down: only the last step of `cargo xtask vm` does",
    )]
}

const MODE: &str = "/sys/kernel/security/lockdown";
const REMEDY: &str = "lockdown=integrity";

fn lock_down(mode: &str) {
    fs::write(MODE, mode).expect("lockdown can be raised");
}

fn lockdown_is_reported() {
    lock_down("integrity");
    let report = run(tracer().args(["doctor", "--format", "json"])).success();
    let report: Value = serde_json::from_str(report.text()).expect("an object");
    assert_eq!(report["lockdown"], "integrity");
    let text = run(tracer().arg("doctor")).success();
    let text = text.text();
    assert!(text.contains("lockdown   integrity"), "{text}");
    assert!(text.contains("Everything can be recorded"), "{text}");
    assert!(!text.contains(REMEDY), "nothing to be done: {text}");
    assert_eq!(record(words(["/bin/true"])).of_command("exec").len(), 1);

    lock_down("confidentiality");
    // Also if the kernel does not show its mode: the refusal proves it.
    for launcher in [
        Vec::new(),
        act(["within", "hide", "/sys/kernel/security", "--"]),
    ] {
        refused_by_doctor(&launcher, &[REMEDY, "kernel memory"]);
        let refused = Recording::of(words(["true"])).through(launcher).run();
        says(&refused.ended, 125, &["confidentiality", REMEDY]);
        assert!(!refused.file.exists());
    }
}
