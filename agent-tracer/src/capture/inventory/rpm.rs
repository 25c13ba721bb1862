//! Reads the installed packages of rpm from its database, without rpm(8) and its libraries: a
//! command may have replaced them. It reads databases of SQLite, and reports the two older kinds as
//! problems.

mod sqlite;

use std::{
    collections::BTreeMap,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::snapshot::Snapshot;
use crate::capture::files::safe_open;

const DIRECTORIES: [&str; 2] = ["/var/lib/rpm", "/usr/lib/sysimage/rpm"];

/// The file of each kind of database.
const SQLITE: &str = "rpmdb.sqlite";
const OTHERS: [(&str, &str); 2] = [("Packages", "Berkeley DB"), ("Packages.db", "ndb")];

/// Lists packages: `name.architecture`; version and release.
pub(super) fn snapshot() -> Option<Snapshot> {
    let directories = DIRECTORIES.map(Path::new);
    directories.into_iter().find_map(snapshot_in)
}

fn snapshot_in(directory: &Path) -> Option<Snapshot> {
    let file = directory.join(SQLITE);
    if exists(&file) {
        return Some(match packages_of(&file) {
            Ok(packages) => Snapshot::of(packages),
            Err(error) => Snapshot::failed(format!("cannot read {}: {error}", file.display())),
        });
    }
    let other = OTHERS
        .iter()
        .find(|(name, _)| exists(&directory.join(name)))?;
    let file = directory.join(other.0);
    Some(Snapshot::failed(format!(
        "cannot read {}: databases of {} are not supported",
        file.display(),
        other.1
    )))
}

/// Returns true if a file exists or may exist.
fn exists(path: &Path) -> bool {
    std::fs::exists(path).unwrap_or(true)
}

/// Reads the packages while no rpm(8) writes: once its log is empty, the file is complete.
fn packages_of(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    const TRIES: usize = 10;
    const PAUSE: Duration = Duration::from_millis(20);
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = PathBuf::from(log);
    let is_quiet = || -> io::Result<bool> {
        match std::fs::symlink_metadata(&log) {
            Ok(log) => Ok(log.len() == 0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    };
    for attempt in 0..TRIES {
        if attempt > 0 {
            thread::sleep(PAUSE);
        }
        if !is_quiet()? {
            continue;
        }
        let file = safe_open::open(path)?;
        let before = file.metadata()?;
        let read = sqlite::Database::open(file).and_then(|mut it| read(&mut it));
        let after = std::fs::metadata(path)?;
        let state =
            |file: &std::fs::Metadata| (file.ino(), file.len(), file.mtime(), file.mtime_nsec());
        if is_quiet()? && state(&before) == state(&after) {
            return read;
        }
    }
    Err(io::Error::other("some changes are only in its log"))
}

fn read(database: &mut sqlite::Database) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut packages: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    let mut is_understood = true;
    const BLOB: usize = 1;
    database.rows("Packages", |columns| {
        match columns.get(BLOB).and_then(|it| package(it)) {
            Some((name, version)) => packages.entry(name).or_default().push(version),
            None => is_understood = false,
        }
    })?;
    if !is_understood {
        return Err(io::Error::other("a package in it is damaged"));
    }
    // Several kernels may be installed. The database is unordered.
    let all = packages.into_iter().map(|(name, mut versions)| {
        versions.sort_unstable();
        (name, versions.join(b", ".as_slice()))
    });
    Ok(all.collect())
}

/// Reads name and version of a package's header: an index of 16 bytes a tag, then their values.
fn package(header: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    const INDEX: usize = 16;
    const TEXT: u32 = 6;
    let [name, version, release, architecture] = [1000, 1001, 1002, 1022];
    let number = |at: usize| Some(u32::from_be_bytes(*header.get(at..)?.first_chunk()?));
    let count = usize::try_from(number(0)?).ok()?;
    let values = header.get(count.checked_mul(INDEX)?.checked_add(8)?..)?;
    let index = header.get(8..)?.chunks_exact(INDEX).take(count);
    let mut texts: BTreeMap<u32, &[u8]> = BTreeMap::new();
    for entry in index {
        let number = |at: usize| Some(u32::from_be_bytes(*entry.get(at..)?.first_chunk()?));
        let (tag, kind) = (number(0)?, number(4)?);
        if kind == TEXT && [name, version, release, architecture].contains(&tag) {
            let value = values.get(usize::try_from(number(8)?).ok()?..)?;
            let end = memchr::memchr(0, value)?;
            texts.insert(tag, value.get(..end)?);
        }
    }
    // A key that signs packages has no architecture.
    let architecture = texts.get(&architecture).copied().unwrap_or(b"(none)");
    let name = [*texts.get(&name)?, architecture].join(&b'.');
    let version = [*texts.get(&version)?, *texts.get(&release)?].join(&b'-');
    Some((name, version))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, process::Command};

    use proptest::prelude::*;

    use super::{super::snapshot::texts, package, snapshot_in};

    fn header(texts: &[(u32, &str)]) -> Vec<u8> {
        let mut values = Vec::new();
        let mut index = Vec::new();
        for (tag, text) in texts {
            let offset = u32::try_from(values.len()).expect("a small header");
            for number in [*tag, 6, offset, 1] {
                index.extend(number.to_be_bytes());
            }
            values.extend(text.bytes());
            values.push(0);
        }
        let count = u32::try_from(texts.len()).expect("a small header");
        let length = u32::try_from(values.len()).expect("a small header");
        let parts = [
            count.to_be_bytes().to_vec(),
            length.to_be_bytes().to_vec(),
            index,
            values,
        ];
        parts.concat()
    }

    #[test]
    fn headers_of_packages() {
        let texts = [
            (1000, "bash"),
            (1001, "5.2"),
            (1002, "1.fc40"),
            (1022, "x86_64"),
        ];
        let bash = package(&header(&texts));
        assert_eq!(
            bash,
            Some((b"bash.x86_64".to_vec(), b"5.2-1.fc40".to_vec()))
        );
        let key = package(&header(&texts[..3])).expect("a key");
        assert_eq!(key.0, b"bash.(none)");
        assert_eq!(package(&header(&texts[1..])), None);
        assert_eq!(package(&header(&texts)[..90]), None);
    }

    #[test]
    fn other_databases_are_said() {
        let place = tempfile::tempdir().expect("a directory");
        assert!(snapshot_in(place.path()).is_none());
        fs::write(place.path().join("Packages.db"), "x").expect("a file");
        let snapshot = snapshot_in(place.path()).expect("a snapshot");
        assert!(
            snapshot
                .problem
                .ends_with("databases of ndb are not supported"),
            "{}",
            snapshot.problem
        );
        fs::write(place.path().join("rpmdb.sqlite"), "x").expect("a file");
        let snapshot = snapshot_in(place.path()).expect("a snapshot");
        assert!(
            snapshot.problem.ends_with("it is not an SQLite database"),
            "{}",
            snapshot.problem
        );
    }

    fn rpm(database: &Path, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("rpm");
        command.arg("--dbpath").arg(database);
        command
            .args(["--define", "_db_backend sqlite"])
            .args(arguments);
        let output = command.output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Compares with rpm(8), where that is installed and can build packages.
    #[test]
    fn as_rpm_lists_them() {
        let place = tempfile::tempdir().expect("a directory");
        let at = |name: &str| place.path().join(name);
        for number in 0..40 {
            // Some headers are larger than a page of the database.
            let text = "words of a description\n".repeat(number * 20);
            let spec = format!(
                "Name: acme{number}\nVersion: 1.{number}\nRelease: 3\nSummary: x\n\
                 License: MIT\nBuildArch: noarch\n%description\n{text}\n%files\n"
            );
            fs::write(at(&format!("{number}.spec")), spec).expect("a file");
            let built = Command::new("rpmbuild")
                .args(["-bb", "--quiet", "--define"])
                .arg(format!("_topdir {}", at("top").display()))
                .arg(at(&format!("{number}.spec")))
                .output();
            if !built.is_ok_and(|built| built.status.success()) {
                eprintln!("skipped: no rpmbuild");
                return;
            }
        }
        let database = at("database");
        let packages = fs::read_dir(at("top/RPMS/noarch")).expect("packages");
        let packages: Vec<String> = packages
            .flatten()
            .map(|file| file.path().to_string_lossy().into_owned())
            .collect();
        let mut install = vec!["-i", "--nodeps", "--justdb"];
        install.extend(packages.iter().map(String::as_str));
        rpm(&database, &install).expect("packages are installed");
        let format = "%{NAME}.%{ARCH} = %{VERSION}-%{RELEASE}\\n";
        let listed = rpm(&database, &["-qa", "--qf", format]).expect("a list");
        let mut listed: Vec<&str> = listed.lines().collect();
        listed.sort_unstable();
        let snapshot = snapshot_in(&database).expect("a snapshot");
        assert_eq!(snapshot.problem, "");
        assert_eq!(texts(&snapshot), listed);
        assert_eq!(listed.len(), 40);
        rpm(&database, &["-e", "--nodeps", "--justdb", "acme7"]).expect("one is gone");
        assert_eq!(
            snapshot_in(&database).expect("a snapshot").entries.len(),
            39
        );
        damage(&database.join("rpmdb.sqlite"), &database);
    }

    /// Changes the database byte by byte: each result has entries or a problem.
    fn damage(file: &Path, directory: &Path) {
        let whole = fs::read(file).expect("the database");
        for step in 0..400 {
            let mut bytes = whole.clone();
            let at = step * 7919 % bytes.len().min(40_000);
            bytes[at] ^= 0xff;
            if step % 3 == 0 {
                bytes.truncate(at.max(1));
            }
            fs::write(file, bytes).expect("a file");
            snapshot_in(directory).expect("a snapshot");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0_u8..9) {
            package(&bytes);
            let count = [[0, 0, 0, count, 0, 0, 0, 0].as_slice(), &bytes].concat();
            package(&count);
        }
    }
}
