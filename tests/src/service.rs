//! A recording of many segments: every event is in exactly one of them, and each replays alone.
//! Marked programs are the oracle of the events, and a test's own sockets that of connections.

mod carried;
mod kill;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, sleep},
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{
    Ended, Recorded, Recording, Running, Test, act, live, plain, run, slowness, tracer,
    within_limit,
};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        live!(every_program_is_in_exactly_one_segment),
        live!(a_size_begins_the_next_segment),
        live!(old_segments_are_deleted_and_the_ledger_says_so),
        live!(metrics_are_as_prometheus_reads_them).needs("promtool"),
        live!(a_full_disk_ends_a_segment_early),
        plain!(what_cannot_rotate_is_refused),
        live!(settings_come_from_a_file),
    ];
    tests.extend(carried::tests());
    tests.extend(kill::tests());
    tests
}

/// A recorder of the whole system, with its directory.
struct Service {
    running: Running,
    place: TempDir,
}

impl Service {
    /// Starts it, and waits until it records.
    fn start(options: &[&str]) -> Service {
        let place = tempfile::tempdir().expect("a directory");
        let directory = place.path().join("segments");
        let mut recording = Recording::of(Vec::new()).to(&directory);
        for option in ["--system"].iter().chain(options) {
            recording = recording.option([option]);
        }
        let running = recording.start();
        let service = Service { running, place };
        let has_begun = || {
            let segments = service.segments();
            segments
                .iter()
                .any(|path| fs::metadata(path).is_ok_and(|file| file.len() > 0))
        };
        assert!(within_limit(has_begun), "the first segment begins");
        sleep(Duration::from_millis(400) * slowness());
        service
    }

    fn directory(&self) -> PathBuf {
        self.place.path().join("segments")
    }

    /// Lists the segments in the order of their names.
    fn segments(&self) -> Vec<PathBuf> {
        segments_in(&self.directory())
    }

    /// Begins the next segment.
    fn next(&self) {
        let before = self.segments();
        self.running.send(Signal::SIGHUP);
        let is_new = || {
            let now = self.segments();
            now.last() != before.last() && replay(now.last().expect("a segment")).len() > 2
        };
        assert!(within_limit(is_new), "another segment begins");
    }

    /// Ends it well.
    fn stop(self) -> Stopped {
        self.running.send(Signal::SIGTERM);
        let recorded = self.running.finish();
        assert_eq!(
            recorded.ended.code,
            Some(0),
            "{}",
            recorded.ended.messages()
        );
        Stopped {
            recorded,
            place: self.place,
        }
    }
}

/// A recorder that has ended.
struct Stopped {
    recorded: Recorded,
    place: TempDir,
}

impl Stopped {
    fn directory(&self) -> PathBuf {
        self.place.path().join("segments")
    }

    fn segments(&self) -> Vec<PathBuf> {
        segments_in(&self.directory())
    }
}

fn segments_in(directory: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut segments: Vec<PathBuf> = all.map(|entry| entry.path()).collect();
    segments.retain(|path| path.extension().is_some_and(|it| it == "trace"));
    segments.sort();
    segments
}

/// Returns the lines of a command as objects.
fn rows(ended: &Ended) -> Vec<Value> {
    let lines = ended.text().lines();
    lines
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect()
}

fn read(verb: &str, trace: &Path, options: &[&str]) -> Vec<Value> {
    let mut line = tracer();
    line.arg(verb).arg(trace).args(["--format", "jsonl"]);
    rows(&run(line.args(options)))
}

fn replay(trace: &Path) -> Vec<Value> {
    read("replay", trace, &[])
}

/// Runs a program with a mark in its arguments.
fn mark(mark: &str) {
    run(Command::new("/bin/true").arg(mark)).success();
}

/// Lists the marks of programs in events, in their order.
fn marks(events: &[Value], begin: &str) -> Vec<String> {
    let execs = events.iter().filter(|event| event["event"] == "exec");
    let last = execs.filter_map(|event| event["argv"].as_array()?.last()?.as_str());
    last.filter(|word| word.starts_with(begin))
        .map(str::to_owned)
        .collect()
}

fn every_program_is_in_exactly_one_segment() {
    const COUNT: usize = 300;
    let service = Service::start(&["--rotate", "1s"]);
    let begin = format!("whole-{}-", std::process::id());
    for number in 0..COUNT {
        mark(&format!("{begin}{number}"));
        if number % 100 == 50 {
            service.running.send(Signal::SIGHUP);
        }
        sleep(Duration::from_millis(8));
    }
    sleep(Duration::from_millis(200));
    let stopped = service.stop();
    let segments = stopped.segments();
    assert!(segments.len() >= 4, "{segments:?}");
    let expected: Vec<String> = (0..COUNT)
        .map(|number| format!("{begin}{number}"))
        .collect();
    let all: Vec<Vec<Value>> = segments.iter().map(|path| replay(path)).collect();
    let seen: Vec<String> = all
        .iter()
        .flat_map(|events| marks(events, &begin))
        .collect();
    assert_eq!(seen, expected);
    for (place, events) in all.iter().enumerate() {
        let kinds: Vec<&str> = events
            .iter()
            .filter_map(|it| it["event"].as_str())
            .collect();
        assert!(kinds[..8].contains(&"snapshot"), "{kinds:?}");
        assert_eq!(kinds.contains(&"carried"), place > 0);
        let header = &read("replay", &segments[place], &["--header"])[0];
        assert_eq!(header["segment"], place as u64 + 1, "{header}");
        let first = &read("replay", &segments[0], &["--header"])[0];
        assert_eq!(header["first_segment"], first["recording"], "{header}");
        let last = events.last().expect("an end");
        let reason = match place + 1 == all.len() {
            true => "interrupted",
            false => "continued in the next segment",
        };
        assert_eq!(
            (&last["event"], &last["reason"]),
            (&"end".into(), &reason.into())
        );
        // No process of the segment before is one without a fork.
        let unseen = events.iter().filter(|event| {
            let because = event["process"]["because"].as_str().unwrap_or_default();
            because == "its fork was not seen"
        });
        assert_eq!(unseen.count(), 0, "{place}");
    }
    // The folder is one recording.
    let together = marks(&replay(&stopped.directory()), &begin);
    assert_eq!(together, expected);
    let lives = read("tree", &stopped.directory(), &["--process", "true"]);
    let lives = lives.iter().filter_map(|life| life["argv"][1].as_str());
    assert_eq!(lives.filter(|word| word.starts_with(&begin)).count(), COUNT);
    // Private, and a line for each.
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&stopped.directory()), 0o700);
    assert!(segments.iter().all(|path| mode(path) == 0o600));
    let messages = stopped.recorded.ended.messages();
    assert_eq!(
        messages.matches(" events in ").count(),
        segments.len(),
        "{messages}"
    );
}

fn a_size_begins_the_next_segment() {
    let service = Service::start(&["--rotate", "64KiB"]);
    let begin = format!("size-{}-", std::process::id());
    let enough = within_limit(|| {
        for number in 0..50 {
            // Digits that no compression shortens.
            let noise: String = (0..12).map(|_| format!("{:016x}", random())).collect();
            mark(&format!("{begin}{number}-{noise}"));
        }
        service.segments().len() >= 3
    });
    assert!(enough, "three segments");
    let stopped = service.stop();
    let segments = stopped.segments();
    let (_, closed) = segments.split_last().expect("segments");
    for path in closed {
        let size = fs::metadata(path).expect("a file").len();
        // One poll more than the size, and the index.
        assert!((64 << 10..256 << 10).contains(&size), "{size}");
    }
}

/// Returns the next number of a generator: its seed is the time.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::time::Instant::now())
}

fn old_segments_are_deleted_and_the_ledger_says_so() {
    let service = Service::start(&["--rotate", "1h", "--keep", "30KiB"]);
    let other = service.directory().join("notes.txt");
    fs::write(&other, [0; 100_000]).expect("a file");
    let stranger = service.directory().join("other-20200101T000000Z.trace");
    fs::write(&stranger, "kept").expect("a file");
    let first = service.segments();
    for _ in 0..4 {
        service.next();
    }
    let is_gone = || !first.iter().any(|path| *path != stranger && path.exists());
    assert!(within_limit(is_gone), "the first segment is deleted");
    assert!(other.exists() && stranger.exists());
    let stopped = service.stop();
    fs::remove_file(&stranger).expect("it is here");
    let segments = stopped.segments();
    assert!(segments.len() < 5, "{segments:?}");
    let said = segments.iter().flat_map(|path| replay(path));
    let said: Vec<Value> = said
        .filter(|it| it["event"] == "segments_deleted")
        .collect();
    assert!(!said.is_empty());
    for event in &said {
        assert_eq!(event["limit"], "30KiB", "{event}");
        assert!(
            event["names"][0]
                .as_str()
                .is_some_and(|name| name.ends_with("Z.trace") || name.contains("Z_")),
            "{event}"
        );
    }
    // Nothing is missing from a segment for that.
    let last = segments.last().expect("a segment");
    let header = read("replay", last, &["--header"]);
    let notes = header[0]["not_certain"].to_string();
    let missing = header[0]["missing"].to_string();
    assert!(!missing.contains("deleted"), "{missing}");
    let any = segments.iter().any(|path| {
        let header = read("replay", path, &["--header"]);
        header[0]["not_certain"].to_string().contains("deleted")
    });
    assert!(any, "{notes}");
}

fn metrics_are_as_prometheus_reads_them() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("tracer.prom");
    let service = Service::start(&[
        "--rotate",
        "1h",
        "--metrics",
        file.to_str().expect("a path"),
    ]);
    mark("metrics");
    service.next();
    service.stop();
    let text = fs::read_to_string(&file).expect("metrics");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse::<f64>().ok())
    };
    assert_eq!(value("tracer_segments_total "), Some(2.0), "{text}");
    assert!(
        value("tracer_events_total{kind=\"exec\"} ") >= Some(1.0),
        "{text}"
    );
    assert!(
        value("tracer_written_bytes_total ") > Some(1000.0),
        "{text}"
    );
    assert!(value("tracer_resident_memory_bytes ") > Some(1e6), "{text}");
    let mode = fs::metadata(&file).expect("it").permissions().mode() & 0o777;
    assert_eq!(mode, 0o644);
    let judged = crate::harness::run_with(
        Command::new("promtool").args(["check", "metrics"]),
        text.as_bytes(),
    );
    assert_eq!(judged.code, Some(0), "{}", judged.messages());
    assert_eq!(judged.messages(), "");
}

/// Without --keep nothing may be deleted. The message at the end counts what was lost until then.
fn a_full_disk_ends_a_segment_early() {
    let disk = tempfile::tempdir().expect("a directory");
    let mut launcher = act(["within", "tiny"]);
    launcher.extend([disk.path().into(), "--".into()]);
    let running = Recording::of(Vec::new())
        .through(launcher)
        .option(["--system"])
        .option(["--rotate", "1h"])
        .to(&disk.path().join("segments"))
        .start();
    let is_full = AtomicBool::new(false);
    let running = thread::scope(|scope| {
        scope.spawn(|| {
            // Ends in any case, also if the message does not come.
            for _ in 0..5_000 {
                if is_full.load(Ordering::Relaxed) {
                    return;
                }
                // Incompressible.
                let long: String = (0..400).map(|_| format!("{:016x}", random())).collect();
                let ended = Command::new("/bin/true").arg(long).status();
                assert!(ended.expect("a program").success());
            }
        });
        let running = running.says("the trace ends early");
        is_full.store(true, Ordering::Relaxed);
        running
    });
    for _ in 0..10 {
        mark("after-the-end");
    }
    sleep(Duration::from_millis(400) * slowness());
    running.send(Signal::SIGTERM);
    let ended = running.finish().ended;
    let messages = ended.messages();
    assert_eq!(ended.code, Some(125), "{messages}");
    let count = messages.lines().find_map(|line| {
        let line = line.strip_suffix(" events are not in this segment")?;
        line.rsplit(' ').next()?.parse::<u64>().ok()
    });
    assert!(count.expect("a count") >= 20, "{messages}");
}

fn what_cannot_rotate_is_refused() {
    let refused = |options: &[&str], expected: &str| {
        let ended = run(tracer().arg("record").args(options));
        assert_eq!(ended.code, Some(125), "{options:?}");
        let messages = ended.messages();
        assert!(messages.contains(expected), "{options:?}: {messages}");
        assert!(messages.contains("hint: "), "{options:?}: {messages}");
    };
    let rotates = ["--rotate", "1h"];
    refused(
        &[&rotates[..], &["-o", "/nowhere/x", "--", "true"]].concat(),
        "the recording of a command is one trace",
    );
    refused(
        &[&rotates[..], &["--system"]].concat(),
        "there is no directory",
    );
    refused(
        &[&rotates[..], &["--system", "--force", "-o", "/nowhere/x"]].concat(),
        "cannot rotate with --force",
    );
    refused(
        &["--system", "--keep", "1GiB"],
        "there are none without --rotate",
    );
    refused(
        &["--system", "--rotate", "1KiB", "-o", "/nowhere/x"],
        "cannot rotate so often",
    );
    let place = tempfile::tempdir().expect("a directory");
    let settings = place.path().join("record.toml");
    fs::write(&settings, "system = true\nrotat = \"1h\"\n").expect("a file");
    let settings = settings.to_str().expect("a path");
    refused(
        &["--config", settings],
        "record.toml:2:1: unknown field `rotat`",
    );
    fs::write(settings, "rotate = \"1h\"\n").expect("a file");
    refused(&["--config", settings], "does not say what");
    refused(&["--config", "/nowhere/x"], "cannot read the settings");
}

fn settings_come_from_a_file() {
    let place = tempfile::tempdir().expect("a directory");
    let settings = place.path().join("record.toml");
    let output = place.path().join("there");
    let text = format!(
        "system = true\noutput = {output:?}\nrotate = [\"64MiB\", \"1h\"]\nfor = \"700ms\"\n"
    );
    fs::write(&settings, text).expect("a file");
    let ended = run(tracer().args(["record", "--config"]).arg(&settings)).success();
    let segments = segments_in(&output);
    assert_eq!(segments.len(), 1, "{}", ended.messages());
    let last = replay(&segments[0]).pop().expect("an end");
    assert_eq!(last["reason"], "time over");
}
