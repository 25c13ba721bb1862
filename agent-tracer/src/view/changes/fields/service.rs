//! Declares the fields of services as changes.

use super::{count, unit};
use crate::{
    event::Difference,
    findings::Change,
    view::{
        Context, Field,
        process::{A_REQUEST, requester},
        processes::A_PROCESS,
        shape::Shape,
        value::Value,
    },
};

pub(super) fn fields<'c>() -> Vec<Field<Change<'c>>> {
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
        Field::<Change<'c>>::new("enabled", "service: true if links start it", |_, change| {
            let enabled = unit(change).and_then(|unit| unit.enabled);
            enabled.map_or(Value::Nothing, |link| Value::Flag(link.enables))
        })
        .shape(Shape::Flag),
        Field::<Change<'c>>::new(
            "enabled_by",
            "service: process that made the link, or asked systemd for it",
            |context, change| linked(context, change, true),
        )
        .shape(Shape::Object(A_PROCESS)),
        Field::<Change<'c>>::new(
            "disabled_by",
            "service: process that removed the link, or asked systemd for that",
            |context, change| linked(context, change, false),
        )
        .shape(Shape::Object(A_PROCESS)),
        Field::<Change<'c>>::new(
            "requested_by",
            "service: request behind it, inferred",
            |context, change| requester(context, unit(change).and_then(|unit| unit.request)),
        )
        .shape(Shape::Object(A_REQUEST)),
        Field::<Change<'c>>::new(
            "process_count",
            "service: number of running processes",
            |_, change| Value::number(unit(change).map(|unit| count(unit.running))),
        )
        .shape(Shape::Integer),
    ]
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
    let link = link.filter(|link| link.enables == enabled);
    let author = link.and_then(|link| link.author);
    Value::process(context, author.map(|(by, _)| by))
}
