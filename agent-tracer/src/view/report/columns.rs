//! Declares the columns of tables that only a report has.

use crate::{
    findings::{BadRequest, Destination, Flows, Weight},
    model::{FailedExec, Origin, Process, UnitTransition},
    trace::PlanEntry,
    view::{
        destination::written,
        errno_name, escape,
        field::{EMPTY, Field},
        numbers::grouped,
        page::bytes,
        privilege,
        process::{called, command_line},
        table::Layout,
        user_of,
    },
};

use super::{
    changes::Entry,
    dataset::{COMMAND_LINE, shorten},
    flow,
    overview::{Tree, behind},
};

/// A tree of processes.
pub(super) fn trees<'t>() -> [Field<Tree<'t>>; 6] {
    [
        Field::<Tree<'t>>::cell(0, "TREE", |_, tree| escape::text(tree.sums.name.as_bytes()))
            .subject(),
        Field::<Tree<'t>>::cell(1, "PROCESSES", |_, tree| {
            grouped(tree.sums.processes as u64)
        })
        .layout(Layout::Number),
        Field::<Tree<'t>>::cell(2, "RUNNING", |_, tree| grouped(tree.sums.running as u64))
            .layout(Layout::Number),
        Field::<Tree<'t>>::cell(3, "CONNECTIONS", |_, tree| {
            grouped(tree.sums.connections as u64)
        })
        .layout(Layout::Number),
        Field::<Tree<'t>>::cell(4, "DESTINATIONS", |_, tree| {
            grouped(tree.sums.destinations.len() as u64)
        })
        .layout(Layout::Number),
        Field::<Tree<'t>>::cell(5, "WHY", |_, tree| {
            let mut reasons = tree.reasons.join("\n");
            if tree.more_reasons > 0 {
                reasons.push_str(&format!("\nand {} more reasons", tree.more_reasons));
            }
            reasons
        })
        .layout(Layout::Long),
    ]
}

/// A process that still runs. The command line is last: text cuts it where it has no room.
pub(super) static RUNNING: [Field<Process>; 4] = [
    Field::<Process>::cell(0, "PROCESS", |_, process| match process.origin {
        // Of those from before, only the survivors of a removal are listed.
        Origin::Snapshot => format!("{}, removed", called(process)),
        Origin::Fork | Origin::Unseen => called(process),
    })
    .subject(),
    Field::<Process>::cell(1, "TREE", |_, process| {
        escape::text(process.tree.as_bytes())
    }),
    Field::<Process>::cell(2, "USER", |context, process| {
        user_of(context.model, process)
    }),
    Field::<Process>::cell(3, "COMMAND LINE", |_, process| command_line(process))
        .html_column(3, "COMMAND LINE", |_, process| {
            shorten(command_line(process), COMMAND_LINE.1)
        })
        .layout(Layout::Long),
];

/// An exec that failed.
pub(super) static FAILED_EXEC: [Field<FailedExec>; 5] = [
    Field::<FailedExec>::cell(0, "TIME", |context, failed| {
        context.page.time(failed.first_ns)
    })
    .layout(Layout::Number),
    Field::<FailedExec>::cell(1, "PROCESS", |context, failed| {
        called(context.model.process(failed.process))
    })
    .subject(),
    Field::<FailedExec>::cell(2, "ERROR", |_, failed| {
        errno_name(failed.error).into_owned()
    }),
    Field::<FailedExec>::cell(3, "CALLS", |_, failed| grouped(failed.calls)).layout(Layout::Number),
    Field::<FailedExec>::cell(4, "PROGRAM", |_, failed| {
        let arguments = failed.argv.get(1..).unwrap_or_default();
        let program = escape::text(&failed.filename);
        shorten(
            format!("{program} {}", escape::arguments(arguments))
                .trim_end()
                .to_owned(),
            COMMAND_LINE.1,
        )
    })
    .layout(Layout::Long),
];

/// A request that ended badly.
pub(super) fn bad_requests<'c>() -> [Field<BadRequest<'c>>; 5] {
    [
        Field::<BadRequest<'c>>::cell(0, "TIME", |context, bad| {
            context.page.time(bad.connection.started_ns)
        })
        .layout(Layout::Number)
        .leave_out(1),
        Field::<BadRequest<'c>>::cell(1, "PROCESS", |context, bad| {
            called(context.model.process(bad.connection.owner))
        })
        .subject(),
        Field::<BadRequest<'c>>::cell(2, "HTTP", |_, bad| {
            let status = bad.connection.http_status;
            status.map_or_else(|| EMPTY.to_owned(), |status| status.to_string())
        })
        .layout(Layout::Number),
        Field::<BadRequest<'c>>::cell(3, "EXIT", |_, bad| {
            bad.code
                .map_or_else(|| EMPTY.to_owned(), |code| code.to_string())
        })
        .layout(Layout::Number),
        Field::<BadRequest<'c>>::cell(4, "TO", |_, bad| {
            let to = written(&Destination::of(bad.connection));
            match bad.before {
                0 => to,
                before => format!("{to}, or one of {before} before"),
            }
        })
        .layout(Layout::Long),
    ]
}

/// A process whose last exec gained privilege.
pub(super) static GAINED: [Field<Process>; 4] = [
    Field::<Process>::cell(0, "PROCESS", |_, process| called(process)).subject(),
    Field::<Process>::cell(1, "TREE", |_, process| {
        escape::text(process.tree.as_bytes())
    }),
    Field::<Process>::cell(2, "PROGRAM", |_, process| escape::text(&process.exe))
        .layout(Layout::Long),
    Field::<Process>::cell(3, "GAIN", |context, process| {
        let gain = process.gain.as_ref();
        gain.map_or_else(String::new, |gain| {
            privilege::described(context.model, gain)
        })
    })
    .layout(Layout::Long),
];

/// The start or the end of a unit.
pub(super) static UNIT: [Field<UnitTransition>; 4] = [
    Field::<UnitTransition>::cell(0, "TIME", |context, transition| {
        context.page.time(transition.boot_ns)
    })
    .layout(Layout::Number),
    Field::<UnitTransition>::cell(1, "UNIT", |_, transition| escape::text(&transition.unit))
        .layout(Layout::Long)
        .subject(),
    Field::<UnitTransition>::cell(2, "WHAT", |_, transition| {
        transition.action.name().to_owned()
    })
    .layout(Layout::Long),
    Field::<UnitTransition>::cell(3, "WHY", |context, transition| {
        behind(context.model, transition)
    })
    .layout(Layout::Long),
];

/// A fact with the hook that reports it.
pub(super) static HOOK: [Field<PlanEntry>; 3] = [
    Field::<PlanEntry>::cell(0, "FACT", |_, entry| escape::text(entry.fact.as_bytes())).subject(),
    Field::<PlanEntry>::cell(1, "HOOK", |_, entry| match entry.hook.as_str() {
        "" => "not recorded".to_owned(),
        hook => escape::text(hook.as_bytes()),
    })
    .layout(Layout::Long),
    Field::<PlanEntry>::shown_only("", "").html_column(2, "WHY THIS ONE", |_, entry| {
        escape::text(entry.reason.as_bytes())
    }),
];

/// A change, or a reason for attention.
pub(super) static ENTRY: [Field<Entry>; 4] = entries("KIND");

/// An entry that deserves attention: its kind is the reason.
pub(super) static REASON: [Field<Entry>; 4] = entries("REASON");

const fn entries(kind: &'static str) -> [Field<Entry>; 4] {
    [
        Field::<Entry>::cell(0, kind, |_, entry| entry.kind.clone()).subject(),
        Field::<Entry>::cell(1, "WHAT", |_, entry| entry.what.clone()).layout(Layout::Long),
        Field::<Entry>::cell(2, "TREE", |_, entry| entry.tree.clone()),
        Field::<Entry>::cell(3, "AUTHOR", |_, entry| entry.because.clone()).layout(Layout::Long),
    ]
}

/// The connections of one tree to one destination; its names are escaped.
pub(super) struct Talk {
    from: String,
    to: String,
    weight: Weight,
}

impl Talk {
    /// Names source and end of each flow.
    pub(super) fn all(flows: &Flows<'_>) -> Vec<Talk> {
        let talks = flows.flows.iter().filter_map(|flow| {
            Some(Talk {
                from: flow::source(flows.sources.get(flow.source)?),
                to: flow::end(flows.ends.get(flow.end)?),
                weight: flow.weight,
            })
        });
        talks.collect()
    }
}

/// The connections of one tree to one destination.
pub(super) static TALK: [Field<Talk>; 6] = [
    Field::<Talk>::cell(0, "TREE", |_, talk| talk.from.clone()),
    Field::<Talk>::cell(1, "DESTINATION", |_, talk| talk.to.clone())
        .layout(Layout::Long)
        .subject(),
    Field::<Talk>::cell(2, "CONNECTIONS", |_, talk| grouped(talk.weight.connections))
        .layout(Layout::Number),
    Field::<Talk>::cell(3, "FAILED", |_, talk| grouped(talk.weight.failed)).layout(Layout::Number),
    Field::<Talk>::cell(4, "SENT", |_, talk| bytes(talk.weight.sent)).layout(Layout::Number),
    Field::<Talk>::cell(5, "RECEIVED", |_, talk| bytes(talk.weight.received))
        .layout(Layout::Number),
];
