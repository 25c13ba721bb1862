//! Plays clients: connections that begin and end in different ways.

use std::{
    ffi::OsString,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, SocketAddrV6, TcpListener, TcpStream},
    os::fd::{AsRawFd, FromRawFd, IntoRawFd},
    process::ExitCode,
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        socket::{
            AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrIn6, connect, getsockopt,
            setsockopt, socket, sockopt,
        },
        wait::waitpid,
    },
    unistd::{ForkResult, fork},
};

use crate::harness::slowness;

/// Plays a series of `HOW ADDRESS`. Errors do not make it fail: some attempts are to be refused.
///
/// - `plain` waits, `nonblocking` polls.
/// - `mapped` reaches a v4 address through a v6 socket.
/// - `exchange` sends 1,000 bytes and reads to the end.
/// - `drop` ends without closing.
/// - `keep` stays connected for two seconds, on a slow machine for ten.
/// - `hold` stays connected until its stdin ends.
/// - `impatient` sends only one SYN.
pub(super) fn dial(words: &[OsString]) -> ExitCode {
    for pair in words.chunks(2) {
        let [how, address] = pair else {
            return ExitCode::FAILURE;
        };
        let address: SocketAddr = address
            .to_str()
            .and_then(|address| address.parse().ok())
            .expect("an address");
        match how.to_str() {
            Some("plain") => drop(TcpStream::connect(address)),
            Some("nonblocking") => drop(ask(address, SockFlag::SOCK_NONBLOCK, false)),
            Some("mapped") => drop(ask(mapped(address), SockFlag::empty(), false)),
            Some("impatient") => drop(ask(address, SockFlag::empty(), true)),
            Some("exchange") => exchange(address),
            Some("drop") => {
                let mut stream = TcpStream::connect(address).expect("a connection");
                stream.write_all(b"bye").expect("a word");
                std::mem::forget(stream);
            }
            Some("hold") => {
                let stream = TcpStream::connect(address).expect("a connection");
                println!("connected");
                let _ = std::io::stdin().read(&mut [0]);
                drop(stream);
            }
            Some("keep") => {
                let stream = TcpStream::connect(address).expect("a connection");
                thread::sleep(Duration::from_secs(2) * slowness());
                drop(stream);
            }
            Some(_) | None => return ExitCode::FAILURE,
        }
    }
    ExitCode::SUCCESS
}

fn exchange(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(&[b'q'; 1000]).expect("a question");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
}

fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(v4) => SocketAddrV6::new(v4.to_ipv6_mapped(), address.port(), 0, 0).into(),
        IpAddr::V6(_) => address,
    }
}

/// Calls connect(2) once, directly, and waits for the outcome.
fn ask(address: SocketAddr, flags: SockFlag, impatient: bool) -> Option<TcpStream> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let socket = socket(family, SockType::Stream, flags, None).expect("a socket");
    if impatient {
        let milliseconds = 700;
        setsockopt(&socket, sockopt::TcpUserTimeout, &milliseconds).expect("an option");
    }
    let asked = match address {
        SocketAddr::V4(v4) => connect(socket.as_raw_fd(), &SockaddrIn::from(v4)),
        SocketAddr::V6(v6) => connect(socket.as_raw_fd(), &SockaddrIn6::from(v6)),
    };
    if asked == Err(Errno::EINPROGRESS) {
        let mut waited = [PollFd::new(
            std::os::fd::AsFd::as_fd(&socket),
            PollFlags::POLLOUT,
        )];
        poll(&mut waited, PollTimeout::from(5000_u16)).expect("an answer");
    }
    let error = getsockopt(&socket, sockopt::SocketError).expect("an outcome");
    // SAFETY: the descriptor is open and given away here.
    let stream = unsafe { TcpStream::from_raw_fd(socket.into_raw_fd()) };
    (asked.is_ok() && error == 0).then_some(stream)
}

/// `ADDRESS COUNT`: answers COUNT clients with 5,000 bytes each, in a row.
pub(super) fn serve(words: &[OsString]) -> ExitCode {
    let address = words.first().and_then(|word| word.to_str());
    let listener = TcpListener::bind(address.expect("an address")).expect("a listener");
    let count: usize = super::number(words.get(1));
    for client in listener.incoming().take(count) {
        let mut client = client.expect("a client");
        let mut question = [0; 1000];
        if client.read_exact(&mut question).is_ok() {
            client.write_all(&[b'a'; 5000]).expect("an answer");
        }
    }
    ExitCode::SUCCESS
}

/// `ADDRESS`: connects, leaves the connection to a child, and ends; the child closes it later.
pub(super) fn hand_over(words: &[OsString]) -> ExitCode {
    let address = words.first().and_then(|word| word.to_str());
    let stream = TcpStream::connect(address.expect("an address")).expect("a connection");
    // SAFETY: this process has only this one thread.
    match unsafe { fork() }.expect("a process") {
        ForkResult::Child => {
            thread::sleep(Duration::from_millis(300));
            (&stream).write_all(b"from the child").expect("a word");
            drop(stream);
            ExitCode::SUCCESS
        }
        ForkResult::Parent { child } => {
            drop(stream);
            // Waits, so that the recording does: it is the recorded command.
            waitpid(child, None).expect("its child");
            ExitCode::SUCCESS
        }
    }
}
