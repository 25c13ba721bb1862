//! A script of attempts to connect, each in a process of its own, all at the same time; and what each of them came to
//! as its process saw it.

mod passing;
mod ring;
mod way;

use std::{
    ffi::OsString,
    io::{BufRead, Read, Write},
    net::{IpAddr, SocketAddr, SocketAddrV6, TcpStream},
    os::fd::OwnedFd,
    process::ExitCode,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        socket::{SockaddrStorage, getsockname, shutdown},
        wait::waitpid,
    },
    unistd::{ForkResult, alarm, fork, getpid},
};
use std::os::fd::AsRawFd;

use way::Way;

pub(crate) use ring::is_there as ring_is_there;

/// A process that stays ends by itself at last, for when nobody ends it.
const PATIENCE: u32 = 300;

/// What is done with a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// Sends 1,000 bytes, reads to the end, and closes.
    Exchange,
    /// Reads to the end, and closes: the question is sent already.
    Read,
    Close,
    /// Closes so that the peer gets a reset.
    Slam,
    /// Ends the process at once.
    Leave,
    /// Says that it is done with 1,000 bytes, but does not close.
    Half,
    /// Keeps it as it is until the process is ended.
    Stay,
}

/// One line of the script.
#[derive(Clone)]
struct Attempt {
    /// What it is called in what is printed.
    name: String,
    way: Way,
    deed: Deed,
    /// Whether a v4 address is asked for as one of v6.
    mapped: bool,
    remote: SocketAddr,
}

/// Does what the lines on stdin say, `NAME WAY DEED own|mapped ADDRESS`; see [`Way`] for ways.
///
/// Prints `NAME owner PID`, `NAME taken-over PID` where another process connects, and `NAME saw LOCAL ERROR` of those that live to see it, `-` for what is not there.
/// It ends when the last has ended or stays.
pub(super) fn attempts(words: &[OsString]) -> ExitCode {
    assert!(words.is_empty(), "the script is on stdin");
    let script: Vec<Attempt> = std::io::stdin()
        .lock()
        .lines()
        .map(|line| Attempt::read(&line.expect("a line")).expect("an attempt"))
        .collect();
    let (mut settled, settles) = std::io::pipe().expect("a pipe");
    let mut children = Vec::new();
    for attempt in script {
        // SAFETY: this process has only this one thread.
        match unsafe { fork() }.expect("a process") {
            ForkResult::Child => {
                attempt.play(settles);
                std::process::exit(0);
            }
            ForkResult::Parent { child } => {
                say(&format!("{} owner {child}", attempt.name));
                if !attempt.stays() {
                    children.push(child);
                }
            }
        }
    }
    for child in children {
        waitpid(child, None).expect("its child");
    }
    // Those that stay let go of it when they have come to where they stay.
    drop(settles);
    settled.read_to_end(&mut Vec::new()).expect("nothing");
    ExitCode::SUCCESS
}

impl Attempt {
    fn read(line: &str) -> Option<Attempt> {
        let mut words = line.split(' ');
        Some(Attempt {
            name: words.next()?.to_owned(),
            way: Way::of(words.next()?)?,
            deed: match words.next()? {
                "exchange" => Deed::Exchange,
                "read" => Deed::Read,
                "close" => Deed::Close,
                "slam" => Deed::Slam,
                "leave" => Deed::Leave,
                "half" => Deed::Half,
                "stay" => Deed::Stay,
                _ => return None,
            },
            mapped: words.next()? == "mapped",
            remote: words.next()?.parse().ok()?,
        })
    }

    fn stays(&self) -> bool {
        matches!(self.deed, Deed::Half | Deed::Stay)
    }

    /// As the system call is to have it.
    fn address(&self) -> SocketAddr {
        match self.remote.ip() {
            IpAddr::V4(v4) if self.mapped => {
                SocketAddrV6::new(v4.to_ipv6_mapped(), self.remote.port(), 0, 0).into()
            }
            IpAddr::V4(_) | IpAddr::V6(_) => self.remote,
        }
    }

    fn play(&self, settles: std::io::PipeWriter) {
        let (socket, asked) = match self.way {
            Way::Pass => return passing::pass(self),
            Way::Lend => return passing::lend(self),
            Way::Thread => std::thread::scope(|scope| {
                let other = scope.spawn(|| way::ask(self));
                other.join().expect("the thread")
            }),
            Way::Again | Way::Redial => way::ask_twice(self),
            _ => way::ask(self),
        };
        if self.deed == Deed::Leave {
            // Nothing is done that takes time: not even what a Rust program does at its end.
            // SAFETY: it only ends the process.
            unsafe { libc::_exit(0) };
        }
        self.finish(socket, asked);
        drop(settles);
        if self.stays() {
            loop {
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }

    /// Does what is to be done, and prints what it came to. A socket that stays is left open.
    fn finish(&self, socket: OwnedFd, asked: Result<(), Errno>) {
        let local = asked.is_ok().then(|| local_of(&socket)).flatten();
        let done = asked.and_then(|()| self.act(socket));
        let local = local.map_or("-".to_owned(), |local| local.to_string());
        let error = done
            .err()
            .map_or("-".to_owned(), |error| format!("{error:?}"));
        say(&format!("{} saw {local} {error}", self.name));
    }

    fn act(&self, socket: OwnedFd) -> Result<(), Errno> {
        match self.deed {
            Deed::Exchange => exchange(socket, true),
            Deed::Read => exchange(socket, false),
            Deed::Close | Deed::Leave => Ok(()),
            Deed::Slam => {
                way::close_hard(&socket);
                Ok(())
            }
            Deed::Half => {
                write(&socket)?;
                shutdown(socket.as_raw_fd(), nix::sys::socket::Shutdown::Write)?;
                stay(socket);
                Ok(())
            }
            Deed::Stay => {
                stay(socket);
                Ok(())
            }
        }
    }
}

fn stay(socket: OwnedFd) {
    std::mem::forget(socket);
    alarm::set(PATIENCE);
}

fn write(socket: &OwnedFd) -> Result<(), Errno> {
    nix::unistd::write(socket, &[b'q'; 1000]).map(drop)
}

/// Sends the question, unless it is sent, and reads to the end.
fn exchange(socket: OwnedFd, asks: bool) -> Result<(), Errno> {
    if asks {
        write(&socket)?;
    }
    let mut answer = Vec::new();
    let read = TcpStream::from(socket).read_to_end(&mut answer);
    read.map(drop)
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))
}

/// The local end as a program sees it, but for a mapped address.
fn local_of(socket: &OwnedFd) -> Option<SocketAddr> {
    let own: SockaddrStorage = getsockname(socket.as_raw_fd()).ok()?;
    let local = match (own.as_sockaddr_in(), own.as_sockaddr_in6()) {
        (Some(v4), _) => SocketAddr::new(v4.ip().into(), v4.port()),
        (None, Some(v6)) => SocketAddr::new(v6.ip().to_canonical(), v6.port()),
        (None, None) => return None,
    };
    Some(local)
}

/// One line in one piece: many processes write into the same file.
fn say(line: &str) {
    let line = format!("{line}\n");
    std::io::stdout()
        .lock()
        .write_all(line.as_bytes())
        .and_then(|()| std::io::stdout().flush())
        .expect("a line");
}

/// For a second owner of an attempt's socket.
fn say_owner(attempt: &Attempt) {
    say(&format!("{} taken-over {}", attempt.name, getpid()));
}
