//! Reads the kernel's parameters that can be set, sysctl(8), with their values. It leaves out
//! parameters that the kernel changes by itself, and keys.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use super::snapshot::Snapshot;
use crate::{
    capture::capabilities::{self, During},
    event::Difference,
};

const ROOT: &str = "/proc/sys";

/// Limit of a value. Longer ones are bitmaps and lists.
const LENGTH: u64 = 4096;

/// Limit of nested directories; the kernel has seven.
const DEPTH: usize = 12;

/// Limit of interfaces. A host of containers has one for each, each with 140 parameters.
const INTERFACES: usize = 64;

/// Names that are left out: a name, all names below it (with a dot at the end), or all names with
/// that end (with a dot in front).
const LEFT_OUT: [&str; 10] = [
    // The kernel sets them: the last process id, the acceptable rate of samples, the remaining
    // warnings about hung tasks and, up to Linux 5.12, the cost of balancing tasks.
    "kernel.ns_last_pid",
    "kernel.perf_event_max_sample_rate",
    "kernel.hung_task_warnings",
    "kernel.sched_domain.",
    // Keys for addresses and cookies.
    ".stable_secret",
    "net.ipv4.tcp_fastopen_key",
    // A read has an effect: it sums up counters of all processors, or triggers an automount of
    // systemd's.
    "vm.stat_refresh",
    "fs.binfmt_misc.",
    // Values of an interface from its link and from routers.
    ".mtu",
    ".hop_limit",
];

/// Lists parameters: name with dots; value.
pub(super) fn snapshot() -> Option<Snapshot> {
    let root = Path::new(ROOT);
    let look = || Walk::default().through(root);
    root.is_dir()
        .then(|| capabilities::with_reserve(During::Parameters, look))
}

#[derive(Default)]
struct Walk {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Names of parameters that need another privilege.
    unreadable: Vec<String>,
    problems: Vec<String>,
}

impl Walk {
    fn through(mut self, root: &Path) -> Snapshot {
        self.directory(root, "", 0);
        // Directories are unordered.
        self.unreadable.sort();
        if let Some(first) = self.unreadable.first() {
            let count = self.unreadable.len();
            let others = match count {
                1 => String::new(),
                _ => format!(" and {} more", count - 1),
            };
            let problem = format!("this user cannot read {first}{others}");
            self.problems.push(problem);
        }
        self.problems.sort();
        let mut snapshot = Snapshot::of(self.entries);
        for problem in self.problems {
            snapshot.add_problem(problem);
        }
        snapshot
    }

    fn directory(&mut self, path: &Path, name: &str, depth: usize) {
        // The interface of the directory is gone.
        let Ok(files) = fs::read_dir(path) else {
            return;
        };
        let mut below: Vec<(PathBuf, String)> = Vec::new();
        for file in files.flatten() {
            let own = dotted(file.file_name().as_bytes());
            let own = match name {
                "" => own,
                _ => format!("{name}.{own}"),
            };
            match file.file_type() {
                Ok(kind) if kind.is_dir() => {
                    if depth < DEPTH && !is_left_out(&format!("{own}.")) {
                        below.push((file.path(), own));
                    }
                }
                Ok(kind) if kind.is_file() && !is_left_out(&own) => {
                    match value(&file.path()) {
                        Ok(Some(value)) => self.entries.push((own.into_bytes(), value)),
                        Ok(None) => {}
                        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                            self.unreadable.push(own);
                        }
                        // It does not exist any more, or has no value.
                        Err(_) => {}
                    }
                }
                Ok(_) | Err(_) => {}
            }
        }
        if is_of_interfaces(name) && below.len() > INTERFACES {
            below.retain(|(_, own)| own.ends_with(".all") || own.ends_with(".default"));
            self.problems.push(format!(
                "there are more than {INTERFACES} interfaces in {name}; only the default was \
                 compared"
            ));
        }
        for (path, own) in below {
            self.directory(&path, &own, depth + 1);
        }
    }
}

/// Converts a part of a name. A dot in the name of an interface becomes a slash, as in sysctl(8).
fn dotted(part: &[u8]) -> String {
    String::from_utf8_lossy(part).replace('.', "/")
}

fn is_left_out(name: &str) -> bool {
    LEFT_OUT.iter().any(
        |pattern| match (pattern.strip_prefix('.'), pattern.ends_with('.')) {
            (Some(_), _) => name.starts_with("net.") && name.ends_with(pattern),
            (None, true) => name.starts_with(pattern),
            (None, false) => name == *pattern,
        },
    )
}

fn is_of_interfaces(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    matches!(parts[..], ["net", _, "conf" | "neigh"])
}

/// Reads the value of a parameter that can be both set and read.
fn value(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // By the mode: a read of some write-only ones has an effect.
    let mode = path.metadata()?.permissions().mode();
    if mode & 0o200 == 0 || mode & 0o400 == 0 {
        return Ok(None);
    }
    let mut value = Vec::with_capacity(64);
    let file = File::open(path)?;
    file.take(LENGTH + 1).read_to_end(&mut value)?;
    if value.len() as u64 > LENGTH {
        return Ok(None);
    }
    value.truncate(value.trim_ascii_end().len());
    Ok(Some(value))
}

/// Returns false for the default value of a parameter whose interface is new or gone. Such an
/// interface has 140 parameters.
pub(super) fn is_significant(difference: &Difference, before: &Snapshot, after: &Snapshot) -> bool {
    let (snapshot, value) = match (&difference.before, &difference.after) {
        (None, Some(value)) => (after, value),
        (Some(value), None) => (before, value),
        _ => return true,
    };
    let name = String::from_utf8_lossy(&difference.name);
    let parts: Vec<&str> = name.split('.').collect();
    let [net, family, what @ ("conf" | "neigh"), interface, parameter] = parts[..] else {
        return true;
    };
    if net != "net" || matches!(interface, "all" | "default") {
        return true;
    }
    let default = format!("net.{family}.{what}.default.{parameter}");
    let default = snapshot.entries.get(default.as_bytes());
    // Only the first network namespace has defaults of neighbours.
    default.is_some_and(|default| default != value)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use super::{
        super::snapshot::{Snapshot, texts},
        INTERFACES, LENGTH, Walk, is_left_out, is_significant,
    };

    fn set(root: &Path, name: &str, value: &str, mode: u32) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        fs::write(&path, value).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    #[test]
    fn what_can_be_set_and_read() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let root = root.path();
        set(root, "kernel/core_pattern", "|/bin/x %p\n", 0o644);
        set(root, "kernel/version", "6\n", 0o444);
        set(root, "kernel/ns_last_pid", "6\n", 0o666);
        set(root, "vm/drop_caches", "6\n", 0o200);
        set(root, "net/ipv4/conf/eth0.7/forwarding", "1\n", 0o644);
        set(root, "net/ipv6/conf/eth0/stable_secret", "::1\n", 0o600);
        set(root, "net/ipv4/tcp_rmem", "1\t2\t3\n", 0o644);
        set(root, "fs/binfmt_misc/python", "enabled\n", 0o644);
        let length = usize::try_from(LENGTH).expect("a length");
        set(root, "kernel/long", &"x".repeat(length + 1), 0o644);
        let snapshot = Walk::default().through(root);
        assert_eq!(
            texts(&snapshot),
            [
                "kernel.core_pattern = |/bin/x %p",
                "net.ipv4.conf.eth0/7.forwarding = 1",
                "net.ipv4.tcp_rmem = 1\t2\t3",
            ]
        );
        assert_eq!(snapshot.problem, "");
    }

    #[test]
    fn of_very_many_interfaces_only_the_default() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let root = root.path();
        for number in 0..INTERFACES {
            set(
                root,
                &format!("net/ipv4/conf/veth{number}/tag"),
                "0\n",
                0o644,
            );
        }
        assert_eq!(Walk::default().through(root).entries.len(), INTERFACES);
        set(root, "net/ipv4/conf/default/tag", "0\n", 0o644);
        let snapshot = Walk::default().through(root);
        assert_eq!(texts(&snapshot), ["net.ipv4.conf.default.tag = 0"]);
        assert_eq!(
            snapshot.problem,
            "there are more than 64 interfaces in net.ipv4.conf; only the default was \
             compared"
        );
    }

    #[test]
    fn names_that_are_left_out() {
        for name in ["net.ipv6.conf.lo.mtu", "kernel.sched_domain.cpu0.x"] {
            assert!(is_left_out(name), "{name}");
        }
        for name in ["kernel.mtu", "kernel.ns_last_pid_", "kernel.sched_domain"] {
            assert!(!is_left_out(name), "{name}");
        }
    }

    #[test]
    fn a_new_interface_does_not_differ_by_its_defaults() {
        let entry = |(name, value): (&str, &str)| (name.into(), value.into());
        let before = Snapshot::of(
            [
                ("net.ipv4.conf.default.tag", "0"),
                ("net.ipv4.conf.old.tag", "7"),
                ("net.ipv4.conf.stays.tag", "0"),
            ]
            .map(entry),
        );
        let after = Snapshot::of(
            [
                ("net.ipv4.conf.default.tag", "1"),
                ("net.ipv4.conf.default.rp_filter", "2"),
                ("net.ipv4.conf.new.tag", "1"),
                ("net.ipv4.conf.new.rp_filter", "0"),
                ("net.ipv4.conf.stays.tag", "1"),
                ("net.ipv4.neigh.new.locktime", "0"),
                ("net.ipv4.x", "0"),
            ]
            .map(entry),
        );
        let (mut differences, _) = before.compare(&after);
        differences.retain(|it| is_significant(it, &before, &after));
        let names: Vec<_> = differences
            .iter()
            .map(|it| String::from_utf8_lossy(&it.name))
            .collect();
        assert_eq!(
            names,
            [
                "net.ipv4.conf.default.rp_filter",
                "net.ipv4.conf.default.tag",
                "net.ipv4.conf.new.rp_filter",
                "net.ipv4.conf.old.tag",
                "net.ipv4.conf.stays.tag",
                "net.ipv4.x",
            ]
        );
    }
}
