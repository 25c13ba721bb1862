//! Tests connections that peers ask for, and holders of listeners. The peer is in another network
//! namespace, so nothing of the connection is on its side of the trace but the process itself.

use serde_json::Value;

use crate::harness::{NO_WIRE, Recording, Test, Trace, Wire, live, words};

pub(crate) fn tests() -> Vec<Test> {
    let on_the_wire = |test: Test| {
        test.needs("ip")
            .needs("/usr/bin/python3")
            .only_where(Wire::is_possible, NO_WIRE)
    };
    vec![
        on_the_wire(live!(a_peer_of_a_server_is_a_row)),
        on_the_wire(live!(a_child_that_serves_is_the_owner)),
        on_the_wire(live!(a_reset_ends_an_inbound_connection)),
        live!(a_listener_is_of_the_process_that_holds_it).needs("/usr/bin/python3"),
    ]
}

/// Serves one TCP connection and one datagram.
const SERVER: &str = r#"
import socket, sys
l = socket.socket(); l.bind(("0.0.0.0", 25324)); l.listen(5)
u = socket.socket(2, 2); u.bind(("0.0.0.0", 25325))
open(sys.argv[1], "w").close()
c, _ = l.accept(); c.send(b"ran: " + c.recv(99)); c.close(); u.recvfrom(99)
"#;

/// Gives each connection to a child.
const FORKING: &str = r#"
import os, socket, sys
l = socket.socket(); l.bind(("0.0.0.0", 25324)); l.listen(5)
open(sys.argv[1], "w").close()
c, _ = l.accept()
if os.fork() == 0:
    l.close(); c.send(c.recv(99)); c.close(); os._exit(0)
c.close(); os.wait()
"#;

/// Asks the server, once it is ready.
const CLIENT: &str = r#"
import os, socket, sys, time
while not os.path.exists(sys.argv[1]): time.sleep(.02)
c = socket.socket(); c.connect(("192.0.2.1", 25324)); c.send(b"cmd"); c.recv(99)
socket.socket(2, 2).sendto(b"x", ("192.0.2.1", 25325)); c.recv(1)
"#;

/// Waits for the peer's reset.
const RESET_SERVER: &str = r#"
import socket, sys
l = socket.socket(); l.bind(("0.0.0.0", 25324)); l.listen(5)
open(sys.argv[1], "w").close()
c, _ = l.accept()
try: c.recv(99)
except ConnectionResetError: pass
"#;

/// Closes with a reset, which no process of the server sends an answer to.
const RESET_CLIENT: &str = r#"
import os, socket, struct, sys, time
while not os.path.exists(sys.argv[1]): time.sleep(.02)
c = socket.socket(); c.connect(("192.0.2.1", 25324))
c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); c.close()
"#;

fn serve(server: &str) -> Trace {
    serve_for(server, CLIENT)
}

fn serve_for(server: &str, client: &str) -> Trace {
    let place = tempfile::tempdir().expect("a directory");
    let ready = place.path().join("ready");
    let ready = ready.to_str().expect("a plain path");
    let wire = Wire::with(&[]);
    let client = wire.remote(words(["/usr/bin/python3", "-c", client, ready]));
    let mut client = std::process::Command::new(&client[0])
        .args(&client[1..])
        .spawn()
        .expect("the client starts");
    let command = words(["/usr/bin/python3", "-c", server, ready]);
    let recording = Recording::of(command)
        .through(wire.local(Vec::new()))
        .option(["--no-changes"]);
    let trace = recording.run().trace();
    client.wait().expect("the client ends");
    trace
}

fn inbound(trace: &Trace) -> Vec<Value> {
    trace.connections(["--tree", "command", "--inbound"])
}

fn a_peer_of_a_server_is_a_row() {
    let trace = serve(SERVER);
    let rows = inbound(&trace);
    assert_eq!(rows.len(), 2, "{rows:#?}");
    for row in &rows {
        assert_eq!(row["direction"], "inbound", "{row}");
        assert_eq!(row["process"]["pid"], trace.command_pid(), "{row}");
        let remote = row["remote"].as_str().unwrap_or_default();
        assert!(remote.starts_with("192.0.2.2:"), "{row}");
    }
    assert_eq!(rows[0]["local"], "192.0.2.1:25324");
    assert_eq!(rows[0]["bytes_received"], 3);
    assert_eq!(rows[0]["bytes_sent"], 8);
    assert_eq!(rows[1]["local"], "192.0.2.1:25325");
    assert_eq!(rows[1]["bytes_received"], 1);
    let text = trace.read("connections", ["--tree", "command"]).success();
    assert!(text.text().contains('←'), "{}", text.text());
}

fn a_reset_ends_an_inbound_connection() {
    let trace = serve_for(RESET_SERVER, RESET_CLIENT);
    let rows = inbound(&trace);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0]["process"]["pid"], trace.command_pid());
    assert_eq!(rows[0]["local"], "192.0.2.1:25324");
    assert_eq!(rows[0]["error"], "ECONNRESET", "{}", rows[0]);
    assert!(rows[0]["duration_ms"].is_number(), "{}", rows[0]);
}

fn a_child_that_serves_is_the_owner() {
    let trace = serve(FORKING);
    let rows = inbound(&trace);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let children = trace.of_command("fork");
    let child = children.last().expect("a fork").0["child"]["pid"].clone();
    assert_eq!(rows[0]["process"]["pid"], child, "{rows:#?}");
}

fn a_listener_is_of_the_process_that_holds_it() {
    let script = r#"
import os, socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5)
if os.fork() == 0:
    open("/proc/self/comm", "w").write("worker"); time.sleep(1); os._exit(0)
"#;
    let trace = Recording::of(words(["/usr/bin/python3", "-c", script]))
        .option(["--no-changes"])
        .lingers(300)
        .run()
        .trace();
    let rows = trace.connections(["--tree", "command", "--listening"]);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0]["held_by"][0]["name"], "worker", "{rows:#?}");
    let found = trace.connections(["--listening", "--process", "worker"]);
    assert_eq!(found.len(), 1, "{found:#?}");
}
