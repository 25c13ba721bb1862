//! Writes traces that nobody recorded, through the library's own writer: a long one of a busy machine, to measure with, one of an
//! installer that changes something of every kind, and one whose every text tries to break out of whatever shows it.
//! `cargo run --example compose -- busy FILE [PROCESSES]`, `changed FILE`, `hostile FILE`, or `lookalike FILE`.

mod busy;
mod changed;
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
            Story::write(file, &[], |story| busy::tell(story, 100_000))
        }
        [kind, file, count] if kind == "busy" => match number(count) {
            Some(count) => Story::write(file, &[], |story| busy::tell(story, count)),
            None => Err("how many processes?".into()),
        },
        [kind, file] if kind == "changed" => Story::write(file, &changed::COMMAND, changed::tell),
        [kind, file] if kind == "hostile" => Story::write(file, &hostile::COMMAND, hostile::tell),
        [kind, file] if kind == "lookalike" => {
            Story::write(file, &lookalike::COMMAND, lookalike::tell)
        }
        _ => Err(
            "usage: compose busy FILE [PROCESSES] | compose changed|hostile|lookalike FILE".into(),
        ),
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
