//! Declares the fields of sockets that listen for TCP connections or are bound for UDP.

use crate::model::Listener;

use super::{
    Context, Field,
    connections::family,
    escape,
    field::{EMPTY, Unit},
    numbers::grouped,
    page::{bytes, columns, duration, pad},
    process::{because, name},
    processes::A_PROCESS,
    shape::Shape,
    table::Layout,
    user_of,
    value::Value,
};

/// A listener at the end of a trace.
pub(super) static LISTENER: [Field<Listener>; 16] = [
    Field::<Listener>::new("process", "process that bound it", |context, listener| {
        Value::process(context, Some(listener.owner))
    })
    .process()
    .column(2, "PROCESS", |context, listener| {
        let called = |index| {
            let process = context.model.process(index);
            format!("{} [{}]", name(process), process.id.pid)
        };
        let owner = called(listener.owner);
        match listener.holders.as_slice() {
            [] => owner,
            [holder] => format!("{}, bound by {owner}", called(*holder)),
            [holder, others @ ..] => format!(
                "{} and {} more, bound by {owner}",
                called(*holder),
                others.len()
            ),
        }
    }),
    Field::<Listener>::new(
        "held_by",
        "processes that hold it at the end, where not that one alone",
        |context, listener| Value::processes(context, listener.holders.iter().copied()),
    )
    .shape(Shape::Objects(A_PROCESS)),
    Field::<Listener>::shown_only("user", "user of the holder")
        .column(3, "USER", |context, listener| {
            let owner = context.model.process(listener.holder());
            user_of(context.model, owner)
        })
        .leave_out(4),
    Field::<Listener>::new("tree", "tree of the owner", |context, listener| {
        Value::text(&*context.model.process(listener.owner).tree)
    })
    .column(1, "TREE", |context, listener| {
        let owner = context.model.process(listener.owner);
        escape::text(owner.tree.as_bytes())
    }),
    Field::<Listener>::new("because", "reason for that tree", |context, listener| {
        let owner = context.model.process(listener.owner);
        Value::text(because(context.model, owner))
    }),
    Field::<Listener>::new("protocol", "tcp or udp", protocol),
    Field::<Listener>::new("local", "local address and port", local)
        .shape(Shape::End)
        .column(4, "LOCAL", |_, listener| {
            let local = listener
                .local
                .map_or_else(|| "?".to_owned(), |local| local.to_string());
            format!("{local}/{}", listener.protocol.name())
        })
        .subject(),
    Field::<Listener>::new(
        "network_namespace",
        "network namespace, where not that of the recorder",
        |_, listener| {
            let inode = u64::from(listener.network_namespace);
            Value::number((inode != 0).then_some(inode))
        },
    )
    .shape(Shape::Integer),
    Field::<Listener>::new("state", "listening or closed", |_, listener| {
        Value::text(listener.state())
    })
    .column(5, "STATE", |_, listener| listener.state().to_owned()),
    Field::<Listener>::new("started", "time of its start", |context, listener| {
        Value::text(context.page.clock.rfc3339(listener.started_ns))
    })
    .unit(Unit::Time)
    .column(0, "TIME", |context, listener| {
        let page = context.page;
        match listener.is_pre_existing {
            true => pad("before", columns(&page.time(0))),
            false => page.time(listener.started_ns),
        }
    })
    .leave_out(3)
    .layout(Layout::Number),
    Field::<Listener>::new("note", "a remark", |_, listener| {
        match listener.is_pre_existing {
            true => Value::text("was there before the recording"),
            false => Value::Nothing,
        }
    }),
    Field::<Listener>::new("duration_ms", "time until it ended", |_, listener| {
        let lasted = lasted(listener);
        lasted.map_or(Value::Nothing, |lasted| Value::Real(lasted as f64 / 1e6))
    })
    .unit(Unit::Milliseconds)
    .column(6, "LASTED", |_, listener| {
        lasted(listener).map_or_else(|| EMPTY.to_owned(), duration)
    })
    .leave_out(2),
    Field::<Listener>::new("bytes_sent", "payload sent, of UDP", |_, listener| {
        Value::number(listener.traffic.map(|traffic| traffic.bytes_sent))
    })
    .unit(Unit::Bytes)
    .column(7, "SENT/RECEIVED", |_, listener| match listener.traffic {
        Some(traffic) => format!(
            "{} / {} in {} / {} datagrams",
            bytes(traffic.bytes_sent),
            bytes(traffic.bytes_received),
            grouped(traffic.datagrams_sent),
            grouped(traffic.datagrams_received)
        ),
        None => EMPTY.to_owned(),
    })
    .leave_out(1),
    Field::<Listener>::new(
        "bytes_received",
        "payload received, of UDP",
        |_, listener| Value::number(listener.traffic.map(|traffic| traffic.bytes_received)),
    )
    .unit(Unit::Bytes),
    Field::<Listener>::new("datagrams_sent", "datagrams sent, of UDP", |_, listener| {
        Value::number(listener.traffic.map(|traffic| traffic.datagrams_sent))
    })
    .shape(Shape::Integer),
    Field::<Listener>::new(
        "datagrams_received",
        "datagrams received, of UDP",
        |_, listener| Value::number(listener.traffic.map(|traffic| traffic.datagrams_received)),
    )
    .shape(Shape::Integer),
];

/// A listener where an event has a connection.
pub(super) static LISTENER_END: [Field<Listener>; 4] = [
    Field::<Listener>::new("id", "number of the socket in the trace", |_, listener| {
        Value::Number(listener.id)
    }),
    Field::<Listener>::new("protocol", "tcp or udp", protocol),
    Field::<Listener>::new("family", "ipv4, ipv6 or unknown", |_, listener| {
        Value::text(family(listener.local))
    }),
    Field::<Listener>::new("local", "local address and port", local).shape(Shape::End),
];

fn protocol<'a>(_: Context<'a>, listener: &'a Listener) -> Value<'a> {
    Value::text(listener.protocol.name())
}

fn local<'a>(_: Context<'a>, listener: &'a Listener) -> Value<'a> {
    Value::written(listener.local)
}

fn lasted(listener: &Listener) -> Option<u64> {
    let ended = listener.ended_ns.filter(|_| !listener.is_pre_existing)?;
    Some(ended.saturating_sub(listener.started_ns))
}
