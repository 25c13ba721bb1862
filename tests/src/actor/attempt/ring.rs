//! Connects without the system call connect(2): through io_uring, which no hook on system calls
//! sees.

use std::{
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd},
};

use io_uring::{IoUring, opcode::Connect, squeue, types::Fd};
use nix::{
    errno::Errno,
    sys::socket::{SockaddrLike, SockaddrStorage},
};

/// The performer of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The process that calls io_uring_enter(2).
    Caller,
    /// A thread that takes requests without being called.
    Poller,
    /// A worker, when the caller must not wait.
    Worker,
}

/// Polling time of the kernel's own thread before it sleeps, milliseconds.
const POLLS: u32 = 100;

/// Checks whether this kernel grants this user an io_uring.
pub(crate) fn is_there() -> bool {
    IoUring::new(2).is_ok()
}

pub(super) fn connect(socket: &OwnedFd, address: SocketAddr, by: By) -> Result<(), Errno> {
    let mut builder = IoUring::builder();
    if by == By::Poller {
        builder.setup_sqpoll(POLLS);
    }
    let mut ring: IoUring = builder.build(2).expect("a ring");
    let address = SockaddrStorage::from(address);
    let mut request = Connect::new(Fd(socket.as_raw_fd()), address.as_ptr(), address.len()).build();
    if by == By::Worker {
        request = request.flags(squeue::Flags::ASYNC);
    }
    // SAFETY: the address and the socket live until the answer has come.
    unsafe { ring.submission().push(&request) }.expect("room for a request");
    ring.submit_and_wait(1).expect("an answer");
    let answer = ring.completion().next().expect("the answer").result();
    match answer {
        0 => Ok(()),
        error => Err(Errno::from_raw(-error)),
    }
}
