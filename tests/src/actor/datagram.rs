//! Plays programs that send and receive datagrams, each socket in one pattern, and counts them.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr, SocketAddrV6},
    os::fd::{AsRawFd, OwnedFd},
};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, bind, connect, recv, recvfrom,
    send, sendto, setsockopt, socket, sockopt,
};

use super::{
    attempt::local_of,
    script::{Line, OpenSockets, say},
};

/// Patterns of traffic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pattern {
    /// To a peer that the socket is connected to.
    Connected,
    /// The same, with the socket kept until the process ends.
    Kept,
    /// To a peer that each datagram is addressed to.
    Addressed,
    /// In a thread that is not the first.
    Thread,
    /// To a peer that does not answer.
    Quiet,
    /// Ends at once after that.
    Leave,
    /// To an unreachable address: it must not be sent.
    Unsent,
    /// To so many peers, at ports in a row, one to each, without waiting for answers.
    Scan,
    /// To each of so many peers, at ports in a row, one more than to the one before.
    Many,
    /// Each datagram in three calls.
    Corked,
    /// In one call for all of them, that the kernel takes apart (UDP_SEGMENT).
    Segmented,
    /// From a port of its own choice; counts the datagrams received.
    Bound,
    /// Echoes datagrams.
    Server,
}

/// `PATTERN own|mapped ADDRESS COUNT SIZE`. Prints `counted LOCAL SENT BYTES RECEIVED BYTES`. Those
/// that wait for others print `waits` on stderr first.
pub(super) struct Talk {
    pattern: Pattern,
    mapped: bool,
    address: SocketAddr,
    count: usize,
    size: usize,
}

/// Datagrams and bytes each way.
#[derive(Default)]
struct Count {
    sent: (u64, u64),
    received: (u64, u64),
}

impl Count {
    fn sends(&mut self, bytes: usize) {
        self.sent.0 += 1;
        self.sent.1 += bytes as u64;
    }

    fn receives(&mut self, bytes: usize) {
        self.received.0 += 1;
        self.received.1 += bytes as u64;
    }
}

impl Line for Talk {
    fn read(words: &[&str]) -> Option<Talk> {
        let [pattern, socket, address, count, size] = words else {
            return None;
        };
        Some(Talk {
            pattern: match *pattern {
                "connected" => Pattern::Connected,
                "kept" => Pattern::Kept,
                "unsent" => Pattern::Unsent,
                "scan" => Pattern::Scan,
                "addressed" => Pattern::Addressed,
                "thread" => Pattern::Thread,
                "quiet" => Pattern::Quiet,
                "leave" => Pattern::Leave,
                "many" => Pattern::Many,
                "corked" => Pattern::Corked,
                "segmented" => Pattern::Segmented,
                "bound" => Pattern::Bound,
                "server" => Pattern::Server,
                _ => return None,
            },
            mapped: *socket == "mapped",
            address: address.parse().ok()?,
            count: count.parse().ok()?,
            size: size.parse().ok()?,
        })
    }

    fn stays(&self) -> bool {
        self.pattern == Pattern::Kept
    }

    fn play(self, name: &str) -> Option<OpenSockets> {
        let socket = self.socket();
        let count = match self.pattern {
            Pattern::Thread => std::thread::scope(|scope| {
                let other = scope.spawn(|| self.talk(name, &socket));
                other.join().expect("the thread")
            }),
            _ => self.talk(name, &socket),
        };
        let local = local_of(&socket).expect("its address");
        let ((sent, bytes_sent), (received, bytes_received)) = (count.sent, count.received);
        say(&format!(
            "{name} counted {local} {sent} {bytes_sent} {received} {bytes_received}"
        ));
        self.stays().then(|| vec![socket])
    }
}

impl Talk {
    fn socket(&self) -> OwnedFd {
        let family = if self.address.is_ipv4() && !self.mapped {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        };
        socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).expect("a socket")
    }

    /// Returns the peer at a later port than the script's.
    fn peer(&self, further: u16) -> SockaddrStorage {
        let port = self.address.port() + further;
        let address = match self.address.ip() {
            IpAddr::V4(v4) if self.mapped => {
                SocketAddrV6::new(v4.to_ipv6_mapped(), port, 0, 0).into()
            }
            other => SocketAddr::new(other, port),
        };
        SockaddrStorage::from(address)
    }

    fn talk(&self, name: &str, socket: &OwnedFd) -> Count {
        let mut count = Count::default();
        let question = vec![b'q'; self.size];
        let descriptor = socket.as_raw_fd();
        let none = MsgFlags::empty();
        let connected = || connect(descriptor, &self.peer(0)).expect("a peer");
        match self.pattern {
            Pattern::Connected | Pattern::Kept => {
                connected();
                for _ in 0..self.count {
                    count.sends(send(descriptor, &question, none).expect("a question"));
                    count.receives(answer(socket));
                }
            }
            Pattern::Addressed | Pattern::Thread => {
                for _ in 0..self.count {
                    let sent = sendto(descriptor, &question, &self.peer(0), none);
                    count.sends(sent.expect("a question"));
                    count.receives(answer(socket));
                }
            }
            Pattern::Quiet | Pattern::Leave => {
                // The peer does not echo a datagram with this prefix.
                let question = vec![b'0'; self.size];
                for _ in 0..self.count {
                    let sent = sendto(descriptor, &question, &self.peer(0), none);
                    count.sends(sent.expect("a question"));
                }
                if self.pattern == Pattern::Leave {
                    // SAFETY: it only ends the process.
                    unsafe { libc::_exit(0) };
                }
            }
            Pattern::Unsent => {
                for _ in 0..self.count {
                    let sent = sendto(descriptor, &question, &self.peer(0), none);
                    sent.expect_err("no pattern there");
                }
            }
            Pattern::Scan => {
                for peer in 0..u16::try_from(self.count).expect("a port") {
                    let sent = sendto(descriptor, &question, &self.peer(peer), none);
                    count.sends(sent.expect("a question"));
                }
            }
            Pattern::Many => {
                for peer in 0..u16::try_from(self.count).expect("a port") {
                    for _ in 0..=peer {
                        let sent = sendto(descriptor, &question, &self.peer(peer), none);
                        count.sends(sent.expect("a question"));
                        count.receives(answer(socket));
                    }
                }
            }
            Pattern::Corked => {
                connected();
                for _ in 0..self.count {
                    let more = MsgFlags::from_bits_retain(libc::MSG_MORE);
                    let mut bytes = 0;
                    for flags in [more, more, none] {
                        bytes += send(descriptor, &question, flags).expect("a part");
                    }
                    count.sends(bytes);
                    count.receives(answer(socket));
                }
            }
            Pattern::Segmented => {
                connected();
                let size = i32::try_from(self.size).expect("a size");
                setsockopt(socket, sockopt::UdpGsoSegment, &size).expect("an option");
                let sent = send(descriptor, &question.repeat(self.count), none);
                assert_eq!(sent, Ok(self.size * self.count));
                for _ in 0..self.count {
                    count.sends(self.size);
                    count.receives(answer(socket));
                }
            }
            Pattern::Bound | Pattern::Server => {
                bind(descriptor, &self.peer(0)).expect("a port");
                // For its senders; in one piece, as `say` does.
                let line = format!("{name} waits\n");
                std::io::stderr()
                    .write_all(line.as_bytes())
                    .expect("a line");
                for _ in 0..self.count {
                    let mut question = vec![0; 65_536];
                    let (bytes, from) =
                        recvfrom::<SockaddrStorage>(descriptor, &mut question).expect("a question");
                    count.receives(bytes);
                    if self.pattern == Pattern::Server {
                        let question = question.get(..bytes).expect("what came");
                        let from = from.expect("a peer");
                        let sent = sendto(descriptor, question, &from, none);
                        count.sends(sent.expect("an answer"));
                    }
                }
            }
        }
        count
    }
}

/// Receives one answer, and returns its length.
fn answer(socket: &OwnedFd) -> usize {
    let mut answer = vec![0; 65_536];
    recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).expect("an answer")
}
