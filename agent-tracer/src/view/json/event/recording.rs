//! Declares the fields of events of the recording itself.

use super::process::{code, signal};
use crate::{
    event::{Carried, CommandEnded, End, Exit, KernelLog, Lost, SegmentsDeleted, UnitFollowed},
    view::{field::Field, value::Value},
};

pub(super) static COMMAND_ENDED: [Field<CommandEnded>; 2] = [
    Field::<CommandEnded>::new("signal", "signal that ended it", |_, ended| {
        exit(ended).map_or(Value::Nothing, signal)
    }),
    Field::<CommandEnded>::new("code", "exit code", |_, ended| {
        exit(ended).map_or(Value::Nothing, code)
    }),
];

fn exit(ended: &CommandEnded) -> Option<Exit> {
    let status = ended.status;
    ended.status_known.then(|| Exit::of(status))
}

pub(super) static UNIT_FOLLOWED: [Field<UnitFollowed>; 1] = [Field::<UnitFollowed>::new(
    "unit",
    "name of the unit",
    |_, followed| Value::bytes(&followed.unit),
)];

pub(super) static LOST: [Field<Lost>; 2] = [
    Field::<Lost>::new("kind", "kind of the lost events", |_, lost| {
        Value::text(&lost.what)
    }),
    Field::<Lost>::new("count", "number of lost events", |_, lost| {
        Value::Number(lost.count)
    }),
];

pub(super) static CARRIED: [Field<Carried>; 3] = [
    Field::<Carried>::new(
        "processes",
        "number of processes that go on, or that something refers to",
        |_, carried| Value::Number(carried.processes.len() as u64),
    ),
    Field::<Carried>::new("connections", "number of open connections", |_, carried| {
        Value::Number(carried.connections.len() as u64)
    }),
    Field::<Carried>::new("listeners", "number of open listeners", |_, carried| {
        Value::Number(carried.listeners.len() as u64)
    }),
];

pub(super) static SEGMENTS_DELETED: [Field<SegmentsDeleted>; 4] = [
    Field::<SegmentsDeleted>::new("count", "number of segments", |_, deleted| {
        Value::Number(deleted.count)
    }),
    Field::<SegmentsDeleted>::new("bytes", "size of these files", |_, deleted| {
        Value::Number(deleted.bytes)
    }),
    Field::<SegmentsDeleted>::new(
        "names",
        "names of the files, at most a hundred",
        |_, deleted| Value::Words(&deleted.names),
    ),
    Field::<SegmentsDeleted>::new("limit", "limit of --keep", |_, deleted| {
        Value::text(&deleted.limit)
    }),
];

pub(super) static KERNEL_LOG: [Field<KernelLog>; 1] =
    [Field::<KernelLog>::new("line", "the line", |_, log| {
        Value::text(&log.line)
    })];

pub(super) static END: [Field<End>; 1] = [Field::<End>::new(
    "reason",
    "reason for the end",
    |_, end| Value::text(end.reason().describe()),
)];
