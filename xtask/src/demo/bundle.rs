//! Makes what github.com serves: real packages, built with dpkg-deb from
//! `xtask/replica`, inside a shell script that unpacks itself. It writes only
//! below the directory it is given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A package and the paths at which it carries the actor.
struct Package {
    name: &'static str,
    programs: &'static [&'static str],
}

/// In the order of their installation.
const PACKAGES: [Package; 4] = [
    Package {
        name: "omi",
        programs: &[
            "opt/omi/bin/omiserver",
            "opt/omi/bin/omiengine",
            "opt/omi/bin/omiagent",
            "opt/omi/bin/omicli",
        ],
    },
    Package {
        name: "scx",
        programs: &["opt/microsoft/scx/bin/tools/scxadmin"],
    },
    Package {
        name: "omsagent",
        programs: &["opt/microsoft/omsagent/ruby/bin/ruby"],
    },
    Package {
        name: "omsconfig",
        programs: &["opt/dsc/bin/dsc_host"],
    },
];

/// The placeholder for the number of lines before a script's archive.
const SKIP: &str = "@SKIP@";

/// Gathers all that installs the replica: the script, what it downloads, the actor.
pub fn gather(workspace: &Path, actor: &Path, work: &Path) -> Result<PathBuf> {
    let replica = work.join("replica");
    let parts = tempfile::tempdir_in(work).context("cannot make a directory")?;
    let source = workspace.join("xtask/replica");
    let bundle = build(&source, actor, parts.path())?;
    fs::create_dir(&replica).context("cannot make a directory")?;
    for (from, name) in [
        (source.join("onboard_agent.sh"), "onboard_agent.sh"),
        (source.join("truth.sh"), "truth.sh"),
        (bundle, "bundle.sh"),
        (actor.to_owned(), "demo-actor"),
    ] {
        fs::copy(&from, replica.join(name))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(replica)
}

/// Builds the bundle in `directory` and returns its path.
pub fn build(replica: &Path, actor: &Path, directory: &Path) -> Result<PathBuf> {
    let architecture = output_of(Command::new("dpkg").arg("--print-architecture"))?;
    let payload = directory.join("payload");
    fs::create_dir(&payload)?;
    for package in &PACKAGES {
        let stage = directory.join(package.name);
        copy_tree(
            &replica.join("packages").join(package.name),
            &stage,
            &architecture,
        )?;
        place_actor(actor, &stage, package.programs)?;
        run(Command::new("dpkg-deb")
            // Small and quick beats smallest: it is unpacked once, in memory.
            .args(["-Zgzip", "-z1", "--root-owner-group", "--build"])
            .arg(&stage)
            .arg(payload.join(format!("{}.deb", package.name))))?;
    }

    let cimprov = directory.join("cimprov");
    copy_tree(&replica.join("cimprov"), &cimprov, &architecture)?;
    self_extracting(
        &replica.join("cimprov.sh"),
        &cimprov,
        &payload.join("apache-cimprov-1.0.1-9.universal.1.x86_64.sh"),
    )?;

    let bundle = directory.join("bundle.sh");
    self_extracting(&replica.join("bundle.sh"), &payload, &bundle)?;
    Ok(bundle)
}

/// `head`, followed by a compressed archive of what is in `payload`.
fn self_extracting(head: &Path, payload: &Path, script: &Path) -> Result<()> {
    let head =
        fs::read_to_string(head).with_context(|| format!("cannot read {}", head.display()))?;
    let first_line_after = head.lines().count() + 1;
    let head = head.replace(SKIP, &first_line_after.to_string());
    let archive = script.with_extension("tar.gz");
    run(Command::new("tar")
        .args(["--owner=0", "--group=0", "-czf"])
        .arg(&archive)
        .arg("-C")
        .arg(payload)
        .arg("."))?;
    let mut bytes = head.into_bytes();
    bytes.extend(fs::read(&archive)?);
    fs::remove_file(&archive)?;
    fs::write(script, bytes)?;
    Ok(())
}

/// One copy and hard links to it: tar and dpkg both keep them.
fn place_actor(actor: &Path, stage: &Path, programs: &[&str]) -> Result<()> {
    let mut first: Option<PathBuf> = None;
    for program in programs {
        let path = stage.join(program);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        match &first {
            Some(original) => fs::hard_link(original, &path)?,
            None => {
                fs::copy(actor, &path)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
                first = Some(path);
            }
        }
    }
    Ok(())
}

/// Copies a tree of text files. Modes come from the content, not from the
/// checkout, whose umask may be anything: scripts 755, the rest 644.
fn copy_tree(from: &Path, to: &Path, architecture: &str) -> Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    let entries = fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target, architecture)?;
            continue;
        }
        let text = fs::read_to_string(entry.path())
            .with_context(|| format!("cannot read {}", entry.path().display()))?;
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        fs::write(&target, text.replace("@ARCHITECTURE@", architecture))?;
        fs::set_permissions(&target, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    output_of(command).map(drop)
}

fn output_of(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!(
            "{program} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}
