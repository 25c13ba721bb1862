//! Keeps what is the same on many lines in a row: rendered processes, and the second of a time.
//!
//! A line of jsonl is mostly its process. One that a process of the event before had is copied,
//! unless an event since then may have changed it, such as one of another user. Builds with debug
//! assertions compare every copy with the process as it is.

use std::cell::{Cell, RefCell};

use super::{field::Object, page::Clock};
use crate::{
    event::{Event, EventKind, Lineage, ProcessId},
    model::{Origin, Process},
};

/// Count of processes that are kept, each in a slot by its process id.
const SLOTS: usize = 4096;

/// Bytes of the longest process that is kept: all together take 8 MiB at most.
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

/// Renderings from earlier lines.
pub(super) struct Kept {
    slots: RefCell<Vec<Slot>>,
    /// Slots of earlier generations are void.
    generation: u64,
    /// A second since 1970, and its date and time.
    second: Cell<Option<(i64, [u8; SECOND_BYTES])>>,
}

impl Kept {
    pub(super) fn new() -> Kept {
        Kept {
            slots: RefCell::new(vec![Slot::default(); SLOTS]),
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

    /// Returns a time as [`Clock::rfc3339`] does.
    pub(super) fn rfc3339(&self, clock: &Clock, boot_ns: u64) -> String {
        const SECOND_NS: i64 = 1_000_000_000;
        let since_1970 = i64::try_from(boot_ns)
            .ok()
            .and_then(|boot_ns| boot_ns.checked_add(clock.offset_ns));
        // Other times are forged, or none.
        let Some(since_1970) = since_1970.filter(|since| *since >= 0) else {
            return clock.rfc3339(boot_ns);
        };
        let second = since_1970 / SECOND_NS;
        let text = match self.second.get() {
            Some((kept, text)) if kept == second => text,
            Some(_) | None => {
                let whole = clock.rfc3339(boot_ns);
                let text = whole.as_bytes().first_chunk::<SECOND_BYTES>();
                if let Some(text) = text.filter(|_| whole.len() == SECOND_BYTES + 10) {
                    self.second.set(Some((second, *text)));
                }
                return whole;
            }
        };
        let mut line = String::with_capacity(SECOND_BYTES + 10);
        line.push_str(std::str::from_utf8(&text).unwrap_or_default());
        let nanoseconds = since_1970 % SECOND_NS;
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(nanoseconds);
        line.push_str("000000000".get(digits.len()..).unwrap_or_default());
        line.push_str(digits);
        line.push('Z');
        line
    }
}

fn rendered(process: &Object<'_, Process>) -> Vec<u8> {
    let mut line = Vec::new();
    process.append(&mut line);
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
                    assert_eq!(kept.rfc3339(&clock, boot_ns), clock.rfc3339(boot_ns));
                }
            }
        }
    }
}
