//! Compares two listings of find(1) with the file events of a recording between them. It checks
//! that both agree; authors are checked elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::stage::{Listing, Stage};
use crate::harness::{Recording, Trace};

/// Listings and the recording's rows.
pub(super) struct Changed {
    pub(super) before: Listing,
    pub(super) after: Listing,
    /// Paths in the layer, before or after.
    layer: BTreeSet<Vec<u8>>,
    /// The directories that the recording covered, by its own account.
    roots: Vec<PathBuf>,
    /// All rows of `changes`.
    rows: Vec<Value>,
    /// Of each process its parent and its name.
    processes: BTreeMap<u64, (u64, String)>,
}

impl Changed {
    /// Records a command, which must succeed.
    pub(super) fn by(stage: &Stage, command: Vec<OsString>) -> Changed {
        Changed::recorded(stage, stage.recording(command))
    }

    /// Makes a recording, whose command must succeed.
    pub(super) fn recorded(stage: &Stage, recording: Recording) -> Changed {
        let (before, mut layer) = (stage.list(), stage.layer());
        let recorded = recording.run();
        let after = stage.list();
        layer.extend(stage.layer());
        let messages = recorded.ended.messages();
        assert_eq!(recorded.ended.code, Some(0), "it failed: {messages}");
        let trace = recorded.trace();
        Changed {
            before,
            after,
            layer,
            rows: trace.lives("changes", ["--all"]),
            roots: roots(&trace),
            processes: processes(&trace),
        }
    }

    /// Returns the row of each path that differs. Each has one unless it is outside the tool's
    /// roots, and no other path has one. Changes by the machine itself are left out.
    pub(super) fn rows(&self, stage: &Stage) -> BTreeMap<&[u8], &Value> {
        let is_inside = |path: &&[u8]| {
            let is_own = self.layer.contains(*path);
            let path = Path::new(OsStr::from_bytes(path));
            let is_below = self.roots.iter().any(|root| path.starts_with(root));
            is_below && (is_own || !stage.is_of_machine(path))
        };
        let (differing, reported) = (self.differing(), self.reported());
        let wanted: BTreeSet<&[u8]> = differing.iter().copied().filter(is_inside).collect();
        let rows: BTreeMap<&[u8], &Value> = wanted
            .iter()
            .filter_map(|path| {
                Some((
                    *path,
                    reported.get(path).or_else(|| reported.get(unit(path)))?,
                ))
            })
            .map(|(path, row)| (path, *row))
            .collect();
        let missing = wanted.iter().filter(|path| !rows.contains_key(*path));
        let missing: Vec<_> = missing.map(|path| String::from_utf8_lossy(path)).collect();
        let more = reported.keys().filter(|path| path.starts_with(b"/"));
        let more = more.filter(|path| !wanted.contains(*path));
        let more: Vec<_> = more
            .copied()
            .filter(is_inside)
            .map(String::from_utf8_lossy)
            .collect();
        println!(
            "{} paths differ, {} within roots",
            differing.len(),
            wanted.len()
        );
        assert!(
            missing.is_empty() && more.is_empty(),
            "not reported: {missing:#?}\nreported, but not different: {more:#?}"
        );
        for (path, row) in &rows {
            // A unit is more than one file.
            if row["kind"] != "service" {
                assert_eq!(row["action"], self.action(path), "{row}");
            }
        }
        rows
    }

    /// Returns the rows of files and units outside of the roots and in them, and the paths that
    /// differ without a row. Changes by the machine itself are left out.
    pub(super) fn everywhere(&self, stage: &Stage) -> (BTreeMap<&[u8], &Value>, Vec<String>) {
        let reported = self.reported();
        let is_own = |path: &&[u8]| {
            let of_machine = || stage.is_of_machine(Path::new(OsStr::from_bytes(path)));
            self.layer.contains(*path) || !of_machine()
        };
        let mut rows = BTreeMap::new();
        let mut missing = Vec::new();
        for path in self.differing().into_iter().filter(is_own) {
            match reported.get(path).or_else(|| reported.get(unit(path))) {
                Some(row) => drop(rows.insert(path, *row)),
                None => missing.push(String::from_utf8_lossy(path).into_owned()),
            }
        }
        (rows, missing)
    }

    /// Returns the rows of another kind than files.
    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.rows.iter().filter(move |row| row["kind"] == kind)
    }

    /// Checks whether a process, or any of its ancestors, has that name.
    pub(super) fn is_within(&self, process: &Value, name: &str) -> bool {
        let pid = process["pid"].as_u64().unwrap_or_default();
        let above = |pid: &u64| self.processes.get(pid).map(|(parent, _)| *parent);
        let mut line = std::iter::successors(Some(pid), above);
        line.any(|pid| self.processes.get(&pid).is_some_and(|(_, it)| it == name))
    }

    /// Returns the action that the listings imply for a path.
    pub(super) fn action(&self, path: &[u8]) -> &'static str {
        match (
            self.before.contains_key(path),
            self.after.contains_key(path),
        ) {
            (false, _) => "new",
            (true, false) => "gone",
            (true, true) => "changed",
        }
    }

    fn differing(&self) -> BTreeSet<&[u8]> {
        let all = self.before.keys().chain(self.after.keys());
        all.filter(|path| self.before.get(*path) != self.after.get(*path))
            .map(Vec::as_slice)
            .collect()
    }

    /// Returns rows of files by path, and of units, whose rows include their files, by name.
    fn reported(&self) -> BTreeMap<&[u8], &Value> {
        let is_wanted = |row: &&Value| {
            let kind = row["kind"].as_str();
            kind.is_some_and(|kind| ["file", "cron", "service"].contains(&kind))
        };
        let rows = self.rows.iter().filter(is_wanted);
        rows.map(|row| (row["name"].as_str().expect("a name").as_bytes(), row))
            .collect()
    }
}

/// Returns the last component of a path.
fn unit(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

fn roots(trace: &Trace) -> Vec<PathBuf> {
    let first = trace.all("files_compared").next();
    let first = first.expect("files were compared");
    let roots = first.0["roots"].as_array().expect("a list").iter();
    roots
        .map(|root| PathBuf::from(root.as_str().expect("a path")))
        .collect()
}

fn processes(trace: &Trace) -> BTreeMap<u64, (u64, String)> {
    let lives = trace.processes(["--tree", "command"]).into_iter();
    let number = |life: &Value, key: &str| life[key].as_u64().unwrap_or_default();
    let name = |life: &Value| life["name"].as_str().unwrap_or_default().to_owned();
    lives
        .map(|life| (number(&life, "pid"), (number(&life, "ppid"), name(&life))))
        .collect()
}
