//! Derives events from bytes of connections: the intended host, and answers of DNS servers. The
//! bytes end here; no event contains any of them.

mod statuses;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use self::statuses::Statuses;
use super::sources::octets;
use crate::{
    capture::sniff::{
        ClientMessage, Reading, Reassembly, SocksRequest,
        dns::{self, Answer, Data, Response},
        http::Request,
        quic::Opening,
        read_client_message,
        tls::{Hello, ServerName},
    },
    event::{
        Dns, DnsAnswer, Event, EventKind, HttpAnswer, HttpRequest, Payload, TlsHello, Unreadable,
    },
};

/// Limit of tracked connections. Each is dropped when it ends, and the oldest when there are too
/// many.
const STREAMS: usize = 32 * 1024;

/// Limit of tracked QUIC clients. The oldest is dropped.
const OPENINGS: usize = 1024;

/// Longest datagram that is put together from parts.
const DATAGRAM: usize = 4096;

/// Limit of sockets with an incomplete datagram.
const PARTS: usize = 256;

/// The first bytes of connections so far.
#[derive(Default)]
pub(super) struct Sniffer {
    /// By the number of the connection, and so by age.
    sent: BTreeMap<u64, Sent>,
    /// Answers of DNS servers over TCP.
    received: BTreeMap<u64, Answers>,
    /// Incomplete datagrams.
    parts: HashMap<u64, Vec<u8>>,
    /// QUIC clients, by the number of the connection.
    openings: BTreeMap<u64, QuicClient>,
    statuses: Statuses,
}

struct QuicClient {
    opening: Opening,
    owner: Owner,
    /// The last event, to report a repetition once: after a Retry, a client begins again.
    reported: Option<EventKind>,
}

enum Sent {
    /// Undecided so far.
    Pending(Pending),
    /// Reported already; further bytes are repetitions.
    Done,
}

struct Pending {
    stream: Reassembly,
    owner: Owner,
    /// Count of bytes before the connection inside: requests to SOCKS proxies.
    read: usize,
}

impl Pending {
    fn new(owner: Owner) -> Pending {
        Pending {
            stream: Reassembly::default(),
            owner,
            read: 0,
        }
    }

    /// Reads the next message: that behind a request to a proxy is of the connection inside.
    fn next(&mut self, is_all: bool) -> Reading {
        let bytes = self
            .stream
            .contiguous()
            .get(self.read..)
            .unwrap_or_default();
        let reading = read_client_message(bytes, is_all || self.stream.is_full());
        if let Reading::Is(ClientMessage::Socks(request)) = &reading {
            self.read += request.end;
        }
        reading
    }
}

#[derive(Default)]
struct Answers {
    stream: Reassembly,
    /// Count of bytes consumed.
    read: usize,
}

/// The common fields of all events of a payload.
#[derive(Clone, Copy)]
struct Owner {
    process: crate::event::ProcessId,
    user: u32,
}

impl Sniffer {
    /// Adds bytes, and returns the events that they complete.
    pub(super) fn take(&mut self, payload: Payload) -> Vec<Event> {
        match (payload.is_datagram, payload.is_sent) {
            (true, _) => self.datagram(payload),
            // A server's bytes, or a connection without a known beginning.
            (false, _) if payload.connection == 0 => Vec::new(),
            (false, false) if payload.is_answer => self.status(&payload).into_iter().collect(),
            (false, true) => self.sent(&payload),
            (false, false) => self.received(&payload),
        }
    }

    /// Handles a possible end of a connection, and returns the events that only the end decides.
    pub(super) fn ended(&mut self, event: &Event) -> Vec<Event> {
        let connection = match &event.kind {
            EventKind::Close(close) => close.connection,
            EventKind::ConnectFailed(failed) => failed.connection,
            _ => return Vec::new(),
        };
        self.received.remove(&connection);
        self.statuses.forget(connection);
        self.parts.remove(&connection);
        if let Some(client) = self.openings.remove(&connection) {
            let kind = event_kind(connection, client.opening.read(true));
            let event = kind.map(|kind| client.owner.event(event.boot_ns, kind));
            return event.into_iter().collect();
        }
        let Some(Sent::Pending(mut pending)) = self.sent.remove(&connection) else {
            return Vec::new();
        };
        messages(&mut pending, connection, event.boot_ns, true).0
    }

    fn sent(&mut self, payload: &Payload) -> Vec<Event> {
        let connection = payload.connection;
        let owner = Owner::of(payload);
        let sent = self
            .sent
            .entry(connection)
            .or_insert_with(|| Sent::Pending(Pending::new(owner)));
        let Sent::Pending(pending) = sent else {
            return Vec::new();
        };
        pending.stream.add(payload.offset, &payload.bytes);
        let (events, needs_more) = messages(pending, connection, payload.boot_ns, false);
        if !needs_more {
            *sent = Sent::Done;
        }
        if self.sent.len() > STREAMS {
            self.sent.pop_first();
        }
        events
    }

    fn status(&mut self, payload: &Payload) -> Option<Event> {
        let status = self.statuses.take(payload)?;
        let kind = EventKind::HttpAnswer(HttpAnswer {
            connection: payload.connection,
            status: status.into(),
        });
        Some(Owner::of(payload).event(payload.boot_ns, kind))
    }

    fn received(&mut self, payload: &Payload) -> Vec<Event> {
        let answers = self.received.entry(payload.connection).or_default();
        answers.stream.add(payload.offset, &payload.bytes);
        let mut events = Vec::new();
        while let Some((message, length)) = answers
            .stream
            .contiguous()
            .get(answers.read..)
            .and_then(dns::first_message)
        {
            answers.read += length;
            events.extend(answer(payload, message));
        }
        if self.received.len() > STREAMS {
            self.received.pop_first();
        }
        events
    }

    fn datagram(&mut self, mut payload: Payload) -> Vec<Event> {
        let connection = payload.connection;
        if payload.offset == 0 && payload.is_last {
            return self.whole_datagram(&payload);
        }
        let mut whole = self.parts.remove(&connection).unwrap_or_default();
        if payload.offset == 0 {
            whole.clear();
        }
        if payload.offset != whole.len() as u64 || whole.len() + payload.bytes.len() > DATAGRAM {
            return Vec::new();
        }
        whole.extend_from_slice(&payload.bytes);
        if payload.is_last {
            payload.bytes = whole;
            return self.whole_datagram(&payload);
        }
        if self.parts.len() < PARTS {
            self.parts.insert(connection, whole);
        }
        Vec::new()
    }

    fn whole_datagram(&mut self, payload: &Payload) -> Vec<Event> {
        match payload.is_sent {
            true => self.opening(payload).into_iter().collect(),
            false => answer(payload, &payload.bytes).into_iter().collect(),
        }
    }

    /// Adds a datagram of a QUIC client. After a hello, another opening may begin.
    fn opening(&mut self, payload: &Payload) -> Option<Event> {
        let connection = payload.connection;
        if connection == 0 {
            return None;
        }
        let client = self
            .openings
            .entry(connection)
            .or_insert_with(|| QuicClient {
                opening: Opening::default(),
                owner: Owner::of(payload),
                reported: None,
            });
        client.opening.add(&payload.bytes);
        let reading = client.opening.read(false);
        if matches!(reading, Reading::NeedsMore) {
            if self.openings.len() > OPENINGS {
                self.openings.pop_first();
            }
            return None;
        }
        client.opening = Opening::default();
        let kind = event_kind(connection, reading)
            .filter(|kind| client.reported.as_ref() != Some(kind))?;
        client.reported = Some(kind.clone());
        Some(client.owner.event(payload.boot_ns, kind))
    }
}

/// Reads the messages that are complete. Returns their events, and true if more bytes are needed.
fn messages(
    pending: &mut Pending,
    connection: u64,
    boot_ns: u64,
    is_all: bool,
) -> (Vec<Event>, bool) {
    let mut events = Vec::new();
    loop {
        let reading = pending.next(is_all);
        let is_inside_next = matches!(reading, Reading::Is(ClientMessage::Socks(_)));
        let needs_more = matches!(reading, Reading::NeedsMore);
        let kind = event_kind(connection, reading);
        events.extend(kind.map(|kind| pending.owner.event(boot_ns, kind)));
        if !is_inside_next {
            return (events, needs_more);
        }
    }
}

impl Owner {
    fn of(payload: &Payload) -> Owner {
        Owner {
            process: payload.process,
            user: payload.user,
        }
    }

    fn event(self, boot_ns: u64, kind: EventKind) -> Event {
        Event {
            boot_ns,
            process: self.process,
            user: self.user,
            kind,
        }
    }
}

fn event_kind(connection: u64, reading: Reading) -> Option<EventKind> {
    match reading {
        Reading::Is(ClientMessage::Hello(hello)) => Some(tls_hello(connection, hello)),
        Reading::Is(ClientMessage::Request(request)) => Some(http_request(connection, request)),
        Reading::Is(ClientMessage::Socks(request)) => Some(socks_request(connection, request)),
        Reading::Malformed(what) => Some(EventKind::Unreadable(Unreadable {
            connection,
            what: what.to_owned(),
        })),
        Reading::NeedsMore | Reading::SomethingElse => None,
    }
}

fn tls_hello(connection: u64, hello: Hello) -> EventKind {
    let is_no_host = hello.server_name == ServerName::NoHostName;
    EventKind::TlsHello(TlsHello {
        connection,
        server_name: hello.server_name.host().unwrap_or_default().to_owned(),
        alpn: hello.alpn,
        encrypted: hello.encrypted_hello_offered,
        is_no_host,
    })
}

fn http_request(connection: u64, request: Request) -> EventKind {
    let (destination_host, destination_port) = request.destination.unwrap_or_default();
    EventKind::HttpRequest(HttpRequest {
        connection,
        method: request.method,
        host: request.host.unwrap_or_default(),
        target: request.target,
        destination_host,
        destination_port: destination_port.into(),
        ..HttpRequest::default()
    })
}

fn socks_request(connection: u64, request: SocksRequest) -> EventKind {
    let host = match request.host.contains(':') {
        true => format!("[{}]:{}", request.host, request.port),
        false => format!("{}:{}", request.host, request.port),
    };
    EventKind::HttpRequest(HttpRequest {
        connection,
        method: "CONNECT".to_owned(),
        target: host.clone(),
        host,
        destination_host: request.host,
        destination_port: request.port.into(),
        socks: request.version.to_owned(),
    })
}

fn answer(payload: &Payload, message: &[u8]) -> Option<Event> {
    let connection = payload.connection;
    let kind = match dns::read_answer(message) {
        Ok(Some(response)) => EventKind::Dns(event_of(connection, response)),
        Ok(None) => return None,
        Err(_) => EventKind::Unreadable(Unreadable {
            connection,
            what: "DNS message".to_owned(),
        }),
    };
    Some(Owner::of(payload).event(payload.boot_ns, kind))
}

fn event_of(connection: u64, response: Response) -> Dns {
    let addresses: Vec<IpAddr> = response.addresses().collect();
    let additional = response.additional.into_iter().map(stored).collect();
    Dns {
        connection,
        question: response.question,
        kind: response.kind,
        rcode: response.rcode,
        answers: response.answers.into_iter().map(stored).collect(),
        addresses: addresses.into_iter().map(octets).collect(),
        truncated: response.truncated,
        additional,
    }
}

fn stored(answer: Answer) -> DnsAnswer {
    DnsAnswer {
        name: answer.name,
        kind: answer.kind,
        data: data_text(answer.data),
        ttl: answer.ttl,
    }
}

fn data_text(data: Data) -> String {
    match data {
        Data::Address(address) => address.to_string(),
        Data::Name(name) => name,
        Data::Service { target, port } => format!("{target}:{port}"),
        Data::Hints {
            target,
            addresses,
            alpn,
        } => {
            let mut words = vec![target];
            words.extend(addresses.iter().map(IpAddr::to_string));
            if !alpn.is_empty() {
                words.push(format!("alpn={}", alpn.join(",")));
            }
            words.join(" ")
        }
        Data::Other(length) => format!("{length} bytes"),
    }
}

#[cfg(test)]
mod tests;
