//! What a guest is made of: a first layer of Debian's packages, made once, and a second one with
//! the programs to be tested, made for each run. It boots nothing.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{cpio::Archive, packages::Closure, say};

/// A kind of guest.
pub struct Guest {
    /// In a word.
    pub name: &'static str,
    /// What of Debian is in it, besides what these depend on.
    packages: &'static [&'static str],
    /// What is left to busybox, because packages that have it bring much else.
    applets: &'static [&'static str],
    /// The first program.
    init: &'static str,
    /// What it may use, MiB.
    pub memory: u32,
    /// How long it may take, seconds. Where the verifier has most to do, a guest takes two thirds of it.
    pub limit: u64,
}

/// A shell as PID 1, and the programs that the tests record.
pub const PLAIN: Guest = Guest {
    name: "without an init system",
    packages: &[
        "busybox-static",
        "coreutils",
        "dash",
        "dpkg",
        "findutils",
        "grep",
        "libbpf-tools",
        "make",
        "python3-minimal",
        "sed",
        "strace",
        "tar",
        "util-linux",
    ],
    applets: &[
        "cttyhack", "hostname", "ip", "mount", "poweroff", "ps", "su", "umount",
    ],
    init: include_str!("init.sh"),
    memory: 1024,
    limit: 900,
};

/// What is tested.
pub struct Contents<'a> {
    pub tracer: &'a Path,
    pub tests: &'a Path,
    pub corpus: &'a Path,
    /// Only some of the tests.
    pub filter: Option<&'a str>,
    /// No test at all but a shell.
    pub is_interactive: bool,
}

/// Documentation and the like: half of it all, and it would lie in the guest's memory.
const LEFT_OUT: [&str; 7] = [
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/share/bash-completion",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
];
const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n";

impl Guest {
    /// Writes the image that a kernel unpacks.
    pub fn image(&self, contents: &Contents<'_>, cache: &Path, to: &Path) -> Result<()> {
        let unwritable = || format!("cannot write {}", to.display());
        fs::copy(self.base(cache)?, to).with_context(unwritable)?;
        let file = File::options()
            .append(true)
            .open(to)
            .with_context(unwritable)?;
        let mut file = BufWriter::new(file);
        self.top(contents)?.write(&mut file)?;
        file.flush().with_context(unwritable)
    }

    /// The layer of packages; its name tells what they are.
    fn base(&self, cache: &Path) -> Result<PathBuf> {
        let closure = Closure::of(self.packages)?;
        let applets = self.applets.join(" ");
        let key = Sha256::digest(
            [
                closure.versions.as_str(),
                &applets,
                PASSWD,
                GROUP,
                &LEFT_OUT.join(" "),
            ]
            .join("\n"),
        );
        let directory = cache.join("bases");
        let base = directory.join(format!("{:.16}.cpio", format!("{key:x}")));
        if base.exists() {
            return Ok(base);
        }
        say(&format!(
            "making the guest {}, of {} packages",
            self.name,
            closure.versions.lines().count()
        ));
        let unwritable = || format!("cannot write into {}", directory.display());
        fs::create_dir_all(&directory).with_context(unwritable)?;
        let unpacked = tempfile::tempdir_in(&directory).with_context(unwritable)?;
        closure.unpack(unpacked.path())?;

        let mut archive = Archive::default();
        let skip = |place: &Path| LEFT_OUT.iter().any(|out| place == Path::new(out));
        archive.tree(unpacked.path(), Path::new(""), &skip)?;
        archive.merge_usr();
        for place in [
            "dev", "proc", "root", "run", "sys", "tests", "tmp", "var/tmp",
        ] {
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
        for applet in self.applets {
            archive.link(&format!("usr/sbin/{applet}"), "/bin/busybox");
        }
        archive.text("etc/passwd", 0o644, PASSWD);
        archive.text("etc/group", 0o644, GROUP);
        archive.text("etc/hosts", 0o644, "127.0.0.1 localhost\n::1 localhost\n");

        let new = tempfile::NamedTempFile::new_in(&directory).with_context(unwritable)?;
        archive.write(BufWriter::new(new.as_file()))?;
        new.persist(&base).with_context(unwritable)?;
        Ok(base)
    }

    /// What is tested, and what is to be done with it.
    fn top(&self, contents: &Contents<'_>) -> Result<Archive> {
        let mut archive = Archive::default();
        archive.text("init", 0o755, self.init);
        archive.program("tests/tracer", contents.tracer);
        archive.program("tests/tracer-tests", contents.tests);
        archive.directory("tests/corpus", 0o755);
        archive.tree(contents.corpus, Path::new("tests/corpus"), &|_| false)?;
        let arguments = contents.filter.map(|filter| format!("{filter}\0"));
        archive.text("tests/arguments", 0o644, &arguments.unwrap_or_default());
        if contents.is_interactive {
            archive.text("tests/interactive", 0o644, "");
        }
        Ok(archive)
    }
}
