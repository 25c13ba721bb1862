//! The service of the packages under a running systemd: its sandbox, its signals, and what it
//! writes. It is installed as the packages do it, with the tested program.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use super::stage::call;
use crate::harness::{Test, at_the_end, live, run, slowness, tracer, within_limit};

pub(super) fn tests() -> Vec<Test> {
    vec![live!(the_service_records_in_its_sandbox_and_ends_well).alone()]
}

const UNIT: &str = include_str!("../../../agent-tracer/service/agent-tracer.service");
const SETTINGS: &str = include_str!("../../../agent-tracer/service/record.toml");
const PLACE: &str = "/usr/lib/systemd/system/agent-tracer.service";
const SEGMENTS: &str = "/var/lib/tracer";

fn shown(property: &str) -> String {
    let shown = run(Command::new("systemctl")
        .args(["show", "--value", "--property", property])
        .arg("agent-tracer"));
    shown.text().trim().to_owned()
}

fn segments() -> Vec<PathBuf> {
    let all = fs::read_dir(SEGMENTS).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = all.map(|entry| entry.path()).collect();
    all.sort();
    all
}

fn events(trace: &Path, verb: &str, options: &[&str]) -> Vec<Value> {
    let mut line = tracer();
    line.arg(verb).arg(trace).args(["--format", "jsonl"]);
    let read = run(line.args(options));
    let lines = read.text().lines();
    lines
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect()
}

/// Removes the service, as a purge does.
fn remove() {
    drop(run(Command::new("systemctl").args(["stop", "agent-tracer"])));
    for file in [PLACE, "/etc/tracer/record.toml", "/usr/bin/tracer"] {
        drop(fs::remove_file(file));
    }
    drop(fs::remove_dir_all(SEGMENTS));
    drop(run(Command::new("systemctl").arg("daemon-reload")));
}

fn the_service_records_in_its_sandbox_and_ends_well() {
    let write = |place: &str, text: &str| {
        let place = Path::new(place);
        let directory = place.parent().expect("a directory");
        fs::create_dir_all(directory).expect("a directory");
        fs::write(place, text).expect("a file");
    };
    fs::copy(tracer().get_program(), "/usr/bin/tracer").expect("the program");
    at_the_end(remove);
    write(PLACE, UNIT);
    let metrics = "metrics = \"/run/tracer/tracer.prom\"\n";
    write("/etc/tracer/record.toml", &format!("{SETTINGS}{metrics}"));
    call(&["systemctl", "daemon-reload"]);
    // Returns once the service says that it is ready.
    call(&["systemctl", "start", "agent-tracer"]);
    assert_eq!(shown("ActiveState"), "active");
    assert!(
        shown("StatusText").starts_with("Recording: "),
        "{}",
        shown("StatusText")
    );
    // Everything that runs from now on is in the trace.
    let marker = |mark: &str| {
        run(Command::new("/bin/true").arg(mark)).success();
    };
    marker("service-first");
    let file = "/etc/tracer-service-test";
    fs::write(file, "x").expect("a file");
    fs::remove_file(file).expect("a file");
    std::thread::sleep(Duration::from_millis(300) * slowness());
    let first = segments();
    assert_eq!(first.len(), 1, "{first:?}");
    call(&["systemctl", "reload", "agent-tracer"]);
    let rotated = within_limit(|| segments().len() == 2);
    assert!(rotated, "{:?}", segments());
    std::thread::sleep(Duration::from_millis(500) * slowness());
    marker("service-second");
    std::thread::sleep(Duration::from_millis(300) * slowness());
    let memory: u64 = shown("MemoryCurrent").parse().unwrap_or(0);
    call(&["systemctl", "stop", "agent-tracer"]);
    assert_eq!(
        (shown("Result"), shown("ExecMainStatus")),
        ("success".into(), "0".into())
    );
    let journal = run(Command::new("journalctl").args(["-u", "agent-tracer", "-o", "cat"]));
    let journal = String::from_utf8_lossy(&journal.stdout).into_owned();
    println!("memory of the cgroup: {} KiB; {journal}", memory / 1024);

    let mode = |path: &Path| fs::metadata(path).expect("it").permissions().mode() & 0o777;
    assert_eq!(mode(Path::new(SEGMENTS)), 0o700);
    let all = segments();
    assert_eq!(all.len(), 2, "{all:?}");
    for (segment, mark, reason) in [
        (&all[0], "service-first", "continued in the next segment"),
        (&all[1], "service-second", "interrupted"),
    ] {
        assert_eq!(mode(segment), 0o600);
        let replayed = events(segment, "replay", &[]);
        let marked = replayed
            .iter()
            .filter(|event| event["event"] == "exec" && event["argv"][1] == *mark);
        assert_eq!(marked.count(), 1, "{mark}");
        assert_eq!(replayed.last().expect("an end")["reason"], *reason);
        // No hook is missing for the sandbox.
        let header = events(segment, "replay", &["--header"]);
        let missing = header[0]["missing"].to_string();
        assert!(!missing.contains("not recorded at all"), "{missing}");
    }
    // fanotify works in it, with the author.
    let files = events(&all[0], "replay", &["--event", "file"]);
    let own = std::process::id();
    let is_own = |event: &&Value| event["path"] == *file && event["process"]["pid"] == own;
    assert!(files.iter().any(|event| is_own(&event)), "{files:?}");
    // Programs of the machine are known as such, though the service has mounts of its own.
    let lives = events(&all[1], "tree", &["--process", "true"]);
    let life = lives
        .iter()
        .find(|life| life["argv"][1] == "service-second");
    assert_eq!(life.expect("it")["exe"], "/usr/bin/true");
}
