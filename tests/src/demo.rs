//! Checks the demo's trace: a replica of an installer whose daemons detach in every way that real
//! ones do. `cargo xtask test` records it and passes its name.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    harness::{Ended, Test, plain, run, tracer},
    policy::formats::dropped_rules_are_findings,
    systemd::truth,
};

/// Names the trace.
const TRACE: &str = "TRACER_DEMO_TRACE";

pub(crate) fn tests() -> Vec<Test> {
    let tests = vec![
        plain!(every_generation_of_omi_is_in_its_tree),
        plain!(omsagent_is_in_its_tree),
        plain!(nothing_else_is_in_these_trees),
        plain!(connections_have_owner_tree_and_outcome),
        plain!(changes_of_the_machine),
        plain!(listeners_have_their_owners),
        plain!(every_endpoint_has_its_host),
        plain!(destinations_for_a_firewall),
        plain!(the_agent_is_found_under_both_of_its_names),
        plain!(other_processes_are_not_in_the_commands_tree),
        plain!(the_key_is_masked_everywhere),
        plain!(nothing_is_missing),
        plain!(every_process_is_what_it_says),
        plain!(the_agent_survives_its_removal),
        plain!(it_conforms_to_its_own_policy)
            .needs("/usr/bin/python3")
            .needs("jq"),
    ];
    tests.into_iter().map(|test| test.given(TRACE)).collect()
}

/// The name of the agent, which has the id of its workspace without systemd; cut by the kernel.
const AGENT: &str = "omsagent-6f1d2c";

fn trace() -> PathBuf {
    PathBuf::from(std::env::var_os(TRACE).expect("the demo's trace"))
}

fn read(verb: &str, options: &[&str]) -> Ended {
    read_of(&trace(), verb, options)
}

fn read_of(trace: &Path, verb: &str, options: &[&str]) -> Ended {
    run(tracer().arg(verb).arg(trace).args(options)).success()
}

fn lives(verb: &str, options: &[&str]) -> Vec<Value> {
    lives_of(&trace(), verb, options)
}

fn lives_of(trace: &Path, verb: &str, options: &[&str]) -> Vec<Value> {
    let mut all = vec!["--format", "jsonl"];
    all.extend(options);
    read_of(trace, verb, &all)
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect()
}

fn text<'a>(life: &'a Value, key: &str) -> &'a str {
    life[key].as_str().unwrap_or_default()
}

/// Counts the processes of a tree by name and user.
fn census(tree: &str) -> BTreeMap<(String, String), usize> {
    let mut census = BTreeMap::new();
    for life in lives("tree", &["--tree", tree]) {
        let who = (
            text(&life, "name").to_owned(),
            text(&life, "user").to_owned(),
        );
        *census.entry(who).or_default() += 1;
    }
    census
}

fn expected<const N: usize>(rows: [(&str, &str, usize); N]) -> BTreeMap<(String, String), usize> {
    rows.into_iter()
        .map(|(name, user, count)| ((name.to_owned(), user.to_owned()), count))
        .collect()
}

/// omiserver forks twice to detach. The third process forks the engine, which gives up root, and an
/// agent for each user that asks.
fn every_generation_of_omi_is_in_its_tree() {
    let all = lives("tree", &["--tree", "omi"]);
    let started: Vec<&Value> = all
        .iter()
        .filter(|life| text(life, "because").starts_with("rule omi of azure-monitor"))
        .filter(|life| text(life, "exe") == "/opt/omi/bin/omiserver")
        .collect();
    assert_eq!(started.len(), 6, "generations");
    for first in started {
        let because = text(first, "because");
        assert!(
            because.contains("exe /opt/omi/bin/omiserver, argv -d"),
            "{because}"
        );
        let child = |parent: &Value, name: &str| {
            let of_parent = all.iter().filter(|life| {
                life["ppid"] == parent["pid"] && life["parent_start_ns"] == parent["start_ns"]
            });
            let named: Vec<&Value> = of_parent
                .filter(|life| text(life, "name") == name)
                .collect();
            named
        };
        let session = child(first, "omiserver");
        assert_eq!(session.len(), 1, "{first}");
        let server = child(session[0], "omiserver");
        assert_eq!(server.len(), 1, "{first}");
        assert_eq!(
            text(server[0], "because"),
            format!("child of omiserver [{}]", session[0]["pid"])
        );
        let engine = child(server[0], "omiengine");
        assert_eq!(engine.len(), 1, "{first}");
        assert_eq!(text(engine[0], "user"), "omi");
        assert_eq!(engine[0]["former_users"], serde_json::json!(["root"]));
        let mut users: Vec<&str> = child(server[0], "omiagent")
            .iter()
            .map(|agent| text(agent, "user"))
            .collect();
        users.sort_unstable();
        assert!(
            users.is_empty() || users == ["omsagent", "root"],
            "{users:?}"
        );
    }
    // The last one is the one in `ps`.
    let running = lives("tree", &["--tree", "omi"]);
    let mut running: Vec<(&str, &str)> = running
        .iter()
        .filter(|life| life["running"] == true)
        .map(|life| (text(life, "name"), text(life, "user")))
        .collect();
    running.sort_unstable();
    assert_eq!(
        running,
        [
            ("omiagent", "omsagent"),
            ("omiagent", "root"),
            ("omiengine", "omi"),
            ("omiserver", "root"),
        ]
    );
}

/// An interpreter's script that forks twice.
fn omsagent_is_in_its_tree() {
    let all = lives("tree", &["--tree", "omsagent"]);
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(text(&all[0], "because").starts_with("rule omsagent of azure-monitor: exe "));
    for pair in all.windows(2) {
        assert_eq!(
            text(&pair[1], "because"),
            format!("child of {AGENT} [{}]", pair[0]["pid"])
        );
        assert_eq!(pair[1]["parent_start_ns"], pair[0]["start_ns"]);
    }
    let running: Vec<bool> = all.iter().map(|life| life["running"] == true).collect();
    assert_eq!(running, [false, false, true]);
}

fn nothing_else_is_in_these_trees() {
    assert_eq!(
        census("omi"),
        expected([
            ("omiserver", "root", 18),
            ("omiengine", "omi", 6),
            ("omiagent", "root", 2),
            ("omiagent", "omsagent", 2),
        ])
    );
    assert_eq!(census("omsagent"), expected([(AGENT, "omsagent", 3)]));
    let mut owners = BTreeMap::new();
    for row in lives("connections", &["--tree", "omsagent", "--tree", "omi"]) {
        let remote = text(&row, "remote").to_owned();
        *owners.entry(remote).or_insert(0) += 1;
    }
    let remotes: Vec<&str> = owners.keys().map(String::as_str).collect();
    assert_eq!(
        remotes,
        [
            "168.63.129.16:32526",
            "168.63.129.16:53",
            "169.254.169.254:80",
            "40.79.194.105:443"
        ]
    );
}

fn connections_have_owner_tree_and_outcome() {
    for remote in ["40.79.194.105:443", "169.254.169.254:80"] {
        let rows = lives("connections", &["--remote", remote, "--tree", "omsagent"]);
        assert!(rows.len() >= 3, "{remote}: {rows:?}");
        for row in rows {
            assert_eq!(text(&row, "remote"), remote);
            assert_eq!(text(&row["process"], "name"), AGENT);
            assert_eq!(text(&row["process"], "user"), "omsagent");
            assert_eq!(
                text(&row["process"], "exe"),
                "/opt/microsoft/omsagent/ruby/bin/ruby"
            );
            assert!(
                text(&row, "because").starts_with(&format!("child of {AGENT} [")),
                "{row}"
            );
            assert_eq!(text(&row, "state"), "closed", "{row}");
            assert!(row["bytes_sent"].as_u64() > Some(0), "{row}");
            assert!(row["bytes_received"].as_u64() > Some(0), "{row}");
            // By the recorder's list, and by the built-in knowledge.
            let named = match remote {
                "40.79.194.105:443" => text(&row, "tag") == "AzureMonitor.JapanEast",
                _ => text(&row, "note") == "instance metadata",
            };
            assert!(named, "{row}");
        }
        let everybody = lives("connections", &["--remote", remote]);
        for row in everybody {
            assert_ne!(text(&row, "tree"), "system", "{row}");
        }
    }
    let refused = lives("connections", &["--remote", "168.63.129.16:32526"]);
    assert_eq!(text(&refused[0], "state"), "refused");
    assert_eq!(text(&refused[0], "tree"), "omsagent");
}

/// Checks the results of a comparison of lists before and after, each with the process that such a
/// comparison cannot find.
fn changes_of_the_machine() {
    let rows = lives("changes", &[]);
    let mut reported: Vec<String> = Vec::new();
    for row in &rows {
        assert_ne!(text(row, "tree"), "system", "{row}");
        assert_ne!(text(row, "tree"), "", "no process is behind {row}");
        let name = text(row, "name");
        let name = name.split(" [").next().unwrap_or_default();
        reported.push(format!("{} {name}", text(row, "kind")));
    }
    const WORKSPACE: &str = "6f1d2c3b-8a47-4e59-9b0c-5d2e7f1a4c86";
    let expected = [
        "service omid.service",
        &format!("service omsagent-{WORKSPACE}.service"),
        "process omiserver",
        "process omiengine",
        "process omiagent",
        &format!("process {AGENT}"),
        "listener 127.0.0.1:25224/udp",
        "listener 0.0.0.0:25324/tcp",
        &format!("destination {WORKSPACE}.oms.opinsights.azure.com:443"),
        "destination 169.254.169.254:80",
        "download /root/omsagent-1.13.9-0.universal.x64.sh",
        "cron /etc/cron.d/OMSConsistencyInvoker",
        "cron /etc/cron.d/omilogrotate",
        "cron /etc/cron.d/omsagent",
        "cron /etc/cron.d/scxagent",
        "file /etc/sudoers",
        "file files of package omi",
        "file files of package omsagent",
        "file files of package omsconfig",
        "file files of package scx",
        &format!("file /opt/microsoft/omsagent/bin/omsagent-{WORKSPACE}"),
        "file /var/opt/microsoft/",
        "file /var/opt/omi/",
    ];
    for expected in expected {
        assert!(
            reported.iter().any(|row| row == expected),
            "{expected}: {reported:#?}"
        );
    }
    let is_flagged = |row: &Value| {
        let within = row["within"].to_string() + text(row, "name");
        within.contains("/etc/pam.d/omi")
    };
    assert!(rows.iter().any(is_flagged), "{reported:#?}");
    let agents = reported
        .iter()
        .filter(|row| *row == "process omiagent")
        .count();
    assert_eq!(agents, 2, "one as root, one as omsagent");
}

fn listeners_have_their_owners() {
    let reported: Vec<String> = lives("connections", &["--listening"])
        .iter()
        .map(|row| {
            assert_eq!(text(row, "tree"), "omsagent", "{row}");
            assert_eq!(text(&row["process"], "user"), "omsagent", "{row}");
            format!(
                "{}/{} {}",
                text(row, "local"),
                text(row, "protocol"),
                text(row, "state")
            )
        })
        .collect();
    assert_eq!(
        reported,
        [
            "127.0.0.1:25224/udp listening",
            "0.0.0.0:25324/tcp listening"
        ]
    );
}

fn every_endpoint_has_its_host() {
    for (host, source) in [
        ("github.com", "http_host"),
        ("objects.githubusercontent.com", "http_host"),
        ("*.oms.opinsights.azure.com", "sni"),
    ] {
        let rows = lives("connections", &["--remote", host]);
        assert!(!rows.is_empty(), "{host}");
        for row in rows {
            let sources: Vec<&str> = row["names"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|name| text(name, "source"))
                .collect();
            // The replica asks by itself, over UDP, as a language without the C library's resolver
            // does.
            assert_eq!(sources, [source, "dns"], "{row}");
        }
    }
}

fn destinations_for_a_firewall() {
    let rows = lives(
        "connections",
        &["--by", "destination", "--tree", "omsagent"],
    );
    let mut reported: Vec<(String, &str, bool)> = rows
        .iter()
        .map(|row| {
            let name = ["tag", "note"]
                .map(|key| text(row, key))
                .into_iter()
                .find(|name| !name.is_empty());
            let is_whole = row["trees"] == serde_json::json!(["omsagent"])
                && row["processes"].as_array().map(Vec::len) == Some(1)
                && row["connections"].as_u64() >= Some(1);
            let addresses = row["addresses"].as_array().map_or(0, Vec::len);
            assert_eq!(addresses, 1, "{row}");
            let place = match text(row, "host") {
                "" => row["addresses"][0].as_str().unwrap_or_default(),
                host => host,
            };
            let place = format!("{place}:{}/{}", row["port"], text(row, "protocol"));
            (place, name.unwrap_or_default(), is_whole)
        })
        .collect();
    // Several threads connect at the same time.
    reported.sort_unstable();
    assert_eq!(
        reported,
        [
            ("168.63.129.16:32526/tcp", "Azure platform WireServer"),
            ("168.63.129.16:53/udp", "Azure platform DNS"),
            ("169.254.169.254:80/tcp", "instance metadata"),
            (
                "6f1d2c3b-8a47-4e59-9b0c-5d2e7f1a4c86.oms.opinsights.azure.com:443/tcp",
                "AzureMonitor.JapanEast"
            ),
        ]
        .map(|(place, name)| (place.to_owned(), name, true))
    );
    let table = read(
        "connections",
        &["--by", "process", "--process", "omsagent-*"],
    );
    assert!(table.text().starts_with("PROCESS"), "{}", table.text());
    assert_eq!(table.text().lines().count(), 2, "{}", table.text());
}

fn the_agent_is_found_under_both_of_its_names() {
    let agent = lives("tree", &["--tree", "omsagent"]);
    for name in ["ruby", "omsagent-*"] {
        let found = lives("tree", &["--process", name]);
        for process in &agent {
            assert!(
                found.contains(process),
                "--process {name} finds {}",
                process["pid"]
            );
        }
        let replayed = read("replay", &["--process", name, "--event", "exec"]);
        assert!(
            replayed
                .text()
                .contains("/opt/microsoft/omsagent/bin/omsagent")
        );
    }
    let pid = agent[2]["pid"].to_string();
    let events = |name: &str| read("replay", &["--process", name, "--pid", &pid]).stdout;
    assert!(!events("ruby").is_empty());
    assert_eq!(events("ruby"), events("omsagent-*"));
}

/// cron and an upgrade run at the same time by chance.
fn other_processes_are_not_in_the_commands_tree() {
    for (name, at_least) in [("unattended-upgr*", 1), ("cron", 1)] {
        let found = lives("tree", &["--process", name]);
        assert!(found.len() >= at_least, "{name}: {found:?}");
        for life in found {
            assert_ne!(text(&life, "tree"), "command", "{life}");
        }
    }
    let rows = lives("connections", &["--process", "unattended-upgr*"]);
    assert!(!rows.is_empty());
    assert!(
        rows.iter().all(|row| text(row, "tree") == "system"),
        "{rows:?}"
    );
}

fn the_key_is_masked_everywhere() {
    let replayed = read("replay", &["--format", "jsonl"]);
    // 88 characters of base64 in a row would be one.
    let longest = replayed
        .text()
        .lines()
        .flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || "+=".contains(c))))
        .map(str::len)
        .max();
    assert!(longest < Some(80), "{longest:?}");
    assert!(!replayed.text().contains("demo-password"));
    for place in [
        "\"-s\",\"‹secret 1›\"",
        "\"tr\",\"x\",\"‹secret 1›\"",
        "demo-user:‹secret 2›@",
    ] {
        assert!(replayed.text().contains(place), "{place}");
    }
}

fn nothing_is_missing() {
    let replayed = read("replay", &["--strict"]);
    assert_eq!(replayed.messages(), "");
    let summary = lives("tree", &[]);
    assert!(summary.len() > 1100, "{} processes", summary.len());
}

/// Lists the lines of a log that disagree with a trace. Processes that the recording cannot have,
/// because they ended before it or began after it, are left out.
fn disagreeing(trace: &Path, log: &str) -> Vec<String> {
    let log = fs::read_to_string(trace.with_file_name(log)).expect("the log");
    let all = lives_of(trace, "tree", &[]);
    // In ticks, like the starts in the log.
    let tick = |event: &str| {
        let events = lives_of(trace, "replay", &["--event", event]);
        events[0]["boot_ns"].as_u64().expect("a time") / 10_000_000
    };
    let recorded = tick("snapshot")..tick("end");
    let lines = truth::parse(&log);
    assert!(lines.len() > 10, "{log}");
    let mut wrong = Vec::new();
    for line in lines {
        match all.iter().find(|life| line.is(life)) {
            Some(life) if life["tree"] == *line.tree => {}
            None if !recorded.contains(&line.start) => {}
            found => wrong.push(format!("{line:?}: {found:?}")),
        }
    }
    wrong
}

fn every_process_is_what_it_says() {
    let wrong = disagreeing(&trace(), "truth");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// start-stop-daemon believes no file of a process id that is not root's, so it ends nothing.
fn the_agent_survives_its_removal() {
    let removal = trace().with_file_name("purge.trace");
    let wrong = disagreeing(&removal, "purge.truth");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let rows = lives_of(&removal, "changes", &[]);
    let agent = lives("tree", &["--tree", "omsagent"])
        .pop()
        .expect("the agent");
    let left: Vec<(&Value, &str)> = rows
        .iter()
        .filter(|row| row["kind"] == "process")
        .map(|row| (&row["process"]["pid"], text(row, "attention")))
        .collect();
    assert_eq!(
        left,
        [(&agent["pid"], "runs on after its removal")],
        "{rows:?}"
    );
    let text_of = read_of(&removal, "report", &[]);
    let text_of = text_of.text();
    assert!(text_of.contains("runs on after its removal"), "{text_of}");
    let gone = ["omi", "scx", "omsagent", "omsconfig"].map(|name| {
        let is_it = |row: &&Value| row["kind"] == "package" && text(row, "name").starts_with(name);
        let row = rows.iter().find(is_it);
        let row = row.unwrap_or_else(|| panic!("{name}: {rows:?}"));
        assert_eq!(text(&row["process"], "name"), "dpkg", "{row}");
        text(row, "action").to_owned()
    });
    assert_eq!(gone, ["gone"; 4]);
}

/// Drops a host, a file that deserves attention, a listener and a program from the policy.
fn it_conforms_to_its_own_policy() {
    dropped_rules_are_findings(
        &trace(),
        &[
            (
                "\"objects.githubusercontent.com:80\"",
                "objects.githubusercontent.com:80/tcp",
            ),
            ("\"/etc/sudoers\"", "/etc/sudoers (who may become root)"),
            ("\"0.0.0.0:25324\"", "0.0.0.0:25324/tcp"),
            ("\"/opt/omi/bin/omicli\"", "/opt/omi/bin/omicli"),
        ],
    );
}
