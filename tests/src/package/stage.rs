//! Provides the machine's whole system under a layer of memory: packages are installed there, and
//! leave nothing behind. It has its own mounts, processes and, during a recording, network, but no
//! systemd.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io::{BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::harness::{Recording, at_the_end, run, tracer, words};

/// The fetched packages.
pub(super) const FIRST: &str = "munin-node";
pub(super) const SECOND: &str = "nginx-light";
pub(super) const DAEMONS: [&str; 6] = [
    "redis-server",
    "memcached",
    "dnsmasq",
    "lighttpd",
    "chrony",
    "openssh-server",
];

/// The system, for as long as this program runs: its processes end with their stdin, and the
/// directory goes with them.
pub(crate) struct Stage {
    place: PathBuf,
    inner: Child,
    /// True if its file system can be watched as a whole.
    pub(super) is_whole: bool,
    /// The time when it was made, in seconds since 1970.
    began: i64,
}

/// All files: for each path its type, and all facts that show a change.
pub(super) type Listing = BTreeMap<Vec<u8>, FileFacts>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileFacts {
    /// The letter of find(1).
    pub(super) kind: u8,
    state: Vec<u8>,
    /// Target of a link.
    pub(super) target: Vec<u8>,
}

/// Makes the stage, or returns the reason against it.
pub(super) fn possible() -> Result<(), String> {
    shared().as_ref().map(|_| ()).map_err(Clone::clone)
}

/// Locks the stage for one test at a time.
pub(super) fn stage() -> MutexGuard<'static, Stage> {
    let stage = shared().as_ref().expect("it was asked whether it is there");
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a stage without fetched packages, or returns the reason against it. Without lasting
/// handles nothing outside of the roots is seen there.
pub(crate) fn is_bare_stage_possible() -> Result<(), String> {
    match bare() {
        Ok(stage) if stage.lock().is_ok_and(|stage| !stage.is_whole) => {
            Err("overlays of this kernel cannot be watched as a whole".to_owned())
        }
        Ok(_) => Ok(()),
        Err(reason) => Err(reason.clone()),
    }
}

/// Locks the stage without packages for one test at a time.
pub(crate) fn bare_stage() -> MutexGuard<'static, Stage> {
    let stage = bare().as_ref().expect("it was asked whether it is there");
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a stage without packages for one test, on which others have left nothing.
pub(crate) fn clean_stage() -> Stage {
    Stage::set(&[]).expect("one is possible")
}

fn bare() -> &'static Result<Mutex<Stage>, String> {
    static STAGE: OnceLock<Result<Mutex<Stage>, String>> = OnceLock::new();
    STAGE.get_or_init(|| Stage::set(&[]).map(Mutex::new))
}

fn shared() -> &'static Result<Mutex<Stage>, String> {
    static STAGE: OnceLock<Result<Mutex<Stage>, String>> = OnceLock::new();
    STAGE.get_or_init(|| {
        let packages = [&[FIRST, SECOND][..], &DAEMONS].concat();
        Stage::set(&packages).map(Mutex::new)
    })
}

impl Stage {
    fn set(packages: &[&str]) -> Result<Stage, String> {
        let began = SystemTime::now().duration_since(UNIX_EPOCH);
        let began = began.expect("it is later than 1970").as_secs();
        let place = tempfile::tempdir().expect("a directory").keep();
        let mut inner = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child"])
            .args(["sh", "-c", include_str!("stage.sh"), "sh"])
            .arg(&place)
            .arg(tracer().get_program())
            .args(packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("there is no unshare: {error}"))?;
        // The first program inside reads it, and ends with it.
        let stdin = inner.stdin.take();
        at_the_end(move || drop(stdin));
        let mut said = String::new();
        let output = inner.stdout.take().expect("its stdout");
        let read = BufReader::new(output).read_line(&mut said);
        read.expect("a line");
        match said.trim_end().split_once(' ') {
            Some(("ready", lasting)) => Ok(Stage {
                place,
                inner,
                is_whole: lasting != "0",
                began: began.try_into().expect("seconds"),
            }),
            Some(("no", reason)) => Err(reason.to_owned()),
            Some(_) | None => Err("there can be no namespaces of its own".to_owned()),
        }
    }

    /// Returns the prefix that makes a command line run there.
    pub(crate) fn inside(&self) -> Vec<OsString> {
        let target = self.inner.id().to_string();
        let pids = format!("--pid=/proc/{target}/ns/pid_for_children");
        let mut line = words(["nsenter", "--target", &target, "--mount", &pids, "--"]);
        // Everything is fetched before: an installation has no network peers.
        line.extend(words(["unshare", "--net", "--", "env", "--unset=TMPDIR"]));
        line.extend(words(["DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"]));
        line.extend(words(["HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]));
        line.extend(["chroot".into(), self.place.join("memory/root").into()]);
        line
    }

    /// Makes a recording of a shell command there.
    pub(super) fn recording(&self, command: Vec<OsString>) -> Recording {
        self.usual_recording(command)
            .option(["--watch", "/usr"])
            .option(["--watch", "/var"])
            // A file system of its own there.
            .option(["--ignore", "/var/tmp/**"])
    }

    /// Makes one there with the usual roots.
    pub(crate) fn usual_recording(&self, command: Vec<OsString>) -> Recording {
        Recording::of(command)
            .through(self.inside())
            .to(&self.path("it.trace"))
            .option(["--force"])
    }

    /// Returns a file with the same name inside and outside.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    /// Returns the output of a program there.
    pub(crate) fn call<const N: usize>(&self, line: [&str; N]) -> Vec<u8> {
        let mut all = self.inside();
        all.extend(words(line));
        run(Command::new(&all[0]).args(&all[1..])).success().stdout
    }

    /// Lists all files by find(1). Facts of directories that depend on their entries are left out.
    pub(super) fn list(&self) -> Listing {
        let form = "%p\\0%y\\0%m %U %G\\0%s %T@ %i\\0%l\\0";
        let printed = self.call(["find", "/", "-xdev", "-printf", form]);
        let mut fields = printed.split(|byte| *byte == 0);
        let mut listing = Listing::new();
        while let (Some(path), Some(kind)) = (fields.next(), fields.next()) {
            let mut next = || fields.next().expect("five fields a file");
            let (rights, content, target) = (next(), next(), next());
            let kind = kind.first().copied().unwrap_or(b'?');
            let state = match kind {
                b'd' => rights.to_vec(),
                _ => [rights, b" ", content].concat(),
            };
            let target = target.to_vec();
            listing.insert(
                path.to_vec(),
                FileFacts {
                    kind,
                    state,
                    target,
                },
            );
        }
        listing
    }

    /// Returns the paths in the layer.
    pub(super) fn layer(&self) -> BTreeSet<Vec<u8>> {
        let target = self.inner.id().to_string();
        let mut find = Command::new("nsenter");
        find.args(["--target", &target, "--mount", "--", "find"])
            .arg(self.path("memory/upper"))
            .args(["-printf", "/%P\\0"]);
        let printed = run(&mut find).success().stdout;
        let paths = printed.split(|byte| *byte == 0);
        paths.map(<[u8]>::to_vec).collect()
    }

    /// Checks whether the machine itself changed a file since the stage was made: files below the
    /// layer, and not in it, show through.
    pub(super) fn is_of_machine(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path).map_or(true, |found| found.ctime() >= self.began)
    }
}
