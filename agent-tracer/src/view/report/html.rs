//! Writes the report as one HTML file. Whatever the trace has becomes escaped text, or JSON that
//! the script reads: never markup.

use std::io;

use askama::Template;

use crate::{
    findings::By,
    view::{
        Context, Page, escape, groups,
        listeners::LISTENER,
        lookups::LOOKUP,
        missing::missing,
        summary::{caveats, running_title},
    },
};

use super::{
    Against, Entry, Report,
    against::Compared,
    allotment::Limits,
    columns::{self, ENTRY, FAILED_EXEC, GAINED, HOOK, REASON, RUNNING, TALK, Talk, UNIT},
    dataset::Dataset,
    flow::{Drawing, drawings, has_bytes},
    inline::{Inline, policy},
    overview::{Overview, overview},
    packed::packed,
    table::{Placed, Table},
};

const STYLE: &str = include_str!("../../../templates/report/style.css");

/// Owners of a row that become links; the script has the same number.
const LINKED: usize = 3;

/// One script in parts; each may use what the ones before it define.
const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("../../../templates/report/data.js"),
    include_str!("../../../templates/report/parts.js"),
    include_str!("../../../templates/report/search.js"),
    include_str!("../../../templates/report/pane.js"),
    include_str!("../../../templates/report/fold.js"),
    include_str!("../../../templates/report/forest.js"),
    include_str!("../../../templates/report/connections.js"),
    include_str!("../../../templates/report/timeline.js"),
    include_str!("../../../templates/report/start.js"),
    "})();\n"
);

#[derive(Template)]
#[template(path = "report.html")]
struct File<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    name: &'a str,
    overview: &'a Overview<'a>,
    flow: Vec<Drawing>,
    by_bytes: bool,
    missing: Vec<String>,
    remarks: Vec<String>,
    hooks: Table,
    attention: Table,
    against: Option<Compared>,
    sections: Vec<Section>,
    version: &'static str,
    data: Inline<Dataset>,
    /// Parts that the script loads when they are asked for.
    parts: Vec<String>,
}

/// A part of the page with a title of its own.
struct Section {
    /// Its anchor, by which the script finds it.
    id: &'static str,
    title: String,
    introduction: &'static str,
    table: Table,
    /// True if the script fills it.
    is_scripted: bool,
}

impl Section {
    fn of(id: &'static str, title: &str, introduction: &'static str, table: Table) -> Section {
        Section {
            id,
            title: title.to_owned(),
            introduction,
            table,
            is_scripted: false,
        }
    }

    /// Declares a section that the script fills, if there is anything to draw.
    fn scripted(id: &'static str, title: &str, has_content: bool) -> Section {
        Section {
            is_scripted: has_content,
            ..Section::of(id, title, "", Table::default())
        }
    }
}

pub(super) fn write(
    report: &Report<'_>,
    limits: &Limits,
    output: &mut dyn io::Write,
) -> io::Result<()> {
    let overview = overview(report);
    let data = Dataset::of(report, &overview, limits);
    let parts: Vec<String> = data.later().iter().map(packed).collect::<io::Result<_>>()?;
    let ledger = report.model.ledger();
    let plain = |text: &str| escape::text(text.as_bytes());
    let mut remarks: Vec<String> = ledger
        .unreadable_things()
        .map(|(what, count)| format!("malformed messages: {count} × {}", plain(what)))
        .collect();
    remarks.extend(caveats(report.model));
    let circumstances = overview.circumstances.iter();
    let limits = circumstances.filter(|circumstance| circumstance.is_limit);
    remarks.extend(limits.map(|limit| format!("{}: {}", limit.label, limit.value)));
    // A table of an HTML page wraps by itself.
    let page = Page::unlimited(report.clock);
    let tables = Tables {
        report,
        overview: &overview,
        data: &data,
        context: Context::new(&page, report.model),
    };
    let file = File {
        policy: policy(STYLE, SCRIPT),
        style: STYLE,
        script: SCRIPT,
        name: &report.name,
        flow: drawings(&overview.flows),
        by_bytes: has_bytes(&overview.flows),
        missing: missing(report.model)
            .iter()
            .map(|entry| plain(entry))
            .collect(),
        remarks,
        hooks: tables.hooks(),
        attention: tables.attention(),
        against: tables.against(),
        sections: tables.sections(),
        version: env!("CARGO_PKG_VERSION"),
        overview: &overview,
        data: Inline(data),
        parts,
    };
    file.write_into(output)
}

/// Facts for the tables of the page.
#[derive(Clone, Copy)]
struct Tables<'a> {
    report: &'a Report<'a>,
    overview: &'a Overview<'a>,
    data: &'a Dataset,
    context: Context<'a>,
}

impl<'a> Tables<'a> {
    fn sections(self) -> Vec<Section> {
        let report = self.report;
        let all = [
            Section::of(
                "flow",
                "Who talks to whom",
                "Trees on the left, the hosts and ports that they connected to on the right.",
                self.flow(),
            ),
            Section::of(
                "destinations",
                "Destinations",
                "Hosts and ports that a firewall has to allow, in the order of first contact.",
                self.destinations(),
            ),
            Section::of(
                "trees",
                "Trees",
                match self.data.has_bystanders() {
                    true => {
                        "Every process belongs to one tree, bystanders to the tree “system”. \
                             The reason is given where a tree begins."
                    }
                    false => {
                        "Every process belongs to one tree. The reason is given where a tree \
                              begins."
                    }
                },
                self.trees(),
            ),
            Section::scripted("timeline", "Timeline", report.processes().next().is_some()),
            Section::scripted(
                "connections",
                "Connections",
                !report.shown.connections.is_empty(),
            ),
            Section::of(
                "listeners",
                "Listeners",
                "TCP sockets that listen, and UDP sockets that are bound.",
                self.listeners(),
            ),
            Section::of(
                "running",
                &running_title(report.model),
                "Processes that started during the recording and ran at its end. One that ran \
                 before is listed where the recorded trees removed its program or unit, and is \
                 marked “removed”.",
                self.running(),
            ),
            Section::of(
                "units",
                "Units",
                "Units that systemd started and stopped. Requests are inferred, and marked so.",
                self.units(),
            ),
            Section::of(
                "inbound",
                "Inbound connections",
                "Connections that listeners got, and first datagrams of strangers.",
                self.inbound(),
            ),
            Section::of(
                "gained",
                "Programs that gained privilege",
                "Programs that ran as another user, or with capabilities, because of their file.",
                self.gained(),
            ),
            Section::of(
                "failed",
                "Execs that failed",
                "Calls of execve(2) that failed, without searches that found the program.",
                self.failed(),
            ),
            Section::of(
                "requests",
                "Requests that ended badly",
                "Answers of HTTP with an error, and connections of clients that exited with one.",
                self.bad_requests(),
            ),
            Section::of(
                "lookups",
                "Lookups that failed",
                "Names that do not exist, or that no server could resolve.",
                self.lookups(),
            ),
            Section::of(
                "changes",
                "Changes",
                "Changes that the recording left behind on the machine.",
                self.changes(),
            ),
        ];
        let has_content = |section: &Section| section.is_scripted || !section.table.rows.is_empty();
        all.into_iter().filter(has_content).collect()
    }

    fn trees(self) -> Table {
        let trees = self.overview.trees.iter();
        let rows = trees.map(|tree| Placed::new(tree, Default::default()));
        Table::new(self.context, "Trees of processes", &columns::trees(), rows)
    }

    fn flow(self) -> Table {
        let talks = Talk::all(&self.overview.flows);
        let rows = talks
            .iter()
            .map(|talk| Placed::new(talk, Default::default()));
        Table::new(
            self.context,
            "Connections by tree and destination",
            &TALK,
            rows,
        )
    }

    fn destinations(self) -> Table {
        let groups = self.overview.destinations.iter().enumerate();
        let rows = groups.map(|(place, group)| {
            // The search finds a row by its group; only few owners become links.
            let owners = group.owners.iter().copied();
            let owners = owners.filter(|_| group.owners.len() <= LINKED);
            let placed = Placed::new(group, self.data.rows(owners));
            let mark = self.marks().and_then(|against| against.of_group(group));
            placed.group(place).mark(mark)
        });
        let fields = groups::fields(By::Destination);
        Table::new(
            self.context,
            "Destinations, as a firewall has to allow them",
            fields,
            rows,
        )
    }

    fn listeners(self) -> Table {
        let listeners = self.report.shown.listeners.iter().copied();
        let rows = listeners.map(|listener| {
            let mark = self
                .marks()
                .and_then(|against| against.of_listener(listener));
            Placed::new(listener, self.data.rows([listener.owner])).mark(mark)
        });
        Table::new(self.context, "Listeners", &LISTENER, rows)
    }

    fn running(self) -> Table {
        let running = self.overview.running.iter();
        let rows = running.map(|index| {
            let process = self.report.model.process(*index);
            let mark = self.marks().and_then(|against| against.of_running(process));
            Placed::new(process, self.data.rows([*index])).mark(mark)
        });
        Table::new(self.context, "Processes that still run", &RUNNING, rows)
    }

    fn units(self) -> Table {
        let transitions = self.report.shown.unit_transitions.iter().copied();
        let rows = transitions.map(|transition| {
            let request = transition.request.as_ref().map(|request| request.by);
            Placed::new(transition, self.data.rows(request))
        });
        Table::new(
            self.context,
            "Units that were started or ended",
            &UNIT,
            rows,
        )
    }

    fn inbound(self) -> Table {
        let inbound = self.report.shown.inbound();
        let rows = inbound.map(|one| {
            let mark = self.marks().and_then(|against| against.of_inbound(one));
            Placed::new(one, self.data.rows([one.owner])).mark(mark)
        });
        Table::new(
            self.context,
            "Inbound connections",
            &crate::view::connections::CONNECTION,
            rows,
        )
    }

    fn gained(self) -> Table {
        let gained = self.report.shown.gains(self.report.model);
        let rows = gained.map(|(index, process)| {
            let mark = self.marks().and_then(|against| against.of_program(process));
            Placed::new(process, self.data.rows([index])).mark(mark)
        });
        Table::new(
            self.context,
            "Programs that gained privilege",
            &GAINED,
            rows,
        )
    }

    fn failed(self) -> Table {
        let failed = self.report.shown.failed_execs(self.report.model);
        let rows = failed.map(|one| Placed::new(one, self.data.rows([one.process])));
        Table::new(self.context, "Execs that failed", &FAILED_EXEC, rows)
    }

    fn bad_requests(self) -> Table {
        let bad = self.report.shown.bad_requests(self.report.model);
        let rows = bad
            .iter()
            .map(|bad| Placed::new(bad, self.data.rows([bad.connection.owner])));
        let fields = columns::bad_requests();
        Table::new(self.context, "Requests that ended badly", &fields, rows)
    }

    fn lookups(self) -> Table {
        let failed = self.report.shown.failed_lookups();
        let rows = failed.map(|lookup| Placed::new(lookup, self.data.rows(lookup.asker)));
        Table::new(self.context, "Lookups that failed", &LOOKUP, rows)
    }

    fn changes(self) -> Table {
        let entries = self.report.changes.iter();
        let rows = entries.map(|entry| self.entry(entry));
        Table::new(self.context, "Changes", &ENTRY, rows)
    }

    fn attention(self) -> Table {
        let entries = self.report.attention.iter();
        let rows = entries.map(|entry| self.entry(entry));
        Table::new(self.context, "What to look at first", &REASON, rows)
    }

    fn entry<'r>(self, entry: &'r Entry) -> Placed<'r, Entry> {
        Placed::new(entry, self.data.rows(entry.author)).mark(entry.mark)
    }

    fn marks(self) -> Option<&'a Against<'a>> {
        self.report.against.as_ref()
    }

    fn against(self) -> Option<Compared> {
        Some(self.marks()?.compared(self.context))
    }

    fn hooks(self) -> Table {
        let plan = self.report.header.plan.iter();
        let rows = plan.map(|entry| Placed::new(entry, Default::default()));
        Table::new(self.context, "Hooks that were used", &HOOK, rows)
    }
}
