//! Plays attempts to connect, each with a later action, and prints the outcome that its process
//! saw.

mod method;
mod passing;
mod ring;

use std::{
    io::Read,
    net::{IpAddr, SocketAddr, SocketAddrV6, TcpStream},
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{Shutdown, SockaddrStorage, getsockname, shutdown},
    unistd::getpid,
};

use super::script::{Line, OpenSockets, say};
use method::ConnectMethod;

pub(crate) use ring::is_there as ring_is_there;

/// Actions on a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Sends 1,000 bytes, reads to the end, and closes.
    Exchange,
    /// Reads to the end, and closes: the question is sent already.
    Read,
    Close,
    /// Closes so that the peer gets a reset.
    Slam,
    /// Ends the process at once.
    Leave,
    /// Shuts down after 1,000 bytes, without a close.
    Half,
    /// Keeps it as it is until the process is ended.
    Stay,
}

/// `METHOD ACTION own|mapped ADDRESS`; see [`ConnectMethod`] for methods.
///
/// Prints `saw LOCAL ERROR` if its process lives to see it, with `-` for missing values, and
/// `taken-over PID` where another process connects.
pub(super) struct Attempt {
    method: ConnectMethod,
    action: Action,
    /// True for a v4 address requested as a v6 one.
    mapped: bool,
    remote: SocketAddr,
}

impl Line for Attempt {
    fn read(words: &[&str]) -> Option<Attempt> {
        let [method, action, socket, remote] = words else {
            return None;
        };
        Some(Attempt {
            method: ConnectMethod::of(method)?,
            action: match *action {
                "exchange" => Action::Exchange,
                "read" => Action::Read,
                "close" => Action::Close,
                "slam" => Action::Slam,
                "leave" => Action::Leave,
                "half" => Action::Half,
                "stay" => Action::Stay,
                _ => return None,
            },
            mapped: *socket == "mapped",
            remote: remote.parse().ok()?,
        })
    }

    fn stays(&self) -> bool {
        matches!(self.action, Action::Half | Action::Stay)
    }

    fn play(self, name: &str) -> Option<OpenSockets> {
        let (socket, asked) = match self.method {
            ConnectMethod::Pass => {
                passing::pass(&self, name);
                return None;
            }
            ConnectMethod::Lend => {
                passing::lend(&self, name);
                return None;
            }
            ConnectMethod::Thread => std::thread::scope(|scope| {
                let other = scope.spawn(|| method::ask(&self));
                other.join().expect("the thread")
            }),
            ConnectMethod::Again | ConnectMethod::Redial => method::ask_twice(&self),
            _ => method::ask(&self),
        };
        if self.action == Action::Leave {
            // No slow step comes first: not even a Rust program's own cleanup.
            // SAFETY: it only ends the process.
            unsafe { libc::_exit(0) };
        }
        self.finish(name, socket, asked)
    }
}

impl Attempt {
    /// Returns the address in the form for the system call.
    fn address(&self) -> SocketAddr {
        match self.remote.ip() {
            IpAddr::V4(v4) if self.mapped => {
                SocketAddrV6::new(v4.to_ipv6_mapped(), self.remote.port(), 0, 0).into()
            }
            IpAddr::V4(_) | IpAddr::V6(_) => self.remote,
        }
    }

    /// Performs the action, and prints the outcome.
    fn finish(&self, name: &str, socket: OwnedFd, asked: Result<(), Errno>) -> Option<OpenSockets> {
        let local = asked.is_ok().then(|| local_of(&socket)).flatten();
        let done = asked.and_then(|()| self.act(socket));
        let local = local.map_or("-".to_owned(), |local| local.to_string());
        let error = done
            .as_ref()
            .err()
            .map_or("-".to_owned(), |error| format!("{error:?}"));
        say(&format!("{name} saw {local} {error}"));
        done.ok().flatten()
    }

    /// Performs the action, and returns the sockets to keep.
    fn act(&self, socket: OwnedFd) -> Result<Option<OpenSockets>, Errno> {
        match self.action {
            Action::Exchange => exchange(socket, true),
            Action::Read => exchange(socket, false),
            Action::Close | Action::Leave => Ok(None),
            Action::Slam => {
                method::close_hard(&socket);
                Ok(None)
            }
            Action::Half => {
                write(&socket)?;
                shutdown(socket.as_raw_fd(), Shutdown::Write)?;
                Ok(Some(vec![socket]))
            }
            Action::Stay => Ok(Some(vec![socket])),
        }
    }
}

fn write(socket: &OwnedFd) -> Result<(), Errno> {
    nix::unistd::write(socket, &[b'q'; 1000]).map(drop)
}

/// Sends the question, if still unsent, and reads to the end.
fn exchange(socket: OwnedFd, asks: bool) -> Result<Option<OpenSockets>, Errno> {
    if asks {
        write(&socket)?;
    }
    let mut answer = Vec::new();
    match TcpStream::from(socket).read_to_end(&mut answer) {
        Ok(_) => Ok(None),
        Err(error) => Err(Errno::from_raw(error.raw_os_error().unwrap_or_default())),
    }
}

/// Returns the local end as a program sees it, except for a mapped address.
pub(super) fn local_of(socket: &OwnedFd) -> Option<SocketAddr> {
    let own: SockaddrStorage = getsockname(socket.as_raw_fd()).ok()?;
    let local = match (own.as_sockaddr_in(), own.as_sockaddr_in6()) {
        (Some(v4), _) => SocketAddr::new(v4.ip().into(), v4.port()),
        (None, Some(v6)) => SocketAddr::new(v6.ip().to_canonical(), v6.port()),
        (None, None) => return None,
    };
    Some(local)
}

/// Prints the owner of an attempt's socket, when it is not the first process.
fn say_owner(name: &str) {
    say(&format!("{name} taken-over {}", getpid()));
}
