//! Replays a trace file. The model has the rules and facts of the file's own header, so a replay
//! gives the same answers on every machine.

mod folder;

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    time::Instant,
};

pub use folder::{Found, traces_in};

use super::{Session, ahead};
use crate::{
    event::{Event, EventKind},
    memory,
    model::Model,
    rules::RuleSet,
    trace::{Gap, Header, Item, NO_END, OpenError, ReadError, Reader, Wanted},
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
    /// A folder without a trace.
    #[error(
        "cannot read {}: it is a directory without a trace\n\
         hint: name a trace, or a directory of segments as record --rotate makes it",
        .0.display()
    )]
    EmptyFolder(PathBuf),
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
    /// Remarks about what of a folder was read.
    pub notes: Vec<String>,
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

/// Replays a trace. Calls `observe` after each event, and at each gap. Of a folder it replays the
/// newest recording: all of its segments, as one.
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
    if path.is_dir() {
        let last = match part {
            Part::Whole | Part::Wanted(_) => u64::MAX,
            Part::Until(last) => last,
        };
        return run_folder(&name, path, last, observe);
    }
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
    segment: Place,
}

/// The place of the segment that is being read.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Bytes of the segments before.
    bytes: u64,
    /// True as long as the segment repeats what the one before has.
    is_opening: bool,
    /// True if another one follows.
    is_followed: bool,
    /// True for the last one of several: it may go on.
    may_go_on: bool,
}

impl Place {
    /// True for an event that is not of this segment alone: it repeats one, or is the end of a
    /// segment that another follows.
    fn passes_over(&mut self, event: &Event) -> bool {
        match &event.kind {
            EventKind::Carried(_) => std::mem::take(&mut self.is_opening),
            EventKind::End(_) => self.is_opening || self.is_followed,
            _ => self.is_opening,
        }
    }
}

impl<'n, F: FnMut(&Model, Clock, ReplayItem<'_>) -> io::Result<()>> Steps<'n, F> {
    /// Begins with the first event of a trace.
    fn begin(name: &'n str, header: &Header, last: u64, observe: F) -> Steps<'n, F> {
        Steps {
            name,
            session: begin(header),
            observe,
            last,
            length: 0,
            now: Instant::now(),
            events: 0,
            is_whole: true,
            is_damaged: false,
            segment: Place::default(),
        }
    }

    /// Takes the next item. Returns `false` after the last one.
    fn take(&mut self, offset: u64, item: &Item) -> Result<bool, ReplayError> {
        let offset = self.segment.bytes + offset;
        // A pipe has no length, and the file of a recording that goes on grows.
        if offset > self.length {
            self.length = offset;
            memory::bound(self.name, offset);
        }
        let session = &mut self.session;
        match item {
            Item::Event { sequence, event } => {
                if self.segment.passes_over(event) {
                    return Ok(true);
                }
                // Numbers go on through segments.
                let sequence = match self.segment.bytes {
                    0 => *sequence,
                    _ => self.events + 1,
                };
                session.take(event, self.now);
                self.events += 1;
                let seen = ReplayItem::Event { sequence, event };
                (self.observe)(&session.model, session.clock, seen)?;
                self.is_whole = sequence < self.last;
                Ok(self.is_whole)
            }
            Item::Gap(gap) if self.segment.may_go_on && gap.reason == NO_END => Ok(true),
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
    let mut steps = Steps::begin(name, &header, last, observe);
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
        notes: Vec::new(),
    })
}

/// Replays the newest recording of a folder.
fn run_folder(
    name: &str,
    folder: &Path,
    last: u64,
    observe: impl FnMut(&Model, Clock, ReplayItem<'_>) -> io::Result<()>,
) -> Result<Replay, ReplayError> {
    let row = folder::newest(folder)?;
    memory::bound(name, row.segments.iter().map(|found| found.bytes).sum());
    let count = row.segments.len();
    let Some(first) = row.segments.first() else {
        return Err(ReplayError::EmptyFolder(folder.to_owned()));
    };
    let header = Reader::open(&first.path)?.header().clone();
    let mut steps = Steps::begin(name, &header, last, observe);
    let mut unknown_events = 0;
    for (number, found) in (1..).zip(&row.segments) {
        steps.segment = Place {
            is_opening: number > 1,
            is_followed: number < count,
            may_go_on: number == count && header.segment > 0,
            ..steps.segment
        };
        let reader = Reader::open(&found.path)?;
        let reader = ahead::read(reader, |offset, item| steps.take(offset, item))?;
        unknown_events += reader.unknown_events();
        steps.segment.bytes += found.bytes;
        if !steps.is_whole {
            break;
        }
    }
    let ledger = steps.session.model.ledger_mut();
    ledger.unknown_events(unknown_events);
    Ok(Replay {
        header,
        model: steps.session.model,
        clock: steps.session.clock,
        events: steps.events,
        is_whole: steps.is_whole,
        is_damaged: steps.is_damaged,
        notes: row.notes,
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
