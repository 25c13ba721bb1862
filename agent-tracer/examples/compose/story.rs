//! Emits events in a row, on a clock that advances by itself.

use std::{error::Error, ffi::OsStr, fs::File, net::SocketAddr, time::Instant};

use agent_tracer::{
    event::{Close, Connect, Event, EventKind, Exec, Exit, Fork, ProcessId, Protocol},
    trace::{Header, Mode, PlanEntry, RuleSource, Writer},
};

/// Start of the recording, in nanoseconds since boot.
pub(crate) const START: u64 = 1_000_000_000_000;

/// The rules of a recording: one daemon.
const RULES: &str = "[[tree]]\nname = 'omi'\n[[tree.match]]\nexe = '/opt/omi/bin/omiserver'\n";

/// A trace in the making.
pub(crate) struct Story {
    writer: Writer<File>,
    /// Nanoseconds since boot.
    pub(crate) now: u64,
    opened: Instant,
    pids: u32,
    connections: u64,
}

impl Story {
    /// Writes the composed events to a file.
    pub(crate) fn write(
        file: &OsStr,
        command: &[&[u8]],
        compose: impl FnOnce(&mut Story),
    ) -> Result<u64, Box<dyn Error>> {
        Story::of(file, &header(command), |story| {
            compose(story);
            story.writer.nothing_is_missing();
        })
    }

    /// Writes the events of a recording with this header. The composer says if nothing is missing.
    pub(crate) fn of(
        file: &OsStr,
        header: &Header,
        compose: impl FnOnce(&mut Story),
    ) -> Result<u64, Box<dyn Error>> {
        let mut story = Story {
            writer: Writer::new(File::create(file)?, header)?,
            now: header.start_boot_ns,
            // Blocks end by their size alone.
            opened: Instant::now(),
            pids: 100,
            connections: 0,
        };
        compose(&mut story);
        Ok(story.writer.finish()?.events)
    }

    /// Marks the trace as complete.
    pub(crate) fn nothing_is_missing(&mut self) {
        self.writer.nothing_is_missing();
    }

    pub(crate) fn emit(&mut self, process: ProcessId, user: u32, kind: EventKind) {
        let event = Event {
            boot_ns: self.now,
            process,
            user,
            kind,
        };
        self.writer.append(&event, self.opened);
    }

    pub(crate) fn of_recording(&mut self, kind: EventKind) {
        self.emit(ProcessId::default(), 0, kind);
    }

    /// Forks a process from `parent`.
    pub(crate) fn fork(&mut self, parent: ProcessId, user: u32, comm: &[u8]) -> ProcessId {
        self.pids += 1;
        let child = ProcessId {
            pid: 100 + self.pids % 4_000_000,
            start_ns: self.now,
        };
        let fork = Fork {
            parent_pid: parent.pid,
            parent_start_ns: parent.start_ns,
            comm: comm.to_vec(),
        };
        self.emit(child, user, EventKind::Fork(fork));
        child
    }

    /// Replaces the program of a process.
    pub(crate) fn exec(&mut self, process: ProcessId, user: u32, comm: &[u8], argv: &[&[u8]]) {
        let program = argv.first().copied().unwrap_or_default().to_vec();
        let exec = Exec {
            root_directory: Vec::new(),
            capabilities: 0,
            lineage: None,
            filename: program.clone(),
            interpreter: program.clone(),
            exe: program,
            cwd: b"/".to_vec(),
            argv: argv.iter().map(|word| word.to_vec()).collect(),
            argv_bytes: argv.iter().map(|word| word.len() as u64 + 1).sum(),
            truncated: false,
            comm: comm.to_vec(),
            former_tid: 0,
            path_cut: false,
            identity: None,
        };
        self.emit(process, user, EventKind::Exec(exec));
    }

    pub(crate) fn exit(&mut self, process: ProcessId, user: u32, status: u32) {
        self.emit(process, user, EventKind::Exit(Exit::of(status)));
    }

    /// Opens a connection, and returns its number.
    pub(crate) fn connect(&mut self, process: ProcessId, user: u32, remote: SocketAddr) -> u64 {
        self.connections += 1;
        let bytes = |end: SocketAddr| match end {
            SocketAddr::V4(end) => end.ip().octets().to_vec(),
            SocketAddr::V6(end) => end.ip().octets().to_vec(),
        };
        let connect = Connect {
            network_namespace: 0,
            connection: self.connections,
            local_address: vec![10, 0, 0, 4],
            local_port: 30_000 + u32::try_from(self.connections % 30_000).unwrap_or(0),
            remote_address: bytes(remote),
            remote_port: remote.port().into(),
            protocol: Protocol::Tcp.into(),
        };
        self.emit(process, user, EventKind::Connect(connect));
        self.connections
    }

    pub(crate) fn close(&mut self, process: ProcessId, user: u32, connection: u64) {
        let close = Close {
            connection,
            bytes_sent: 1200,
            bytes_received: 54_321,
            ..Close::default()
        };
        self.emit(process, user, EventKind::Close(close));
    }
}

/// Returns the header of a composed trace: of a recording of everything without a command.
pub(crate) fn header(command: &[&[u8]]) -> Header {
    let entry = |fact: &str, hook: &str| PlanEntry {
        fact: fact.to_owned(),
        hook: hook.to_owned(),
        reason: "first choice".to_owned(),
        failures: Vec::new(),
        caveat: String::new(),
    };
    Header {
        tool_version: "0.1.0".to_owned(),
        kernel_release: "6.1.0".to_owned(),
        arch: "x86_64".to_owned(),
        hostname: "composed".to_owned(),
        clock_offset_ns: 1_700_000_000_000_000_000,
        start_boot_ns: START,
        command: command.iter().map(|word| word.to_vec()).collect(),
        mode: match command {
            [] => Mode::System,
            _ => Mode::Command,
        }
        .into(),
        recorder_pid: 2,
        cpus: 2,
        rules: vec![RuleSource {
            name: "composed".to_owned(),
            text: RULES.to_owned(),
        }],
        plan: vec![
            entry("fork", "raw_tp sched_process_fork"),
            entry("exec", "raw_tp sched_process_exec"),
            entry("exit", "raw_tp sched_process_exit"),
        ],
        ..Header::default()
    }
}
