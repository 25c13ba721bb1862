//! Lists the destinations of each tree, the newest first.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{Destination, Picture, destination::Destinations, has_failed};
use crate::model::{Connection, Model};

/// A destination of one tree.
#[derive(Clone, Debug)]
pub struct Contact<'a> {
    /// Name of the tree; not escaped.
    pub tree: &'a str,
    /// The destination.
    pub destination: Destination,
    /// The first connection to it.
    pub first: &'a Connection,
    /// The latest connection to it.
    pub latest: &'a Connection,
    /// Number of connections.
    pub connections: u64,
    /// Number of connections that failed.
    pub failed: u64,
}

/// Lists the destinations of the connections that are shown, without inbound ones. Those from
/// before the recording come last.
pub fn contacts<'a>(model: &'a Model, picture: &Picture<'a>) -> Vec<Contact<'a>> {
    let mut destinations = Destinations::default();
    // A name of a tree stays where it is while the model is borrowed.
    let mut places: HashMap<(usize, usize), usize, RandomState> = HashMap::default();
    let mut contacts: Vec<Contact<'a>> = Vec::new();
    for connection in picture.connections.iter() {
        if connection.is_inbound {
            continue;
        }
        let tree = &*model.process(connection.owner).tree;
        let number = destinations.number(connection);
        let next = contacts.len();
        let place = *places.entry((tree.as_ptr().addr(), number)).or_insert(next);
        if place == next {
            contacts.push(Contact {
                tree,
                destination: Destination::of(connection),
                first: connection,
                latest: connection,
                connections: 0,
                failed: 0,
            });
        }
        if let Some(contact) = contacts.get_mut(place) {
            contact.latest = connection;
            contact.connections += connection.count();
            contact.failed += match has_failed(connection) {
                true => connection.count(),
                false => 0,
            };
        }
    }
    contacts.reverse();
    contacts
}
