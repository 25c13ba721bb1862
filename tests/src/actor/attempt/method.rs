//! Connects by different methods, each with the system calls under test. Later actions are the
//! caller's.

use std::{
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
        socket::{
            AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, bind, connect,
            getsockopt, sendto, setsockopt, socket, sockopt,
        },
    },
    unistd::alarm,
};

use super::{Attempt, ring};

/// Methods to connect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectMethod {
    /// Waits in the system call.
    Blocking,
    /// Waits in poll(2).
    Nonblocking,
    /// Does not wait for anything.
    Hasty,
    /// In a thread that is not the first.
    Thread,
    /// Does not block, calls again during the attempt, and again after it.
    Repeated,
    /// Is interrupted by a signal, with an answer still to come.
    Interrupted,
    /// Is ended by a signal, with an answer still to come.
    Killed,
    /// With the question in the system call that asks for the connection.
    Fast,
    /// Then asks for the route of a datagram to the remote end, without sending one.
    Sounding,
    /// From the address and port that it asks for.
    Itself,
    /// First at the next port, where it fails; then with the same socket.
    Again,
    /// First at the next port, where it connects and gives that up; then with the same socket.
    Redial,
    /// Connects, and another process goes on with the socket.
    Pass,
    /// Makes the socket, and another process connects it.
    Lend,
    /// Without waiting, with more SYNs than the others.
    Persistent,
    /// Through io_uring.
    Ring,
    /// Through io_uring, by a thread of the kernel's that polls for requests.
    RingPolled,
    /// Through io_uring, by a worker of the kernel's.
    RingWorker,
}

impl ConnectMethod {
    pub(super) fn of(name: &str) -> Option<ConnectMethod> {
        Some(match name {
            "blocking" => ConnectMethod::Blocking,
            "nonblocking" => ConnectMethod::Nonblocking,
            "hasty" => ConnectMethod::Hasty,
            "thread" => ConnectMethod::Thread,
            "repeated" => ConnectMethod::Repeated,
            "interrupted" => ConnectMethod::Interrupted,
            "killed" => ConnectMethod::Killed,
            "fast" => ConnectMethod::Fast,
            "sounding" => ConnectMethod::Sounding,
            "itself" => ConnectMethod::Itself,
            "again" => ConnectMethod::Again,
            "redial" => ConnectMethod::Redial,
            "pass" => ConnectMethod::Pass,
            "lend" => ConnectMethod::Lend,
            "persistent" => ConnectMethod::Persistent,
            "ring" => ConnectMethod::Ring,
            "ring-polled" => ConnectMethod::RingPolled,
            "ring-worker" => ConnectMethod::RingWorker,
            _ => return None,
        })
    }
}

pub(super) fn new_socket(address: SocketAddr) -> OwnedFd {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket")
}

/// Connects with a new socket.
pub(super) fn ask(attempt: &Attempt) -> (OwnedFd, Result<(), Errno>) {
    let address = attempt.address();
    let socket = new_socket(address);
    let answer = match attempt.method {
        ConnectMethod::Nonblocking => nonblocking(&socket, address),
        ConnectMethod::Hasty | ConnectMethod::Persistent => {
            if attempt.method == ConnectMethod::Persistent {
                persist(&socket);
            }
            set_blocking(&socket, false);
            match plain(&socket, address) {
                Err(Errno::EINPROGRESS) => Ok(()),
                other => other,
            }
        }
        ConnectMethod::Repeated => repeated(&socket, address),
        ConnectMethod::Interrupted => {
            let nothing =
                SigAction::new(SigHandler::Handler(hear), SaFlags::empty(), SigSet::empty());
            // SAFETY: the handler does nothing at all.
            unsafe { sigaction(Signal::SIGALRM, &nothing) }.expect("a handler");
            alarm::set(1);
            plain(&socket, address)
        }
        ConnectMethod::Killed => {
            alarm::set(1);
            plain(&socket, address)
        }
        ConnectMethod::Fast => sendto(
            socket.as_raw_fd(),
            &[b'q'; 1000],
            &SockaddrStorage::from(address),
            MsgFlags::from_bits_retain(libc::MSG_FASTOPEN),
        )
        .map(drop),
        ConnectMethod::Sounding => {
            let answer = plain(&socket, address);
            for peer in ["192.0.2.2:9", "[2001:db8:1::2]:9"] {
                let family = match peer.starts_with('[') {
                    true => "[::]:0",
                    false => "0.0.0.0:0",
                };
                let datagrams = std::net::UdpSocket::bind(family).expect("a socket");
                datagrams.connect(peer).expect("a way");
            }
            answer
        }
        ConnectMethod::Itself => {
            bind(socket.as_raw_fd(), &SockaddrStorage::from(address)).expect("a port");
            plain(&socket, address)
        }
        ConnectMethod::Ring => ring::connect(&socket, address, ring::By::Caller),
        ConnectMethod::RingPolled => ring::connect(&socket, address, ring::By::Poller),
        ConnectMethod::RingWorker => ring::connect(&socket, address, ring::By::Worker),
        ConnectMethod::Blocking
        | ConnectMethod::Thread
        | ConnectMethod::Again
        | ConnectMethod::Redial
        | ConnectMethod::Pass
        | ConnectMethod::Lend => plain(&socket, address),
    };
    (socket, answer)
}

/// Connects at the next port first, with the same socket.
pub(super) fn ask_twice(attempt: &Attempt) -> (OwnedFd, Result<(), Errno>) {
    let address = attempt.address();
    let mut other = address;
    other.set_port(address.port() + 1);
    let socket = new_socket(address);
    let first = plain(&socket, other);
    if attempt.method == ConnectMethod::Redial {
        first.expect("a connection");
        nix::unistd::write(&socket, b"never mind").expect("a word");
        disconnect(&socket);
    } else {
        first.expect_err("a refusal");
    }
    let answer = plain(&socket, address);
    (socket, answer)
}

pub(super) fn plain(socket: &OwnedFd, address: SocketAddr) -> Result<(), Errno> {
    connect(socket.as_raw_fd(), &SockaddrStorage::from(address))
}

fn nonblocking(socket: &OwnedFd, address: SocketAddr) -> Result<(), Errno> {
    set_blocking(socket, false);
    let asked = plain(socket, address);
    let answer = match asked {
        Err(Errno::EINPROGRESS) => wait(socket),
        other => other,
    };
    set_blocking(socket, true);
    answer
}

fn repeated(socket: &OwnedFd, address: SocketAddr) -> Result<(), Errno> {
    set_blocking(socket, false);
    for _ in 0..3 {
        match plain(socket, address) {
            Ok(()) | Err(Errno::EINPROGRESS | Errno::EALREADY | Errno::EISCONN) => {}
            other => return other,
        }
    }
    wait(socket)?;
    let last = plain(socket, address);
    assert!(matches!(last, Ok(()) | Err(Errno::EISCONN)), "{last:?}");
    set_blocking(socket, true);
    Ok(())
}

fn wait(socket: &OwnedFd) -> Result<(), Errno> {
    let mut waited = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
    poll(&mut waited, PollTimeout::NONE)?;
    match getsockopt(socket, sockopt::SocketError)? {
        0 => Ok(()),
        error => Err(Errno::from_raw(error)),
    }
}

fn set_blocking(socket: &OwnedFd, blocking: bool) {
    let flags = if blocking {
        OFlag::empty()
    } else {
        OFlag::O_NONBLOCK
    };
    fcntl(socket, FcntlArg::F_SETFL(flags)).expect("a flag");
}

/// Makes the peer receive a reset instead of an end.
pub(super) fn close_hard(socket: &OwnedFd) {
    let at_once = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(socket, sockopt::Linger, &at_once).expect("an option");
}

/// Disconnects, and keeps the socket: connect(2) with AF_UNSPEC.
fn disconnect(socket: &OwnedFd) {
    // SAFETY: zeroes are a valid value of this structure of integers, and stand for that family.
    let none: libc::sockaddr = unsafe { std::mem::zeroed() };
    let length = size_of_val(&none) as libc::socklen_t;
    // SAFETY: the address lives until the call returns, and the length is its own.
    let done = unsafe { libc::connect(socket.as_raw_fd(), &raw const none, length) };
    assert_eq!(done, 0, "the socket is free again");
}

/// Makes the kernel send SYNs for minutes.
fn persist(socket: &OwnedFd) {
    let count: libc::c_int = 100;
    // SAFETY: the number lives until the call returns, and the length is its own.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_SYNCNT,
            (&raw const count).cast(),
            size_of_val(&count) as libc::socklen_t,
        )
    };
    assert_eq!(set, 0, "an option");
}

/// Handles the signal, so that it does not end the process.
extern "C" fn hear(_: libc::c_int) {}
