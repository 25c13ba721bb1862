//! Masks the parts of an event that may hold a secret. The match is exhaustive, so a new kind of
//! event needs a decision here.

use super::recorder::Recorder;
use crate::{
    event::{Carried, CarriedWriter, EventKind, ProcessId, Snapshot},
    redact::Redactor,
};

impl Recorder<'_> {
    /// Masks the secrets of an event of a process before it is committed.
    pub(super) fn mask(&mut self, process: ProcessId, kind: &mut EventKind) {
        match kind {
            EventKind::Dns(dns) => {
                self.mask_text(&mut dns.question);
                for answer in dns.answers.iter_mut().chain(&mut dns.additional) {
                    self.mask_text(&mut answer.name);
                    self.mask_text(&mut answer.data);
                }
            }
            EventKind::TlsHello(hello) => {
                self.mask_text(&mut hello.server_name);
                for protocol in &mut hello.alpn {
                    self.mask_text(protocol);
                }
            }
            EventKind::HttpRequest(request) => {
                for text in [
                    &mut request.method,
                    &mut request.host,
                    &mut request.target,
                    &mut request.destination_host,
                ] {
                    self.mask_text(text);
                }
            }
            EventKind::Compared(compared) => {
                for difference in &mut compared.differences {
                    let values = [&mut difference.before, &mut difference.after];
                    for text in values.into_iter().flatten() {
                        self.redactor.bytes(text);
                    }
                    self.redactor.bytes(&mut difference.name);
                    if let Some(origin) = &mut difference.origin {
                        self.redactor.bytes(&mut origin.archive);
                        self.redactor.bytes(&mut origin.file);
                    }
                }
            }
            EventKind::FilesCompared(compared) => {
                for difference in &mut compared.differences {
                    let states = [&mut difference.before, &mut difference.after];
                    for state in states.into_iter().flatten() {
                        self.redactor.bytes(&mut state.target);
                    }
                    self.redactor.bytes(&mut difference.path);
                }
            }
            EventKind::FilesElsewhere(elsewhere) => {
                for file in &mut elsewhere.files {
                    if let Some(state) = &mut file.after {
                        self.redactor.bytes(&mut state.target);
                    }
                    self.redactor.bytes(&mut file.path);
                }
                for directory in &mut elsewhere.folded {
                    self.redactor.bytes(&mut directory.path);
                }
            }
            EventKind::Hosts(hosts) => {
                for name in hosts.entries.iter_mut().flat_map(|entry| &mut entry.names) {
                    self.mask_text(name);
                }
            }
            EventKind::Exec(exec) => {
                let found = self.redactor.places(&mut exec.argv);
                for text in [
                    &mut exec.filename,
                    &mut exec.interpreter,
                    &mut exec.exe,
                    &mut exec.cwd,
                    &mut exec.root_directory,
                    &mut exec.comm,
                ] {
                    self.redactor.bytes(text);
                }
                self.masked.note(process, &exec.filename, found);
            }
            EventKind::ExecFailed(failed) => {
                let found = self.redactor.places(&mut failed.argv);
                self.redactor.bytes(&mut failed.filename);
                self.masked.note(process, &failed.filename, found);
            }
            EventKind::UnixConnect(connect) => {
                self.redactor.bytes(&mut connect.path);
            }
            EventKind::Snapshot(snapshot) => {
                let carriers = carriers(snapshot, std::process::id());
                for process in &mut snapshot.processes {
                    if carriers.contains(&process.pid) {
                        self.redactor.carrier(&mut process.argv);
                    }
                    self.redactor.argv(&mut process.argv);
                    for text in [
                        &mut process.comm,
                        &mut process.exe,
                        &mut process.cgroup,
                        &mut process.root_directory,
                    ] {
                        self.redactor.bytes(text);
                    }
                }
            }
            EventKind::Fork(fork) => {
                self.redactor.bytes(&mut fork.comm);
            }
            EventKind::ContainerNamed(named) => {
                for text in [&mut named.name, &mut named.image] {
                    self.redactor.bytes(text);
                }
            }
            EventKind::Cgroup(cgroup) => {
                self.redactor.bytes(&mut cgroup.path);
            }
            EventKind::Units(units) => {
                for unit in &mut units.units {
                    self.redactor.bytes(&mut unit.name);
                }
            }
            EventKind::Unit(unit) => {
                let lists = [
                    &mut unit.aliases,
                    &mut unit.triggered_by,
                    &mut unit.pulled_in_by,
                    &mut unit.pulls_in,
                ];
                for text in lists.into_iter().flatten() {
                    self.redactor.bytes(text);
                }
                self.redactor.bytes(&mut unit.name);
                self.redactor.bytes(&mut unit.file);
            }
            EventKind::UnitFollowed(followed) => {
                self.redactor.bytes(&mut followed.unit);
            }
            EventKind::File(file) => {
                self.redactor.bytes(&mut file.path);
            }
            EventKind::Carried(carried) => self.mask_carried(carried),
            EventKind::FileHashed(hashed) => {
                self.redactor.bytes(&mut hashed.path);
            }
            EventKind::Rename(rename) => {
                self.redactor.bytes(&mut rename.from);
                self.redactor.bytes(&mut rename.to);
            }
            EventKind::HttpAnswer(_)
            | EventKind::Exit(_)
            | EventKind::Connect(_)
            | EventKind::Established(_)
            | EventKind::ConnectFailed(_)
            | EventKind::Close(_)
            | EventKind::UserNamed(_)
            | EventKind::UserChanged(_)
            | EventKind::SocketOpened(_)
            | EventKind::Inbound(_)
            | EventKind::Held(_)
            | EventKind::CommandStarted(_)
            | EventKind::CommandEnded(_)
            | EventKind::Lost(_)
            | EventKind::SegmentsDeleted(_)
            | EventKind::KernelLog(_)
            | EventKind::End(_)
            | EventKind::Shutdown(_)
            | EventKind::Sockets(_)
            | EventKind::Listen(_)
            | EventKind::Bind(_)
            | EventKind::Counted(_)
            | EventKind::Unreadable(_)
            | EventKind::AddressTagged(_) => {}
        }
    }

    /// Masks what has become a secret since an earlier segment; all else is masked already.
    fn mask_carried(&mut self, carried: &mut Carried) {
        for process in &mut carried.processes {
            let texts = [
                &mut process.reason_text,
                &mut process.reason_path,
                &mut process.filename,
                &mut process.cwd,
            ];
            for text in texts.into_iter().chain(&mut process.names) {
                self.redactor.bytes(text);
            }
            let ended = process.ended.as_mut();
            if let Some(seen) = ended.and_then(|ended| ended.process.as_mut()) {
                self.redactor.argv(&mut seen.argv);
                for text in [
                    &mut seen.comm,
                    &mut seen.exe,
                    &mut seen.cgroup,
                    &mut seen.root_directory,
                ] {
                    self.redactor.bytes(text);
                }
            }
        }
        for connection in &mut carried.connections {
            self.mask_text(&mut connection.destination_host);
            self.mask_text(&mut connection.url);
            let names = connection.names.iter_mut();
            for name in names.chain(&mut connection.destination_names) {
                self.mask_text(&mut name.name);
            }
        }
        for unit in &mut carried.units {
            let lists = [
                &mut unit.aliases,
                &mut unit.triggered_by,
                &mut unit.pulled_in_by,
            ];
            for text in lists.into_iter().flatten() {
                self.redactor.bytes(text);
            }
            self.mask_text(&mut unit.tree);
            self.redactor.bytes(&mut unit.name);
            self.redactor.bytes(&mut unit.file);
        }
        for activation in &mut carried.activations {
            self.redactor.bytes(&mut activation.unit);
            self.redactor.bytes(&mut activation.trigger);
            if let Some(request) = &mut activation.request {
                self.redactor.argv(&mut request.words);
                for unit in &mut request.units {
                    self.redactor.bytes(unit);
                }
            }
            self.mask_writer(activation.writer.as_mut());
        }
        for job in &mut carried.scheduled {
            self.mask_writer(job.writer.as_mut());
        }
        for lookup in &mut carried.lookups {
            self.mask_text(&mut lookup.name);
        }
    }

    fn mask_writer(&mut self, writer: Option<&mut CarriedWriter>) {
        if let Some(writer) = writer {
            self.redactor.bytes(&mut writer.name);
            self.redactor.bytes(&mut writer.path);
        }
    }

    fn mask_text(&mut self, text: &mut String) {
        let mut bytes = std::mem::take(text).into_bytes();
        self.redactor.bytes(&mut bytes);
        *text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
    }
}

/// Learns the secrets of all running processes, so that one from the last is masked in the first.
pub(super) fn learn(redactor: &mut Redactor, mut snapshot: Snapshot) {
    for process in &mut snapshot.processes {
        redactor.argv(&mut process.argv);
    }
}

/// Returns the recorder and its ancestors, whose command lines contain the recorded command.
fn carriers(snapshot: &Snapshot, recorder: u32) -> Vec<u32> {
    let mut carriers = Vec::new();
    let mut next = recorder;
    while !carriers.contains(&next) {
        let found = snapshot
            .processes
            .iter()
            .find(|process| process.pid == next);
        let Some(process) = found else { break };
        carriers.push(next);
        next = process.parent_pid;
    }
    carriers
}
