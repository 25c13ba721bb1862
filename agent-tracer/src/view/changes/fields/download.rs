//! Declares the fields of downloads as changes.

use crate::{
    findings::{Change, Downloaded, Facts},
    model::Content,
    view::{
        Field,
        changes::words,
        connections::{A_CONNECTION, CONNECTION_END},
        field::Object,
        json::Nested,
        processes::A_PROCESS,
        shape::Shape,
        value::Value,
    },
};

pub(super) fn fields<'c>() -> Vec<Field<Change<'c>>> {
    vec![
        Field::<Change<'c>>::new(
            "writer",
            "download: process that wrote the file",
            |context, change| {
                Value::process(context, downloaded(change).map(|it| it.download.writer))
            },
        )
        .shape(Shape::Object(A_PROCESS)),
        Field::<Change<'c>>::new(
            "carrier",
            "download: process that moved the file",
            |context, change| {
                Value::process(
                    context,
                    downloaded(change).and_then(|it| it.download.carrier),
                )
            },
        )
        .shape(Shape::Object(A_PROCESS)),
        Field::<Change<'c>>::new(
            "from",
            "download: connections that it came through",
            |context, change| {
                let Some(downloaded) = downloaded(change) else {
                    return Value::Nothing;
                };
                let from = downloaded.download.connections.iter();
                let from = from.filter_map(|at| context.model.connection_at(*at));
                let objects = from.map(|one| Object::new(context, &CONNECTION_END, one));
                Value::Nested(Nested::Connections(objects.collect()))
            },
        )
        .shape(Shape::Objects(A_CONNECTION)),
        Field::<Change<'c>>::new(
            "urls",
            "download: URLs in clear that it may have come from, without queries",
            |context, change| {
                let Some(downloaded) = downloaded(change) else {
                    return Value::Nothing;
                };
                let urls = words::urls(context.model, &downloaded.download);
                let urls: Vec<&str> = urls.map(String::as_str).collect();
                match urls.is_empty() {
                    true => Value::Nothing,
                    false => Value::text(urls.join(" ")),
                }
            },
        ),
        Field::<Change<'c>>::new(
            "archive",
            "download: downloaded file that it came out of",
            |_, change| {
                let archive = downloaded(change).and_then(|it| it.download.archive.as_deref());
                Value::known_bytes(archive)
            },
        ),
        Field::<Change<'c>>::new(
            "sha256",
            "download: SHA-256 of what was executed, or of the native code",
            |_, change| match content(change) {
                Some(content) => Value::text(words::hex(&content.sha256)),
                None => Value::Nothing,
            },
        ),
        Field::<Change<'c>>::new(
            "changed_since",
            "download: true: the file is another at the end, or native code that is gone",
            |_, change| Value::flag_if(content(change).is_some_and(|it| it.has_changed), true),
        )
        .shape(Shape::Flag),
        Field::<Change<'c>>::new(
            "native",
            "download: native code that was not executed: library or program",
            |_, change| {
                let code = downloaded(change).and_then(|it| it.download.native.name());
                code.map_or(Value::Nothing, Value::text)
            },
        ),
        Field::<Change<'c>>::new(
            "executions",
            "download: number of executions",
            |_, change| Value::number(downloaded(change).map(|it| it.download.executions)),
        )
        .shape(Shape::Integer),
    ]
}

fn content<'a>(change: &'a Change<'_>) -> Option<&'a Content> {
    downloaded(change)?.download.content.as_ref()
}

fn downloaded<'a>(change: &'a Change<'_>) -> Option<&'a Downloaded> {
    match &change.facts {
        Facts::Download(downloaded) => Some(downloaded),
        _ => None,
    }
}
