//! Reads the status of the first HTTP answer of connections. The bytes end here.

use std::collections::BTreeMap;

use crate::{
    capture::sniff::{Reassembly, http::Answer},
    event::Payload,
};

/// Limit of connections with an answer. The oldest is dropped.
const LIMIT: usize = 32 * 1024;

/// The first answers so far, by the number of the connection, and so by age.
#[derive(Default)]
pub(super) struct Statuses {
    /// `None` once it is decided; further bytes are repetitions.
    all: BTreeMap<u64, Option<Reassembly>>,
}

impl Statuses {
    /// Adds bytes of an answer, and returns the status that they complete.
    pub(super) fn take(&mut self, payload: &Payload) -> Option<u16> {
        let pending = self
            .all
            .entry(payload.connection)
            .or_insert_with(|| Some(Reassembly::default()));
        let stream = pending.as_mut()?;
        stream.add(payload.offset, &payload.bytes);
        let answer = Answer::read(stream.contiguous());
        if !matches!(answer, Answer::NeedsMore) {
            *pending = None;
        }
        if self.all.len() > LIMIT {
            self.all.pop_first();
        }
        match answer {
            Answer::Status(status) => Some(status),
            Answer::NeedsMore | Answer::Other => None,
        }
    }

    /// Drops a connection that has ended.
    pub(super) fn forget(&mut self, connection: u64) {
        self.all.remove(&connection);
    }
}
