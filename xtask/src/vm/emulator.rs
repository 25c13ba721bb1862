//! The emulator: the machine's own, or one from Debian's packages, unpacked next to the guests. It
//! is not installed, since it may conflict with the machine's software.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::{
    packages::{self, Closure},
    say,
};
use crate::demo::elevate;

const PROGRAM: &str = "qemu-system-x86_64";
const PACKAGE: &str = "qemu-system-x86";

/// Path of the loader of Debian's programs for this processor.
const LOADER: &str = "lib64/ld-linux-x86-64.so.2";

/// Directories of these programs' libraries.
const LIBRARIES: [&str; 3] = [
    "usr/lib/x86_64-linux-gnu",
    "lib/x86_64-linux-gnu",
    "usr/lib",
];

/// The emulator with its first arguments.
pub struct Emulator {
    program: PathBuf,
    first: Vec<PathBuf>,
    /// The directory of its own files.
    modules: Option<PathBuf>,
}

impl Emulator {
    /// Finds the emulator, or downloads it.
    pub fn find(cache: &Path) -> Result<Emulator> {
        packages::require_apt()?;
        if let Some(program) = elevate::find_program(PROGRAM) {
            return Ok(Emulator {
                program,
                first: Vec::new(),
                modules: None,
            });
        }
        let closure = Closure::of(&[PACKAGE])?;
        let key = Sha256::digest(&closure.versions);
        let place = cache.join(format!("emulator-{:.16}", format!("{key:x}")));
        if !place.exists() {
            say(&format!(
                "unpacking {PACKAGE} and what it needs, {} packages",
                closure.versions.lines().count()
            ));
            let unwritable = || format!("cannot write into {}", cache.display());
            let new = tempfile::tempdir_in(cache).with_context(unwritable)?;
            let tree = new.path().join("tree");
            fs::create_dir(&tree).with_context(unwritable)?;
            closure.unpack(&tree)?;
            fs::rename(&tree, &place).with_context(unwritable)?;
        }
        let program = place.join("usr/bin").join(PROGRAM);
        if !program.exists() {
            bail!("{PACKAGE} has no {PROGRAM}");
        }
        let libraries: Vec<String> = LIBRARIES
            .iter()
            .map(|directory| place.join(directory).display().to_string())
            .collect();
        Ok(Emulator {
            program: place.join(LOADER),
            first: vec![
                "--library-path".into(),
                libraries.join(":").into(),
                program,
                "-L".into(),
                place.join("usr/share/qemu"),
                "-L".into(),
                place.join("usr/share/seabios"),
            ],
            modules: Some(place.join("usr/lib/x86_64-linux-gnu/qemu")),
        })
    }

    /// Returns the beginning of a command line.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.first);
        if let Some(modules) = &self.modules {
            command.env("QEMU_MODULE_DIR", modules);
        }
        command
    }
}
