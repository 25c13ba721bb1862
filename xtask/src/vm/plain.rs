//! The plain guest: a shell script as PID 1, and the programs that the tests record. Packages are
//! unpacked without running their scripts, which needs no root.

use std::{
    io::BufWriter,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{cpio::Archive, image::LEFT_OUT, packages::Closure, say, source::Source};
use crate::arch::Arch;

/// Debian's packages in it, besides their dependencies.
const PACKAGES: [&str; 15] = [
    "busybox-static",
    "coreutils",
    "curl",
    "dash",
    "dpkg",
    "findutils",
    "grep",
    "kmod",
    "libbpf-tools",
    "make",
    "python3-minimal",
    "sed",
    "strace",
    "tar",
    "util-linux",
];
/// Commands of busybox, instead of packages with many dependencies.
const APPLETS: [&str; 8] = [
    "cttyhack", "hostname", "ip", "mount", "poweroff", "ps", "su", "umount",
];
const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n";

/// Returns the name of the layer, which depends on its packages.
pub fn base(arch: Arch, cache: &Path) -> Result<PathBuf> {
    let bases = &cache.join("bases");
    let source = match arch == Arch::own()? {
        true => Source::machine(),
        false => Source::other("bookworm", arch, cache)?,
    };
    let closure = Closure::of(&source, &PACKAGES)?;
    let key = Sha256::digest(
        [
            arch.debian(),
            closure.versions.as_str(),
            &APPLETS.join(" "),
            PASSWD,
            GROUP,
            &LEFT_OUT.join(" "),
        ]
        .join("\n"),
    );
    let base = bases.join(format!("{:.16}.cpio", format!("{key:x}")));
    if base.exists() {
        return Ok(base);
    }
    say(&format!(
        "making the plain guest, of {} packages",
        closure.versions.lines().count()
    ));
    let unwritable = || format!("cannot write into {}", bases.display());
    let unpacked = tempfile::tempdir_in(bases).with_context(unwritable)?;
    closure.unpack(unpacked.path())?;

    let mut archive = Archive::default();
    let skip = |place: &Path| LEFT_OUT.iter().any(|out| place == Path::new(out));
    archive.tree(unpacked.path(), Path::new(""), &skip)?;
    archive.merge_usr();
    for place in ["dev", "opt", "proc", "root", "run", "sys", "tmp", "var/tmp"] {
        archive.directory(
            place,
            if place.ends_with("tmp") {
                0o1777
            } else {
                0o755
            },
        );
    }
    archive.link("usr/bin/sh", "dash");
    for applet in APPLETS {
        archive.link(&format!("usr/sbin/{applet}"), "/bin/busybox");
    }
    archive.text("etc/passwd", 0o644, PASSWD);
    archive.text("etc/group", 0o644, GROUP);
    archive.text("etc/hosts", 0o644, "127.0.0.1 localhost\n::1 localhost\n");

    let new = tempfile::NamedTempFile::new_in(bases).with_context(unwritable)?;
    archive.write(BufWriter::new(new.as_file()))?;
    new.persist(&base).with_context(unwritable)?;
    Ok(base)
}

/// Adds the guest's first program.
pub fn top() -> Archive {
    let mut archive = Archive::default();
    archive.text("init", 0o755, include_str!("init.sh"));
    archive
}
