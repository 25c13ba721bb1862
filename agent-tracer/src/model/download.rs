//! Infers which executed files were downloads: their writer, its connections, later names, and the
//! process that ran them. The kernel does not show which connection's bytes go into which file, so
//! all of it is inferred.

mod native;
mod script;
mod source;
#[cfg(test)]
mod tests;
mod versions;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::SocketAddr,
};

use super::{Connection, Process, ProcessIndex, State, process::base_name, processes::Processes};
use crate::event::{FileAction, FileEvent, NativeCode, Protocol};
pub(super) use source::{BESIDE, NEIGHBOURS};
pub use versions::Content;
pub(super) use versions::{Downloads, Moment};
use versions::{End, Run, Version};

/// A file whose writer had received data from a peer, and that was executed or is native code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Its path when it was executed, else its last one.
    pub path: Vec<u8>,
    /// The process that wrote it.
    pub writer: ProcessIndex,
    /// The last process that renamed or copied it on its way to execution.
    pub carrier: Option<ProcessIndex>,
    /// The downloaded archive, or script, that it came out of.
    pub archive: Option<Vec<u8>>,
    /// The content that was executed or written, if it was read.
    pub content: Option<Content>,
    /// The writer's connections by then that may have brought data: positions in the list of all.
    pub connections: Vec<usize>,
    /// The process that executed it first, if any did.
    pub runner: Option<ProcessIndex>,
    /// Count of its executions.
    pub executions: u64,
    /// The native code in a file that was not executed. Its loading is not seen.
    pub native: NativeCode,
}

impl Download {
    /// Iterates over the processes with a part in it.
    pub fn parties(&self) -> impl Iterator<Item = ProcessIndex> + use<> {
        let parties = [Some(self.writer), self.runner, self.carrier];
        parties.into_iter().flatten()
    }
}

/// Limit of connections kept for one writer: the last ones.
pub(super) const SOURCES: usize = 8;

/// Longest delay between a change of a file and its event; no measurement came near it.
const LAG_NS: u64 = 1_000_000_000;

/// Limit of renamings that wait for their second half.
const TAKEN_LIMIT: usize = 1024;

/// Limit of executions kept of processes that became other programs.
const FORMER_LIMIT: usize = 4096;

/// Ports of DNS servers: they send names, not files.
const DNS_PORTS: [u16; 2] = [53, 853];

impl Downloads {
    /// Checks whether a change matters for downloads, so that it is recorded even where no file is
    /// watched.
    pub(super) fn is_relevant(
        &self,
        by: Option<ProcessIndex>,
        path: &[u8],
        action: FileAction,
        processes: &Processes,
    ) -> bool {
        if matches!(
            action,
            FileAction::Attributes | FileAction::Open | FileAction::Unknown
        ) {
            return false;
        }
        let is_download = action == FileAction::Written
            && by.is_some_and(|by| {
                processes[by].has_connected || self.source(by, path, processes).is_some()
            });
        // An event between a name that goes and one that comes separates the two.
        is_download
            || by.is_some_and(|by| self.taken.contains_key(&by))
            || self.below(path).next().is_some()
    }

    /// Notes a change of a file, as far as it concerns a download.
    ///
    /// `connections` is the count of all connections by then.
    pub(super) fn file(
        &mut self,
        file: &FileEvent,
        moment: Moment,
        processes: &Processes,
        connections: usize,
    ) {
        let by = moment.by;
        match file.action() {
            FileAction::Attributes | FileAction::Open | FileAction::Unknown => {}
            FileAction::Created | FileAction::Written => {
                if let Some(by) = by {
                    self.taken.remove(&by);
                }
                self.written(file, moment, processes, connections);
            }
            FileAction::Renamed => {
                self.end(&file.path, moment, End::Overwritten);
                let taken = by.and_then(|by| self.taken.remove(&by));
                let taken = taken.map_or_else(Vec::new, |taken| taken.files);
                if let Some(version) = self.of_file(file.identity).filter(|_| taken.is_empty()) {
                    self.carry(file.path.clone(), moment, version);
                }
                for (rest, version) in taken {
                    let path = [file.path.as_slice(), &rest].concat();
                    self.carry(path, moment, version);
                }
            }
            FileAction::Removed => {
                let taken = self.take(&file.path);
                for (rest, _) in &taken.files {
                    let path = [taken.from.as_slice(), rest].concat();
                    self.end(&path, moment, End::Removed);
                    if let Some(version) = self.current_mut(&path) {
                        version.may_be_gone = true;
                    }
                }
                let Some(by) = by else {
                    return;
                };
                self.taken.remove(&by);
                if !taken.files.is_empty() {
                    self.taken.insert(by, taken);
                }
                if self.taken.len() > TAKEN_LIMIT {
                    self.taken.pop_first();
                }
            }
        }
    }

    fn written(
        &mut self,
        file: &FileEvent,
        moment: Moment,
        processes: &Processes,
        connections: usize,
    ) {
        let is_written = file.action() == FileAction::Written;
        let writer = moment.by.filter(|_| is_written);
        let source = writer.and_then(|writer| self.source(writer, &file.path, processes));
        let linked = match is_written {
            true => None,
            false => self.of_file(file.identity),
        };
        if let Some(version) = linked {
            self.carry(file.path.clone(), moment, version);
        } else if let Some(source) = source {
            let version = self.version_from(source, connections, moment, file.identity);
            if let Some(version) = version {
                self.carry(file.path.clone(), moment, version);
            }
        } else if let Some(writer) = writer.filter(|writer| processes[*writer].has_connected) {
            match self.current_mut(&file.path) {
                Some(version) if version.begun.by == Some(writer) => {
                    version.connections = connections;
                    version.identity = file.identity;
                    version.may_be_gone = false;
                    if let Some(identity) = file.identity {
                        let version = version.clone();
                        self.note_file(identity, version);
                    }
                }
                Some(_) | None => self.add(
                    file.path.clone(),
                    Version {
                        writer,
                        carrier: None,
                        archive: None,
                        identity: file.identity,
                        connections,
                        begun: moment,
                        ended: None,
                        may_be_gone: false,
                    },
                ),
            }
        } else {
            self.end(&file.path, moment, End::Overwritten);
        }
    }

    /// Returns the files that a process executes now and that may be downloads.
    pub(super) fn executed_by(&self, runner: ProcessIndex, process: &Process) -> Vec<Vec<u8>> {
        if self.versions.is_empty() {
            return Vec::new();
        }
        let runs = runs(runner, process).map(|run| run.path);
        runs.filter(|path| self.current(path).is_some()).collect()
    }

    /// Lists the first processes that executed each possible download.
    pub(super) fn runners(&self, processes: &Processes) -> Vec<ProcessIndex> {
        if self.versions.is_empty() {
            return Vec::new();
        }
        let mut seen = HashSet::new();
        let mut is_first = |run: Run| {
            let Some(versions) = self.versions.get(&run.path) else {
                return false;
            };
            let version = self.version_of(&run, processes);
            let version = version.and_then(|version| {
                let mut all = versions.iter();
                all.position(|one| std::ptr::eq(one, version))
            });
            seen.insert((run.path, version))
        };
        let mut runners = Vec::new();
        for (runner, process) in processes.iter() {
            // Each of its files counts, so there is no short cut.
            let firsts = runs(runner, process).map(&mut is_first);
            if firsts.fold(false, |any, first| any | first) {
                runners.push(runner);
            }
        }
        runners
    }

    /// Notes the program of a process that is about to run another.
    pub(super) fn note_former_program(&mut self, runner: ProcessIndex, processes: &Processes) {
        if self.versions.is_empty() || self.former.len() >= FORMER_LIMIT {
            return;
        }
        let runs: Vec<Run> = runs(runner, &processes[runner])
            .filter(|run| self.versions.contains_key(&run.path))
            .collect();
        self.former.extend(runs);
    }

    /// Returns the files whose writer had received data, and which another process, or a later
    /// program of the same, executed. They are in the order of their first executions. Files of
    /// native code that were not executed follow.
    ///
    /// The search runs at the end, for two reasons. fanotify reports a file a little later than the
    /// kernel reports its execution. The bytes of a connection are known when it closes.
    pub(super) fn find(&self, processes: &Processes, connections: &[Connection]) -> Vec<Download> {
        let mut found: Vec<Download> = Vec::new();
        if self.versions.is_empty() {
            return found;
        }
        let mut sources: BTreeMap<ProcessIndex, Vec<&Connection>> = BTreeMap::new();
        for connection in connections.iter().filter(|it| may_have_brought(it)) {
            sources
                .entry(connection.owner)
                .or_default()
                .push(connection);
        }
        let now = processes
            .iter()
            .flat_map(|(runner, process)| runs(runner, process));
        let now: Vec<Run> = now
            .filter(|run| self.versions.contains_key(&run.path))
            .collect();
        let all = self.former.iter().chain(&now);
        let mut runs: Vec<(&Run, &Version)> = all
            .filter_map(|run| Some((run, self.version_of(run, processes)?)))
            .collect();
        runs.sort_by_key(|(run, _)| run.executed_ns);
        let mut places: BTreeMap<(&[u8], Vec<Option<SocketAddr>>), usize> = BTreeMap::new();
        for (run, version) in runs {
            let own = before(sources.get(&version.writer), version);
            if own.is_empty() {
                continue;
            }
            let mut remotes: Vec<_> = own.iter().map(|connection| connection.remote).collect();
            remotes.sort();
            remotes.dedup();
            let place = *places.entry((&run.path, remotes)).or_insert(found.len());
            if let Some(known) = found.get_mut(place) {
                known.executions += 1;
                continue;
            }
            found.push(Download {
                path: run.path.clone(),
                writer: version.writer,
                carrier: version.carrier,
                archive: version.archive.clone(),
                content: self.content(&run.path),
                connections: own.iter().map(|connection| connection.position()).collect(),
                runner: Some(run.runner),
                executions: 1,
                native: NativeCode::None,
            });
        }
        let executed: BTreeSet<Vec<u8>> = found.iter().map(|it| it.path.clone()).collect();
        for (path, version, native) in self.natives() {
            let own = before(sources.get(&version.writer), version);
            if own.is_empty() || executed.contains(path) {
                continue;
            }
            found.push(Download {
                path: path.to_vec(),
                writer: version.writer,
                carrier: version.carrier,
                archive: version.archive.clone(),
                content: native.content(version),
                connections: own.iter().map(|connection| connection.position()).collect(),
                runner: None,
                executions: 0,
                native: native.code,
            });
        }
        found
    }

    /// Returns the version of a path at the time of an execution.
    fn version_of(&self, run: &Run, processes: &Processes) -> Option<&Version> {
        let versions = self.versions.get(&run.path)?;
        let version = versions.iter().rfind(|version| {
            // A process that has written its own script continues its own program.
            let is_other = version.begun.by != Some(run.runner);
            is_after(run.executed_ns, version.begun, processes).unwrap_or(is_other)
        })?;
        let is_over = version.ended.is_some_and(|(moment, end)| {
            // An executed version existed then.
            is_after(run.executed_ns, moment, processes).unwrap_or(end == End::Overwritten)
        });
        (!is_over).then_some(version)
    }
}

/// Returns the last connections of a writer from before a version.
fn before<'a>(sources: Option<&Vec<&'a Connection>>, version: &Version) -> Vec<&'a Connection> {
    let own = sources.map_or(&[][..], Vec::as_slice).iter();
    let own = own.filter(|connection| connection.position() < version.connections);
    let mut own: Vec<&Connection> = own.copied().collect();
    own.drain(..own.len().saturating_sub(SOURCES));
    own
}

/// Iterates over the files that a process executes: its program, or the script given to it.
fn runs(runner: ProcessIndex, process: &Process) -> impl Iterator<Item = Run> + use<> {
    let mut paths = Vec::new();
    if process.execs > 0 {
        paths.push(process.exe.to_vec());
        paths.push(absolute(&process.cwd, &process.filename));
        let script = script::of(base_name(&process.exe), &process.argv);
        paths.extend(script.map(|word| absolute(&process.cwd, word)));
        paths.dedup();
    }
    let executed_ns = process.executed_ns;
    paths.into_iter().map(move |path| Run {
        executed_ns,
        runner,
        path,
    })
}

/// Compares a time with a moment; `None` where the delay leaves the order open.
fn is_after(time_ns: u64, moment: Moment, processes: &Processes) -> Option<bool> {
    let by = moment.by.map(|by| &processes[by]);
    let forked_ns = by.and_then(|by| by.forked_ns).unwrap_or(0);
    let ended_ns = by.and_then(|by| by.ended()).map(|(ended_ns, _)| ended_ns);
    if time_ns >= moment.reported_ns {
        Some(true)
    } else if time_ns <= forked_ns {
        Some(false)
    } else if ended_ns.is_some_and(|ended_ns| ended_ns <= time_ns) {
        Some(true)
    } else if time_ns.saturating_add(LAG_NS) < moment.reported_ns {
        Some(false)
    } else {
        None
    }
}

/// Checks whether a connection may have brought data; an open one, whether a peer answered.
pub(super) fn may_have_brought(connection: &Connection) -> bool {
    if connection
        .remote
        .is_some_and(|remote| DNS_PORTS.contains(&remote.port()))
    {
        return false;
    }
    let has_received = connection.bytes().is_some_and(|(_, received)| received > 0);
    let is_established = connection.protocol == Protocol::Tcp
        && matches!(connection.state, State::Open | State::Closing);
    has_received || is_established
}

/// Makes a path absolute, as text, relative to a process's directory. Links are not followed.
pub(super) fn absolute(directory: &[u8], path: &[u8]) -> Vec<u8> {
    let whole = match (path.starts_with(b"/"), directory.is_empty()) {
        (true, _) => path.to_vec(),
        (false, false) => [directory, b"/", path].concat(),
        (false, true) => return path.to_vec(),
    };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in whole.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    [b"/", parts.join(&b'/').as_slice()].concat()
}
