//! The tools that make the eBPF object: finds them, installs the missing ones, and calls them in an
//! environment that is the same everywhere. It accepts only the pinned compiler and linker: others
//! would make another object.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use super::manifest::Section;

/// Debian's cargo and rustc by their paths: rustup's come first in PATH.
pub const CARGO: &str = "/usr/bin/cargo";
/// The compiler: it has a `core` for the target, which rustup's compilers lack.
pub const RUSTC: &str = "/usr/bin/rustc";
/// The same toolchain's clippy.
pub const CLIPPY: &str = "/usr/bin/cargo-clippy";
/// A tool of the LLVM that compiler and linker use.
pub const OBJCOPY: &str = "/usr/bin/llvm-objcopy-22";

/// Packages of a build. Only Debian's security suite has a `core` compiled for the target; with
/// rustup that takes nightly, rust-src and `-Z build-std`.
pub const PACKAGES_TO_BUILD: [&str; 6] = [
    "rustc-web",
    "cargo-web",
    "libstd-rust-web-dev-bpf",
    "rust-web-llvm",
    "llvm-22",
    "llvm-22-dev",
];
/// Packages of clippy.
pub const PACKAGES_TO_LINT: [&str; 4] = [
    "rustc-web",
    "cargo-web",
    "libstd-rust-web-dev-bpf",
    "rust-web-clippy",
];
const LLVM: &str = "/usr/lib/llvm-22";
const LINKER_VERSION: &str = "0.13.0";

/// Checks that Debian's packages are installed, and installs them if possible.
pub fn require_packages(packages: &[&str]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "this needs packages of Debian 12 ({list})\n\
             hint: run it on Debian 12, with its security updates, or in a container of it"
        );
    }
    let mut elevated: Vec<&str> = Vec::new();
    if !Uid::effective().is_root() {
        if !Path::new("/usr/bin/sudo").exists() {
            bail!(
                "packages are missing\n\
                 hint: as root, run `apt-get install --no-install-recommends {list}`"
            );
        }
        elevated.push("/usr/bin/sudo");
    }
    elevated.extend(["/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    eprintln!("ebpf: installing {list}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(elevated[0]);
        command.args(&elevated[1..]).args(arguments);
        run(
            command,
            "cannot install the tools of the build\n\
             hint: run this on Debian 12, with its security updates, or in a container of it; \
             remove conflicting packages first, such as Debian's own rustup",
        )
    };
    apt(&["update"])?;
    // The machine's other compilers stay.
    let mut install = vec!["install", "--yes", "--no-remove", "--no-install-recommends"];
    install.extend(missing);
    apt(&install)
}

fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    // Its exit status only says that one of the packages is unknown. Without dpkg there are no
    // packages.
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${Package} ${db:Status-Status}\n"])
        .args(packages)
        .stderr(Stdio::null())
        .output();
    let known = output.map(|output| output.stdout).unwrap_or_default();
    let known = String::from_utf8_lossy(&known);
    packages
        .iter()
        .copied()
        .filter(|package| {
            let installed = format!("{package} installed");
            !known.lines().any(|line| line == installed)
        })
        .collect()
}

/// Fails if the sources of Rust's library are installed. The library's debug information names them
/// without containing them. LLVM reads them if they are there, and the object gets more lines: 904
/// bytes when measured.
pub fn refuse_library_sources() -> Result<()> {
    let release = version(Path::new(RUSTC), "-vV", "release: ")?;
    let sources = release.replace("release: ", "/usr/src/rustc-");
    if Path::new(&sources).exists() {
        bail!(
            "with {sources} the eBPF object would differ\n\
             hint: `apt-get remove rust-web-src` first"
        );
    }
    Ok(())
}

/// Checks that the pinned bpf-linker is there, and installs it if possible.
pub fn require_linker(tools: &Path) -> Result<()> {
    let wanted = format!("bpf-linker {LINKER_VERSION}");
    if version(&linker(tools), "--version", "bpf-linker").is_ok_and(|version| version == wanted) {
        return Ok(());
    }
    eprintln!(
        "ebpf: installing {wanted} into {}; this takes minutes, once",
        tools.display()
    );
    // The user's own cargo: bpf-linker runs here, so any compiler will do.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut install = Command::new(cargo);
    install
        .args(["install", "bpf-linker", "--version", LINKER_VERSION])
        .args(["--locked", "--no-default-features", "--features", "llvm-22"])
        .arg("--root")
        .arg(tools)
        .env("LLVM_PREFIX", LLVM)
        // Not in the target directory of user space, which CARGO_TARGET_DIR would mean.
        .env_remove("CARGO_TARGET_DIR");
    run(install, "bpf-linker cannot be installed")
}

fn linker(tools: &Path) -> PathBuf {
    tools.join("bin/bpf-linker")
}

/// Returns a command of Debian's toolchain with a clean environment. `cargo run` and rustup set
/// variables, and the user's flags would end up in the object.
pub fn command(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null());
    clean(&mut command);
    command.env("RUSTC", RUSTC);
    // The target's features are unstable, and the precompiled `core` uses them.
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}

/// Removes variables that change what is built.
pub fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if shapes_the_build(&name) {
            command.env_remove(name);
        }
    }
}

/// True for variables that change the object: all of cargo's and rustc's except the package sources
/// and the look of messages, and the library path, in which rustup has its own LLVM.
fn shapes_the_build(name: &OsStr) -> bool {
    const HARMLESS: [&str; 6] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    let name = name.to_string_lossy();
    if name == "LD_LIBRARY_PATH" {
        return true;
    }
    (name.starts_with("CARGO") || name.starts_with("RUST"))
        && !HARMLESS.iter().any(|harmless| name.starts_with(harmless))
}

/// PATH with this directory first.
pub fn path_with(directory: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(directory.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(directories)
        .context("the target directory has a colon in its name: set CARGO_TARGET_DIR")
}

/// Returns the versions of all tools that touch the object, as the tools print them.
pub fn versions(tools: &Path) -> Result<Section> {
    let rustc = Path::new(RUSTC);
    Ok([
        (
            "bpf-linker",
            version(&linker(tools), "--version", "bpf-linker")?,
        ),
        ("cargo", version(Path::new(CARGO), "--version", "cargo")?),
        (
            "llvm-objcopy",
            version(Path::new(OBJCOPY), "--version", "LLVM version")?,
        ),
        ("rustc", version(rustc, "-vV", "rustc")?),
        ("rustc-llvm", version(rustc, "-vV", "LLVM version")?),
    ]
    .map(|(name, version)| (name.to_owned(), version))
    .into())
}

/// Returns the first line of a tool's output that contains a word.
pub fn version(program: &Path, flag: &str, of: &str) -> Result<String> {
    let output = Command::new(program)
        .arg(flag)
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::trim)
        .find(|line| line.contains(of))
        .map(str::to_owned)
        .with_context(|| format!("{} {flag} names no {of}", program.display()))
}

/// Runs a command whose messages are for the user; `failure` is the error if it fails.
pub fn run(mut command: Command, failure: &str) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{failure} ({status}; the messages are above)");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_cannot_shape_the_object() {
        for name in [
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "CARGO_PROFILE_RELEASE_OPT_LEVEL",
            "CARGO_TARGET_DIR",
            "CARGO",
            "LD_LIBRARY_PATH",
        ] {
            assert!(shapes_the_build(OsStr::new(name)), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_REGISTRIES_MIRROR_INDEX", "HOME"] {
            assert!(!shapes_the_build(OsStr::new(name)), "{name}");
        }
    }
}
