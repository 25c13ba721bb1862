//! An archive that the kernel unpacks into its first file system (cpio, format "newc"). All its
//! files belong to root, so that writing one needs no root. Nothing is compressed: an emulated
//! processor takes longer to unpack it than this one to copy it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// Entries by path from the root, without the first slash.
#[derive(Default)]
pub struct Archive {
    entries: BTreeMap<PathBuf, Entry>,
}

enum Entry {
    Directory(u32),
    Link(PathBuf),
    File(u32, PathBuf),
    Text(u32, String),
}

/// Debian links these into `usr`, and older packages still fill them.
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

impl Archive {
    /// Adds a directory with its contents, except those that `skip` accepts.
    pub fn tree(&mut self, root: &Path, to: &Path, skip: &dyn Fn(&Path) -> bool) -> Result<()> {
        let unreadable = || format!("cannot read {}", root.display());
        for entry in fs::read_dir(root).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let place = to.join(entry.file_name());
            if skip(&place) {
                continue;
            }
            let found = entry.metadata().with_context(unreadable)?;
            let mode = found.permissions().mode() & 0o7777;
            if found.is_dir() {
                self.entries.insert(merged(&place), Entry::Directory(mode));
                self.tree(&entry.path(), &place, skip)?;
            } else if found.is_symlink() {
                let target = fs::read_link(entry.path()).with_context(unreadable)?;
                self.entries.insert(merged(&place), Entry::Link(target));
            } else if found.is_file() {
                let file = Entry::File(mode, entry.path());
                self.entries.insert(merged(&place), file);
            }
        }
        Ok(())
    }

    /// Makes the directories of the root links into `usr`.
    pub fn merge_usr(&mut self) {
        for name in MERGED {
            let target = Path::new("usr").join(name);
            self.entries
                .insert(name.into(), Entry::Link(target.clone()));
            self.entries
                .entry(target)
                .or_insert(Entry::Directory(0o755));
        }
    }

    /// Adds a directory.
    pub fn directory(&mut self, place: &str, mode: u32) {
        self.entries.insert(place.into(), Entry::Directory(mode));
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, place: &str, target: &str) {
        self.entries
            .insert(place.into(), Entry::Link(target.into()));
    }

    /// Adds a file that everyone can read and run.
    pub fn program(&mut self, place: &str, file: &Path) {
        let entry = Entry::File(0o755, file.to_owned());
        self.entries.insert(place.into(), entry);
    }

    /// Adds a small file.
    pub fn text(&mut self, place: &str, mode: u32, text: &str) {
        let entry = Entry::Text(mode, text.to_owned());
        self.entries.insert(place.into(), entry);
    }

    /// Writes the archive. To the kernel, several archives in a row are one.
    pub fn write(&self, mut out: impl Write) -> Result<()> {
        for (number, (place, entry)) in (1..).zip(&self.entries) {
            let name = place.as_os_str().as_bytes();
            match entry {
                Entry::Directory(mode) => member(&mut out, number, name, 0o040_000 | mode, &[])?,
                Entry::Link(target) => {
                    let target = target.as_os_str().as_bytes();
                    member(&mut out, number, name, 0o120_777, target)?;
                }
                Entry::File(mode, file) => {
                    let bytes = fs::read(file)
                        .with_context(|| format!("cannot read {}", file.display()))?;
                    member(&mut out, number, name, 0o100_000 | mode, &bytes)?;
                }
                Entry::Text(mode, text) => {
                    member(&mut out, number, name, 0o100_000 | mode, text.as_bytes())?;
                }
            }
        }
        member(&mut out, 0, b"TRAILER!!!", 0, &[])
    }
}

/// Returns the path in `usr` of a file that lies in a directory of the root.
fn merged(place: &Path) -> PathBuf {
    if MERGED.iter().any(|name| place.starts_with(name)) {
        Path::new("usr").join(place)
    } else {
        place.to_owned()
    }
}

/// Writes a header of 13 hexadecimal numbers, the name and the bytes, each padded to four.
fn member(mut out: impl Write, number: u32, name: &[u8], mode: u32, bytes: &[u8]) -> Result<()> {
    let Ok(size) = u32::try_from(bytes.len()) else {
        bail!(
            "{} is too large for an image",
            String::from_utf8_lossy(name)
        );
    };
    let name_size = u32::try_from(name.len() + 1).context("a path is too long")?;
    let fields: [u32; 13] = [number, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
    let mut header = String::from("070701");
    for field in fields {
        header += &format!("{field:08x}");
    }
    let mut put = |part: &[u8], length: usize| -> Result<()> {
        out.write_all(part).context("cannot write the image")?;
        out.write_all(&[0; 4][..length.next_multiple_of(4) - length])
            .context("cannot write the image")
    };
    let mut head = header.into_bytes();
    head.extend(name);
    head.push(0);
    put(&head, head.len())?;
    put(bytes, bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_padded_and_end_with_a_trailer() {
        let mut archive = Archive::default();
        archive.text("etc/name", 0o644, "guest");
        let mut bytes = Vec::new();
        archive.write(&mut bytes).expect("an archive");
        assert_eq!(bytes.len() % 4, 0);
        // 110 bytes of header and the name with its zero make 119, padded 120.
        assert_eq!(&bytes[..6], b"070701");
        assert_eq!(&bytes[14..22], b"000081a4");
        assert_eq!(&bytes[110..119], b"etc/name\0");
        assert_eq!(&bytes[120..128], b"guest\0\0\0");
        assert!(bytes.windows(11).any(|part| part == b"TRAILER!!!\0"));
    }

    #[test]
    fn what_belongs_to_the_root_goes_to_usr() {
        assert_eq!(merged(Path::new("bin/sh")), Path::new("usr/bin/sh"));
        assert_eq!(merged(Path::new("binary")), Path::new("binary"));
    }
}
