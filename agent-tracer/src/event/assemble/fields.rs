//! The fields of kernel records, one after the other. What they mean is not known here.

use std::net::SocketAddr;

use agent_tracer_ebpf as wire;

use crate::event::{Connect, Inbound, Lineage, Listen, Protocol, connection::endpoint};

/// Reads integers of host byte order one after the other.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// Both ends of a socket, as events have them.
pub(super) struct Ends {
    pub(super) local: Vec<u8>,
    pub(super) local_port: u32,
    pub(super) remote: Vec<u8>,
    pub(super) remote_port: u32,
    pub(super) namespace: u32,
}

impl Ends {
    pub(super) fn connect(&self, connection: u64, protocol: Protocol) -> Connect {
        Connect {
            connection,
            local_address: self.local.clone(),
            local_port: self.local_port,
            remote_address: self.remote.clone(),
            remote_port: self.remote_port,
            protocol: protocol.into(),
            network_namespace: self.namespace,
        }
    }

    pub(super) fn inbound(&self, connection: u64, protocol: Protocol) -> Inbound {
        Inbound {
            connection,
            local_address: self.local.clone(),
            local_port: self.local_port,
            remote_address: self.remote.clone(),
            remote_port: self.remote_port,
            protocol: protocol.into(),
            network_namespace: self.namespace,
        }
    }

    pub(super) fn remote(&self) -> Option<SocketAddr> {
        endpoint(&self.remote, self.remote_port)
    }

    pub(super) fn listen(self, connection: u64) -> Listen {
        Listen {
            connection,
            local_address: self.local,
            local_port: self.local_port,
            any_port: false,
            network_namespace: self.namespace,
        }
    }
}

impl<'a> Fields<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Fields<'a> {
        Fields { rest: bytes }
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_ne_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_ne_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_ne_bytes)
    }

    pub(super) fn peek_kind(&self) -> Option<u32> {
        Fields { rest: self.rest }
            .header()
            .map(|header| header.kind)
    }

    pub(super) fn header(&mut self) -> Option<wire::Header> {
        Some(wire::Header {
            boot_ns: self.u64()?,
            start_ns: self.u64()?,
            kind: self.u32()?,
            pid: self.u32()?,
            tid: self.u32()?,
            user: self.u32()?,
        })
    }

    pub(super) fn identity(&mut self) -> Option<wire::Identity> {
        let identity = wire::Identity {
            inode: self.u64()?,
            root_inode: self.u64()?,
            device: self.u32()?,
            user: self.u32()?,
            group: self.u32()?,
            root_mount: self.u32()?,
            file_namespace: self.u32()?,
            mount_namespace: self.u32()?,
            user_namespace: self.u32()?,
            pid_namespace: self.u32()?,
            network_namespace: self.u32()?,
            ranges: self.u32()?,
            inner: self.u32()?,
            outer: self.u32()?,
            count: self.u32()?,
            mode: self.u16()?,
            unlinked: self.u16()?,
        };
        Some(identity)
    }

    pub(super) fn lineage(&mut self) -> Option<Lineage> {
        let parent_start_ns = self.u64()?;
        let parent_pid = self.u32()?;
        let real_user = self.u32()?;
        let login_user = self.u32()?;
        self.u32()?;
        Some(Lineage {
            parent_pid,
            parent_start_ns,
            real_user,
            login_user: (login_user != wire::NO_USER).then_some(login_user),
        })
    }

    pub(super) fn comm(&mut self) -> Option<Vec<u8>> {
        let comm = self.bytes(wire::COMM_BYTES)?;
        let length = comm
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(comm.len());
        Some(comm[..length].to_vec())
    }

    pub(super) fn endpoints(&mut self) -> Option<Ends> {
        const AF_INET: u16 = 2;
        let family = self.u16()?;
        let local_port = u32::from(self.u16()?);
        let remote_port = u32::from(self.u16()?);
        self.u16()?;
        let local = self.bytes(16)?;
        let remote = self.bytes(16)?;
        let namespace = self.u32()?;
        self.u32()?;
        let used = if family == AF_INET { 4 } else { 16 };
        Some(Ends {
            local: local[..used].to_vec(),
            local_port,
            remote: remote[..used].to_vec(),
            remote_port,
            namespace,
        })
    }
}
