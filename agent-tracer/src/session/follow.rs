//! Follows a trace that is still being written. The model is that of a replay, but releases what
//! has ended, as a recording's does: it may be watched for weeks.

use std::{io::Read, time::Instant};

use super::{Session, replay};
use crate::{
    event::Event,
    memory,
    model::Model,
    trace::{Header, Item, OpenError, ReadError, Reader},
    view::{self, Clock},
};

/// Events between two releases of what has ended.
const RELEASE_AFTER: u64 = 4096;

/// A trace that grows, and the model of its events so far.
pub struct Follow<R> {
    name: String,
    reader: Reader<R>,
    header: Header,
    session: Session,
    events: u64,
    gaps: u64,
    /// Bytes of the file that the memory is bound to.
    length: u64,
}

impl<R: Read> Follow<R> {
    /// Begins with the first block of a stream whose end may come later; `name` names it in
    /// errors.
    ///
    /// # Errors
    ///
    /// The stream is not a trace, or its first block has not arrived: see
    /// [`OpenError::is_cut_off`].
    pub fn new(stream: R, name: &str) -> Result<Follow<R>, OpenError> {
        let reader = Reader::new(stream, name)?;
        let header = reader.header().clone();
        memory::bound(name, 0);
        Ok(Follow {
            name: name.to_owned(),
            session: replay::begin(&header),
            reader,
            header,
            events: 0,
            gaps: 0,
            length: 0,
        })
    }

    /// Takes what has arrived, at most `most` events, and calls `observe` after each. Returns the
    /// number of events: fewer than `most` if no more has arrived.
    ///
    /// # Errors
    ///
    /// The stream cannot be read on.
    pub fn advance(
        &mut self,
        most: u64,
        mut observe: impl FnMut(&Model, Clock, &Event),
    ) -> Result<u64, ReadError> {
        let mut taken = 0;
        let now = Instant::now();
        while taken < most
            && let Some(item) = self.reader.next_arrived()?
        {
            let offset = self.reader.offset();
            if offset > self.length {
                self.length = offset;
                memory::bound(&self.name, offset);
            }
            match item {
                Item::Event { event, .. } => {
                    self.session.take(&event, now);
                    observe(&self.session.model, self.session.clock, &event);
                    taken += 1;
                    self.events += 1;
                    if self.events.is_multiple_of(RELEASE_AFTER) {
                        self.release();
                    }
                }
                Item::Gap(gap) => {
                    self.gaps += 1;
                    self.session.model.ledger_mut().gap(view::gap_text(&gap));
                }
            }
        }
        let unknown = self.reader.unknown_events();
        self.session.model.ledger_mut().unknown_events(unknown);
        Ok(taken)
    }

    /// Releases what has ended. The authors of changes come back with the events that name them.
    fn release(&mut self) {
        self.session.model.fold(std::iter::empty());
    }

    /// Returns the circumstances of the recording.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the model of the events so far.
    pub fn model(&self) -> &Model {
        &self.session.model
    }

    /// Returns the clock of the trace.
    pub fn clock(&self) -> Clock {
        self.session.clock
    }

    /// Counts the events so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Counts the bytes read so far.
    pub fn offset(&self) -> u64 {
        self.reader.offset()
    }

    /// Counts the damaged parts so far.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// True once the recording has ended, and all of it was read.
    pub fn is_finished(&self) -> bool {
        self.reader.is_finished()
    }
}
