//! The folder of an export: names that are safe, and files that appear whole.

use std::{
    fs::{self, DirBuilder, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::cli::{output::sudo_caller, output_file::OutputFile};

/// The place of a recording in the folder of a table.
pub(super) struct Place<'a> {
    /// `2026-01-31`.
    pub(super) date: String,
    /// Any name; it is made safe.
    pub(super) host: &'a str,
    /// A UUID.
    pub(super) recording: String,
}

/// The folder of an export.
pub(super) struct Folder<'a>(&'a Path);

impl<'a> Folder<'a> {
    pub(super) fn new(path: &'a Path) -> Folder<'a> {
        Folder(path)
    }

    /// Writes a file in place of an older one, under its name once it is whole.
    pub(super) fn write<T>(
        &self,
        table: &str,
        place: &Place<'_>,
        ending: &str,
        write: impl FnOnce(&File) -> io::Result<T>,
    ) -> anyhow::Result<T> {
        let directory = self
            .0
            .join(table)
            .join(format!("date={}", safe(&place.date)))
            .join(format!("host={}", safe(place.host)));
        create(&directory)?;
        let name = format!("{}.{ending}", safe(&place.recording));
        let path = directory.join(&name);
        // No query's `*.parquet` matches it.
        let part = directory.join(format!(".{name}.{}.part", std::process::id()));
        let file = OutputFile::create(&part, true)?;
        let cannot = || format!("cannot write {}", path.display());
        let written = write(file.file()).with_context(cannot)?;
        file.finish().with_context(cannot)?;
        if let Err(error) = fs::rename(&part, &path) {
            // The first error says more.
            let _ = fs::remove_file(&part);
            return Err(error).with_context(cannot);
        }
        Ok(written)
    }
}

/// Creates a directory and those above it, private like a trace. They belong to the caller of
/// sudo, where possible.
fn create(directory: &Path) -> anyhow::Result<()> {
    let missing: Vec<PathBuf> = directory
        .ancestors()
        .take_while(|one| !one.as_os_str().is_empty() && !one.exists())
        .map(Path::to_path_buf)
        .collect();
    for one in missing.iter().rev() {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(one) {
            Ok(()) => give(one),
            // Another export was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let hint = "hint: choose another folder with -o";
                return Err(anyhow::anyhow!(
                    "cannot create {}: {error}\n{hint}",
                    one.display()
                ));
            }
        }
    }
    Ok(())
}

/// Gives a new directory to the caller of sudo. Some file systems have no owners.
fn give(directory: &Path) {
    #[cfg(unix)]
    if let Some((user, group)) = sudo_caller() {
        let _ = std::os::unix::fs::lchown(directory, Some(user), Some(group));
    }
}

/// Bytes of a name in a path.
const LENGTH: usize = 100;

/// Makes a name safe in a path: a trace may have any.
fn safe(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .take(LENGTH)
        .map(|one| match one {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => one,
            _ => '_',
        })
        .collect();
    if safe.starts_with('.') {
        safe.replace_range(..1, "_");
    }
    match safe.is_empty() {
        true => "unknown".to_owned(),
        false => safe,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::{Folder, LENGTH, Place, safe};

    #[test]
    fn names_are_safe_in_paths() {
        for (name, expected) in [
            ("web-7.example", "web-7.example"),
            ("", "unknown"),
            (".", "_"),
            ("..", "_."),
            ("../../etc", "_._.._etc"),
            ("a/b\0c\nd\u{202e}é", "a_b_c_d__"),
            ("host=x date=y", "host_x_date_y"),
        ] {
            assert_eq!(safe(name), expected);
        }
        assert_eq!(safe(&"é".repeat(1000)).len(), LENGTH);
    }

    #[test]
    fn a_failure_leaves_the_older_file_and_no_part() {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = Folder::new(directory.path());
        let place = Place {
            date: "2026-01-31".to_owned(),
            host: "../x",
            recording: "id".to_owned(),
        };
        let write = |text: &str, fails: bool| {
            folder.write("processes", &place, "parquet", |mut file| {
                file.write_all(text.as_bytes())?;
                match fails {
                    true => Err(std::io::ErrorKind::StorageFull.into()),
                    false => Ok(()),
                }
            })
        };
        write("old", false).expect("a file");
        write("new", true).expect_err("a full disk");
        let room = directory.path().join("processes/date=2026-01-31/host=_._x");
        let names: Vec<_> = fs::read_dir(&room).expect("names").collect();
        assert_eq!(names.len(), 1);
        let file = room.join("id.parquet");
        assert_eq!(fs::read_to_string(&file).expect("the file"), "old");
        write("new", false).expect("a file");
        assert_eq!(fs::read_to_string(&file).expect("the file"), "new");
    }
}
