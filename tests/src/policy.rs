//! Tests policies end to end: statuses, forms that other programs read, and recordings that are
//! checked at their end.

mod action;
mod consumers;
mod firewalls;
pub(crate) mod formats;
mod recordings;
mod repeats;

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    corpus,
    harness::{Ended, Test, plain, run, tracer},
};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        plain!(a_trace_conforms_to_its_own_policy),
        plain!(what_is_dropped_is_found_and_accepted),
        plain!(statuses_in_order_of_doubt),
        plain!(a_bad_policy_is_usage_with_its_place),
        plain!(a_difference_is_what_only_one_did),
    ];
    tests.extend(action::tests());
    tests.extend(consumers::tests());
    tests.extend(firewalls::tests());
    tests.extend(recordings::tests());
    tests.extend(repeats::tests());
    tests
}

/// A trace of the corpus, and a directory for a policy.
struct Bench {
    directory: TempDir,
    trace: PathBuf,
}

impl Bench {
    fn of(name: &str) -> Bench {
        Bench {
            directory: tempfile::tempdir().expect("a directory"),
            trace: corpus::directory().join(format!("{name}.trace")),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("policy.toml")
    }

    /// Learns the policy of the trace.
    fn learn(&self) -> String {
        run(tracer()
            .arg("policy")
            .arg("new")
            .arg(&self.trace)
            .arg("-o")
            .arg(self.path()));
        fs::read_to_string(self.path()).expect("a policy")
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text).expect("a policy");
    }

    fn check(&self, options: &[&str]) -> Ended {
        check(&self.trace, &self.path(), options)
    }
}

fn check(trace: &Path, policy: &Path, options: &[&str]) -> Ended {
    run(tracer()
        .arg("check")
        .arg(trace)
        .arg("--policy")
        .arg(policy)
        .args(options)
        .env_remove("GITHUB_STEP_SUMMARY"))
}

fn a_trace_conforms_to_its_own_policy() {
    for name in ["changed", "lookalike", "oms-install"] {
        let bench = Bench::of(name);
        bench.learn();
        let checked = bench.check(&[]).success();
        assert_eq!(checked.text(), "conforms\n", "{name}");
    }
}

/// Removes the lines with a text.
fn without(policy: &str, text: &str) -> String {
    let kept: Vec<&str> = policy.lines().filter(|line| !line.contains(text)).collect();
    assert!(kept.len() < policy.lines().count(), "{text} in {policy}");
    kept.join("\n") + "\n"
}

fn what_is_dropped_is_found_and_accepted() {
    let bench = Bench::of("changed");
    let policy = format!("# ours\n{}", bench.learn());
    let less = without(&without(&policy, "mirror.example"), "\"setuid\"");
    bench.write(&less);
    let checked = bench.check(&[]);
    assert_eq!(checked.code, Some(5));
    let text = checked.text();
    assert!(
        text.contains("new destination mirror.example:443/tcp by wget ["),
        "{text}"
    );
    assert!(
        text.contains(
            "KiB received
"
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "/opt/acme/** (attention)
"
        ),
        "{text}"
    );
    assert!(text.contains("new file /opt/acme/acmed (setuid)"), "{text}");
    assert!(
        text.contains("findings: 2\naccept what is new with: tracer policy add "),
        "{text}"
    );
    let proposal = bench.directory.path().join("proposal.toml");
    let checked = bench.check(&["--proposal", proposal.to_str().expect("a path")]);
    assert_eq!(checked.code, Some(5));
    assert_eq!(check(&bench.trace, &proposal, &[]).code, Some(0));
    let added = run(tracer()
        .args(["policy", "add"])
        .arg(&bench.trace)
        .arg("--policy")
        .arg(bench.path()));
    added.success();
    let text = fs::read_to_string(bench.path()).expect("a policy");
    assert!(text.starts_with("# ours\n"), "{text}");
    assert_eq!(bench.check(&[]).code, Some(0));
    bench.write(&format!("{text}\n[[deny]]\nprogram = \"/usr/bin/wget\"\n"));
    let denied = bench.check(&[]);
    assert_eq!(denied.code, Some(5));
    assert!(
        denied.text().contains("denied new program /usr/bin/wget"),
        "{}",
        denied.text()
    );
}

fn statuses_in_order_of_doubt() {
    let bench = Bench::of("changed");
    let policy = bench.learn();
    // The recorder of this trace had no hook for execs that fail.
    let needs = policy.replace("facts = [", "facts = [\"failed exec\", ");
    bench.write(&without(&needs, "mirror.example"));
    let checked = bench.check(&[]);
    assert_eq!(checked.code, Some(4));
    assert!(
        checked
            .text()
            .starts_with("UNKNOWN, so nothing conforms:\n  failed exec, which line")
    );
    bench.write("");
    assert_eq!(bench.check(&[]).code, Some(4));
    for name in ["damaged", "killed", "torn"] {
        let bench = Bench::of(name);
        bench.learn();
        assert_eq!(bench.check(&[]).code, Some(3), "{name}");
        bench.write("");
        assert_eq!(bench.check(&[]).code, Some(3), "{name}");
    }
    let missing = check(Path::new("/there/is/none"), &bench.path(), &[]);
    assert_eq!(missing.code, Some(1));
}

fn a_bad_policy_is_usage_with_its_place() {
    let bench = Bench::of("changed");
    bench.write("[[allow]]\nprogramm = \"/x\"\n");
    for format in ["text", "jsonl", "github", "sarif", "junit"] {
        let checked = bench.check(&["--format", format]);
        assert_eq!(checked.code, Some(2));
        assert!(
            checked
                .messages()
                .contains("policy.toml:2:1: unknown field `programm`")
        );
        assert!(checked.stdout.is_empty());
    }
    let missing = check(&bench.trace, Path::new("/there/is/none"), &[]);
    assert_eq!(missing.code, Some(2));
}

fn a_difference_is_what_only_one_did() {
    let (one, other) = (Bench::of("changed"), Bench::of("lookalike"));
    let diff = |before: &Path, after: &Path, options: &[&str]| {
        run(tracer().arg("diff").arg(before).arg(after).args(options))
    };
    let same = diff(&one.trace, &one.trace, &["--exit-code"]).success();
    assert!(same.text().starts_with("different: 0"), "{}", same.text());
    let differ = diff(&one.trace, &other.trace, &["--only", "destination"]).success();
    assert!(
        differ.text().contains("destination mirror.example:443"),
        "{}",
        differ.text()
    );
    assert!(
        differ.text().contains("could not see: "),
        "{}",
        differ.text()
    );
    // What one could not see is said first, and is no new thing.
    assert_eq!(
        diff(&one.trace, &other.trace, &["--exit-code"]).code,
        Some(4)
    );
    let lines = diff(&one.trace, &other.trace, &["--format", "jsonl"]).success();
    for line in lines.text().lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
}
