//! Builds for another processor than this machine's, with Debian's toolchain alone: its compiler, a
//! library for the other processor, and its cross linker. The library is unpacked into the build
//! directory, so that the machine needs no packages of another processor.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::demo::build;
use crate::ebpf::tools;
use crate::vm::source::Source;

/// The package of Rust's own library.
const LIBRARY: &str = "libstd-rust-web-dev";

/// The tools that build for a processor.
pub struct Toolchain {
    arch: Arch,
    /// The build directory of the other processor; `None` for this machine's own tools.
    other: Option<PathBuf>,
}

impl Toolchain {
    /// Finds the tools, and installs what is missing for another processor than this machine's.
    /// `target` is the build directory.
    pub fn find(arch: Arch, target: &Path) -> Result<Toolchain> {
        if arch == Arch::own()? {
            return Ok(Toolchain { arch, other: None });
        }
        let (compiler, headers) = (
            format!("gcc-{}", arch.tools()),
            format!("libc6-dev-{}-cross", arch.debian()),
        );
        tools::require_packages(&["rustc-web", "cargo-web", &compiler, &headers])?;
        let directory = target.join(arch.debian());
        let version = tools::version(Path::new(tools::RUSTC), "-vV", "commit-hash: ")?;
        // A library of another version is of no use to the compiler.
        let library = directory.join(format!("library-{:.12}", &version["commit-hash: ".len()..]));
        if !library.exists() {
            fs::create_dir_all(&directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
            let new = tempfile::tempdir_in(&directory).context("cannot make a directory")?;
            fs::set_permissions(new.path(), fs::Permissions::from_mode(0o755))
                .context("cannot set the permissions of a directory")?;
            eprintln!("cross: unpacking {LIBRARY} for {}", arch.debian());
            Source::other("bookworm", arch, &target.join("vm"))?.unpack_one(LIBRARY, new.path())?;
            fs::rename(new.keep(), &library)
                .with_context(|| format!("cannot make {}", library.display()))?;
        }
        let script = format!(
            "#!/bin/sh\n\
             # Debian's compiler, with a library for another processor.\n\
             case \" $* \" in\n\
             *' --target {target} '*) exec {rustc} --sysroot '{library}/usr' \"$@\" ;;\n\
             *) exec {rustc} \"$@\" ;;\n\
             esac\n",
            target = arch.target(),
            rustc = tools::RUSTC,
            library = library.display(),
        );
        write_script(&directory.join("rustc"), &script)?;
        let other = Some(directory);
        Ok(Toolchain { arch, other })
    }

    /// Returns cargo in the workspace, as the owner of the build directory. With a build for the
    /// processor, it needs the target as an option.
    ///
    /// The path of the library is an option that a script adds: as one of cargo's it would change
    /// the names of symbols, and two checkouts would build other bytes.
    pub fn cargo(&self, workspace: &Path) -> Result<Command> {
        let Some(directory) = &self.other else {
            return build::cargo(workspace);
        };
        let mut cargo = build::cargo_of(tools::CARGO.as_ref(), workspace)?;
        tools::clean(&mut cargo);
        let (triple, gcc) = (self.arch.target(), format!("{}-gcc", self.arch.tools()));
        let upper = triple.to_uppercase().replace('-', "_");
        cargo
            .env("RUSTC", directory.join("rustc"))
            .env("CARGO_TARGET_DIR", directory)
            .env(format!("CARGO_TARGET_{upper}_LINKER"), &gcc)
            .env(format!("CC_{}", triple.replace('-', "_")), gcc);
        Ok(cargo)
    }

    /// Returns the directory that it builds into; `target` is that of this machine.
    pub fn directory<'a>(&'a self, target: &'a Path) -> &'a Path {
        self.other.as_deref().unwrap_or(target)
    }

    /// Returns the processor.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// Returns a tool of binutils for the processor.
    pub fn tool(&self, name: &str) -> String {
        match self.other {
            Some(_) => format!("{}-{name}", self.arch.tools()),
            None => name.to_owned(),
        }
    }
}

/// Writes a script, unless it is there: another build may run it.
fn write_script(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {}", path.display()))
}
