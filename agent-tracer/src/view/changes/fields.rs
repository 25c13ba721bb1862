//! Declares the fields of changes: what every change has, then what there is of its kind, under
//! the names that the same things have in `replay` and `connections`.

mod destination;
mod download;
mod service;

use super::words;
use crate::{
    event::{Difference, FileDifference, PackageOrigin},
    findings::{Change, Facts, FirstOf, Unit},
    view::{
        Field,
        field::Object,
        json::{A_FILE_WITHIN, A_STATE, Nested, within_fields},
        process::because,
        shape::Shape,
        value::Value,
    },
};

/// All fields of changes of any kind.
pub(in crate::view) fn fields<'c>() -> Vec<Field<Change<'c>>> {
    let mut fields = common();
    fields.extend(destination::fields());
    fields.extend(download::fields());
    fields.extend(of_differences());
    fields.extend(of_files());
    fields.extend(service::fields());
    fields.extend(of_directories());
    fields
}

fn common<'c>() -> Vec<Field<Change<'c>>> {
    vec![
        Field::<Change<'c>>::new("kind", "service, process, file …", |_, change| {
            Value::text(change.kind.name())
        }),
        Field::<Change<'c>>::new("action", "new, changed, gone or touched", |_, change| {
            Value::text(change.action.name())
        }),
        Field::<Change<'c>>::new("name", "name of what changed", |_, change| {
            Value::Bytes(change.what.as_slice().into())
        }),
        Field::<Change<'c>>::new("detail", "further facts in words", |context, change| {
            match words::detail(context.model, change) {
                detail if detail.is_empty() => Value::Nothing,
                detail => Value::text(detail),
            }
        }),
        Field::<Change<'c>>::new(
            "process",
            "author of the change, if known",
            |context, change| Value::process(context, change.author),
        )
        .process(),
        Field::<Change<'c>>::new("tree", "tree of the author", |context, change| {
            let tree = change.tree(context.model);
            tree.map_or(Value::Nothing, Value::text)
        }),
        Field::<Change<'c>>::new("because", "reason for that tree", |context, change| {
            change.author.map_or(Value::Nothing, |author| {
                let author = context.model.process(author);
                Value::text(because(context.model, author))
            })
        }),
        Field::<Change<'c>>::new(
            "inferred",
            "true if the author was inferred",
            |_, change| match change.author {
                Some(_) => Value::Flag(change.is_inferred),
                None => Value::Nothing,
            },
        )
        .shape(Shape::Flag),
        Field::<Change<'c>>::new("attention", "reason for attention", |_, change| {
            let reason = change.attention.as_ref();
            reason.map_or(Value::Nothing, |reason| Value::Text(words::reason(reason)))
        }),
        Field::<Change<'c>>::new("first_of", "group that it is the first of", |_, change| {
            change.first_of.as_ref().map_or(Value::Nothing, |first| {
                let FirstOf { table, rules } = first;
                let text = [table, format!(": {rules} rules").as_bytes()].concat();
                Value::Bytes(text.into())
            })
        }),
        Field::<Change<'c>>::new(
            "within",
            "files of a directory that deserve attention",
            |context, change| {
                let all = change.within.iter();
                let all = all.map(|within| Object::new(context, within_fields(), within));
                match change.within.is_empty() {
                    true => Value::Nothing,
                    false => Value::Nested(Nested::Within(all.collect())),
                }
            },
        )
        .shape(Shape::Objects(A_FILE_WITHIN)),
        Field::<Change<'c>>::new(
            "argv",
            "process: its command line",
            |context, change| match (&change.facts, change.author) {
                (Facts::Process, Some(author)) => Value::Words(&context.model.process(author).argv),
                _ => Value::Nothing,
            },
        )
        .shape(Shape::Texts),
    ]
}

fn of_differences<'c>() -> Vec<Field<Change<'c>>> {
    vec![
        Field::<Change<'c>>::new("file", "service: path of its unit file", |_, change| {
            let path = unit(change).and_then(Unit::path);
            Value::known_bytes(path)
        }),
        Field::<Change<'c>>::new(
            "before",
            "value or state before",
            |context, change| match file(change) {
                Some(file) => Value::state(context, file.before.as_ref()),
                None => Value::known_bytes(entry(change).and_then(|entry| entry.before.as_deref())),
            },
        )
        .shape(Shape::TextOrObject(A_STATE)),
        Field::<Change<'c>>::new(
            "after",
            "value or state after",
            |context, change| match file(change) {
                Some(file) => Value::state(context, file.after.as_ref()),
                None => Value::known_bytes(entry(change).and_then(|entry| entry.after.as_deref())),
            },
        )
        .shape(Shape::TextOrObject(A_STATE)),
        Field::<Change<'c>>::new(
            "origin",
            "package of dpkg: archive that has it, by the lists of apt, or a local file",
            |_, change| origin(change).map_or(Value::Nothing, |it| Value::text(words::origin(it))),
        ),
        Field::<Change<'c>>::new(
            "package_file",
            "package of dpkg: path of its file in the archive",
            |_, change| {
                let file = origin(change).map(|origin| origin.file.as_slice());
                Value::known_bytes(file.filter(|file| !file.is_empty()))
            },
        ),
        Field::<Change<'c>>::new(
            "package_sha256",
            "package of dpkg: SHA-256 of that file, by the list",
            |_, change| {
                let sha256 = origin(change).map(|origin| origin.sha256.as_slice());
                Value::known_bytes(sha256.filter(|sha256| !sha256.is_empty()))
            },
        ),
    ]
}

fn origin<'a>(change: &'a Change<'_>) -> Option<&'a PackageOrigin> {
    entry(change)?.origin.as_ref()
}

fn of_files<'c>() -> Vec<Field<Change<'c>>> {
    vec![
        Field::<Change<'c>>::new(
            "before_unknown",
            "file: true: outside of the compared directories, seen when it was changed",
            |_, change| Value::flag_if(change.before_unknown, true),
        )
        .shape(Shape::Flag),
    ]
}

fn of_directories<'c>() -> Vec<Field<Change<'c>>> {
    vec![
        Field::<Change<'c>>::new(
            "count",
            "directory: number of files",
            |_, change| match change.facts {
                Facts::Files(_) => Value::Number(count(change.count)),
                _ => Value::Nothing,
            },
        )
        .shape(Shape::Integer),
        Field::<Change<'c>>::new(
            "size",
            "directory: bytes of the files",
            |_, change| match change.facts {
                Facts::Files(size) => Value::number(size),
                _ => Value::Nothing,
            },
        )
        .shape(Shape::Integer),
    ]
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn unit<'a, 'c>(change: &'a Change<'c>) -> Option<&'a Unit<'c>> {
    match &change.facts {
        Facts::Unit(unit) => Some(unit),
        _ => None,
    }
}

fn file<'a>(change: &'a Change<'_>) -> Option<&'a FileDifference> {
    match change.facts {
        Facts::File(file) => Some(file),
        _ => None,
    }
}

fn entry<'a>(change: &'a Change<'_>) -> Option<&'a Difference> {
    match &change.facts {
        Facts::Entry { difference, .. } => Some(difference),
        Facts::Unit(unit) => unit.state,
        _ => None,
    }
}
