//! Tests users of processes: changes without an exec, privilege that an exec gains, and rules that
//! ask for a user.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::harness::{Recording, Test, Trace, act, live, slowness, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(a_daemon_that_drops_root_is_of_its_new_user),
        live!(a_change_without_a_report_is_seen_at_the_end),
        live!(a_rule_for_a_user_follows_the_change).alone(),
        live!(a_setuid_program_gains_privilege).needs("setpriv"),
        live!(a_file_with_capabilities_gains_privilege)
            .needs("setpriv")
            .needs("setcap"),
        live!(a_rule_that_no_longer_matches_is_a_former_one),
    ]
}

/// Records a daemon that forks, drops root and waits.
fn daemon() -> Recording {
    // Longer than a slow machine takes to end the recording.
    let seconds = (2 * slowness()).to_string();
    Recording::of(act(["drops-root", "65534", "65534", &seconds])).option(["--no-changes"])
}

#[track_caller]
fn is_of_both(trace: &Trace) {
    let lives = trace.processes(["--user", "65534", "--tree", "command"]);
    assert_eq!(lives.len(), 1, "{lives:#?}");
    assert_eq!(lives[0]["uid"], 65534);
    assert_eq!(lives[0]["real_uid"], 65534);
    assert_eq!(lives[0]["former_users"], serde_json::json!(["root"]));
}

fn a_daemon_that_drops_root_is_of_its_new_user() {
    let trace = daemon().lingers(300).run().trace();
    is_of_both(&trace);
    let changes = trace.of_command("user_changed");
    assert!(!changes.is_empty());
    assert_eq!(changes[0].number("real_uid"), 65534);
}

fn a_change_without_a_report_is_seen_at_the_end() {
    let without = "kprobe_commit_creds,process_connector";
    let trace = daemon()
        .environment("TRACER_WITHOUT_HOOKS", without)
        .lingers(300)
        .run()
        .trace();
    is_of_both(&trace);
    let changes = trace.of_command("user_changed");
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].0["at_end"], true);
}

fn a_rule_for_a_user_follows_the_change() {
    let place = tempfile::tempdir().expect("a directory");
    let rules = place.path().join("rules.toml");
    fs::write(
        &rules,
        "[[tree]]\nname = 'it'\n[[tree.match]]\nuser = 'nobody'\n",
    )
    .expect("rules");
    let rules = rules.to_str().expect("a plain path");
    let recording = daemon().option(["--rules", rules]);
    let trace = recording.lingers(300).run().trace();
    let mut lives = trace.processes(["--tree", "it"]);
    // Daemons of other tests ran before.
    lives.retain(|life| life["started"].is_string());
    assert_eq!(lives.len(), 1, "{lives:#?}");
    assert_eq!(lives[0]["user"], "nobody");
}

fn a_setuid_program_gains_privilege() {
    let place = tempfile::tempdir_in("/var/tmp").expect("a directory");
    open(place.path());
    let program = place.path().join("gain");
    fs::copy("/usr/bin/id", &program).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("set-user-ID");
    let program = program.to_str().expect("a plain path");
    let trace = record_unprivileged(program);
    let gain = gain_of(&trace, program);
    assert_eq!(gain["from"], "nobody", "{gain}");
    assert_eq!(gain["to"], "root", "{gain}");
    assert_eq!(gain["by"], "setuid", "{gain}");
    let caller = gain["caller"].as_str().unwrap_or_default();
    assert!(caller.ends_with("/setpriv"), "{gain}");
    let lines = trace.read("replay", ["--event", "exec"]).success();
    let shown = lines.text().contains("nobody → root (setuid)");
    assert!(shown, "{}", lines.text());
    let found = trace.processes(["--user", "65534", "--tree", "command"]);
    assert!(!found.is_empty(), "--user finds who called");
}

fn a_file_with_capabilities_gains_privilege() {
    let place = tempfile::tempdir_in("/var/tmp").expect("a directory");
    open(place.path());
    let program = place.path().join("gain");
    fs::copy("/usr/bin/id", &program).expect("a program");
    let program = program.to_str().expect("a plain path");
    let set = ["setcap", "cap_net_raw+ep", program];
    let done = std::process::Command::new(set[0]).args(&set[1..]).status();
    assert!(done.expect("setcap runs").success());
    let trace = record_unprivileged(program);
    let gain = gain_of(&trace, program);
    assert_eq!(gain["by"], "capabilities", "{gain}");
    assert_eq!(
        gain["capabilities"],
        serde_json::json!(["cap_net_raw"]),
        "{gain}"
    );
}

fn open(place: &std::path::Path) {
    fs::set_permissions(place, fs::Permissions::from_mode(0o755)).expect("others may look");
}

fn record_unprivileged(program: &str) -> Trace {
    let command = words([
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        program,
    ]);
    let recording = Recording::of(command).option(["--no-changes"]);
    recording.run().trace()
}

#[track_caller]
fn gain_of(trace: &Trace, program: &str) -> Value {
    let execs = trace.of_command("exec");
    let exec = execs.iter().find(|exec| exec.text("filename") == program);
    exec.expect("its exec").0["privilege"].clone()
}

fn a_rule_that_no_longer_matches_is_a_former_one() {
    let place = tempfile::tempdir().expect("a directory");
    let rules = place.path().join("rules.toml");
    fs::write(
        &rules,
        "[[tree]]\nname = 'it'\n[[tree.match]]\nexe = '/usr/bin/env'\n",
    )
    .expect("rules");
    let rules = rules.to_str().expect("a plain path");
    let recording = Recording::of(words(["/usr/bin/env", "sleep", "0"]));
    let trace = recording
        .option(["--no-changes"])
        .option(["--rules", rules])
        .run()
        .trace();
    let lives = trace.processes(["--tree", "it"]);
    assert_eq!(lives.len(), 1, "{lives:#?}");
    let because = lives[0]["because"].as_str().unwrap_or_default();
    assert!(because.starts_with("was "), "{because}");
}
