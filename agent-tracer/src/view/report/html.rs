//! The report as one HTML file, from a template that is checked when this is compiled. Whatever is in the trace gets into it as escaped
//! text, or as JSON that the script reads; nothing of it ever is markup.

use std::{collections::BTreeSet, io};

use askama::Template;

use crate::{
    findings::Place,
    view::{
        Page, TimeStyle, escape,
        groups::{addresses, outcomes, owner_names},
        listeners::{self, HEADINGS as LISTENERS},
        lookups::{self, HEADINGS as LOOKUPS},
        page::bytes,
        process::{name, program},
        summary::{caveats, doubt},
        user,
    },
};

use super::{
    Report, changes,
    data::{COMMAND_LINE, Data, shorten},
    embed::{Embedded, policy},
    facts::{Facts, behind, facts, hooks},
    grid::Grid,
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
    let mut hooks_used = Grid::new("What told of what", &["Fact", "Hook", "Why this one"]);
    for row in hooks(report) {
        hooks_used.row(row);
    }
    let file = File {
        policy: policy(STYLE, SCRIPT),
        style: STYLE,
        script: SCRIPT,
        name: &report.name,
        missing: ledger.entries().iter().map(|entry| plain(entry)).collect(),
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
            "Names that there are not, or that nobody could say an address of.",
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
        "Tree",
        "Processes",
        "Running",
        "Connections",
        "Destinations",
        "Why",
    ];
    let mut grid = Grid::new("Trees of processes", &headings);
    for tree in &facts.trees {
        let mut reasons = tree.reasons.join("\n");
        if tree.more_reasons > 0 {
            reasons.push_str(&format!("\nand {} more reasons", tree.more_reasons));
        }
        grid.row([
            escape::text(tree.name.as_bytes()),
            tree.processes.to_string(),
            tree.running.to_string(),
            tree.connections.to_string(),
            tree.destinations.len().to_string(),
            reasons,
        ]);
    }
    grid
}

fn destinations(report: &Report<'_>, facts: &Facts<'_>, data: &Data) -> Grid {
    let headings = [
        "Host",
        "Port",
        "Protocol",
        "Addresses",
        "Tag",
        "Trees",
        "Processes of",
        "Count",
        "Outcomes",
        "Sent",
        "Received",
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

fn trimmed<const N: usize>(cells: [String; N]) -> Vec<String> {
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

fn listeners(report: &Report<'_>, data: &Data) -> Grid {
    let mut grid = Grid::new("Listeners", &LISTENERS);
    for listener in &report.shown.listeners {
        let cells = listeners::row(&page(report), report.model, listener);
        grid.add(trimmed(cells), data.rows([listener.owner]), None);
    }
    grid
}

fn lookups(report: &Report<'_>, data: &Data) -> Grid {
    let mut grid = Grid::new("Lookups that failed", &LOOKUPS);
    let failed = report.shown.lookups.iter();
    for lookup in failed.filter(|lookup| lookup.has_failed()) {
        let cells = lookups::row(&page(report), report.model, lookup);
        grid.add(trimmed(cells), data.rows(lookup.asker), None);
    }
    grid
}

fn running(report: &Report<'_>, facts: &Facts<'_>, data: &Data) -> Grid {
    let headings = ["Process", "Tree", "User", "Command line"];
    let mut grid = Grid::new("Processes that still run", &headings);
    for index in &facts.running {
        let process = report.model.process(*index);
        let cells = vec![
            format!("{} [{}]", name(process), process.id.pid),
            escape::text(process.tree.as_bytes()),
            user(report.model, process.user),
            shorten(program(process), COMMAND_LINE.1),
        ];
        grid.add(cells, data.rows([*index]), None);
    }
    grid
}

fn units(report: &Report<'_>, data: &Data) -> Grid {
    let mut grid = Grid::new(
        "Units that were started or ended",
        &["Time", "Unit", "What", "Why"],
    );
    for turn in &report.shown.unit_turns {
        let cells = [
            page(report).time(turn.boot_ns),
            escape::text(&turn.unit),
            turn.action.name().to_owned(),
            behind(report.model, turn),
        ];
        let request = turn.request.as_ref().map(|request| request.by);
        let owners: BTreeSet<usize> = data.rows(request);
        grid.add(trimmed(cells), owners, None);
    }
    grid
}
