//! Mutates the traces of the corpus: every prefix, and flipped bits. Every change is noticed.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::{
    event::Event,
    trace::{Item, Reader},
};

/// Holds all that a reader says of a trace.
struct Read {
    events: BTreeMap<u64, Event>,
    gaps: usize,
    is_finished: bool,
}

/// Reads a trace, or returns `None` for one that is refused.
fn read(bytes: &[u8]) -> Option<Read> {
    let mut reader = Reader::new(bytes, "mutated").ok()?;
    let mut read = Read {
        events: BTreeMap::new(),
        gaps: 0,
        is_finished: false,
    };
    for item in &mut reader {
        match item.expect("memory can be read") {
            Item::Event { sequence, event } => {
                read.events.insert(sequence, event);
            }
            Item::Gap(_) => read.gaps += 1,
        }
    }
    read.is_finished = reader.is_finished();
    Some(read)
}

/// Traces of the corpus that are whole, the small ones first.
fn traces() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus");
    let mut traces: Vec<_> = fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "trace"))
        .map(|path| (path.clone(), fs::read(path).expect("a trace")))
        .filter(|(_, bytes)| read(bytes).is_some_and(|read| read.gaps == 0 && read.is_finished))
        .collect();
    traces.sort_by_key(|(_, bytes)| bytes.len());
    traces
}

fn is_thorough() -> bool {
    std::env::var_os("TRACER_TESTS_THOROUGH").is_some()
}

/// Fails if a mutated trace shows other events, or fewer without a word.
#[track_caller]
fn check(original: &Read, mutated: &[u8], what: &str) {
    let Some(read) = read(mutated) else {
        return;
    };
    for (sequence, event) in &read.events {
        let same = original.events.get(sequence) == Some(event);
        assert!(same, "{what}: event {sequence} is another");
    }
    let is_whole = read.events.len() == original.events.len();
    let is_said = read.gaps > 0 || !read.is_finished;
    assert!(is_whole || is_said, "{what}: events are missing in silence");
}

#[test]
fn every_prefix_shows_true_events_and_says_that_some_are_missing() {
    for (path, bytes) in traces() {
        let original = read(&bytes).expect("a trace");
        let step = match is_thorough() || bytes.len() < 2_000 {
            true => 1,
            false => bytes.len() / 400,
        };
        for length in (0..bytes.len()).step_by(step) {
            let what = format!("{} cut at {length}", path.display());
            check(&original, &bytes[..length], &what);
        }
    }
}

#[test]
fn flipped_bits_are_noticed() {
    let traces = traces();
    let flips = match is_thorough() {
        true => 100_000,
        false => 4_000,
    };
    let originals: Vec<Read> = traces
        .iter()
        .map(|(_, bytes)| read(bytes).expect("a trace"))
        .collect();
    // A fixed seed: a failure can be repeated.
    let mut random: u64 = 0x9e37_79b9_7f4a_7c15;
    for flip in 0..flips {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let number = usize::try_from(random >> 33).expect("31 bits");
        let chosen = flip % traces.len();
        let (path, bytes) = &traces[chosen];
        let mut mutated = bytes.clone();
        let position = number / 8 % bytes.len();
        mutated[position] ^= 1 << (number % 8);
        let what = format!("{} flipped at {position}", path.display());
        check(&originals[chosen], &mutated, &what);
    }
}
