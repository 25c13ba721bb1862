//! Keeps what is the same on many lines in a row: rendered processes and connections, the second
//! of a time, and the names of recording and machine.
//!
//! A line of jsonl is mostly its process. One that a process of the event before had is copied,
//! unless an event since then may have changed it, such as one of another user. Of a connection all
//! but its number and its port follows from traits that never change, and from tags of addresses.
//! Builds with debug assertions compare every copy with the process or connection as it is.

use std::{
    cell::{Cell, OnceCell, RefCell},
    net::SocketAddr,
    sync::Arc,
};

use memchr::memmem;

use super::{
    field::Object,
    page::{Clock, push_address},
    value::TIME_BYTES,
};
use crate::{
    event::{Event, EventKind, Lineage, ProcessId},
    model::{Connection, Origin, Process, Traits},
};

/// Count of processes that are kept, each in a slot by its process id; and of traits, each by its
/// place in memory.
const SLOTS: usize = 4096;

/// Bytes of the longest process or connection that is kept: 8 MiB at most of either.
const LONGEST: usize = 2048;

/// Bytes of a date and time up to the point before the nanoseconds.
const SECOND_BYTES: usize = "2026-11-29T04:05:06.".len();

/// A process, rendered in a generation of the cache.
#[derive(Clone, Default)]
struct Slot {
    id: ProcessId,
    generation: u64,
    user: u32,
    real_user: Option<u32>,
    login_user: Option<u32>,
    /// True if a later event may name its parent.
    lacks_parent: bool,
    bytes: Vec<u8>,
}

impl Slot {
    /// True if an event whose lineage is that of the process changes nothing in it.
    fn has(&self, lineage: &Lineage) -> bool {
        !self.lacks_parent
            && self.real_user == Some(lineage.real_user)
            && (lineage.login_user.is_none() || self.login_user == lineage.login_user)
    }
}

/// A connection with certain traits, rendered in a generation of the cache.
#[derive(Clone, Default)]
struct Ends {
    /// The traits, which stay where they are as long as they are kept here.
    traits: Option<Arc<Traits>>,
    generation: u64,
    /// The parts behind its number, and behind its port.
    parts: [Vec<u8>; 2],
}

/// Renderings from earlier lines.
pub(super) struct Kept {
    slots: RefCell<Vec<Slot>>,
    ends: RefCell<Vec<Ends>>,
    /// The names of recording and machine; the second ones in rows with a host of their own.
    origins: [OnceCell<Vec<u8>>; 2],
    /// Slots of earlier generations are void.
    generation: u64,
    /// A second since 1970, and its date and time.
    second: Cell<Option<(i64, [u8; SECOND_BYTES])>>,
}

impl Kept {
    pub(super) fn new() -> Kept {
        Kept {
            slots: RefCell::new(vec![Slot::default(); SLOTS]),
            ends: RefCell::new(vec![Ends::default(); SLOTS]),
            origins: [OnceCell::new(), OnceCell::new()],
            generation: 1,
            second: Cell::new(None),
        }
    }

    /// Forgets the processes that an event may have changed. It must see every event that the model
    /// applies.
    pub(super) fn note(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Fork(fork) => {
                self.forget_unless(fork.parent_pid, |slot| slot.user == event.user);
                self.forget(event.process.pid);
            }
            EventKind::Exit(exit) => self.forget_unless(event.process.pid, |slot| {
                let lineage = exit.lineage.as_ref();
                slot.user == event.user && lineage.is_none_or(|lineage| slot.has(lineage))
            }),
            EventKind::Exec(_) | EventKind::Rename(_) | EventKind::UserChanged(_) => {
                self.forget(event.process.pid);
            }
            // They change no more than the user.
            EventKind::ExecFailed(_)
            | EventKind::SocketOpened(_)
            | EventKind::Inbound(_)
            | EventKind::UnixConnect(_)
            | EventKind::Connect(_)
            | EventKind::Established(_)
            | EventKind::ConnectFailed(_)
            | EventKind::Shutdown(_)
            | EventKind::Close(_)
            | EventKind::File(_)
            | EventKind::Listen(_)
            | EventKind::Bind(_)
            | EventKind::Counted(_)
            | EventKind::Dns(_)
            | EventKind::TlsHello(_)
            | EventKind::HttpRequest(_)
            | EventKind::HttpAnswer(_) => {
                self.forget_unless(event.process.pid, |slot| slot.user == event.user);
            }
            // Units, users, containers and snapshots concern other processes, too.
            EventKind::Held(_)
            | EventKind::Cgroup(_)
            | EventKind::Snapshot(_)
            | EventKind::UserNamed(_)
            | EventKind::ContainerNamed(_)
            | EventKind::CommandStarted(_)
            | EventKind::CommandEnded(_)
            | EventKind::Units(_)
            | EventKind::Unit(_)
            | EventKind::UnitFollowed(_)
            | EventKind::Sockets(_)
            | EventKind::AddressTagged(_)
            | EventKind::Hosts(_)
            | EventKind::Compared(_)
            | EventKind::FilesCompared(_)
            | EventKind::FilesElsewhere(_)
            | EventKind::FileHashed(_)
            | EventKind::Unreadable(_)
            | EventKind::Carried(_)
            | EventKind::SegmentsDeleted(_)
            | EventKind::Lost(_)
            | EventKind::KernelLog(_)
            | EventKind::End(_) => self.generation += 1,
        }
    }

    fn forget(&mut self, pid: u32) {
        self.forget_unless(pid, |_| false);
    }

    /// Forgets what a slot has, unless an event leaves that process as it is.
    fn forget_unless(&mut self, pid: u32, is_same: impl Fn(&Slot) -> bool) {
        let slot = self.slots.get_mut().get_mut(slot_of(pid));
        if let Some(slot) = slot.filter(|slot| !is_same(slot)) {
            slot.generation = 0;
        }
    }

    /// Appends a process to a line.
    pub(super) fn process(&self, line: &mut Vec<u8>, process: &Object<'_, Process>) {
        let row = process.row();
        let id = row.id;
        let start = line.len();
        let Ok(mut slots) = self.slots.try_borrow_mut() else {
            return process.append(line);
        };
        let Some(slot) = slots.get_mut(slot_of(id.pid)) else {
            return process.append(line);
        };
        if slot.generation == self.generation && slot.id == id {
            line.extend_from_slice(&slot.bytes);
            debug_assert_eq!(
                rendered(process),
                slot.bytes,
                "a kept process has changed without a note"
            );
            return;
        }
        process.append(line);
        let bytes = line.get(start..).unwrap_or_default();
        if bytes.len() <= LONGEST {
            slot.bytes.clear();
            slot.bytes.extend_from_slice(bytes);
            slot.id = id;
            slot.generation = self.generation;
            slot.user = row.user;
            slot.real_user = row.real_user;
            slot.login_user = row.login_user;
            slot.lacks_parent = row.origin == Origin::Unseen && row.parent.is_none();
        }
    }

    /// Appends a connection to a line.
    pub(super) fn connection(&self, line: &mut Vec<u8>, connection: &Object<'_, Connection>) {
        let row = connection.row();
        let traits = row.traits();
        let local = row.local().filter(|local| local.port() != 0);
        let (Some(local), Ok(mut slots)) = (local, self.ends.try_borrow_mut()) else {
            return connection.append(line);
        };
        // Allocations are multiples of 16 bytes apart.
        let place = Arc::as_ptr(traits).addr() / 16 % SLOTS;
        let Some(slot) = slots.get_mut(place) else {
            return connection.append(line);
        };
        let start = line.len();
        let is_kept = slot.generation == self.generation
            && slot
                .traits
                .as_ref()
                .is_some_and(|kept| Arc::ptr_eq(kept, traits));
        if is_kept {
            let [before, after] = &slot.parts;
            line.extend_from_slice(NUMBER);
            line.extend_from_slice(itoa::Buffer::new().format(row.id).as_bytes());
            line.extend_from_slice(before);
            line.extend_from_slice(itoa::Buffer::new().format(local.port()).as_bytes());
            line.extend_from_slice(after);
            debug_assert_eq!(
                rendered(connection),
                line.get(start..).unwrap_or_default(),
                "a kept connection has changed without a note"
            );
            return;
        }
        connection.append(line);
        let whole = line.get(start..).unwrap_or_default();
        if let Some(parts) = parts(whole, row.id, local).filter(|_| whole.len() <= LONGEST) {
            for (kept, part) in slot.parts.iter_mut().zip(parts) {
                kept.clear();
                kept.extend_from_slice(part);
            }
            slot.traits = Some(Arc::clone(traits));
            slot.generation = self.generation;
        }
    }

    /// Returns the names of recording and machine at the end of a line, as `write` writes them.
    /// They are those of the first line.
    pub(super) fn origin(&self, has_host: bool, write: impl FnOnce() -> Vec<u8>) -> &[u8] {
        let [plain, beside_host] = &self.origins;
        match has_host {
            true => beside_host.get_or_init(write),
            false => plain.get_or_init(write),
        }
    }

    /// Returns a time as [`Clock::rfc3339`] does, unless it is forged.
    pub(super) fn time(&self, clock: &Clock, boot_ns: u64) -> Option<[u8; TIME_BYTES]> {
        const SECOND_NS: i64 = 1_000_000_000;
        let since_1970 = i64::try_from(boot_ns).ok()?.checked_add(clock.offset_ns)?;
        if since_1970 < 0 {
            return None;
        }
        let second = since_1970 / SECOND_NS;
        let begin = match self.second.get() {
            Some((kept, begin)) if kept == second => begin,
            Some(_) | None => {
                let whole = clock.rfc3339(boot_ns);
                let whole: &[u8; TIME_BYTES] = whole.as_bytes().try_into().ok()?;
                let begin = whole.first_chunk::<SECOND_BYTES>()?;
                self.second.set(Some((second, *begin)));
                return Some(*whole);
            }
        };
        let mut time = [b'Z'; TIME_BYTES];
        let (seconds, digits) = time.split_first_chunk_mut::<SECOND_BYTES>()?;
        *seconds = begin;
        let mut nanoseconds = since_1970 % SECOND_NS;
        // The last byte is the zone.
        for digit in digits.iter_mut().rev().skip(1) {
            *digit = b'0' + (nanoseconds % 10) as u8;
            nanoseconds /= 10;
        }
        Some(time)
    }
}

/// The begin of a rendered connection.
const NUMBER: &[u8] = b"{\"id\":";

/// Returns the parts of a rendered connection behind its number and behind its port.
fn parts(whole: &[u8], id: u64, local: SocketAddr) -> Option<[&[u8]; 2]> {
    const LOCAL: &[u8] = b",\"local\":\"";
    let rest = whole.strip_prefix(NUMBER)?;
    let rest = rest.strip_prefix(itoa::Buffer::new().format(id).as_bytes())?;
    let mut address = String::new();
    push_address(&mut address, local);
    // Before it are words of the tool's own.
    let end = memmem::find(rest, LOCAL)? + LOCAL.len() + address.len();
    let (before, after) = rest.split_at_checked(end)?;
    let before = before.strip_suffix(itoa::Buffer::new().format(local.port()).as_bytes())?;
    Some([before, after])
}

fn rendered<R>(object: &Object<'_, R>) -> Vec<u8> {
    let mut line = Vec::new();
    object.append(&mut line);
    line
}

fn slot_of(pid: u32) -> usize {
    pid as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::{Clock, Kept};

    #[test]
    fn times_are_those_of_the_clock() {
        let kept = Kept::new();
        for offset_ns in [0, 1_795_925_106_000_000_000, -5, i64::MAX, i64::MIN] {
            let clock = Clock {
                start_ns: 0,
                offset_ns,
            };
            for boot_ns in [0, 1, 999_999_999, 1_000_000_000, 1_000_000_007, u64::MAX] {
                for _ in 0..2 {
                    if let Some(time) = kept.time(&clock, boot_ns) {
                        assert_eq!(time, *clock.rfc3339(boot_ns).as_bytes());
                    }
                }
            }
        }
    }
}
