//! Kernel records to events: joins what the kernel had to send in pieces, and gives
//! sockets their owner. Total: whatever the bytes are, it answers an event, nothing or an error.

mod datagrams;
mod exec;
mod fields;
mod sockets;

use std::{collections::HashMap, net::SocketAddr};

use agent_tracer_ebpf::{self as wire, Kind, PeerKey, Traffic};

pub use self::exec::Seen;
use self::{datagrams::Datagrams, exec::Identify, fields::Fields, sockets::Sockets};
use super::{Cgroup, Event, EventKind, Exit, Fork, ProcessId, Rename};

/// A record that is not what the kernel side writes: the two are of different versions.
#[derive(Debug, thiserror::Error)]
#[error("malformed kernel record of kind {kind}, {length} bytes")]
pub struct Malformed {
    kind: u32,
    length: usize,
}

/// What a record amounts to.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Something that happened.
    Event(Event),
    /// Bytes of a connection, to be looked at.
    Payload(Payload),
}

/// Bytes of a connection that have not been looked at. They are never in a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload {
    /// When they passed, nanoseconds since boot.
    pub boot_ns: u64,
    /// The connection, 0 where it is not known.
    pub connection: u64,
    /// Its owner, as far as known.
    pub process: ProcessId,
    /// Effective user id of the owner.
    pub user: u32,
    /// Whether the owner sent them.
    pub is_sent: bool,
    /// Whether they are of a datagram, else of a stream.
    pub is_datagram: bool,
    /// Where in the stream or datagram they begin.
    pub offset: u64,
    /// Whether nothing of the datagram follows.
    pub is_last: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Where datagrams are counted: reads the counts of a peer and, where nothing more is wanted of it, forgets it.
pub type TakeCount<'a> = &'a mut dyn FnMut(&PeerKey, bool) -> Option<Traffic>;

/// Turns records into events. It remembers what belongs together.
#[derive(Default)]
pub struct Assembler {
    /// argv bytes sent ahead, by thread, until the exec record comes; with the time of the exec,
    /// which all its parts have in common.
    ahead: HashMap<u32, (u64, Vec<u8>)>,
    sockets: Sockets,
    datagrams: Datagrams,
    /// The last number that a connection got.
    connections: u64,
    /// The process that exited last, and its start: two threads that end at the same time may both
    /// report the exit of the group. Exits of one process are adjacent but for other CPUs'
    /// events, so a few are kept.
    exits: std::collections::VecDeque<ProcessId>,
    /// Says which file an executable is, where the kernel tells enough.
    identify: Option<Identify>,
    /// Events that cannot be told to any owner, since the last call of [`Assembler::take_unowned`].
    unowned: u64,
}

/// Whose a socket is.
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
    /// One that asks which file an executable is.
    pub fn identifying(identify: Identify) -> Assembler {
        Assembler {
            identify: Some(identify),
            ..Assembler::default()
        }
    }

    /// Reads one record and tells what it amounts to: nothing, where it waits for another or repeats one.
    ///
    /// # Errors
    ///
    /// The record is not well-formed.
    pub fn record(
        &mut self,
        bytes: &[u8],
        count: TakeCount<'_>,
        tell: &mut dyn FnMut(Told),
    ) -> Result<(), Malformed> {
        let mut fields = Fields::of(bytes);
        let number = fields.peek_kind().unwrap_or(0);
        self.read(&mut fields, count, tell).ok_or(Malformed {
            kind: number,
            length: bytes.len(),
        })
    }

    /// Takes on a connection that was there before, and numbers it.
    pub fn adopt(&mut self, cookie: u64, process: ProcessId, user: u32) -> u64 {
        let owned = self.number(process, user);
        self.sockets.adopt(cookie, owned);
        owned.connection
    }

    /// Takes on a UDP socket that was there before, with the peer that it is connected to, if it is. Its key where
    /// datagrams are counted, and its number.
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

    /// Tells of attempts to connect that were made before that time and sent nothing.
    pub fn settle(&mut self, before_ns: u64, tell: &mut dyn FnMut(Told)) {
        for attempt in self.sockets.attempts_before(before_ns) {
            let owned = self.number(attempt.process, attempt.user);
            attempt.fail(owned, tell);
        }
    }

    /// Tells how much went over the sockets for datagrams that are still open.
    pub fn count(&mut self, boot_ns: u64, count: TakeCount<'_>, tell: &mut dyn FnMut(Told)) {
        self.datagrams.count_all(boot_ns, count, tell);
    }

    /// How many changes of a socket's state were dropped because its connect was lost.
    pub fn take_unowned(&mut self) -> u64 {
        std::mem::take(&mut self.unowned)
    }

    /// How many UDP peers were not counted to their end: there were too many at the same time.
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

    /// Nothing, where the record is not well-formed.
    fn read(
        &mut self,
        fields: &mut Fields<'_>,
        count: TakeCount<'_>,
        tell: &mut dyn FnMut(Told),
    ) -> Option<()> {
        let header = fields.header()?;
        let process = ProcessId {
            pid: header.pid,
            start_ns: header.start_ns,
        };
        let kind = Kind::from_number(header.kind)?;
        let mut event = |kind: EventKind| {
            tell(Told::Event(Event {
                boot_ns: header.boot_ns,
                process,
                user: header.user,
                kind,
            }));
        };
        match kind {
            Kind::Fork => {
                let parent_start_ns = fields.u64()?;
                let parent_pid = fields.u32()?;
                fields.u32()?;
                event(EventKind::Fork(Fork {
                    parent_pid,
                    parent_start_ns,
                    comm: fields.comm()?,
                }));
            }
            Kind::Arguments => {
                let offset = fields.u32()? as usize;
                let length = fields.u32()? as usize;
                let part = fields.bytes(length)?;
                let (boot_ns, whole) = self.ahead.entry(header.tid).or_default();
                // What is there of another exec is that of one whose record was lost.
                if *boot_ns != header.boot_ns {
                    *boot_ns = header.boot_ns;
                    whole.clear();
                }
                if offset == whole.len() && offset + length <= wire::ARGV_LIMIT {
                    whole.extend_from_slice(part);
                }
            }
            Kind::Exec => {
                let exec = self.exec(fields, header)?;
                event(EventKind::Exec(exec));
            }
            Kind::Exit => {
                let status = fields.u32()?;
                self.ahead.remove(&header.tid);
                if !self.exits.contains(&process) {
                    self.exits.push_back(process);
                    if self.exits.len() > RECENT_EXITS {
                        self.exits.pop_front();
                    }
                    event(EventKind::Exit(Exit { status }));
                }
            }
            Kind::Rename => {
                let from = fields.comm()?;
                event(EventKind::Rename(Rename {
                    tid: header.tid,
                    from,
                    to: fields.comm()?,
                }));
            }
            Kind::Cgroup => {
                let length = fields.u32()? as usize;
                let cut = fields.u32()? != 0;
                let path = path(fields.bytes(length)?, cut);
                event(EventKind::Cgroup(Cgroup { path }));
            }
            Kind::Connect => {
                let socket = fields.u64()?;
                let cookie = fields.u64()?;
                let ends = fields.endpoints()?;
                if let Some(former) = self.sockets.attempt_went_out(header.tid, cookie) {
                    let owned = self.number(former.process, former.user);
                    former.fail(owned, tell);
                }
                let owned = self.number(process, header.user);
                self.sockets.connect(socket, cookie, owned);
                let connect = ends.connect(owned.connection, super::Protocol::Tcp);
                tell(Told::Event(
                    owned.event(header.boot_ns, EventKind::Connect(connect)),
                ));
            }
            Kind::Attempt => {
                let cookie = fields.u64()?;
                let ends = fields.endpoints()?;
                let attempt = sockets::Attempt {
                    boot_ns: header.boot_ns,
                    process,
                    user: header.user,
                    cookie,
                    ends,
                    error: 0,
                };
                if let Some(former) = self.sockets.attempt(header.tid, attempt) {
                    let owned = self.number(former.process, former.user);
                    former.fail(owned, tell);
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
                tell(Told::Event(
                    owned.event(header.boot_ns, EventKind::Listen(listen)),
                ));
            }
            Kind::Bind => {
                let cookie = fields.u64()?;
                let ends = fields.endpoints()?;
                let owned = self.number(process, header.user);
                self.datagrams
                    .add(cookie, None, owned, header.boot_ns, count, tell);
                let mut listen = ends.listen(owned.connection);
                listen.any_port = fields.u32()? != 0;
                tell(Told::Event(
                    owned.event(header.boot_ns, EventKind::Bind(listen)),
                ));
            }
            Kind::Peer => {
                let cookie = fields.u64()?;
                let ends = fields.endpoints()?;
                let owned = self.number(process, header.user);
                let peer = Some(&ends);
                self.datagrams
                    .add(cookie, peer, owned, header.boot_ns, count, tell);
                let connect = ends.connect(owned.connection, super::Protocol::Udp);
                tell(Told::Event(
                    owned.event(header.boot_ns, EventKind::Connect(connect)),
                ));
            }
            Kind::Released => {
                let cookie = fields.u64()?;
                self.datagrams.release(cookie, header.boot_ns, count, tell);
            }
            Kind::Payload => {
                let payload = self.payload(header.boot_ns, fields)?;
                tell(Told::Payload(payload));
            }
            Kind::SocketState => {
                let change = sockets::Change::read(header.boot_ns, fields)?;
                match self.sockets.change(&change) {
                    Some(event) => tell(Told::Event(event)),
                    None => self.unowned += 1,
                }
            }
        }
        Some(())
    }

    fn payload(&self, boot_ns: u64, fields: &mut Fields<'_>) -> Option<Payload> {
        let cookie = fields.u64()?;
        let offset = fields.u64()?;
        let length = fields.u32()? as usize;
        let flags = fields.u32()?;
        let bytes = fields.bytes(length)?;
        let is_datagram = flags & wire::Payload::DATAGRAM != 0;
        let owned = match is_datagram {
            true => self.datagrams.owner(cookie),
            false => self.sockets.owner(cookie),
        };
        Some(Payload {
            boot_ns,
            connection: owned.map_or(0, |owned| owned.connection),
            process: owned.map(|owned| owned.process).unwrap_or_default(),
            user: owned.map_or(0, |owned| owned.user),
            is_sent: flags & wire::Payload::SENT != 0,
            is_datagram,
            offset,
            is_last: flags & wire::Payload::LAST != 0,
            bytes: bytes.to_vec(),
        })
    }
}

/// The kernel sends names from the leaf up, each with a NUL.
fn path(names: &[u8], cut: bool) -> Vec<u8> {
    let mut path = Vec::with_capacity(names.len() + 1);
    if cut {
        path.extend_from_slice(b"...");
    }
    let names = names.strip_suffix(b"\0").unwrap_or(names);
    if !names.is_empty() {
        for name in names.split(|byte| *byte == 0).rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
    } else if !cut {
        path.push(b'/');
    }
    path
}
