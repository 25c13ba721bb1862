//! Attacks the trace file and the recorder: removal, replacement, limits, signals, kills, storms.

mod kill;
mod limits;
mod place;
mod storm;

use std::ffi::OsString;

use crate::harness::{Test, words};

pub(crate) fn tests() -> Vec<Test> {
    [
        place::tests(),
        limits::tests(),
        kill::tests(),
        storm::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn shell(script: &str) -> Vec<OsString> {
    words(["sh", "-c", script])
}

/// Returns a launcher that runs a script, then the rest of its arguments.
fn after(script: &str) -> Vec<OsString> {
    words(["sh", "-c", &format!("{script}; exec \"$@\""), "sh"])
}
