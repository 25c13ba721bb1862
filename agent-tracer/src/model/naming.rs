//! Maps addresses to names from lookups, /etc/hosts and the clients themselves. It chooses none of
//! several names: each is kept with its source.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    net::IpAddr,
    sync::Arc,
};

use foldhash::fast::RandomState;
use indexmap::{IndexMap, map::Entry};

use super::{ProcessIndex, StandIns, listener::octets_of, processes::Processes};
use crate::event::{CarriedLookup, Dns, Hosts, Party};

/// Sources of a remote end's name, the most certain first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameSource {
    /// The TLS ClientHello of this connection.
    Sni,
    /// The Host header of this connection.
    HttpHost,
    /// The address came from a DNS lookup of the same process.
    Dns,
    /// /etc/hosts.
    Hosts,
    /// A DNS lookup of another process led to the address.
    DnsOther,
}

impl NameSource {
    /// Returns the name in views and jsonl.
    pub fn name(self) -> &'static str {
        match self {
            NameSource::Sni => "sni",
            NameSource::HttpHost => "http_host",
            NameSource::Dns => "dns",
            NameSource::Hosts => "hosts",
            NameSource::DnsOther => "dns_other",
        }
    }

    /// Reads such a name.
    pub(super) fn of(name: &str) -> Option<NameSource> {
        let all = [
            NameSource::Sni,
            NameSource::HttpHost,
            NameSource::Dns,
            NameSource::Hosts,
            NameSource::DnsOther,
        ];
        all.into_iter().find(|source| source.name() == name)
    }
}

/// A name with its source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The name as sent, in lower case.
    pub name: Arc<str>,
    /// The source of the name.
    pub source: NameSource,
}

/// Limit of lookups kept for one address, and so of names for a connection: hosts of a content
/// network share hundreds.
const LOOKUPS: usize = 32;

/// A process's lookups of one name with one outcome.
#[derive(Clone, Debug)]
pub struct NameLookup {
    /// The process that asked, if known.
    pub asker: Option<ProcessIndex>,
    /// The process that had asked the asker over AF_UNIX shortly before; inferred.
    pub client: Option<ProcessIndex>,
    /// The name.
    pub question: Arc<str>,
    /// The type of record.
    pub kind: Arc<str>,
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL` and so on.
    pub rcode: Arc<str>,
    /// The addresses of the first answer.
    pub addresses: Vec<IpAddr>,
    /// Time of the first answer, nanoseconds since boot.
    pub first_ns: u64,
    /// Count of these lookups.
    pub count: u64,
}

impl NameLookup {
    /// Returns the client, or else the process that asked.
    pub fn party(&self) -> Option<ProcessIndex> {
        self.client.or(self.asker)
    }

    /// Checks whether the name does not exist, or no server could answer.
    pub fn has_failed(&self) -> bool {
        *self.rcode != *"NOERROR"
    }
}

/// A process, its question, and the outcome.
type Outcome = (
    (Option<ProcessIndex>, Option<ProcessIndex>),
    Arc<str>,
    Arc<str>,
    Arc<str>,
);

/// The lookups so far.
#[derive(Default)]
pub(super) struct Names {
    /// The last lookups of an address, the newest first.
    lookups: BTreeMap<IpAddr, Lookups>,
    /// Count of the changes of lookups and of /etc/hosts.
    changes: u64,
    /// That count at the last change of /etc/hosts.
    hosts_changed: u64,
    hosts: BTreeMap<IpAddr, Vec<Arc<str>>>,
    /// All lookups, in the order of their first answers.
    all: IndexMap<Outcome, NameLookup, RandomState>,
    texts: Texts,
}

/// Limit of the texts that are found again; then they start anew, at the price of duplicates.
const POOLED: usize = 8192;

/// Names and the like, each once: equal ones are mostly the same.
#[derive(Default)]
struct Texts(HashSet<Arc<str>, RandomState>);

impl Texts {
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        if self.0.len() >= POOLED {
            self.0.clear();
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// Compares two texts, and first their places: equal texts are mostly shared.
fn is_same(one: &Arc<str>, other: &Arc<str>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// The last lookups of an address.
#[derive(Default)]
struct Lookups {
    newest_first: VecDeque<Resolved>,
    /// Count of the changes at the last one of these.
    changed: u64,
}

struct Resolved {
    name: Arc<str>,
    asker: Option<ProcessIndex>,
    /// Time of the last answer, nanoseconds since boot.
    answered_ns: u64,
}

/// Limit of lookups that are carried over to the next segment: the newest.
const CARRIED: usize = 8192;

impl Names {
    /// Returns the names of an address for a process: from its own lookups or, without any, from
    /// those of others.
    pub(super) fn of(&self, address: IpAddr, process: ProcessIndex) -> Vec<Name> {
        let lookups = self.lookups.get(&address).map(|all| &all.newest_first);
        let of = |is_own: bool| {
            let all = lookups.into_iter().flatten();
            let wanted = all.filter(move |lookup| (lookup.asker == Some(process)) == is_own);
            distinct(wanted.map(|lookup| &lookup.name))
        };
        let mut names: Vec<Name> = Vec::new();
        let mut add = |found: Vec<Arc<str>>, source: NameSource| {
            names.extend(found.into_iter().map(|name| Name { name, source }));
        };
        let own = of(true);
        let others = match own.is_empty() {
            true => of(false),
            false => Vec::new(),
        };
        add(own, NameSource::Dns);
        // The first one is canonical; the others are equally valid, and do not contradict it.
        let canonical = self.hosts.get(&address).and_then(|names| names.first());
        add(canonical.cloned().into_iter().collect(), NameSource::Hosts);
        add(others, NameSource::DnsOther);
        names
    }

    /// Returns a number that stays the same as long as all processes without lookups of an address
    /// have the same names for it; `None` for a process with one.
    pub(super) fn version(&self, address: IpAddr, process: ProcessIndex) -> Option<u64> {
        let Some(lookups) = self.lookups.get(&address) else {
            return Some(self.hosts_changed);
        };
        let all = &lookups.newest_first;
        let is_own = |lookup: &Resolved| lookup.asker == Some(process);
        (!all.iter().any(is_own)).then(|| lookups.changed.max(self.hosts_changed))
    }

    /// Checks whether /etc/hosts has a name for an address.
    pub(super) fn is_in_hosts(&self, address: IpAddr, name: &str) -> bool {
        let names = self.hosts.get(&address);
        names.is_some_and(|names| names.iter().any(|known| **known == *name))
    }

    /// Adds the answer to a lookup of a process, if that is known.
    pub(super) fn dns(
        &mut self,
        dns: &Dns,
        asker: Option<ProcessIndex>,
        client: Option<ProcessIndex>,
        boot_ns: u64,
    ) {
        let name = self.texts.shared(&dns.question);
        let (kind, rcode) = (self.texts.shared(&dns.kind), self.texts.shared(&dns.rcode));
        let outcome = ((asker, client), Arc::clone(&name), kind, rcode);
        let lookup = self.all.entry(outcome);
        let lookup =
            lookup.or_insert_with_key(|((asker, client), question, kind, rcode)| NameLookup {
                asker: *asker,
                client: *client,
                question: Arc::clone(question),
                kind: Arc::clone(kind),
                rcode: Arc::clone(rcode),
                addresses: dns
                    .leads_to()
                    .chain(dns.services().map(|(_, address)| address))
                    .collect(),
                first_ns: boot_ns,
                count: 0,
            });
        lookup.count += 1;
        for address in dns.leads_to() {
            self.leads(&name, address, asker, boot_ns);
        }
        // A service is not a host, and its hosts have names of their own.
        for (host, address) in dns.services() {
            let host = self.texts.shared(host);
            self.leads(&host, address, asker, boot_ns);
        }
    }

    /// Forgets lookups that went well: the names of their addresses are kept apart.
    pub(super) fn release_answered(&mut self) {
        self.all.retain(|_, lookup| lookup.has_failed());
    }

    /// Gives the lookups of released processes to those that stand for them.
    pub(super) fn replace_askers(&mut self, stand_ins: &StandIns) {
        let replace = |party: &mut Option<ProcessIndex>| {
            if let Some(stand_in) = party.and_then(|party| stand_ins.get(&party)) {
                *party = Some(*stand_in);
            }
        };
        for lookups in self.lookups.values_mut() {
            for resolved in &mut lookups.newest_first {
                replace(&mut resolved.asker);
            }
        }
        for ((mut parties, name, kind, rcode), mut lookup) in std::mem::take(&mut self.all) {
            replace(&mut parties.0);
            replace(&mut parties.1);
            (lookup.asker, lookup.client) = parties;
            let count = lookup.count;
            match self.all.entry((parties, name, kind, rcode)) {
                Entry::Occupied(mut first) => first.get_mut().count += count,
                Entry::Vacant(place) => drop(place.insert(lookup)),
            }
        }
    }

    fn leads(
        &mut self,
        name: &Arc<str>,
        address: IpAddr,
        asker: Option<ProcessIndex>,
        answered_ns: u64,
    ) {
        self.changes += 1;
        let lookups = self.lookups.entry(address).or_default();
        lookups.changed = self.changes;
        let lookups = &mut lookups.newest_first;
        lookups.retain(|known| known.asker != asker || !is_same(&known.name, name));
        lookups.push_front(Resolved {
            name: Arc::clone(name),
            asker,
            answered_ns,
        });
        lookups.truncate(LOOKUPS);
    }

    /// Describes the lookups that were answered since a time, the oldest first. Those of processes
    /// that ended have no asker.
    pub(super) fn carried(
        &self,
        since_ns: u64,
        alive: &std::collections::HashSet<ProcessIndex>,
        processes: &Processes,
    ) -> Vec<CarriedLookup> {
        let all = self.lookups.iter().flat_map(|(address, known)| {
            let known = known.newest_first.iter().rev();
            known.map(move |resolved| (*address, resolved))
        });
        let mut recent: Vec<(IpAddr, &Resolved)> = all
            .filter(|(_, resolved)| resolved.answered_ns >= since_ns)
            .collect();
        recent.sort_by_key(|(_, resolved)| resolved.answered_ns);
        let skipped = recent.len().saturating_sub(CARRIED);
        let recent = recent.into_iter().skip(skipped);
        recent
            .map(|(address, resolved)| CarriedLookup {
                address: octets_of(address),
                name: resolved.name.to_string(),
                asker: resolved
                    .asker
                    .filter(|asker| alive.contains(asker))
                    .and_then(|asker| Party::of(asker, processes)),
                answered_ns: resolved.answered_ns,
            })
            .collect()
    }

    /// Takes over lookups from an earlier segment.
    pub(super) fn take_over(&mut self, carried: &[CarriedLookup], processes: &Processes) {
        for lookup in carried {
            if let Some(address) = lookup.ip() {
                let name = self.texts.shared(&lookup.name);
                let asker = Party::find(lookup.asker, processes);
                self.leads(&name, address, asker, lookup.answered_ns);
            }
        }
    }

    /// Returns all lookups, in the order of their first answers.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = &NameLookup> {
        self.all.values()
    }

    /// Replaces the names of /etc/hosts.
    pub(super) fn hosts(&mut self, hosts: &Hosts) {
        self.changes += 1;
        self.hosts_changed = self.changes;
        self.hosts.clear();
        for entry in &hosts.entries {
            let Some(address) = entry.ip() else {
                continue;
            };
            let names = self.hosts.entry(address).or_default();
            names.extend(entry.names.iter().map(|name| Arc::from(name.as_str())));
        }
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
    let mut distinct: Vec<Arc<str>> = Vec::new();
    for name in names {
        if !distinct.iter().any(|known| is_same(known, name)) {
            distinct.push(Arc::clone(name));
        }
    }
    distinct
}
