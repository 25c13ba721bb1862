//! Writes synthetic traces through the library's own writer.
//!
//! - `busy`: a long trace of a busy machine, for measurements.
//! - `changed`: an installer that changes a thing of every kind.
//! - `hostile`: texts that try to break out of every view.
//! - `lookalike`: programs that pose as a daemon.
//! - `fleet`: a folder of recordings of many hosts, over weeks.
//! - `deep`, `circle`, `wide`, `crowd`: forged traces that strain a reader.
//!
//! `cargo run --example compose -- KIND FILE [PROCESSES]`; `busy` and `deep` take a number,
//! `busy` also one of connections of each process. `compose fleet DIR [--hosts N] [--recordings N]
//! [--processes N] [--seed N]`.

mod busy;
mod changed;
mod fleet;
mod forged;
mod hostile;
mod lookalike;
mod story;

use std::{ffi::OsString, process::ExitCode};

use story::Story;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let number = |word: &OsString| word.to_str()?.parse().ok();
    let done = match &words[..] {
        [kind, file] if kind == "busy" => {
            Story::write(file, &[], |story| busy::compose(story, 100_000, 0))
        }
        [kind, file, count] if kind == "busy" => match number(count) {
            Some(count) => Story::write(file, &[], |story| busy::compose(story, count, 0)),
            None => Err("how many processes?".into()),
        },
        [kind, file, count, each] if kind == "busy" => match (number(count), number(each)) {
            (Some(count), Some(each)) => {
                Story::write(file, &[], |story| busy::compose(story, count, each))
            }
            _ => Err("how many processes, and connections of each?".into()),
        },
        [kind, file] if kind == "changed" => {
            Story::write(file, &changed::COMMAND, changed::compose)
        }
        [kind, file] if kind == "hostile" => {
            Story::write(file, &hostile::COMMAND, hostile::compose)
        }
        [kind, file] if kind == "lookalike" => {
            Story::write(file, &lookalike::COMMAND, lookalike::compose)
        }
        [kind, file] if kind == "deep" => {
            Story::write(file, &[], |story| forged::deep(story, 100_000))
        }
        [kind, file, count] if kind == "deep" => match number(count) {
            Some(count) => Story::write(file, &[], |story| forged::deep(story, count)),
            None => Err("how many processes?".into()),
        },
        [kind, folder, rest @ ..] if kind == "fleet" => match fleet::Plan::read(rest) {
            Some(plan) => fleet::compose(folder, &plan),
            None => Err("options: --hosts N, --recordings N, --processes N, --seed N".into()),
        },
        [kind, file] if kind == "circle" => Story::write(file, &[], forged::circle),
        [kind, file] if kind == "wide" => Story::write(file, &[], forged::wide),
        [kind, file] if kind == "crowd" => Story::write(file, &[], forged::crowd),
        _ => Err("usage: compose busy|deep FILE [PROCESSES [CONNECTIONS]] | \
             compose changed|hostile|lookalike|circle|wide|crowd FILE | \
             compose fleet DIR [OPTIONS]"
            .into()),
    };
    match done {
        Ok(events) => {
            println!("{events} events");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("compose: {error}");
            ExitCode::FAILURE
        }
    }
}
