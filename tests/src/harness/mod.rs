//! The means of tests: recordings that are read back, oracles to compare with, and a terminal. The
//! only tests here are those of strace's reader.

mod background;
mod browser;
mod leftovers;
mod program;
mod python;
mod recording;
mod screen;
pub(crate) mod strace;
mod survivors;
mod terminal;
mod test;
mod trace;
mod wire;

pub(crate) use background::Background;
pub(crate) use browser::Browser;
pub(crate) use leftovers::{at_the_end, end_leftovers, mark};
pub(crate) use program::{
    Ended, finish, progress, run, run_with, says, thorough, tracer, within_limit,
};
pub(crate) use python::{python_with, succeeds, tool_room};
pub(crate) use recording::{Recorded, Recording, Running, record, slowness};
pub(crate) use screen::{Screen, hung_up};
pub(crate) use strace::{Call, strace, tests};
pub(crate) use survivors::Survivors;
pub(crate) use terminal::on_terminal;
pub(crate) use test::{Test, live, plain, print_slowest, size};
pub(crate) use trace::{Event, Trace, base64_or_text};
pub(crate) use wire::{NO_WIRE, Wire};

use std::ffi::OsString;

/// The first argument that makes this program an actor instead of a harness.
pub(crate) const ACT: &str = "act";

/// Returns the command line of an actor, see `crate::actor`.
pub(crate) fn act<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    let own = std::env::current_exe().expect("the path of this program");
    [own.into(), ACT.into()]
        .into_iter()
        .chain(words.map(OsString::from))
        .collect()
}

/// Returns a command line.
pub(crate) fn words<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.map(OsString::from).to_vec()
}
