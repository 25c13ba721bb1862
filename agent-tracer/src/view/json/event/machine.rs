//! Declares the fields of events of units, files and settings.

use crate::{
    event::{
        Compared, ContainerNamed, Difference, ElsewhereFile, FileDifference, FileEvent, FileHashed,
        FileState, FilesCompared, FilesElsewhere, FoldedDirectory, LoadedUnit, Unit, Units,
        UserNamed,
    },
    view::{
        field::{self, Field, Object},
        json::Nested,
        process::requester,
        shape::{Kind, Shape, declared},
        value::Value,
    },
};

pub(super) static UNIT: [Field<Unit>; 9] = [
    Field::<Unit>::new("unit", "name of the unit", |_, unit| {
        Value::bytes(&unit.name)
    }),
    Field::<Unit>::new("action", "started, ended, restarted …", |_, unit| {
        Value::text(unit.action().name())
    }),
    Field::<Unit>::new(
        "requested_by",
        "request behind it, inferred",
        |context, unit| requester(context, context.model.requester(&unit.name)),
    ),
    Field::<Unit>::new("aliases", "other names of the unit", |_, unit| {
        Value::words_if_any(&unit.aliases)
    }),
    Field::<Unit>::new("triggered_by", "units that trigger it", |_, unit| {
        Value::words_if_any(&unit.triggered_by)
    }),
    Field::<Unit>::new("pulled_in_by", "units that pull it in", |_, unit| {
        Value::words_if_any(&unit.pulled_in_by)
    }),
    Field::<Unit>::new("pulls_in", "units that it pulls in", |_, unit| {
        Value::words_if_any(&unit.pulls_in)
    }),
    Field::<Unit>::new("file", "path of its unit file", |_, unit| {
        Value::bytes_if_any(&unit.file)
    }),
    Field::<Unit>::new("job", "kind of systemd's job", |_, unit| {
        Value::text_if_any(&unit.job)
    }),
];

pub(super) static UNITS: [Field<Units>; 1] = [Field::<Units>::new(
    "units",
    "units: unit, active",
    |context, units| {
        let all = units.units.iter();
        let all = all.map(|unit| Object::new(context, &LOADED, unit));
        Value::Nested(Nested::Units(all.collect()))
    },
)];

/// A unit that was loaded before.
static LOADED: [Field<LoadedUnit>; 2] = [
    Field::<LoadedUnit>::new("unit", "name of the unit", |_, unit| {
        Value::bytes(&unit.name)
    }),
    Field::<LoadedUnit>::new("active", "state of the unit", |_, unit| {
        Value::text(&unit.active)
    }),
];

pub(super) static FILE: [Field<FileEvent>; 3] = [
    Field::<FileEvent>::new("path", "path of the file", |_, file| {
        Value::bytes(&file.path)
    }),
    Field::<FileEvent>::new("action", "written, removed …", |_, file| {
        Value::text(file.action().name())
    }),
    Field::<FileEvent>::new("is_directory", "true: it is a directory", |_, file| {
        Value::flag_if(file.is_directory, true)
    }),
];

pub(super) static FILE_HASHED: [Field<FileHashed>; 4] = [
    Field::<FileHashed>::new("path", "path that was executed or written", |_, hashed| {
        Value::bytes(&hashed.path)
    }),
    Field::<FileHashed>::new("sha256", "SHA-256 of the content", |_, hashed| {
        hex(&hashed.sha256)
    }),
    Field::<FileHashed>::new(
        "has_changed",
        "true: it is another at the end",
        |_, hashed| Value::flag_if(hashed.has_changed, true),
    ),
    Field::<FileHashed>::new(
        "native",
        "native code in a file that was written: library or program",
        |_, hashed| hashed.native().name().map_or(Value::Nothing, Value::text),
    ),
];

pub(super) static COMPARED: [Field<Compared>; 5] = [
    Field::<Compared>::new(
        "subject",
        "user, group, package, module …",
        |_, compared| Value::text(compared.subject().name()),
    ),
    Field::<Compared>::new("entries", "entries that were compared", |_, compared| {
        Value::Number(compared.entries)
    }),
    Field::<Compared>::new(
        "differences",
        "entries that differ: name, before, after",
        |context, compared| {
            let all = compared.differences.iter();
            let all = all.map(|difference| Object::new(context, &DIFFERENCE, difference));
            Value::Nested(Nested::Differences(all.collect()))
        },
    ),
    Field::<Compared>::new(
        "problem",
        "reason if not all were compared",
        |_, compared| Value::text_if_any(&compared.problem),
    ),
    Field::<Compared>::new(
        "problem_from_start",
        "true: the problem was there at the start",
        |_, compared| Value::flag_if(compared.problem_from_start, true),
    ),
];

/// An entry of a list that differs.
static DIFFERENCE: [Field<Difference>; 3] = [
    Field::<Difference>::new("name", "name of the entry", |_, difference| {
        Value::bytes(&difference.name)
    }),
    Field::<Difference>::new("before", "value before", |_, difference| {
        Value::known_bytes(difference.before.as_deref())
    }),
    Field::<Difference>::new("after", "value after", |_, difference| {
        Value::known_bytes(difference.after.as_deref())
    }),
];

pub(super) static FILES_COMPARED: [Field<FilesCompared>; 6] = [
    Field::<FilesCompared>::new("roots", "directories that were compared", |_, compared| {
        Value::Words(&compared.roots)
    }),
    Field::<FilesCompared>::new("homes", "number of homes with their .ssh", |_, compared| {
        Value::number((compared.homes > 0).then_some(compared.homes))
    }),
    Field::<FilesCompared>::new("homes_left_out", "number of other homes", |_, compared| {
        Value::number((compared.homes_left_out > 0).then_some(compared.homes_left_out))
    }),
    Field::<FilesCompared>::new("entries", "files that were compared", |_, compared| {
        Value::Number(compared.entries)
    }),
    Field::<FilesCompared>::new(
        "differences",
        "files that differ: path, before, after",
        |context, compared| {
            let all = compared.differences.iter();
            let all = all.map(|difference| Object::new(context, &FILE_DIFFERENCE, difference));
            Value::Nested(Nested::Files(all.collect()))
        },
    ),
    Field::<FilesCompared>::new(
        "problem",
        "reason if not all were compared",
        |_, compared| Value::text_if_any(&compared.problem),
    ),
];

/// A file that differs.
static FILE_DIFFERENCE: [Field<FileDifference>; 3] = [
    Field::<FileDifference>::new("path", "path of the file", |_, difference| {
        Value::bytes(&difference.path)
    }),
    Field::<FileDifference>::new("before", "state before", |context, difference| {
        Value::state(context, difference.before.as_ref())
    }),
    Field::<FileDifference>::new("after", "state after", |context, difference| {
        Value::state(context, difference.after.as_ref())
    }),
];

pub(super) static FILES_ELSEWHERE: [Field<FilesElsewhere>; 2] = [
    Field::<FilesElsewhere>::new(
        "files",
        "other files: path, existed (unknown, absent, present), after",
        |context, elsewhere| {
            let all = elsewhere.files.iter();
            let all = all.map(|file| Object::new(context, &ELSEWHERE_FILE, file));
            Value::Nested(Nested::Elsewhere(all.collect()))
        },
    ),
    Field::<FilesElsewhere>::new(
        "folded",
        "directories with more changes: path, changes",
        |context, elsewhere| {
            let all = elsewhere.folded.iter();
            let all = all.map(|directory| Object::new(context, &FOLDED, directory));
            match elsewhere.folded.is_empty() {
                true => Value::Nothing,
                false => Value::Nested(Nested::Folded(all.collect())),
            }
        },
    ),
];

/// A file outside of the compared directories.
static ELSEWHERE_FILE: [Field<ElsewhereFile>; 4] = [
    Field::<ElsewhereFile>::new("path", "path of the file", |_, file| {
        Value::bytes(&file.path)
    }),
    Field::<ElsewhereFile>::new("existed", "unknown, absent or present before", |_, file| {
        Value::text(file.existed().name())
    }),
    Field::<ElsewhereFile>::new("after", "state at the end", |context, file| {
        Value::state(context, file.after.as_ref())
    }),
    Field::<ElsewhereFile>::new("was_moved", "true: its directory was moved", |_, file| {
        Value::flag_if(file.was_moved, true)
    }),
];

/// A directory with too many changes to list.
static FOLDED: [Field<FoldedDirectory>; 2] = [
    Field::<FoldedDirectory>::new("path", "path of the directory", |_, directory| {
        Value::bytes(&directory.path)
    }),
    Field::<FoldedDirectory>::new("changes", "changes in it, not listed", |_, directory| {
        Value::Number(directory.changes)
    }),
];

/// The state of a file.
pub(in crate::view) static STATE: [Field<FileState>; 9] = [
    Field::<FileState>::new("type", "file, directory, link …", |_, state| {
        Value::text(state.kind())
    }),
    Field::<FileState>::new("mode", "mode in octal, as of chmod(1)", |_, state| {
        Value::text(format!("{:04o}", state.mode & 0o7777))
    }),
    Field::<FileState>::new("uid", "user id of the owner", |_, state| {
        Value::Number(state.user.into())
    })
    .shape(Shape::Integer),
    Field::<FileState>::new("user", "name of the owner", |context, state| {
        Value::known_bytes(context.model.user_name(state.user))
    }),
    Field::<FileState>::new("gid", "group id", |_, state| {
        Value::Number(state.group.into())
    })
    .shape(Shape::Integer),
    Field::<FileState>::new("size", "size", |_, state| Value::Number(state.size))
        .unit(field::Unit::Bytes),
    Field::<FileState>::new(
        "sha256_begin",
        "first bytes of the SHA-256 of a small readable file",
        |_, state| hex(&state.digest),
    ),
    Field::<FileState>::new("capabilities", "capabilities, in hex", |_, state| {
        hex(&state.capabilities)
    }),
    Field::<FileState>::new("target", "target of a link", |_, state| {
        Value::bytes_if_any(&state.target)
    }),
];

/// The state of a file as a kind of objects.
pub(in crate::view) const A_STATE: Kind = Kind {
    name: "state",
    fields: || declared(&STATE),
};

fn hex<'a>(bytes: &[u8]) -> Value<'a> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Value::text_if_any(hex)
}

pub(super) static CONTAINER_NAMED: [Field<ContainerNamed>; 4] = [
    Field::<ContainerNamed>::new("container", "id of the container", |_, named| {
        Value::text(&*named.id)
    }),
    Field::<ContainerNamed>::new("name", "its name, where known", |_, named| {
        Value::bytes_if_any(&named.name)
    }),
    Field::<ContainerNamed>::new("image", "its image, where known", |_, named| {
        Value::bytes_if_any(&named.image)
    }),
    Field::<ContainerNamed>::new("manager", "manager whose file says so", |_, named| {
        Value::text(&*named.manager)
    }),
];

pub(super) static USER_NAMED: [Field<UserNamed>; 2] = [
    Field::<UserNamed>::new("uid", "user id", |_, named| {
        Value::Number(named.user.into())
    }),
    Field::<UserNamed>::new("name", "name of that user", |_, named| {
        Value::bytes(&named.name)
    }),
];
