//! Declares the fields of destinations and listeners as changes.

use crate::{
    findings::{Change, ConnectionGroup, Facts},
    view::{
        Context, Field, connections::A_TAG, groups, processes::A_PROCESS, shape::Shape,
        value::Value,
    },
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
        })
        .shape(Shape::Integer),
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
        })
        .shape(Shape::End),
        Field::<Change<'c>>::new(
            "proxy",
            "destination: proxy that it is reached through",
            |context, change| of_group(change, context, groups::proxy),
        )
        .shape(Shape::End),
        Field::<Change<'c>>::new(
            "addresses",
            "destination: addresses of the host",
            |context, change| of_group(change, context, groups::addresses_of),
        )
        .shape(Shape::Texts),
        Field::<Change<'c>>::new(
            "tag",
            "destination: most specific service tag",
            |context, change| of_group(change, context, groups::tag),
        ),
        Field::<Change<'c>>::new(
            "tags",
            "destination: all service tags",
            |context, change| of_group(change, context, groups::tags),
        )
        .shape(Shape::Objects(A_TAG)),
        Field::<Change<'c>>::new(
            "note",
            "destination: meaning of the address",
            |context, change| of_group(change, context, groups::note),
        ),
        Field::<Change<'c>>::new(
            "trees",
            "destination: trees of the owners",
            |context, change| of_group(change, context, groups::trees),
        )
        .shape(Shape::Texts),
        Field::<Change<'c>>::new(
            "processes",
            "destination: owners of the connections",
            |context, change| of_group(change, context, groups::processes),
        )
        .shape(Shape::Objects(A_PROCESS)),
        Field::<Change<'c>>::new(
            "connections",
            "destination: number of connections",
            |context, change| of_group(change, context, groups::count),
        )
        .shape(Shape::Integer),
        Field::<Change<'c>>::new(
            "outcomes",
            "destination: number of connections by state",
            |context, change| of_group(change, context, groups::outcomes_of),
        )
        .shape(Shape::Json),
        Field::<Change<'c>>::new(
            "bytes_sent",
            "destination: payload sent",
            |context, change| of_group(change, context, groups::sent),
        )
        .shape(Shape::Integer),
        Field::<Change<'c>>::new(
            "bytes_received",
            "destination: payload received",
            |context, change| of_group(change, context, groups::received),
        )
        .shape(Shape::Integer),
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
