//! The program of a release: static, so that a machine's C library does not matter, without a path
//! of this machine, and with its symbols in a file of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::release::Release;
use super::tools;
use crate::arch::Arch;
use crate::cross::Toolchain;
use crate::demo::build;
use crate::ebpf::paths;
use crate::vm::packages;

/// A digest of the program names its symbols for debuggers.
const FLAGS: [&str; 2] = [
    "-Ctarget-feature=+crt-static",
    "-Clink-arg=-Wl,--build-id=sha1",
];

/// Plays another processor for one program.
const PLAYER_PACKAGE: &str = "qemu-user-static";

/// A built program.
pub struct Program {
    /// Its processor.
    pub arch: Arch,
    /// The program without symbols.
    pub path: PathBuf,
}

impl Program {
    /// Builds it, and writes its symbols to the output.
    pub fn build(
        workspace: &Path,
        toolchain: &Toolchain,
        target: &Path,
        output: &Path,
        release: &Release,
    ) -> Result<Self> {
        let triple = toolchain.arch().target();
        let target = toolchain.directory(target);
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).into();
        let root = workspace
            .canonicalize()
            .with_context(|| format!("cannot find {}", workspace.display()))?;
        let root = root
            .to_str()
            .with_context(|| format!("{} is not UTF-8: move the checkout", root.display()))?;
        // The compiler runs there for crates of the workspace. A later flag names what lies inside.
        flags.push(format!("--remap-path-prefix={root}=tracer"));
        flags.extend(paths::remap_flags(
            toolchain.cargo(workspace)?,
            triple,
            target,
        )?);
        let mut cargo = toolchain.cargo(workspace)?;
        cargo
            .args(["build", "--release", "--locked", "--target", triple])
            .args(["--package", "agent-tracer", "--bin", "tracer"])
            // The only encoding that allows a space in a path.
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .env("CARGO_TARGET_DIR", target)
            // Debug information of C names its directories.
            .env(format!("CFLAGS_{}", triple.replace('-', "_")), "-g0");
        let built = build::executable(cargo, "tracer")?;
        split(&built, toolchain, output, release)
    }

    /// Returns a command that runs it here, also for another processor.
    pub fn command(&self) -> Result<Command> {
        command(self.arch, &self.path)
    }
}

/// Returns a command that runs a program of a processor here.
pub fn command(arch: Arch, program: &Path) -> Result<Command> {
    if arch == Arch::own()? {
        return Ok(Command::new(program));
    }
    let player = format!("qemu-{}-static", arch.name());
    let mut command = Command::new(packages::require(&player, PLAYER_PACKAGE)?);
    command.arg(program);
    Ok(command)
}

fn split(built: &Path, toolchain: &Toolchain, output: &Path, release: &Release) -> Result<Program> {
    let arch = toolchain.arch();
    let symbols = output.join(format!("{}.debug", release.name(arch)));
    let path = built.with_file_name("tracer.stripped");
    tools::make(
        "the file of symbols",
        "binutils",
        Command::new(toolchain.tool("objcopy"))
            .args(["--only-keep-debug", "--compress-debug-sections=zlib"])
            .arg(built)
            .arg(&symbols),
    )?;
    let mut link = std::ffi::OsString::from("--add-gnu-debuglink=");
    link.push(&symbols);
    tools::make(
        "the program without symbols",
        "binutils",
        Command::new(toolchain.tool("objcopy"))
            .arg("--strip-all")
            .arg(link)
            .arg(built)
            .arg(&path),
    )?;
    // No program: debuggers read it.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&symbols, readable)
        .with_context(|| format!("cannot set the permissions of {}", symbols.display()))?;
    Ok(Program { arch, path })
}
