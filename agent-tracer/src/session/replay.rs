//! A trace file as a source of events. The model is built with the rules and facts of the
//! file's own header, so that the picture is the same everywhere.

use std::{
    io::{self, Read},
    path::Path,
    time::Instant,
};

use super::Session;
use crate::{
    event::Event,
    memory,
    model::Model,
    rules::RuleSet,
    trace::{Gap, Header, Item, OpenError, ReadError, Reader},
    view::{self, Clock},
};

/// Why a replay ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file is no trace, or cannot be read at all.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Reading failed midway.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Whoever looks on cannot go on.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// What a replay comes by.
#[derive(Clone, Copy, Debug)]
pub enum ReplayItem<'a> {
    /// An event, which the model has taken in.
    Event {
        /// Its number in the trace, from 1.
        sequence: u64,
        /// The event.
        event: &'a Event,
    },
    /// A damaged part of the file.
    Gap(&'a Gap),
}

/// A trace that was read to its end.
pub struct Replay {
    /// The circumstances of the recording.
    pub header: Header,
    /// What happened.
    pub model: Model,
    /// Clock of the trace.
    clock: Clock,
    /// Events that were read.
    pub events: u64,
    /// Whether parts of the file are missing.
    pub is_damaged: bool,
}

impl Replay {
    /// The clock of the trace.
    pub fn clock(&self) -> Clock {
        self.clock
    }
}

/// Reads a trace. `look` is called after each event, and at each gap.
///
/// # Errors
///
/// The file cannot be opened or read, or `look` failed. Damage is none: it is shown.
pub fn replay(
    path: &Path,
    look: impl FnMut(&Model, Clock, ReplayItem<'_>) -> io::Result<()>,
) -> Result<Replay, ReplayError> {
    let name = view::text(path.as_os_str().as_encoded_bytes());
    let length = std::fs::metadata(path).map_or(0, |file| file.len());
    memory::bound(&name, length);
    run(&name, Reader::open(path)?, look)
}

/// Reads a trace from a stream; `name` stands for it in errors.
///
/// # Errors
///
/// As of [`replay`].
pub fn replay_stream(
    stream: impl Read,
    name: &str,
    look: impl FnMut(&Model, Clock, ReplayItem<'_>) -> io::Result<()>,
) -> Result<Replay, ReplayError> {
    run(name, Reader::new(stream, name)?, look)
}

fn run<R: Read>(
    name: &str,
    mut reader: Reader<R>,
    mut look: impl FnMut(&Model, Clock, ReplayItem<'_>) -> io::Result<()>,
) -> Result<Replay, ReplayError> {
    let header = reader.header().clone();
    let (rules, refused) = rules_of(&header);
    let mut session = Session::begin(&header, rules);
    for name in refused {
        session.model.ledger_mut().gap(format!(
            "rules of the trace are not understood, and nothing is attributed by them: {name}"
        ));
    }
    let now = Instant::now();
    let mut events = 0;
    let mut is_damaged = false;
    while let Some(item) = reader.next() {
        // A pipe has no length, and the file of a recording that goes on grows.
        memory::bound(name, reader.offset());
        match item? {
            Item::Event { sequence, event } => {
                session.take(&event, now);
                events += 1;
                look(
                    &session.model,
                    session.clock,
                    ReplayItem::Event {
                        sequence,
                        event: &event,
                    },
                )?;
            }
            Item::Gap(gap) => {
                is_damaged = true;
                session.model.ledger_mut().gap(view::gap_text(&gap));
                look(&session.model, session.clock, ReplayItem::Gap(&gap))?;
            }
        }
    }
    session
        .model
        .ledger_mut()
        .unknown_events(reader.unknown_events());
    Ok(Replay {
        header,
        model: session.model,
        clock: session.clock,
        events,
        is_damaged,
    })
}

/// The rules of a recording, and those of its rules files that a newer tracer wrote.
fn rules_of(header: &Header) -> (RuleSet, Vec<String>) {
    let mut rules = RuleSet::empty();
    let mut refused = Vec::new();
    for source in &header.rules {
        if let Err(error) = rules.add(&source.name, &source.text) {
            refused.push(error.to_string());
        }
    }
    (rules, refused)
}
