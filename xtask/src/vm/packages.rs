//! Debian's packages as files: finds, downloads and unpacks them. Only the programs that make a
//! guest are installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use super::{say, source::Source};
use crate::demo::elevate;

/// Fails if Debian's packages are not available.
pub fn require_apt() -> Result<()> {
    for tool in ["apt-get", "apt-cache", "dpkg-deb"] {
        if elevate::find_program(tool).is_none() {
            bail!(
                "cannot find {tool}: kernels and guests are made of Debian's packages\n\
                 hint: run this on Debian or in a container of it"
            );
        }
    }
    Ok(())
}

/// Finds a program; root installs its package if it is missing.
pub fn require(program: &str, package: &str) -> Result<PathBuf> {
    if let Some(found) = elevate::find_program(program) {
        return Ok(found);
    }
    if !Uid::effective().is_root() {
        bail!(
            "cannot find {program}\n\
             hint: as root, run `apt-get install --no-install-recommends {package}`"
        );
    }
    say(&format!("installing {package}"));
    let install = || {
        run(Source::machine()
            .apt_get()
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "--yes", "--no-remove", "--no-install-recommends"])
            .arg(package))
    };
    // A fresh machine has no lists of packages; one that has them needs no update.
    install().or_else(|_| Source::machine().update().and_then(|()| install()))?;
    elevate::find_program(program)
        .with_context(|| format!("{package} is installed, but there is no {program}"))
}

/// Lists this machine's sources of Debian's packages, as lines of a `sources.list`. Sources of
/// other packages are left out.
pub fn sources() -> Result<String> {
    let ask = || {
        run(Command::new("apt-get").args([
            "indextargets",
            "--format",
            "deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
            "Created-By: Packages",
            "Origin: Debian",
        ]))
    };
    let sources = ask()?;
    if !sources.is_empty() {
        return Ok(sources);
    }
    Source::machine().update()?;
    let sources = ask()?;
    if sources.is_empty() {
        bail!("apt has no source of Debian's packages: run this on Debian");
    }
    Ok(sources)
}

/// Packages with all their dependencies, as apt would install them on an empty machine.
pub struct Closure {
    source: Source,
    names: Vec<&'static str>,
    /// Each with its version, as apt prints it.
    pub versions: String,
}

impl Closure {
    /// Asks apt for the dependencies.
    pub fn of(source: &Source, names: &[&'static str]) -> Result<Closure> {
        let (source, names) = (source.clone(), names.to_vec());
        let ask = || run(on_an_empty_machine(&source).arg("--simulate").args(&names));
        let answer = ask().or_else(|_| source.update().and_then(|()| ask()))?;
        // `Inst libc6 (2.36-9 Debian:12/stable [amd64])`: the origin changes with each release.
        let mut versions: Vec<String> = answer
            .lines()
            .filter_map(|line| line.strip_prefix("Inst "))
            .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
            .collect();
        versions.sort();
        let versions = versions.join("\n");
        Ok(Closure {
            source,
            names,
            versions,
        })
    }

    /// Downloads and unpacks the packages; none of their scripts is run.
    pub fn unpack(&self, into: &Path) -> Result<()> {
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        // apt requires the directory.
        fs::create_dir(directory.path().join("partial")).context("cannot make a directory")?;
        let download = || {
            let mut option = std::ffi::OsString::from("Dir::Cache::archives=");
            option.push(directory.path());
            run(on_an_empty_machine(&self.source)
                .arg("--download-only")
                .arg("-o")
                .arg(option)
                .args(&self.names))
        };
        download().or_else(|_| self.source.update().and_then(|()| download()))?;
        unpack_all(directory.path(), into)
    }
}

/// Unpacks all packages in a directory.
pub(super) fn unpack_all(packages: &Path, into: &Path) -> Result<()> {
    let mut files: Vec<PathBuf> = fs::read_dir(packages)
        .with_context(|| format!("cannot read {}", packages.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|name| name == "deb"))
        .collect();
    files.sort();
    if files.is_empty() {
        bail!("apt-get downloaded nothing: is its cache in order? (`apt-get clean` empties it)");
    }
    for file in files {
        run(Command::new("dpkg-deb")
            .arg("--extract")
            .arg(&file)
            .arg(into))?;
    }
    Ok(())
}

/// Returns `apt-get install` for a system without packages; only for options that change nothing.
fn on_an_empty_machine(source: &Source) -> Command {
    let mut command = source.apt_get();
    for option in [
        "Dir::State::status=/dev/null",
        "Debug::NoLocking=1",
        // These describe the running machine.
        "Dir::Cache::pkgcache=",
        "Dir::Cache::srcpkgcache=",
    ] {
        command.args(["-o", option]);
    }
    command.args(["install", "--yes", "--no-install-recommends"]);
    command
}

/// Returns the command's stdout.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !output.status.success() {
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        bail!(
            "{} {}: {}",
            command.get_program().display(),
            words.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
