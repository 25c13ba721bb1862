//! The package for Debian and its relatives.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::parts::{self, Parts};
use super::release::Release;
use super::tools;
use crate::arch::Arch;

/// The name of the packages: other systems have a `tracer` of their own.
pub const NAME: &str = "agent-tracer";
/// The counter of packages of one version.
pub const REVISION: u32 = 1;
/// OWNER stands for the account that publishes, as in docs/ci.md.
pub const HOMEPAGE: &str = "https://github.com/OWNER/agent-tracer";
const MAINTAINER: &str = "The tracer authors <OWNER@users.noreply.github.com>";
/// One line about the tool.
pub const SUMMARY: &str = "records what an installer does, with eBPF";
/// Lines about the tool.
pub const DESCRIPTION: [&str; 4] = [
    "tracer runs an installer untouched and records every process, connection",
    "and change, attributed to the agent that it belongs to. Recording needs",
    "root and Linux 5.8 or newer with BTF; reading a trace needs neither. The",
    "program is static: it depends on no library.",
];

/// Directories of completions, below which each shell looks for files of packages.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions"),
    ("zsh", "usr/share/zsh/vendor-completions"),
    ("fish", "usr/share/fish/vendor_completions.d"),
];

/// Scripts of the package: the service is not enabled, and goes with the package. A purge removes
/// its traces, too.
const SCRIPTS: [(&str, &str); 3] = [
    ("postinst", include_str!("deb/postinst")),
    ("prerm", include_str!("deb/prerm")),
    ("postrm", include_str!("deb/postrm")),
];

/// Writes the package to the output.
pub fn make(release: &Release, parts: &Parts, scratch: &Path, output: &Path) -> Result<()> {
    let tree = scratch.join("deb");
    parts.install(&tree, &COMPLETIONS)?;
    let documents = tree.join("usr/share/doc").join(NAME);
    parts::write(&documents.join("copyright"), copyright(parts)?.as_bytes())?;
    parts::copy(&parts.readme, &documents.join("README.md"), 0o644)?;
    parts::copy(&parts.notices, &documents.join("THIRD-PARTY.txt"), 0o644)?;
    parts::write_compressed(&parts.changelog, &documents.join("changelog.gz"))?;
    let log = documents.join("changelog.Debian");
    parts::write(&log, changelog(release)?.as_bytes())?;
    parts::write_compressed(&log, &documents.join("changelog.Debian.gz"))?;
    std::fs::remove_file(&log).context("cannot remove the plain changelog")?;

    let size = tools::output(
        Command::new("du")
            .args(["-sk", "--apparent-size"])
            .arg(&tree),
    )?;
    let size = size.split_whitespace().next().unwrap_or("0").to_owned();
    let digests = digests(&tree)?;
    parts::write(&tree.join("DEBIAN/md5sums"), digests.as_bytes())?;
    // A file that the user has changed stays in an upgrade.
    let settings = format!("/{}\n", parts::SETTINGS);
    parts::write(&tree.join("DEBIAN/conffiles"), settings.as_bytes())?;
    for (name, script) in SCRIPTS {
        let path = tree.join("DEBIAN").join(name);
        parts::write(&path, script.as_bytes())?;
        parts::set_mode(&path, 0o755)?;
    }
    let control = control(release, parts.arch, &size);
    parts::write(&tree.join("DEBIAN/control"), control.as_bytes())?;
    let file = format!(
        "{NAME}_{}-{REVISION}_{}.deb",
        release.version,
        parts.arch.debian()
    );
    tools::make(
        "the package for Debian",
        "dpkg",
        Command::new("dpkg-deb")
            // Debian 11 cannot read zstd.
            .args(["--build", "--root-owner-group", "-Zxz"])
            .arg(&tree)
            .arg(output.join(file))
            .env("SOURCE_DATE_EPOCH", release.time.to_string()),
    )
}

fn control(release: &Release, arch: Arch, size: &str) -> String {
    let arch = arch.debian();
    let version = release.version;
    let description = DESCRIPTION.join("\n ");
    format!(
        "Package: {NAME}\n\
         Version: {version}-{REVISION}\n\
         Architecture: {arch}\n\
         Maintainer: {MAINTAINER}\n\
         Installed-Size: {size}\n\
         Section: admin\n\
         Priority: optional\n\
         Homepage: {HOMEPAGE}\n\
         Description: {SUMMARY}\n {description}\n"
    )
}

/// Lists digests as dpkg(1) checks them.
fn digests(tree: &Path) -> Result<String> {
    tools::output(
        Command::new("sh")
            .args(["-c", "find usr -type f | LC_ALL=C sort | xargs md5sum"])
            .current_dir(tree),
    )
}

fn changelog(release: &Release) -> Result<String> {
    let time = format!("@{}", release.time);
    let date = tools::output(Command::new("date").args(["-u", "-R", "-d", &time]))?;
    Ok(format!(
        "{NAME} ({}-{REVISION}) unstable; urgency=medium\n\n  \
         * changelog.gz lists the changes.\n\n \
         -- {MAINTAINER}  {date}",
        release.version
    ))
}

/// Writes the licences in the layout of Debian.
fn copyright(parts: &Parts) -> Result<String> {
    let mit = std::fs::read_to_string(&parts.mit).context("cannot read LICENSE-MIT")?;
    let holder = mit
        .lines()
        .find_map(|line| line.strip_prefix("Copyright (c) "))
        .context("LICENSE-MIT names no holder")?;
    // The licence itself, after its title and the line of the copyright.
    let body = mit
        .lines()
        .skip_while(|line| !line.starts_with("Permission"));
    let body: Vec<String> = body
        .map(|line| match line {
            "" => " .".to_owned(),
            line => format!(" {line}"),
        })
        .collect();
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: tracer\n\
         Source: {HOMEPAGE}\n\
         Comment: THIRD-PARTY.txt has the licences of the crates in the program.\n\n\
         Files: *\n\
         Copyright: {holder}\n\
         License: Expat or Apache-2.0\n\n\
         License: Expat\n{}\n\n\
         License: Apache-2.0\n \
         On Debian systems, /usr/share/common-licenses/Apache-2.0 is the text.\n",
        body.join("\n")
    ))
}
