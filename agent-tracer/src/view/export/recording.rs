//! Declares the fields of a recording as a row of a table.

use super::SCHEMA;
use crate::{
    model::{Missing, Model},
    trace::PlanEntry,
    view::{
        field::Field,
        json::{Recording, recording_fields},
        shape::Shape,
        value::Value,
    },
};

/// The fields of the line of `--header`, without the one that marks it, and further ones.
pub(super) fn fields<'r>() -> Vec<Field<Recording<'r>>> {
    let of_header = recording_fields().into_iter();
    let mut fields: Vec<_> = of_header.filter(|field| field.name != "record").collect();
    fields.extend(more());
    fields
}

fn more<'r>() -> [Field<Recording<'r>>; 8] {
    [
        Field::<Recording<'r>>::new("ended", "time of the last event", |context, _| {
            let (_, last_ns) = context.model.span();
            Value::text(context.page.clock.rfc3339(last_ns))
        })
        .shape(Shape::Time),
        Field::<Recording<'r>>::new(
            "reason",
            "reason for the end; null if it was not finished",
            |context, _| {
                let end = context.model.end();
                end.map_or(Value::Nothing, |end| Value::text(end.describe()))
            },
        ),
        Field::<Recording<'r>>::new(
            "gaps",
            "damaged parts of the trace, one sentence each",
            |context, _| Value::Texts(gaps(context.model)),
        )
        .shape(Shape::Texts),
        Field::<Recording<'r>>::new("facts", "facts that were recorded", |_, row| {
            Value::Texts(facts(&row.header.plan, true))
        })
        .shape(Shape::Texts),
        Field::<Recording<'r>>::new(
            "missing_facts",
            "facts that no hook could provide",
            |_, row| Value::Texts(facts(&row.header.plan, false)),
        )
        .shape(Shape::Texts),
        Field::<Recording<'r>>::new("roots", "directories that were compared", |context, _| {
            let roots = context.model.watched_roots().iter();
            Value::Names(roots.map(Vec::as_slice).collect())
        })
        .shape(Shape::Texts),
        Field::<Recording<'r>>::new(
            "unmasked",
            "true if secrets are not masked",
            |context, _| Value::Flag(context.model.ledger().is_unmasked()),
        )
        .shape(Shape::Flag),
        Field::<Recording<'r>>::new("schema", "version of the columns", |_, _| {
            Value::Number(SCHEMA)
        })
        .shape(Shape::Integer),
    ]
}

fn gaps(model: &Model) -> Vec<String> {
    let missing = model.ledger().missing().into_iter();
    missing
        .filter_map(|missing| match missing {
            Missing::Gap(gap) => Some(gap.to_owned()),
            Missing::Fact(_)
            | Missing::Lost(..)
            | Missing::Truncated(..)
            | Missing::NotCompared(_)
            | Missing::UnseenForks(_)
            | Missing::KernelLog(..)
            | Missing::UnknownEvents(_) => None,
        })
        .collect()
}

/// Lists the facts that have a hook, or those that have none.
fn facts(plan: &[PlanEntry], with_hook: bool) -> Vec<String> {
    let entries = plan.iter();
    let entries = entries.filter(|entry| entry.hook.is_empty() != with_hook);
    entries.map(|entry| entry.fact.clone()).collect()
}
