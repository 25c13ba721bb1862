//! Runs servers at the remote end of a wire. Each has one behaviour for all clients, and keeps no
//! account.

use std::{
    ffi::OsStr,
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    thread,
};

use nix::sys::socket::{setsockopt, sockopt};

/// Behaviours of a server.
#[derive(Clone, Copy)]
pub(super) enum Behaviour {
    /// Answers 1,000 bytes with 5,000, and closes.
    Answer,
    /// Reads until the client closes, and closes.
    Hear,
    /// Takes 1,000 bytes, and resets.
    Reset,
    /// Keeps the connection and does nothing.
    Hold,
}

impl Behaviour {
    pub(super) fn of(name: &OsStr) -> Option<Behaviour> {
        match name.to_str() {
            Some("answer") => Some(Behaviour::Answer),
            Some("hear") => Some(Behaviour::Hear),
            Some("reset") => Some(Behaviour::Reset),
            Some("hold") => Some(Behaviour::Hold),
            Some(_) | None => None,
        }
    }
}

/// Serves every client in this behaviour, each in its own thread.
pub(super) fn serve(listener: &TcpListener, behaviour: Behaviour) {
    for client in listener.incoming() {
        let Ok(client) = client else { return };
        thread::spawn(move || treat(client, behaviour));
    }
}

/// Serves a client. A client that ends early is not an error: some do so on purpose.
fn treat(mut client: TcpStream, behaviour: Behaviour) {
    let mut thousand = [0; 1000];
    match behaviour {
        Behaviour::Answer => {
            if client.read_exact(&mut thousand).is_ok() {
                drop(client.write_all(&[b'a'; 5000]));
            }
        }
        Behaviour::Hear => drop(client.read_to_end(&mut Vec::new())),
        Behaviour::Reset => {
            if client.read_exact(&mut thousand).is_ok() {
                let at_once = libc::linger {
                    l_onoff: 1,
                    l_linger: 0,
                };
                setsockopt(&client, sockopt::Linger, &at_once).expect("an option");
            }
        }
        Behaviour::Hold => std::mem::forget(client),
    }
}

/// Echoes each datagram, doubled, except those that begin with `0`.
pub(super) fn echo(port: u16) {
    let socket = UdpSocket::bind(("::", port)).expect("a port");
    thread::spawn(move || {
        let mut datagram = [0; 65_536];
        while let Ok((length, peer)) = socket.recv_from(&mut datagram) {
            let text = datagram.get(..length).unwrap_or_default();
            if text.first() != Some(&b'0') {
                drop(socket.send_to(&text.repeat(2), peer));
            }
        }
    });
}
