//! Declares the fields of events of connections and listeners.

use crate::{
    event::{
        Close, Connect, ConnectFailed, Counted, Established, Held, Inbound, Listen, Protocol,
        Shutdown, SocketOpened, Sockets, UnixConnect,
    },
    findings::socket_kind,
    view::{
        Context,
        connections::CONNECTION_END,
        errno_name,
        field::{Field, Object, Unit},
        json::Nested,
        listeners::LISTENER_END,
        value::Value,
    },
};

const CONNECTION: &str = "connection";
const ENDS: &str = "the connection, or the listener as such";
const SENT: &str = "payload sent so far";
const RECEIVED: &str = "payload received so far";

pub(super) static CONNECT: [Field<Connect>; 1] = [Field::<Connect>::new(
    CONNECTION,
    "the connection",
    |context, connect| connection(context, connect.connection),
)];

pub(super) static ESTABLISHED: [Field<Established>; 1] = [Field::<Established>::new(
    CONNECTION,
    "the connection",
    |context, established| connection(context, established.connection),
)];

pub(super) static CONNECT_FAILED: [Field<ConnectFailed>; 3] = [
    Field::<ConnectFailed>::new(CONNECTION, "the connection", |context, failed| {
        connection(context, failed.connection)
    }),
    Field::<ConnectFailed>::new("syn", "false: no SYN was sent", |_, failed| {
        Value::flag_if(failed.never_sent, false)
    }),
    Field::<ConnectFailed>::new("error", "error of the kernel", |_, failed| {
        error(failed.error)
    }),
];

pub(super) static SHUTDOWN: [Field<Shutdown>; 3] = [
    Field::<Shutdown>::new(CONNECTION, "the connection", |context, shutdown| {
        connection(context, shutdown.connection)
    }),
    Field::<Shutdown>::new("bytes_sent", SENT, |_, shutdown| {
        Value::Number(shutdown.bytes_sent)
    })
    .unit(Unit::Bytes),
    Field::<Shutdown>::new("bytes_received", RECEIVED, |_, shutdown| {
        Value::Number(shutdown.bytes_received)
    })
    .unit(Unit::Bytes),
];

pub(super) static CLOSE: [Field<Close>; 7] = [
    Field::<Close>::new(CONNECTION, ENDS, |context, close| {
        either(context, close.connection)
    }),
    Field::<Close>::new(
        "datagrams_sent",
        "datagrams sent, of UDP",
        |context, close| {
            let is_udp = is_udp(context, close.connection);
            Value::number(is_udp.then_some(close.datagrams_sent))
        },
    ),
    Field::<Close>::new(
        "datagrams_received",
        "datagrams received, of UDP",
        |context, close| {
            let is_udp = is_udp(context, close.connection);
            Value::number(is_udp.then_some(close.datagrams_received))
        },
    ),
    Field::<Close>::new("bytes_sent", "payload sent", |_, close| {
        Value::number((!close.time_unknown).then_some(close.bytes_sent))
    })
    .unit(Unit::Bytes),
    Field::<Close>::new("bytes_received", "payload received", |_, close| {
        Value::number((!close.time_unknown).then_some(close.bytes_received))
    })
    .unit(Unit::Bytes),
    Field::<Close>::new("error", "error of the kernel", |_, close| {
        error(close.error)
    }),
    Field::<Close>::new(
        "time_unknown",
        "true: the end was lost, and the socket is gone at the end of the recording",
        |_, close| Value::flag_if(close.time_unknown, true),
    ),
];

pub(super) static LISTEN: [Field<Listen>; 1] = [Field::<Listen>::new(
    CONNECTION,
    "the listener",
    |context, listen| listener(context, listen.connection),
)];

pub(super) static INBOUND: [Field<Inbound>; 1] = [Field::<Inbound>::new(
    CONNECTION,
    "the connection",
    |context, inbound| connection(context, inbound.connection),
)];

pub(super) static SOCKET_OPENED: [Field<SocketOpened>; 4] = [
    Field::<SocketOpened>::new("kind", "raw icmp, packet, sctp …", |_, opened| {
        Value::text(socket_kind(opened.family, opened.form, opened.protocol))
    }),
    Field::<SocketOpened>::new(
        "family",
        "address family, as socket(2) takes it",
        |_, opened| Value::Number(opened.family.into()),
    ),
    Field::<SocketOpened>::new("type", "type, as socket(2) takes it", |_, opened| {
        Value::Number(opened.form.into())
    }),
    Field::<SocketOpened>::new(
        "protocol",
        "protocol, as socket(2) takes it",
        |_, opened| Value::Number(opened.protocol.into()),
    ),
];

pub(super) static UNIX_CONNECT: [Field<UnixConnect>; 2] = [
    Field::<UnixConnect>::new(
        "path",
        "name of the socket; an abstract one begins with a NUL",
        |_, connect| Value::bytes(&connect.path),
    ),
    Field::<UnixConnect>::new(
        "peer_pid",
        "process that called listen(2), where known",
        |_, connect| {
            let pid = u64::from(connect.peer_pid);
            Value::number((pid != 0).then_some(pid))
        },
    ),
];

pub(super) static HELD: [Field<Held>; 2] = [
    Field::<Held>::new(
        CONNECTION,
        "the listener, or its open connection",
        |context, held| either(context, held.connection),
    ),
    Field::<Held>::new(
        "held_by",
        "processes that hold it at the end",
        |context, held| {
            let holders = held.holders.iter();
            let holders = holders.filter_map(|pid| context.model.latest(*pid));
            Value::processes(context, holders)
        },
    ),
];

pub(super) static COUNTED: [Field<Counted>; 5] = [
    Field::<Counted>::new(CONNECTION, ENDS, |context, counted| {
        either(context, counted.connection)
    }),
    Field::<Counted>::new("datagrams_sent", "datagrams sent so far", |_, counted| {
        Value::Number(counted.datagrams_sent)
    }),
    Field::<Counted>::new(
        "datagrams_received",
        "datagrams received so far",
        |_, counted| Value::Number(counted.datagrams_received),
    ),
    Field::<Counted>::new("bytes_sent", SENT, |_, counted| {
        Value::Number(counted.bytes_sent)
    })
    .unit(Unit::Bytes),
    Field::<Counted>::new("bytes_received", RECEIVED, |_, counted| {
        Value::Number(counted.bytes_received)
    })
    .unit(Unit::Bytes),
];

pub(super) static SOCKETS: [Field<Sockets>; 2] = [
    Field::<Sockets>::new(
        "connections",
        "pre-existing connections",
        |context, sockets| {
            let all = sockets.sockets.iter();
            let all = all.filter_map(|socket| context.model.connection(socket.connection));
            let all = all.map(|connection| Object::new(context, &CONNECTION_END, connection));
            Value::Nested(Nested::Connections(all.collect()))
        },
    ),
    Field::<Sockets>::new("listeners", "pre-existing listeners", |context, sockets| {
        let all = sockets.sockets.iter();
        let all = all.filter_map(|socket| context.model.listener(socket.connection));
        let all = all.map(|listener| Object::new(context, &LISTENER_END, listener));
        Value::Nested(Nested::Listeners(all.collect()))
    }),
];

/// Returns a connection by its number.
pub(super) fn connection(context: Context<'_>, id: u64) -> Value<'_> {
    let connection = context.model.connection(id);
    connection.map_or(Value::Nothing, |connection| {
        Value::Nested(Nested::Connection(Object::new(
            context,
            &CONNECTION_END,
            connection,
        )))
    })
}

fn listener(context: Context<'_>, id: u64) -> Value<'_> {
    let listener = context.model.listener(id);
    listener.map_or(Value::Nothing, |listener| {
        Value::Nested(Nested::Listener(Object::new(
            context,
            &LISTENER_END,
            listener,
        )))
    })
}

/// Returns the connection or the listener with a number.
fn either(context: Context<'_>, id: u64) -> Value<'_> {
    match connection(context, id) {
        Value::Nothing => listener(context, id),
        connection => connection,
    }
}

fn is_udp(context: Context<'_>, id: u64) -> bool {
    let listener = context.model.listener(id).map(|listener| listener.protocol);
    let connection = context.model.connection(id).map(|one| one.protocol);
    listener.or(connection) == Some(Protocol::Udp)
}

fn error<'a>(error: u32) -> Value<'a> {
    match error {
        0 => Value::Nothing,
        error => Value::text(errno_name(error)),
    }
}
