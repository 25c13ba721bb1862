//! The image of a guest: a first layer of Debian's packages, made once, and a second one with the
//! tested programs, made for each run. Each kind of guest has a file with its own first layer.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::{cpio::Archive, kernel::Kernel, plain, systemd};
use crate::arch::Arch;

/// A kind of guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A shell script as PID 1
    Plain,
    /// All of Debian that comes with systemd as PID 1
    Systemd,
}

/// Inputs of an image.
pub struct Contents<'a> {
    /// The processor of the guest.
    pub arch: Arch,
    pub kernels: &'a BTreeMap<&'static str, Kernel>,
    pub tracer: &'a Path,
    pub tests: &'a Path,
    pub corpus: &'a Path,
    /// The installer's replica, built for this machine's processor.
    pub replica: Option<&'a Path>,
    /// Runs only some of the tests.
    pub filter: Option<&'a str>,
    /// Runs a shell instead of tests.
    pub is_interactive: bool,
}

/// Documentation and the like: half of the files, which would lie in the guest's memory.
pub const LEFT_OUT: [&str; 8] = [
    "usr/lib/aarch64-linux-gnu/gconv",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/share/bash-completion",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
];

impl Kind {
    /// Returns the name of the kind.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Plain => "plain",
            Kind::Systemd => "systemd",
        }
    }

    /// Writes the image that the kernel unpacks.
    pub fn image(self, contents: &Contents<'_>, cache: &Path, to: &Path) -> Result<()> {
        let unwritable = || format!("cannot write {}", to.display());
        let bases = cache.join("bases");
        fs::create_dir_all(&bases).with_context(|| format!("cannot make {}", bases.display()))?;
        let (base, mut top) = match self {
            Kind::Plain => (plain::base(contents.arch, cache)?, plain::top()),
            Kind::Systemd => (systemd::base(&bases)?, systemd::top()),
        };
        fs::copy(base, to).with_context(unwritable)?;
        let file = File::options()
            .append(true)
            .open(to)
            .with_context(unwritable)?;
        let mut file = BufWriter::new(file);
        contents.add(&mut top)?;
        top.write(&mut file)?;
        file.flush().with_context(unwritable)
    }
}

impl Contents<'_> {
    /// Adds the tested programs and their instructions.
    fn add(&self, archive: &mut Archive) -> Result<()> {
        let all = |_: &Path| false;
        archive.directory("tests", 0o755);
        archive.text("tests/answer", 0o755, include_str!("answer.sh"));
        archive.program("tests/tracer", self.tracer);
        archive.program("tests/tracer-tests", self.tests);
        let directories = [("corpus", Some(self.corpus)), ("replica", self.replica)];
        for (place, directory) in directories {
            let Some(directory) = directory else {
                continue;
            };
            let place = format!("tests/{place}");
            archive.directory(&place, 0o755);
            archive.tree(directory, Path::new(&place), &all)?;
        }
        archive.directory("tests/modules", 0o755);
        for kernel in self.kernels.values() {
            let place = format!("tests/modules/{}", kernel.name);
            archive.directory(&place, 0o755);
            for (number, module) in (0..).zip(&kernel.modules) {
                archive.program(&format!("{place}/{number}.ko"), module);
            }
        }
        let arguments = self.filter.map(|filter| format!("{filter}\0"));
        archive.text("tests/arguments", 0o644, &arguments.unwrap_or_default());
        if self.is_interactive {
            archive.text("tests/interactive", 0o644, "");
        }
        Ok(())
    }
}
