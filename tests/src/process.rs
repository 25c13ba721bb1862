//! Tests the hard cases of a process's ancestry. Trees by rules are the demo's subject.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::harness::{Recording, Test, Trace, act, live, record, slowness, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(two_thousand_orphans_stay_in_the_commands_tree),
        live!(a_double_fork_keeps_its_tree_and_its_parents),
        live!(a_user_changed_before_the_exec),
        live!(an_exec_by_a_thread_keeps_the_process_id),
        live!(a_process_ends_with_its_last_thread),
        live!(every_name_of_a_process_finds_it),
        live!(processes_of_a_millisecond_are_whole),
        live!(a_process_id_that_is_used_again),
        live!(ends_are_reported_by_code_or_signal),
        live!(seen_from_within_a_pid_namespace),
        live!(namespaces_and_the_root_directory)
            .needs("unshare")
            .needs("chroot")
            .needs("/bin/busybox"),
    ]
}

/// Returns the processes of tree `command`.
fn mine(trace: &Trace) -> Vec<Value> {
    trace.processes(["--tree", "command"])
}

fn program(life: &Value) -> String {
    let argv = life["argv"].as_array().into_iter().flatten();
    let words: Vec<&str> = argv.filter_map(Value::as_str).collect();
    words.join(" ")
}

fn two_thousand_orphans_stay_in_the_commands_tree() {
    // An emulated machine takes a tenth of a second for each.
    let all = 2000 / slowness() as usize;
    let script = format!(
        "i=0
        while [ $i -lt {all} ]; do
            (setsid sh -c 'exec sleep 0.01' &)
            i=$((i + 1))
        done
        # Orphans have another parent by now, so there is nothing to wait for.
        sleep 2"
    );
    let trace = Recording::of(words(["sh", "-c", &script]))
        .lingers(1000)
        .run()
        .trace();
    let count = |name: &str| {
        trace
            .of_command("exec")
            .iter()
            .filter(|event| event.text("filename").ends_with(name))
            .count()
    };
    assert_eq!(count("/setsid"), all);
    assert_eq!(count("/sh"), all + 1);
    assert_eq!(count("/sleep"), all + 1);
    // In any place: none of its sleeps is in another tree.
    let strangers = trace
        .all("exec")
        .filter(|event| event.tree() != "command" && event.argv() == [&b"sleep"[..], b"0.01"])
        .count();
    assert_eq!(strangers, 0);
    let lives = mine(&trace);
    let sleeps: Vec<&Value> = lives
        .iter()
        .filter(|life| program(life) == "sleep 0.01")
        .collect();
    assert_eq!(sleeps.len(), all);
    for life in &sleeps {
        assert_eq!(life["running"], false, "{life}");
        assert_eq!(life["execs"], 3, "{life}");
        let because = life["because"].as_str().unwrap_or_default();
        assert!(because.starts_with("child of sh ["), "{life}");
    }
    let identities: BTreeSet<String> = sleeps
        .iter()
        .map(|life| format!("{} {}", life["pid"], life["start_ns"]))
        .collect();
    assert_eq!(identities.len(), all);
}

fn a_double_fork_keeps_its_tree_and_its_parents() {
    let trace = Recording::of(act(["orphan", "/bin/sleep", "0.2"]))
        .lingers(1000)
        .run()
        .trace();
    let lives = mine(&trace);
    assert_eq!(lives.len(), 3, "{lives:?}");
    let by_pid: BTreeMap<u64, &Value> = lives
        .iter()
        .map(|life| (life["pid"].as_u64().unwrap_or_default(), life))
        .collect();
    let daemon = lives
        .iter()
        .find(|life| program(life) == "/bin/sleep 0.2")
        .expect("the daemon");
    let parent = by_pid[&daemon["ppid"].as_u64().expect("a parent")];
    assert_eq!(parent["ppid"].as_u64(), Some(trace.command_pid()));
    assert_eq!(
        daemon["because"],
        format!("child of tracer-tests [{}]", parent["pid"])
    );
    assert_eq!(daemon["tree"], "command");
    assert_eq!(daemon["code"], 0);
    // It outlived the command: by the kernel's times, as the recorder may notice an end late.
    let end_of = |pid: &Value| {
        let exits = trace.of_command("exit");
        let exit = exits.iter().find(|event| event.process()["pid"] == *pid);
        exit.expect("its exit").number("boot_ns")
    };
    assert!(end_of(&daemon["pid"]) > end_of(&trace.command_pid().into()));
}

fn a_user_changed_before_the_exec() {
    let trace = record(act(["as-user", "65534", "65534", "/bin/true"]));
    let exec = trace.of_command("exec").pop().expect("an exec").clone();
    assert_eq!(exec.text("filename"), "/bin/true");
    assert_eq!(exec.process()["uid"], 65534);
    assert_eq!(exec.process()["user"], "nobody");
    let life = &mine(&trace)[0];
    assert_eq!(life["former_users"], serde_json::json!(["root"]));
    assert_eq!(life["execs"], 2);
    for user in ["nobody", "root", "65534"] {
        let found = trace.processes(["--tree", "command", "--user", user]);
        assert_eq!(found.len(), 1, "--user {user}");
    }
}

fn an_exec_by_a_thread_keeps_the_process_id() {
    let trace = record(act(["exec-in-thread", "/bin/sh", "-c", "exit 9"]));
    assert_eq!(trace.ended.code, Some(9));
    let lives = mine(&trace);
    assert_eq!(lives.len(), 1, "a thread is no process: {lives:?}");
    assert_eq!(lives[0]["execs"], 2);
    assert_eq!(lives[0]["code"], 9);
    assert_eq!(lives[0]["pid"].as_u64(), Some(trace.command_pid()));
    let exits = trace.of_command("exit");
    assert_eq!(exits.len(), 1, "{exits:?}");
    let last = trace
        .of_command("exec")
        .pop()
        .expect("an exec")
        .number("seq");
    assert!(exits[0].number("seq") > last, "it went on after its exec");
}

fn a_process_ends_with_its_last_thread() {
    let trace = record(act(["leader-ends-first"]));
    assert_eq!(trace.ended.code, Some(5));
    let exits = trace.of_command("exit");
    assert_eq!(exits.len(), 1, "{exits:?}");
    assert_eq!(exits[0].0["code"], 5);
    let exec = trace.of_command("exec")[0].number("boot_ns");
    let lived = exits[0].number("boot_ns") - exec;
    assert!(lived >= 300_000_000, "reported after {lived} ns");
}

fn every_name_of_a_process_finds_it() {
    let trace = record(act(["rename", "first-name", "thread-name"]));
    let pid = trace.command_pid();
    for name in ["first-name", "thread-name", "tracer-tests", "first-*"] {
        let found = trace.processes(["--process", name]);
        let mine: Vec<&Value> = found
            .iter()
            .filter(|life| life["pid"].as_u64() == Some(pid))
            .collect();
        assert_eq!(mine.len(), 1, "--process {name}: {found:?}");
        let replayed = trace.read("replay", ["--process", name, "--event", "exit"]);
        assert!(
            replayed.text().contains(&format!(" {pid} ")),
            "--process {name}: {}",
            replayed.text()
        );
    }
    let renames: Vec<(String, bool)> = trace
        .of_command("rename")
        .iter()
        .map(|event| (event.text("to").to_owned(), event.0["tid"].is_null()))
        .collect();
    assert_eq!(
        renames,
        [
            ("first-name".to_owned(), true),
            ("thread-name".to_owned(), false)
        ]
    );
    // A thread's name is not the process's.
    assert_eq!(mine(&trace)[0]["name"], "first-name");
    let missing = trace.read("tree", ["--process", "second-name"]);
    assert_eq!(missing.text(), "");
    assert_eq!(missing.code, Some(1));
    let messages = missing.messages();
    assert!(
        messages.contains("cannot find the process second-name"),
        "{messages}"
    );
}

fn processes_of_a_millisecond_are_whole() {
    let trace = record(act(["fan-out", "300", "2"]));
    let lives = mine(&trace);
    assert_eq!(lives.len(), 301);
    let mut kinds: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for event in &trace.events {
        if ["fork", "exec", "exit"].contains(&event.kind()) {
            kinds.entry(event.pid()).or_default().push(event.kind());
        }
    }
    let command = trace.command_pid();
    for life in lives
        .iter()
        .filter(|life| life["pid"].as_u64() != Some(command))
    {
        let pid = life["pid"].as_u64().unwrap_or_default();
        assert_eq!(kinds[&pid], ["fork", "exec", "exit"], "{life}");
        assert_eq!(life["ppid"].as_u64(), Some(command), "{life}");
    }
}

fn a_process_id_that_is_used_again() {
    let launcher = act(["within", "pids", "--"]);
    let trace = Recording::of(act(["reused-pid"]))
        .through(launcher)
        .run()
        .trace();
    assert_eq!(trace.ended.code, Some(0), "{}", trace.ended.messages());
    let lives = mine(&trace);
    let named = |name: &str| {
        lives
            .iter()
            .find(|life| life["argv"][0] == name)
            .expect("the process")
            .clone()
    };
    let (first, second) = (named("first"), named("second"));
    assert_eq!(first["pid"], second["pid"]);
    assert_ne!(first["start_ns"], second["start_ns"]);
    for life in [&first, &second] {
        assert_eq!(
            (&life["execs"], &life["code"]),
            (&1.into(), &0.into()),
            "{life}"
        );
    }
    let exits = trace.of_command("exit");
    let of_both = exits
        .iter()
        .filter(|event| event.process()["pid"] == first["pid"]);
    assert_eq!(of_both.count(), 2);
}

fn ends_are_reported_by_code_or_signal() {
    let script =
        "sh -c 'exit 3' first; sh -c 'kill -KILL $$' second; sh -c 'kill -SEGV $$' third; exit 0";
    let trace = record(words(["sh", "-c", script]));
    let lives = mine(&trace);
    let end = |name: &str| {
        let life = lives
            .iter()
            .find(|life| life["argv"][3] == name)
            .expect("the process");
        (life["code"].clone(), life["signal"].clone())
    };
    assert_eq!(end("first"), (3.into(), Value::Null));
    assert_eq!(end("second"), (Value::Null, "SIGKILL".into()));
    assert_eq!(end("third"), (Value::Null, "SIGSEGV".into()));
}

/// Ids are those of the recorder's namespace; processes outside have none.
fn seen_from_within_a_pid_namespace() {
    let script = "echo $$; sh -c '/bin/true; exit 0'";
    let trace = Recording::of(words(["sh", "-c", script]))
        .through(act(["within", "pids", "--"]))
        .run()
        .trace();
    let own: u64 = trace.ended.text().trim().parse().expect("a process id");
    assert_eq!(trace.command_pid(), own);
    assert!(own < 100, "{own} is no id of a new namespace");
    let lives = mine(&trace);
    assert_eq!(lives.len(), 3, "{lives:?}");
    for life in &lives {
        assert!(life["pid"].as_u64() < Some(100), "{life}");
    }
}

fn namespaces_and_the_root_directory() {
    let place = tempfile::tempdir().expect("a directory");
    let root = place.path().canonicalize().expect("its path");
    std::fs::copy("/bin/busybox", root.join("busybox")).expect("a program");
    let script = "
        unshare --pid --net --fork /bin/busybox true inside
        chroot \"$1\" /busybox sleep 0.1
        /bin/busybox true outside";
    let mut command = words(["sh", "-c", script, "sh"]);
    command.push(root.clone().into());
    let trace = record(command);
    let lives = trace.processes(["--tree", "command", "--process", "busybox"]);
    let of = |program: &str| {
        let found = lives
            .iter()
            .find(|life| self::program(life).ends_with(program));
        found
            .unwrap_or_else(|| panic!("{program}: {lives:#?}"))
            .clone()
    };
    let (inside, outside, chrooted) = (of("true inside"), of("true outside"), of("sleep 0.1"));
    for namespace in ["pid_namespace", "network_namespace"] {
        assert!(inside[namespace].is_number(), "{inside}");
        assert!(outside[namespace].is_null(), "{outside}");
        assert!(chrooted[namespace].is_null(), "{chrooted}");
    }
    assert_eq!(chrooted["root"], "another", "{chrooted}");
    assert_eq!(
        chrooted["root_directory"].as_str(),
        root.to_str(),
        "{chrooted}"
    );
    assert!(outside["root_directory"].is_null(), "{outside}");
}
