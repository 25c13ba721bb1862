//! Declares the columns of tables that only a report has.

use crate::{
    model::{FailedExec, Process, UnitTransition},
    trace::PlanEntry,
    view::{
        errno_name, escape,
        field::Field,
        privilege,
        process::{called, program},
        table::Layout,
        user_of,
    },
};

use super::{
    changes::Entry,
    dataset::{COMMAND_LINE, shorten},
    overview::{Tree, behind},
};

/// A tree of processes.
pub(super) fn trees<'t>() -> [Field<Tree<'t>>; 6] {
    [
        Field::<Tree<'t>>::cell(0, "TREE", |_, tree| escape::text(tree.sums.name.as_bytes()))
            .subject(),
        Field::<Tree<'t>>::cell(1, "PROCESSES", |_, tree| tree.sums.processes.to_string())
            .layout(Layout::Number),
        Field::<Tree<'t>>::cell(2, "RUNNING", |_, tree| tree.sums.running.to_string())
            .layout(Layout::Number),
        Field::<Tree<'t>>::cell(3, "CONNECTIONS", |_, tree| {
            tree.sums.connections.to_string()
        })
        .layout(Layout::Number),
        Field::<Tree<'t>>::cell(4, "DESTINATIONS", |_, tree| {
            tree.sums.destinations.len().to_string()
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
    Field::<Process>::cell(0, "PROCESS", |_, process| called(process)).subject(),
    Field::<Process>::cell(1, "TREE", |_, process| {
        escape::text(process.tree.as_bytes())
    }),
    Field::<Process>::cell(2, "USER", |context, process| {
        user_of(context.model, process)
    }),
    Field::<Process>::cell(3, "COMMAND LINE", |_, process| program(process))
        .html_column(3, "COMMAND LINE", |_, process| {
            shorten(program(process), COMMAND_LINE.1)
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
    Field::<FailedExec>::cell(3, "CALLS", |_, failed| failed.calls.to_string())
        .layout(Layout::Number),
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
pub(super) static ENTRY: [Field<Entry>; 4] = [
    Field::<Entry>::cell(0, "KIND", |_, entry| entry.kind.clone()).subject(),
    Field::<Entry>::cell(1, "WHAT", |_, entry| entry.what.clone()).layout(Layout::Long),
    Field::<Entry>::cell(2, "TREE", |_, entry| entry.tree.clone()),
    Field::<Entry>::cell(3, "WHY", |_, entry| entry.because.clone()).layout(Layout::Long),
];
