//! Sends messages to the service manager, as sd_notify(3) does: a datagram to the socket that
//! NOTIFY_SOCKET names.
//!
//! The variable stays in the environment: a recording of many segments runs no program that could
//! inherit it.

use std::{
    ffi::OsStr,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// The service manager.
pub struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Manager {
    /// Finds the service manager; `None` if it started no service of type notify.
    pub fn find() -> Option<Manager> {
        Manager::at(&std::env::var_os("NOTIFY_SOCKET")?)
    }

    fn at(name: &OsStr) -> Option<Manager> {
        let address = match name.as_bytes() {
            // In the abstract namespace.
            [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
            [b'/', ..] => SocketAddr::from_pathname(name),
            _ => return None,
        };
        let socket = UnixDatagram::unbound().ok()?;
        // A manager that does not read must not hold up the recorder.
        socket.set_nonblocking(true).ok()?;
        Some(Manager {
            socket,
            address: address.ok()?,
        })
    }

    /// Sends a message. There is no remedy if it does not arrive.
    pub(super) fn say(&self, message: &str) {
        let _ = self.socket.send_to_addr(message.as_bytes(), &self.address);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        ffi::OsStr,
        os::{
            linux::net::SocketAddrExt,
            unix::net::{SocketAddr, UnixDatagram},
        },
    };

    use super::Manager;

    #[test]
    fn messages_arrive_by_path_and_by_abstract_name() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("notify");
        let by_path = UnixDatagram::bind(&path).expect("a socket");
        let name = format!("tracer-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let by_name = UnixDatagram::bind_addr(&address).expect("a socket");
        let abstract_name = format!("@{name}");
        for (name, socket) in [
            (path.as_os_str(), &by_path),
            (OsStr::new(&abstract_name), &by_name),
        ] {
            let manager = Manager::at(name).expect("a manager");
            manager.say("READY=1");
            let mut message = [0; 64];
            let length = socket.recv(&mut message).expect("a message");
            assert_eq!(&message[..length], b"READY=1");
        }
        assert!(Manager::at(OsStr::new("vsock:2:1234")).is_none());
    }
}
