//! Reads unit files from systemd's directories, on machines whose systemd does not answer. It
//! leaves out files of generators and of users.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use super::snapshot::Snapshot;
use crate::capture::files::safe_open;

/// The administrator's directory; its links decide which units are enabled.
const OWN: &str = "etc/systemd/system";

/// All directories, in order of precedence, see systemd.unit(5).
const DIRECTORIES: [&str; 5] = [
    OWN,
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];

const SUFFIXES: [&str; 4] = [".service", ".timer", ".socket", ".path"];

/// Limit of a unit file in bytes.
const LIMIT: u64 = 1 << 20;

/// Lists unit files: name; `enabled`, `disabled`, `static`, `masked` or `alias`.
pub(super) fn snapshot() -> Option<Snapshot> {
    snapshot_at(Path::new("/"))
}

fn snapshot_at(root: &Path) -> Option<Snapshot> {
    let mut is_there = false;
    let mut problems = Vec::new();
    let mut states: BTreeMap<OsString, Option<&str>> = BTreeMap::new();
    let enabled = enabled(&root.join(OWN));
    for directory in DIRECTORIES {
        let path = root.join(directory);
        let files = match fs::read_dir(&path) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                problems.push(format!("cannot read /{directory}: {error}"));
                continue;
            }
        };
        is_there = true;
        for file in files.flatten() {
            let name = file.file_name();
            let bytes = name.as_bytes();
            let is_unit = SUFFIXES.iter().any(|it| bytes.ends_with(it.as_bytes()));
            if is_unit && !states.contains_key(&name) {
                let state = state(&file.path(), bytes, &enabled);
                states.insert(name, state);
            }
        }
    }
    if !is_there && problems.is_empty() {
        return None;
    }
    let entries = states
        .into_iter()
        .filter_map(|(name, state)| Some((name.as_bytes().to_vec(), state?.into())));
    let mut snapshot = Snapshot::of(entries);
    for problem in problems {
        snapshot.add_problem(problem);
    }
    Some(snapshot)
}

/// Lists units that others pull in, or that have a second name, by links of the administrator's.
fn enabled(directory: &Path) -> BTreeSet<Vec<u8>> {
    let mut units = BTreeSet::new();
    let Ok(files) = fs::read_dir(directory) else {
        return units;
    };
    for file in files.flatten() {
        let (path, name) = (file.path(), file.file_name());
        let name = name.as_bytes();
        if name.ends_with(b".wants") || name.ends_with(b".requires") {
            for link in fs::read_dir(path).into_iter().flatten().flatten() {
                units.insert(template(link.file_name().as_bytes()));
            }
        } else if let Ok(target) = fs::read_link(path) {
            let other = target.file_name().unwrap_or_default().as_bytes();
            if other != name {
                units.insert(template(other));
            }
        }
    }
    units
}

/// Returns the file of a unit: `getty@.service` for `getty@tty1.service`.
fn template(name: &[u8]) -> Vec<u8> {
    let at = name.iter().position(|byte| *byte == b'@');
    let dot = name.iter().rposition(|byte| *byte == b'.');
    match (at, dot) {
        (Some(at), Some(dot)) if at < dot => [&name[..=at], &name[dot..]].concat(),
        _ => name.to_vec(),
    }
}

/// Finds the state of a unit file; `None` if it is gone or not a regular file.
fn state(path: &Path, name: &[u8], enabled: &BTreeSet<Vec<u8>>) -> Option<&'static str> {
    if let Ok(target) = fs::read_link(path) {
        if target == Path::new("/dev/null") {
            return Some("masked");
        }
        if target.file_name().unwrap_or_default().as_bytes() != name {
            return Some("alias");
        }
    }
    // The target of a foreign link may be gone, or a device.
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() {
        return None;
    }
    if metadata.len() == 0 {
        return Some("masked");
    }
    if enabled.contains(&template(name)) {
        return Some("enabled");
    }
    let text = safe_open::read(safe_open::open(path).ok()?, LIMIT).ok()?;
    let mut lines = text.split(|byte| *byte == b'\n');
    match lines.any(|line| line.trim_ascii() == b"[Install]") {
        true => Some("disabled"),
        false => Some("static"),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::{super::snapshot::texts, snapshot_at, template};

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        fs::write(path, text).expect("a file");
    }

    fn link(root: &Path, path: &str, target: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        symlink(target, path).expect("a link");
    }

    #[test]
    fn states_as_of_systemctl() {
        const INSTALL: &str = "[Unit]\n[Install]\nWantedBy=multi-user.target\n";
        let root = tempfile::tempdir().expect("a temporary directory");
        let root = root.path();
        assert!(snapshot_at(root).is_none());
        for unit in [
            "on.service",
            "off.timer",
            "second.service",
            "getty@.service",
        ] {
            write(root, &format!("usr/lib/systemd/system/{unit}"), INSTALL);
        }
        write(root, "usr/lib/systemd/system/plain.socket", "[Unit]\n");
        write(root, "usr/lib/systemd/system/README", "[Unit]\n");
        write(root, "usr/lib/systemd/system/empty.path", "");
        write(root, "usr/lib/systemd/system/gone.service", INSTALL);
        link(root, "lib", "usr/lib");
        let own = |path: &str| format!("etc/systemd/system/{path}");
        link(root, &own("multi-user.target.wants/on.service"), "/lib/x");
        link(
            root,
            &own("getty.target.wants/getty@tty1.service"),
            "/lib/x",
        );
        link(
            root,
            &own("name.service"),
            "/lib/systemd/system/second.service",
        );
        link(root, &own("gone.service"), "/dev/null");
        link(root, &own("broken.service"), "/opt/none/broken.service");
        write(root, &own("device.service"), INSTALL);
        link(root, &own("of_root.service"), "/dev/of_root.service");
        let snapshot = snapshot_at(root).expect("units");
        assert_eq!(
            texts(&snapshot),
            [
                "device.service = disabled",
                "empty.path = masked",
                "getty@.service = enabled",
                "gone.service = masked",
                "name.service = alias",
                "off.timer = disabled",
                "on.service = enabled",
                "plain.socket = static",
                "second.service = enabled",
            ]
        );
        assert_eq!(snapshot.problem, "");
    }

    #[test]
    fn instances_are_of_templates() {
        for (name, file) in [
            ("a@b.service", "a@.service"),
            ("a@.service", "a@.service"),
            ("a.service", "a.service"),
            ("a.b@c", "a.b@c"),
            ("a@x@y.z.timer", "a@.timer"),
        ] {
            assert_eq!(template(name.as_bytes()), file.as_bytes());
        }
    }
}
