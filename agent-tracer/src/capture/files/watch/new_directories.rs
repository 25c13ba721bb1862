//! Delays the marks of new directories. An unpacker sets the attributes of files in a directory
//! that it has just made. Those events cost more than they are worth: all files in there are new,
//! and their author is known.

use std::{
    collections::VecDeque,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Delay before a new directory is marked.
const GRACE: Duration = Duration::from_secs(1);

/// A new directory.
pub(super) struct NewDirectory {
    pub(super) path: PathBuf,
    /// True if it was created empty, in a file system that is watched as a whole: then its later
    /// entries are reported anyway.
    pub(super) is_empty: bool,
}

/// New directories that are not marked yet.
#[derive(Default)]
pub(super) struct Unmarked(VecDeque<(Instant, PathBuf)>);

impl Unmarked {
    pub(super) fn add(&mut self, directory: PathBuf) {
        self.0.push_back((Instant::now(), directory));
    }

    /// Returns one directory whose delay is over.
    pub(super) fn take_due(&mut self) -> Option<PathBuf> {
        let (since, _) = self.0.front()?;
        if since.elapsed() < GRACE {
            return None;
        }
        self.0.pop_front().map(|(_, directory)| directory)
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command};

    use super::{super::FileWatch, GRACE};
    use crate::{capture::Roots, event::FileAction};

    fn run(place: &Path, script: &str) {
        let mut command = Command::new("sh");
        let done = command.args(["-e", "-c", script]).current_dir(place);
        assert!(done.status().expect("a shell").success());
    }

    fn attributes(watch: &mut FileWatch, place: &Path) -> Vec<String> {
        let mut reported = Vec::new();
        for change in watch.drain() {
            if let Ok(path) = change.path.strip_prefix(place)
                && change.action == FileAction::Attributes
            {
                reported.push(path.display().to_string());
            }
        }
        reported.sort();
        reported
    }

    #[test]
    fn attributes_are_reported_where_files_were_before() {
        let place = tempfile::tempdir().expect("a directory");
        let place = place.path();
        run(
            place,
            "mkdir -p root/old/deep elsewhere/in && touch root/old/deep/file elsewhere/in/file",
        );
        let root = place.join("root");
        let roots = Roots::new(std::slice::from_ref(&root), &[]).expect("roots");
        let Ok(mut watch) = FileWatch::start(&roots) else {
            // Needs root; the live tests insist on it.
            println!("skipped: fanotify");
            return;
        };
        run(
            place,
            "mkdir root/new && touch root/new/file && mv elsewhere root/moved && chmod 600 \
             root/old/deep/file",
        );
        assert_eq!(attributes(&mut watch, &root), ["old/deep/file"]);
        run(place, "chmod 600 root/moved/in/file");
        assert_eq!(attributes(&mut watch, &root), ["moved/in/file"]);
        std::thread::sleep(GRACE);
        attributes(&mut watch, &root);
        run(place, "chmod 600 root/new/file");
        assert_eq!(attributes(&mut watch, &root), ["new/file"]);
    }
}
