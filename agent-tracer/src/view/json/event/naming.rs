//! Declares the fields of events of names.

use super::connection::connection;
use crate::{
    event::{
        AddressTagged, Dns, DnsAnswer, Hosts, HostsEntry, HttpAnswer, HttpRequest, TlsHello,
        Unreadable,
    },
    view::{
        connections::TAG_ROW,
        field::{Field, Object},
        json::Nested,
        naming::host_and_port,
        value::Value,
    },
};

const CONNECTION: &str = "connection";
const MEANING: &str = "the connection, where known";

pub(super) static DNS: [Field<Dns>; 8] = [
    Field::<Dns>::new(CONNECTION, MEANING, |context, dns| {
        connection(context, dns.connection)
    }),
    Field::<Dns>::new("question", "name that was looked up", |_, dns| {
        Value::text(&dns.question)
    }),
    Field::<Dns>::new("type", "type of record", |_, dns| Value::text(&dns.kind)),
    Field::<Dns>::new("rcode", "NOERROR, NXDOMAIN, SERVFAIL …", |_, dns| {
        Value::text(&dns.rcode)
    }),
    Field::<Dns>::new("truncated", "true: the answer did not fit", |_, dns| {
        Value::flag_if(dns.truncated, true)
    }),
    Field::<Dns>::new(
        "answers",
        "records of the answer: data, name, ttl, type",
        |context, dns| {
            let all = dns.answers.iter();
            let all = all.map(|answer| Object::new(context, &ANSWER, answer));
            Value::Nested(Nested::Answers(all.collect()))
        },
    ),
    Field::<Dns>::new(
        "additional",
        "additional records, likewise",
        |context, dns| match dns.additional.is_empty() {
            true => Value::Nothing,
            false => {
                let all = dns.additional.iter();
                let all = all.map(|answer| Object::new(context, &ANSWER, answer));
                Value::Nested(Nested::Answers(all.collect()))
            }
        },
    ),
    Field::<Dns>::new("addresses", "addresses of the question", |_, dns| {
        Value::Texts(dns.leads_to().map(|address| address.to_string()).collect())
    }),
];

/// A record of a DNS answer.
static ANSWER: [Field<DnsAnswer>; 4] = [
    Field::<DnsAnswer>::new(
        "data",
        "an address, a name, or a description",
        |_, answer| Value::text(&answer.data),
    ),
    Field::<DnsAnswer>::new("name", "owner of the record", |_, answer| {
        Value::text(&answer.name)
    }),
    Field::<DnsAnswer>::new("ttl", "lifetime in seconds", |_, answer| {
        Value::Number(answer.ttl.into())
    }),
    Field::<DnsAnswer>::new("type", "type of record", |_, answer| {
        Value::text(&answer.kind)
    }),
];

pub(super) static TLS_HELLO: [Field<TlsHello>; 5] = [
    Field::<TlsHello>::new(CONNECTION, MEANING, |context, hello| {
        connection(context, hello.connection)
    }),
    Field::<TlsHello>::new("sni", "host that the client names", |_, hello| {
        Value::text_if_any(&hello.server_name)
    }),
    Field::<TlsHello>::new(
        "sni_is_no_host",
        "true: the client names something other than a host",
        |_, hello| Value::flag_if(hello.is_no_host, true),
    ),
    Field::<TlsHello>::new("alpn", "protocols that the client offers", |_, hello| {
        Value::Texts(hello.alpn.clone())
    }),
    Field::<TlsHello>::new(
        "encrypted_hello_offered",
        "true: an encrypted hello may name another host",
        |_, hello| Value::Flag(hello.encrypted),
    ),
];

pub(super) static HTTP_REQUEST: [Field<HttpRequest>; 6] = [
    Field::<HttpRequest>::new(CONNECTION, MEANING, |context, request| {
        connection(context, request.connection)
    }),
    Field::<HttpRequest>::new("method", "method", |_, request| {
        Value::text(&request.method)
    }),
    Field::<HttpRequest>::new("host", "host that the client names", |_, request| {
        Value::text_if_any(&request.host)
    }),
    Field::<HttpRequest>::new("target", "target without its query", |_, request| {
        Value::text(&request.target)
    }),
    Field::<HttpRequest>::new(
        "destination",
        "host and port that a proxy was asked for",
        |_, request| match request.destination_host.as_str() {
            "" => Value::Nothing,
            host => {
                let port = u16::try_from(request.destination_port).unwrap_or_default();
                Value::text(host_and_port(host, port))
            }
        },
    ),
    Field::<HttpRequest>::new(
        "socks",
        "socks4, socks4a or socks5, if that is the protocol of the request",
        |_, request| Value::text_if_any(&request.socks),
    ),
];

pub(super) static HTTP_ANSWER: [Field<HttpAnswer>; 2] = [
    Field::<HttpAnswer>::new(CONNECTION, MEANING, |context, answer| {
        connection(context, answer.connection)
    }),
    Field::<HttpAnswer>::new("status", "status code", |_, answer| {
        Value::Number(answer.status.into())
    }),
];

pub(super) static HOSTS: [Field<Hosts>; 1] = [Field::<Hosts>::new(
    "entries",
    "lines: address, names",
    |context, hosts| {
        let all = hosts.entries.iter();
        let all = all.map(|entry| Object::new(context, &HOSTS_ENTRY, entry));
        Value::Nested(Nested::Hosts(all.collect()))
    },
)];

/// A line of /etc/hosts.
static HOSTS_ENTRY: [Field<HostsEntry>; 2] = [
    Field::<HostsEntry>::new("address", "address; null if unknown", |_, entry| {
        entry
            .ip()
            .map_or(Value::Null, |address| Value::text(address.to_string()))
    }),
    Field::<HostsEntry>::new("names", "names of the host", |_, entry| {
        Value::Texts(entry.names.clone())
    }),
];

pub(super) static UNREADABLE: [Field<Unreadable>; 2] = [
    Field::<Unreadable>::new(CONNECTION, MEANING, |context, unreadable| {
        connection(context, unreadable.connection)
    }),
    Field::<Unreadable>::new("what", "presumed kind of message", |_, unreadable| {
        Value::text(&unreadable.what)
    }),
];

pub(super) static ADDRESS_TAGGED: [Field<AddressTagged>; 2] = [
    Field::<AddressTagged>::new("address", "the address", |_, tagged| {
        Value::written(tagged.ip())
    }),
    Field::<AddressTagged>::new(
        "tags",
        "all service tags of the address",
        |context, tagged| {
            let tags = tagged.tags.iter();
            let tags = tags.map(|tag| Object::new(context, &TAG_ROW, tag));
            Value::Nested(Nested::Tags(tags.collect()))
        },
    ),
];
