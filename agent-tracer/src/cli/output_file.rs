//! Writes a file that appears whole or not at all, even on a full disk.

use std::{fs::File, io, path::Path};

use agent_tracer::trace::{CreateError, NewFile};

use super::output::sudo_caller;

/// A file that is being written.
pub(super) struct OutputFile(NewFile);

impl OutputFile {
    /// Creates the file, private like a trace. It belongs to the caller of sudo, where possible.
    pub(super) fn create(path: &Path, overwrite: bool) -> Result<OutputFile, CreateError> {
        let new = match NewFile::create(path, overwrite, sudo_caller()) {
            Err(CreateError::Owner { .. }) => NewFile::create(path, overwrite, None),
            done => done,
        };
        new.map(OutputFile)
    }

    /// Returns the open file.
    pub(super) fn file(&self) -> &File {
        self.0.file()
    }

    /// Gives the whole file its name.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.publish().map_err(io::Error::other)?;
        self.0.keep();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::OutputFile;

    #[test]
    fn whole_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("report.html");
        let begin = |overwrite| {
            let file = OutputFile::create(&path, overwrite).expect("a file");
            file.file().write_all(b"new").expect("it is written");
            file
        };
        let names = || fs::read_dir(directory.path()).expect("names").count();
        drop(begin(false));
        assert_eq!(names(), 0);
        fs::write(&path, "before").expect("a file");
        drop(begin(true));
        assert_eq!(fs::read_to_string(&path).expect("a file"), "before");
        begin(true).finish().expect("it is whole");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "new");
        assert_eq!(names(), 1);
    }
}
