//! Tests every end of a connection attempt with every method. The rows of `connections` match those
//! of a table exactly, and agree with ss and tcpdump. No packet leaves the test's own wire.

mod case;
mod oracle;
mod scene;
mod table;

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::OnceLock,
};

use serde_json::Value;

use crate::{
    actor::attempt::ring_is_there,
    harness::{NO_WIRE, Test, Wire, live},
};
use case::{Case, Syn, cases};
use oracle::Flow;
use scene::Scene;

pub(crate) fn tests() -> Vec<Test> {
    let on_the_wire = |test: Test| test.needs("ip").only_where(Wire::is_possible, NO_WIRE);
    vec![
        on_the_wire(live!(every_attempt_is_a_row_with_its_end)),
        on_the_wire(live!(every_row_has_its_local_end)),
        on_the_wire(live!(ended_attempts_have_times)),
        on_the_wire(live!(open_rows_match_ss)).needs("ss"),
        on_the_wire(live!(syns_on_the_wire_match_rows)).needs("tcpdump"),
        on_the_wire(live!(an_immediate_router_answer_is_the_reason))
            .lacking("the notice to a process of an error that its socket keeps no record of"),
        on_the_wire(live!(filtered_attempts_are_rows_with_their_end)).needs("nft"),
        live!(attempts_through_io_uring_are_the_same)
            .needs("ip")
            .only_where(
                || Wire::is_possible() && ring_is_there(),
                "this kernel has no io_uring for this user, or no pairs of virtual devices (veth)",
            ),
    ]
}

/// Plays the table once for all tests.
fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| Scene::play(cases(&table::PLAIN)))
}

/// Puts a row in the words of the table.
fn reported(row: &Value) -> String {
    let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
    format!(
        "{} {} {} {} answered {} bytes {} {} syn {} owner {}",
        text("remote"),
        text("protocol"),
        text("state"),
        text("error"),
        row["connect_ms"].is_number(),
        row["bytes_sent"],
        row["bytes_received"],
        row["syn"] != false,
        row["process"]["pid"],
    )
}

fn expected(scene: &Scene, case: &Case) -> String {
    let bytes = case
        .bytes
        .map_or("null null".to_owned(), |(sent, received)| {
            format!("{sent} {received}")
        });
    format!(
        "{} tcp {} {} answered {} bytes {bytes} syn {} owner {}",
        case.remote,
        case.state,
        if case.error.is_empty() {
            "-"
        } else {
            case.error
        },
        case.answered,
        case.syn != Syn::Never,
        scene.reports[&case.owner].owner,
    )
}

/// Checks that every case has one row, and that there are no others.
#[track_caller]
fn rows_are_those_of_the_table(scene: &Scene) {
    let mut wanted: Vec<String> = scene
        .cases
        .iter()
        .map(|case| expected(scene, case))
        .collect();
    let mut rows: Vec<String> = scene.rows.iter().map(reported).collect();
    wanted.sort();
    rows.sort();
    let without = |all: &[String], others: &[String]| -> Vec<String> {
        let mut left = others.to_vec();
        let missing = all
            .iter()
            .filter(|one| match left.iter().position(|it| it == *one) {
                Some(place) => {
                    left.swap_remove(place);
                    false
                }
                None => true,
            });
        missing.cloned().collect()
    };
    let (missing, more) = (without(&wanted, &rows), without(&rows, &wanted));
    // The processes' own results, for the analysis of a failure.
    for case in &scene.cases {
        if missing.contains(&expected(scene, case)) {
            let seen = scene
                .reports
                .get(&case.name)
                .and_then(|it| it.error.as_ref());
            println!("{} saw {seen:?}", case.name);
        }
    }
    assert!(
        missing.is_empty() && more.is_empty(),
        "{} cases, {} rows in {}\nmissing: {missing:#?}\nmore: {more:#?}",
        wanted.len(),
        rows.len(),
        scene.trace.file.display(),
    );
}

fn every_attempt_is_a_row_with_its_end() {
    let scene = scene();
    assert!(scene.cases.len() >= 60, "{}", scene.cases.len());
    rows_are_those_of_the_table(scene);
}

fn filtered_attempts_are_rows_with_their_end() {
    let scene = Scene::play(cases(&table::FILTERED));
    rows_are_those_of_the_table(&scene);
    rows_are_those_on_the_wire(&scene);
}

fn an_immediate_router_answer_is_the_reason() {
    rows_are_those_of_the_table(&Scene::play(cases(&table::TOO_SOON)));
}

fn attempts_through_io_uring_are_the_same() {
    let scene = Scene::play(cases(&table::RING));
    rows_are_those_of_the_table(&scene);
    rows_are_those_on_the_wire(&scene);
}

fn ended_attempts_have_times() {
    let scene = scene();
    for case in &scene.cases {
        let Some(row) = row_of(scene, case) else {
            continue;
        };
        assert!(row["started"].is_string(), "{row}");
        let lasted = row["duration_ms"].as_f64();
        let lasts = matches!(case.state, "open" | "closing" | "connecting");
        assert_eq!(lasted.is_none(), lasts, "{row}");
        let Some(lasted) = lasted else { continue };
        let answer = row["connect_ms"].as_f64();
        assert!(
            answer.is_none_or(|answer| 0.0 < answer && answer <= lasted),
            "{row}"
        );
        // The kernel sends another SYN after a second.
        assert!(case.state != "timed_out" || lasted > 900.0, "{row}");
    }
}

fn end_of(row: &Value, key: &str) -> Option<SocketAddr> {
    row[key].as_str().and_then(|end| end.parse().ok())
}

/// Returns the row of a case; another test checks that there is only one.
fn row_of<'a>(scene: &'a Scene, case: &Case) -> Option<&'a Value> {
    let remote = case.remote.to_string();
    scene.rows.iter().find(|row| row["remote"] == *remote)
}

fn every_row_has_its_local_end() {
    let scene = scene();
    for case in &scene.cases {
        let Some(row) = row_of(scene, case) else {
            continue;
        };
        let local = end_of(row, "local");
        if case.syn == Syn::Never {
            // It got none: any value would be invented.
            assert_eq!(local, None, "{row}");
            continue;
        }
        if case.state == "connecting" && local.is_none() {
            // Where `tcp_connect` cannot be hooked, an answer has to come first.
            continue;
        }
        let local = local.unwrap_or_else(|| panic!("no local end: {row}"));
        assert_eq!(local.is_ipv4(), case.remote.is_ipv4(), "{row}");
        let seen = scene
            .reports
            .get(&case.name)
            .and_then(|report| report.local);
        assert!(seen.is_none_or(|seen| seen == local), "{seen:?} {row}");
        let loopback = case.remote.ip().is_loopback();
        assert!(loopback || is_own(local.ip()), "{row}");
    }
}

/// Checks whether an address belongs to the local end.
fn is_own(address: IpAddr) -> bool {
    [
        "192.0.2.1",
        "192.0.2.12",
        "192.0.2.13",
        "192.0.2.14",
        "2001:db8:1::1",
    ]
    .iter()
    .any(|own| own.parse() == Ok(address))
}

/// Returns both ends of a row. Where the kernel reports only the remote end, an oracle that knows
/// it supplies the local one, and is not compared otherwise.
fn flow(row: &Value, mut seen: impl Iterator<Item = Flow>) -> Option<Flow> {
    let remote = end_of(row, "remote")?;
    match end_of(row, "local") {
        Some(local) => Some((local, remote)),
        None if row["state"] == "connecting" => seen.find(|(_, other)| *other == remote),
        None => None,
    }
}

fn open_rows_match_ss() {
    let scene = scene();
    let sockets = scene.sockets.as_deref().expect("ss was there");
    for (state, name) in [
        ("open", "ESTAB"),
        ("closing", "FIN-WAIT-2"),
        ("connecting", "SYN-SENT"),
    ] {
        let mut theirs = oracle::in_state(sockets, name);
        let ends = || theirs.iter().map(|(flow, _)| *flow);
        let mut rows: Vec<(Flow, u64)> = scene
            .rows
            .iter()
            .filter(|row| row["state"] == state)
            .filter_map(|row| Some((flow(row, ends())?, row["process"]["pid"].as_u64()?)))
            .collect();
        rows.sort_unstable();
        theirs.sort_unstable();
        assert!(theirs.len() >= 3, "{name}: {sockets}");
        assert_eq!(rows, theirs, "{state} and {name}");
    }
}

fn syns_on_the_wire_match_rows() {
    let scene = scene();
    assert!(scene.syns.is_some(), "tcpdump was there");
    rows_are_those_on_the_wire(scene);
}

/// Compares rows with the wire, where it was observed.
#[track_caller]
fn rows_are_those_on_the_wire(scene: &Scene) {
    let Some(seen) = &scene.syns else { return };
    let ports = |wanted: &dyn Fn(&Case) -> bool| -> BTreeSet<u16> {
        let cases = scene.cases.iter().filter(|case| wanted(case));
        cases.map(|case| case.remote.port()).collect()
    };
    // The scene itself: the wire agrees with the table.
    let on_the_wire: BTreeSet<u16> = seen.iter().map(|(_, remote)| remote.port()).collect();
    assert_eq!(on_the_wire, ports(&|case| case.syn == Syn::OnTheWire));

    let elsewhere = ports(&|case| case.syn == Syn::Elsewhere);
    let rows: BTreeSet<Flow> = scene
        .rows
        .iter()
        .filter(|row| row["syn"] != false)
        .filter_map(|row| flow(row, seen.iter().copied()))
        .filter(|(_, remote)| !elsewhere.contains(&remote.port()))
        .collect();
    let missing: Vec<&Flow> = seen.difference(&rows).collect();
    let more: Vec<&Flow> = rows.difference(seen).collect();
    assert!(
        missing.is_empty() && more.is_empty(),
        "on the wire, but in no row: {missing:?}\nin a row, but not on the wire: {more:?}"
    );
}
