//! Composes processes, hosts, users and units with hostile names: markup, ends of scripts, terminal
//! escapes and invisible characters.

use std::net::{Ipv4Addr, SocketAddr};

use agent_tracer::event::{
    Cgroup, CommandEnded, CommandStarted, Dns, End, EndReason, EventKind, Exit, Listen, Lost,
    ProcessId, Snapshot, SnapshotProcess, TlsHello, UserNamed,
};

use crate::story::Story;

const TEXTS: [&str; 9] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "\"><svg onload=alert(3)>",
    "<!--<script>",
    "&lt;b&gt;&amp;",
    "\u{202e}evil\u{2028}\u{2029}\u{200b}",
    "\x1b[31mred\x07\r\n",
    "javascript:alert(4)'\\\"",
    "{{7*7}}{% raw %}",
];

/// The command line of the recording.
pub(crate) const COMMAND: [&[u8]; 3] = [b"/bin/sh", b"-c", b"</title><h1>attack</h1>"];

pub(crate) fn compose(story: &mut Story) {
    let init = SnapshotProcess {
        pid: 1,
        start_ns: 10_000_000,
        comm: b"<b>init</b>".to_vec(),
        exe: b"/sbin/init</title>".to_vec(),
        argv: vec![b"init".to_vec()],
        cgroup: b"/init.scope".to_vec(),
        ..SnapshotProcess::default()
    };
    story.of_recording(EventKind::Snapshot(Snapshot {
        processes: vec![init],
    }));
    let manager = ProcessId {
        pid: 1,
        start_ns: 10_000_000,
    };
    let name = b"<u>root</u>".to_vec();
    story.of_recording(EventKind::UserNamed(UserNamed { user: 0, name }));
    let command = story.fork(manager, 0, b"sh");
    let started = CommandStarted { attached: false };
    story.emit(command, 0, EventKind::CommandStarted(started));
    story.exec(command, 0, b"sh", &COMMAND);
    for (number, text) in TEXTS.iter().enumerate() {
        one(story, manager, command, number, text);
    }
    story.exec(command, 0, b"\xff\xfe</td>", &[b"\xff\xfe<i>", b""]);
    story.emit(command, 0, EventKind::Exit(Exit::of(0x100)));
    let ended = CommandEnded {
        status: 0x100,
        status_known: true,
    };
    story.of_recording(EventKind::CommandEnded(ended));
    let what = "<script>alert(5)</script>".to_owned();
    story.of_recording(EventKind::Lost(Lost { what, count: 7 }));
    story.of_recording(EventKind::End(End {
        reason: EndReason::CommandEnded.into(),
    }));
}

fn one(story: &mut Story, manager: ProcessId, command: ProcessId, number: usize, text: &str) {
    story.now += 50_000_000;
    let bytes = text.as_bytes();
    let child = story.fork(command, 0, bytes);
    story.exec(child, 0, bytes, &[bytes, bytes, b"--", bytes]);
    let address = Ipv4Addr::new(192, 0, 2, u8::try_from(number).unwrap_or(0));
    let dns = Dns {
        question: text.to_owned(),
        kind: "A".to_owned(),
        rcode: if number.is_multiple_of(2) {
            "NOERROR"
        } else {
            "<b>NO"
        }
        .to_owned(),
        addresses: vec![address.octets().to_vec()],
        ..Dns::default()
    };
    story.emit(child, 0, EventKind::Dns(dns));
    let connection = story.connect(child, 0, SocketAddr::from((address, 443)));
    let hello = TlsHello {
        connection,
        server_name: text.to_owned(),
        ..TlsHello::default()
    };
    story.emit(child, 0, EventKind::TlsHello(hello));
    let listen = Listen {
        network_namespace: 0,
        connection: 1000 + number as u64,
        local_address: vec![0, 0, 0, 0],
        local_port: 8000 + number as u32,
        any_port: false,
    };
    story.emit(child, 0, EventKind::Listen(listen));
    let daemon = story.fork(manager, 0, b"systemd");
    let path = format!("/system.slice/{text}.service").into_bytes();
    story.emit(daemon, 0, EventKind::Cgroup(Cgroup { path }));
    story.exec(daemon, 0, b"daemon", &[bytes]);
    story.now += 20_000_000;
    story.close(child, 0, connection);
    story.exit(child, 0, 11 * (number as u32 % 2));
}
