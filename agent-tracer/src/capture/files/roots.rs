//! Selects the parts of the file system that a recording compares. It accesses none of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::homes::{self, Homes};
use crate::glob::{Glob, Scope};

/// Directories where installers leave lasting files that no package manager looks after, and two
/// places where a few bytes mean much.
pub const USUAL_ROOTS: [&str; 9] = [
    "/opt",
    "/var/opt",
    "/etc",
    "/usr/local",
    "/usr/lib/systemd",
    "/lib/systemd",
    "/usr/lib/udev",
    "/root/.ssh",
    "/var/spool/cron",
];

/// Directories, except for the parts that are left out.
#[derive(Clone, Debug)]
pub struct Roots {
    /// Canonical, none below another; missing ones stay as given.
    pub(super) directories: Vec<PathBuf>,
    ignored: Vec<Glob>,
    homes: Homes,
}

impl Roots {
    /// Returns the usual roots.
    pub fn usual() -> Roots {
        // Only added roots can be wrong.
        Roots::new(&[], &[]).unwrap_or(Roots {
            directories: Vec::new(),
            ignored: Vec::new(),
            homes: Homes::default(),
        })
    }

    /// Adds roots to the usual ones, and leaves out all paths that a glob matches.
    ///
    /// # Errors
    ///
    /// A glob is invalid, or a directory is not absolute.
    pub fn new(more: &[PathBuf], ignored: &[String]) -> Result<Roots, String> {
        let mut all: Vec<PathBuf> = Vec::new();
        for directory in USUAL_ROOTS
            .iter()
            .map(Path::new)
            .chain(more.iter().map(PathBuf::as_path))
        {
            if !directory.is_absolute() {
                return Err(format!(
                    "cannot watch {}: it is not an absolute path",
                    directory.display()
                ));
            }
            all.push(fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned()));
        }
        all.sort();
        let mut directories: Vec<PathBuf> = Vec::new();
        for directory in all {
            if !directories.iter().any(|above| directory.starts_with(above)) {
                directories.push(directory);
            }
        }
        let ignored = ignored.iter().map(|glob| {
            Glob::new(glob, Scope::Path).map_err(|error| format!("--ignore {glob}: {error}"))
        });
        Ok(Roots {
            directories,
            ignored: ignored.collect::<Result<_, _>>()?,
            homes: Homes::default(),
        })
    }

    /// Makes roots of one user's `.ssh` alone, for tests.
    #[cfg(test)]
    pub(super) fn of_home(home: &Path) -> Roots {
        Roots {
            directories: Vec::new(),
            ignored: Vec::new(),
            homes: Homes::of(home),
        }
    }

    /// Adds the `.ssh` of each current user, and returns the new ones. Those of former users stay.
    pub fn find_homes(&mut self) -> Vec<PathBuf> {
        let mut homes = std::mem::take(&mut self.homes);
        let new = homes.find(|directory| !self.is_below(directory) && !self.leaves_out(directory));
        self.homes = homes;
        new
    }

    /// Returns the directories, without those in homes.
    pub fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    pub(super) fn homes(&self) -> &Homes {
        &self.homes
    }

    /// Returns all roots in the order of their paths, none below another.
    pub(super) fn all(&self) -> Vec<PathBuf> {
        let ssh_directories = self.homes.ssh_directories().map(Path::to_owned);
        let others = self.directories.iter();
        let others = others.filter(|directory| !self.homes.contains(directory));
        let mut all: Vec<PathBuf> = ssh_directories.chain(others.cloned()).collect();
        all.sort();
        all
    }

    /// Checks whether a path is in a root and not left out.
    pub fn contains(&self, path: &Path) -> bool {
        (self.is_below(path) || self.homes.contains(path)) && !self.leaves_out(path)
    }

    /// Checks whether changes at a path are recorded. That includes a `.ssh` of a future user, and
    /// every ancestor of a known one.
    pub(super) fn concerns(&self, path: &Path) -> bool {
        let is_concerned =
            self.is_below(path) || homes::is_within_ssh(path) || self.homes.is_ancestor(path);
        is_concerned && !self.leaves_out(path)
    }

    fn is_below(&self, path: &Path) -> bool {
        self.directories.iter().any(|root| path.starts_with(root))
    }

    /// Checks whether a path is left out of every root.
    pub fn leaves_out(&self, path: &Path) -> bool {
        use std::os::unix::ffi::OsStrExt;
        self.ignored
            .iter()
            .any(|glob| glob.matches(path.as_os_str().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::Roots;

    #[test]
    fn roots_are_added_and_parts_left_out() {
        let more = [PathBuf::from("/srv/agent"), PathBuf::from("/etc/ssl")];
        let roots = Roots::new(&more, &["/etc/ssl/**".to_owned()]).expect("roots");
        let has = |path: &str| roots.contains(Path::new(path));
        assert!(has("/opt/omi/bin/omiserver") && has("/srv/agent/x") && has("/etc/passwd"));
        assert!(!has("/etc/ssl/certs/x.pem") && !has("/srv/agents") && !has("/home/x"));
        // Below /etc, which is one already.
        assert!(!roots.directories().contains(&PathBuf::from("/etc/ssl")));
        assert!(Roots::new(&[PathBuf::from("relative")], &[]).is_err());
        assert!(Roots::new(&[], &["/x/[".to_owned()]).is_err());
    }
}
