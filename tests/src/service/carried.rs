//! What is alive goes on in the next segment: trees, connections and their owners.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    process::Command,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Service, read, replay, segments_in};
use crate::harness::{Test, live, run, tracer};

pub(super) fn tests() -> Vec<Test> {
    vec![
        live!(a_daemon_keeps_its_tree_after_its_ancestors_are_gone),
        live!(a_followed_process_ends_the_recording_in_any_segment),
        live!(a_connection_closes_in_a_later_segment_with_its_owner),
    ]
}

fn a_daemon_keeps_its_tree_after_its_ancestors_are_gone() {
    let place = tempfile::tempdir().expect("a directory");
    let agent = place.path().join("acme-agent");
    // Forks twice, as daemons do.
    fs::write(
        &agent,
        "#!/bin/sh\n(sleep 1000.25 >/dev/null 2>&1 & echo $!) &\nwait\n",
    )
    .expect("a script");
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).expect("a mode");
    let rules = place.path().join("rules.toml");
    let text = "[[tree]]\nname = \"acme\"\n[[tree.match]]\nargv = [\"*\", \"*/acme-agent\"]\n";
    fs::write(&rules, text).expect("rules");
    let rules = rules.to_str().expect("a path");
    let service = Service::start(&["--rotate", "1h", "--rules", rules]);
    let started = run(&mut Command::new(&agent)).success();
    let daemon: i32 = started.text().trim().parse().expect("a process id");
    service.next();
    service.next();
    kill(Pid::from_raw(daemon), Signal::SIGTERM).expect("it runs");
    std::thread::sleep(std::time::Duration::from_millis(200));
    let stopped = service.stop();
    let segments = stopped.segments();
    assert_eq!(segments.len(), 3, "{segments:?}");
    let pid = daemon.to_string();
    for (place, segment) in segments.iter().enumerate() {
        let lives = read("tree", segment, &["--pid", &pid]);
        assert_eq!(lives.len(), 1, "{place}: {lives:?}");
        let life = &lives[0];
        assert_eq!(life["tree"], "acme", "{place}: {life}");
        let because = life["because"].as_str().unwrap_or_default();
        assert!(because.starts_with("child of "), "{place}: {life}");
        assert_eq!(life["argv"][1], "1000.25", "{place}: {life}");
        assert_eq!(life["running"], place < 2, "{place}: {life}");
        // The ancestors are in the first segment only.
        let tree = read("tree", segment, &["--tree", "acme"]);
        assert_eq!(tree.len() > 1, place == 0, "{place}: {tree:?}");
    }
}

/// The end may come at the very moment of a rotation, so several are tried.
fn a_followed_process_ends_the_recording_in_any_segment() {
    for tenths in [8, 10, 11, 12] {
        let mut followed = Command::new("sh");
        let script = format!(
            "for i in 1 2 3; do /bin/true followed-$i; sleep 0.{tenths:02}; done; \
             sleep 2.{tenths:02}"
        );
        let mut followed = followed.args(["-c", &script]).spawn().expect("sh");
        let place = tempfile::tempdir().expect("a directory");
        let segments = place.path().join("segments");
        let pid = followed.id().to_string();
        let recorded = run(tracer()
            .args([
                "record", "--pid", &pid, "--for", "60s", "--rotate", "1s", "-o",
            ])
            .arg(&segments))
        .success();
        followed.wait().expect("it has ended");
        let last = segments_in(&segments).pop().expect("a segment");
        let end = replay(&last).pop().expect("an end");
        assert_eq!(end["reason"], "command ended", "{}", recorded.messages());
        let unknown = read("tree", &last, &[]);
        let unknown = unknown.iter().filter(|life| life["name"].is_null());
        assert_eq!(unknown.count(), 0, "{tenths}");
    }
}

fn a_connection_closes_in_a_later_segment_with_its_owner() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a server");
    let address = server.local_addr().expect("its address");
    let service = Service::start(&["--rotate", "1h"]);
    let mut client = TcpStream::connect(address).expect("a connection");
    let (mut accepted, _) = server.accept().expect("a peer");
    client.write_all(b"hello").expect("bytes");
    accepted.read_exact(&mut [0; 5]).expect("bytes");
    service.next();
    service.next();
    client.write_all(b"again").expect("bytes");
    accepted.read_exact(&mut [0; 5]).expect("bytes");
    // The client ends first.
    drop(client);
    drop(accepted);
    std::thread::sleep(std::time::Duration::from_millis(300));
    let stopped = service.stop();
    let own = std::process::id();
    let remote = address.to_string();
    let outbound = |trace: &std::path::Path| {
        let mut rows = read("connections", trace, &["--remote", &remote]);
        rows.retain(|row| row["inbound"] != true);
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    };
    let segments = stopped.segments();
    assert_eq!(segments.len(), 3);
    for (place, segment) in segments.iter().enumerate() {
        let row = outbound(segment);
        assert_eq!(row["process"]["pid"], own, "{place}: {row}");
        let (state, sent) = match place {
            2 => ("closed", 10.into()),
            _ => ("open", serde_json::Value::Null),
        };
        assert_eq!(row["state"], state, "{place}: {row}");
        assert_eq!(row["bytes_sent"], sent, "{place}: {row}");
    }
    // Read as one, it is one connection with both ends in time.
    let row = outbound(&stopped.directory());
    assert_eq!(
        (&row["state"], &row["bytes_sent"]),
        (&"closed".into(), &10.into())
    );
    assert!(row["duration_ms"].as_f64() > Some(0.0), "{row}");
}
