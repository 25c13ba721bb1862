//! `tracer record --policy`: checks the trace that was just written.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use agent_tracer::{
    policy::{Outcome, Policy, check},
    trace::Digest,
    view::{self, Clock},
};
use anyhow::{Context, bail};

use super::{
    check::{accept_command, status},
    observing::{observe_bytes, policy, policy_text, wish},
    output::{self, Terminal, Time},
};

/// A policy that waits for the end of a recording.
pub(super) struct Checked {
    file: PathBuf,
    policy: Policy,
}

impl Checked {
    /// Reads the policy.
    pub(super) fn read(file: &Path) -> anyhow::Result<Checked> {
        let text = policy_text(file)?;
        Ok(Checked {
            file: file.to_owned(),
            policy: policy(file, &text)?,
        })
    }

    /// Checks the trace, whose digest is known, and returns the exit status.
    pub(super) fn check(
        &self,
        trace: &Path,
        digest: Digest,
        is_quiet: bool,
    ) -> anyhow::Result<ExitCode> {
        let bytes = fs::read(trace).with_context(|| format!("cannot read {}", trace.display()))?;
        // A program that was left behind may have put another trace there.
        let found = Digest::of(bytes.as_slice()).context("cannot read the trace")?;
        if found != digest {
            bail!(
                "cannot check {}: its SHA-256 is {found}, not {digest}\n\
                 hint: a program has changed it; do not rely on it",
                trace.display()
            );
        }
        let observations = [observe_bytes(trace, &bytes, wish(&self.policy))?];
        let verdict = check(&self.policy, &observations, None);
        if verdict.outcome != Outcome::Conforms || !is_quiet {
            let page = Terminal::stderr(Time::Relative).page(Clock::default());
            let accept = accept_command(&[trace.to_owned()], &self.file);
            for line in view::verdict_text(&page, &verdict, &accept) {
                output::note(&line);
            }
        }
        Ok(status(verdict.outcome))
    }
}
