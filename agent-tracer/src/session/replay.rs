//! Replays a trace file. The model has the rules and facts of the file's own header, so a replay
//! gives the same answers on every machine.

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

/// Errors that end a replay early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file is not a trace, or cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Reading failed midway.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// One step of a replay.
#[derive(Clone, Copy, Debug)]
pub enum ReplayItem<'a> {
    /// An event, which the model has already.
    Event {
        /// Its number in the trace, from 1.
        sequence: u64,
        /// The event.
        event: &'a Event,
    },
    /// A damaged part of the file.
    Gap(&'a Gap),
}

/// Result of a replay to the end of the trace.
pub struct Replay {
    /// The circumstances of the recording.
    pub header: Header,
    /// The model of all events.
    pub model: Model,
    /// Clock of the trace.
    clock: Clock,
    /// Count of the events read.
    pub events: u64,
    /// True if parts of the file are missing.
    pub is_damaged: bool,
}

impl Replay {
    /// Returns the clock of the trace.
    pub fn clock(&self) -> Clock {
        self.clock
    }
}

/// Replays a trace. Calls `observe` after each event, and at each gap.
///
/// # Errors
///
/// The file cannot be opened or read, or `observe` failed. Damage is not an error.
pub fn replay(
    path: &Path,
    observe: impl FnMut(&Model, Clock, ReplayItem<'_>) -> io::Result<()>,
) -> Result<Replay, ReplayError> {
    let name = view::text(path.as_os_str().as_encoded_bytes());
    let length = std::fs::metadata(path).map_or(0, |file| file.len());
    memory::bound(&name, length);
    run(&name, Reader::open(path)?, observe)
}

/// Replays a trace from a stream; `name` names it in errors.
///
/// # Errors
///
/// As of [`replay`].
pub fn replay_stream(
    stream: impl Read,
    name: &str,
    observe: impl FnMut(&Model, Clock, ReplayItem<'_>) -> io::Result<()>,
) -> Result<Replay, ReplayError> {
    run(name, Reader::new(stream, name)?, observe)
}

fn run<R: Read>(
    name: &str,
    mut reader: Reader<R>,
    mut observe: impl FnMut(&Model, Clock, ReplayItem<'_>) -> io::Result<()>,
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
                observe(
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
                observe(&session.model, session.clock, ReplayItem::Gap(&gap))?;
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

/// Reads the rules of a recording, and the errors of files that a newer tracer wrote.
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
