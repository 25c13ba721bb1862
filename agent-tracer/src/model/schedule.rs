//! Tracks files written during the recording that run later, with their writers. These are unit
//! files, tables of cron jobs, and scripts in cron's directories. When cron runs one, the process
//! belongs to the writer's tree.

use std::{collections::BTreeMap, sync::Arc};

use sha2::{Digest, Sha256};

use super::{ProcessIndex, process::base_name, processes::Processes};
use crate::event::{
    CarriedJob, CarriedWriter, Exec, FileAction, FileEvent, JOB_DIGEST_BYTES, Party,
};

/// The writer of a file at that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// The process.
    pub by: ProcessIndex,
    /// Its process id.
    pub pid: u32,
    /// Its name at that time.
    pub name: Arc<[u8]>,
    /// The file.
    pub path: Arc<[u8]>,
}

/// Limit of files and jobs that are carried over to the next segment.
const CARRIED: usize = 4096;

impl Writer {
    /// Describes it for the next segment.
    pub(super) fn carried(&self, processes: &Processes) -> CarriedWriter {
        CarriedWriter {
            by: Party::of(self.by, processes),
            name: self.name.to_vec(),
            path: self.path.to_vec(),
        }
    }

    /// Takes it over from an earlier segment; `None` without its process.
    pub(super) fn taken_over(carried: &CarriedWriter, processes: &Processes) -> Option<Writer> {
        let by = Party::find(carried.by, processes)?;
        Some(Writer {
            by,
            pid: processes[by].id.pid,
            name: carried.name.as_slice().into(),
            path: carried.path.as_slice().into(),
        })
    }
}

/// Files written so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Schedule {
    /// By path, without a leading `/usr`: most systems have the same directories at the root.
    writers: BTreeMap<Vec<u8>, Writer>,
    /// Jobs of cron by digest, with the last table that had them.
    jobs: BTreeMap<Vec<u8>, Writer>,
}

/// Programs that run jobs, by the names of their executables.
const RUNNERS: [&[u8]; 5] = [b"cron", b"crond", b"anacron", b"atd", b"fcron"];

/// Generations between cron and a script in one of its directories: cron's child, a shell,
/// run-parts.
const GENERATIONS: usize = 6;

/// Returns the beginning of the SHA-256 of a command line, as in the table and as cron runs it.
pub fn job_digest(command: &[u8]) -> Vec<u8> {
    Sha256::digest(command)[..JOB_DIGEST_BYTES].to_vec()
}

impl Schedule {
    /// Notes a change of a file by a process, if that is known.
    pub(super) fn file(
        &mut self,
        file: &FileEvent,
        by: Option<ProcessIndex>,
        processes: &Processes,
    ) {
        let path = without_usr(&file.path).to_vec();
        // No other file makes a program run by itself.
        if !makes_run(&path) {
            return;
        }
        match (file.action(), by) {
            (FileAction::Created | FileAction::Written | FileAction::Renamed, Some(by)) => {
                let process = &processes[by];
                let writer = Writer {
                    by,
                    pid: process.id.pid,
                    name: Arc::clone(&process.comm),
                    path: file.path.as_slice().into(),
                };
                for job in &file.jobs {
                    self.jobs.insert(job.clone(), writer.clone());
                }
                self.writers.insert(path, writer);
            }
            (FileAction::Removed, _) => {
                self.writers.remove(&path);
            }
            (
                FileAction::Created
                | FileAction::Written
                | FileAction::Renamed
                | FileAction::Attributes
                | FileAction::Open
                | FileAction::Unknown,
                _,
            ) => {}
        }
    }

    /// Describes the files and jobs, for the next segment.
    pub(super) fn carried(&self, processes: &Processes) -> Vec<CarriedJob> {
        let files = self.writers.values().map(|writer| (Vec::new(), writer));
        let jobs = self.jobs.iter();
        let jobs = jobs.map(|(digest, writer)| (digest.clone(), writer));
        files
            .chain(jobs)
            .take(CARRIED)
            .map(|(digest, writer)| CarriedJob {
                digest,
                writer: Some(writer.carried(processes)),
            })
            .collect()
    }

    /// Takes over files and jobs from an earlier segment.
    pub(super) fn take_over(&mut self, carried: &[CarriedJob], processes: &Processes) {
        for job in carried {
            let writer = job.writer.as_ref();
            let Some(writer) = writer.and_then(|writer| Writer::taken_over(writer, processes))
            else {
                continue;
            };
            match job.digest.is_empty() {
                true => self
                    .writers
                    .insert(without_usr(&writer.path).to_vec(), writer),
                false => self.jobs.insert(job.digest.clone(), writer),
            };
        }
    }

    /// Iterates over the processes that are referred to.
    pub(super) fn parties(&self) -> impl Iterator<Item = ProcessIndex> {
        let writers = self.writers.values().chain(self.jobs.values());
        writers.map(|writer| writer.by)
    }

    /// Returns the process that wrote the file of a unit. Without a known path, the unit's name
    /// decides.
    pub(super) fn writer_of_unit(&self, unit: &[u8], file: Option<&[u8]>) -> Option<&Writer> {
        if let Some(file) = file {
            return self.writers.get(without_usr(file));
        }
        // An instance has the file of its template.
        let is_it = |path: &[u8]| {
            path.windows(9).any(|part| part == b"/systemd/") && {
                let name = base_name(path);
                name == unit || template_of(unit).as_deref() == Some(name)
            }
        };
        self.writers
            .iter()
            .find(|(path, _)| is_it(path))
            .map(|(_, writer)| writer)
    }

    /// Returns the process that wrote the job which a new program is, if cron runs it.
    pub(super) fn writer_of_job(
        &self,
        index: ProcessIndex,
        exec: &Exec,
        processes: &Processes,
    ) -> Option<&Writer> {
        if self.writers.is_empty() {
            return None;
        }
        let is_runner = |process: ProcessIndex| processes[process].is_system_program(&RUNNERS);
        let parent = processes[index].parent?;
        if let [_, option, command] = exec.argv.as_slice()
            && option == b"-c"
            && is_runner(parent)
        {
            return self.jobs.get(&job_digest(command));
        }
        let writer = self.writers.get(without_usr(&exec.filename))?;
        let mut ancestors = processes.ancestors(index);
        ancestors
            .by_ref()
            .take(GENERATIONS)
            .any(is_runner)
            .then_some(writer)
    }
}

/// Recognizes tables and scripts of cron, init scripts and unit files, without a leading `/usr`.
fn makes_run(path: &[u8]) -> bool {
    [&b"/etc/cron"[..], b"/var/spool/cron", b"/etc/init.d/"]
        .iter()
        .any(|begin| path.starts_with(begin))
        || memchr::memmem::find(path, b"/systemd/").is_some()
}

fn without_usr(path: &[u8]) -> &[u8] {
    match path.strip_prefix(b"/usr") {
        Some(rest) if rest.starts_with(b"/") => rest,
        Some(_) | None => path,
    }
}

/// Returns `x@.service` for `x@1.service`.
fn template_of(unit: &[u8]) -> Option<Vec<u8>> {
    let at = unit.iter().position(|byte| *byte == b'@')?;
    let dot = unit
        .iter()
        .rposition(|byte| *byte == b'.')
        .filter(|dot| *dot > at)?;
    Some([&unit[..=at], &unit[dot..]].concat())
}
