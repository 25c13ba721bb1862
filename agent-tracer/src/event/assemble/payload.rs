//! Decodes payloads: unparsed bytes of packets, with the owner of their connection.

use agent_tracer_ebpf::{self as wire, PeerKey};

use super::{Assembler, fields::Fields};
use crate::event::ProcessId;

/// Unparsed bytes of a connection. No trace contains them.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload {
    /// Time of the packet, nanoseconds since boot.
    pub boot_ns: u64,
    /// The connection, 0 if unknown.
    pub connection: u64,
    /// Its owner; the default if unknown.
    pub process: ProcessId,
    /// Effective user id of the owner.
    pub user: u32,
    /// True if the owner sent them.
    pub is_sent: bool,
    /// True if they are of a datagram, false if of a stream.
    pub is_datagram: bool,
    /// Their position in the stream or datagram.
    pub offset: u64,
    /// True if they end the datagram.
    pub is_last: bool,
    /// True if they are of the first answer to a client that may be one of HTTP.
    pub is_answer: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Assembler {
    pub(super) fn payload(&self, boot_ns: u64, fields: &mut Fields<'_>) -> Option<Payload> {
        let cookie = fields.u64()?;
        let offset = fields.u64()?;
        let length = fields.u32()? as usize;
        let flags = fields.u32()?;
        let mut peer = PeerKey {
            cookie,
            address: [0; 16],
            port: 0,
            padding: 0,
        };
        peer.address.copy_from_slice(fields.bytes(16)?);
        peer.port = fields.u32()?;
        fields.u32()?;
        let bytes = fields.bytes(length)?;
        let is_datagram = flags & wire::Payload::DATAGRAM != 0;
        let owned = match is_datagram {
            true => self.datagrams.owner_of_datagram(&peer),
            false => self.sockets.owner(cookie),
        };
        Some(Payload {
            boot_ns,
            connection: owned.map_or(0, |owned| owned.connection),
            process: owned.map(|owned| owned.process).unwrap_or_default(),
            user: owned.map_or(0, |owned| owned.user),
            is_sent: flags & wire::Payload::SENT != 0,
            is_datagram,
            offset,
            is_last: flags & wire::Payload::LAST != 0,
            is_answer: flags & wire::Payload::ANSWER != 0,
            bytes: bytes.to_vec(),
        })
    }
}
