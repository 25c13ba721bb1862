//! Finds requests that ended badly: by the status of the answer, or by the end of the client.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::Picture;
use crate::model::{Connection, Model, Process, ProcessIndex};

/// Smallest status of an error (RFC 9110 section 15.5).
const FIRST_ERROR: u16 = 400;

/// Port of DNS (RFC 1035), whose failures are lookups that failed.
const DNS_PORT: u16 = 53;

/// A request that ended badly.
#[derive(Clone, Copy, Debug)]
pub struct BadRequest<'a> {
    /// Its connection.
    pub connection: &'a Connection,
    /// Exit code of the client, where that is not 0.
    pub code: Option<u32>,
    /// Connections that the client made before this one, of which any may be the cause.
    pub before: usize,
}

impl<'a> Picture<'a> {
    /// Lists the requests that are shown and ended badly: each with a status of an error, and the
    /// last of each other client that exited with another code than 0. Without a filter, those of
    /// the background are left out.
    pub fn bad_requests(&self, model: &Model) -> Vec<BadRequest<'a>> {
        let outgoing = self.connections.iter();
        let outgoing = outgoing.filter(|connection| {
            let port = connection.remote.map(|remote| remote.port());
            let is_outgoing = !connection.is_inbound && !connection.is_pre_existing;
            // No other connection can be one of them, or the cause of one.
            let may_be_bad =
                has_error(connection) || bad_code(model.process(connection.owner)).is_some();
            may_be_bad
                && is_outgoing
                && port != Some(DNS_PORT)
                && self.concerns(model, connection.owner)
        });
        let outgoing: Vec<&Connection> = outgoing.collect();
        let explained: HashSet<ProcessIndex, RandomState> = outgoing
            .iter()
            .filter(|connection| has_error(connection))
            .map(|connection| connection.owner)
            .collect();
        let mut counts: HashMap<ProcessIndex, usize, RandomState> = HashMap::default();
        for connection in &outgoing {
            *counts.entry(connection.owner).or_default() += 1;
        }
        let mut so_far: HashMap<ProcessIndex, usize, RandomState> = HashMap::default();
        let requests = outgoing.into_iter().filter_map(|connection| {
            let owner = connection.owner;
            let position = so_far.entry(owner).or_default();
            *position += 1;
            let code = bad_code(model.process(owner));
            if has_error(connection) {
                return Some(BadRequest {
                    connection,
                    code,
                    before: 0,
                });
            }
            let is_last = counts.get(&owner) == Some(position);
            let is_bad = is_last && code.is_some() && !explained.contains(&owner);
            is_bad.then_some(BadRequest {
                connection,
                code,
                before: *position - 1,
            })
        });
        requests.collect()
    }
}

fn has_error(connection: &Connection) -> bool {
    connection
        .http_status
        .is_some_and(|status| status >= FIRST_ERROR)
}

fn bad_code(process: &Process) -> Option<u32> {
    let (_, exit) = process.ended()?;
    let is_bad = exit.signal().is_none() && exit.code() != 0;
    is_bad.then(|| exit.code())
}
