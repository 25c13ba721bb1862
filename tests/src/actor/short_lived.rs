//! Plays processes that end too early for a look at /proc: each connects, sends a request, and ends
//! without an answer.

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs::File,
    io::{Read, Write as _},
    net::{SocketAddr, ToSocketAddrs},
    os::fd::{AsRawFd, OwnedFd},
    process::ExitCode,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        socket::{
            AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrLike,
            SockaddrStorage, connect, getsockname, send, socket,
        },
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, fork, pipe, write},
};

use super::number;

/// A service, looked up before the first process is there.
struct Service {
    name: String,
    address: SocketAddr,
    /// The bytes sent to it.
    head: Vec<u8>,
}

/// The limit of a short life.
const SHORT: Duration = Duration::from_millis(1);

/// Limit of attempts, as a multiple of the short lives wanted: on a busy machine many wait for a
/// processor.
const PATIENCE: usize = 4;

/// `COUNT NAME:PORT…`: plays processes in a row, in turn for each service, until COUNT of them
/// lived for less than a millisecond. Prints the process id, own port, destination and name of
/// each.
pub(super) fn short_lived(words: &[OsString]) -> ExitCode {
    let count: usize = number(words.first());
    let services: Vec<Service> = words.iter().skip(1).map(look_up).collect();
    let (answers, telling) = pipe().expect("a pipe");
    let mut answers = File::from(answers);
    let mut reported = String::new();
    let mut short = 0;
    for service in services.iter().cycle().take(PATIENCE * count) {
        if short == count {
            break;
        }
        // More than its life: from before it is born until its end is known.
        let before = Instant::now();
        let (pid, port) = one(service, &telling, &mut answers);
        short += usize::from(before.elapsed() < SHORT);
        let Service { name, address, .. } = service;
        writeln!(reported, "{pid} {port} {address} {name}").expect("memory");
    }
    // Only now: writing meanwhile would slow it down.
    std::io::stdout()
        .write_all(reported.as_bytes())
        .expect("stdout");
    ExitCode::SUCCESS
}

fn look_up(word: &OsString) -> Service {
    let word = word.to_str().expect("a name and a port");
    let (name, _) = word.rsplit_once(':').expect("a port");
    let address = word.to_socket_addrs().ok().and_then(|mut all| all.next());
    Service {
        name: name.to_owned(),
        address: address.unwrap_or_else(|| panic!("no host is called {name}")),
        head: format!("GET /short-lived HTTP/1.1\r\nHost: {name}\r\n\r\n").into(),
    }
}

/// Plays a process from start to end; returns its id and port.
fn one(service: &Service, telling: &OwnedFd, answers: &mut File) -> (Pid, u16) {
    // SAFETY: this process has only this one thread.
    match unsafe { fork() }.expect("a process") {
        ForkResult::Child => {
            let port = live(service).unwrap_or_default();
            let reported = write(telling, &port.to_ne_bytes());
            // SAFETY: it ends the process and runs nothing before, which would only take time.
            unsafe { libc::_exit(i32::from(reported != Ok(size_of::<u16>()))) }
        }
        ForkResult::Parent { child } => {
            let mut port = [0; size_of::<u16>()];
            answers.read_exact(&mut port).expect("what it tells");
            let ended = waitpid(child, None).expect("its child");
            assert_eq!(ended, WaitStatus::Exited(child, 0));
            let port = u16::from_ne_bytes(port);
            assert_ne!(port, 0, "it connects");
            (child, port)
        }
    }
}

/// Performs one life.
fn live(service: &Service) -> nix::Result<u16> {
    let (family, address): (_, &dyn SockaddrLike) = match service.address {
        SocketAddr::V4(v4) => (AddressFamily::Inet, &SockaddrIn::from(v4)),
        SocketAddr::V6(v6) => (AddressFamily::Inet6, &SockaddrIn6::from(v6)),
    };
    let socket = socket(family, SockType::Stream, SockFlag::empty(), None)?;
    connect(socket.as_raw_fd(), address)?;
    send(socket.as_raw_fd(), &service.head, MsgFlags::empty())?;
    let own: SockaddrStorage = getsockname(socket.as_raw_fd())?;
    let v4 = own.as_sockaddr_in().map(SockaddrIn::port);
    let v6 = own.as_sockaddr_in6().map(SockaddrIn6::port);
    Ok(v4.or(v6).unwrap_or_default())
}
