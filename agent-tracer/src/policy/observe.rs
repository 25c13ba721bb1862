//! Reduces a recording to the items that rules speak of.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use indexmap::{IndexMap, IndexSet};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{End, Executions, Item, Party, Sight, Subject, item::UNKNOWN, programs::Execution};
use crate::{
    event::Protocol,
    findings::{Action, Change, Destination, Facts, Host, Kind, Reason, changes, socket_kind},
    model::{Connection, Model, ProcessIndex},
    trace::Header,
};

/// A recording, read to its end.
pub struct Recording<'a> {
    /// A name for it; not escaped.
    pub name: String,
    /// Its header.
    pub header: &'a Header,
    /// Its model.
    pub model: &'a Model,
    /// All its executions.
    pub executions: &'a Executions,
    /// True if parts of its file are missing.
    pub is_damaged: bool,
    /// Its missing parts, in words.
    pub missing: Vec<String>,
}

/// The wishes of a policy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// True if all processes of an item matter, not only the first.
    pub parties: bool,
    /// True if the system's own tree matters.
    pub system: bool,
}

/// All that a recording did, as far as it was seen.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The name of the recording.
    pub name: String,
    /// The items, in the order in which they came.
    pub items: Vec<Item>,
    /// The facts that it could see.
    pub sight: Sight,
    /// The day of its start, UTC.
    pub date: Option<Date>,
    /// Directories that are new or gone with all that is in them; with a slash at the end.
    pub(super) whole: BTreeSet<(Action, Vec<u8>)>,
    /// Process ids that were in use.
    pub(super) pids: HashSet<u32>,
}

impl Observation {
    /// Reduces a recording.
    pub fn of(recording: &Recording<'_>, wish: Wish) -> Observation {
        let mut items = Items {
            model: recording.model,
            wish,
            all: IndexMap::new(),
        };
        // Every view of them is a look at all processes and files.
        let changes = changes(recording.model, true, std::iter::empty());
        items.programs(recording.executions, &changes);
        items.connections();
        items.other_sockets();
        items.listeners();
        let whole = items.changes(&changes);
        let items: Vec<Item> = items.all.into_values().collect();
        let pids = recording.model.processes();
        let header = recording.header;
        let start = i128::from(header.start_boot_ns) + i128::from(header.clock_offset_ns);
        let start = Timestamp::from_nanosecond(start).ok();
        Observation {
            name: recording.name.clone(),
            items,
            sight: Sight::of(recording),
            date: start.map(|start| start.to_zoned(TimeZone::UTC).date()),
            whole,
            pids: pids.map(|(_, process)| process.id.pid).collect(),
        }
    }
}

/// Reduces one change of any author; none of those that are items of their own.
pub(super) fn item_of_change(model: &Model, change: &Change<'_>) -> Option<Item> {
    let items = Items {
        model,
        wish: Wish {
            parties: false,
            system: true,
        },
        all: IndexMap::new(),
    };
    items.change(change, &mut BTreeSet::new())
}

/// Facts of an end: named, port, protocol, service tags, proxy.
type EndKey = (
    bool,
    u16,
    Option<Protocol>,
    Vec<Arc<str>>,
    Option<SocketAddr>,
);

/// Everything that rules can tell apart.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    subject: Subject,
    change: Option<(Kind, Action)>,
    name: Vec<u8>,
    end: Option<EndKey>,
    tree: Arc<str>,
    user: Arc<[u8]>,
    attention: Option<Arc<str>>,
}

struct Items<'a> {
    model: &'a Model,
    wish: Wish,
    all: IndexMap<Key, Item>,
}

impl Items<'_> {
    /// True if a process of this tree is none of the policy's business.
    fn is_left_out(&self, tree: &str) -> bool {
        self.model.is_background(tree) && !self.wish.system
    }

    fn user(&self, user: u32) -> Arc<[u8]> {
        match self.model.user_name(user) {
            Some(name) if !name.is_empty() => name.into(),
            Some(_) | None => user.to_string().into_bytes().into(),
        }
    }

    fn party(&self, index: ProcessIndex) -> Party {
        let process = self.model.process(index);
        Party {
            pid: process.id.pid,
            comm: Arc::clone(&process.comm),
            exe: Arc::clone(&process.exe),
            names: match self.wish.parties {
                true => process.names.to_vec(),
                false => Vec::new(),
            },
            unit: process.unit.clone(),
            argv: Arc::default(),
        }
    }

    /// Makes an item of a process.
    fn item(&self, subject: Subject, name: &[u8], process: Option<ProcessIndex>) -> Item {
        let (tree, user) = match process.map(|index| self.model.process(index)) {
            Some(process) => (Arc::clone(&process.tree), self.user(process.user)),
            None => (UNKNOWN.into(), Arc::from(UNKNOWN.as_bytes())),
        };
        Item {
            subject,
            change: None,
            name: match name.is_empty() {
                true => b"?".to_vec(),
                false => name.to_vec(),
            },
            end: None,
            tree,
            user,
            attention: None,
            parties: process.map(|index| self.party(index)).into_iter().collect(),
            is_inferred: false,
            count: 1,
            bytes: (0, 0),
        }
    }

    fn add(&mut self, item: Item) {
        let end = item.end.as_ref().map(|end| {
            (
                end.is_named,
                end.port,
                end.protocol,
                end.tags.clone(),
                end.through,
            )
        });
        let key = Key {
            subject: item.subject,
            change: item.change,
            name: item.name.clone(),
            end,
            tree: Arc::clone(&item.tree),
            user: Arc::clone(&item.user),
            attention: item.attention.clone(),
        };
        let is_wanted = self.wish.parties;
        match self.all.entry(key) {
            indexmap::map::Entry::Vacant(vacant) => {
                vacant.insert(item);
            }
            indexmap::map::Entry::Occupied(occupied) => {
                occupied.into_mut().join(item, is_wanted);
            }
        }
    }

    fn programs(&mut self, executions: &Executions, changes: &[Change<'_>]) {
        let unusual: BTreeMap<&[u8], &Reason> = changes
            .iter()
            .filter(|change| change.kind == Kind::Program)
            .filter_map(|change| Some((change.what.as_slice(), change.attention.as_ref()?)))
            .collect();
        // Most programs run many times; only a policy with conditions on processes needs each.
        let mut distinct: IndexMap<_, (&Execution, u64)> = IndexMap::new();
        for (position, execution) in executions.all.iter().enumerate() {
            let tree = &self.model.process(execution.process).tree;
            if self.is_left_out(tree) {
                continue;
            }
            for path in [Some(&execution.exe), execution.script.as_ref()] {
                let Some(path) = path else { continue };
                let position = self.wish.parties.then_some(position);
                let key = (path, tree, execution.user, position);
                distinct.entry(key).or_insert((execution, 0)).1 += 1;
            }
        }
        let mut items = Vec::new();
        for ((path, _, _, _), (execution, count)) in distinct {
            let mut item = self.item(Subject::Program, path, Some(execution.process));
            item.count = count;
            item.user = self.user(execution.user);
            item.attention = unusual.get(&**path).map(|reason| reason.name().into());
            if let Some(party) = item.parties.first_mut() {
                party.exe = Arc::clone(&execution.exe);
                if self.wish.parties {
                    party.argv = Arc::clone(&execution.argv);
                }
            }
            items.push(item);
        }
        for item in items {
            self.add(item);
        }
    }

    fn connections(&mut self) {
        let model = self.model;
        for connection in model.connections() {
            let tree = &model.process(connection.owner).tree;
            if connection.is_pre_existing || self.is_left_out(tree) {
                continue;
            }
            if connection.is_inbound {
                let port = connection.local().map_or(0, |local| local.port());
                let end = self.end(&[], connection.remote.map(|remote| remote.ip()), port);
                self.connection(Subject::Inbound, connection, end);
                continue;
            }
            let names = match connection.destination {
                Some(_) => &connection.destination_names,
                None => &connection.names,
            };
            let mut names: Vec<&str> = names.iter().map(|name| &*name.name).collect();
            let destination = Destination::of(connection);
            let address = match (&destination.host, connection.remote) {
                (Host::Address(address), _) => Some(*address),
                (_, Some(remote)) if destination.through.is_none() => Some(remote.ip()),
                (Host::Named(_) | Host::Unknown, _) => None,
            };
            if let Host::Named(host) = &destination.host {
                names.insert(0, host);
            }
            let mut end = self.end(&names, address, destination.port);
            end.through = destination.through;
            self.connection(Subject::Destination, connection, end);
            if let Some(proxy) = destination.through {
                // A request for an allowed host is of no worth if it goes to another machine.
                let names = connection.names.iter().map(|name| &*name.name);
                let names: Vec<&str> = names.collect();
                let end = self.end(&names, Some(proxy.ip()), proxy.port());
                self.connection(Subject::Destination, connection, end);
            }
        }
    }

    fn end(&self, names: &[&str], address: Option<IpAddr>, port: u16) -> End {
        let names = names.iter().filter(|name| !name.is_empty());
        let names: IndexSet<Arc<str>> =
            names.map(|name| name.to_ascii_lowercase().into()).collect();
        let address = address.map(|address| address.to_canonical());
        let tags = address.map_or(&[][..], |address| self.model.tags(address));
        End {
            is_named: !names.is_empty(),
            names,
            addresses: address.into_iter().collect(),
            port,
            is_any_port: false,
            protocol: Some(Protocol::Tcp),
            tags: tags.iter().map(|tag| tag.name.as_str().into()).collect(),
            through: None,
        }
    }

    fn connection(&mut self, subject: Subject, connection: &Connection, mut end: End) {
        end.protocol = Some(connection.protocol);
        let address = end.addresses.first().map(IpAddr::to_string);
        let name = end.names.first().map(|name| name.to_string());
        let name = name.or(address).unwrap_or_default();
        let item = Item {
            end: Some(end),
            bytes: connection.bytes().unwrap_or_default(),
            ..self.item(subject, name.as_bytes(), Some(connection.owner))
        };
        self.add(item);
    }

    /// Sockets whose traffic is not recorded could reach anything.
    fn other_sockets(&mut self) {
        let model = self.model;
        for socket in model.other_sockets() {
            if self.is_left_out(&model.process(socket.process).tree) {
                continue;
            }
            let kind = socket_kind(socket.family, socket.form, socket.protocol);
            let name = format!("socket:{kind}");
            let mut end = self.end(&[&name], None, 0);
            end.protocol = None;
            let item = Item {
                end: Some(end),
                count: socket.count,
                ..self.item(Subject::Destination, name.as_bytes(), Some(socket.process))
            };
            self.add(item);
        }
    }

    fn listeners(&mut self) {
        let model = self.model;
        for listener in model.listeners() {
            let holder = listener.holder();
            let is_new = !listener.is_pre_existing && !listener.is_of_client();
            if !is_new || self.is_left_out(&model.process(holder).tree) {
                continue;
            }
            let address = listener.local.map(|local| local.ip().to_canonical());
            let port = listener.local.map_or(0, |local| local.port());
            let mut end = self.end(&[], address, port);
            end.protocol = Some(listener.protocol);
            end.is_any_port = listener.any_port;
            end.tags.clear();
            let name = address.map(|address| address.to_string());
            let item = Item {
                end: Some(end),
                ..self.item(
                    Subject::Listener,
                    name.unwrap_or_default().as_bytes(),
                    Some(holder),
                )
            };
            self.add(item);
        }
    }

    /// Adds the changes. Returns the directories that are new or gone as a whole.
    fn changes(&mut self, changes: &[Change<'_>]) -> BTreeSet<(Action, Vec<u8>)> {
        let mut whole = BTreeSet::new();
        for change in changes {
            if let Some(item) = self.change(change, &mut whole) {
                self.add(item);
            }
        }
        self.folded();
        whole
    }

    /// Adds directories with too many changes to list. Their files are unknown, and may be of any
    /// recorded tree.
    fn folded(&mut self) {
        for directory in self.model.folded_elsewhere() {
            let mut name = directory.path.clone();
            if !name.ends_with(b"/") {
                name.push(b'/');
            }
            name.extend_from_slice(b"**");
            let item = Item {
                change: Some((Kind::File, Action::Touched)),
                count: directory.changes,
                ..self.item(Subject::Change, &name, None)
            };
            self.add(item);
        }
    }

    fn change(&self, change: &Change<'_>, whole: &mut BTreeSet<(Action, Vec<u8>)>) -> Option<Item> {
        let tree = change.tree(self.model);
        // A change that deserves attention matters for any author.
        let is_left_out = tree.is_some_and(|tree| self.is_left_out(tree));
        if is_left_out && !change.deserves_attention() {
            return None;
        }
        let mut name = change.what.clone();
        let subject = match change.kind {
            // They are items of their own.
            Kind::Destination | Kind::Listener | Kind::Program => return None,
            // Native code that was not executed is a new file.
            Kind::Download if change.download().is_some_and(|it| it.runner.is_none()) => {
                return None;
            }
            Kind::Download => Subject::Download,
            // Its process id means nothing.
            Kind::Process => {
                let process = self.model.process(change.author?);
                name = match process.exe.is_empty() {
                    true => process.comm.to_vec(),
                    false => process.exe.to_vec(),
                };
                Subject::Change
            }
            Kind::File => {
                if let Facts::File(difference) = &change.facts {
                    let state = difference.after.as_ref().or(difference.before.as_ref());
                    if state.is_some_and(|state| state.kind() == "directory") {
                        name.push(b'/');
                        if matches!(change.action, Action::New | Action::Gone) {
                            whole.insert((change.action, name.clone()));
                        }
                    }
                }
                Subject::Change
            }
            Kind::Service
            | Kind::User
            | Kind::Group
            | Kind::Package
            | Kind::Cron
            | Kind::Module
            | Kind::Sysctl
            | Kind::Firewall
            | Kind::Mount => Subject::Change,
        };
        let attention = change.attention.as_ref().filter(|_| match change.kind {
            // Every one of them does.
            Kind::Download | Kind::Module | Kind::Sysctl | Kind::Firewall => false,
            _ => true,
        });
        let item = self.item(subject, &name, change.author);
        Some(Item {
            change: (subject == Subject::Change).then_some((change.kind, change.action)),
            attention: attention.map(|reason| reason.name().into()),
            is_inferred: change.is_inferred,
            ..item
        })
    }
}

impl Item {
    /// Joins another item that rules cannot tell apart.
    fn join(&mut self, other: Item, keeps_parties: bool) {
        self.count += other.count;
        self.bytes.0 = self.bytes.0.saturating_add(other.bytes.0);
        self.bytes.1 = self.bytes.1.saturating_add(other.bytes.1);
        if let (Some(end), Some(more)) = (&mut self.end, other.end) {
            end.addresses.extend(more.addresses);
            end.names.extend(more.names);
        }
        if keeps_parties {
            self.parties.extend(other.parties);
        }
    }
}
