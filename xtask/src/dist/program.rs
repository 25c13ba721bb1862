//! The program of a release: static, so that a machine's C library does not matter, without a path
//! of this machine, and with its symbols in a file of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::release::Release;
use super::tools;
use crate::demo::build;
use crate::ebpf::paths;

/// The only target: recording needs x86_64.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";
/// A digest of the program names its symbols for debuggers.
const FLAGS: [&str; 2] = [
    "-Ctarget-feature=+crt-static",
    "-Clink-arg=-Wl,--build-id=sha1",
];

/// A built program.
pub struct Program {
    /// The program without symbols.
    pub path: PathBuf,
}

impl Program {
    /// Builds it, and writes its symbols to the output.
    pub fn build(
        workspace: &Path,
        target: &Path,
        output: &Path,
        release: &Release,
    ) -> Result<Self> {
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).into();
        let root = workspace
            .canonicalize()
            .with_context(|| format!("cannot find {}", workspace.display()))?;
        let root = root
            .to_str()
            .with_context(|| format!("{} is not UTF-8: move the checkout", root.display()))?;
        // The compiler runs there for crates of the workspace. A later flag names what lies inside.
        flags.push(format!("--remap-path-prefix={root}=tracer"));
        let cargo = build::cargo(workspace, false)?;
        flags.extend(paths::remap_flags(cargo, TARGET, target)?);
        let mut cargo = build::cargo(workspace, false)?;
        cargo
            .args(["build", "--release", "--locked", "--target", TARGET])
            .args(["--package", "agent-tracer", "--bin", "tracer"])
            // The only encoding that allows a space in a path.
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .env("CARGO_TARGET_DIR", target)
            // Debug information of C names its directories.
            .env("CFLAGS_x86_64_unknown_linux_gnu", "-g0");
        let built = build::executable(cargo, "tracer")?;
        split(&built, output, release)
    }
}

fn split(built: &Path, output: &Path, release: &Release) -> Result<Program> {
    let symbols = output.join(format!("{}.debug", release.name()));
    let path = built.with_file_name("tracer.stripped");
    tools::make(
        "the file of symbols",
        "binutils",
        Command::new("objcopy")
            .args(["--only-keep-debug", "--compress-debug-sections=zlib"])
            .arg(built)
            .arg(&symbols),
    )?;
    let mut link = std::ffi::OsString::from("--add-gnu-debuglink=");
    link.push(&symbols);
    tools::make(
        "the program without symbols",
        "binutils",
        Command::new("objcopy")
            .arg("--strip-all")
            .arg(link)
            .arg(built)
            .arg(&path),
    )?;
    // No program: debuggers read it.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&symbols, readable)
        .with_context(|| format!("cannot set the permissions of {}", symbols.display()))?;
    Ok(Program { path })
}
