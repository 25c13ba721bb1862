//! Writes traces that nobody recorded, through the library's own writer: a long one of a busy machine, to measure with, one of an
//! installer that changes something of every kind, and one whose every text tries to break out of whatever shows it.
//! `cargo run --example compose -- busy FILE [PROCESSES]`, `changed FILE`, `hostile FILE`,
//! or one that is forged: `deep FILE`, `circle FILE`, `wide FILE`, `crowd FILE`.

mod busy;
mod changed;
mod forged;
mod hostile;
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
        [kind, file] if kind == "deep" => {
            Story::write(file, &[], |story| forged::deep(story, 100_000))
        }
        [kind, file, count] if kind == "deep" => match number(count) {
            Some(count) => Story::write(file, &[], |story| forged::deep(story, count)),
            None => Err("how many processes?".into()),
        },
        [kind, file] if kind == "circle" => Story::write(file, &[], forged::circle),
        [kind, file] if kind == "wide" => Story::write(file, &[], forged::wide),
        [kind, file] if kind == "crowd" => Story::write(file, &[], forged::crowd),
        _ => Err("usage: compose busy|deep FILE [PROCESSES] | \
             compose changed|hostile|circle|wide|crowd FILE"
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
