//! Provides the oracle for authors: strace(1)'s record of each process and path. It knows nothing
//! of traces.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    fs,
    path::Path,
};

use super::stage::Listing;
use crate::harness::{
    strace::{string, whole},
    words,
};

/// Operations of a process on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Opened it for writing.
    Opened,
    /// Created it, or gave it its name.
    Made,
    /// Set its rights, owner, times or attributes.
    Set,
    /// Removed it, or gave it another name.
    Removed,
}

/// All operations.
#[derive(Default)]
pub(super) struct Acts {
    /// The operations on each path, in order.
    paths: BTreeMap<Vec<u8>, Vec<(u64, Operation)>>,
    /// The parents of processes.
    parents: HashMap<u64, u64>,
}

impl Acts {
    pub(super) fn of_path(&self, path: &[u8]) -> &[(u64, Operation)] {
        self.paths.get(path).map_or(&[], Vec::as_slice)
    }

    /// Returns the last author: the remover of a missing file; else its last writer, or the last to
    /// set an attribute. Ancestors that opened the file before count, too: a file is written until
    /// it is closed, so any of them may be the last.
    pub(super) fn authors(&self, path: &[u8], is_gone: bool) -> Vec<u64> {
        let all = self.of_path(path);
        let last = |operations: &[Operation]| {
            all.iter()
                .rfind(|(_, operation)| operations.contains(operation))
        };
        let last = match is_gone {
            true => last(&[Operation::Removed]),
            false => {
                last(&[Operation::Opened, Operation::Made]).or_else(|| last(&[Operation::Set]))
            }
        };
        let Some((last, operation)) = last else {
            return Vec::new();
        };
        let above = std::iter::successors(Some(last), |process| self.parents.get(process));
        let keeps_open = |process: &&u64| {
            *operation == Operation::Opened && all.contains(&(**process, Operation::Opened))
                || *process == last
        };
        above.filter(keeps_open).copied().collect()
    }
}

/// Makes strace log the file operations of a command line.
pub(super) fn watched(log: &Path, command: Vec<OsString>) -> Vec<OsString> {
    // With a filter in the kernel only these calls are slower. Strings are in hexadecimal and
    // complete; descriptors have their paths.
    const CALLS: &str = "trace=/^open,creat,/^rename,/^link,/^symlink,/^mkdir,/^mknod,\
        /chmod,/chown,/^unlink,rmdir,/utime,\
        /truncate,/setxattr,chdir,fchdir,clone,clone3,fork,vfork";
    let mut line = words(["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx"]);
    line.extend(words([
        "-a",
        "1",
        "-s",
        "4096",
        "-e",
        "signal=none",
        "-e",
        CALLS,
    ]));
    line.extend(["-o".into(), log.into()]);
    line.extend(command);
    line
}

/// Reads the log. Links on a path are resolved by the listings before and after.
pub(super) fn acts(log: &Path, listings: [&Listing; 2]) -> Acts {
    let text = fs::read_to_string(log).expect("strace wrote its log");
    let mut reader = Reader {
        links: Links::of(listings),
        directories: HashMap::new(),
        leaders: HashMap::new(),
        acts: Acts::default(),
    };
    for (thread, head, tail) in whole(&text) {
        let failed = tail.contains("= -1 ") || tail.contains("= ?");
        if let Some((name, arguments)) = head.split_once('(') {
            let thread = thread.parse().expect("a thread's number");
            let result = tail.rsplit_once("= ").map_or("", |(_, result)| result);
            reader.call(thread, name, arguments, (!failed).then_some(result));
        }
    }
    reader.acts
}

struct Reader {
    links: Links,
    /// The directories of threads, as far as observed.
    directories: HashMap<u64, Vec<u8>>,
    /// The processes of threads that are not the first of theirs.
    leaders: HashMap<u64, u64>,
    acts: Acts,
}

impl Reader {
    fn call(&mut self, thread: u64, name: &str, arguments: &str, result: Option<&str>) {
        if let Some(here) = arguments
            .find("AT_FDCWD<")
            .and_then(|at| opened(&arguments[at..]))
        {
            self.directories.insert(thread, here);
        }
        let Some(result) = result else { return };
        let mut paths = Paths(arguments);
        match name {
            "clone" | "clone3" | "fork" | "vfork" => {
                let child = result.split(' ').next().and_then(|word| word.parse().ok());
                let child = child.expect("a child's number");
                let leader = self.leader(thread);
                match arguments.contains("CLONE_THREAD") {
                    true => self.leaders.insert(child, leader),
                    false => self.acts.parents.insert(child, leader),
                };
                if let Some(here) = self.directories.get(&thread).cloned() {
                    // The child's own calls in the meantime take precedence.
                    self.directories.entry(child).or_insert(here);
                }
            }
            "chdir" => {
                let there = self.path(thread, paths.next(false));
                self.directories.insert(thread, there);
            }
            "fchdir" => {
                self.directories
                    .extend(opened(arguments).map(|there| (thread, there)));
            }
            "open" | "openat" | "openat2" | "creat" => {
                let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"];
                if name == "creat" || writes.iter().any(|flag| arguments.contains(flag)) {
                    let path = opened(result).expect("the path of what was opened");
                    self.act(thread, Operation::Opened, path);
                }
            }
            "rename" | "renameat" | "renameat2" => {
                let (old, new) = (paths.next(name != "rename"), paths.next(name != "rename"));
                let (old, new) = (self.path(thread, old), self.path(thread, new));
                self.act(thread, Operation::Removed, old);
                self.act(thread, Operation::Made, new);
            }
            "link" | "linkat" => {
                paths.next(name == "linkat");
                let new = self.path(thread, paths.next(name == "linkat"));
                self.act(thread, Operation::Made, new);
            }
            "symlink" | "symlinkat" => {
                paths.next(false);
                let new = self.path(thread, paths.next(name == "symlinkat"));
                self.act(thread, Operation::Made, new);
            }
            "ftruncate" | "fchmod" | "fchown" | "fsetxattr" => {
                let operation = if name == "ftruncate" {
                    Operation::Made
                } else {
                    Operation::Set
                };
                let path = opened(arguments).expect("the path of a descriptor");
                self.act(thread, operation, path);
            }
            // futimens(3) names no path.
            "utimensat" if arguments.contains(">, NULL, ") => {
                let path = opened(arguments).expect("the path of a descriptor");
                self.act(thread, Operation::Set, path);
            }
            _ => {
                let operation = match name {
                    "mkdir" | "mkdirat" | "mknod" | "mknodat" | "truncate" => Operation::Made,
                    "unlink" | "unlinkat" | "rmdir" => Operation::Removed,
                    _ => Operation::Set,
                };
                let path = self.path(thread, paths.next(name.ends_with("at")));
                self.act(thread, operation, path);
            }
        }
    }

    fn leader(&self, thread: u64) -> u64 {
        self.leaders.get(&thread).copied().unwrap_or(thread)
    }

    fn act(&mut self, thread: u64, operation: Operation, path: Vec<u8>) {
        let path = self.links.followed(&path);
        let leader = self.leader(thread);
        self.acts
            .paths
            .entry(path)
            .or_default()
            .push((leader, operation));
    }

    fn path(&self, thread: u64, (at, path): (Option<Vec<u8>>, Vec<u8>)) -> Vec<u8> {
        if path.starts_with(b"/") {
            return path;
        }
        let here = at.or_else(|| self.directories.get(&thread).cloned());
        [here.expect("where a thread is"), path].join(&b'/')
    }
}

/// Parses `<PATH>` in hexadecimal, behind a descriptor.
fn opened(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once('<')?;
    let (path, _) = rest.split_once('>')?;
    string(&format!("\"{path}\"")).map(|(bytes, _)| bytes)
}

/// The arguments of a call that are paths, from the first on.
struct Paths<'a>(&'a str);

impl Paths<'_> {
    /// Returns the next path, with the directory it is relative to where that is an argument, too.
    fn next(&mut self, has_directory: bool) -> (Option<Vec<u8>>, Vec<u8>) {
        let quote = self.0.find('"').expect("a path");
        let directory = has_directory.then(|| opened(&self.0[..quote])).flatten();
        let (path, rest) = string(&self.0[quote..]).expect("a path");
        self.0 = rest;
        (directory, path)
    }
}

/// Symbolic links, by path.
pub(super) struct Links(BTreeMap<Vec<u8>, Vec<u8>>);

impl Links {
    pub(super) fn of(listings: [&Listing; 2]) -> Links {
        let all = listings.into_iter().flatten();
        let links = all.filter(|(_, file)| file.kind == b'l');
        Links(
            links
                .map(|(path, file)| (path.clone(), file.target.clone()))
                .collect(),
        )
    }

    /// Resolves links, `.` and `..` on the way to a path, but not a link at its end.
    pub(super) fn followed(&self, path: &[u8]) -> Vec<u8> {
        const AT_MOST: usize = 200; // names in all, so that no circle of links has no end
        let split = |path: &[u8]| -> Vec<Vec<u8>> {
            let names = path.split(|byte| *byte == b'/').map(<[u8]>::to_vec);
            names.rev().collect()
        };
        let mut pending = split(path);
        let mut done: Vec<u8> = Vec::new();
        for _ in 0..AT_MOST {
            let Some(name) = pending.pop() else { break };
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    let above = done.iter().rposition(|byte| *byte == b'/');
                    done.truncate(above.unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = [done.as_slice(), b"/", &name].concat();
            match self.0.get(&next) {
                Some(target) if !pending.is_empty() => {
                    if target.starts_with(b"/") {
                        done.clear();
                    }
                    pending.extend(split(target));
                }
                Some(_) | None => done = next,
            }
        }
        done
    }
}
