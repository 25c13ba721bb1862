//! The parts of a release that every form of package has: program, manual pages, completions and
//! documents.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::crates::Crate;
use super::program::Program;
use super::{notices, tools};
use crate::arch::Arch;

/// Shells with the name that each expects of a file of completions.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "tracer"),
    ("zsh", "_tracer"),
    ("fish", "tracer.fish"),
];

/// Paths of the parts, before they are in a package.
pub struct Parts {
    /// The processor of the program.
    pub arch: Arch,
    /// The program.
    pub program: PathBuf,
    /// Manual pages, for section 1.
    pub pages: Vec<PathBuf>,
    /// Completions: the shell, and the file under the name that the shell expects.
    pub completions: Vec<(&'static str, PathBuf)>,
    /// The page about the tool.
    pub readme: PathBuf,
    /// The list of changes.
    pub changelog: PathBuf,
    /// One licence.
    pub mit: PathBuf,
    /// The other licence.
    pub apache: PathBuf,
    /// Licences of the crates in the program.
    pub notices: PathBuf,
    /// The unit of the service.
    pub unit: PathBuf,
    /// The settings of the service.
    pub settings: PathBuf,
}

/// Path of the settings in a system, without a leading slash.
pub const SETTINGS: &str = "etc/tracer/record.toml";

impl Parts {
    /// Asks the program for pages and completions, and puts them into the scratch directory.
    pub fn collect(
        workspace: &Path,
        program: &Program,
        crates: &[Crate],
        scratch: &Path,
    ) -> Result<Self> {
        let pages = scratch.join("pages");
        make_directory(&pages)?;
        tools::output(program.command()?.args(["man", "--all"]).arg(&pages))?;
        let mut completions = Vec::new();
        for (shell, name) in SHELLS {
            let script = tools::output(program.command()?.args(["completions", shell]))?;
            let path = scratch.join("completions").join(shell).join(name);
            write(&path, script.as_bytes())?;
            completions.push((shell, path));
        }
        let notices = scratch.join("THIRD-PARTY.txt");
        write(&notices, notices::text(crates)?.as_bytes())?;
        Ok(Self {
            arch: program.arch,
            program: program.path.clone(),
            pages: tools::files(&pages)?,
            completions,
            readme: workspace.join("README.md"),
            changelog: workspace.join("CHANGELOG.md"),
            mit: workspace.join("LICENSE-MIT"),
            apache: workspace.join("LICENSE-APACHE"),
            notices,
            unit: workspace.join("agent-tracer/service/agent-tracer.service"),
            settings: workspace.join("agent-tracer/service/record.toml"),
        })
    }

    /// Lists what a reader looks for first.
    pub fn documents(&self) -> [&Path; 5] {
        [
            &self.readme,
            &self.changelog,
            &self.mit,
            &self.apache,
            &self.notices,
        ]
    }

    /// Puts program, compressed pages, completions and service where a system of packages has them.
    pub fn install(&self, root: &Path, directories: &[(&str, &str)]) -> Result<()> {
        copy(&self.program, &root.join("usr/bin/tracer"), 0o755)?;
        let unit = root
            .join("usr/lib/systemd/system")
            .join(tools::name(&self.unit)?);
        copy(&self.unit, &unit, 0o644)?;
        copy(&self.settings, &root.join(SETTINGS), 0o644)?;
        for page in &self.pages {
            let name = format!("{}.gz", tools::name(page)?);
            write_compressed(page, &root.join("usr/share/man/man1").join(name))?;
        }
        for (shell, script) in &self.completions {
            let (_, directory) = directories
                .iter()
                .find(|(name, _)| name == shell)
                .with_context(|| format!("there is no directory for completions of {shell}"))?;
            let to = root.join(directory).join(tools::name(script)?);
            copy(script, &to, 0o644)?;
        }
        Ok(())
    }
}

/// Copies a file into a tree, with the permissions of an installed file.
pub fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    write(to, &bytes)?;
    set_mode(to, mode)
}

/// Sets the permissions of a file.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the permissions of {}", path.display()))
}

/// Copies a file into a tree as gzip compresses it, without its name and time.
pub fn write_compressed(from: &Path, to: &Path) -> Result<()> {
    let output = Command::new("gzip")
        .args(["-9", "-n", "--stdout"])
        .arg(from)
        .output()
        .context("cannot run gzip")?;
    anyhow::ensure!(
        output.status.success(),
        "cannot compress {}: {}",
        from.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    write(to, &output.stdout)
}

/// Writes a file that all may read, and its directories.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(directory) = path.parent() {
        make_directory(directory)?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
        .with_context(|| format!("cannot set the permissions of {}", path.display()))
}

/// Makes a directory and those above it, readable for all, whatever the mask of this process.
fn make_directory(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_directory(above)?;
    }
    fs::create_dir(path).with_context(|| format!("cannot make {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot set the permissions of {}", path.display()))
}
