//! Declares the fields of connections: at an event, and at the end of a trace.

use std::net::SocketAddr;

use crate::{
    event::{AddressTag, Protocol},
    model::{Connection, Model, Name, State},
    names,
};

use super::{
    Context, Field, errno_name, escape,
    field::{EMPTY, Object, Unit},
    json::{Nested, RequestedHost},
    naming,
    numbers::grouped,
    page::{bytes, columns, duration, pad},
    process::{because, name},
    processes::A_PROCESS,
    shape::{Kind, Shape, declared},
    table::Layout,
    user_of,
    value::Value,
};

/// A connection at the end of a trace.
pub(super) static CONNECTION: [Field<Connection>; 30] = [
    Field::<Connection>::new(
        "process",
        "owner of the connection",
        |context, connection| Value::process(context, Some(connection.owner)),
    )
    .process()
    .column(2, "PROCESS", |context, connection| {
        let owner = context.model.process(connection.owner);
        format!("{} [{}]", name(owner), owner.id.pid)
    }),
    Field::<Connection>::new(
        "held_by",
        "of an open inbound one: processes that hold it at the end, where several do",
        |context, connection| Value::processes(context, connection.holders.iter().copied()),
    )
    .shape(Shape::Objects(A_PROCESS)),
    Field::<Connection>::shown_only("user", "user of the owner")
        .column(3, "USER", |context, connection| {
            let owner = context.model.process(connection.owner);
            user_of(context.model, owner)
        })
        .leave_out(2),
    Field::<Connection>::new("tree", "tree of the owner", |context, connection| {
        Value::text(&*context.model.process(connection.owner).tree)
    })
    .column(1, "TREE", |context, connection| {
        let owner = context.model.process(connection.owner);
        escape::text(owner.tree.as_bytes())
    }),
    Field::<Connection>::new("because", "reason for that tree", |context, connection| {
        let owner = context.model.process(connection.owner);
        Value::text(because(context.model, owner))
    }),
    DIRECTION,
    Field::<Connection>::new("protocol", "tcp or udp", protocol),
    Field::<Connection>::new("local", "local address and port", local)
        .shape(Shape::End)
        .column(4, "LOCAL", |_, connection| match connection.local() {
            Some(local) if local.port() != 0 => local.to_string(),
            Some(_) | None => EMPTY.to_owned(),
        })
        .leave_out(3),
    Field::<Connection>::new("remote", "remote address and port", remote)
        .shape(Shape::End)
        .column(5, "REMOTE", |_, connection| match connection.is_inbound {
            true => format!("← {}", remote_end(connection)),
            false => remote_end(connection),
        }),
    NETWORK_NAMESPACE,
    PROXY,
    PROXY_PROTOCOL,
    DESTINATION,
    NAMES
        .column(6, "NAME", |context, connection| {
            // Only wide pages have room for the sources.
            let width = context.page.width;
            let with_sources = width.is_none_or(|width| width >= WIDE);
            called(connection, with_sources).unwrap_or_else(|| EMPTY.to_owned())
        })
        .empty_first()
        .layout(Layout::Long),
    PROXY_NAMES,
    TAG.column(7, "TAG", |context, connection| {
        let tag = connection.remote;
        let tag = tag.and_then(|remote| name_of(context.model, remote));
        tag.unwrap_or_else(|| EMPTY.to_owned())
    })
    .leave_out(7),
    TAGS,
    NOTE,
    Field::<Connection>::new("state", "open, closed, refused …", |_, connection| {
        Value::text(connection.state.name())
    })
    .column(9, "STATE", |_, connection| outcome(connection)),
    Field::<Connection>::new("syn", "false: no packet was sent", |_, connection| {
        Value::flag_if(connection.never_sent, false)
    })
    .shape(Shape::Flag),
    Field::<Connection>::new(
        "error",
        "error of the kernel",
        |_, connection| match connection.error {
            0 => Value::Nothing,
            error => Value::text(errno_name(error)),
        },
    ),
    Field::<Connection>::new("started", "time of the connect", |context, connection| {
        Value::text(context.page.clock.rfc3339(connection.started_ns))
    })
    .unit(Unit::Time)
    .column(0, "TIME", |context, connection| {
        let page = context.page;
        match connection.is_pre_existing {
            true => pad("before", columns(&page.time(0))),
            false => page.time(connection.started_ns),
        }
    })
    .leave_out(6)
    .layout(Layout::Number),
    Field::<Connection>::new(
        "connect_ms",
        "time until it was established",
        |_, connection| milliseconds(connection, connection.established_ns()),
    )
    .unit(Unit::Milliseconds)
    .column(10, "ANSWER", |_, connection| {
        lasted(connection, connection.established_ns())
    })
    .leave_out(1),
    Field::<Connection>::new("duration_ms", "time until it ended", |_, connection| {
        let ended = connection.ended_ns();
        milliseconds(connection, ended.filter(|_| !connection.is_pre_existing))
    })
    .unit(Unit::Milliseconds)
    .column(11, "LASTED", |_, connection| {
        lasted(connection, connection.ended_ns())
    })
    .leave_out(5),
    Field::<Connection>::new("bytes_sent", "payload sent", |_, connection| {
        Value::number(connection.bytes().map(|(sent, _)| sent))
    })
    .unit(Unit::Bytes)
    .column(12, "SENT/RECEIVED", |_, connection| amount(connection))
    .leave_out(4),
    Field::<Connection>::new("bytes_received", "payload received", |_, connection| {
        Value::number(connection.bytes().map(|(_, received)| received))
    })
    .unit(Unit::Bytes),
    Field::<Connection>::new(
        "datagrams_sent",
        "datagrams sent, of UDP",
        |_, connection| Value::number(connection.datagrams().map(|(sent, _)| sent)),
    )
    .shape(Shape::Integer),
    Field::<Connection>::new(
        "datagrams_received",
        "datagrams received, of UDP",
        |_, connection| Value::number(connection.datagrams().map(|(_, received)| received)),
    )
    .shape(Shape::Integer),
    HTTP_STATUS
        .text_column(8, "HTTP", |_, connection| {
            connection
                .http_status
                .map_or_else(|| EMPTY.to_owned(), |status| status.to_string())
        })
        .only_if_any()
        .leave_out(8),
    Field::<Connection>::new(
        "end_unknown",
        "true: closed at an unknown time, since its end was lost",
        |_, connection| Value::flag_if(connection.is_end_unknown, true),
    )
    .shape(Shape::Flag),
];

/// A connection where an event or a download names one.
pub(super) static CONNECTION_END: [Field<Connection>; 14] = [
    Field::<Connection>::new(
        "id",
        "number of the connection in the trace",
        |_, connection| Value::Number(connection.id),
    )
    .shape(Shape::Integer),
    DIRECTION,
    Field::<Connection>::new("protocol", "tcp or udp", protocol),
    Field::<Connection>::new("family", "ipv4, ipv6 or unknown", |_, connection| {
        Value::text(family(connection.remote))
    }),
    Field::<Connection>::new("local", "local address and port", local).shape(Shape::End),
    Field::<Connection>::new("remote", "remote address and port", remote).shape(Shape::End),
    PROXY,
    PROXY_PROTOCOL,
    DESTINATION,
    NAMES,
    PROXY_NAMES,
    TAG,
    TAGS,
    NOTE,
];

/// Such a connection as a kind of objects.
pub(super) const A_CONNECTION: Kind = Kind {
    name: "connection",
    fields: || declared(&CONNECTION_END),
};

const DIRECTION: Field<Connection> = Field::<Connection>::new(
    "direction",
    "inbound: the remote end connected, or sent first; else left out",
    |_, connection| match connection.is_inbound {
        true => Value::text("inbound"),
        false => Value::Nothing,
    },
);

const NETWORK_NAMESPACE: Field<Connection> = Field::<Connection>::new(
    "network_namespace",
    "network namespace, where not that of the recorder",
    |_, connection| {
        let inode = u64::from(connection.network_namespace);
        Value::number((inode != 0).then_some(inode))
    },
)
.shape(Shape::Integer);

const PROXY: Field<Connection> = Field::<Connection>::new(
    "proxy",
    "true: the remote end is a proxy for the destination",
    |_, connection| Value::flag_if(connection.destination.is_some(), true),
)
.shape(Shape::Flag);

const PROXY_PROTOCOL: Field<Connection> =
    Field::<Connection>::new("proxy_protocol", "http or socks", |_, connection| {
        let proxied = connection.destination.as_ref();
        Value::written(proxied.map(|_| proxy_protocol_name(connection.is_socks)))
    });

const HTTP_STATUS: Field<Connection> = Field::<Connection>::new(
    "http_status",
    "status of the first HTTP answer, where it is readable",
    |_, connection| Value::number(connection.http_status.map(u64::from)),
)
.shape(Shape::Integer);

/// The protocol that a proxy is asked in.
pub(super) fn proxy_protocol_name(is_socks: bool) -> &'static str {
    if is_socks { "socks" } else { "http" }
}

const DESTINATION: Field<Connection> = Field::<Connection>::new(
    "destination",
    "host and port that the proxy was asked for",
    |_, connection| match &connection.destination {
        Some((host, port)) => Value::text(naming::host_and_port(host, *port)),
        None => Value::Nothing,
    },
)
.shape(Shape::End);

const NAMES: Field<Connection> = Field::<Connection>::new(
    "names",
    "host names of the destination, each with its source",
    |context, connection| match &connection.destination {
        Some((host, _)) => Value::Nested(Nested::Requested(RequestedHost::list(
            host,
            connection.is_socks,
            &connection.destination_names,
        ))),
        None if connection.names.is_empty() => Value::Nothing,
        None => named(context, &connection.names),
    },
)
.shape(Shape::Objects(A_NAME));

const PROXY_NAMES: Field<Connection> = Field::<Connection>::new(
    "proxy_names",
    "host names of the proxy",
    |context, connection| match connection.destination.is_some() && !connection.names.is_empty() {
        true => named(context, &connection.names),
        false => Value::Nothing,
    },
)
.shape(Shape::Objects(A_NAME));

/// A name of a host with its source.
static NAME: [Field<Name>; 2] = [
    Field::<Name>::new("name", "name of the host", |_, name| {
        Value::text(&*name.name)
    }),
    Field::<Name>::new("source", "source of the name", |_, name| {
        Value::text(name.source.name())
    }),
];

/// A name as a kind of objects.
const A_NAME: Kind = Kind {
    name: "name",
    fields: || declared(&NAME),
};

pub(super) fn named<'a>(context: Context<'a>, names: &'a [Name]) -> Value<'a> {
    let names = names.iter();
    let names = names.map(|name| Object::new(context, &NAME, name));
    Value::Nested(Nested::Names(names.collect()))
}

/// A service tag of an address.
pub(super) static TAG_ROW: [Field<AddressTag>; 5] = [
    Field::<AddressTag>::new("name", "name of the tag", |_, tag| Value::text(&tag.name)),
    Field::<AddressTag>::new("prefix", "prefix that contains the address", |_, tag| {
        Value::text(&tag.prefix)
    }),
    Field::<AddressTag>::new("region", "region", |_, tag| Value::text_if_any(&tag.region)),
    Field::<AddressTag>::new("system_service", "service", |_, tag| {
        Value::text_if_any(&tag.system_service)
    }),
    Field::<AddressTag>::new("cloud", "cloud that owns the prefix", |_, tag| {
        Value::text(&tag.cloud)
    }),
];

/// A tag as a kind of objects.
pub(super) const A_TAG: Kind = Kind {
    name: "tag",
    fields: || declared(&TAG_ROW),
};

const TAG: Field<Connection> = Field::<Connection>::new(
    "tag",
    "most specific service tag of the remote address",
    |context, connection| tag(context.model, connection.remote),
);

const TAGS: Field<Connection> = Field::<Connection>::new(
    "tags",
    "all service tags of the remote address",
    |context, connection| tags(context, connection.remote),
)
.shape(Shape::Objects(A_TAG));

const NOTE: Field<Connection> = Field::<Connection>::new(
    "note",
    "meaning of the address, or a remark",
    |_, connection| {
        let before = connection
            .is_pre_existing
            .then_some("was there before the recording");
        let special = note(connection.remote);
        match (special, before) {
            (Some(special), Some(before)) => Value::text(format!("{special}; {before}")),
            (Some(one), None) | (None, Some(one)) => Value::text(one),
            (None, None) => Value::Nothing,
        }
    },
);

fn protocol<'a>(_: Context<'a>, connection: &'a Connection) -> Value<'a> {
    Value::text(connection.protocol.name())
}

fn local<'a>(_: Context<'a>, connection: &'a Connection) -> Value<'a> {
    Value::address(connection.local().filter(|local| local.port() != 0))
}

fn remote<'a>(_: Context<'a>, connection: &'a Connection) -> Value<'a> {
    Value::address(connection.remote)
}

/// Returns the most specific tag of a remote end.
pub(super) fn tag(model: &Model, remote: Option<SocketAddr>) -> Value<'_> {
    let tags = remote.map_or(&[][..], |remote| model.tags(remote.ip()));
    let first = tags.first();
    first.map_or(Value::Nothing, |first| Value::text(&*first.name))
}

/// Returns all tags of a remote end.
pub(super) fn tags(context: Context<'_>, remote: Option<SocketAddr>) -> Value<'_> {
    let tags = remote.map_or(&[][..], |remote| context.model.tags(remote.ip()));
    match tags.is_empty() {
        true => Value::Nothing,
        false => {
            let tags = tags.iter();
            let tags = tags.map(|tag| Object::new(context, &TAG_ROW, tag));
            Value::Nested(Nested::Tags(tags.collect()))
        }
    }
}

/// Returns the meaning of an address that is the same everywhere.
pub(super) fn note(remote: Option<SocketAddr>) -> Option<&'static str> {
    let remote = remote?;
    names::note(remote.ip(), Some(remote.port()))
}

pub(super) fn family(end: Option<SocketAddr>) -> &'static str {
    match end {
        Some(SocketAddr::V4(_)) => "ipv4",
        Some(SocketAddr::V6(_)) => "ipv6",
        None => "unknown",
    }
}

fn milliseconds<'a>(connection: &Connection, to: Option<u64>) -> Value<'a> {
    to.map_or(Value::Nothing, |to| {
        Value::Real(to.saturating_sub(connection.started_ns) as f64 / 1e6)
    })
}

fn lasted(connection: &Connection, to: Option<u64>) -> String {
    match to {
        // The start of a pre-existing connection is unknown.
        Some(to) if !connection.is_pre_existing => {
            duration(to.saturating_sub(connection.started_ns))
        }
        Some(_) | None => EMPTY.to_owned(),
    }
}

fn amount(connection: &Connection) -> String {
    match (connection.bytes(), connection.datagrams()) {
        (Some((sent, received)), None) => format!("{} / {}", bytes(sent), bytes(received)),
        (Some((sent, received)), Some((out, back))) => format!(
            "{} / {} in {} / {} datagrams",
            bytes(sent),
            bytes(received),
            grouped(out),
            grouped(back)
        ),
        (None, _) => EMPTY.to_owned(),
    }
}

/// Columns of a page that has room for everything.
const WIDE: usize = 160;

/// Describes the state, with the error if the state alone is ambiguous.
pub(super) fn outcome(connection: &Connection) -> String {
    match (connection.state, connection.error) {
        (state, _) if connection.is_end_unknown => format!("{}, time unknown", state.name()),
        (State::Aborted | State::Closed | State::Unreachable | State::Blocked, error)
            if error != 0 =>
        {
            format!("{} {}", connection.state.name(), errno_name(error))
        }
        (state, _) => state.name().to_owned(),
    }
}

/// Names the remote end, or, for a proxy, the requested host.
pub(super) fn called(connection: &Connection, with_sources: bool) -> Option<String> {
    match &connection.destination {
        Some((host, port)) => {
            let to = escape::text(naming::host_and_port(host, *port).as_bytes());
            let others = connection.destination_names.iter();
            let others: Vec<Name> = others
                .filter(|name| *name.name != **host)
                .cloned()
                .collect();
            let names = naming::names(&others, with_sources);
            let called = names.map(|names| format!(", {names},")).unwrap_or_default();
            let form = if connection.is_socks { " (SOCKS)" } else { "" };
            Some(format!("{to}{called} by this proxy{form}"))
        }
        None => naming::names(&connection.names, with_sources),
    }
}

/// `203.0.113.9:443`, `203.0.113.9:53/udp`
pub(super) fn remote_end(connection: &Connection) -> String {
    let remote = connection
        .remote
        .map_or_else(|| "?".to_owned(), |remote| remote.to_string());
    match connection.protocol {
        Protocol::Tcp => remote,
        Protocol::Udp => format!("{remote}/udp"),
    }
}

/// Returns the most specific tag of a remote end, or a note about its address in parentheses.
pub(super) fn name_of(model: &Model, remote: SocketAddr) -> Option<String> {
    match model.tags(remote.ip()).first() {
        Some(tag) => Some(escape::text(tag.name.as_bytes())),
        None => {
            let note = names::note(remote.ip(), Some(remote.port()))?;
            Some(format!("({note})"))
        }
    }
}
