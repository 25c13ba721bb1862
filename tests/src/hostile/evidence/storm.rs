//! Storms of events, on a machine without a free processor, and with a stopped recorder. Nothing is
//! lost; with a buffer that is too small, every loss is counted.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::TcpListener,
    process::{Child, Command},
    thread,
};

use crate::harness::{Recording, Test, Trace, act, live, size, words};

use super::shell;

pub(super) fn tests() -> Vec<Test> {
    vec![
        live!(a_storm_of_processes_is_whole).alone(),
        live!(a_storm_of_connections_is_whole).alone(),
        live!(a_stopped_recorder_loses_nothing).alone(),
        live!(losses_of_a_small_buffer_are_counted).alone(),
        live!(a_lost_end_is_found_at_the_end).alone(),
    ]
}

/// Programs that keep all processors busy until this is dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn start() -> Busy {
        let count = std::thread::available_parallelism().map_or(2, usize::from);
        let spin = || {
            let mut command = Command::new("sh");
            command.args(["-c", "while :; do :; done"]);
            command.spawn().expect("a shell")
        };
        Busy((0..count).map(|_| spin()).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Events of the recorded tree by kind, and losses of the whole machine.
struct Count {
    seen: BTreeMap<String, usize>,
    lost: BTreeMap<String, u64>,
}

impl Count {
    fn of(trace: &Trace) -> Count {
        let mut seen = BTreeMap::new();
        for event in &trace.events {
            // The same connections from their other side.
            let is_inbound = event.0["connection"]["direction"] == "inbound";
            if event.tree() == "command" && !is_inbound {
                *seen.entry(event.kind().to_owned()).or_default() += 1;
            }
        }
        let mut lost = BTreeMap::new();
        for event in trace.all("lost") {
            *lost.entry(event.text("kind").to_owned()).or_default() += event.number("count");
        }
        Count { seen, lost }
    }

    fn seen(&self, kind: &str) -> usize {
        self.seen.get(kind).copied().unwrap_or_default()
    }
}

/// Records a storm, and requires that its own part is complete.
fn record_storm(command: Vec<OsString>) -> Count {
    let recorded = Recording::of(command).option(["--no-changes"]).run();
    let messages = recorded.ended.messages();
    assert_eq!(recorded.ended.code, Some(0), "{messages}");
    let count = Count::of(&Trace::read(recorded));
    println!("{:?}, lost: {:?}", count.seen, count.lost);
    count
}

fn a_storm_of_processes_is_whole() {
    let processes = size(5_000, 30_000);
    let _busy = Busy::start();
    let count = record_storm(act(["fan-out", &processes.to_string(), "8"]));
    for kind in ["exec", "exit"] {
        assert_eq!(count.seen(kind), processes + 1, "{kind}");
    }
    for kind in ["fork", "exec", "exit", "argv part"] {
        assert_eq!(count.lost.get(kind), None, "{kind}");
    }
}

fn a_storm_of_connections_is_whole() {
    const PAIRS: usize = 4;
    let connections = size(10_000, 100_000);
    let _busy = Busy::start();
    let each = (connections / PAIRS).to_string();
    let mut command = act(["within", "net", "--"]);
    command.extend(act(["storm", &PAIRS.to_string(), &each]));
    let count = record_storm(command);
    assert_eq!(count.seen("connect"), connections);
    assert_eq!(count.lost.get("connect"), None);
    // A kernel may skip the tracepoint for a change of state in an interrupt. The next change
    // reveals it, and it is counted.
    let lost = count.lost.get("connection outcome").copied();
    let ends = (count.seen("close") + count.seen("connect_failed")) as u64;
    let wanted = (connections + count.seen("listen")) as u64;
    // Those of inbound connections count as well, so there can be more losses than missing ends.
    assert!(ends <= wanted, "{ends} ends of {wanted}");
    assert!(
        ends + lost.unwrap_or_default() >= wanted,
        "{ends} ends of {wanted}, {lost:?} lost"
    );
}

fn a_stopped_recorder_loses_nothing() {
    const PROCESSES: usize = 1_500;
    let mut command = shell("kill -STOP $PPID; \"$@\" & sleep 2; kill -CONT $PPID; wait $!");
    command.push("sh".into());
    command.extend(act(["fan-out", &PROCESSES.to_string(), "4"]));
    let count = record_storm(command);
    // The shell, the sleep and the fan-out are three more.
    assert_eq!(count.seen("exec"), PROCESSES + 3);
    for kind in ["fork", "exec", "exit", "argv part"] {
        assert_eq!(count.lost.get(kind), None, "{kind}");
    }
}

/// Runs in a PID namespace of its own; only its events are recorded.
fn losses_of_a_small_buffer_are_counted() {
    let processes = size(1_000, 10_000);
    let mut command = shell("kill -STOP $PPID; \"$@\"; kill -CONT $PPID");
    command.push("sh".into());
    command.extend(act(["fan-out", &processes.to_string(), "4"]));
    let mut launcher = act(["within", "pids", "--"]);
    launcher.extend(words(["env", "TRACER_RING_BYTES=65536"]));
    let recorded = Recording::of(command)
        .through(launcher)
        .option(["--no-changes"])
        .run();
    let messages = recorded.ended.messages();
    assert_eq!(recorded.ended.code, Some(0), "{messages}");
    assert!(messages.contains("lost: "), "{messages}");
    let trace = Trace::read(recorded);
    assert_eq!(trace.replayed.code, Some(4), "incomplete, and it says so");
    let lost = Count::of(&trace).lost;
    // A process with a lost fork has an unknown tree, so all are counted.
    let seen = |kind: &str| trace.all(kind).count();
    // The shell and the fan-out. A thread of `fan-out` forks each program.
    let truth = [
        ("exec", processes + 2),
        ("exit", processes + 2),
        ("fork", processes + 2),
    ];
    for (kind, truth) in truth {
        let lost = lost.get(kind).copied().unwrap_or_default();
        println!(
            "{kind}: {} received, {lost} lost, {truth} in truth",
            seen(kind)
        );
        assert_eq!(seen(kind) as u64 + lost, truth as u64, "{kind}");
    }
}

/// The recorder is stopped while connections end: their ends are lost. The peer confirms them late,
/// so the stop goes on for a while. One connection goes on to the end.
fn a_lost_end_is_found_at_the_end() {
    const CONNECTIONS: usize = 40;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let server = listener.local_addr().expect("its address");
    // It ends with the tests, without a join.
    thread::spawn(move || {
        let mut clients: Vec<_> = Vec::new();
        clients.extend(listener.incoming().flatten());
    });
    let script = format!(
        "for i in $(seq {CONNECTIONS}); do
             exec {{fd}}<>/dev/tcp/127.0.0.1/{port}
             all+=\" $fd\"
         done
         exec {{kept}}<>/dev/tcp/127.0.0.1/{port}
         sleep 0.5
         kill -STOP $PPID
         for i in $(seq 3000); do (:); done
         for fd in $all; do exec {{fd}}>&-; done
         sleep 0.5
         kill -CONT $PPID
         exec sleep 0.5",
        port = server.port(),
    );
    let recorded = Recording::of(words(["bash", "-c", &script]))
        .through(words(["env", "TRACER_RING_BYTES=65536"]))
        .option(["--no-changes"])
        .run();
    let messages = recorded.ended.messages().to_owned();
    assert!(messages.contains("× connection outcome"), "{messages}");
    let trace = Trace::read(recorded);
    let rows = trace.connections(["--tree", "command"]);
    assert_eq!(rows.len(), CONNECTIONS + 1);
    let open = rows.iter().filter(|row| row["state"] != "closed").count();
    assert!(
        open <= 1,
        "{open} are open: only the one that was kept may be"
    );
    let unknown = rows.iter().filter(|row| row["end_unknown"] == true);
    assert!(unknown.clone().count() >= CONNECTIONS / 2, "{messages}");
    for row in unknown {
        assert!(row["duration_ms"].is_null() && row["bytes_sent"].is_null());
    }
    assert_eq!(trace.of_command("close").len(), rows.len() - open);
    let text = trace.read("connections", ["--tree", "command"]);
    assert!(
        text.text().contains("closed, time unknown"),
        "{}",
        text.text()
    );
    let report = trace.read("report", []);
    let sentence = "connections were closed at an unknown time: their ends were lost";
    assert!(report.text().contains(sentence), "{}", report.text());
}
