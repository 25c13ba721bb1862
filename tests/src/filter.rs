//! Tests the filters of all reading commands, each against a plain reading of the same events. A
//! filter never changes the display of the remaining rows.

use std::{collections::BTreeSet, net::TcpListener, thread};

use serde_json::Value;

use crate::harness::{Recording, Test, Trace, live, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(by_process),
        live!(by_tree),
        live!(by_pid_and_descendants),
        live!(by_user),
        live!(by_event),
        live!(by_remote),
        live!(by_time),
        live!(by_phase),
        live!(several_at_once),
        live!(some_are_left_out),
        live!(a_filter_without_a_match_is_reported),
        live!(a_name_that_nothing_has_is_an_error),
        live!(an_invalid_filter_is_refused),
    ]
}

/// A command that runs a program, connects as the user `nobody`, is refused as root, and leaves an
/// orphan that connects later.
struct Scene {
    trace: Trace,
    answering: String,
}

fn scene() -> Scene {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let answering = listener.local_addr().expect("its address").to_string();
    thread::spawn(move || {
        for client in listener.incoming() {
            drop(client);
        }
    });
    let own = std::env::current_exe().expect("the path of this program");
    let script = "/bin/true 'an argument'
        \"$1\" act dial plain \"$2\"
        \"$1\" act as-user 65534 65534 /bin/sh -c '/bin/true as-nobody; exit'
        sleep 0.3
        \"$1\" act dial plain 127.0.0.1:1
        \"$1\" act orphan /bin/sh -c 'sleep 0.4; /bin/true late; \"$0\" act dial \
        plain \"$1\"' \"$1\" \"$2\"";
    let mut command = words(["sh", "-c", script, "sh"]);
    command.extend([own.into(), answering.clone().into()]);
    let trace = Recording::of(command).lingers(1500).run().trace();
    Scene { trace, answering }
}

impl Scene {
    /// Returns the numbers of the remaining events.
    fn replay<const N: usize>(&self, options: [&str; N]) -> BTreeSet<u64> {
        let mut all = vec!["--format", "jsonl"];
        all.extend(options);
        let mut command = crate::harness::tracer();
        command.arg("replay").arg(&self.trace.file).args(all);
        let answer = crate::harness::run(&mut command).success();
        let whole: BTreeSet<&str> = self.whole();
        answer
            .text()
            .lines()
            .map(|line| {
                assert!(whole.contains(line), "a filter changed a line: {line}");
                let event: Value = serde_json::from_str(line).expect("an object");
                event["seq"].as_u64().expect("a number")
            })
            .collect()
    }

    fn whole(&self) -> BTreeSet<&str> {
        self.trace.replayed.text().lines().collect()
    }

    /// Returns the numbers of the events that should remain.
    fn events(&self, wanted: impl Fn(&crate::harness::Event) -> bool) -> BTreeSet<u64> {
        self.trace
            .events
            .iter()
            .filter(|event| wanted(event))
            .map(|event| event.number("seq"))
            .collect()
    }

    /// Returns the numbers of events about one of these processes, also as the parent of a fork.
    fn about(&self, pids: &[u64]) -> BTreeSet<u64> {
        self.events(|event| {
            [&event.0["process"], &event.0["child"]]
                .iter()
                .any(|process| {
                    process["pid"]
                        .as_u64()
                        .is_some_and(|pid| pids.contains(&pid))
                })
        })
    }

    /// Returns the processes that ran `program`.
    fn pids(&self, program: &str) -> Vec<u64> {
        let pids: Vec<u64> = self
            .trace
            .of_command("exec")
            .iter()
            .filter(|event| event.argv().join(&b' ') == program.as_bytes())
            .map(|event| event.pid())
            .collect();
        assert!(!pids.is_empty(), "{program}");
        pids
    }
}

fn by_process() {
    let scene = scene();
    let late = scene.pids("/bin/true late");
    let of_argument = scene.trace.read("replay", ["--process", "late"]);
    assert_eq!(of_argument.code, Some(1), "it is an argument only");
    let found = scene.replay(["--process", "true"]);
    assert!(found.is_superset(&scene.about(&late)));
    assert!(found.is_superset(&scene.about(&scene.pids("/bin/true as-nobody"))));
    assert_eq!(found, scene.replay(["--process", "tru?"]));
    assert_eq!(
        found,
        scene.replay(["--process", "true", "--process", "t*e"])
    );
    let rows = scene.trace.connections(["--process", "true"]);
    assert!(rows.is_empty(), "{rows:?}");
}

fn by_tree() {
    let scene = scene();
    let pids: Vec<u64> = scene
        .trace
        .processes(["--tree", "command"])
        .iter()
        .filter_map(|life| life["pid"].as_u64())
        .collect();
    assert_eq!(scene.replay(["--tree", "command"]), scene.about(&pids));
    assert_eq!(scene.trace.connections(["--tree", "command"]).len(), 3);
}

fn by_pid_and_descendants() {
    let scene = scene();
    let orphan = scene.pids("/bin/true late")[0];
    assert_eq!(
        scene.replay(["--pid", &orphan.to_string()]),
        scene.about(&[orphan])
    );
    let command = scene.trace.command_pid().to_string();
    let alone = scene.trace.processes(["--pid", &command]);
    assert_eq!(alone.len(), 1);
    let all = scene.trace.processes(["--pid", &command, "--descendants"]);
    assert_eq!(
        all.len(),
        scene.trace.processes(["--tree", "command"]).len()
    );
    assert!(
        all.iter().any(|life| life["pid"].as_u64() == Some(orphan)),
        "through the double fork"
    );
    let pids: Vec<u64> = all.iter().filter_map(|life| life["pid"].as_u64()).collect();
    assert_eq!(
        scene.replay(["--pid", &command, "--descendants"]),
        scene.about(&pids)
    );
}

fn by_user() {
    let scene = scene();
    let of_user = scene
        .trace
        .processes(["--user", "nobody", "--tree", "command"]);
    let pids: Vec<u64> = of_user
        .iter()
        .filter_map(|life| life["pid"].as_u64())
        .collect();
    assert_eq!(pids.len(), 2, "the shell and what it ran: {of_user:?}");
    assert_eq!(
        scene.replay(["--user", "nobody", "--tree", "command"]),
        scene.about(&pids)
    );
    assert_eq!(
        scene.replay(["--user", "65534"]),
        scene.replay(["--user", "nobody"])
    );
}

fn by_event() {
    let scene = scene();
    for kinds in [
        &["exec"][..],
        &["connect", "close"],
        &["snapshot"],
        &["end", "command_ended"],
    ] {
        let expected = scene.events(|event| kinds.contains(&event.kind()));
        assert!(!expected.is_empty());
        assert_eq!(
            scene.replay(["--event", &kinds.join(",")]),
            expected,
            "{kinds:?}"
        );
    }
    assert_eq!(
        scene.replay(["--event", "exec", "--event", "exit"]),
        scene.replay(["--event", "exec,exit"])
    );
    // The events of the tree about connections.
    let connected = scene
        .trace
        .processes(["--event", "connect_failed", "--tree", "command"]);
    assert_eq!(connected.len(), 1, "{connected:?}");
}

fn by_remote() {
    let scene = scene();
    let expected = scene.events(|event| event.remote() == scene.answering);
    assert!(expected.len() >= 6, "{expected:?}");
    assert_eq!(scene.replay(["--remote", &scene.answering]), expected);
    let port = format!(
        "*:{}",
        scene.answering.rsplit(':').next().unwrap_or_default()
    );
    assert_eq!(scene.replay(["--remote", &port]), expected);
    let all = scene.events(|event| event.remote().starts_with("127."));
    for remote in ["127.0.0.0/8", "127.0.0.1", "127.*"] {
        let found = scene.replay(["--remote", remote]);
        assert_eq!(found, all, "{remote}");
    }
    assert!(scene.replay(["--remote", "10.0.0.0/8"]).is_empty());
    let rows = scene
        .trace
        .connections(["--remote", "127.0.0.1:1", "--tree", "command"]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["state"], "refused");
}

fn by_time() {
    let scene = scene();
    // The text begins with seconds since the start.
    let text = scene.trace.read("replay", []).success();
    let times: Vec<f64> = text
        .text()
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    assert_eq!(times.len(), scene.trace.events.len());
    let within = |from: f64, to: f64| -> BTreeSet<u64> {
        (1..)
            .zip(&times)
            .filter(|(_, time)| (from..=to).contains(*time))
            .map(|(number, _)| number)
            .collect()
    };
    let everything = times.len();
    let late = scene.replay(["--since", "250ms"]);
    assert_eq!(late, within(0.25, f64::MAX));
    let early = scene.replay(["--until", "250ms"]);
    assert_eq!(early, within(f64::MIN, 0.25));
    assert_eq!(early.len() + late.len(), everything);
    assert_eq!(
        scene.replay(["--since", "0.2s", "--until", "1s"]),
        within(0.2, 1.0)
    );
}

fn by_phase() {
    let scene = scene();
    let number = |kind: &str| scene.trace.all(kind).next().expect(kind).number("seq");
    let (started, ended) = (number("command_started"), number("command_ended"));
    let command = scene.replay(["--phase", "command"]);
    let after = scene.replay(["--phase", "after"]);
    assert!(command.is_disjoint(&after));
    assert_eq!(command.first(), Some(&started));
    assert!((started..ended).all(|number| command.contains(&number)));
    assert!((ended + 1..=scene.trace.events.len() as u64).all(|number| after.contains(&number)));
    let late = scene
        .trace
        .connections(["--phase", "after", "--tree", "command"]);
    assert_eq!(late.len(), 1, "{late:?}");
    let rows = scene
        .trace
        .connections(["--phase", "command", "--tree", "command"]);
    assert_eq!(rows.len(), 2, "{rows:?}");
}

fn some_are_left_out() {
    let scene = scene();
    let trace = &scene.trace;
    // Without the tree of the command, the rest of the machine is left, and what has no process.
    let others = scene.events(|event| event.tree() != "command");
    let shown = scene.replay(["--not-tree", "command"]);
    assert!(shown.is_superset(&others) && shown.len() < trace.events.len());
    // A fork is of parent and child, as with every filter.
    let forks = scene.events(|event| event.kind() == "fork");
    let more: Vec<&u64> = shown.difference(&others).collect();
    assert!(more.iter().all(|event| forks.contains(event)), "{more:?}");
    let rows = trace.connections(["--not-tree", "command"]);
    assert!(rows.iter().all(|row| row["tree"] != "command"), "{rows:?}");
    let none = scene.replay(["--tree", "command", "--not-tree", "command"]);
    assert_eq!(none, BTreeSet::new());
    // Here, all destinations but the resolver stay.
    let script = "exec 3<>/dev/udp/127.0.0.1/53; echo -n x >&3; \
        exec 4<>/dev/udp/127.0.0.1/54; echo -n x >&4; true";
    let trace = crate::harness::record(words(["bash", "-c", script]));
    let remotes = |options: [&str; 5]| -> Vec<String> {
        let rows = trace.connections(options);
        let remotes = rows.iter().map(|row| match &row["remote"] {
            Value::String(remote) => remote.clone(),
            _ => row["port"].to_string(),
        });
        remotes.collect()
    };
    let of_command = |last| ["--tree", "command", "--event", "connect", last];
    let all = trace.connections(["--tree", "command"]).len();
    assert_eq!(all, 2);
    assert_eq!(remotes(of_command("--no-resolvers")), ["127.0.0.1:54"]);
    let groups = ["--by", "destination", "--tree", "command", "--no-resolvers"];
    assert_eq!(remotes(groups), ["54"]);
    let events = trace.lives("replay", ["--tree", "command", "--no-resolvers"]);
    let to_resolver = |event: &Value| event["connection"]["remote"] == "127.0.0.1:53";
    assert!(
        !events.is_empty() && !events.iter().any(to_resolver),
        "{events:?}"
    );
}

fn several_at_once() {
    let scene = scene();
    let found = scene.replay([
        "--tree",
        "command",
        "--event",
        "exec",
        "--process",
        "true",
        "--phase",
        "after",
    ]);
    let late = scene.pids("/bin/true late");
    let expected = scene.events(|event| event.kind() == "exec" && late.contains(&event.pid()));
    assert_eq!(found, expected);
}

fn a_filter_without_a_match_is_reported() {
    let scene = scene();
    for (verb, what) in [
        ("replay", "event"),
        ("tree", "process"),
        ("connections", "connection"),
    ] {
        let options = ["--tree", "command", "--process", "kthreadd"];
        let answer = scene.trace.read(verb, options).success();
        assert_eq!(answer.text(), "");
        let expected =
            format!("no {what} matches the filters\n        hint: trees of this trace: command, ");
        assert!(
            answer.messages().contains(&expected),
            "{}",
            answer.messages()
        );
    }
}

fn a_name_that_nothing_has_is_an_error() {
    let scene = scene();
    let user = || "no process of this trace ran as that user";
    for verb in ["replay", "tree", "connections", "changes", "report"] {
        for (option, says) in [
            (["--tree", "comand"], "hint: did you mean command? trees of"),
            (["--tree", "omi"], "hint: trees of this trace: command, "),
            (["--user", "nobdoy"], "hint: did you mean nobody?"),
            (["--user", "4294967294"], user()),
            (["--process", "treu"], "hint: did you mean true?"),
            (
                ["--process", "treu*"],
                "no process of this trace ever had such a name",
            ),
        ] {
            let answer = scene.trace.read(verb, option);
            assert_eq!(answer.code, Some(1), "{verb} {option:?}");
            assert_eq!(answer.text(), "");
            let messages = answer.messages();
            assert!(messages.contains(says), "{verb} {option:?}: {messages}");
            let has_hint = messages.contains("did you mean");
            assert_eq!(has_hint, says.contains("did you mean"), "{messages}");
        }
    }
    let both = ["--process", "true", "--process", "no-such-name"];
    assert_eq!(scene.trace.read("tree", both).code, Some(1));
}

fn an_invalid_filter_is_refused() {
    let scene = scene();
    for option in [
        ["--event", "execs"],
        ["--since", "5"],
        ["--remote", "127.0.0.1/40"],
        ["--phase", "before"],
        ["--process", "["],
        ["--pid", "first"],
    ] {
        let answer = scene.trace.read("replay", option);
        assert_eq!(answer.code, Some(2), "{option:?}: {}", answer.messages());
        assert!(
            answer.messages().contains(option[1]),
            "{}",
            answer.messages()
        );
        assert_eq!(answer.text(), "");
    }
}
