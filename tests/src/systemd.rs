//! Tests units under a running systemd: those started for a recorded process, and those started
//! without one. One recording serves all, see `scene`. It is compared with the reports of its own
//! processes.

mod running;
mod scene;
mod service;
mod stage;
pub(crate) mod truth;

use std::path::Path;

use serde_json::Value;

use crate::harness::{Event, Test, live};
use scene::{Scene, scene};
use truth::Line;

/// The reason to skip a test elsewhere.
pub(crate) const NOT: &str = "systemd is not PID 1";

/// Checks whether systemd starts the units here, as sd_booted(3) does.
pub(crate) fn is_manager() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

pub(crate) fn tests() -> Vec<Test> {
    let of_scene = vec![
        live!(every_role_reported),
        live!(every_process_is_in_the_tree_that_it_belongs_to),
        live!(every_process_is_in_its_unit),
        live!(every_generation_of_omi_runs_for_its_own_request),
        live!(omsagent_runs_for_its_request),
        live!(pre_existing_processes_are_not_in_the_commands_trees),
        live!(an_agent_that_no_rule_knows_has_its_own_tree),
        live!(a_cron_job_belongs_to_the_author_of_its_file),
        live!(a_triggered_service_belongs_to_the_author_of_its_unit),
        live!(other_spellings_of_requests_are_found),
        live!(requests_for_several_units_are_found),
        live!(requests_through_other_programs_are_found),
        live!(the_agent_survives_its_removal),
        live!(unit_events_are_reported),
        live!(unit_changes_match_systemd),
    ];
    of_scene
        .into_iter()
        .map(|test| test.given(stage::REPLICA))
        .chain(running::tests())
        .chain(service::tests())
        .map(|test| test.only_where(is_manager, NOT))
        .collect()
}

fn because(life: &Value) -> &str {
    life["because"].as_str().unwrap_or_default()
}

/// Describes a process in a few words.
fn who(life: &Value) -> String {
    let Value::Object(life) = life else {
        return "no process".to_owned();
    };
    let keys = ["pid", "ppid", "argv", "unit", "tree", "because"];
    let parts: Vec<String> = keys.iter().map(|key| life[*key].to_string()).collect();
    parts.join(" ")
}

/// Fails with all errors, up to a readable number.
#[track_caller]
fn none(wrong: &[String]) {
    let shown = &wrong[..wrong.len().min(12)];
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        shown.join("\n")
    );
}

/// Returns the process ids in a reason.
fn named(because: &str) -> Vec<u64> {
    let parts = because.split("[pid ").skip(1);
    parts
        .filter_map(|part| part.split(']').next()?.parse().ok())
        .collect()
}

/// Returns the error in a reason that has to name a unit and its request.
fn unlinked(life: &Value, unit: &str, request: &Line) -> Option<String> {
    let reason = because(life);
    let is_right = reason.contains(&format!("unit {unit}, started by "))
        && named(reason).contains(&request.pid)
        && reason.contains("(inferred)");
    (!is_right).then(|| format!("not of {}: {}", request.pid, who(life)))
}

/// Returns the only process of a unit that reported.
fn only(scene: &Scene, unit: &str) -> Result<Value, String> {
    let said: Vec<&Line> = scene
        .truth
        .iter()
        .filter(|line| line.unit() == Some(unit))
        .collect();
    match said.as_slice() {
        &[line] => scene
            .life(line)
            .cloned()
            .ok_or(format!("{unit}: {line:?} is not in the trace")),
        lines => Err(format!("{unit}: {lines:?}")),
    }
}

/// Checks whether a process is, or descends from, another.
fn descends(scene: &Scene, pid: u64, from: u64) -> bool {
    let mut pid = pid;
    for _ in 0..8 {
        if pid == from {
            return true;
        }
        let Some(life) = scene.lives.iter().find(|life| life["pid"] == pid) else {
            return false;
        };
        pid = life["ppid"].as_u64().unwrap_or_default();
    }
    false
}

/// Lists the errors of units that were requested once each.
fn unlinked_units(units: &[&str]) -> Vec<String> {
    let scene = scene();
    let of = |unit: &&str| -> Option<String> {
        let life = match only(scene, unit) {
            Ok(life) => life,
            Err(trouble) => return Some(trouble),
        };
        match scene.requests(unit).as_slice() {
            &[request] => unlinked(&life, unit, request),
            requests => Some(format!("{unit}: {requests:?}")),
        }
    };
    units.iter().filter_map(of).collect()
}

fn every_role_reported() {
    let messages = scene().trace.ended.messages();
    assert_eq!(scene::missing(), None, "{messages}");
}

fn every_process_is_in_the_tree_that_it_belongs_to() {
    let scene = scene();
    let mut wrong = Vec::new();
    for line in &scene.truth {
        match scene.life(line) {
            None => wrong.push(format!("not in the trace: {line:?}")),
            Some(life) if life["tree"] != *line.tree => {
                wrong.push(format!("{} is of {}: {}", line.what, line.tree, who(life)));
            }
            Some(_) => {}
        }
    }
    none(&wrong);
}

fn every_process_is_in_its_unit() {
    let scene = scene();
    let wrong: Vec<String> = scene
        .truth
        .iter()
        .filter_map(|line| {
            let life = scene.life(line)?;
            let unit = line.unit()?;
            (life["unit"] != *unit).then(|| format!("in {unit}: {}", who(life)))
        })
        .collect();
    none(&wrong);
}

fn every_generation_of_omi_runs_for_its_own_request() {
    let scene = scene();
    assert_eq!(scene.requests("omid.service").len(), 6, "generations");
    let mut wrong = Vec::new();
    let mut request = None;
    let mut generations = std::collections::BTreeSet::new();
    // The log is in the order of time, and systemd starts nothing before it is asked.
    for line in &scene.truth {
        if line.asks_for("omid.service") {
            request = Some(line);
        }
        let (true, Some(request)) = (line.tree == "omi", request) else {
            continue;
        };
        generations.insert(request.pid);
        match scene.life(line) {
            Some(life) => wrong.extend(unlinked(life, "omid.service", request)),
            None => wrong.push(format!("not in the trace: {line:?}")),
        }
    }
    none(&wrong);
    assert_eq!(generations.len(), 6);
    for life in &scene.lives {
        assert!(
            life["tree"] != "omi" || life["unit"] == "omid.service",
            "{}",
            who(life)
        );
    }
}

fn omsagent_runs_for_its_request() {
    let scene = scene();
    let unit = format!("omsagent-{}.service", stage::WORKSPACE);
    let requests = scene.requests(&unit);
    assert_eq!(requests.len(), 1, "{requests:?}");
    let lives = scene.of_unit(&unit);
    assert_eq!(lives.len(), 3, "forks twice: {lives:?}");
    let wrong: Vec<String> = lives
        .into_iter()
        .filter_map(|life| match life["tree"] == "omsagent" {
            true => unlinked(life, &unit, requests[0]),
            false => Some(who(life)),
        })
        .collect();
    none(&wrong);
}

/// Its unit has KillMode=process, and its main process has ended: to stop it ends nothing.
fn the_agent_survives_its_removal() {
    let scene = scene();
    let is_agent = |life: &&Value| life["tree"] == "omsagent" && life["running"] == true;
    let agent = scene.lives.iter().find(is_agent).expect("the agent");
    let removal = &scene.removal;
    let rows = removal.lives("changes", []);
    let survivors: Vec<(&Value, &Value)> = rows
        .iter()
        .filter(|row| row["attention"] == "runs on after its removal")
        .map(|row| (&row["process"]["pid"], &row["tree"]))
        .collect();
    assert_eq!(
        survivors,
        [(&agent["pid"], &Value::from("omsagent"))],
        "{rows:?}"
    );
    let messages = removal.ended.messages();
    assert!(messages.contains("still running: 1\n"), "{messages}");
    let line = format!("omsagent [{}]", agent["pid"]);
    let line = messages.lines().find(|text| text.contains(&line));
    let line = line.unwrap_or_else(|| panic!("{messages}"));
    assert!(
        line.contains("(removed) /opt/microsoft/omsagent/ruby/bin/ruby "),
        "{line}"
    );
    let connections = removal.connections(["--tree", "omsagent"]);
    assert!(!connections.is_empty(), "it goes on");
    for unit in [
        "omid.service",
        &format!("omsagent-{}.service", stage::WORKSPACE),
    ] {
        let row = rows
            .iter()
            .find(|row| row["kind"] == "service" && row["name"] == unit);
        let row = row.unwrap_or_else(|| panic!("{unit}: {rows:?}"));
        assert_eq!(row["action"], "gone", "{row}");
        assert_eq!(row["tree"], "command", "{row}");
    }
    let said = scene
        .removal_truth
        .iter()
        .filter(|line| line.what.ends_with("rm"));
    let lives = removal.processes(["--tree", "command"]);
    let missing: Vec<String> = said
        .filter(|line| !lives.iter().any(|life| line.is(life)))
        .map(|line| format!("{line:?}"))
        .collect();
    none(&missing);
}

fn pre_existing_processes_are_not_in_the_commands_trees() {
    let lives = scene().of_unit("noise.service");
    assert!(lives.len() > 100, "{}", lives.len());
    let wrong: Vec<String> = lives
        .into_iter()
        .filter(|life| {
            let tree = life["tree"].as_str().unwrap_or_default();
            ["command", "omi", "omsagent", "acme-agent.service"].contains(&tree)
                || because(life).contains("systemctl")
        })
        .map(who)
        .collect();
    none(&wrong);
}

/// It crashes once, and systemd starts it again.
fn an_agent_that_no_rule_knows_has_its_own_tree() {
    let scene = scene();
    let unit = "acme-agent.service";
    let lives = scene.of_unit(unit);
    let generations = lives
        .iter()
        .filter(|life| life["argv"][1] == "/opt/acme/agent");
    let generations: Vec<&Value> = generations.copied().collect();
    assert_eq!(generations.len(), 2, "{lives:?}");
    let requests = scene.requests(unit);
    assert_eq!(requests.len(), 1, "{requests:?}");
    let mut wrong: Vec<String> = lives
        .into_iter()
        .filter(|life| life["tree"] != unit)
        .map(who)
        .collect();
    wrong.extend(unlinked(generations[0], unit, requests[0]));
    if !because(generations[1]).contains(&format!("unit {unit}")) {
        wrong.push(who(generations[1]));
    }
    none(&wrong);
}

fn a_cron_job_belongs_to_the_author_of_its_file() {
    let scene = scene();
    let said = |what: &str| scene.truth.iter().find(|line| line.what == what);
    let writer = said("scene").expect("the scene");
    let job = said("cron").expect("the job");
    let life = scene.life(job).expect("the job is in the trace");
    assert_eq!(life["tree"], "command", "{}", who(life));
    let reason = because(life);
    for part in ["/etc/cron.d/scene, written by ", "(inferred)"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert!(
        named(reason).contains(&writer.pid),
        "{}: {reason}",
        writer.pid
    );
}

fn a_triggered_service_belongs_to_the_author_of_its_unit() {
    let scene = scene();
    let writer = scene.truth.iter().find(|line| line.what == "scene");
    let writer = writer.expect("the scene");
    let mut wrong = Vec::new();
    for trigger in ["ship-timed.timer", "ship-socket.socket", "ship-path.path"] {
        let (name, _) = trigger.split_once('.').expect("a suffix");
        let unit = format!("{name}.service");
        match only(scene, &unit) {
            Err(trouble) => wrong.push(trouble),
            Ok(life) => {
                let reason = because(&life);
                let start = format!("unit {unit}, started by {trigger}, written by ");
                if !(reason.contains(&start)
                    && named(reason).contains(&writer.pid)
                    && reason.contains("(inferred)"))
                {
                    wrong.push(format!("written by {}: {}", writer.pid, who(&life)));
                }
            }
        }
    }
    none(&wrong);
}

/// Uses `service`, an alias, an instance of a template, and a request that does not wait.
fn other_spellings_of_requests_are_found() {
    none(&unlinked_units(&[
        "ship-service.service",
        "ship-real.service",
        "ship@1.service",
        "ship-unblocked.service",
    ]));
}

/// Requests three units at once, makes two requests at once, and one for a unit with dependencies.
fn requests_for_several_units_are_found() {
    none(&unlinked_units(&[
        "ship-a.service",
        "ship-b.service",
        "ship-c.service",
        "ship-d.service",
        "ship-e.service",
        "ship-top.service",
        "ship-wanted.service",
        "ship-required.service",
    ]));
}

/// These programs run systemctl themselves, so it is a process below the known one.
fn requests_through_other_programs_are_found() {
    let scene = scene();
    let mut wrong = Vec::new();
    for unit in ["ship-invoke.service", "ship-deb.service"] {
        let life = match only(scene, unit) {
            Ok(life) => life,
            Err(trouble) => {
                wrong.push(trouble);
                continue;
            }
        };
        let asking = scene.requests(unit);
        let reason = because(&life);
        let is_right = reason.contains(&format!("unit {unit}, started by systemctl "))
            && reason.contains("(inferred)")
            && named(reason)
                .into_iter()
                .any(|pid| descends(scene, pid, asking[0].pid));
        if !is_right {
            wrong.push(format!("below {}: {}", asking[0].pid, who(&life)));
        }
    }
    none(&wrong);
}

fn unit_events_are_reported() {
    let scene = scene();
    let reported = |unit: &str| -> Vec<&Event> {
        let events = scene.trace.all("unit");
        // The outcome, without queued jobs and descriptions.
        let wanted = |event: &&Event| {
            event.text("unit") == unit && !["queued", "described"].contains(&event.text("action"))
        };
        events.filter(wanted).collect()
    };
    let actions = |events: &[&Event]| -> Vec<String> {
        events
            .iter()
            .map(|event| event.text("action").to_owned())
            .collect()
    };
    let omi = reported("omid.service");
    let seen = actions(&omi);
    assert_eq!(
        seen.first().map(String::as_str),
        Some("started"),
        "{seen:?}"
    );
    assert!(seen.iter().any(|action| action == "restarted"), "{seen:?}");
    for request in scene.requests("omid.service") {
        let by_it = omi
            .iter()
            .find(|event| event.0["requested_by"]["pid"] == request.pid);
        let event = by_it.unwrap_or_else(|| panic!("none by {}: {omi:?}", request.pid));
        let words = &event.0["requested_by"]["argv"];
        assert_eq!(words[0], "systemctl", "{event:?}");
        assert_eq!(words[2], "omid", "{event:?}");
    }
    let seen = actions(&reported("acme-agent.service"));
    let mut rest = seen.iter();
    for action in ["started", "failed", "restarted"] {
        assert!(rest.any(|seen| seen == action), "{action}: {seen:?}");
    }
}

fn unit_changes_match_systemd() {
    let scene = scene();
    for (subject, state) in [("unit file", "enabled"), ("unit", "active")] {
        let reported = scene.trace.all("compared");
        let parts: Vec<&Event> = reported
            .filter(|it| it.text("subject") == subject)
            .collect();
        assert!(!parts.is_empty(), "{subject}");
        for part in &parts {
            assert_eq!(part.0["problem"], Value::Null, "{part:?}");
        }
        let omid = parts
            .iter()
            .filter_map(|part| part.0["differences"].as_array())
            .flatten()
            .find(|difference| difference["name"] == "omid.service");
        let after = omid.and_then(|omid| omid["after"].as_str());
        let is_right = after.is_some_and(|after| after.starts_with(state));
        assert!(is_right, "{subject}: {omid:?}");
    }
}
