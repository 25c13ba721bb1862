//! Looks up user names in passwd(5). The file may be that of the user's process, in its own mount
//! namespace or root directory.
//!
//! Other directories (NSS) need libraries and settings that a recorded command may replace. So only
//! lookups before the command use them.

use std::{
    collections::{HashMap, HashSet},
    ffi::CString,
    fs::File,
    io,
    path::Path,
};

use nix::unistd::{Uid, User};

use super::files::safe_open;

/// Nanoseconds before another lookup of a user without a name. An installer may be about to add the
/// user; without a delay, each of its processes would cost a read of the file.
const TRY_AGAIN_AFTER: u64 = 100_000_000;

const PASSWD: &str = "/etc/passwd";

/// Looks each user id up until it has a name.
#[derive(Default)]
pub struct UserLookup {
    known: HashSet<u32>,
    /// Set when the C library is no longer safe: it would load libraries that may be replaced.
    only_files: bool,
    /// Time of the next lookup of users without a name, nanoseconds since boot.
    nameless: HashMap<u32, u64>,
}

impl UserLookup {
    /// Restricts later lookups to files: a user of another directory stays a number.
    pub fn ask_only_files(&mut self) {
        self.only_files = true;
    }

    /// Returns the name of `user`, once. `pid` is a process of that user, which may be gone.
    pub fn name(&mut self, user: u32, pid: u32, boot_ns: u64) -> Option<Vec<u8>> {
        if self.known.contains(&user)
            || self
                .nameless
                .get(&user)
                .is_some_and(|again| boot_ns < *again)
        {
            return None;
        }
        // The user may exist later, or only in the view of that process. The next lookup may be by
        // another of its processes.
        let own = Table::read(safe_open::open(Path::new(PASSWD)));
        let name = own
            .name(user)
            .or_else(|| {
                let table = Table::read(safe_open::open_in_root_of(pid, Path::new(PASSWD)));
                // With a root directory of its own, a process could name any user root.
                table.name(user).filter(|name| !own.has_name(name))
            })
            .or_else(|| self.name_elsewhere(user));
        if name.is_some() {
            self.known.insert(user);
            self.nameless.remove(&user);
        } else {
            self.nameless.insert(user, boot_ns + TRY_AGAIN_AFTER);
        }
        name
    }

    fn name_elsewhere(&self, user: u32) -> Option<Vec<u8>> {
        if self.only_files {
            return None;
        }
        let found = User::from_uid(Uid::from_raw(user)).ok().flatten()?;
        Some(found.name.into_bytes())
    }
}

/// Holds a table of users, passwd(5). A hostile command may have written it.
struct Table(Vec<u8>);

impl Table {
    /// Reads a table; one that cannot be read is empty.
    fn read(file: io::Result<File>) -> Table {
        const LIMIT: u64 = 4 * 1024 * 1024;
        let text = file.and_then(|file| safe_open::read(file, LIMIT));
        Table(text.unwrap_or_default())
    }

    /// Lists names and ids, as they are written.
    fn rows(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.split(|byte| *byte == b'\n').filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b':');
            let name = fields.next().filter(|name| !name.is_empty())?;
            Some((name, fields.nth(1)?))
        })
    }

    fn name(&self, user: u32) -> Option<Vec<u8>> {
        let wanted = user.to_string();
        self.rows()
            .find(|(_, id)| *id == wanted.as_bytes())
            .map(|(name, _)| name.to_vec())
    }

    fn has_name(&self, wanted: &[u8]) -> bool {
        self.rows().any(|(name, _)| name == wanted)
    }
}

/// Credentials for a command that runs as another user.
pub struct Login {
    /// The user.
    pub user: User,
    /// All groups of the user.
    pub groups: Vec<nix::unistd::Gid>,
}

/// Looks a user up by name, before the recording.
pub fn login(name: &str) -> Result<Login, String> {
    let user = User::from_name(name)
        .map_err(|error| format!("cannot look up user {name}: {error}"))?
        .ok_or_else(|| {
            format!("cannot run as {name}: there is no such user\nhint: see `getent passwd`")
        })?;
    let groups = CString::new(name)
        .ok()
        .and_then(|name| nix::unistd::getgrouplist(&name, user.gid).ok())
        .unwrap_or_else(|| vec![user.gid]);
    Ok(Login { user, groups })
}
