//! Which files deserve to be looked at first, and why.

use std::sync::LazyLock;

use crate::{
    event::FileState,
    glob::{Glob, Scope},
};

/// Files that decide who may do what, or what runs by itself.
const PLACES: [(&str, &str); 34] = [
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
    ("/**/authorized_keys2", "who may log in over ssh"),
    // Itself, as of sshd(8) and ssh_config(5): whose it is, and where it leads to when it is a link.
    ("/**/.ssh", "who may log in over ssh"),
    ("/**/.ssh/rc", "runs at a login over ssh"),
    ("/**/.ssh/environment", "what a login over ssh begins with"),
    ("/**/.ssh/config", "where ssh goes, and what it runs"),
    ("/etc/ssh/sshrc", "runs at a login over ssh"),
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
    ("/etc/udev/rules.d/*", "udev runs what it says"),
    ("/**/lib/udev/rules.d/*", "udev runs what it says"),
    ("/**/systemd/system-generators/*", "systemd runs it"),
    ("/**/systemd/user-generators/*", "systemd runs it"),
    ("/**/systemd/system/*.service.d/*.conf", "changes a service"),
    (
        "/**/systemd/system/service.d/*.conf",
        "changes every service",
    ),
];

/// Why a file deserves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) text: &'static str,
    /// Whether it is about mode, owner or capabilities: whoever has set those is behind it.
    pub(super) is_set: bool,
}

impl Reason {
    fn set(text: &'static str) -> Option<Reason> {
        Some(Reason { text, is_set: true })
    }

    fn done(text: &'static str) -> Option<Reason> {
        Some(Reason {
            text,
            is_set: false,
        })
    }
}

/// Why a file deserves it, by what it was and what it is at the end. `was_written` is whether a write to it was seen.
pub(super) fn of_file(
    path: &[u8],
    before: Option<&FileState>,
    after: Option<&FileState>,
    was_written: bool,
) -> Option<Reason> {
    let rights = after.and_then(|after| of_rights(before, after, was_written));
    rights.or_else(|| of_place(path, before, after))
}

fn of_rights(before: Option<&FileState>, after: &FileState, was_written: bool) -> Option<Reason> {
    let had = |what: &dyn Fn(&FileState) -> bool| before.is_some_and(what);
    let is_file = after.kind() == "file";
    let is_setuid = |state: &FileState| state.kind() == "file" && state.mode & 0o4000 != 0;
    let is_setgid = |state: &FileState| state.kind() == "file" && state.mode & 0o2000 != 0;
    // Rights that it had before are for other content now.
    let has_been_written = had(&|before| was_written || may_have_been_written(before, after));
    if is_setuid(after) {
        if !had(&is_setuid) {
            return Reason::set("setuid");
        }
        if had(&|before| before.user != after.user) {
            return Reason::set("setuid, other owner");
        }
    }
    if is_setgid(after) {
        if !had(&is_setgid) {
            return Reason::set("setgid");
        }
        if had(&|before| before.group != after.group) {
            return Reason::set("setgid, other group");
        }
    }
    if !after.capabilities.is_empty() && !had(&|before| before.capabilities == after.capabilities) {
        return Reason::set("has capabilities");
    }
    if has_been_written {
        if is_setuid(after) {
            return Reason::done("setuid, touched or written");
        }
        if is_setgid(after) {
            return Reason::done("setgid, touched or written");
        }
        if !after.capabilities.is_empty() {
            return Reason::done("has capabilities, touched or written");
        }
    }
    // Of a socket, whoever listens decides.
    let is_stored = is_file || after.kind() == "directory";
    let is_open =
        |state: &FileState| state.mode & 0o002 != 0 && (is_file || state.mode & 0o1000 == 0);
    if is_stored && is_open(after) && !had(&is_open) {
        return Reason::set("anybody may write to it");
    }
    None
}

/// By the two states alone: one that differs in nothing was found to be another file, or of another time.
fn may_have_been_written(before: &FileState, after: &FileState) -> bool {
    let shown = |state: &FileState| {
        (
            state.mode,
            state.user,
            state.group,
            state.capabilities.clone(),
        )
    };
    before.size != after.size || shown(before) == shown(after)
}

fn of_place(path: &[u8], before: Option<&FileState>, after: Option<&FileState>) -> Option<Reason> {
    let states = [before, after];
    let is = |kind: &str| {
        let mut states = states.iter().flatten();
        states.any(|state| state.kind() == kind)
    };
    let is_whole = before.is_some() && after.is_some();
    // What is in a directory that is new or gone is told by itself.
    if is("directory") && !is_whole {
        return None;
    }
    // A link to elsewhere is as good as other files, and so is a directory of somebody else.
    let inner = (is("directory") || is("link")).then(|| [path, b"/x.conf"].concat());
    let is_place =
        |glob: &Glob| glob.matches(path) || inner.as_ref().is_some_and(|inner| glob.matches(inner));
    PLACE_GLOBS
        .iter()
        .find(|(glob, _)| is_place(glob))
        .and_then(|(_, reason)| Reason::done(reason))
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

    fn file(mode: u32) -> FileState {
        FileState {
            mode: 0o100_000 | mode,
            ..FileState::default()
        }
    }

    fn of_kind(kind: u32) -> FileState {
        FileState {
            mode: kind | 0o755,
            ..FileState::default()
        }
    }

    fn why(
        path: &str,
        before: Option<&FileState>,
        after: Option<&FileState>,
    ) -> Option<&'static str> {
        of_file(path.as_bytes(), before, after, false).map(|reason| reason.text)
    }

    #[test]
    fn places_and_modes() {
        assert_eq!(PLACE_GLOBS.len(), PLACES.len());
        let why = |path: &str, mode| why(path, None, Some(&file(mode)));
        for (path, reason) in [
            ("/etc/sudoers.d/omsagent", "who may become root"),
            ("/etc/cron.daily/x", "cron runs it"),
            ("/root/.ssh/authorized_keys", "who may log in over ssh"),
            ("/home/a/.ssh/authorized_keys2", "who may log in over ssh"),
            ("/var/opt/agent/.ssh/rc", "runs at a login over ssh"),
            ("/.ssh/config", "where ssh goes, and what it runs"),
            ("/etc/udev/rules.d/9.rules", "udev runs what it says"),
            ("/usr/lib/udev/rules.d/9.rules", "udev runs what it says"),
            ("/lib/udev/rules.d/9.rules", "udev runs what it says"),
            ("/etc/systemd/system-generators/x", "systemd runs it"),
            ("/usr/lib/systemd/system-generators/x", "systemd runs it"),
            (
                "/etc/systemd/system/ssh.service.d/x.conf",
                "changes a service",
            ),
        ] {
            assert_eq!(why(path, 0o440), Some(reason), "{path}");
        }
        assert_eq!(why("/opt/x", 0o4755), Some("setuid"));
        assert_eq!(why("/opt/x", 0o666), Some("anybody may write to it"));
        assert_eq!(why("/opt/x", 0o644), None);
    }

    #[test]
    fn rights_that_were_there_before() {
        let before = file(0o4755);
        let why = |after: &FileState| why("/opt/x", Some(&before), Some(after));
        assert_eq!(why(&file(0o4711)), None);
        // Nothing differs but what is not in a trace: inode or time.
        assert_eq!(why(&before), Some("setuid, touched or written"));
        let longer = FileState {
            size: 1,
            ..file(0o4711)
        };
        assert_eq!(why(&longer), Some("setuid, touched or written"));
        let chowned = FileState {
            user: 7,
            ..before.clone()
        };
        assert_eq!(why(&chowned), Some("setuid, other owner"));
        let written = of_file(b"/opt/x", Some(&before), Some(&file(0o4711)), true);
        assert!(written.is_some_and(|reason| !reason.is_set));
        let capable = FileState {
            capabilities: vec![1],
            ..file(0o755)
        };
        let why = |before| super::of_file(b"/opt/x", Some(before), Some(&capable), false);
        let texts = [&file(0o755), &capable].map(|before| why(before).map(|reason| reason.text));
        let again = "has capabilities, touched or written";
        assert_eq!(texts, [Some("has capabilities"), Some(again)]);
    }

    #[test]
    fn what_is_gone_or_elsewhere() {
        let (directory, link) = (of_kind(0o040_000), of_kind(0o120_000));
        let places = Some("who may become root");
        let gone = file(0o440);
        assert_eq!(why("/etc/sudoers.d/x", Some(&gone), None), places);
        assert_eq!(why("/etc/sudoers.d", Some(&directory), Some(&link)), places);
        assert_eq!(why("/etc/sudoers.d", None, Some(&link)), places);
        let ssh = Some("who may log in over ssh");
        assert_eq!(why("/home/a/.ssh", Some(&directory), Some(&link)), ssh);
        assert_eq!(why("/home/a/.ssh", None, Some(&link)), ssh);
        assert_eq!(why("/home/a/.ssh", None, Some(&directory)), None);
        assert_eq!(why("/home/a/.ssh/known_hosts", None, Some(&gone)), None);
        let drop_ins = "/etc/systemd/system/ssh.service.d";
        let told = why(drop_ins, Some(&directory), Some(&link));
        assert_eq!(told, Some("changes a service"));
        assert_eq!(why("/etc/sudoers.d", Some(&directory), None), None);
        assert_eq!(why("/etc/sudoers.d", None, Some(&directory)), None);
        assert_eq!(why("/opt/x", Some(&file(0o4755)), None), None);
    }
}
