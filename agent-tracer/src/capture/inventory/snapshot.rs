//! Holds the entries of one subject at one time, in bounds, with the problems of reading them.
//! Compares two of them.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::Path,
};

use sha2::{Digest, Sha256};

use crate::{
    capture::{
        baseline::{Baseline, BaselineBuilder},
        files::safe_open,
    },
    event::Difference,
};

/// Limit of entries, more than any working machine has.
const ENTRIES: usize = 100_000;

/// Limit of a name or a value in bytes. A rule of a firewall may list thousands of addresses.
const LENGTH: usize = 4096;

/// The entries of one subject, with their values.
#[derive(Clone, Default)]
pub(super) struct Snapshot {
    pub(super) entries: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The reason why entries are missing, else empty. The same obstacle has the same words, see
    /// [`Snapshot::compare`].
    pub(super) problem: String,
}

/// A snapshot in less memory, its entries as differences from nothing.
pub(super) struct PackedSnapshot {
    entries: Baseline<Difference>,
    problem: String,
}

impl PackedSnapshot {
    /// Unpacks the snapshot.
    pub(super) fn unpack(&self) -> Snapshot {
        let entries = self.entries.iter().map(|entry| {
            let entry = entry?;
            Ok((entry.name, entry.after.unwrap_or_default()))
        });
        match entries.collect() {
            Ok(entries) => Snapshot {
                entries,
                problem: self.problem.clone(),
            },
            Err(problem) => Snapshot::failed(problem),
        }
    }
}

impl Snapshot {
    /// Packs the snapshot.
    pub(super) fn pack(self) -> PackedSnapshot {
        let mut entries = BaselineBuilder::new();
        for (name, value) in self.entries {
            entries.push(&Difference {
                name,
                before: None,
                after: Some(value),
                origin: None,
            });
        }
        PackedSnapshot {
            entries: entries.finish(),
            problem: self.problem,
        }
    }

    pub(super) fn failed(problem: String) -> Snapshot {
        Snapshot {
            problem,
            ..Snapshot::default()
        }
    }

    /// Collects entries. A repeated name gets a number.
    pub(super) fn of(entries: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Snapshot {
        let mut snapshot = Snapshot::default();
        // Count of each name; its second use is another entry.
        let mut counts: HashMap<Vec<u8>, usize> = HashMap::new();
        for (name, value) in entries {
            if snapshot.entries.len() >= ENTRIES {
                snapshot.add_problem(format!("there are more than {ENTRIES}"));
                break;
            }
            let (name, value) = (shortened(name), shortened(value));
            let count = counts.entry(name.clone()).or_default();
            let mut own = name.clone();
            loop {
                *count += 1;
                if *count > 1 {
                    own = [&name, format!(" ({count})").as_bytes()].concat();
                }
                // Another entry may have just that name.
                if !snapshot.entries.contains_key(&own) {
                    break;
                }
            }
            snapshot.entries.insert(own, value);
        }
        snapshot
    }

    /// Adds a problem.
    pub(super) fn add_problem(&mut self, problem: String) {
        if !self.problem.is_empty() {
            self.problem.push_str("; ");
        }
        self.problem.push_str(&problem);
    }

    /// Returns the differences to a later snapshot, in the order of names, and the problems. With
    /// different problems there are no differences: half of the entries would be new or gone.
    pub(super) fn compare(&self, later: &Snapshot) -> (Vec<Difference>, String) {
        if self.problem != later.problem {
            let times = [("at the start", self), ("at the end", later)];
            let problems = times
                .into_iter()
                .filter(|(_, snapshot)| !snapshot.problem.is_empty())
                .map(|(when, snapshot)| format!("{when}: {}", snapshot.problem));
            return (Vec::new(), problems.collect::<Vec<_>>().join("; "));
        }
        let mut differences = BTreeMap::new();
        for (name, value) in &self.entries {
            let now = later.entries.get(name);
            if now != Some(value) {
                differences.insert(name, (Some(value), now));
            }
        }
        for (name, value) in &later.entries {
            if !self.entries.contains_key(name) {
                differences.insert(name, (None, Some(value)));
            }
        }
        let differences = differences
            .into_iter()
            .map(|(name, (before, after))| Difference {
                name: name.clone(),
                before: before.cloned(),
                after: after.cloned(),
                origin: None,
            });
        (differences.collect(), self.problem.clone())
    }
}

/// Shortens long bytes. A digest keeps the difference in the removed part.
fn shortened(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() > LENGTH {
        let digest = Sha256::digest(&bytes);
        let digest: String = digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let rest = format!("… ({} bytes, SHA-256 {digest}…)", bytes.len());
        bytes.truncate(LENGTH);
        bytes.extend(rest.bytes());
    }
    bytes
}

/// Reads a file of at most `limit` bytes; `None` if there is no file. Part of a file would be
/// useless, see [`Snapshot::compare`].
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, String> {
    let failed = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let file = match safe_open::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let bytes = safe_open::read(file, limit + 1).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(format!(
            "cannot read {}: it has more than {limit} bytes",
            path.display()
        ));
    }
    Ok(Some(bytes))
}

/// Takes the snapshot of a file by a parser of its text; `None` if there is no file.
pub(super) fn of_file(
    path: &str,
    limit: u64,
    parse: impl FnOnce(&[u8]) -> Snapshot,
) -> Option<Snapshot> {
    match read(Path::new(path), limit) {
        Ok(None) => None,
        Ok(Some(text)) => Some(parse(&text)),
        Err(problem) => Some(Snapshot::failed(problem)),
    }
}

pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// Entries as text, for tests.
#[cfg(test)]
pub(super) fn texts(snapshot: &Snapshot) -> Vec<String> {
    let all = snapshot.entries.iter();
    all.map(|(name, value)| {
        let name = String::from_utf8_lossy(name);
        format!("{name} = {}", String::from_utf8_lossy(value))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{ENTRIES, LENGTH, Snapshot, read, texts};

    #[test]
    fn the_second_of_a_name_has_a_number() {
        let entry = |name: &str| (name.into(), b"x".to_vec());
        let snapshot = Snapshot::of(["a", "a (2)", "a", "b", "a"].map(entry));
        assert_eq!(
            texts(&snapshot),
            ["a = x", "a (2) = x", "a (3) = x", "a (4) = x", "b = x"]
        );
        assert_eq!(snapshot.problem, "");
    }

    #[test]
    fn bounds_hold() {
        let many = (0..ENTRIES + 5).map(|_| (b"a".to_vec(), Vec::new()));
        let snapshot = Snapshot::of(many);
        assert_eq!(snapshot.entries.len(), ENTRIES);
        assert_eq!(snapshot.problem, format!("there are more than {ENTRIES}"));
        let mut long = vec![0xff; 1 << 20];
        let one = Snapshot::of([(long.clone(), Vec::new())]);
        long.push(0xfe);
        let other = Snapshot::of([(long, Vec::new())]);
        let length = one.entries.keys().map(Vec::len).max();
        assert!(length.is_some_and(|length| length < LENGTH + 100));
        assert_eq!(one.compare(&other).0.len(), 2);
    }

    #[test]
    fn files_that_are_none_and_files_that_are_too_much() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("it");
        assert_eq!(read(&path, 3), Ok(None));
        fs::write(&path, "abc").expect("a file");
        assert_eq!(read(&path, 3), Ok(Some(b"abc".to_vec())));
        assert!(read(&path, 2).is_err_and(|problem| problem.ends_with(" has more than 2 bytes")));
        assert!(read(directory.path(), 2).is_err());
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        assert!(read(&pipe, 2).is_err_and(|problem| problem.ends_with("it is not a regular file")));
        assert!(read(Path::new("/dev/zero"), 2).is_err());
    }
}
