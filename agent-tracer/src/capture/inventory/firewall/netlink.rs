//! Asks the kernel's nf_tables over netlink (NFNETLINK), and reads its answers. It sends only
//! `GET…` messages.

use std::{io, time::Duration};

use netlink_packet_core::{
    DoneBuffer, ErrorBuffer, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR,
    NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer,
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use rustix::net::sockopt::{Timeout, set_socket_timeout};

/// Limit of one answer in bytes.
const ANSWER: usize = 64 << 10;

/// Limit of all answers in bytes: a hundred thousand rules.
const LIMIT: usize = 64 << 20;

/// Limit of a wait. The kernel answers at once, or a little later while it changes rules.
const PATIENCE: Duration = Duration::from_secs(2);

const SUBSYSTEM: u16 = 10 << 8;

/// Requests (`enum nf_tables_msg_types`).
#[derive(Clone, Copy)]
pub(super) enum Ask {
    Tables = 1,
    Chains = 4,
    Rules = 7,
    Sets = 10,
    Elements = 13,
    Generation = 16,
    Objects = 19,
    Flowtables = 23,
}

/// One answer: its family and attributes.
pub(super) struct Answer {
    pub(super) family: u8,
    pub(super) attributes: Vec<u8>,
}

/// A connection to nf_tables.
pub(super) struct Netlink {
    socket: Socket,
    left: usize,
}

impl Netlink {
    /// Connects.
    ///
    /// # Errors
    ///
    /// The kernel has no netfilter, or socket(2) fails.
    pub(super) fn connect() -> io::Result<Netlink> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Netlink {
            socket,
            left: LIMIT,
        })
    }

    /// Lists all objects of a kind, of one family or all. The attributes go into the request.
    ///
    /// # Errors
    ///
    /// The kernel refuses, or the answers are too long.
    /// [`io::ErrorKind::Interrupted`]: the rules changed meanwhile.
    pub(super) fn ask(
        &mut self,
        ask: Ask,
        family: u8,
        names: &[(u16, &str)],
    ) -> io::Result<Vec<Answer>> {
        let is_dump = !matches!(ask, Ask::Generation);
        self.socket.send(&request(ask, family, is_dump, names), 0)?;
        let mut answers = Vec::new();
        let mut is_torn = false;
        let mut buffer = Vec::with_capacity(ANSWER);
        loop {
            buffer.clear();
            self.socket.recv(&mut buffer, 0)?;
            if buffer.len() > self.left {
                return Err(io::Error::other(format!(
                    "its rules are more than {LIMIT} bytes"
                )));
            }
            self.left -= buffer.len();
            let mut rest = buffer.as_slice();
            while let Ok(message) = NetlinkBuffer::new_checked(rest) {
                let length = message.length() as usize;
                is_torn |= message.flags() & NLM_F_DUMP_INTR != 0;
                match message.message_type() {
                    NLMSG_ERROR => error(message.payload())?,
                    NLMSG_DONE => {
                        done(message.payload())?;
                        return match is_torn {
                            true => Err(io::ErrorKind::Interrupted.into()),
                            false => Ok(answers),
                        };
                    }
                    NLMSG_NOOP | NLMSG_OVERRUN => {}
                    _ => answers.extend(answer(message.payload())),
                }
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
            if !is_dump {
                return Ok(answers);
            }
        }
    }
}

fn request(ask: Ask, family: u8, is_dump: bool, names: &[(u16, &str)]) -> Vec<u8> {
    let flags = match is_dump {
        true => NLM_F_REQUEST | NLM_F_DUMP,
        false => NLM_F_REQUEST,
    };
    // Length and sequence, nlmsghdr; then family, version, resource id, nfgenmsg.
    let mut bytes = vec![0; 16];
    bytes.extend([family, 0, 0, 0]);
    for (kind, name) in names {
        let length = u16::try_from(name.len() + 5).unwrap_or(u16::MAX);
        bytes.extend(length.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(name.bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut header = NetlinkBuffer::new(&mut bytes);
    header.set_length(length);
    header.set_message_type(SUBSYSTEM | ask as u16);
    header.set_flags(flags);
    bytes
}

fn answer(payload: &[u8]) -> Option<Answer> {
    Some(Answer {
        family: *payload.first()?,
        attributes: payload.get(4..)?.to_vec(),
    })
}

fn error(payload: &[u8]) -> io::Result<()> {
    match ErrorBuffer::new_checked(payload)
        .ok()
        .and_then(|it| it.code())
    {
        Some(code) => Err(io::Error::from_raw_os_error(code.get().saturating_neg())),
        None => Ok(()),
    }
}

fn done(payload: &[u8]) -> io::Result<()> {
    match DoneBuffer::new_checked(payload).map_or(0, |it| it.code()) {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code.saturating_neg())),
    }
}
