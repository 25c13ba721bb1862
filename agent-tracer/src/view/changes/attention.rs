//! Which files deserve to be looked at first, and why.

use std::sync::LazyLock;

use crate::{
    event::FileState,
    glob::{Glob, Scope},
};

/// Files that decide who may do what, or what runs by itself.
const PLACES: [(&str, &str); 22] = [
    ("/etc/sudoers", "who may become root"),
    ("/etc/sudoers.d/*", "who may become root"),
    ("/etc/cron.d/*", "cron runs it"),
    ("/etc/cron.*/*", "cron runs it"),
    ("/etc/crontab", "cron runs it"),
    ("/var/spool/cron/**", "cron runs it"),
    ("/etc/pam.d/*", "how users log in"),
    ("/etc/pam.conf", "how users log in"),
    ("/etc/ld.so.preload", "every program loads it"),
    ("/etc/ld.so.conf", "where programs find libraries"),
    ("/etc/ld.so.conf.d/*", "where programs find libraries"),
    ("/**/authorized_keys", "who may log in over ssh"),
    ("/etc/ssh/sshd_config", "who may log in over ssh"),
    ("/etc/ssh/sshd_config.d/*", "who may log in over ssh"),
    ("/etc/profile", "every shell runs it"),
    ("/etc/profile.d/*", "every shell runs it"),
    ("/etc/rc.local", "runs at boot"),
    ("/etc/init.d/*", "runs at boot"),
    ("/etc/sysctl.conf", "kernel parameters"),
    ("/etc/sysctl.d/*", "kernel parameters"),
    ("/etc/modules-load.d/*", "kernel modules"),
    ("/etc/apt/**", "where packages come from"),
];

/// Why a file deserves it, as it is at the end.
pub(super) fn of_file(
    path: &[u8],
    before: Option<&FileState>,
    after: &FileState,
) -> Option<&'static str> {
    let is_file = after.kind() == "file";
    if is_file && after.mode & 0o4000 != 0 && !had(before, |state| state.mode & 0o4000 != 0) {
        return Some("setuid");
    }
    if is_file && after.mode & 0o2000 != 0 && !had(before, |state| state.mode & 0o2000 != 0) {
        return Some("setgid");
    }
    if !after.capabilities.is_empty()
        && !had(before, |state| state.capabilities == after.capabilities)
    {
        return Some("has capabilities");
    }
    // Of a socket, whoever listens decides.
    let is_stored = is_file || after.kind() == "directory";
    let is_sticky = after.kind() == "directory" && after.mode & 0o1000 != 0;
    if after.mode & 0o002 != 0
        && is_stored
        && !is_sticky
        && !had(before, |state| state.mode & 0o002 != 0)
    {
        return Some("anybody may write to it");
    }
    if after.kind() == "directory" {
        return None;
    }
    PLACE_GLOBS
        .iter()
        .find(|(glob, _)| glob.matches(path))
        .map(|(_, reason)| *reason)
}

fn had(before: Option<&FileState>, what: impl Fn(&FileState) -> bool) -> bool {
    before.is_some_and(what)
}

static PLACE_GLOBS: LazyLock<Vec<(Glob, &'static str)>> = LazyLock::new(|| {
    // Those above are right: a test reads them.
    let globs = PLACES
        .iter()
        .filter_map(|(glob, reason)| Some((Glob::new(glob, Scope::Path).ok()?, *reason)));
    globs.collect()
});

#[cfg(test)]
mod tests {
    use super::{PLACE_GLOBS, PLACES, of_file};
    use crate::event::FileState;

    #[test]
    fn places_and_modes() {
        assert_eq!(PLACE_GLOBS.len(), PLACES.len());
        let file = |mode: u32| FileState {
            mode: 0o100_000 | mode,
            ..FileState::default()
        };
        let why = |path: &str, mode| of_file(path.as_bytes(), None, &file(mode));
        assert_eq!(
            why("/etc/sudoers.d/omsagent", 0o440),
            Some("who may become root")
        );
        assert_eq!(why("/etc/cron.daily/x", 0o755), Some("cron runs it"));
        assert_eq!(
            why("/root/.ssh/authorized_keys", 0o600),
            Some("who may log in over ssh")
        );
        assert_eq!(why("/opt/x", 0o4755), Some("setuid"));
        assert_eq!(why("/opt/x", 0o666), Some("anybody may write to it"));
        assert_eq!(why("/opt/x", 0o644), None);
        // It was so before.
        assert_eq!(of_file(b"/opt/x", Some(&file(0o4755)), &file(0o4711)), None);
    }
}
