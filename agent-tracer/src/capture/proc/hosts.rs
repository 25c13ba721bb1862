//! Reads /etc/hosts (hosts(5)) of the recorder's mount namespace after each change. It uses none of
//! its names.

use std::{fs, net::IpAddr, os::unix::fs::MetadataExt, path::Path};

use crate::capture::files::safe_open;
use crate::event::{Hosts, HostsEntry};

const PATH: &str = "/etc/hosts";

/// Limits: block lists have a hundred thousand names of one address, and the first are enough.
const BYTES: u64 = 1 << 20;
const ENTRIES: usize = 10_000;
const NAMES: usize = 32;

/// The file at its last read.
#[derive(Default)]
pub struct HostsFile {
    seen: Option<Identity>,
}

#[derive(PartialEq)]
struct Identity {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl HostsFile {
    /// Returns the entries if the file changed since the last call. A missing file has no entries.
    pub fn changed(&mut self) -> Option<Hosts> {
        self.changed_at(Path::new(PATH))
    }

    fn changed_at(&mut self, path: &Path) -> Option<Hosts> {
        let identity = fs::metadata(path).map_or(
            Identity {
                inode: 0,
                size: 0,
                changed: (0, 0),
            },
            |file| Identity {
                inode: file.ino(),
                size: file.len(),
                changed: (file.ctime(), file.ctime_nsec()),
            },
        );
        if self.seen.as_ref() == Some(&identity) {
            return None;
        }
        self.seen = Some(identity);
        let text = safe_open::open(path).and_then(|file| safe_open::read(file, BYTES));
        let text = text.unwrap_or_default();
        Some(parse(&String::from_utf8_lossy(&text)))
    }
}

fn parse(text: &str) -> Hosts {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""));
    let entries = lines.filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        // A zone, as in fe80::1%eth0, is not part of the address.
        let address = words.next()?.split('%').next()?;
        let address: IpAddr = address.parse().ok()?;
        let is_plain = |word: &&str| {
            word.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        let names: Vec<String> = words
            .filter(is_plain)
            .take(NAMES)
            .map(|name| name.trim_end_matches('.').to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        let address = match address.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        (!names.is_empty()).then_some(HostsEntry { address, names })
    });
    Hosts {
        entries: entries.take(ENTRIES).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{HostsFile, parse};

    #[test]
    fn lines_as_the_resolver_reads_them() {
        let hosts = parse(
            "127.0.0.1\tlocalhost # the machine\n\n# 10.0.0.9 not.one\n::1 localhost \
             ip6-localhost\n\
             10.0.0.7  API.Example. api\nnonsense here\nfe80::1%eth0 \
             router\n10.0.0.8\n10.0.0.9 \u{1b}[31m ok\n",
        );
        let lines: Vec<String> = hosts
            .entries
            .iter()
            .map(|entry| format!("{:?} {}", entry.ip(), entry.names.join(" ")))
            .collect();
        assert_eq!(
            lines,
            [
                "Some(127.0.0.1) localhost",
                "Some(::1) localhost ip6-localhost",
                "Some(10.0.0.7) api.example api",
                "Some(fe80::1) router",
                "Some(10.0.0.9) ok",
            ]
        );
    }

    #[test]
    fn a_file_is_read_when_it_is_another() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("hosts");
        let mut file = HostsFile::default();
        let lines = |file: &mut HostsFile| file.changed_at(&path).map(|hosts| hosts.entries.len());
        assert_eq!(lines(&mut file), Some(0));
        assert_eq!(lines(&mut file), None);
        fs::write(&path, "10.0.0.1 one\n").expect("a file");
        assert_eq!(lines(&mut file), Some(1));
        assert_eq!(lines(&mut file), None);
    }
}
