//! Declares the fields of events of the recording itself.

use super::process::{code, signal};
use crate::{
    event::{CommandEnded, End, Exit, KernelLog, Lost, UnitFollowed},
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

pub(super) static KERNEL_LOG: [Field<KernelLog>; 1] =
    [Field::<KernelLog>::new("line", "the line", |_, log| {
        Value::text(&log.line)
    })];

pub(super) static END: [Field<End>; 1] = [Field::<End>::new(
    "reason",
    "reason for the end",
    |_, end| Value::text(end.reason().describe()),
)];
