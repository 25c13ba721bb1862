//! Receives changes of user from the kernel's process events connector (`cn_proc.c`).
//! It serves the initial PID and network namespaces only, and needs CAP_NET_ADMIN.

use std::io;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_CONNECTOR};
use nix::{errno::Errno, time::ClockId};

use super::{
    bpf::{Choice, Hook},
    observe::{boot_now, nanoseconds},
};

/// `CN_IDX_PROC`: the multicast group, and the index and value of its messages.
const GROUP: u32 = 1;

/// `PROC_CN_MCAST_LISTEN`
const LISTEN: u32 = 1;

/// `PROC_EVENT_UID`
const USER_CHANGED: u32 = 4;

/// `struct nlmsghdr` and `struct cn_msg`, which precede each `struct proc_event`.
const HEADERS: usize = 16 + 20;

/// A process got other user ids (`commit_creds`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserChange {
    /// Nanoseconds since boot.
    pub boot_ns: u64,
    /// Thread group id.
    pub pid: u32,
    /// Real user id.
    pub real_user: u32,
    /// Effective user id.
    pub user: u32,
}

/// A subscription to changes of user.
pub struct UserWatch {
    socket: Socket,
    /// Time since boot minus the monotonic clock, which leaves suspended time out.
    suspended_ns: u64,
    overflows: u64,
}

impl UserWatch {
    /// Starts the watch where no program reports changes of user; notes the outcome in the choice.
    pub(in crate::capture) fn start_for(choice: &mut Choice) -> Option<UserWatch> {
        let started = match Hook::ProcessConnector.is_left_out() {
            true => Err("left out by TRACER_WITHOUT_HOOKS".to_owned()),
            false => UserWatch::start().map_err(|error| error.to_string()),
        };
        let watch = choice.fall_back(Hook::ProcessConnector, started);
        if watch.is_none() {
            choice.hook = Some(Hook::ProcAtEnd);
            choice.caveat = Some(
                "changes of user without an exec are seen with the next event of the process, or \
                 at the end"
                    .to_owned(),
            );
        }
        watch
    }

    /// Subscribes.
    ///
    /// # Errors
    ///
    /// The kernel has no connector, or another namespace is served.
    pub fn start() -> io::Result<UserWatch> {
        let mut socket = Socket::new(NETLINK_CONNECTOR)?;
        socket.bind(&SocketAddr::new(0, GROUP))?;
        socket.set_non_blocking(true)?;
        // Before Linux 6.6 the kernel takes no choice of events, and drops a request with one.
        for events in [&[][..], &USER_CHANGED.to_ne_bytes()] {
            socket.send_to(&request(events), &SocketAddr::new(0, 0), 0)?;
        }
        Ok(UserWatch {
            socket,
            suspended_ns: boot_now().saturating_sub(nanoseconds(ClockId::CLOCK_MONOTONIC)),
            overflows: 0,
        })
    }

    /// Returns the pending changes, in order.
    pub fn changes(&mut self) -> Vec<UserChange> {
        let mut changes = Vec::new();
        let mut buffer = [0_u8; 256];
        loop {
            let mut room = &mut buffer[..];
            match self.socket.recv(&mut room, 0) {
                Ok(length) => changes.extend(self.decode(&buffer[..length.min(buffer.len())])),
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
                    self.overflows += 1;
                }
                Err(_) => return changes,
            }
        }
    }

    /// Returns how often the kernel dropped changes since the last call.
    pub fn take_overflows(&mut self) -> u64 {
        std::mem::take(&mut self.overflows)
    }

    /// Decodes a message; other kinds of events yield `None`.
    fn decode(&self, message: &[u8]) -> Option<UserChange> {
        let mut change = decode(message)?;
        change.boot_ns = change.boot_ns.saturating_add(self.suspended_ns);
        Some(change)
    }
}

/// Decodes a message, with the time of the monotonic clock.
fn decode(message: &[u8]) -> Option<UserChange> {
    let event = message.get(HEADERS..)?;
    let word = |at: usize| Some(u32::from_ne_bytes(event.get(at..at + 4)?.try_into().ok()?));
    let time = u64::from_ne_bytes(event.get(8..16)?.try_into().ok()?);
    let (thread, process) = (word(16)?, word(20)?);
    // Other threads have credentials of their own; ps(1) shows those of the leader.
    (word(0)? == USER_CHANGED && thread == process).then_some(UserChange {
        boot_ns: time,
        pid: process,
        real_user: word(24)?,
        user: word(28)?,
    })
}

/// Encodes a subscription to the chosen events, or to all of them.
fn request(events: &[u8]) -> Vec<u8> {
    let payload = [&LISTEN.to_ne_bytes(), events].concat();
    let length = payload.len() as u16;
    let mut message = Vec::new();
    // `struct nlmsghdr`: length, NLMSG_DONE, flags, sequence, port.
    message.extend((HEADERS as u32 + u32::from(length)).to_ne_bytes());
    message.extend(3_u16.to_ne_bytes());
    message.extend([0; 10]);
    // `struct cn_msg`: index, value, sequence, acknowledgement, length, flags.
    message.extend(GROUP.to_ne_bytes());
    message.extend(GROUP.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(length.to_ne_bytes());
    message.extend([0; 2]);
    message.extend(payload);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_user_is_decoded_and_any_other_message_is_not() {
        let mut message = vec![0; HEADERS];
        for word in [USER_CHANGED, 0] {
            message.extend(word.to_ne_bytes());
        }
        message.extend(7_u64.to_ne_bytes());
        for word in [11_u32, 11, 33, 34] {
            message.extend(word.to_ne_bytes());
        }
        let change = UserChange {
            boot_ns: 7,
            pid: 11,
            real_user: 33,
            user: 34,
        };
        assert_eq!(decode(&message), Some(change));
        assert_eq!(decode(&message[..message.len() - 1]), None);
        message[HEADERS] = 64;
        assert_eq!(decode(&message), None);
    }
}
