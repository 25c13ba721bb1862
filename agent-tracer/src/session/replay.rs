//! Replays a trace file. The model has the rules and facts of the file's own header, so a replay
//! gives the same answers on every machine.

use std::{
    io::{self, Read},
    path::Path,
    time::Instant,
};

use super::{Session, ahead};
use crate::{
    event::Event,
    memory,
    model::Model,
    rules::RuleSet,
    trace::{Gap, Header, Item, OpenError, ReadError, Reader, Wanted},
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
    /// False if events were left out that the caller does not look for.
    pub is_whole: bool,
    /// True if parts of the file are missing.
    pub is_damaged: bool,
}

impl Replay {
    /// Returns the clock of the trace.
    pub fn clock(&self) -> Clock {
        self.clock
    }
}

/// The part of a trace to replay. Everything before its last event is always read: lines name what
/// was known at their event.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Every event.
    Whole,
    /// Up to the last group of events that can have a wanted one, where the trace's index has that
    /// and says that nothing is missing. The checksums of what follows are compared.
    Wanted(&'a Wanted),
    /// Up to the event with a number. Nothing is said about what follows.
    Until(u64),
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
    replay_part(path, Part::Whole, observe)
}

/// Replays a part of a trace likewise.
///
/// # Errors
///
/// As of [`replay`].
pub fn replay_part(
    path: &Path,
    part: Part<'_>,
    observe: impl FnMut(&Model, Clock, ReplayItem<'_>) -> io::Result<()>,
) -> Result<Replay, ReplayError> {
    let name = view::text(path.as_os_str().as_encoded_bytes());
    let length = std::fs::metadata(path).map_or(0, |file| file.len());
    memory::bound(&name, length);
    let (reader, last) = match part {
        Part::Whole => (Reader::open(path)?, u64::MAX),
        Part::Wanted(wanted) => (Reader::open_for(path, wanted)?, u64::MAX),
        Part::Until(last) => (Reader::open(path)?, last),
    };
    run(&name, reader, last, observe, |reader, take| {
        ahead::read(reader, take)
    })
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
    let reader = Reader::new(stream, name)?;
    run(name, reader, u64::MAX, observe, read_on)
}

/// A replay under way.
struct Steps<'n, F> {
    name: &'n str,
    session: Session,
    observe: F,
    /// Number of the last event to take.
    last: u64,
    /// Bytes of the file that the memory is bound to.
    length: u64,
    now: Instant,
    events: u64,
    is_whole: bool,
    is_damaged: bool,
}

impl<F: FnMut(&Model, Clock, ReplayItem<'_>) -> io::Result<()>> Steps<'_, F> {
    /// Takes the next item. Returns `false` after the last one.
    fn take(&mut self, offset: u64, item: &Item) -> Result<bool, ReplayError> {
        // A pipe has no length, and the file of a recording that goes on grows.
        if offset > self.length {
            self.length = offset;
            memory::bound(self.name, offset);
        }
        let session = &mut self.session;
        match item {
            Item::Event { sequence, event } => {
                let sequence = *sequence;
                session.take(event, self.now);
                self.events += 1;
                let seen = ReplayItem::Event { sequence, event };
                (self.observe)(&session.model, session.clock, seen)?;
                self.is_whole = sequence < self.last;
                Ok(self.is_whole)
            }
            Item::Gap(gap) => {
                self.is_damaged = true;
                session.model.ledger_mut().gap(view::gap_text(gap));
                (self.observe)(&session.model, session.clock, ReplayItem::Gap(gap))?;
                Ok(true)
            }
        }
    }
}

/// Replays what `drive` reads: it gives each item to its last argument, and returns the reader.
fn run<R: Read>(
    name: &str,
    reader: Reader<R>,
    last: u64,
    observe: impl FnMut(&Model, Clock, ReplayItem<'_>) -> io::Result<()>,
    drive: impl FnOnce(
        Reader<R>,
        &mut dyn FnMut(u64, &Item) -> Result<bool, ReplayError>,
    ) -> Result<Reader<R>, ReplayError>,
) -> Result<Replay, ReplayError> {
    let header = reader.header().clone();
    let session = begin(&header);
    let mut steps = Steps {
        name,
        session,
        observe,
        last,
        length: 0,
        now: Instant::now(),
        events: 0,
        is_whole: true,
        is_damaged: false,
    };
    let reader = drive(reader, &mut |offset, item| steps.take(offset, item))?;
    let mut session = steps.session;
    session
        .model
        .ledger_mut()
        .unknown_events(reader.unknown_events());
    Ok(Replay {
        header,
        model: session.model,
        clock: session.clock,
        events: steps.events,
        is_whole: steps.is_whole && reader.passed_over() == 0,
        is_damaged: steps.is_damaged,
    })
}

/// Reads a stream on this thread.
fn read_on<R: Read>(
    mut reader: Reader<R>,
    take: &mut dyn FnMut(u64, &Item) -> Result<bool, ReplayError>,
) -> Result<Reader<R>, ReplayError> {
    while let Some(item) = reader.next() {
        if !take(reader.offset(), &item?)? {
            break;
        }
    }
    Ok(reader)
}

/// Begins with the header of a trace, and the rules in it.
pub(super) fn begin(header: &Header) -> Session {
    let (rules, refused) = rules_of(header);
    let mut session = Session::begin(header, rules);
    for name in refused {
        session.model.ledger_mut().gap(format!(
            "rules of the trace are not understood, and nothing is attributed by them: {name}"
        ));
    }
    session
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
