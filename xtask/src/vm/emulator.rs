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
    source::Source,
};
use crate::{arch::Arch, demo::elevate};

/// Returns the program that plays a processor, and its package.
fn names(arch: Arch) -> (&'static str, &'static str) {
    match arch {
        Arch::Amd64 => ("qemu-system-x86_64", "qemu-system-x86"),
        Arch::Arm64 => ("qemu-system-aarch64", "qemu-system-arm"),
    }
}

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
    /// The processor that it plays.
    pub arch: Arch,
    program: PathBuf,
    first: Vec<PathBuf>,
    /// The directory of its own files.
    modules: Option<PathBuf>,
}

impl Emulator {
    /// Finds the emulator, or downloads it.
    pub fn find(arch: Arch, cache: &Path) -> Result<Emulator> {
        packages::require_apt()?;
        let (name, package) = names(arch);
        if let Some(program) = elevate::find_program(name) {
            return Ok(Emulator {
                arch,
                program,
                first: Vec::new(),
                modules: None,
            });
        }
        let closure = Closure::of(&Source::machine(), &[package])?;
        let key = Sha256::digest(&closure.versions);
        let place = cache.join(format!("emulator-{:.16}", format!("{key:x}")));
        if !place.exists() {
            say(&format!(
                "unpacking {package} and what it needs, {} packages",
                closure.versions.lines().count()
            ));
            let unwritable = || format!("cannot write into {}", cache.display());
            let new = tempfile::tempdir_in(cache).with_context(unwritable)?;
            let tree = new.path().join("tree");
            fs::create_dir(&tree).with_context(unwritable)?;
            closure.unpack(&tree)?;
            fs::rename(&tree, &place).with_context(unwritable)?;
        }
        let program = place.join("usr/bin").join(name);
        if !program.exists() {
            bail!("{package} has no {name}");
        }
        let libraries: Vec<String> = LIBRARIES
            .iter()
            .map(|directory| place.join(directory).display().to_string())
            .collect();
        Ok(Emulator {
            arch,
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
