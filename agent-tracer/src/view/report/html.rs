//! The report as one HTML file, from a template that is checked when this is compiled. Whatever is in the trace gets into it as escaped
//! text, or as JSON that the script reads; nothing of it ever is markup.

use std::{collections::BTreeSet, io};

use askama::Template;

use crate::{
    findings::Place,
    view::{
        Context, Page, TimeStyle, escape,
        field::{Field, cells, columns, refs},
        groups::{addresses, outcomes, owner_names},
        listeners::LISTENER,
        lookups::LOOKUP,
        missing::missing,
        page::bytes,
        process::{name, program},
        summary::{caveats, doubt},
        user_of,
    },
};

use super::{
    Report, changes,
    data::{COMMAND_LINE, Data, shorten},
    embed::{Embedded, policy},
    facts::{Facts, behind, facts, hooks},
    grid::{Grid, Head},
};

const STYLE: &str = include_str!("../../../templates/report/style.css");

/// One script in parts; each may use what the ones before it define.
const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("../../../templates/report/data.js"),
    include_str!("../../../templates/report/search.js"),
    include_str!("../../../templates/report/forest.js"),
    include_str!("../../../templates/report/connections.js"),
    include_str!("../../../templates/report/timeline.js"),
    include_str!("../../../templates/report/start.js"),
    "})();\n"
);

/// Addresses shown of a host: a firewall may need all, a page has an end.
const ADDRESSES: usize = 64;

#[derive(Template)]
#[template(path = "report.html")]
struct File<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    name: &'a str,
    facts: &'a Facts<'a>,
    missing: Vec<String>,
    remarks: Vec<String>,
    hooks: Grid,
    attention: Grid,
    sections: Vec<Section>,
    version: &'static str,
    data: Embedded<Data>,
}

/// A part of the page with a title of its own.
struct Section {
    /// Its anchor, which also says what the script adds to it.
    id: &'static str,
    title: String,
    introduction: &'static str,
    grid: Grid,
}

pub(super) fn write(report: &Report<'_>, output: &mut dyn io::Write) -> io::Result<()> {
    let facts = facts(report);
    let data = Data::of(report, &facts.destinations);
    let ledger = report.model.ledger();
    let plain = |text: &str| escape::text(text.as_bytes());
    let mut remarks: Vec<String> = ledger
        .unreadable_things()
        .map(|(what, count)| format!("broke the rules of its protocol: {count} × {}", plain(what)))
        .collect();
    remarks.extend(caveats(report.model));
    let circumstances = facts.circumstances.iter();
    remarks.extend(
        circumstances
            .filter(|(label, _)| ["changes", "filtered"].contains(label))
            .map(|(label, value)| format!("{label}: {value}")),
    );
    let mut hooks_used = Grid::new(
        "What told of what",
        &[
            Head::new("Fact").subject(),
            Head::long("Hook"),
            Head::new("Why this one"),
        ],
    );
    for row in hooks(report) {
        hooks_used.row(row);
    }
    let file = File {
        policy: policy(STYLE, SCRIPT),
        style: STYLE,
        script: SCRIPT,
        name: &report.name,
        missing: missing(ledger).iter().map(|entry| plain(entry)).collect(),
        remarks,
        hooks: hooks_used,
        attention: changes::grid("What to look at first", &report.attention, &data),
        sections: sections(report, &facts, &data),
        version: env!("CARGO_PKG_VERSION"),
        facts: &facts,
        data: Embedded(data),
    };
    file.write_into(output)
}

fn sections(report: &Report<'_>, facts: &Facts<'_>, data: &Data) -> Vec<Section> {
    let section = |id, title: &str, introduction, grid| Section {
        id,
        title: title.to_owned(),
        introduction,
        grid,
    };
    let scripted = Grid::default;
    let all = [
        section(
            "trees",
            "Trees",
            "Every process belongs to one tree; what a tree is of, and why, is said once for each place where it begins.",
            trees(facts),
        ),
        section("timeline", "Timeline", "", scripted()),
        section(
            "destinations",
            "Destinations",
            "What a firewall has to allow, or did: one row a host and port, in the order of first contact.",
            destinations(report, facts, data),
        ),
        section("connections", "Connections", "", scripted()),
        section(
            "listeners",
            "Listeners",
            "Who waits for others: TCP sockets that listen, UDP sockets that are bound.",
            listeners(report, data),
        ),
        section(
            "running",
            &format!("Still running{}", doubt(report.model)),
            "What was started during the recording and ran at its end.",
            running(report, facts, data),
        ),
        section(
            "units",
            "Units",
            "What systemd started and stopped. Who asked for it is concluded, and marked so.",
            units(report, data),
        ),
        section(
            "lookups",
            "Lookups that failed",
            "Names that do not exist, or that no server could resolve.",
            lookups(report, data),
        ),
        section(
            "changes",
            "Changes",
            "What the recording left behind on the machine.",
            changes::grid("Changes", &report.changes, data),
        ),
    ];
    let has_content = |section: &Section| {
        !section.grid.rows.is_empty()
            || match section.id {
                "timeline" => report.processes().next().is_some(),
                "connections" => !report.shown.connections.is_empty(),
                _ => false,
            }
    };
    all.into_iter().filter(has_content).collect()
}

fn trees(facts: &Facts<'_>) -> Grid {
    let headings = [
        Head::new("Tree").subject(),
        Head::number("Processes"),
        Head::number("Running"),
        Head::number("Connections"),
        Head::number("Destinations"),
        Head::long("Why"),
    ];
    let mut grid = Grid::new("Trees of processes", &headings);
    for tree in &facts.trees {
        let mut reasons = tree.reasons.join("\n");
        if tree.more_reasons > 0 {
            reasons.push_str(&format!("\nand {} more reasons", tree.more_reasons));
        }
        grid.row([
            escape::text(tree.sums.name.as_bytes()),
            tree.sums.processes.to_string(),
            tree.sums.running.to_string(),
            tree.sums.connections.to_string(),
            tree.sums.destinations.len().to_string(),
            reasons,
        ]);
    }
    grid
}

fn destinations(report: &Report<'_>, facts: &Facts<'_>, data: &Data) -> Grid {
    let headings = [
        Head::long("Host").subject(),
        Head::number("Port"),
        Head::new("Protocol"),
        Head::new("Addresses"),
        Head::new("Tag"),
        Head::new("Trees"),
        Head::long("Processes of"),
        Head::number("Count"),
        Head::new("Outcomes"),
        Head::number("Sent"),
        Head::number("Received"),
    ];
    let model = report.model;
    let mut grid = Grid::new("Destinations, as a firewall has to allow them", &headings);
    for (place, group) in facts.destinations.iter().enumerate() {
        let Some(destination) = group.destinations.first() else {
            continue;
        };
        let tag = group.remotes.first();
        let tag = tag.and_then(|remote| crate::view::connections::name_of(model, *remote));
        let cells = vec![
            match &destination.place {
                Place::Named(name) => escape::text(name.as_bytes()),
                Place::Address(address) => address.to_string(),
                Place::Unknown => "?".to_owned(),
            },
            destination.port.to_string(),
            destination.protocol.name().to_owned(),
            addresses(group, ADDRESSES),
            tag.unwrap_or_else(|| "-".to_owned()),
            escape::text(group.trees(model).join(", ").as_bytes()),
            owner_names(group, model).join(", "),
            group.count.to_string(),
            outcomes(group),
            bytes(group.sent),
            bytes(group.received),
        ];
        grid.add(cells, data.rows(group.owners.iter().copied()), Some(place));
    }
    grid
}

/// As wide as can be, since a table of a page wraps by itself.
fn page(report: &Report<'_>) -> Page {
    Page {
        width: None,
        styled: false,
        time: TimeStyle::Relative,
        clock: report.clock,
    }
}

fn trimmed(cells: &[String]) -> Vec<String> {
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

fn listeners(report: &Report<'_>, data: &Data) -> Grid {
    let rows = report.shown.listeners.iter().copied();
    declared("Listeners", report, &LISTENER, rows, |listener| {
        data.rows([listener.owner])
    })
}

fn lookups(report: &Report<'_>, data: &Data) -> Grid {
    let failed = report.shown.lookups.iter().copied();
    let failed = failed.filter(|lookup| lookup.has_failed());
    declared("Lookups that failed", report, &LOOKUP, failed, |lookup| {
        data.rows(lookup.asker)
    })
}

/// A table whose columns are those of the declared fields.
fn declared<'r, R: 'r>(
    caption: &str,
    report: &Report<'_>,
    fields: &[Field<R>],
    rows: impl Iterator<Item = &'r R>,
    owners: impl Fn(&R) -> BTreeSet<usize>,
) -> Grid {
    let fields = refs(fields);
    let columns = columns(&fields);
    let heads: Vec<Head> = columns.iter().map(|column| Head::of(column)).collect();
    let page = page(report);
    let context = Context {
        page: &page,
        model: report.model,
    };
    let mut grid = Grid::new(caption, &heads);
    for row in rows {
        grid.add(trimmed(&cells(context, &columns, row)), owners(row), None);
    }
    grid
}

fn running(report: &Report<'_>, facts: &Facts<'_>, data: &Data) -> Grid {
    let headings = [
        Head::new("Process").subject(),
        Head::new("Tree"),
        Head::new("User"),
        Head::long("Command line"),
    ];
    let mut grid = Grid::new("Processes that still run", &headings);
    for index in &facts.running {
        let process = report.model.process(*index);
        let cells = vec![
            format!("{} [{}]", name(process), process.id.pid),
            escape::text(process.tree.as_bytes()),
            user_of(report.model, process),
            shorten(program(process), COMMAND_LINE.1),
        ];
        grid.add(cells, data.rows([*index]), None);
    }
    grid
}

fn units(report: &Report<'_>, data: &Data) -> Grid {
    let mut grid = Grid::new(
        "Units that were started or ended",
        &[
            Head::number("Time"),
            Head::long("Unit").subject(),
            Head::long("What"),
            Head::long("Why"),
        ],
    );
    for transition in &report.shown.unit_transitions {
        let cells = [
            page(report).time(transition.boot_ns),
            escape::text(&transition.unit),
            transition.action.name().to_owned(),
            behind(report.model, transition),
        ];
        let request = transition.request.as_ref().map(|request| request.by);
        let owners: BTreeSet<usize> = data.rows(request);
        grid.add(trimmed(&cells), owners, None);
    }
    grid
}
