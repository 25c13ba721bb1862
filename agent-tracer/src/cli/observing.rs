//! Reads traces for the commands that compare them with a policy or with each other.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use agent_tracer::{
    policy::{Executions, Observation, Policy, Recording, Wish},
    session::{Replay, ReplayItem, replay},
    view,
};
use anyhow::Context;

#[cfg(feature = "capture")]
use agent_tracer::session::replay_stream;

use super::progress::Progress;

/// Limit of the bytes of a policy, which the parser refuses by one more.
const POLICY_LIMIT: u64 = 4 << 20;

/// A policy that cannot be used, which is an error of usage.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadPolicy(pub(super) String);

/// Reads what each trace did.
pub(super) fn observe_all(files: &[PathBuf], wish: Wish) -> anyhow::Result<Vec<Observation>> {
    files.iter().map(|file| observe(file, wish)).collect()
}

/// Reads what a trace did.
pub(super) fn observe(file: &Path, wish: Wish) -> anyhow::Result<Observation> {
    let mut executions = Executions::default();
    let mut progress = Progress::of(file);
    let replayed = replay(file, |model, _, seen| {
        if let ReplayItem::Event { sequence, event } = seen {
            progress.read(sequence);
            executions.note(model, event);
        }
        Ok(())
    })?;
    Ok(of(file, &replayed, &executions, wish))
}

/// Reads what a trace in memory did.
#[cfg(feature = "capture")]
pub(super) fn observe_bytes(file: &Path, bytes: &[u8], wish: Wish) -> anyhow::Result<Observation> {
    let mut executions = Executions::default();
    let name = file.display().to_string();
    let replayed = replay_stream(bytes, &name, |model, _, seen| {
        if let ReplayItem::Event { event, .. } = seen {
            executions.note(model, event);
        }
        Ok(())
    })?;
    Ok(of(file, &replayed, &executions, wish))
}

fn of(file: &Path, replayed: &Replay, executions: &Executions, wish: Wish) -> Observation {
    let recording = Recording {
        name: file.display().to_string(),
        header: &replayed.header,
        model: &replayed.model,
        executions,
        is_damaged: replayed.is_damaged,
        missing: view::missing_parts(&replayed.model),
    };
    Observation::of(&recording, wish)
}

/// Reads the text of a policy.
pub(super) fn policy_text(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    // The file may be endless.
    let read = File::open(file)
        .and_then(|file| file.take(POLICY_LIMIT + 1).read_to_string(&mut text))
        .with_context(|| format!("cannot read the policy in {}", file.display()));
    match read {
        Ok(_) => Ok(text),
        Err(error) => {
            let hint = match file.exists() {
                true => "",
                false => {
                    "\nhint: `tracer policy new TRACE -o FILE` writes one from a good recording"
                }
            };
            Err(BadPolicy(format!("{error:#}{hint}")).into())
        }
    }
}

/// Parses a policy.
pub(super) fn policy(file: &Path, text: &str) -> anyhow::Result<Policy> {
    let name = file.display().to_string();
    Policy::parse(&name, text).map_err(|error| BadPolicy(error.to_string()).into())
}

/// Returns what a policy needs to know of a trace.
pub(super) fn wish(policy: &Policy) -> Wish {
    Wish {
        parties: policy.asks_for_processes(),
        system: policy.system,
    }
}
