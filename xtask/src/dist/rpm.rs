//! The package for Red Hat's systems, SUSE and their relatives.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::deb::{DESCRIPTION, HOMEPAGE, NAME, REVISION, SUMMARY};
use super::parts::{self, Parts};
use super::release::Release;
use super::tools;

/// Directories of completions, below which each shell looks for files of packages.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions"),
    ("zsh", "usr/share/zsh/site-functions"),
    ("fish", "usr/share/fish/vendor_completions.d"),
];

/// Directories that the package has a share in: the shells' own packages may be absent.
const DIRECTORIES: [&str; 8] = [
    "/etc/tracer",
    "/usr/share/bash-completion",
    "/usr/share/bash-completion/completions",
    "/usr/share/fish",
    "/usr/share/fish/vendor_completions.d",
    "/usr/share/licenses/agent-tracer",
    "/usr/share/zsh",
    "/usr/share/zsh/site-functions",
];

/// Settings of rpmbuild: the time and the host of the build stay out, and it changes no file.
const DEFINITIONS: [&str; 9] = [
    "_buildhost localhost",
    "use_source_date_epoch_as_buildtime 1",
    "clamp_mtime_to_source_date_epoch 1",
    "_build_id_links none",
    "debug_package %{nil}",
    "__os_install_post %{nil}",
    // Red Hat's version 8 can read it.
    "_binary_payload w6.xzdio",
    "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
    "_source_filedigest_algorithm 8",
];

/// Scripts of the package: the service is not enabled, and ends with the package. Traces stay.
const POST: &str = "if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi";
const PREUN: &str = "if [ $1 -eq 0 ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now agent-tracer.service || :
fi";
const POSTUN: &str = "if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    [ $1 -eq 0 ] || systemctl try-restart agent-tracer.service || :
fi";

/// Writes the package to the output.
pub fn make(release: &Release, parts: &Parts, scratch: &Path, output: &Path) -> Result<()> {
    let tree = scratch.join("rpm-tree");
    parts.install(&tree, &COMPLETIONS)?;
    let documents = tree.join("usr/share/doc").join(NAME);
    parts::copy(&parts.readme, &documents.join("README.md"), 0o644)?;
    parts::copy(&parts.changelog, &documents.join("CHANGELOG.md"), 0o644)?;
    let licenses = tree.join("usr/share/licenses").join(NAME);
    for license in [&parts.mit, &parts.apache, &parts.notices] {
        parts::copy(license, &licenses.join(tools::name(license)?), 0o644)?;
    }
    let listing = tools::output(
        Command::new("sh")
            .args(["-c", "find etc usr -type f | LC_ALL=C sort"])
            .current_dir(&tree),
    )?;
    let spec = scratch.join("agent-tracer.spec");
    parts::write(&spec, text(release, &tree, &listing).as_bytes())?;

    let mut build = Command::new("rpmbuild");
    build.args(["-bb", "--quiet", "--target", parts.arch.name()]);
    for definition in DEFINITIONS {
        build.args(["--define", definition]);
    }
    build
        .arg("--define")
        .arg(format!("_topdir {}", scratch.join("rpm").display()))
        .arg("--define")
        .arg(format!("_rpmdir {}", output.display()))
        .arg(&spec)
        .env("SOURCE_DATE_EPOCH", release.time.to_string());
    tools::make(
        "the package for Red Hat's systems",
        "rpm-build, or Debian's rpm",
        &mut build,
    )
}

fn text(release: &Release, tree: &Path, listing: &str) -> String {
    let version = release.version;
    let description = DESCRIPTION.join("\n");
    let tree = tree.display();
    let directories = DIRECTORIES.iter().map(|path| format!("%dir {path}"));
    let files: Vec<String> = directories.chain(listing.lines().map(entry)).collect();
    let files = files.join("\n");
    format!(
        "Name: {NAME}\n\
         Version: {version}\n\
         Release: {REVISION}\n\
         Summary: {SUMMARY}\n\
         License: MIT OR Apache-2.0\n\
         URL: {HOMEPAGE}\n\
         AutoReqProv: no\n\n\
         %description\n{description}\n\n\
         %install\n\
         mkdir -p %{{buildroot}}\n\
         cp -a '{tree}'/. %{{buildroot}}/\n\n\
         %post\n{POST}\n\
         %preun\n{PREUN}\n\
         %postun\n{POSTUN}\n\
         %files\n\
         %defattr(-,root,root)\n\
         {files}\n\
         %dir /usr/share/doc/{NAME}\n"
    )
}

fn entry(path: &str) -> String {
    if path.starts_with("etc/") {
        format!("%config(noreplace) /{path}")
    } else if path.starts_with("usr/share/licenses/") {
        format!("%license /{path}")
    } else if path.starts_with("usr/share/doc/") || path.starts_with("usr/share/man/") {
        format!("%doc /{path}")
    } else {
        format!("/{path}")
    }
}
