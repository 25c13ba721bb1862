//! Notes every program that a process executed: the model keeps the last one of each process.

use std::sync::Arc;

use crate::{
    event::{Event, EventKind},
    model::{Model, ProcessIndex},
};

/// One execution.
#[derive(Clone, Debug)]
pub(super) struct Execution {
    pub(super) process: ProcessIndex,
    pub(super) user: u32,
    pub(super) exe: Arc<[u8]>,
    /// The script, as a whole path.
    pub(super) script: Option<Arc<[u8]>>,
    pub(super) argv: Arc<[Vec<u8>]>,
}

/// The executions of a recording, in their order.
#[derive(Clone, Debug, Default)]
pub struct Executions {
    pub(super) all: Vec<Execution>,
}

impl Executions {
    /// Notes an event that the model has just applied.
    pub fn note(&mut self, model: &Model, event: &Event) {
        let EventKind::Exec(exec) = &event.kind else {
            return;
        };
        let Some(index) = model.find(event.process) else {
            return;
        };
        let process = model.process(index);
        let is_script = !exec.interpreter.is_empty() && exec.interpreter != exec.filename;
        let script = is_script.then(|| match exec.filename.starts_with(b"/") {
            true => Arc::clone(&process.filename),
            false => whole(&exec.cwd, &exec.filename).into(),
        });
        self.all.push(Execution {
            process: index,
            user: process.user,
            exe: Arc::clone(&process.exe),
            script,
            argv: Arc::clone(&process.argv),
        });
    }
}

/// Joins a directory and a path below it. `..` stays as written.
fn whole(directory: &[u8], path: &[u8]) -> Vec<u8> {
    let mut path = path;
    while let Some(rest) = path.strip_prefix(b"./") {
        path = rest;
    }
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    [directory, b"/", path].concat()
}

#[cfg(test)]
mod tests {
    #[test]
    fn scripts_have_whole_paths() {
        assert_eq!(super::whole(b"/tmp", b"././x.sh"), b"/tmp/x.sh");
        assert_eq!(super::whole(b"/", b"x.sh"), b"/x.sh");
    }
}
