//! Notes programs that were executed from unusual places.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{Process, ProcessIndex};
use crate::event::Exec;

/// A place that programs are seldom executed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnusualPlace {
    /// A file in memory alone (memfd_create(2)).
    Memory,
    /// A file whose last name was removed before.
    Unlinked,
    /// A directory that every user can write to, and the user was root.
    Temporary,
}

/// Directories that every user can write to.
const TEMPORARY: [&[u8]; 3] = [b"/tmp/", b"/var/tmp/", b"/dev/shm/"];

/// A program from an unusual place.
#[derive(Clone, Debug)]
pub struct UnusualProgram {
    /// The first process that executed it.
    pub process: ProcessIndex,
    /// Its path, or the script's.
    pub path: Arc<[u8]>,
    /// The place.
    pub place: UnusualPlace,
}

/// All of them, by path.
#[derive(Default)]
pub(super) struct UnusualPrograms {
    all: IndexMap<Arc<[u8]>, UnusualProgram>,
}

impl UnusualPrograms {
    pub(super) fn iter(&self) -> impl Iterator<Item = &UnusualProgram> {
        self.all.values()
    }

    /// Notes an exec that the process has made.
    pub(super) fn note(&mut self, index: ProcessIndex, process: &Process, exec: &Exec) {
        let Some((path, place)) = place(process, exec) else {
            return;
        };
        let program = self.all.entry(Arc::clone(path));
        program.or_insert_with(|| UnusualProgram {
            process: index,
            path: Arc::clone(path),
            place,
        });
    }
}

fn place<'p>(process: &'p Process, exec: &Exec) -> Option<(&'p Arc<[u8]>, UnusualPlace)> {
    if process.exe.starts_with(b"/memfd:") {
        return Some((&process.exe, UnusualPlace::Memory));
    }
    if exec.identity.as_ref().is_some_and(|file| file.is_unlinked) {
        return Some((&process.exe, UnusualPlace::Unlinked));
    }
    let is_temporary = |path: &[u8]| {
        TEMPORARY
            .iter()
            .any(|directory| path.starts_with(directory))
    };
    let paths = [&process.exe, &process.filename];
    let path = paths.into_iter().find(|path| is_temporary(path))?;
    (process.user == 0).then_some((path, UnusualPlace::Temporary))
}
