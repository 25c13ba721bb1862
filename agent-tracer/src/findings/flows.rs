//! Sums up connections by tree and destination, for a picture of who talks to whom.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use foldhash::fast::RandomState;

use super::{Destination, Picture, destination::Destinations, has_failed};
use crate::model::{Connection, Model};

/// Limit of the trees that a picture shows; further ones are one source.
const SOURCES: usize = 12;

/// Limit of the destinations that a picture shows; further ones are one end.
const ENDS: usize = 14;

/// The connections of trees to destinations.
#[derive(Clone, Debug, Default)]
pub struct Flows<'a> {
    /// Trees, in the order of the model; folded ones last.
    pub sources: Vec<Source<'a>>,
    /// Destinations, in the order of their sources; folded ones last.
    pub ends: Vec<End>,
    /// Connections of each source to each end, in their order.
    pub flows: Vec<Flow>,
}

/// A source of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// The tree of this name; not escaped.
    Tree(&'a str),
    /// So many other trees.
    Others(usize),
    /// The system's tree beside a recorded command.
    Bystanders,
}

/// An end of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// One destination.
    Destination(Destination),
    /// So many other destinations.
    Others(usize),
}

/// The connections of one source to one end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Position of the source.
    pub source: usize,
    /// Position of the end.
    pub end: usize,
    /// Their number and bytes.
    pub weight: Weight,
}

/// Sums over connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Connections.
    pub connections: u64,
    /// Connections that failed.
    pub failed: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

impl Weight {
    fn of(connection: &Connection) -> Weight {
        let (sent, received) = connection.sums();
        Weight {
            connections: connection.count(),
            failed: if has_failed(connection) {
                connection.count()
            } else {
                0
            },
            sent,
            received,
        }
    }

    /// Adds another sum.
    pub fn add(&mut self, other: Weight) {
        self.connections = self.connections.saturating_add(other.connections);
        self.failed = self.failed.saturating_add(other.failed);
        self.sent = self.sent.saturating_add(other.sent);
        self.received = self.received.saturating_add(other.received);
    }

    /// Returns bytes in both directions.
    pub fn bytes(&self) -> u64 {
        self.sent.saturating_add(self.received)
    }

    /// Returns the greater of its shares of all connections and of all bytes, in millionths.
    fn share(&self, whole: &Weight) -> u128 {
        let share = |part: u64, whole: u64| u128::from(part) * 1_000_000 / u128::from(whole.max(1));
        let by_count = share(self.connections, whole.connections);
        by_count.max(share(self.bytes(), whole.bytes()))
    }
}

/// Sums up the connections that are shown, without inbound ones.
pub fn flows<'a>(model: &'a Model, picture: &Picture<'_>) -> Flows<'a> {
    let mut pairs = Pairs::default();
    let mut destinations = Destinations::default();
    // Names are compared once for each tree of the model, which stays where it is meanwhile.
    let mut sums: HashMap<(usize, usize), (&str, Weight), RandomState> = HashMap::default();
    for connection in picture.connections.iter() {
        if connection.is_inbound {
            continue;
        }
        let tree = &*model.process(connection.owner).tree;
        let number = destinations.number(connection);
        if number == pairs.destinations.len() {
            let destination = Destination::of(connection);
            pairs.destinations.push((destination, Weight::default()));
        }
        let key = (tree.as_ptr().addr(), number);
        let (_, sum) = sums.entry(key).or_insert((tree, Weight::default()));
        sum.add(Weight::of(connection));
    }
    for ((_, number), (tree, weight)) in sums {
        pairs.add(tree, number, weight);
    }
    let is_bystander = |tree: &str| picture.is_bystander(model, tree);
    let sources = pairs.sources(model, is_bystander);
    let ends = pairs.ends(is_bystander);
    pairs.folded(&sources, &ends)
}

/// Sums of each tree and destination. Destinations have numbers in the order of first contact.
#[derive(Default)]
struct Pairs<'a> {
    whole: Weight,
    destinations: Vec<(Destination, Weight)>,
    trees: BTreeMap<&'a str, Weight>,
    sums: BTreeMap<(&'a str, usize), Weight>,
}

impl<'a> Pairs<'a> {
    fn add(&mut self, tree: &'a str, number: usize, weight: Weight) {
        if let Some((_, sum)) = self.destinations.get_mut(number) {
            sum.add(weight);
        }
        self.trees.entry(tree).or_default().add(weight);
        self.sums.entry((tree, number)).or_default().add(weight);
        self.whole.add(weight);
    }

    /// Chooses the sources, and the source of each tree.
    fn sources(
        &self,
        model: &'a Model,
        is_bystander: impl Fn(&str) -> bool,
    ) -> (Vec<Source<'a>>, BTreeMap<&'a str, usize>) {
        let known = model.trees().into_iter();
        let known = known.filter(|tree| self.trees.contains_key(tree));
        let (bystanders, recorded): (Vec<&str>, Vec<&str>) =
            known.partition(|tree| is_bystander(tree));
        let share = |tree: &&str| self.trees.get(*tree).map(|sum| sum.share(&self.whole));
        let mut heaviest = recorded.clone();
        heaviest.sort_by_key(|tree| Reverse(share(tree)));
        let heaviest = kept(heaviest, SOURCES);
        let mut sources = Vec::new();
        let mut places = BTreeMap::new();
        for tree in &recorded {
            if heaviest.contains(tree) {
                places.insert(*tree, sources.len());
                sources.push(Source::Tree(tree));
            }
        }
        let others = recorded.len() - sources.len();
        if others > 0 {
            let folded = recorded.iter().filter(|tree| !heaviest.contains(*tree));
            places.extend(folded.map(|tree| (*tree, sources.len())));
            sources.push(Source::Others(others));
        }
        if !bystanders.is_empty() {
            places.extend(bystanders.iter().map(|tree| (*tree, sources.len())));
            sources.push(Source::Bystanders);
        }
        (sources, places)
    }

    /// Chooses the destinations with an end of their own: those of recorded trees first.
    fn ends(&self, is_bystander: impl Fn(&str) -> bool) -> BTreeSet<usize> {
        let recorded = self.sums.keys().filter(|(tree, _)| !is_bystander(tree));
        let recorded: BTreeSet<usize> = recorded.map(|(_, number)| *number).collect();
        let mut all: Vec<usize> = (0..self.destinations.len()).collect();
        all.sort_by_key(|number| Reverse((recorded.contains(number), self.share(*number))));
        kept(all, ENDS)
    }

    fn share(&self, number: usize) -> Option<u128> {
        let (_, sum) = self.destinations.get(number)?;
        Some(sum.share(&self.whole))
    }

    fn folded(
        self,
        (sources, places): &(Vec<Source<'a>>, BTreeMap<&'a str, usize>),
        kept: &BTreeSet<usize>,
    ) -> Flows<'a> {
        let mut sums: BTreeMap<(Option<usize>, usize), Weight> = BTreeMap::new();
        for ((tree, number), weight) in &self.sums {
            let end = kept.contains(number).then_some(*number);
            let source = places.get(tree).copied().unwrap_or(0);
            sums.entry((end, source)).or_default().add(*weight);
        }
        // An end stands where its sources stand on average, so that few flows cross; the heaviest
        // stands first.
        let mut order: Vec<(u128, Reverse<u128>, usize)> = Vec::new();
        for number in kept {
            let own = sums.range((Some(*number), 0)..=(Some(*number), usize::MAX));
            let (mut middle, mut whole) = (0_u128, 0_u128);
            for ((_, source), weight) in own {
                middle += *source as u128 * u128::from(weight.connections);
                whole += u128::from(weight.connections);
            }
            let share = self.share(*number).unwrap_or_default();
            order.push((middle * 1000 / whole.max(1), Reverse(share), *number));
        }
        order.sort_unstable();
        let folded = self.destinations.len() - kept.len();
        let mut ends = Vec::new();
        let mut flows = Vec::new();
        let numbers = order.into_iter().map(|(_, _, number)| Some(number));
        for number in numbers.chain((folded > 0).then_some(None)) {
            let own = sums.range((number, 0)..=(number, usize::MAX));
            flows.extend(own.map(|((_, source), weight)| Flow {
                source: *source,
                end: ends.len(),
                weight: *weight,
            }));
            ends.push(
                match number.and_then(|number| self.destinations.get(number)) {
                    Some((destination, _)) => End::Destination(destination.clone()),
                    None => End::Others(folded),
                },
            );
        }
        flows.sort_by_key(|flow| (flow.source, flow.end));
        Flows {
            sources: sources.clone(),
            ends,
            flows,
        }
    }
}

/// Keeps the first ones. One alone is never folded: it would take as much room as itself.
fn kept<T: Ord>(all: Vec<T>, limit: usize) -> BTreeSet<T> {
    let limit = if all.len() == limit + 1 {
        limit + 1
    } else {
        limit
    };
    all.into_iter().take(limit).collect()
}
