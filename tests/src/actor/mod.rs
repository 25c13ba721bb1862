//! Plays the programs that tests record. Each does one thing that a tracer can get wrong, prints
//! only its own results, and judges nothing.

mod argument;
pub(crate) mod attempt;
mod datagram;
mod dial;
mod lineage;
mod listen;
mod peer;
mod sandbox;
mod script;
mod short_lived;
pub(crate) mod stamps;
mod storm;
mod thread;
mod wire;

use std::{ffi::OsString, process::ExitCode};

/// Plays the part that the first word names.
pub(crate) fn run(words: Vec<OsString>) -> ExitCode {
    let Some((part, rest)) = words.split_first() else {
        return ExitCode::FAILURE;
    };
    match part.to_str() {
        Some("odd-arguments") => argument::odd(rest),
        Some("long-argument") => argument::long(rest),
        Some("listed-arguments") => argument::listed(),
        Some("by-descriptor") => argument::by_descriptor(),
        Some("fan-out") => lineage::fan_out(rest),
        Some("orphan") => lineage::orphan(rest),
        Some("as-user") => lineage::as_user(rest),
        Some("drops-root") => lineage::drops_root(rest),
        Some("failed-execs") => lineage::failed_execs(rest),
        Some("born-into") => lineage::born_into(rest),
        Some("reused-pid") => lineage::reused_pid(),
        Some("exec-in-thread") => thread::exec(rest),
        Some("leader-ends-first") => thread::leader_ends_first(),
        Some("rename") => thread::rename(rest),
        Some("dial") => dial::dial(rest),
        Some("serve") => dial::serve(rest),
        Some("hand-over") => dial::hand_over(rest),
        Some("short-lived") => short_lived::short_lived(rest),
        Some("stamps") => stamps::stamps(rest),
        Some("storm") => storm::storm(rest),
        Some("wire") => wire::local(rest),
        Some("remote") => wire::remote(rest),
        Some("attempts") => script::play::<attempt::Attempt>(),
        Some("listeners") => script::play::<listen::Listener>(),
        Some("datagrams") => script::play::<datagram::Talk>(),
        Some("within") => sandbox::within(rest),
        Some(_) | None => {
            eprintln!("there is no actor for {}", part.display());
            ExitCode::FAILURE
        }
    }
}

/// Parses a word as a number.
fn number<N: std::str::FromStr>(word: Option<&OsString>) -> N {
    word.and_then(|word| word.to_str())
        .and_then(|word| word.parse().ok())
        .expect("a number")
}

/// Becomes another program.
fn become_program(words: &[OsString]) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let (program, rest) = words.split_first().expect("a program");
    let error = std::process::Command::new(program).args(rest).exec();
    eprintln!("{}: {error}", program.display());
    ExitCode::FAILURE
}
