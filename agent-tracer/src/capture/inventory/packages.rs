//! Reads the installed packages of dpkg from the files of dpkg(1).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::snapshot::{Snapshot, lines, read};

const DPKG: &str = "/var/lib/dpkg";

/// Limit of a file. With all packages installed, it has some 10 MiB.
const LIMIT: u64 = 64 << 20;

/// Lists packages of dpkg: `name:architecture`; version and state.
pub(super) fn dpkg() -> Option<Snapshot> {
    dpkg_at(Path::new(DPKG))
}

fn dpkg_at(directory: &Path) -> Option<Snapshot> {
    let mut text = match read(&directory.join("status"), LIMIT) {
        Ok(None) => return None,
        Ok(Some(text)) => text,
        Err(problem) => return Some(Snapshot::failed(problem)),
    };
    // The updates of a running or killed dpkg: later ones supersede earlier ones and the status.
    for update in updates(&directory.join("updates")) {
        match read(&update, LIMIT) {
            // Meanwhile merged into the status.
            Ok(None) => {}
            Ok(Some(update)) => {
                text.extend(b"\n\n");
                text.extend(update);
            }
            Err(problem) => return Some(Snapshot::failed(problem)),
        }
    }
    Some(parse_dpkg(&text))
}

fn updates(directory: &Path) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut updates: Vec<PathBuf> = files
        .flatten()
        .filter(|file| {
            let name = file.file_name();
            let digits = name.as_encoded_bytes();
            digits.iter().all(u8::is_ascii_digit)
        })
        .map(|file| file.path())
        .collect();
    updates.sort();
    updates
}

fn parse_dpkg(text: &[u8]) -> Snapshot {
    let mut packages: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut fields: [&[u8]; 4] = [b""; 4];
    // One more empty line, for the last package.
    for line in lines(text).chain([b"".as_slice()]) {
        if line.is_empty() {
            let [name, architecture, version, status] = std::mem::take(&mut fields);
            if name.is_empty() {
                continue;
            }
            let name = [name, architecture].join(&b':');
            // `install ok installed`: the wanted state, errors, the actual state.
            let state = status.rsplit(|byte| *byte == b' ').next().unwrap_or(status);
            if state == b"not-installed" {
                packages.remove(&name);
            } else {
                packages.insert(name, [version, state].join(&b' '));
            }
            continue;
        }
        // Other fields and continuation lines begin otherwise.
        let known: [&[u8]; 4] = [b"Package:", b"Architecture:", b"Version:", b"Status:"];
        for (field, key) in fields.iter_mut().zip(known) {
            if let Some(value) = line.strip_prefix(key) {
                *field = value.trim_ascii();
            }
        }
    }
    Snapshot::of(packages)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::{super::snapshot::texts, dpkg_at, parse_dpkg};

    const STATUS: &[u8] = b"Package: adduser\nStatus: install ok installed\nPriority: important\n\
        Architecture: all\nVersion: 3.134\nDescription: add users\n Package: no\n Version: 9\n\n\
        Package: omi\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1.6-2\n\n\
        Package: gone\nStatus: purge ok not-installed\nArchitecture: amd64\n\n\n\
        Package: \xff\x1b\nStatus:install ok half-installed\nVersion: 1";

    #[test]
    fn stanzas_of_dpkg() {
        assert_eq!(
            texts(&parse_dpkg(STATUS)),
            [
                "adduser:all = 3.134 installed",
                "omi:amd64 = 1.6-2 config-files",
                "\u{fffd}\u{1b}: = 1 half-installed",
            ]
        );
    }

    #[test]
    fn what_a_running_dpkg_has_done_counts() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        assert!(dpkg_at(directory.path()).is_none());
        let updates = directory.path().join("updates");
        fs::create_dir(&updates).expect("a directory");
        fs::write(directory.path().join("status"), STATUS).expect("a file");
        let stanza = |state: &str| {
            format!("Package: omi\nStatus: install ok {state}\nArchitecture: amd64\nVersion: 2\n")
        };
        fs::write(updates.join("0001"), stanza("installed")).expect("a file");
        fs::write(updates.join("0000"), stanza("unpacked")).expect("a file");
        fs::write(updates.join("tmp.i"), stanza("half-configured")).expect("a file");
        let snapshot = dpkg_at(directory.path()).expect("a snapshot");
        assert_eq!(texts(&snapshot)[1], "omi:amd64 = 2 installed");
        assert_eq!(snapshot.entries.len(), 3);
    }

    proptest! {
        #[test]
        fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..400)) {
            parse_dpkg(&text);
        }
    }
}
