//! Plays the script of a table once under the recorder. It keeps the rows, the processes' own
//! reports, and the oracles' results. It only judges whether the scene went as planned.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    process::Command,
};

use serde_json::Value;

use super::{
    case::{Case, Side},
    oracle,
};
use crate::harness::{Recording, Survivors, Trace, Wire, act, run_with, words};

/// The results of a scene.
pub(super) struct Scene {
    pub(super) cases: Vec<Case>,
    pub(super) trace: Trace,
    /// Of the recorded command.
    pub(super) rows: Vec<Value>,
    /// By case.
    pub(super) reports: BTreeMap<u16, AttemptReport>,
    /// Output of ss(8) after the recording, with the processes still alive; `None` where it is not
    /// installed.
    pub(super) sockets: Option<String>,
    /// SYNs on the wire; none where tcpdump(8) is not installed.
    pub(super) syns: Option<BTreeSet<oracle::Flow>>,
}

/// A process's report of an attempt.
#[derive(Default)]
pub(super) struct AttemptReport {
    pub(super) owner: u64,
    pub(super) local: Option<SocketAddr>,
    taken_over: bool,
    /// `None` if it did not live to report one.
    pub(super) error: Option<String>,
}

impl Scene {
    pub(super) fn play(cases: Vec<Case>) -> Scene {
        let servers: Vec<(&str, u16)> = cases
            .iter()
            .filter_map(|case| Some((case.server?, case.remote.port())))
            .collect();
        let wire = Wire::with(&servers);
        filter(&wire, &cases);
        let capture = oracle::Capture::start(&wire);
        let script: Vec<&str> = cases
            .iter()
            .filter_map(|case| case.script.as_deref())
            .collect();
        let recorded = Recording::of(wire.local(act(["attempts"])))
            .input(script.join("\n").as_bytes())
            .lingers(500)
            .run();
        let reports = read_reports(recorded.ended.text());
        let stay = |case: &&Case| matches!(case.state, "open" | "closing" | "connecting");
        let survivors = Survivors::new(
            cases
                .iter()
                .filter(stay)
                .filter_map(|case| Some(reports.get(&case.owner)?.owner)),
        );
        let sockets = oracle::sockets(&wire);
        let syns = capture.map(oracle::Capture::stop);
        drop(survivors);
        let trace = recorded.trace();
        let scene = Scene {
            rows: trace.connections(["--tree", "command"]),
            cases,
            trace,
            reports,
            sockets,
            syns,
        };
        scene.check_observed();
        scene
    }

    /// Checks that each process saw the table's result: otherwise the network is to blame, and not
    /// the tracer.
    fn check_observed(&self) {
        for case in self.cases.iter().filter(|case| case.script.is_some()) {
            let seen = self
                .reports
                .get(&case.name)
                .and_then(|it| it.error.as_deref());
            assert!(
                case.observed.is_none() || seen == case.observed,
                "{case:?}: its process saw {seen:?}"
            );
        }
    }
}

/// Sets the cases' rules of nft(8) at either end.
fn filter(wire: &Wire, cases: &[Case]) {
    let rules = |side: Side| -> String {
        cases
            .iter()
            .filter_map(|case| Some((case.filter.filter(|(at, _)| *at == side)?.1, case)))
            .map(|(verdict, case)| format!("tcp dport {} {verdict}\n", case.remote.port()))
            .collect()
    };
    for (side, hook) in [(Side::Recorded, "output"), (Side::Peer, "input")] {
        let rules = rules(side);
        if rules.is_empty() {
            continue;
        }
        let script = format!(
            "table inet tests {{ chain tests {{ type filter hook {hook} priority 0\n{rules}}}\n}}\n"
        );
        let nft = words(["nft", "-f", "-"]);
        let line = match side {
            Side::Recorded => wire.local(nft),
            Side::Peer => wire.remote(nft),
        };
        run_with(Command::new(&line[0]).args(&line[1..]), script.as_bytes()).success();
    }
}

/// Parses `NAME owner PID`, `NAME taken-over PID` by an owner that is not the first process, and
/// `NAME saw LOCAL ERROR`.
fn read_reports(output: &str) -> BTreeMap<u16, AttemptReport> {
    let number = |word: &str| word.parse().expect("a process id");
    let mut all: BTreeMap<u16, AttemptReport> = BTreeMap::new();
    for line in output.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let name = words[0].parse().expect("the name of a case");
        let report = all.entry(name).or_default();
        match words[1..] {
            ["owner", pid] if !report.taken_over => report.owner = number(pid),
            ["owner", _] => {}
            ["taken-over", pid] => {
                report.owner = number(pid);
                report.taken_over = true;
            }
            ["saw", local, error] => {
                report.local = local.parse().ok();
                report.error = Some(error.trim_start_matches('-').to_owned());
            }
            _ => panic!("no line of an actor's: {line}"),
        }
    }
    all
}
