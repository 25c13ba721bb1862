//! Finds the origins of installed packages in the lists of apt(8). It reads each list once, up to
//! limits of size and time, and runs no program.

mod stanzas;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lz4_flex::frame::FrameDecoder;

use crate::{
    capture::files::safe_open,
    event::{Difference, PackageOrigin},
};
use stanzas::{Listed, each};

const LISTS: &str = "/var/lib/apt/lists";

/// Limit of lists that are read.
const COUNT: usize = 128;

/// Limit of bytes of one list; that of all of Debian has 50 MiB.
const SIZE: u64 = 256 << 20;

/// Longest time for all lists.
const TIME: Duration = Duration::from_secs(10);

/// Limit of a Release file's first part, which has the names.
const RELEASE: u64 = 4096;

/// Adds the origins of packages of dpkg that are new or have another version.
pub(super) fn add<'a>(differences: impl Iterator<Item = &'a mut Difference>) {
    add_from(Path::new(LISTS), differences);
}

fn add_from<'a>(directory: &Path, differences: impl IntoIterator<Item = &'a mut Difference>) {
    let mut wanted: BTreeMap<(Vec<u8>, Vec<u8>), Vec<&mut Difference>> = BTreeMap::new();
    for difference in differences {
        let is_other = version(&difference.before) != version(&difference.after);
        if let (true, Some(version)) = (is_other, version(&difference.after)) {
            let key = (difference.name.clone(), version.to_vec());
            wanted.entry(key).or_default().push(difference);
        }
    }
    if wanted.is_empty() {
        return;
    }
    let lists = lists(directory);
    let mut are_complete = !lists.is_empty() && lists.len() < COUNT;
    let until = Instant::now() + TIME;
    for list in &lists {
        let read = open(list).and_then(|reader| {
            each(reader, until, |listed| {
                let Listed {
                    name,
                    architecture,
                    version,
                    ..
                } = listed;
                let key = ([*name, *architecture].join(&b':'), version.to_vec());
                for difference in wanted.remove(&key).unwrap_or_default() {
                    difference.origin = Some(origin(directory, list, listed));
                }
                !wanted.is_empty()
            })
        });
        are_complete &= matches!(read, Ok(true));
    }
    for difference in wanted.into_values().flatten().filter(|_| are_complete) {
        difference.origin = Some(PackageOrigin {
            is_unlisted: true,
            ..PackageOrigin::default()
        });
    }
}

/// Returns the version in `VERSION STATE`.
fn version(value: &Option<Vec<u8>>) -> Option<&[u8]> {
    value.as_ref()?.split(|byte| *byte == b' ').next()
}

/// Lists the lists of packages, in the order of their names.
fn lists(directory: &Path) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let files = files.flatten().map(|file| file.path());
    let is_list = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with("_Packages") || name.contains("_Packages.")
    };
    let mut lists: Vec<PathBuf> = files.filter(is_list).take(COUNT).collect();
    lists.sort();
    lists
}

/// Opens a list, plain or compressed by LZ4, as apt keeps it.
fn open(list: &Path) -> io::Result<Box<dyn io::BufRead>> {
    let file = safe_open::open(list)?;
    match list.extension().and_then(|extension| extension.to_str()) {
        Some("lz4") => {
            let whole = FrameDecoder::new(file.take(SIZE)).take(SIZE);
            Ok(Box::new(BufReader::with_capacity(64 << 10, whole)))
        }
        Some("gz" | "xz" | "bz2" | "zst" | "lzma") => Err(io::ErrorKind::Unsupported.into()),
        Some(_) | None => Ok(Box::new(BufReader::with_capacity(
            64 << 10,
            file.take(SIZE),
        ))),
    }
}

fn origin(directory: &Path, list: &Path, listed: &Listed<'_>) -> PackageOrigin {
    let name = list.file_name().unwrap_or_default().to_string_lossy();
    let (archive, release) = split(&name, |name| directory.join(name).exists());
    let release = release.and_then(|name| {
        let file = safe_open::open(&directory.join(name)).ok()?;
        safe_open::read(file, RELEASE).ok()
    });
    let release = release.unwrap_or_default();
    let value = |key: &[u8]| {
        let mut lines = release.split(|byte| *byte == b'\n');
        let value = lines.find_map(|line| line.strip_prefix(key));
        value.unwrap_or_default().trim_ascii().to_vec()
    };
    let codename = value(b"Codename:");
    PackageOrigin {
        origin: value(b"Origin:"),
        suite: match codename.is_empty() {
            true => value(b"Suite:"),
            false => codename,
        },
        archive: archive.into_bytes(),
        file: listed.file.to_vec(),
        sha256: listed.sha256.to_vec(),
        is_unlisted: false,
    }
}

/// Splits the name of a list into its archive, and the name of the archive's Release file.
///
/// apt writes `/` as `_`, and `_` as `%5f`: `deb.debian.org_debian_dists_bookworm_main_…`.
fn split(name: &str, is_there: impl Fn(&str) -> bool) -> (String, Option<String>) {
    let ends = name.rmatch_indices('_').map(|(at, _)| at);
    let release = ends.filter_map(|end| name.get(..end)).find_map(|prefix| {
        let names = ["_InRelease", "_Release"].map(|end| format!("{prefix}{end}"));
        let name = names.into_iter().find(|name| is_there(name))?;
        Some((prefix, name))
    });
    let whole = release.as_ref().map_or(name, |(prefix, _)| prefix);
    let end = whole.find("_dists_").or_else(|| whole.find("_."));
    let archive = whole.get(..end.unwrap_or(whole.len())).unwrap_or(whole);
    let archive = archive.replace('_', "/").replace("%5f", "_");
    (archive, release.map(|(_, name)| name))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use lz4_flex::frame::FrameEncoder;

    use super::*;

    fn new(name: &str, before: Option<&str>, after: &str) -> Difference {
        Difference {
            name: name.into(),
            before: before.map(Into::into),
            after: Some(after.into()),
            origin: None,
        }
    }

    const MAIN: &str = "Package: omi\nArchitecture: amd64\nVersion: 1.9\nFilename: o/omi_1.9.deb\n\
        Description: x\n Version: 7\nSHA256: 00ff\n\nPackage: omi\nArchitecture: amd64\n\
        Version: 2\nFilename: o/omi_2.deb\n";

    #[test]
    fn origins_of_packages() {
        let place = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            fs::write(place.path().join(name), text).expect("a file");
        };
        let list = "pkg.example_a%5fb_dists_stable-x_main_binary-amd64_Packages";
        write(list, MAIN);
        let release = "-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: Acme Inc\nSuite: stable\n\
                       Codename: nine\n";
        write("pkg.example_a%5fb_dists_stable-x_InRelease", release);
        let mut packed = FrameEncoder::new(Vec::new());
        let flat = "Package: flat\nArchitecture: all\nVersion: 1:2-3\nFilename: ./f.deb\n";
        packed.write_all(flat.as_bytes()).expect("a frame");
        let packed = packed.finish().expect("a frame");
        let path = place.path().join("localhost_repo_._Packages.lz4");
        fs::write(path, packed).expect("a file");
        let mut all = [
            new("omi:amd64", None, "1.9 installed"),
            new("omi:amd64", Some("1 installed"), "2 installed"),
            new("omi:amd64", Some("2 unpacked"), "2 installed"),
            new("omi:arm64", None, "2 installed"),
            new("flat:all", None, "1:2-3 installed"),
        ];
        add_from(place.path(), &mut all);
        let texts = all.map(|difference| {
            difference.origin.map(|origin| {
                let PackageOrigin {
                    origin,
                    suite,
                    archive,
                    file,
                    sha256,
                    is_unlisted,
                } = origin;
                let parts = [origin, suite, archive, file, sha256].join(&b'|');
                format!("{} {is_unlisted}", String::from_utf8_lossy(&parts))
            })
        });
        let expected = [
            Some("Acme Inc|nine|pkg.example/a_b|o/omi_1.9.deb|00ff false"),
            Some("Acme Inc|nine|pkg.example/a_b|o/omi_2.deb| false"),
            None,
            Some("|||| true"),
            Some("||localhost/repo|./f.deb| false"),
        ];
        assert_eq!(texts.each_ref().map(Option::as_deref), expected);
        // A list that cannot be read may have it.
        write("x_dists_y_main_binary-amd64_Packages.gz", "");
        let mut all = [new("other:all", None, "1 installed")];
        add_from(place.path(), &mut all);
        assert_eq!(all[0].origin, None);
    }

    #[test]
    fn damaged_lists_are_no_reason_to_fail() {
        let place = tempfile::tempdir().expect("a directory");
        let long = format!("Package: {}\n", "x".repeat(100_000));
        fs::write(place.path().join("a_Packages"), long + MAIN).expect("a file");
        fs::write(place.path().join("b_Packages.lz4"), b"\x04\x22\x4d\x18junk").expect("a file");
        let mut all = [
            new("omi:amd64", None, "2 installed"),
            new("none:amd64", None, "2 installed"),
        ];
        add_from(place.path(), &mut all);
        assert!(
            all[0]
                .origin
                .as_ref()
                .is_some_and(|origin| origin.file == b"o/omi_2.deb")
        );
        assert_eq!(all[1].origin, None);
        add_from(Path::new("/nonexistent"), &mut all[1..]);
        assert_eq!(all[1].origin, None);
    }
}
