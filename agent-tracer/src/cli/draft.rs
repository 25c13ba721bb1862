//! A file that is there whole or not at all, for what can be made again: a disk that is full leaves nothing half.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use agent_tracer::trace::{self, CreateError};

use super::output::sudo_caller;

/// What is being written.
pub(super) struct Draft<'a> {
    pub(super) file: File,
    /// What it is called meanwhile: beside a file that is to be replaced, which stays until then.
    place: PathBuf,
    path: &'a Path,
    is_whole: bool,
}

impl<'a> Draft<'a> {
    /// Creates the file, private like a trace.
    pub(super) fn create(path: &'a Path, overwrite: bool) -> Result<Draft<'a>, CreateError> {
        let replaces = overwrite && path.symlink_metadata().is_ok_and(|found| found.is_file());
        let place = match (replaces, path.file_name()) {
            (true, Some(name)) => {
                let mut hidden = std::ffi::OsString::from(".");
                hidden.push(name);
                hidden.push(format!(".{}.part", std::process::id()));
                path.with_file_name(hidden)
            }
            (true, None) | (false, _) => path.to_path_buf(),
        };
        let file = create(&place, overwrite)?;
        Ok(Draft {
            file,
            place,
            path,
            is_whole: false,
        })
    }

    /// Gives it its name, now that it is whole.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.place != self.path {
            fs::rename(&self.place, self.path)?;
        }
        self.is_whole = true;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_whole {
            // What is left to say is said by whoever could not write it.
            let _ = fs::remove_file(&self.place);
        }
    }
}

/// Whoever called sudo gets what is written, like a trace, if whoever runs this may give it away.
fn create(path: &Path, overwrite: bool) -> Result<File, CreateError> {
    match trace::create(path, overwrite, sudo_caller()) {
        Err(CreateError::Owner { .. }) => trace::create(path, overwrite, None),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::Draft;

    #[test]
    fn whole_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("report.html");
        let begin = |overwrite| {
            let draft = Draft::create(&path, overwrite).expect("a draft");
            (&draft.file).write_all(b"new").expect("it is written");
            draft
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
