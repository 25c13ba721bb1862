//! Finds files that deserve attention: by their permissions, and by rules for paths.

use crate::{event::FileState, rules::RuleSet};

use super::Reason;

/// Returns the reason for attention of a file with its two states. `was_written` is set if a
/// write to it was recorded.
pub(super) fn of_file(
    rules: &RuleSet,
    path: &[u8],
    before: Option<&FileState>,
    after: Option<&FileState>,
    was_written: bool,
) -> Option<Reason> {
    let rights = after.and_then(|after| of_rights(before, after, was_written));
    rights.or_else(|| of_path(rules, path, before, after))
}

fn of_rights(before: Option<&FileState>, after: &FileState, was_written: bool) -> Option<Reason> {
    let had = |what: &dyn Fn(&FileState) -> bool| before.is_some_and(what);
    let is_file = after.kind() == "file";
    let is_setuid = |state: &FileState| state.kind() == "file" && state.mode & 0o4000 != 0;
    let is_setgid = |state: &FileState| state.kind() == "file" && state.mode & 0o2000 != 0;
    // Permissions that it had before now apply to other content.
    let has_been_written = had(&|before| was_written || may_have_been_written(before, after));
    if is_setuid(after) {
        if !had(&is_setuid) {
            return Some(Reason::Setuid);
        }
        if had(&|before| before.user != after.user) {
            return Some(Reason::SetuidOwner);
        }
    }
    if is_setgid(after) {
        if !had(&is_setgid) {
            return Some(Reason::Setgid);
        }
        if had(&|before| before.group != after.group) {
            return Some(Reason::SetgidGroup);
        }
    }
    if !after.capabilities.is_empty() && !had(&|before| before.capabilities == after.capabilities) {
        return Some(Reason::Capabilities);
    }
    if has_been_written {
        if is_setuid(after) {
            return Some(Reason::SetuidWritten);
        }
        if is_setgid(after) {
            return Some(Reason::SetgidWritten);
        }
        if !after.capabilities.is_empty() {
            return Some(Reason::CapabilitiesWritten);
        }
    }
    // A socket's process decides what its peers may do.
    let is_stored = is_file || after.kind() == "directory";
    let is_open =
        |state: &FileState| state.mode & 0o002 != 0 && (is_file || state.mode & 0o1000 == 0);
    if is_stored && is_open(after) && !had(&is_open) {
        return Some(Reason::WorldWritable);
    }
    None
}

/// Compares two states. If nothing differs, inode or time did: both are compared, but not kept.
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

fn of_path(
    rules: &RuleSet,
    path: &[u8],
    before: Option<&FileState>,
    after: Option<&FileState>,
) -> Option<Reason> {
    let states = [before, after];
    let is = |kind: &str| {
        let mut states = states.iter().flatten();
        states.any(|state| state.kind() == kind)
    };
    let is_whole = before.is_some() && after.is_some();
    // Files of a directory that is new or gone are judged one by one.
    if is("directory") && !is_whole {
        return None;
    }
    // A link, and a directory of another owner, may replace all files below the path.
    let inner = (is("directory") || is("link")).then(|| [path, b"/x.conf"].concat());
    let paths = [path].into_iter().chain(inner.as_deref());
    let reason = rules.reason(&paths.collect::<Vec<_>>())?;
    Some(Reason::Rule(reason.clone()))
}

#[cfg(test)]
mod tests {
    use super::{Reason, of_file};
    use crate::{event::FileState, rules::RuleSet};

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

    fn why(path: &str, before: Option<&FileState>, after: Option<&FileState>) -> Option<Reason> {
        of_file(&RuleSet::empty(), path.as_bytes(), before, after, false)
    }

    fn rule(reason: &str) -> Option<Reason> {
        Some(Reason::Rule(reason.into()))
    }

    #[test]
    fn a_user_may_add_paths() {
        let mut rules = RuleSet::empty();
        let text = "[[attention]]\npath = \"/opt/acme/**\"\nreason = \"ours\"\n";
        rules.add("mine", text).expect("rules");
        let of = |path: &[u8]| of_file(&rules, path, None, Some(&file(0o644)), false);
        assert_eq!(of(b"/opt/acme/etc/x"), rule("ours"));
        assert_eq!(of(b"/etc/sudoers"), rule("who may become root"));
        assert_eq!(of(b"/opt/x"), None);
        rules
            .add("more", "[[harmless]]\npath = \"/opt/acme/log/*\"\n")
            .expect("rules");
        let of = |path: &[u8]| of_file(&rules, path, None, Some(&file(0o644)), false);
        assert_eq!(of(b"/opt/acme/log/x"), None);
        assert_eq!(of(b"/etc/cron.d/x.dpkg-new"), None);
        let setuid = of_file(&rules, b"/etc/x.dpkg-new", None, Some(&file(0o4755)), false);
        assert_eq!(setuid, Some(Reason::Setuid));
    }

    #[test]
    fn places_and_modes() {
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
            assert_eq!(why(path, 0o440), rule(reason), "{path}");
        }
        assert_eq!(why("/opt/x", 0o4755), Some(Reason::Setuid));
        assert_eq!(why("/opt/x", 0o666), Some(Reason::WorldWritable));
        assert_eq!(why("/opt/x", 0o644), None);
    }

    #[test]
    fn rights_that_were_there_before() {
        let before = file(0o4755);
        let why = |after: &FileState| why("/opt/x", Some(&before), Some(after));
        assert_eq!(why(&file(0o4711)), None);
        // Only inode or time differ, which no trace has.
        assert_eq!(why(&before), Some(Reason::SetuidWritten));
        let longer = FileState {
            size: 1,
            ..file(0o4711)
        };
        assert_eq!(why(&longer), Some(Reason::SetuidWritten));
        let chowned = FileState {
            user: 7,
            ..before.clone()
        };
        assert_eq!(why(&chowned), Some(Reason::SetuidOwner));
        let rules = RuleSet::empty();
        let written = of_file(&rules, b"/opt/x", Some(&before), Some(&file(0o4711)), true);
        assert!(written.is_some_and(|reason| !reason.is_of_rights()));
        let capable = FileState {
            capabilities: vec![1],
            ..file(0o755)
        };
        let why = |before| super::of_file(&rules, b"/opt/x", Some(before), Some(&capable), false);
        let reasons = [&file(0o755), &capable].map(why);
        let again = Reason::CapabilitiesWritten;
        assert_eq!(reasons, [Some(Reason::Capabilities), Some(again)]);
    }

    #[test]
    fn what_is_gone_or_elsewhere() {
        let (directory, link) = (of_kind(0o040_000), of_kind(0o120_000));
        let places = rule("who may become root");
        let gone = file(0o440);
        assert_eq!(why("/etc/sudoers.d/x", Some(&gone), None), places);
        assert_eq!(why("/etc/sudoers.d", Some(&directory), Some(&link)), places);
        assert_eq!(why("/etc/sudoers.d", None, Some(&link)), places);
        let ssh = rule("who may log in over ssh");
        assert_eq!(why("/home/a/.ssh", Some(&directory), Some(&link)), ssh);
        assert_eq!(why("/home/a/.ssh", None, Some(&link)), ssh);
        assert_eq!(why("/home/a/.ssh", None, Some(&directory)), None);
        assert_eq!(why("/home/a/.ssh/known_hosts", None, Some(&gone)), None);
        let drop_ins = "/etc/systemd/system/ssh.service.d";
        let replaced = why(drop_ins, Some(&directory), Some(&link));
        assert_eq!(replaced, rule("changes a service"));
        assert_eq!(why("/etc/sudoers.d", Some(&directory), None), None);
        assert_eq!(why("/etc/sudoers.d", None, Some(&directory)), None);
        assert_eq!(why("/opt/x", Some(&file(0o4755)), None), None);
    }
}
