//! Tracks TCP listeners and bound UDP sockets, with their times.

use std::net::{IpAddr, SocketAddr};

use super::{
    ProcessIndex,
    numbered::{Number, Numbered},
    processes::Processes,
};
use crate::event::{CarriedListener, Close, Counted, Listen, Party, Protocol, SnapshotSocket};

/// A listening TCP socket or a bound UDP socket.
#[derive(Clone, Debug)]
pub struct Listener {
    position: usize,
    /// Its number in the trace; connections and listeners share the numbers.
    pub id: u64,
    /// The process that called listen(2) or bind(2).
    pub owner: ProcessIndex,
    /// Processes that held it at the end of the recording, as the kernel had it.
    pub holders: Vec<ProcessIndex>,
    /// Inode number of its network namespace; 0 for the recorder's, and if unknown.
    pub network_namespace: u32,
    /// Its protocol.
    pub protocol: Protocol,
    /// The local end.
    pub local: Option<SocketAddr>,
    /// Of UDP: true if it asked for any port.
    pub any_port: bool,
    /// Time of its begin, nanoseconds since boot.
    pub started_ns: u64,
    /// True if it existed before the recording. Its owner is then a process that held it.
    pub is_pre_existing: bool,
    /// Time of its close.
    pub ended_ns: Option<u64>,
    /// Of UDP: traffic with strangers, to which nothing had been sent before, and the answers to
    /// them.
    pub traffic: Option<Traffic>,
}

/// Datagrams and their payload bytes, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Payload bytes sent.
    pub bytes_sent: u64,
    /// Payload bytes that reached the socket.
    pub bytes_received: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Datagrams that reached the socket.
    pub datagrams_received: u64,
}

impl Number for Listener {
    fn number(&self) -> u64 {
        self.id
    }
}

impl Listener {
    /// Its place in the list of all listeners, for tables beside the model.
    pub fn position(&self) -> usize {
        self.position
    }

    fn new(id: u64, owner: ProcessIndex, started_ns: u64) -> Listener {
        Listener {
            position: 0,
            id,
            owner,
            holders: Vec::new(),
            network_namespace: 0,
            protocol: Protocol::Tcp,
            local: None,
            any_port: false,
            started_ns,
            is_pre_existing: false,
            ended_ns: None,
            traffic: None,
        }
    }

    /// Returns the process that holds it, as far as known.
    pub fn holder(&self) -> ProcessIndex {
        self.holders.first().copied().unwrap_or(self.owner)
    }

    /// Checks whether it is only a client's end: a UDP socket on any port, without traffic from
    /// strangers.
    pub fn is_of_client(&self) -> bool {
        let heard = self
            .traffic
            .is_some_and(|traffic| traffic.datagrams_received > 0);
        self.any_port && !heard
    }

    /// Returns the name of its state in views and jsonl.
    pub fn state(&self) -> &'static str {
        match self.ended_ns {
            None => "listening",
            Some(_) => "closed",
        }
    }
}

/// All listeners, in the order of their begin.
#[derive(Default)]
pub(super) struct Listeners {
    all: Numbered<Listener>,
    /// Inode number of the recorder's network namespace.
    own_namespace: u32,
}

impl Listeners {
    pub(super) fn as_slice(&self) -> &[Listener] {
        self.all.as_slice()
    }

    pub(super) fn get(&self, id: u64) -> Option<&Listener> {
        self.all.get(id)
    }

    pub(super) fn listen(
        &mut self,
        listen: &Listen,
        protocol: Protocol,
        owner: ProcessIndex,
        boot_ns: u64,
    ) {
        self.add(Listener {
            protocol,
            local: listen.local(),
            any_port: listen.any_port,
            network_namespace: listen.network_namespace,
            ..Listener::new(listen.connection, owner, boot_ns)
        });
    }

    /// Iterates over the processes that are referred to.
    pub(super) fn parties(&self) -> impl Iterator<Item = ProcessIndex> {
        let all = self.all.as_slice().iter();
        all.flat_map(|listener| listener.holders.iter().chain([&listener.owner]).copied())
    }

    /// Releases the listeners that ended before a time.
    pub(super) fn release_ended(&mut self, before_ns: u64) {
        self.all
            .retain(|listener| listener.ended_ns.is_none_or(|ended| ended >= before_ns));
    }

    /// Finds the open listener that gets what arrives at a local end: the one of that address goes
    /// before one of all addresses.
    pub(super) fn accepting(
        &self,
        protocol: Protocol,
        local: SocketAddr,
        namespace: u32,
    ) -> Option<&Listener> {
        let mut wildcard = None;
        for listener in self.all.as_slice().iter().rev() {
            let Some(end) = listener.local else { continue };
            let is_there = listener.network_namespace == self.foreign(namespace);
            if listener.ended_ns.is_some()
                || listener.protocol != protocol
                || end.port() != local.port()
                || !is_there
            {
                continue;
            }
            if end.ip() == local.ip() {
                return Some(listener);
            }
            if end.ip().is_unspecified() {
                wildcard = wildcard.or(Some(listener));
            }
        }
        wildcard
    }

    /// Sets the processes that hold a listener at the end.
    pub(super) fn held(&mut self, id: u64, holders: Vec<ProcessIndex>) {
        if let Some(listener) = self.all.get_mut(id) {
            listener.holders = holders;
        }
    }

    /// Adds a pre-existing listener.
    pub(super) fn adopt(&mut self, socket: &SnapshotSocket, owner: ProcessIndex, boot_ns: u64) {
        self.add(Listener {
            protocol: socket.protocol(),
            local: socket.local(),
            is_pre_existing: true,
            ..Listener::new(socket.connection, owner, boot_ns)
        });
    }

    pub(super) fn set_network_namespace(&mut self, inode: u32) {
        self.own_namespace = inode;
    }

    /// Returns 0 for the recorder's own network namespace.
    fn foreign(&self, namespace: u32) -> u32 {
        match namespace == self.own_namespace {
            true => 0,
            false => namespace,
        }
    }

    fn add(&mut self, mut listener: Listener) {
        listener.network_namespace = self.foreign(listener.network_namespace);
        listener.position = self.all.next();
        self.all.push(listener);
    }

    pub(super) fn close(&mut self, close: &Close, boot_ns: u64) {
        if let Some(listener) = self.all.get_mut(close.connection) {
            listener.ended_ns = Some(boot_ns);
            if listener.protocol == Protocol::Udp {
                listener.traffic = Some(Traffic {
                    bytes_sent: close.bytes_sent,
                    bytes_received: close.bytes_received,
                    datagrams_sent: close.datagrams_sent,
                    datagrams_received: close.datagrams_received,
                });
            }
        }
    }

    pub(super) fn counted(&mut self, counted: &Counted) {
        if let Some(listener) = self.all.get_mut(counted.connection) {
            listener.traffic = Some(Traffic {
                bytes_sent: counted.bytes_sent,
                bytes_received: counted.bytes_received,
                datagrams_sent: counted.datagrams_sent,
                datagrams_received: counted.datagrams_received,
            });
        }
    }

    /// Describes the listeners that are open.
    pub(super) fn carried(&self, processes: &Processes) -> Vec<CarriedListener> {
        let all = self.all.as_slice().iter();
        let open = all.filter(|listener| listener.ended_ns.is_none());
        open.map(|listener| CarriedListener {
            connection: listener.id,
            protocol: listener.protocol.into(),
            owner: Party::of(listener.owner, processes),
            holders: listener
                .holders
                .iter()
                .filter_map(|holder| Party::of(*holder, processes))
                .collect(),
            local_address: listener.local.map(address_of).unwrap_or_default(),
            local_port: listener.local.map_or(0, |local| local.port().into()),
            any_port: listener.any_port,
            network_namespace: listener.network_namespace,
        })
        .collect()
    }

    /// Takes over open listeners from an earlier segment.
    pub(super) fn take_over(
        &mut self,
        carried: &[CarriedListener],
        boot_ns: u64,
        processes: &Processes,
    ) {
        for one in carried {
            let Some(owner) = Party::find(one.owner, processes) else {
                continue;
            };
            let holders = one.holders.iter();
            self.add(Listener {
                protocol: one.protocol(),
                local: one.local(),
                any_port: one.any_port,
                network_namespace: one.network_namespace,
                is_pre_existing: true,
                holders: holders
                    .filter_map(|holder| Party::find(Some(*holder), processes))
                    .collect(),
                ..Listener::new(one.connection, owner, boot_ns)
            });
        }
    }
}

/// Encodes the address of an end for events.
pub(super) fn address_of(end: SocketAddr) -> Vec<u8> {
    octets_of(end.ip())
}

/// Encodes an address for events.
pub(super) fn octets_of(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
