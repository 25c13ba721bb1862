//! Judges the file that a process executes. A rule's path may mean another file, and others than
//! root may have made it.

use std::sync::Arc;

use super::{Process, ProcessIndex, process::base_name, processes::Processes};
use crate::{
    event::{Identity, View},
    rules::Match,
};

/// Unproved assumptions of a rule, which the process may have arranged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubt {
    /// True if the path may mean another file, in another root directory or mount namespace.
    pub another_root: bool,
    /// True if the script is in another mount namespace; only its interpreter was compared.
    pub other_script: bool,
    /// The owner of the file that the rule names, if not root.
    pub owner: Option<u32>,
    /// True if others than the owner may write to that file.
    pub is_writable: bool,
}

impl Doubt {
    /// Judges a match.
    pub(super) fn about(found: &Match<'_>, process: &Process) -> Doubt {
        let view = process.view();
        let is_script = process.filename != process.exe;
        let file = process.identity.as_deref().filter(|_| found.by_file);
        Doubt {
            another_root: view == View::Another && found.by_program,
            other_script: view == View::SameFile && found.by_filename && is_script,
            owner: file.map(|file| file.owner).filter(|owner| *owner != 0),
            is_writable: file.is_some_and(Identity::others_write),
        }
    }
}

impl Process {
    /// Returns the view of the machine that the path of its executable belongs to.
    pub fn view(&self) -> View {
        self.identity
            .as_ref()
            .map_or(View::Unknown, |identity| identity.view())
    }

    /// Returns `true` if it is known to be root in its user namespace; `None` in the recorder's.
    pub fn inner_root(&self) -> Option<bool> {
        let identity = self.identity.as_ref()?;
        if identity.user_namespace == 0 {
            return None;
        }
        Some(identity.inner_user == Some(0) && self.identified_as == self.user)
    }

    /// True if its executable has one of these names and is root's, in the recorder's root
    /// directory. Old traces lack the owner, so only the name counts.
    pub fn is_system_program(&self, names: &[&[u8]]) -> bool {
        let is_roots = |identity: &Arc<Identity>| identity.is_roots();
        names.contains(&base_name(&self.exe)) && self.identity.as_ref().is_none_or(is_roots)
    }
}

impl Processes {
    /// True for a service manager: the first process, or one that it started for a user's units.
    pub(super) fn is_manager(&self, index: ProcessIndex) -> bool {
        let process = &self[index];
        self.is_first(process.id.pid)
            || (process.is_system_program(&[b"systemd"])
                && self.is_first(process.parent_pid)
                && is_of_user_manager(&process.cgroup))
    }

    /// True if the parent of a process is a service manager, or the manager's systemd-executor.
    pub(super) fn is_of_manager(&self, index: ProcessIndex) -> bool {
        let process = &self[index];
        if self.is_first(process.parent_pid) {
            return true;
        }
        let Some(parent) = process.parent else {
            return false;
        };
        if self.is_manager(parent) {
            return true;
        }
        let parent = &self[parent];
        parent.is_system_program(&[b"systemd-executor"])
            && (self.is_first(parent.parent_pid)
                || parent.parent.is_some_and(|above| self.is_manager(above)))
    }
}

/// True for the cgroup that logind gives to a user's manager:
/// `/user.slice/user-UID.slice/user@UID.service`, or the manager's own scope in it.
fn is_of_user_manager(cgroup: &[u8]) -> bool {
    let path = cgroup.strip_suffix(b"/init.scope").unwrap_or(cgroup);
    let mut parts = path.rsplit(|byte| *byte == b'/');
    let (Some(service), Some(slice), Some(b"user.slice")) =
        (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let user = service
        .strip_prefix(b"user@")
        .and_then(|rest| rest.strip_suffix(b".service"));
    let of = slice
        .strip_prefix(b"user-")
        .and_then(|rest| rest.strip_suffix(b".slice"));
    user.is_some_and(|user| user.iter().all(u8::is_ascii_digit) && Some(user) == of)
}

#[cfg(test)]
mod tests;
