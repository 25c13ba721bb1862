//! Has what processes of a recording do: run, talk, listen, write files, end.

use std::{collections::BTreeSet, net::Ipv4Addr};

use agent_tracer::event::{
    Cgroup, ConnectFailed, Dns, Established, EventKind, FileAction, FileEvent, Listen, Lost,
    ProcessId, Snapshot, SnapshotProcess, TlsHello, UserNamed,
};
use fastrand::Rng;

use super::{host::Take, place::Place};
use crate::story::Story;

/// The user of the agent.
pub(super) const AGENT: u32 = 990;

/// systemd.
pub(super) const MANAGER: ProcessId = ProcessId {
    pid: 1,
    start_ns: 10_000_000,
};

/// A recording in the making.
pub(super) struct Scene<'s> {
    pub(super) story: &'s mut Story,
    pub(super) rng: &'s mut Rng,
    pub(super) take: &'s Take,
    /// Number of processes so far.
    pub(super) processes: u64,
    /// Addresses whose tags are known.
    tagged: BTreeSet<Ipv4Addr>,
    /// Number of listeners so far; they have numbers that no connection has.
    listeners: u64,
}

impl<'s> Scene<'s> {
    pub(super) fn new(story: &'s mut Story, rng: &'s mut Rng, take: &'s Take) -> Scene<'s> {
        Scene {
            story,
            rng,
            take,
            processes: 0,
            tagged: BTreeSet::new(),
            listeners: 1 << 40,
        }
    }

    /// Emits what was there before. Returns the process that starts others.
    pub(super) fn open(&mut self) -> ProcessId {
        let process = |pid: u32, parent_pid, name: &str, exe: &str, cgroup: &str| SnapshotProcess {
            pid,
            start_ns: u64::from(pid) * 10_000_000,
            parent_pid,
            comm: name.as_bytes().to_vec(),
            exe: exe.as_bytes().to_vec(),
            argv: vec![exe.as_bytes().to_vec()],
            cgroup: cgroup.as_bytes().to_vec(),
            ..SnapshotProcess::default()
        };
        let service = "/system.slice/";
        let processes = vec![
            process(1, 0, "systemd", "/usr/lib/systemd/systemd", "/init.scope"),
            process(
                40,
                1,
                "cron",
                "/usr/sbin/cron",
                &format!("{service}cron.service"),
            ),
            process(
                41,
                1,
                "sshd",
                "/usr/sbin/sshd",
                &format!("{service}ssh.service"),
            ),
            process(
                42,
                1,
                "systemd-resolve",
                "/usr/lib/systemd/systemd-resolved",
                &format!("{service}systemd-resolved.service"),
            ),
        ];
        self.processes += processes.len() as u64;
        let snapshot = EventKind::Snapshot(Snapshot { processes });
        self.story.of_recording(snapshot);
        for (user, name) in [(0, "root"), (33, "www-data"), (AGENT, "omsagent")] {
            let name = name.as_bytes().to_vec();
            self.story
                .of_recording(EventKind::UserNamed(UserNamed { user, name }));
        }
        ProcessId {
            pid: 40,
            start_ns: 400_000_000,
        }
    }

    /// Lets some time pass, at most this many microseconds.
    pub(super) fn wait(&mut self, most: u64) {
        self.story.now += 1000 * self.rng.u64(1..=most) + self.rng.u64(0..1000);
    }

    /// Forks a process, and executes a program in it.
    pub(super) fn run(&mut self, parent: ProcessId, user: u32, argv: &[&str]) -> ProcessId {
        self.wait(3000);
        let child = self.story.fork(parent, user, b"sh");
        self.processes += 1;
        let program = argv.first().copied().unwrap_or_default();
        let words: Vec<&[u8]> = argv.iter().map(|word| word.as_bytes()).collect();
        self.wait(800);
        self.story.exec(child, user, comm(program), &words);
        child
    }

    /// Starts a program as a unit.
    pub(super) fn start(&mut self, unit: &str, user: u32, argv: &[&str]) -> ProcessId {
        let child = self.story.fork(MANAGER, 0, b"systemd");
        self.processes += 1;
        let path = format!("/system.slice/{unit}").into_bytes();
        self.story
            .emit(child, 0, EventKind::Cgroup(Cgroup { path }));
        let program = argv.first().copied().unwrap_or_default();
        let words: Vec<&[u8]> = argv.iter().map(|word| word.as_bytes()).collect();
        self.wait(800);
        self.story.exec(child, user, comm(program), &words);
        child
    }

    pub(super) fn finish(&mut self, process: ProcessId, user: u32) {
        self.wait(40_000);
        let status = u32::from(self.rng.u8(0..40) == 0) << 8;
        self.story.exit(process, user, status);
    }

    /// Looks a place up, connects and exchanges bytes. Some places do not answer.
    pub(super) fn talk(&mut self, process: ProcessId, user: u32, place: &Place) {
        if self.tagged.insert(place.address)
            && let Some(tagged) = place.tagged()
        {
            self.story.of_recording(EventKind::AddressTagged(tagged));
        }
        if !place.name.is_empty() && self.rng.bool() {
            self.look_up(process, user, &place.name, Some(place.address));
        }
        let remote = (place.address, place.port).into();
        let connection = self.story.connect(process, user, remote);
        self.wait(60_000);
        let error = match self.rng.u8(0..100) {
            0..4 => Some(111),
            4..7 => Some(110),
            7..9 => Some(101),
            _ => None,
        };
        if let Some(error) = error {
            let failed = ConnectFailed {
                connection,
                error,
                never_sent: error == 101,
                ..ConnectFailed::default()
            };
            let failed = EventKind::ConnectFailed(failed);
            self.story.emit(process, user, failed);
            return;
        }
        let local_port = 32_768 + self.rng.u32(0..28_000);
        let established = Established {
            connection,
            local_address: vec![10, 0, 0, 4],
            local_port,
        };
        let established = EventKind::Established(established);
        self.story.emit(process, user, established);
        if !place.name.is_empty() && place.port == 443 {
            let hello = TlsHello {
                connection,
                server_name: place.name.clone(),
                ..TlsHello::default()
            };
            self.story.emit(process, user, EventKind::TlsHello(hello));
        }
        self.wait(200_000);
        // A few stay open.
        if self.rng.u8(0..50) != 0 {
            self.story.close(process, user, connection);
        }
    }

    /// Asks for the addresses of a name. No address is an error.
    pub(super) fn look_up(
        &mut self,
        process: ProcessId,
        user: u32,
        name: &str,
        address: Option<Ipv4Addr>,
    ) {
        let rcode = if address.is_some() {
            "NOERROR"
        } else {
            "NXDOMAIN"
        };
        let dns = Dns {
            question: name.to_owned(),
            kind: "A".to_owned(),
            rcode: rcode.to_owned(),
            addresses: address.iter().map(|one| one.octets().to_vec()).collect(),
            ..Dns::default()
        };
        self.story.emit(process, user, EventKind::Dns(dns));
        self.wait(2000);
    }

    pub(super) fn listen(&mut self, process: ProcessId, user: u32, address: Ipv4Addr, port: u16) {
        self.listeners += 1;
        let listen = Listen {
            network_namespace: 0,
            connection: self.listeners,
            local_address: address.octets().to_vec(),
            local_port: port.into(),
            any_port: false,
        };
        self.story.emit(process, user, EventKind::Listen(listen));
    }

    /// Notes that a process changed a file.
    pub(super) fn file(&mut self, process: ProcessId, path: &str, action: FileAction) {
        let mut file = FileEvent {
            path: path.as_bytes().to_vec(),
            ..FileEvent::default()
        };
        file.set_action(action);
        self.story.emit(process, 0, EventKind::File(file));
    }

    /// Returns true if the packages of this version have a setuid program.
    pub(super) fn has_setuid(&self) -> bool {
        self.take.week == 2
    }

    /// Notes that the kernel had no room for events.
    pub(super) fn lose(&mut self) {
        let lost = Lost {
            what: "connect".to_owned(),
            count: self.rng.u64(1..5000),
        };
        self.story.of_recording(EventKind::Lost(lost));
    }
}

/// Returns the comm that the kernel gives a program.
fn comm(program: &str) -> &[u8] {
    let name = program.rsplit('/').next().unwrap_or_default().as_bytes();
    name.get(..15).unwrap_or(name)
}
