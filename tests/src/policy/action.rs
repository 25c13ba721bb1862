//! Runs the scripts of the composite action as a runner does.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::harness::{Ended, Test, live, run, tracer};

pub(super) fn tests() -> Vec<Test> {
    let beside = || root().join("action.yml").is_file();
    let missing = "the action, which lies beside the source, is not here";
    vec![
        live!(a_first_run_proposes_a_policy_and_then_it_holds)
            .needs("bash")
            .only_where(beside, missing),
    ]
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A runner with a workspace.
struct Runner {
    directory: TempDir,
}

impl Runner {
    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs every script of the action in its order, and returns the end of the first one.
    fn act(&self, command: &str) -> Ended {
        let text = fs::read_to_string(root().join("action.yml")).expect("the action");
        let scripts: Vec<&str> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("run: '\"$GITHUB_ACTION_PATH/"))
            .map(|script| script.trim_end_matches("\"'"))
            .collect();
        assert_eq!(scripts.len(), text.matches("shell: bash").count());
        let mut ends = scripts.iter().map(|script| {
            run(Command::new("bash")
                .args(["--noprofile", "--norc", "-eo", "pipefail"])
                .arg(root().join(script))
                .current_dir(self.directory.path())
                .env("GITHUB_ACTION_PATH", root())
                .env("GITHUB_OUTPUT", self.file("output"))
                .env("GITHUB_STEP_SUMMARY", self.file("summary"))
                .env("RUNNER_TEMP", self.directory.path())
                .env("TRACER", tracer().get_program())
                .env("TRACER_COMMAND", command)
                .env("TRACER_POLICY", "policy.toml")
                .env("TRACER_LINGER", ""))
        });
        let first = ends.next().expect("a script");
        for end in ends {
            end.success();
        }
        first
    }
}

fn a_first_run_proposes_a_policy_and_then_it_holds() {
    let runner = Runner {
        directory: tempfile::tempdir().expect("a directory"),
    };
    let first = runner.act("date");
    assert_eq!(first.code, Some(2), "{}", first.messages());
    assert!(
        first
            .text()
            .contains("::error title=tracer::there is no policy")
    );
    fs::copy(
        runner.file("tracer/tracer-policy.toml"),
        runner.file("policy.toml"),
    )
    .expect("a policy");
    let second = runner.act("date");
    assert_eq!(
        second.code,
        Some(0),
        "{} {}",
        second.text(),
        second.messages()
    );
    assert!(runner.file("tracer/report.html").is_file());
    let third = runner.act("date; uname; test -z \"$GITHUB_OUTPUT\"");
    assert_eq!(third.code, Some(5), "{} {}", third.text(), third.messages());
    assert!(
        third.text().contains("::error file=policy.toml,line="),
        "{}",
        third.text()
    );
    let summary = fs::read_to_string(runner.file("summary")).expect("a summary");
    assert!(summary.contains("/usr/bin/uname"), "{summary}");
    let proposal = fs::read_to_string(runner.file("tracer/proposal.toml")).expect("a proposal");
    assert!(proposal.contains("/usr/bin/uname"));
    let own = runner.act("exit 9");
    assert_eq!(own.code, Some(9));
}
