//! Derives events from bytes of connections: the intended host, and answers of DNS servers. The
//! bytes end here; no event contains any of them.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use super::sources::octets;
use crate::{
    capture::sniff::{
        ClientMessage, Reading, Reassembly,
        dns::{self, Data, Response},
        http::Request,
        read_client_message,
        tls::{Hello, ServerName},
    },
    event::{Dns, DnsAnswer, Event, EventKind, HttpRequest, Payload, TlsHello, Unreadable},
};

/// Limit of tracked connections. Each is dropped when it ends, and the oldest when there are too
/// many.
const STREAMS: usize = 32 * 1024;

/// Longest DNS message over UDP that is put together from parts.
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
}

enum Sent {
    /// Undecided so far.
    Pending(Reassembly, Owner),
    /// Reported already; further bytes are repetitions.
    Done,
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
            (false, true) => self.sent(&payload).into_iter().collect(),
            (false, false) => self.received(&payload),
        }
    }

    /// Handles a possible end of a connection, and returns the event that only the end decides.
    pub(super) fn ended(&mut self, event: &Event) -> Option<Event> {
        let connection = match &event.kind {
            EventKind::Close(close) => close.connection,
            EventKind::ConnectFailed(failed) => failed.connection,
            _ => return None,
        };
        self.received.remove(&connection);
        self.parts.remove(&connection);
        let Sent::Pending(stream, owner) = self.sent.remove(&connection)? else {
            return None;
        };
        let kind = event_kind(connection, read_client_message(stream.contiguous(), true))?;
        Some(owner.event(event.boot_ns, kind))
    }

    fn sent(&mut self, payload: &Payload) -> Option<Event> {
        let connection = payload.connection;
        let owner = Owner::of(payload);
        let sent = self
            .sent
            .entry(connection)
            .or_insert_with(|| Sent::Pending(Reassembly::default(), owner));
        let Sent::Pending(stream, _) = sent else {
            return None;
        };
        stream.add(payload.offset, &payload.bytes);
        let reading = read_client_message(stream.contiguous(), stream.is_full());
        let kind = match reading {
            Reading::NeedsMore => None,
            Reading::Is(_) | Reading::Malformed(_) | Reading::SomethingElse => {
                *sent = Sent::Done;
                event_kind(connection, reading)
            }
        };
        if self.sent.len() > STREAMS {
            self.sent.pop_first();
        }
        kind.map(|kind| owner.event(payload.boot_ns, kind))
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

    fn datagram(&mut self, payload: Payload) -> Vec<Event> {
        let connection = payload.connection;
        if payload.offset == 0 && payload.is_last {
            return answer(&payload, &payload.bytes).into_iter().collect();
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
            return answer(&payload, &whole).into_iter().collect();
        }
        if self.parts.len() < PARTS {
            self.parts.insert(connection, whole);
        }
        Vec::new()
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
    Dns {
        connection,
        question: response.question,
        kind: response.kind,
        rcode: response.rcode,
        answers: response
            .answers
            .into_iter()
            .map(|answer| DnsAnswer {
                name: answer.name,
                kind: answer.kind,
                data: data_text(answer.data),
                ttl: answer.ttl,
            })
            .collect(),
        addresses: addresses.into_iter().map(octets).collect(),
        truncated: response.truncated,
    }
}

fn data_text(data: Data) -> String {
    match data {
        Data::Address(address) => address.to_string(),
        Data::Name(name) => name,
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
