//! Plays sockets that wait for others: listening TCP ones, bound UDP ones.

use std::{
    net::{Ipv6Addr, SocketAddr},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, Backlog, MsgFlags, SockFlag, SockType, SockaddrStorage, bind, listen,
        sendto, setsockopt, shutdown, socket, sockopt,
    },
};

use super::{
    attempt::local_of,
    script::{Line, OpenSockets, say},
};

/// Kinds of listeners.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    /// Calls listen(2) twice, with a larger backlog.
    TcpTwice,
    /// Without a bind: the kernel chooses the port.
    TcpUnbound,
    /// At the port of another socket of the process that listens already: this call fails.
    TcpTooLate,
    /// Two that share a port.
    TcpShared,
    /// Of several paths (MPTCP).
    Mptcp,
    Udp,
    /// Receives from another socket.
    UdpHeard,
    /// Two that share a port.
    UdpShared,
    /// On both families' addresses, or on one of v4, through a v6 socket.
    Udp6,
    Tcp6,
}

/// Actions on a listener.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Stay,
    /// Waits for a moment, and closes.
    Close,
    /// Ends the process at once.
    Leave,
    /// Is left to a child that stays, by a parent that ends.
    Bequeath,
    /// Takes no more connections, and keeps the socket.
    Shut,
}

/// `KIND stay|close|leave|bequeath|shut ADDRESS`. Prints `saw LOCAL` for each of its sockets.
pub(super) struct Listener {
    kind: Kind,
    action: Action,
    address: SocketAddr,
}

impl Line for Listener {
    fn read(words: &[&str]) -> Option<Listener> {
        let [kind, action, address] = words else {
            return None;
        };
        Some(Listener {
            kind: match *kind {
                "tcp" => Kind::Tcp,
                "tcp-twice" => Kind::TcpTwice,
                "tcp-unbound" => Kind::TcpUnbound,
                "tcp-too-late" => Kind::TcpTooLate,
                "tcp-shared" => Kind::TcpShared,
                "mptcp" => Kind::Mptcp,
                "udp" => Kind::Udp,
                "udp-heard" => Kind::UdpHeard,
                "udp-shared" => Kind::UdpShared,
                "udp6" => Kind::Udp6,
                "tcp6" => Kind::Tcp6,
                _ => return None,
            },
            action: match *action {
                "stay" => Action::Stay,
                "close" => Action::Close,
                "leave" => Action::Leave,
                "bequeath" => Action::Bequeath,
                "shut" => Action::Shut,
                _ => return None,
            },
            address: address.parse().ok()?,
        })
    }

    fn stays(&self) -> bool {
        matches!(self.action, Action::Stay | Action::Bequeath | Action::Shut)
    }

    fn play(self, name: &str) -> Option<OpenSockets> {
        let sockets = self.open();
        for socket in &sockets {
            let local = local_of(socket).expect("its address");
            say(&format!("{name} saw {local}"));
        }
        match self.action {
            Action::Stay => Some(sockets),
            Action::Close => {
                std::thread::sleep(Duration::from_millis(200));
                None
            }
            // SAFETY: it only ends the process.
            Action::Leave => unsafe { libc::_exit(0) },
            Action::Bequeath => {
                // SAFETY: this process has only this one thread.
                match unsafe { nix::unistd::fork() }.expect("a process") {
                    nix::unistd::ForkResult::Child => {
                        say(&format!("{name} taken-over {}", nix::unistd::getpid()));
                        Some(sockets)
                    }
                    nix::unistd::ForkResult::Parent { .. } => std::process::exit(0),
                }
            }
            Action::Shut => {
                for socket in &sockets {
                    let how = nix::sys::socket::Shutdown::Read;
                    shutdown(socket.as_raw_fd(), how).expect("no more");
                }
                Some(sockets)
            }
        }
    }
}

impl Listener {
    fn open(&self) -> Vec<OwnedFd> {
        let address = self.address;
        match self.kind {
            Kind::Tcp => vec![tcp(address, |_| ())],
            Kind::TcpTwice => {
                let socket = tcp(address, |_| ());
                listen_at(&socket, 20).expect("more room");
                vec![socket]
            }
            Kind::TcpUnbound => {
                let socket = new(family(address), SockType::Stream, 0);
                listen_at(&socket, 10).expect("a listener");
                vec![socket]
            }
            Kind::TcpTooLate => {
                let share = |socket: &OwnedFd| {
                    setsockopt(socket, sockopt::ReuseAddr, &true).expect("an option");
                };
                let late = new(family(address), SockType::Stream, 0);
                share(&late);
                bind_to(&late, address);
                let early = tcp(address, share);
                assert_eq!(listen_at(&late, 10), Err(Errno::EADDRINUSE));
                vec![early]
            }
            Kind::TcpShared => {
                let first = tcp(address, share_port);
                let own = local_of(&first).expect("its address");
                let second = tcp(own, share_port);
                vec![first, second]
            }
            Kind::Mptcp => {
                let socket = new(family(address), SockType::Stream, libc::IPPROTO_MPTCP);
                bind_to(&socket, address);
                listen_at(&socket, 10).expect("a listener");
                vec![socket]
            }
            Kind::Udp => vec![udp(address, |_| ())],
            Kind::UdpHeard => {
                let socket = udp(address, |_| ());
                let own = local_of(&socket).expect("its address");
                let other = new(family(address), SockType::Datagram, 0);
                let sent = sendto(
                    other.as_raw_fd(),
                    b"you",
                    &SockaddrStorage::from(own),
                    MsgFlags::empty(),
                );
                assert_eq!(sent, Ok(3));
                vec![socket]
            }
            Kind::UdpShared => {
                let first = udp(address, share_port);
                let own = local_of(&first).expect("its address");
                let second = udp(own, share_port);
                vec![first, second]
            }
            Kind::Udp6 => vec![udp(through_v6(address), |_| ())],
            Kind::Tcp6 => vec![tcp(through_v6(address), |_| ())],
        }
    }
}

fn share_port(socket: &OwnedFd) {
    setsockopt(socket, sockopt::ReusePort, &true).expect("an option");
}

fn family(address: SocketAddr) -> AddressFamily {
    match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn through_v6(address: SocketAddr) -> SocketAddr {
    let ip: Ipv6Addr = match address {
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped(),
        SocketAddr::V6(v6) => *v6.ip(),
    };
    (ip, address.port()).into()
}

/// Protocols that are newer than the list of those that have names here go by number.
fn new(family: AddressFamily, kind: SockType, protocol: i32) -> OwnedFd {
    if protocol == 0 {
        return socket(family, kind, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    }
    // SAFETY: it takes numbers, and gives one that is open or negative.
    let descriptor = unsafe { libc::socket(family as i32, libc::SOCK_STREAM, protocol) };
    assert!(descriptor >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: it is this process's own, from the line above.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

fn bind_to(socket: &OwnedFd, address: SocketAddr) {
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address)).expect("a port");
}

fn listen_at(socket: &OwnedFd, room: i32) -> Result<(), Errno> {
    listen(socket, Backlog::new(room).expect("room"))
}

fn tcp(address: SocketAddr, prepare: impl Fn(&OwnedFd)) -> OwnedFd {
    let socket = new(family(address), SockType::Stream, 0);
    prepare(&socket);
    bind_to(&socket, address);
    listen_at(&socket, 10).expect("a listener");
    socket
}

fn udp(address: SocketAddr, prepare: impl Fn(&OwnedFd)) -> OwnedFd {
    let socket = new(family(address), SockType::Datagram, 0);
    prepare(&socket);
    bind_to(&socket, address);
    socket
}
