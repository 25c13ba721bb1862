//! Kernel records to events: joins what the kernel had to send in pieces, and gives
//! sockets their owner. Total: whatever the bytes are, it answers an event, nothing or an error.

use std::collections::HashMap;

use agent_tracer_ebpf::{self as wire, Kind};

use super::{
    Cgroup, Close, Connect, ConnectFailed, Established, Event, EventKind, Exec, Exit, Fork,
    ProcessId, Rename, Shutdown,
};

/// A record that is not what the kernel side writes: the two are of different versions.
#[derive(Debug, thiserror::Error)]
#[error("malformed kernel record of kind {kind}, {length} bytes")]
pub struct Malformed {
    kind: u32,
    length: usize,
}

/// Turns records into events. It remembers what belongs together.
#[derive(Default)]
pub struct Assembler {
    /// argv bytes sent ahead, by thread, until the exec record comes; with the time of the exec,
    /// which all its parts have in common.
    ahead: HashMap<u32, (u64, Vec<u8>)>,
    /// Connections between connect and close, by the address of their socket.
    sockets: HashMap<u64, Owned>,
    /// Those that were there before, by their cookie.
    earlier: HashMap<u64, Owned>,
    connections: u64,
    /// The process that exited last, and its start: two threads that end at the same time may both
    /// report the exit of the group. Exits of one process are adjacent but for other CPUs'
    /// events, so a few are kept.
    exits: std::collections::VecDeque<ProcessId>,
    /// Events that cannot be told to any owner, since the last call of [`Assembler::take_unowned`].
    unowned: u64,
}

struct Owned {
    connection: u64,
    process: ProcessId,
    user: u32,
}

const RECENT_EXITS: usize = 256;

impl Assembler {
    /// Reads one record. `None` is a record that waits for another, or repeats one.
    pub fn record(&mut self, bytes: &[u8]) -> Result<Option<Event>, Malformed> {
        let mut fields = Fields { rest: bytes };
        let number = fields.peek_kind().unwrap_or(0);
        self.read(&mut fields).ok_or(Malformed {
            kind: number,
            length: bytes.len(),
        })
    }

    /// Takes on a connection that was there before, and numbers it.
    pub fn adopt(&mut self, cookie: u64, process: ProcessId, user: u32) -> u64 {
        self.connections += 1;
        let owned = Owned {
            connection: self.connections,
            process,
            user,
        };
        self.earlier.insert(cookie, owned);
        self.connections
    }

    /// How many changes of a socket's state were dropped because its connect was lost.
    pub fn take_unowned(&mut self) -> u64 {
        std::mem::take(&mut self.unowned)
    }

    /// The outer option is "well-formed", the inner one "an event".
    fn read(&mut self, fields: &mut Fields<'_>) -> Option<Option<Event>> {
        let header = fields.header()?;
        let process = ProcessId {
            pid: header.pid,
            start_ns: header.start_ns,
        };
        let kind = match Kind::from_number(header.kind)? {
            Kind::Fork => {
                let parent_start_ns = fields.u64()?;
                let parent_pid = fields.u32()?;
                fields.u32()?;
                EventKind::Fork(Fork {
                    parent_pid,
                    parent_start_ns,
                    comm: fields.comm()?,
                })
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
                return Some(None);
            }
            Kind::Exec => EventKind::Exec(self.exec(fields, header.tid, header.boot_ns)?),
            Kind::Exit => {
                let status = fields.u32()?;
                self.ahead.remove(&header.tid);
                if self.exits.contains(&process) {
                    return Some(None);
                }
                self.exits.push_back(process);
                if self.exits.len() > RECENT_EXITS {
                    self.exits.pop_front();
                }
                EventKind::Exit(Exit { status })
            }
            Kind::Rename => {
                let from = fields.comm()?;
                EventKind::Rename(Rename {
                    tid: header.tid,
                    from,
                    to: fields.comm()?,
                })
            }
            Kind::Cgroup => {
                let length = fields.u32()? as usize;
                let cut = fields.u32()? != 0;
                let path = path(fields.bytes(length)?, cut);
                EventKind::Cgroup(Cgroup { path })
            }
            Kind::Connect => {
                let socket = fields.u64()?;
                let ends = fields.endpoints()?;
                self.connections += 1;
                let owned = Owned {
                    connection: self.connections,
                    process,
                    user: header.user,
                };
                self.sockets.insert(socket, owned);
                EventKind::Connect(Connect {
                    connection: self.connections,
                    local_address: ends.local,
                    local_port: ends.local_port,
                    remote_address: ends.remote,
                    remote_port: ends.remote_port,
                })
            }
            Kind::SocketState => return self.socket_state(header.boot_ns, fields),
        };
        Some(Some(Event {
            boot_ns: header.boot_ns,
            process,
            user: header.user,
            kind,
        }))
    }

    fn exec(&mut self, fields: &mut Fields<'_>, tid: u32, boot_ns: u64) -> Option<Exec> {
        let argv_bytes = fields.u32()? as usize;
        let argv_ahead = fields.u32()? as usize;
        let former_tid = fields.u32()?;
        let flags = fields.u32()?;
        let filename = usize::from(fields.u16()?);
        let interpreter = usize::from(fields.u16()?);
        let executable = usize::from(fields.u16()?);
        let directory = usize::from(fields.u16()?);
        let inline = usize::from(fields.u16()?);
        fields.bytes(6)?;
        let comm = fields.comm()?;
        let filename = fields.bytes(filename)?.to_vec();
        let interpreter = fields.bytes(interpreter)?.to_vec();
        let exe = path(
            fields.bytes(executable)?,
            flags & wire::Exec::CUT_EXECUTABLE != 0,
        );
        let cwd = path(
            fields.bytes(directory)?,
            flags & wire::Exec::CUT_DIRECTORY != 0,
        );
        let inline = fields.bytes(inline)?;

        let mut area = match self.ahead.remove(&tid) {
            Some((at, area)) if at == boot_ns => area,
            Some(_) | None => Vec::new(),
        };
        // Where a part was lost, what came before it is still true; what came after is not
        // known to follow it.
        if area.len() == argv_ahead {
            area.extend_from_slice(inline);
        } else {
            area.truncate(argv_ahead);
        }
        let truncated = area.len() < argv_bytes;
        Some(Exec {
            filename,
            interpreter,
            exe,
            cwd,
            argv: split_arguments(&area),
            argv_bytes: argv_bytes as u64,
            truncated,
            comm,
            former_tid,
            path_cut: flags & (wire::Exec::CUT_EXECUTABLE | wire::Exec::CUT_DIRECTORY) != 0,
        })
    }

    fn socket_state(&mut self, boot_ns: u64, fields: &mut Fields<'_>) -> Option<Option<Event>> {
        const TCP_ESTABLISHED: u16 = 1;
        const TCP_SYN_SENT: u16 = 2;
        const TCP_SYN_RECV: u16 = 3;
        const TCP_CLOSE: u16 = 7;
        let socket = fields.u64()?;
        let cookie = fields.u64()?;
        let bytes_sent = fields.u64()?;
        let bytes_received = fields.u64()?;
        let error = fields.u32()?;
        let from = fields.u16()?;
        let to = fields.u16()?;
        let ends = fields.endpoints()?;
        let (table, key) = match cookie {
            0 => (&mut self.sockets, socket),
            cookie => (&mut self.earlier, cookie),
        };
        let owned = if to == TCP_CLOSE {
            table.remove(&key)
        } else {
            table.get(&key).map(|owned| Owned { ..*owned })
        };
        let Some(Owned {
            connection,
            process,
            user,
        }) = owned
        else {
            self.unowned += 1;
            return Some(None);
        };
        let (local_address, local_port) = (ends.local, ends.local_port);
        let kind = match (from, to) {
            (TCP_SYN_SENT | TCP_SYN_RECV, TCP_CLOSE) => EventKind::ConnectFailed(ConnectFailed {
                connection,
                local_address,
                local_port,
                error,
            }),
            (_, TCP_CLOSE) => EventKind::Close(Close {
                connection,
                bytes_sent,
                bytes_received,
                error,
            }),
            (_, TCP_ESTABLISHED) => EventKind::Established(Established {
                connection,
                local_address,
                local_port,
            }),
            (_, _) => EventKind::Shutdown(Shutdown {
                connection,
                bytes_sent,
                bytes_received,
            }),
        };
        Some(Some(Event {
            boot_ns,
            process,
            user,
            kind,
        }))
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

/// Every argument ends with a NUL; one that was cut does not.
fn split_arguments(area: &[u8]) -> Vec<Vec<u8>> {
    if area.is_empty() {
        return Vec::new();
    }
    let area = area.strip_suffix(b"\0").unwrap_or(area);
    area.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

/// Reads integers of host byte order one after the other.
struct Fields<'a> {
    rest: &'a [u8],
}

struct Ends {
    local: Vec<u8>,
    local_port: u32,
    remote: Vec<u8>,
    remote_port: u32,
}

impl<'a> Fields<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_ne_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_ne_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_ne_bytes)
    }

    fn peek_kind(&self) -> Option<u32> {
        Fields { rest: self.rest }
            .header()
            .map(|header| header.kind)
    }

    fn header(&mut self) -> Option<wire::Header> {
        Some(wire::Header {
            boot_ns: self.u64()?,
            start_ns: self.u64()?,
            kind: self.u32()?,
            pid: self.u32()?,
            tid: self.u32()?,
            user: self.u32()?,
        })
    }

    fn comm(&mut self) -> Option<Vec<u8>> {
        let comm = self.bytes(wire::COMM_BYTES)?;
        let length = comm
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(comm.len());
        Some(comm[..length].to_vec())
    }

    fn endpoints(&mut self) -> Option<Ends> {
        const AF_INET: u16 = 2;
        let family = self.u16()?;
        let local_port = u32::from(self.u16()?);
        let remote_port = u32::from(self.u16()?);
        self.u16()?;
        let local = self.bytes(16)?;
        let remote = self.bytes(16)?;
        let used = if family == AF_INET { 4 } else { 16 };
        Some(Ends {
            local: local[..used].to_vec(),
            local_port,
            remote: remote[..used].to_vec(),
            remote_port,
        })
    }
}
