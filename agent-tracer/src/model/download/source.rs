//! Infers the origin of a written file: a copy of a download, something unpacked from one, or the
//! other end of a pipe.

use super::{Downloads, Moment, absolute, versions::Version};
use crate::{
    event::FileIdentity,
    model::{Process, ProcessIndex, process::base_name, processes::Processes},
};

/// Programs that copy their arguments to the last one, or into it.
const COPIERS: [&[u8]; 5] = [b"cp", b"install", b"mv", b"ln", b"link"];

/// Programs that unpack or decode an archive, from a file or a pipe.
const UNPACKERS: [&[u8]; 33] = [
    b"7z",
    b"7za",
    b"7zr",
    b"ar",
    b"base64",
    b"bsdtar",
    b"bsdunzip",
    b"bunzip2",
    b"bzip2",
    b"cat",
    b"cpio",
    b"dd",
    b"dpkg",
    b"dpkg-deb",
    b"funzip",
    b"gpg",
    b"gunzip",
    b"gzip",
    b"jar",
    b"openssl",
    b"pax",
    b"rpm",
    b"tar",
    b"tee",
    b"unrar",
    b"unsquashfs",
    b"unxz",
    b"unzip",
    b"unzstd",
    b"xz",
    b"xzcat",
    b"zcat",
    b"zstd",
];

/// Programs that run scripts. One may unpack what another process of its tree downloaded. Compilers
/// and linkers make native code themselves, so they are not in it.
const INTERPRETERS: [&[u8]; 9] = [
    b"node", b"nodejs", b"python", b"perl", b"ruby", b"java", b"php", b"deno", b"bun",
];

/// Count of generations above that are searched for a downloader.
const GENERATIONS: usize = 4;

/// Longest time between the forks of two ends of a pipe.
const PIPELINE_NS: u64 = 200_000_000;

/// Limit of processes that are searched for the other end of a pipe: the last ones.
pub(in crate::model) const NEIGHBOURS: usize = 64;

/// Limit of processes that are searched for a downloader beside an unpacker: the last ones.
pub(in crate::model) const BESIDE: usize = 1024;

/// The origin of a written file.
pub(super) enum Source {
    /// The download at a path, under another name.
    Copy(Vec<u8>),
    /// The download at a path, an archive or a script.
    Archive(Vec<u8>),
    /// A process with network peers, at the other end of a pipe.
    Pipe(ProcessIndex),
}

impl Downloads {
    /// Finds the origin of a file that a process writes.
    pub(super) fn source(
        &self,
        by: ProcessIndex,
        path: &[u8],
        processes: &Processes,
    ) -> Option<Source> {
        let process = &processes[by];
        if let Some(source) = self.given(process, path) {
            return Some(source);
        }
        let is_unpacker = |process: &Process| UNPACKERS.contains(&base_name(&process.exe));
        if process.has_connected || !is_unpacker(process) {
            return None;
        }
        // `curl … | tar x`, and `tail archive | tar x` within a script that is its own archive.
        let mut neighbours = processes.newest(NEIGHBOURS);
        let other = neighbours.find(|(index, other)| {
            let is_near = match (other.forked_ns, process.forked_ns) {
                (Some(one), Some(two)) => {
                    let ended = other.ended().map(|(ended_ns, _)| ended_ns);
                    one.abs_diff(two) <= PIPELINE_NS && ended.is_none_or(|ended| ended >= two)
                }
                _ => false,
            };
            *index != by
                && is_near
                && other.parent.is_some()
                && other.parent == process.parent
                && (other.has_connected || self.named(other).is_some())
        });
        if let Some((other, other_process)) = other {
            return match self.named(other_process) {
                Some(archive) => Some(Source::Archive(archive)),
                None => Some(Source::Pipe(other)),
            };
        }
        let parent = process.parent?;
        self.named(&processes[parent]).map(Source::Archive)
    }

    /// Finds a relative in the same tree that had network peers, for a process that unpacks files
    /// and had none: an ancestor, or a child of the same parent.
    pub(super) fn relative(&self, by: ProcessIndex, processes: &Processes) -> Option<ProcessIndex> {
        let process = &processes[by];
        let name = base_name(&process.exe);
        let is_of_version = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let end = name.iter().rposition(|byte| !is_of_version(byte));
        let stem = end.and_then(|end| name.get(..=end)).unwrap_or_default();
        if process.has_connected || !(UNPACKERS.contains(&name) || INTERPRETERS.contains(&stem)) {
            return None;
        }
        let is_downloader = |other: &Process| other.has_connected && other.tree == process.tree;
        let mut above = processes.ancestors(by).take(GENERATIONS);
        let above = above.find(|above| is_downloader(&processes[*above]));
        above.or_else(|| {
            let mut beside = processes.newest(BESIDE).filter(|(other, _)| *other != by);
            let found = beside.find(|(_, other)| {
                let is_beside = process.parent.is_some() && other.parent == process.parent;
                is_beside && is_downloader(other)
            });
            found.map(|(index, _)| index)
        })
    }

    /// Finds a possible download among the arguments of a process. A copy has its name; for the
    /// last argument itself, any name will do.
    fn given(&self, process: &Process, path: &[u8]) -> Option<Source> {
        if self.versions.is_empty() {
            return None;
        }
        let (first, words) = process.argv.split_first()?;
        let given = |word: &Vec<u8>| absolute(&process.cwd, word);
        if COPIERS.contains(&base_name(first)) {
            let is_last = words.last().is_some_and(|last| given(last) == path);
            let from = words.iter().map(given).find(|from| {
                from != path
                    && (is_last || base_name(from) == base_name(path))
                    && self.current(from).is_some()
            });
            return from.map(Source::Copy);
        }
        if !UNPACKERS.contains(&base_name(&process.exe)) {
            return None;
        }
        let archive = self.named(process)?;
        (archive != path).then_some(Source::Archive(archive))
    }

    /// Returns a possible download that an argument of a process names.
    fn named(&self, process: &Process) -> Option<Vec<u8>> {
        const ARGUMENTS: usize = 32;
        if self.versions.is_empty() || process.has_connected {
            return None;
        }
        let words = process.argv.iter().skip(1).take(ARGUMENTS);
        let mut paths = words.map(|word| {
            let value = word.iter().position(|byte| *byte == b'=');
            let value = value.filter(|_| word.starts_with(b"-"));
            let word = value.and_then(|at| word.get(at + 1..)).unwrap_or(word);
            absolute(&process.cwd, word)
        });
        paths.find(|path| self.current(path).is_some())
    }

    /// Makes the version of a file that comes from another.
    pub(super) fn version_from(
        &self,
        source: Source,
        connections: usize,
        moment: Moment,
        identity: Option<FileIdentity>,
    ) -> Option<Version> {
        let (version, archive) = match source {
            Source::Copy(from) => (self.current(&from).cloned()?, None),
            Source::Archive(from) => {
                let version = self.current(&from).cloned()?;
                // The outermost archive is what was downloaded.
                let archive = version.archive.clone().or(Some(from));
                (version, archive)
            }
            Source::Pipe(writer) => {
                let version = Version {
                    writer,
                    carrier: None,
                    archive: None,
                    identity,
                    connections,
                    begun: moment,
                    ended: None,
                    may_be_gone: false,
                };
                (version, None)
            }
        };
        Some(Version {
            archive: archive.or(version.archive.clone()),
            identity,
            ..version
        })
    }
}
