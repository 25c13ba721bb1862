//! Declares the fields of changes: what every change has, then what there is of its kind, under
//! the names that the same things have in `replay` and `connections`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::words;
use crate::{
    event::{Difference, FileDifference},
    findings::{Change, Downloaded, Facts, FirstOf, Group, Unit, Within},
    model::{Model, ProcessIndex},
    view::{
        Context, Field, groups,
        json::{ConnectionObject, Nested, ProcessObject, StateObject, bytes, states},
        process::because,
        value::Value,
    },
};

/// All fields of changes of any kind.
pub(in crate::view) fn fields<'c>() -> Vec<Field<Change<'c>>> {
    let mut fields = common();
    fields.extend(of_destinations());
    fields.extend(of_downloads());
    fields.extend(of_differences());
    fields.extend(of_services());
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
        Field::<Change<'c>>::new(
            "detail",
            "what else is known of it, in words",
            |context, change| match words::detail(context.model, change) {
                detail if detail.is_empty() => Value::Nothing,
                detail => Value::text(detail),
            },
        ),
        Field::<Change<'c>>::new(
            "process",
            "author of the change, where seen",
            |context, change| process(context, change.author),
        )
        .process(),
        Field::<Change<'c>>::new("tree", "tree of the author", |context, change| {
            let tree = change.tree(context.model);
            tree.map_or(Value::Nothing, Value::text)
        }),
        Field::<Change<'c>>::new(
            "because",
            "why the author belongs to that tree",
            |context, change| {
                change.author.map_or(Value::Nothing, |author| {
                    let author = context.model.process(author);
                    Value::text(because(context.model, author))
                })
            },
        ),
        Field::<Change<'c>>::new(
            "inferred",
            "whether the author was concluded",
            |_, change| match change.author {
                Some(_) => Value::Flag(change.is_inferred),
                None => Value::Nothing,
            },
        ),
        Field::<Change<'c>>::new(
            "attention",
            "why it deserves attention first",
            |_, change| {
                let reason = change.attention.as_ref();
                reason.map_or(Value::Nothing, |reason| Value::Text(words::reason(reason)))
            },
        ),
        Field::<Change<'c>>::new("first_of", "what it is the first of", |_, change| {
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
                let model = context.model;
                let all = change.within.iter();
                let all: Vec<_> = all.map(|within| WithinObject { model, within }).collect();
                match all.is_empty() {
                    true => Value::Nothing,
                    false => Value::Nested(Nested::Within(all)),
                }
            },
        ),
        Field::<Change<'c>>::new(
            "argv",
            "process: its command line",
            |context, change| match (&change.facts, change.author) {
                (Facts::Process, Some(author)) => Value::Words(&context.model.process(author).argv),
                _ => Value::Nothing,
            },
        ),
    ]
}

fn of_destinations<'c>() -> Vec<Field<Change<'c>>> {
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
            "destination: trees of the processes",
            |context, change| of_group(change, context, groups::trees),
        ),
        Field::<Change<'c>>::new(
            "processes",
            "destination: processes that asked",
            |context, change| of_group(change, context, groups::processes),
        ),
        Field::<Change<'c>>::new(
            "connections",
            "destination: number of connections",
            |context, change| of_group(change, context, groups::count),
        ),
        Field::<Change<'c>>::new(
            "outcomes",
            "destination: number of them by state",
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

fn of_downloads<'c>() -> Vec<Field<Change<'c>>> {
    vec![
        Field::<Change<'c>>::new(
            "writer",
            "download: process that wrote the file",
            |context, change| process(context, downloaded(change).map(|it| it.download.writer)),
        ),
        Field::<Change<'c>>::new(
            "carrier",
            "download: process that moved the file",
            |context, change| {
                process(
                    context,
                    downloaded(change).and_then(|it| it.download.carrier),
                )
            },
        ),
        Field::<Change<'c>>::new(
            "from",
            "download: connections that it came by",
            |context, change| {
                let model = context.model;
                let Some(downloaded) = downloaded(change) else {
                    return Value::Nothing;
                };
                let all = model.connections();
                let from = downloaded.download.connections.iter();
                let from = from.filter_map(|at| all.get(*at));
                let objects = from.map(|connection| ConnectionObject { model, connection });
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

fn of_differences<'c>() -> Vec<Field<Change<'c>>> {
    vec![
        Field::<Change<'c>>::new("file", "service: path of its unit file", |_, change| {
            let path = unit(change).and_then(Unit::path);
            path.map_or(Value::Nothing, |path| Value::Bytes(path.into()))
        }),
        Field::<Change<'c>>::new(
            "before",
            "what it was: a value, or the state of a file",
            |context, change| match file(change) {
                Some(file) => state(context.model, file.before.as_ref()),
                None => value(entry(change).and_then(|entry| entry.before.as_deref())),
            },
        ),
        Field::<Change<'c>>::new(
            "after",
            "what it is, likewise",
            |context, change| match file(change) {
                Some(file) => state(context.model, file.after.as_ref()),
                None => value(entry(change).and_then(|entry| entry.after.as_deref())),
            },
        ),
    ]
}

fn of_services<'c>() -> Vec<Field<Change<'c>>> {
    vec![
        Field::<Change<'c>>::new(
            "active_before",
            "service: state of the unit before",
            |_, change| active(change, |active| &active.before),
        ),
        Field::<Change<'c>>::new(
            "active_after",
            "service: state of the unit after",
            |_, change| active(change, |active| &active.after),
        ),
        Field::<Change<'c>>::new("enabled", "service: whether links start it", |_, change| {
            let enabled = unit(change).and_then(|unit| unit.enabled);
            enabled.map_or(Value::Nothing, |(enabled, _)| Value::Flag(enabled))
        }),
        Field::<Change<'c>>::new(
            "enabled_by",
            "service: process that made the link",
            |context, change| linked(context, change, true),
        ),
        Field::<Change<'c>>::new(
            "disabled_by",
            "service: process that removed the link",
            |context, change| linked(context, change, false),
        ),
        Field::<Change<'c>>::new(
            "requested_by",
            "service: request behind it, inferred",
            |_, change| {
                let request = unit(change).and_then(|unit| unit.request);
                request.map_or(Value::Nothing, |request| {
                    Value::Nested(Nested::Request(request))
                })
            },
        ),
        Field::<Change<'c>>::new(
            "process_count",
            "service: number of running processes",
            |_, change| Value::number(unit(change).map(|unit| count(unit.running))),
        ),
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
        ),
        Field::<Change<'c>>::new(
            "size",
            "directory: bytes of the files",
            |_, change| match change.facts {
                Facts::Files(size) => Value::number(size),
                _ => Value::Nothing,
            },
        ),
    ]
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn process<'a>(context: Context<'a>, index: Option<ProcessIndex>) -> Value<'a> {
    let model = context.model;
    index.map_or(Value::Nothing, |index| {
        Value::Process(ProcessObject { model, index })
    })
}

fn of_group<'a>(
    change: &'a Change<'_>,
    context: Context<'a>,
    get: for<'b> fn(Context<'b>, &'b Group) -> Value<'b>,
) -> Value<'a> {
    match &change.facts {
        Facts::Destination(group) => get(context, group),
        _ => Value::Nothing,
    }
}

fn downloaded<'a>(change: &'a Change<'_>) -> Option<&'a Downloaded> {
    match &change.facts {
        Facts::Download(downloaded) => Some(downloaded),
        _ => None,
    }
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

fn value(value: Option<&[u8]>) -> Value<'_> {
    value.map_or(Value::Nothing, |value| Value::Bytes(value.into()))
}

fn state<'a>(model: &'a Model, state: Option<&'a crate::event::FileState>) -> Value<'a> {
    state.map_or(Value::Nothing, |state| {
        Value::Nested(Nested::State(StateObject { model, state }))
    })
}

fn active<'a>(
    change: &'a Change<'_>,
    side: impl Fn(&'a Difference) -> &'a Option<Vec<u8>>,
) -> Value<'a> {
    let active = unit(change).and_then(|unit| unit.active);
    let text = active.and_then(|active| side(active).as_deref());
    text.map_or(Value::Nothing, |text| {
        Value::Text(String::from_utf8_lossy(text))
    })
}

fn linked<'a>(context: Context<'a>, change: &'a Change<'_>, enabled: bool) -> Value<'a> {
    let link = unit(change).and_then(|unit| unit.enabled);
    let link = link.filter(|(is_enabled, _)| *is_enabled == enabled);
    process(context, link.and_then(|(_, by)| by))
}

/// A file of a group that deserves attention.
pub(in crate::view) struct WithinObject<'a> {
    model: &'a Model,
    within: &'a Within<'a>,
}

impl Serialize for WithinObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { model, within } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("attention", &words::reason(&within.reason))?;
        bytes(&mut map, "path", "path_base64", &within.path)?;
        let author = within.author.map(|(index, _)| index);
        let process = author.map(|index| ProcessObject { model, index });
        map.serialize_entry("process", &process)?;
        if let Some((_, is_inferred)) = within.author {
            map.serialize_entry("inferred", &is_inferred)?;
        }
        if let Some(difference) = within.file {
            states::<S::SerializeMap>(&mut map, model, difference)?;
        }
        map.end()
    }
}
