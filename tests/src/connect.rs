//! Tests connections: destinations against strace, owners, outcomes and bytes. No packet leaves the
//! loopback, in some tests one of a namespace without servers.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;

use crate::harness::{Call, Recording, Test, Trace, act, live, record, slowness, strace, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(destinations_match_strace).needs("strace"),
        live!(an_exchange_has_bytes_and_times),
        live!(a_refusal_has_its_reason),
        live!(an_owner_that_ends_first_stays_the_owner),
        live!(a_socket_that_another_process_closes),
        live!(a_connection_that_is_open_at_the_end),
        live!(a_v4_address_in_a_v6_socket_is_shown_as_v4),
        live!(a_connection_without_an_answer),
        live!(events_of_a_connection_come_in_order),
        live!(a_listener_is_not_a_connection),
        live!(a_connection_from_before_is_followed_to_its_end),
        live!(interrupts_lose_no_event_silently).alone(),
    ]
}

/// Runs a server on the loopback, which answers each client with 5,000 bytes after its end of data,
/// or a limited wait.
pub(crate) fn server(address: &str, patience: Duration) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).expect("a listener");
    let own = listener.local_addr().expect("its address");
    // It ends with the tests, without a join.
    let _server: JoinHandle<()> = thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            thread::spawn(move || {
                let mut question = [0; 1000];
                drop(client.set_read_timeout(Some(Duration::from_secs(5))));
                // A client without a request gets no answer.
                if client.read_exact(&mut question).is_ok() {
                    drop(client.write_all(&[b'a'; 5000]));
                }
                thread::sleep(patience);
            });
        }
    });
    own
}

/// Returns an address without a listener, while this is held.
fn refusing(
    address: &str,
) -> (
    nix::sys::socket::SockaddrStorage,
    std::os::fd::OwnedFd,
    SocketAddr,
) {
    use nix::sys::socket::{
        AddressFamily, SockFlag, SockType, SockaddrStorage, bind, getsockname, socket,
    };
    use std::os::fd::AsRawFd;
    let wanted = SocketAddr::new(address.parse().expect("an address"), 0);
    let family = if wanted.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    // Bound, so that no other process gets the port; not listening, so that it refuses.
    let holder = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    bind(holder.as_raw_fd(), &SockaddrStorage::from(wanted)).expect("a port");
    let own: SockaddrStorage = getsockname(holder.as_raw_fd()).expect("its address");
    let port = match (own.as_sockaddr_in(), own.as_sockaddr_in6()) {
        (Some(v4), _) => v4.port(),
        (None, Some(v6)) => v6.port(),
        (None, None) => 0,
    };
    (own, holder, SocketAddr::new(wanted.ip(), port))
}

/// Returns the connections of the recorded command.
fn mine(trace: &Trace) -> Vec<Value> {
    trace.connections(["--tree", "command"])
}

#[track_caller]
fn only(trace: &Trace) -> Value {
    let mut all = mine(trace);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn destinations_match_strace() {
    let (v4, v6) = (
        server("127.0.0.1", Duration::ZERO).to_string(),
        server("::1", Duration::ZERO).to_string(),
    );
    let (_, _held4, closed4) = refusing("127.0.0.1");
    let (_, _held6, closed6) = refusing("::1");
    let (closed4, closed6) = (closed4.to_string(), closed6.to_string());
    let command = act([
        "dial",
        "plain",
        &v4,
        "plain",
        &v6,
        "plain",
        &closed4,
        "plain",
        &closed6,
        "nonblocking",
        &v4,
        "nonblocking",
        &v6,
        "nonblocking",
        &closed4,
        "nonblocking",
        &closed6,
        "mapped",
        &v4,
        "mapped",
        &closed4,
        "exchange",
        &v4,
        "exchange",
        &v6,
        "plain",
        &v4,
    ]);
    let (ended, calls) = strace(&command);
    ended.success();
    let mut reported: Vec<String> = calls
        .into_iter()
        .filter_map(|call| match call {
            Call::Connect(address) => Some(address.to_string()),
            Call::Exec { .. } => None,
        })
        .collect();
    assert_eq!(reported.len(), 13);
    // The last of the server's ends may come after the command.
    let trace = Recording::of(command).lingers(500).run().trace();
    let mut asked: Vec<String> = trace
        .of_command("connect")
        .iter()
        .map(|event| event.remote().to_owned())
        .collect();
    reported.sort();
    asked.sort();
    assert_eq!(asked, reported);
    let states: Vec<Value> = mine(&trace)
        .into_iter()
        .map(|row| row["state"].clone())
        .collect();
    let refused = states.iter().filter(|state| **state == "refused").count();
    let closed = states.iter().filter(|state| **state == "closed").count();
    assert_eq!((refused, closed), (5, 8), "{states:?}");
}

fn an_exchange_has_bytes_and_times() {
    for address in ["127.0.0.1", "::1"] {
        let remote = server(address, Duration::ZERO).to_string();
        let trace = record(act(["dial", "exchange", &remote]));
        let row = only(&trace);
        assert_eq!(row["remote"], *remote);
        assert_eq!(row["state"], "closed", "{row}");
        assert_eq!(row["bytes_sent"], 1000, "{row}");
        assert_eq!(row["bytes_received"], 5000, "{row}");
        assert_eq!(row["process"]["pid"].as_u64(), Some(trace.command_pid()));
        assert_eq!(row["tree"], "command");
        assert_eq!(row["because"], "the recorded command");
        assert_eq!(row["protocol"], "tcp");
        assert!(row["error"].is_null(), "{row}");
        let milliseconds = |key: &str| row[key].as_f64().expect("a time");
        assert!(milliseconds("connect_ms") > 0.0);
        assert!(milliseconds("duration_ms") >= milliseconds("connect_ms"));
        let local: SocketAddr = row["local"]
            .as_str()
            .and_then(|it| it.parse().ok())
            .expect("an end");
        assert!(local.ip().is_loopback() && local.port() != 0, "{row}");
    }
}

fn a_refusal_has_its_reason() {
    for (address, how) in [
        ("127.0.0.1", "plain"),
        ("::1", "plain"),
        ("127.0.0.1", "nonblocking"),
    ] {
        let (_, _held, closed) = refusing(address);
        let trace = record(act(["dial", how, &closed.to_string()]));
        let row = only(&trace);
        assert_eq!(row["state"], "refused", "{how} {row}");
        assert_eq!(row["error"], "ECONNREFUSED");
        assert!(row["bytes_sent"].is_null(), "{row}");
        let failed = trace.of_command("connect_failed");
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].text("error"), "ECONNREFUSED");
        assert_eq!(failed[0].remote(), closed.to_string());
    }
}

/// Makes the server close last, long after the client has ended. The client's side is then a socket
/// without an owner, as in TIME_WAIT.
fn an_owner_that_ends_first_stays_the_owner() {
    let remote = server("127.0.0.1", Duration::from_millis(500)).to_string();
    let trace = Recording::of(act(["dial", "drop", &remote]))
        .lingers(1000)
        .run()
        .trace();
    let row = only(&trace);
    assert_eq!(row["process"]["pid"].as_u64(), Some(trace.command_pid()));
    assert_eq!(row["process"]["name"], "tracer-tests");
    assert_eq!(row["state"], "closed", "{row}");
    assert_eq!(row["bytes_sent"], 3, "{row}");
    let exit = trace.of_command("exit")[0].number("seq");
    let close = trace.of_command("close")[0];
    assert!(close.number("seq") > exit, "the owner was gone by then");
    assert_eq!(close.pid(), trace.command_pid());
}

fn a_socket_that_another_process_closes() {
    let remote = server("127.0.0.1", Duration::ZERO).to_string();
    let trace = Recording::of(act(["hand-over", &remote]))
        .lingers(500)
        .run()
        .trace();
    let row = only(&trace);
    assert_eq!(row["process"]["pid"].as_u64(), Some(trace.command_pid()));
    assert_eq!(row["bytes_sent"], "from the child".len(), "{row}");
    assert_eq!(row["state"], "closed", "{row}");
}

fn a_connection_that_is_open_at_the_end() {
    let remote = server("127.0.0.1", Duration::from_secs(3) * slowness()).to_string();
    let mut command = act(["orphan"]);
    command.extend(act(["dial", "keep", &remote]));
    let trace = Recording::of(command)
        .option(["--linger", "500ms"])
        .run()
        .trace();
    let row = only(&trace);
    assert_eq!(row["state"], "open", "{row}");
    assert!(
        row["bytes_sent"].is_null() && row["duration_ms"].is_null(),
        "{row}"
    );
    assert!(row["connect_ms"].is_number(), "{row}");
    assert!(trace.ended.messages().contains("still running: 1"));
}

fn a_v4_address_in_a_v6_socket_is_shown_as_v4() {
    let remote = server("127.0.0.1", Duration::ZERO).to_string();
    let trace = record(act(["dial", "mapped", &remote]));
    let row = only(&trace);
    assert_eq!(row["remote"], *remote);
    let event = trace.of_command("connect")[0];
    assert_eq!(event.0["connection"]["family"], "ipv4");
    let local = row["local"].as_str().unwrap_or_default();
    assert!(local.starts_with("127.0.0.1:"), "{row}");
    let network = trace.connections(["--remote", "127.0.0.0/8", "--tree", "command"]);
    assert_eq!(network.len(), 1, "a v4 network has it");
}

fn a_connection_without_an_answer() {
    let mut command = act(["within", "net", "--"]);
    command.extend(act(["dial", "impatient", "192.0.2.7:4242"]));
    let trace = record(command);
    let row = only(&trace);
    assert_eq!(row["remote"], "192.0.2.7:4242");
    assert_eq!(row["state"], "timed_out", "{row}");
    assert_eq!(row["error"], "ETIMEDOUT", "{row}");
    let lasted = row["duration_ms"].as_f64().expect("a time");
    assert!(lasted > 500.0, "{row}");
    assert!(row["connect_ms"].is_null(), "{row}");
}

fn events_of_a_connection_come_in_order() {
    let remote = server("::1", Duration::ZERO).to_string();
    let trace = record(act(["dial", "exchange", &remote, "exchange", &remote]));
    let kinds: Vec<(u64, &str)> = trace
        .events
        .iter()
        .filter(|event| event.remote() == remote && event.tree() == "command")
        .map(|event| {
            let id = event.0["connection"]["id"].as_u64().expect("a number");
            (id, event.kind())
        })
        .collect();
    let ids: Vec<u64> = kinds.iter().map(|(id, _)| *id).collect();
    let first = ids[0];
    let second = *ids.last().expect("a second one");
    assert_ne!(first, second);
    for id in [first, second] {
        let own: Vec<&str> = kinds
            .iter()
            .filter(|(each, _)| *each == id)
            .map(|(_, kind)| *kind)
            .collect();
        assert_eq!(own, ["connect", "established", "shutdown", "close"]);
    }
}

/// Checks that the called side has an inbound connection, and is no destination.
fn a_listener_is_not_a_connection() {
    let remote = server("127.0.0.1", Duration::ZERO).to_string();
    let trace = record(act(["dial", "exchange", &remote]));
    let of_server = trace.connections(["--pid", &std::process::id().to_string()]);
    let to_server: Vec<&Value> = of_server
        .iter()
        .filter(|row| row["local"] == *remote)
        .collect();
    assert_eq!(to_server.len(), 1, "{to_server:?}");
    assert_eq!(to_server[0]["direction"], "inbound", "{to_server:?}");
    assert!(
        trace
            .read("connections", [])
            .success()
            .text()
            .contains(&remote)
    );
    let nothing = record(words(["true"]));
    assert!(mine(&nothing).is_empty());
}

/// Packets from another processor interrupt the programs for changes of state, and the kernel never
/// nests those. Under such a load some kernels miss the tracepoint itself, and so does perf(1); the
/// trace must then report it.
fn interrupts_lose_no_event_silently() {
    const PAIRS: usize = 4;
    const COUNT: usize = 1000;
    let storm = act(["storm", &PAIRS.to_string(), &COUNT.to_string()]);
    let mut command = act(["within", "net", "steered", "--"]);
    command.extend(storm);
    let recorded = Recording::of(command).lingers(500).run();
    assert_eq!(
        recorded.ended.code,
        Some(0),
        "{}",
        recorded.ended.messages()
    );
    let trace = Trace::read(recorded);
    let mut rows = trace.connections(["--tree", "command"]);
    rows.retain(|row| row["direction"] != "inbound");
    assert_eq!(rows.len(), PAIRS * COUNT, "{}", trace.file.display());
    let is_complete = trace.replayed.code == Some(0);
    let is_whole = |row: &&Value| row["state"] == "closed" && row["connect_ms"].is_number();
    let whole = rows.iter().filter(is_whole).count();
    println!(
        "{whole} of {} are whole, complete: {is_complete}",
        rows.len()
    );
    // The answer itself is lost, but known to have happened.
    let known = |row: &&Value| row["state"] != "connecting" && !row["connect_ms"].is_number();
    let gap = rows.iter().find(known);
    assert!(
        !is_complete || gap.is_none(),
        "{gap:?} in {}",
        trace.file.display()
    );
    // Servers' sockets reuse the memory of those whose end was missed.
    let servers: BTreeSet<&str> = rows
        .iter()
        .filter_map(|row| row["remote"].as_str())
        .collect();
    let mixed = rows.iter().find(|row| {
        row["local"]
            .as_str()
            .is_some_and(|local| servers.contains(local))
    });
    assert_eq!(mixed, None, "{}", trace.file.display());
}

/// The owner is the test's own child; it connects before the recording, and closes during it.
fn a_connection_from_before_is_followed_to_its_end() {
    use std::process::{Command, Stdio};
    let remote = server("127.0.0.1", Duration::from_secs(30)).to_string();
    let words = act(["dial", "hold", &remote, "plain", &remote]);
    let (program, rest) = words.split_first().expect("a program");
    let mut child = Command::new(program)
        .args(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a client");
    let mut said = [0; 9];
    let mut output = child.stdout.take().expect("its stdout");
    output.read_exact(&mut said).expect("it has connected");
    let recording = Recording::of(Vec::new())
        .option(["--pid", &child.id().to_string(), "--for", "100s"])
        .start()
        .attached();
    // The end of its stdin.
    child.wait().expect("the client ends");
    let trace = recording.finish().trace();
    let rows = trace.connections(["--remote", &remote]);
    let [before, during] = rows.as_slice() else {
        panic!("{rows:?}");
    };
    let note = before["note"].as_str().unwrap_or_default();
    assert!(note.ends_with("was there before the recording"), "{before}");
    assert_eq!(before["process"]["pid"], child.id(), "{before}");
    assert_eq!(before["tree"], "command", "{before}");
    assert!(before["local"].is_string(), "{before}");
    let state = before["state"].as_str().unwrap_or_default();
    assert!(["closing", "closed"].contains(&state), "{before}");
    assert!(before["duration_ms"].is_null(), "{before}");
    assert_eq!(during["note"], "loopback", "{during}");
    assert_eq!(during["process"]["pid"], child.id(), "{during}");
}
