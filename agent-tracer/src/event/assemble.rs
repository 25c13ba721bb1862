//! Decodes kernel records into events. It joins the parts of one argv, and gives sockets their
//! owner. Any bytes yield events, nothing or an error; none make it panic.

mod arguments;
mod datagrams;
mod exec;
mod fields;
mod paths;
mod payload;
mod sockets;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
};

use agent_tracer_ebpf::{Kind, PeerKey, Traffic};

use self::{
    arguments::Arguments,
    datagrams::Datagrams,
    exec::Identify,
    fields::Fields,
    paths::{path, unix_path},
    sockets::{Attempt, Sockets},
};
pub use self::{
    exec::{Identified, Seen},
    payload::Payload,
};
use super::{
    Cgroup, Event, EventKind, Exit, Fork, ProcessId, Rename, SocketOpened, UnixConnect, UserChanged,
};

/// A record that the kernel programs of this version never emit.
#[derive(Debug, thiserror::Error)]
#[error("malformed kernel record of kind {kind}, {length} bytes")]
pub struct Malformed {
    kind: u32,
    length: usize,
}

/// One result of decoding.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// An event.
    Event(Event),
    /// Unparsed bytes of a connection.
    Payload(Payload),
}

/// The kernel's table of traffic, by UDP socket and peer.
pub trait PeerCounts {
    /// Reads the traffic with a peer.
    fn read(&self, key: &PeerKey) -> Option<Traffic>;

    /// Reads the traffic with a peer, and removes its entry.
    fn remove(&mut self, key: &PeerKey) -> Option<Traffic>;
}

/// Decodes records into events. It keeps the parts that wait for others.
#[derive(Default)]
pub struct Assembler {
    arguments: Arguments,
    sockets: Sockets,
    datagrams: Datagrams,
    /// The number of the newest connection.
    connections: u64,
    /// The latest exits. Two threads that end at the same time may both emit the exit of their
    /// process, with only a few records of other CPUs in between.
    exits: VecDeque<ProcessId>,
    /// Identifies executables, where the kernel provides the members for it.
    identify: Option<Identify>,
    /// Events without a known owner, since the last call of [`Assembler::take_unowned`].
    unowned: u64,
    /// Results that wait for [`Assembler::take_decoded`].
    decoded: VecDeque<Decoded>,
}

/// The number of a socket, with its owner.
#[derive(Clone, Copy)]
struct Owned {
    connection: u64,
    process: ProcessId,
    user: u32,
}

impl Owned {
    fn event(&self, boot_ns: u64, kind: EventKind) -> Event {
        Event {
            boot_ns,
            process: self.process,
            user: self.user,
            kind,
        }
    }
}

const RECENT_EXITS: usize = 256;

impl Assembler {
    /// Makes an assembler that identifies executables.
    pub fn identifying(identify: Identify) -> Assembler {
        Assembler {
            identify: Some(identify),
            ..Assembler::default()
        }
    }

    /// Decodes one record. A record that waits for another, or repeats one, has no result.
    ///
    /// # Errors
    ///
    /// The record is not well-formed.
    pub fn decode(&mut self, bytes: &[u8], counts: &mut dyn PeerCounts) -> Result<(), Malformed> {
        let mut fields = Fields::of(bytes);
        let number = fields.peek_kind().unwrap_or(0);
        self.read(&mut fields, counts).ok_or(Malformed {
            kind: number,
            length: bytes.len(),
        })
    }

    /// Takes the results since the last call, in order.
    pub fn take_decoded(&mut self) -> impl Iterator<Item = Decoded> {
        self.decoded.drain(..)
    }

    /// Numbers a pre-existing connection.
    pub fn adopt(&mut self, cookie: u64, process: ProcessId, user: u32) -> u64 {
        let owned = self.number(process, user);
        self.sockets.adopt(cookie, owned);
        owned.connection
    }

    /// Returns the kernel's cookies of TCP sockets without an end so far, by number of the
    /// connection; 0 where a cookie is not known. Without an entry, another socket has its place.
    pub fn cookies(&self) -> BTreeMap<u64, u64> {
        self.sockets.cookies()
    }

    /// Numbers a pre-existing UDP socket, with its peer if it is connected. Returns the key of its
    /// traffic, and its number.
    pub fn adopt_datagrams(
        &mut self,
        cookie: u64,
        peer: Option<SocketAddr>,
        process: ProcessId,
        user: u32,
    ) -> (PeerKey, u64) {
        let owned = self.number(process, user);
        let key = datagrams::key(cookie, peer);
        self.datagrams.adopt(key, owned);
        (key, owned.connection)
    }

    /// Gives up on attempts to connect from before a time: they sent nothing. Returns their events.
    pub fn expire_attempts(&mut self, before_ns: u64) -> Vec<Event> {
        let expired = self.sockets.attempts_before(before_ns);
        let events = expired.into_iter().flat_map(|attempt| self.fail(attempt));
        events.collect()
    }

    /// Ends the count of some UDP peers that are silent, where there are thousands. Returns their
    /// closes; with a later datagram such a peer is another connection.
    pub fn close_silent(&mut self, boot_ns: u64, counts: &mut dyn PeerCounts) -> Vec<Event> {
        self.datagrams.close_silent(boot_ns, counts)
    }

    /// Returns the traffic of the UDP sockets that are still open, as events.
    pub fn count_open(&mut self, boot_ns: u64, counts: &dyn PeerCounts) -> Vec<Event> {
        self.datagrams.count_all(boot_ns, counts)
    }

    /// Takes the number of socket changes without a known owner: its connect was lost.
    pub fn take_unowned(&mut self) -> u64 {
        std::mem::take(&mut self.unowned)
    }

    /// Takes the number of UDP peers with an incomplete count: there were too many at a time.
    pub fn take_uncounted(&mut self) -> u64 {
        self.datagrams.take_uncounted()
    }

    fn number(&mut self, process: ProcessId, user: u32) -> Owned {
        self.connections += 1;
        Owned {
            connection: self.connections,
            process,
            user,
        }
    }

    fn fail(&mut self, attempt: Attempt) -> [Event; 2] {
        let owned = self.number(attempt.process, attempt.user);
        attempt.fail(owned)
    }

    fn push(&mut self, events: impl IntoIterator<Item = Event>) {
        self.decoded.extend(events.into_iter().map(Decoded::Event));
    }

    /// Reads the fields of a record. Returns `None` if it is not well-formed.
    fn read(&mut self, fields: &mut Fields<'_>, counts: &mut dyn PeerCounts) -> Option<()> {
        let header = fields.header()?;
        let process = ProcessId {
            pid: header.pid,
            start_ns: header.start_ns,
        };
        let kind = Kind::from_number(header.kind)?;
        let event = |kind: EventKind| {
            Some(Event {
                boot_ns: header.boot_ns,
                process,
                user: header.user,
                kind,
            })
        };
        match kind {
            Kind::Fork => {
                let parent_start_ns = fields.u64()?;
                let parent_pid = fields.u32()?;
                fields.u32()?;
                let comm = fields.comm()?;
                self.push(event(EventKind::Fork(Fork {
                    parent_pid,
                    parent_start_ns,
                    comm,
                })));
            }
            Kind::Arguments => {
                let offset = fields.u32()? as usize;
                let length = fields.u32()? as usize;
                let part = fields.bytes(length)?;
                self.arguments.add(header.tid, header.boot_ns, offset, part);
            }
            Kind::Exec => {
                let exec = self.exec(fields, header)?;
                self.push(event(EventKind::Exec(exec)));
            }
            Kind::Exit => {
                let status = fields.u32()?;
                fields.u32()?;
                let lineage = Some(fields.lineage()?);
                self.arguments.forget(header.tid);
                if !self.exits.contains(&process) {
                    self.exits.push_back(process);
                    if self.exits.len() > RECENT_EXITS {
                        self.exits.pop_front();
                    }
                    self.push(event(EventKind::Exit(Exit { status, lineage })));
                }
            }
            Kind::Rename => {
                let from = fields.comm()?;
                let to = fields.comm()?;
                let tid = header.tid;
                let lineage = Some(fields.lineage()?);
                self.push(event(EventKind::Rename(Rename {
                    tid,
                    from,
                    to,
                    lineage,
                })));
            }
            Kind::Credentials => {
                let real_user = fields.lineage()?.real_user;
                let at_end = false;
                let changed = UserChanged { real_user, at_end };
                self.push(event(EventKind::UserChanged(changed)));
            }
            Kind::ExecFailed => {
                let failed = exec::failed(fields)?;
                self.push(event(EventKind::ExecFailed(failed)));
            }
            Kind::SocketOpened => {
                let opened = SocketOpened {
                    family: fields.u32()?,
                    form: fields.u32()?,
                    protocol: fields.u32()?,
                };
                self.push(event(EventKind::SocketOpened(opened)));
            }
            Kind::Accept => {
                let socket = fields.u64()?;
                let ends = fields.endpoints()?;
                let owned = self.number(ProcessId::default(), 0);
                self.sockets.connect(socket, 0, owned);
                let inbound = ends.inbound(owned.connection, super::Protocol::Tcp);
                self.push([owned.event(header.boot_ns, EventKind::Inbound(inbound))]);
            }
            Kind::UnixConnect => {
                fields.u64()?;
                let peer_pid = fields.u32()?;
                let length = fields.u32()? as usize;
                let path = unix_path(fields.bytes(length)?);
                self.push(event(EventKind::UnixConnect(UnixConnect {
                    path,
                    peer_pid,
                })));
            }
            Kind::Cgroup => {
                let length = fields.u32()? as usize;
                let cut = fields.u32()? != 0;
                let path = path(fields.bytes(length)?, cut);
                self.push(event(EventKind::Cgroup(Cgroup { path })));
            }
            Kind::Connect => {
                let socket = fields.u64()?;
                let cookie = fields.u64()?;
                let ends = fields.endpoints()?;
                if let Some(former) = self.sockets.attempt_went_out(header.tid, cookie) {
                    let failed = self.fail(former);
                    self.push(failed);
                }
                let owned = self.number(process, header.user);
                self.sockets.connect(socket, cookie, owned);
                let connect = ends.connect(owned.connection, super::Protocol::Tcp);
                self.push([owned.event(header.boot_ns, EventKind::Connect(connect))]);
            }
            Kind::Attempt => {
                let cookie = fields.u64()?;
                let ends = fields.endpoints()?;
                let attempt = Attempt {
                    boot_ns: header.boot_ns,
                    process,
                    user: header.user,
                    cookie,
                    ends,
                    error: 0,
                };
                if let Some(former) = self.sockets.attempt(header.tid, attempt) {
                    let failed = self.fail(former);
                    self.push(failed);
                }
            }
            Kind::Route => {
                let error = fields.u32()?;
                self.sockets.route(header.tid, error);
            }
            Kind::Listen => {
                let socket = fields.u64()?;
                let ends = fields.endpoints()?;
                let owned = self.number(process, header.user);
                self.sockets.connect(socket, 0, owned);
                let listen = ends.listen(owned.connection);
                self.push([owned.event(header.boot_ns, EventKind::Listen(listen))]);
            }
            Kind::Bind => {
                let cookie = fields.u64()?;
                let ends = fields.endpoints()?;
                let owned = self.number(process, header.user);
                let dropped =
                    self.datagrams
                        .add(cookie, None, owned, false, header.boot_ns, counts);
                self.push(dropped);
                let mut listen = ends.listen(owned.connection);
                listen.any_port = fields.u32()? != 0;
                self.push([owned.event(header.boot_ns, EventKind::Bind(listen))]);
            }
            Kind::Peer => {
                let cookie = fields.u64()?;
                let ends = fields.endpoints()?;
                let is_inbound = fields.u32()? != 0;
                // Only connect(2) makes the entry of a connected socket.
                let may_return = fields.u32()? == 0;
                let bound = self.datagrams.owner(cookie).filter(|_| process.pid == 0);
                let owned = match bound {
                    // A pre-existing socket: the kernel side does not know its process.
                    Some(bound) => self.number(bound.process, bound.user),
                    None => self.number(process, header.user),
                };
                let peer = Some(&ends);
                let dropped =
                    self.datagrams
                        .add(cookie, peer, owned, may_return, header.boot_ns, counts);
                self.push(dropped);
                let udp = super::Protocol::Udp;
                let kind = match is_inbound {
                    true => EventKind::Inbound(ends.inbound(owned.connection, udp)),
                    false => EventKind::Connect(ends.connect(owned.connection, udp)),
                };
                self.push([owned.event(header.boot_ns, kind)]);
            }
            Kind::Released => {
                let cookie = fields.u64()?;
                let closed = self.datagrams.release(cookie, header.boot_ns, counts);
                self.push(closed);
            }
            Kind::Payload => {
                let payload = self.payload(header.boot_ns, fields)?;
                self.decoded.push_back(Decoded::Payload(payload));
            }
            Kind::SocketState => {
                let change = sockets::Change::read(header.boot_ns, process, header.user, fields)?;
                match self.sockets.change(&change) {
                    Some(event) => self.push([event]),
                    None => self.unowned += 1,
                }
            }
        }
        Some(())
    }
}
