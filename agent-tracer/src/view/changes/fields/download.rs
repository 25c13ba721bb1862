//! Declares the fields of downloads as changes.

use crate::{
    findings::{Change, Downloaded, Facts},
    view::{Field, connections::CONNECTION_END, field::Object, json::Nested, value::Value},
};

pub(super) fn fields<'c>() -> Vec<Field<Change<'c>>> {
    vec![
        Field::<Change<'c>>::new(
            "writer",
            "download: process that wrote the file",
            |context, change| {
                Value::process(context, downloaded(change).map(|it| it.download.writer))
            },
        ),
        Field::<Change<'c>>::new(
            "carrier",
            "download: process that moved the file",
            |context, change| {
                Value::process(
                    context,
                    downloaded(change).and_then(|it| it.download.carrier),
                )
            },
        ),
        Field::<Change<'c>>::new(
            "from",
            "download: connections that it came through",
            |context, change| {
                let Some(downloaded) = downloaded(change) else {
                    return Value::Nothing;
                };
                let all = context.model.connections();
                let from = downloaded.download.connections.iter();
                let from = from.filter_map(|at| all.get(*at));
                let objects = from.map(|one| Object::new(context, &CONNECTION_END, one));
                Value::Nested(Nested::Connections(objects.collect()))
            },
        ),
        Field::<Change<'c>>::new(
            "executions",
            "download: number of executions",
            |_, change| Value::number(downloaded(change).map(|it| it.download.executions)),
        ),
    ]
}

fn downloaded<'a>(change: &'a Change<'_>) -> Option<&'a Downloaded> {
    match &change.facts {
        Facts::Download(downloaded) => Some(downloaded),
        _ => None,
    }
}
