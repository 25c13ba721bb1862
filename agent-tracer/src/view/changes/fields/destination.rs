//! Declares the fields of destinations and listeners as changes.

use crate::{
    findings::{Change, ConnectionGroup, Facts},
    view::{Context, Field, groups, value::Value},
};

pub(super) fn fields<'c>() -> Vec<Field<Change<'c>>> {
    vec![
        Field::<Change<'c>>::new(
            "host",
            "destination: name of the host",
            |context, change| of_group(change, context, groups::host),
        ),
        Field::<Change<'c>>::new("port", "destination: port", |context, change| {
            of_group(change, context, groups::port)
        }),
        Field::<Change<'c>>::new(
            "protocol",
            "destination, listener: tcp or udp",
            |context, change| match change.listener() {
                Some(listener) => Value::text(listener.protocol.name()),
                None => of_group(change, context, groups::protocol),
            },
        ),
        Field::<Change<'c>>::new("local", "listener: address and port", |_, change| {
            Value::written(change.listener().and_then(|listener| listener.local))
        }),
        Field::<Change<'c>>::new(
            "proxy",
            "destination: proxy that it is reached through",
            |context, change| of_group(change, context, groups::proxy),
        ),
        Field::<Change<'c>>::new(
            "addresses",
            "destination: addresses of the host",
            |context, change| of_group(change, context, groups::addresses_of),
        ),
        Field::<Change<'c>>::new(
            "tag",
            "destination: most specific service tag",
            |context, change| of_group(change, context, groups::tag),
        ),
        Field::<Change<'c>>::new(
            "tags",
            "destination: all service tags",
            |context, change| of_group(change, context, groups::tags),
        ),
        Field::<Change<'c>>::new(
            "note",
            "destination: meaning of the address",
            |context, change| of_group(change, context, groups::note),
        ),
        Field::<Change<'c>>::new(
            "trees",
            "destination: trees of the owners",
            |context, change| of_group(change, context, groups::trees),
        ),
        Field::<Change<'c>>::new(
            "processes",
            "destination: owners of the connections",
            |context, change| of_group(change, context, groups::processes),
        ),
        Field::<Change<'c>>::new(
            "connections",
            "destination: number of connections",
            |context, change| of_group(change, context, groups::count),
        ),
        Field::<Change<'c>>::new(
            "outcomes",
            "destination: number of connections by state",
            |context, change| of_group(change, context, groups::outcomes_of),
        ),
        Field::<Change<'c>>::new(
            "bytes_sent",
            "destination: payload sent",
            |context, change| of_group(change, context, groups::sent),
        ),
        Field::<Change<'c>>::new(
            "bytes_received",
            "destination: payload received",
            |context, change| of_group(change, context, groups::received),
        ),
    ]
}

fn of_group<'a>(
    change: &'a Change<'_>,
    context: Context<'a>,
    get: for<'b> fn(Context<'b>, &'b ConnectionGroup) -> Value<'b>,
) -> Value<'a> {
    match &change.facts {
        Facts::Destination(group) => get(context, group),
        _ => Value::Nothing,
    }
}
