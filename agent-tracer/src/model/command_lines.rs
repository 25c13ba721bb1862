//! Finds the program that got an argument, for changes without another explanation.

use indexmap::IndexMap;

use super::{ProcessIndex, process::base_name, processes::Processes};

/// Command lines of the programs with some names, each with the last process that had it.
pub struct CommandLines<'a> {
    processes: &'a Processes,
    names: &'a [&'a [u8]],
    last_first: IndexMap<&'a [Vec<u8>], ProcessIndex>,
}

impl<'a> CommandLines<'a> {
    pub(super) fn of(names: &'a [&'a [u8]], processes: &'a Processes) -> CommandLines<'a> {
        let mut last_first = IndexMap::new();
        for (index, process) in processes.iter().rev() {
            if process.execs > 0
                && process.names.iter().any(|name| names.contains(&&**name))
                && process.argv.len() > 1
            {
                last_first.entry(&*process.argv).or_insert(index);
            }
        }
        CommandLines {
            processes,
            names,
            last_first,
        }
    }

    /// Finds the last process with this text in an argument, or the process that made it run.
    ///
    /// The names of a process include those of a fork, until that executes another program.
    pub fn last_with(&self, text: &[u8]) -> Option<ProcessIndex> {
        let finder = memchr::memmem::Finder::new(text);
        let has_text = |argv: &[Vec<u8>]| {
            let mut words = argv.iter().skip(1);
            words.any(|word| finder.find(word).is_some())
        };
        self.last_where(has_text)
    }

    /// Finds the last process with such a command line, or the process that made it run.
    pub fn last_where(&self, is_it: impl Fn(&[Vec<u8>]) -> bool) -> Option<ProcessIndex> {
        let mut all = self.last_first.iter();
        let (_, last) = all.find(|(argv, _)| is_it(argv))?;
        let is_called = |index: &ProcessIndex| {
            let process = &self.processes[*index];
            let first = process.argv.first().map_or(&[][..], Vec::as_slice);
            let now = [
                &process.comm,
                base_name(&process.filename),
                base_name(first),
            ];
            now.iter().any(|name| self.names.contains(name))
        };
        std::iter::once(*last)
            .chain(self.processes.ancestors(*last))
            .find(is_called)
            .or(Some(*last))
    }
}
