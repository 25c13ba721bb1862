//! Counts the connections of each tree by remote end.

use std::collections::{HashMap, hash_map::Entry};

use super::Destination;
use crate::model::Model;

/// A remote end that a tree connected to.
#[derive(Clone, Debug)]
pub struct Reached<'a> {
    /// The remote end.
    pub destination: Destination,
    /// The most specific service tag of its first address; not escaped.
    pub tag: Option<&'a str>,
    /// Number of connections.
    pub connections: usize,
}

/// Counts the connections of each tree, in the order of the first connection to each end.
pub fn reached(model: &Model) -> HashMap<&str, Vec<Reached<'_>>> {
    let mut trees: HashMap<&str, Vec<Reached<'_>>> = HashMap::new();
    let mut places = HashMap::new();
    let outbound = model.connections().iter();
    for connection in outbound.filter(|connection| !connection.is_inbound) {
        let tree = &*model.process(connection.owner).tree;
        let destination = Destination::of(connection);
        let tags = connection.remote.map(|remote| model.tags(remote.ip()));
        let tag = tags.and_then(|tags| tags.first()).map(|tag| &*tag.name);
        let count = connection.count() as usize;
        let all = trees.entry(tree).or_default();
        match places.entry((tree, destination.label(), tag)) {
            Entry::Occupied(place) => {
                let known: Option<&mut Reached<'_>> = all.get_mut(*place.get());
                known
                    .into_iter()
                    .for_each(|known| known.connections += count);
            }
            Entry::Vacant(place) => {
                place.insert(all.len());
                all.push(Reached {
                    destination,
                    tag,
                    connections: count,
                });
            }
        }
    }
    trees
}
