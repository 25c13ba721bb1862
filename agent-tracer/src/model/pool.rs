//! Stores bytes that processes share just once: programs that run repeatedly have the same path,
//! names and arguments.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::RandomState;

use super::{Program, process::base_name};
use crate::event::Identity;

/// Limit of entries of each kind; then the pool starts anew, at the price of a few duplicates.
const LIMIT: usize = 8192;

/// Limit of bytes: longer arguments are seldom the same twice.
const LONG: usize = 1024;

/// Limit of names: longer lists grow name by name, and are seldom the same twice.
const MANY: usize = 8;

/// All names of a process.
type Names = Arc<[Arc<[u8]>]>;

/// The names that some texts make, with all that their key refers to: it stays where it is.
struct Named {
    names: Names,
    _from: (Names, [Arc<[u8]>; 3]),
}

/// Stored texts, by content.
#[derive(Default)]
pub(super) struct Pool {
    bytes: HashSet<Arc<[u8]>, RandomState>,
    arguments: HashSet<Arc<[Vec<u8>]>, RandomState>,
    identities: HashSet<Arc<Identity>, RandomState>,
    names: HashSet<Names, RandomState>,
    /// By the places of the names before, and of the texts that are added.
    named: HashMap<[usize; 4], Named, RandomState>,
    /// By the places of their parts, which are mostly stored just once.
    programs: HashMap<[usize; 7], Arc<Program>, RandomState>,
}

impl Pool {
    /// Stores a path or a name.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Arc<[u8]> {
        if let Some(known) = self.bytes.get(bytes) {
            return Arc::clone(known);
        }
        if self.bytes.len() >= LIMIT {
            self.bytes.clear();
        }
        let new: Arc<[u8]> = bytes.into();
        self.bytes.insert(Arc::clone(&new));
        new
    }

    /// Stores a path or a name that is often the same as another.
    pub(super) fn like(&mut self, other: &Arc<[u8]>, bytes: &[u8]) -> Arc<[u8]> {
        match **other == *bytes {
            true => Arc::clone(other),
            false => self.bytes(bytes),
        }
    }

    /// Stores the identity of an executable.
    pub(super) fn identity(&mut self, identity: Identity) -> Arc<Identity> {
        if let Some(known) = self.identities.get(&identity) {
            return Arc::clone(known);
        }
        if self.identities.len() >= LIMIT {
            self.identities.clear();
        }
        let new = Arc::new(identity);
        self.identities.insert(Arc::clone(&new));
        new
    }

    /// Adds the last components of texts to the names of a process. The same stored texts make the
    /// same names, mostly.
    pub(super) fn add_program_names(&mut self, names: &mut Names, from: [&Arc<[u8]>; 3]) {
        let [first, second, third] = from.map(|text| text.as_ptr().addr());
        let key = [names.as_ptr().addr(), first, second, third];
        if let Some(known) = self.named.get(&key) {
            *names = Arc::clone(&known.names);
            return;
        }
        let before = Arc::clone(names);
        let [comm, exe, filename] = from;
        self.add_names(names, [&**comm, base_name(exe), base_name(filename)]);
        if before.len() > MANY {
            return;
        }
        if self.named.len() >= LIMIT {
            self.named.clear();
        }
        let named = Named {
            names: Arc::clone(names),
            _from: (before, from.map(Arc::clone)),
        };
        self.named.insert(key, named);
    }

    /// Adds names to those of a process.
    pub(super) fn add_names<const N: usize>(&mut self, names: &mut Names, new: [&[u8]; N]) {
        let is_known = |known: &[Arc<[u8]>], name: &[u8]| known.iter().any(|it| **it == *name);
        let mut all: Vec<Arc<[u8]>> = Vec::new();
        for name in new {
            if name.is_empty() || is_known(names, name) || is_known(&all, name) {
                continue;
            }
            if all.is_empty() {
                all.reserve_exact(names.len() + N);
                all.extend(names.iter().cloned());
            }
            all.push(self.bytes(name));
        }
        if !all.is_empty() {
            *names = self.names(all);
        }
    }

    /// Stores the names of a process.
    pub(super) fn names(&mut self, names: Vec<Arc<[u8]>>) -> Names {
        if names.len() > MANY {
            return names.into();
        }
        if let Some(known) = self.names.get(&*names) {
            return Arc::clone(known);
        }
        if self.names.len() >= LIMIT {
            self.names.clear();
        }
        let new: Names = names.into();
        self.names.insert(Arc::clone(&new));
        new
    }

    /// Stores a program.
    pub(super) fn program(&mut self, program: Program) -> Arc<Program> {
        let places = places(&program);
        if let Some(known) = self.programs.get(&places) {
            return Arc::clone(known);
        }
        if self.programs.len() >= LIMIT {
            self.programs.clear();
        }
        let new = Arc::new(program);
        self.programs.insert(places, Arc::clone(&new));
        new
    }

    /// Stores a command line.
    pub(super) fn arguments(&mut self, words: &[Vec<u8>]) -> Arc<[Vec<u8>]> {
        if words.iter().map(Vec::len).sum::<usize>() > LONG {
            return words.into();
        }
        if let Some(known) = self.arguments.get(words) {
            return Arc::clone(known);
        }
        if self.arguments.len() >= LIMIT {
            self.arguments.clear();
        }
        let new: Arc<[Vec<u8>]> = words.into();
        self.arguments.insert(Arc::clone(&new));
        new
    }
}

/// Returns the places of the parts of a program. A stored program keeps its parts where they are.
fn places(program: &Program) -> [usize; 7] {
    let Program {
        exe,
        filename,
        cwd,
        root_directory,
        identity,
        cgroup,
        unit,
    } = program;
    let text = |text: &Arc<[u8]>| text.as_ptr().addr();
    [
        text(exe),
        text(filename),
        text(cwd),
        text(root_directory),
        identity.as_ref().map_or(0, |it| Arc::as_ptr(it).addr()),
        text(cgroup),
        unit.as_ref().map_or(0, text),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{LIMIT, LONG, Pool};

    #[test]
    fn the_same_is_there_once() {
        let mut pool = Pool::default();
        let path = pool.bytes(b"/bin/true");
        assert!(Arc::ptr_eq(&path, &pool.bytes(b"/bin/true")));
        assert_eq!(*pool.bytes(b"/bin/false"), *b"/bin/false");
        let words = [b"sh".to_vec(), b"-c".to_vec()];
        let argv = pool.arguments(&words);
        assert!(Arc::ptr_eq(&argv, &pool.arguments(&words)));
        assert_eq!(*pool.arguments(&words[1..]), words[1..]);
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let mut pool = Pool::default();
        for number in 0..LIMIT as u32 + 9 {
            let bytes = number.to_le_bytes();
            assert_eq!(*pool.bytes(&bytes), bytes);
            assert_eq!(*pool.arguments(&[bytes.to_vec()]), [bytes.to_vec()]);
        }
        assert_eq!((pool.bytes.len(), pool.arguments.len()), (9, 9));
        let long = [vec![b'x'; LONG + 1]];
        assert_eq!(*pool.arguments(&long), long);
        assert_eq!(pool.arguments.len(), 9);
    }
}
