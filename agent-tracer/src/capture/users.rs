//! User names. A user that an installer adds in its own mount namespace or root directory
//! is looked up there.

use std::{
    collections::{HashMap, HashSet},
    ffi::CString,
    path::Path,
};

use nix::unistd::{Uid, User};

use super::regular;

/// After how many nanoseconds a user who had no name is looked up again: an installer may be
/// about to add it, and a storm of its processes must not read a file each.
const TRY_AGAIN_AFTER: u64 = 100_000_000;

/// Looks up each user id until it has a name.
#[derive(Default)]
pub struct UserLookup {
    known: HashSet<u32>,
    /// When those without a name may be asked for again, nanoseconds since boot.
    nameless: HashMap<u32, u64>,
}

impl UserLookup {
    /// The name of `user`, the first time that it has one; `pid` is a process of that user, which
    /// may be gone.
    pub fn name(&mut self, user: u32, pid: u32, boot_ns: u64) -> Option<Vec<u8>> {
        if self.known.contains(&user)
            || self
                .nameless
                .get(&user)
                .is_some_and(|again| boot_ns < *again)
        {
            return None;
        }
        let name = match User::from_uid(Uid::from_raw(user)) {
            Ok(Some(found)) => Some(found.name.into_bytes()),
            // A user that is not there yet, or only where that process is: another of its
            // processes may be there to ask next time.
            Ok(None) | Err(_) => name_seen_by(pid, user).filter(|name| is_free(name)),
        };
        if name.is_some() {
            self.known.insert(user);
            self.nameless.remove(&user);
        } else {
            self.nameless.insert(user, boot_ns + TRY_AGAIN_AFTER);
        }
        name
    }
}

/// Whether no user of this machine has that name: a root directory of one's own could call anybody
/// root.
fn is_free(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| matches!(User::from_name(name), Ok(None)))
}

/// `passwd(5)` of the root directory of a process.
fn name_seen_by(pid: u32, user: u32) -> Option<Vec<u8>> {
    const LIMIT: u64 = 4 * 1024 * 1024;
    // Whoever made that root directory may have put anything there.
    let file = regular::open_in_root_of(pid, Path::new("/etc/passwd")).ok()?;
    let text = regular::read(file, LIMIT).ok()?;
    let wanted = user.to_string();
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next()?;
        let id = fields.nth(1)?;
        (id == wanted.as_bytes() && !name.is_empty()).then(|| name.to_vec())
    })
}

/// What a command needs to run as another user.
pub struct Login {
    /// The user.
    pub user: User,
    /// All groups of the user.
    pub groups: Vec<nix::unistd::Gid>,
}

/// Looks up a user by name.
pub fn login(name: &str) -> Result<Login, String> {
    let user = User::from_name(name)
        .map_err(|error| format!("cannot look up user {name}: {error}"))?
        .ok_or_else(|| format!("there is no user {name}: see `getent passwd`"))?;
    let groups = CString::new(name)
        .ok()
        .and_then(|name| nix::unistd::getgrouplist(&name, user.gid).ok())
        .unwrap_or_else(|| vec![user.gid]);
    Ok(Login { user, groups })
}
