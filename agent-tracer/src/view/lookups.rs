//! Declares the fields of lookups of host names.

use crate::model::NameLookup;

use super::{
    Field, escape,
    field::{EMPTY, Unit},
    numbers::grouped,
    process::name,
    processes::A_PROCESS,
    shape::Shape,
    table::Layout,
    value::Value,
};

/// A lookup of a host name, with its outcome.
pub(super) static LOOKUP: [Field<NameLookup>; 9] = [
    Field::<NameLookup>::new(
        "process",
        "process that asked, if known",
        |context, lookup| Value::process(context, lookup.asker),
    )
    .process()
    .column(2, "PROCESS", |context, lookup| match lookup.asker {
        Some(asker) => {
            let called = |index| {
                let process = context.model.process(index);
                format!("{} [{}]", name(process), process.id.pid)
            };
            match lookup.client {
                Some(client) => format!("{} for {} (inferred)", called(asker), called(client)),
                None => called(asker),
            }
        }
        None => EMPTY.to_owned(),
    }),
    Field::<NameLookup>::new(
        "client",
        "process that had asked it over AF_UNIX; inferred",
        |context, lookup| Value::process(context, lookup.client),
    )
    .shape(Shape::Object(A_PROCESS)),
    Field::<NameLookup>::new(
        "tree",
        "tree of the client, or of the process",
        |context, lookup| {
            lookup.party().map_or(Value::Nothing, |asker| {
                Value::text(&*context.model.process(asker).tree)
            })
        },
    )
    .column(1, "TREE", |context, lookup| match lookup.party() {
        Some(asker) => escape::text(context.model.process(asker).tree.as_bytes()),
        None => EMPTY.to_owned(),
    }),
    Field::<NameLookup>::new("question", "name that was looked up", |_, lookup| {
        Value::text(&*lookup.question)
    })
    .column(3, "NAME", |_, lookup| {
        escape::text(lookup.question.as_bytes())
    })
    .layout(Layout::Long)
    .subject(),
    Field::<NameLookup>::new("type", "type of record", |_, lookup| {
        Value::text(&*lookup.kind)
    })
    .column(4, "TYPE", |_, lookup| escape::text(lookup.kind.as_bytes()))
    .leave_out(3),
    Field::<NameLookup>::new("rcode", "NOERROR, NXDOMAIN, SERVFAIL …", |_, lookup| {
        Value::text(&*lookup.rcode)
    }),
    Field::<NameLookup>::new("addresses", "addresses of the first answer", |_, lookup| {
        Value::Texts(lookup.addresses.iter().map(ToString::to_string).collect())
    })
    .shape(Shape::Texts)
    .column(6, "ANSWER", |_, lookup| {
        let answer: Vec<String> = lookup.addresses.iter().map(ToString::to_string).collect();
        match (&*lookup.rcode, answer.is_empty()) {
            ("NOERROR", true) => "no address".to_owned(),
            ("NOERROR", false) => answer.join(", "),
            (rcode, _) => escape::text(rcode.as_bytes()),
        }
    }),
    Field::<NameLookup>::new(
        "count",
        "number of lookups with that outcome",
        |_, lookup| Value::Number(lookup.count),
    )
    .shape(Shape::Integer)
    .column(5, "COUNT", |_, lookup| grouped(lookup.count))
    .leave_out(2)
    .layout(Layout::Number),
    Field::<NameLookup>::new("first", "time of the first answer", |context, lookup| {
        Value::text(context.page.clock.rfc3339(lookup.first_ns))
    })
    .unit(Unit::Time)
    .column(0, "TIME", |context, lookup| {
        context.page.time(lookup.first_ns)
    })
    .leave_out(1)
    .layout(Layout::Number),
];
