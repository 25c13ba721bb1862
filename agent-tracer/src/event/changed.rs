//! Events of differences on the machine at the end of a recording, found by comparing its start and
//! end. Other events name the author. File contents are never included.

/// A compared list, with new, changed and removed entries. Many entries come in several events.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Compared {
    /// The compared subject.
    #[prost(enumeration = "Subject", tag = "1")]
    pub subject: i32,
    /// Count of entries at the end; 0 in all events of a subject but the first.
    #[prost(uint64, tag = "2")]
    pub entries: u64,
    /// The differences, in the order of the names.
    #[prost(message, repeated, tag = "3")]
    pub differences: Vec<Difference>,
    /// The reason for a missing or partial comparison; else empty.
    #[prost(string, tag = "4")]
    pub problem: String,
    /// True if the problem existed at the start already, before programs had run.
    #[prost(bool, tag = "5")]
    pub problem_from_start: bool,
}

/// Subjects of comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Subject {
    /// A subject of a newer `tracer`, unknown to this one.
    Unknown = 0,
    /// Users (passwd(5)): name; `uid:gid:home:shell`.
    Users = 1,
    /// Groups (group(5)): name; `gid:members`.
    Groups = 2,
    /// Packages of dpkg(1): `name:architecture`; version and state.
    DebianPackages = 3,
    /// Packages of rpm: `name.architecture`; version and release.
    RpmPackages = 4,
    /// Kernel modules (`/proc/modules`): name; nothing.
    Modules = 5,
    /// Kernel parameters (sysctl(8)): name with dots; value.
    Sysctls = 6,
    /// Rules of the firewall (nf_tables, older iptables): the rule, after its place; no value.
    Firewall = 7,
    /// Unit files of systemd: name; `enabled`, `disabled` and so on.
    UnitFiles = 8,
    /// Units of systemd that are loaded: name; active and sub state.
    Units = 9,
    /// Mounts (`/proc/self/mountinfo`): mount point; type and source.
    Mounts = 10,
}

impl Subject {
    /// Returns the name in views and jsonl.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Unknown => "unknown",
            Subject::Users => "user",
            Subject::Groups => "group",
            Subject::DebianPackages | Subject::RpmPackages => "package",
            Subject::Modules => "kernel module",
            Subject::Sysctls => "sysctl",
            Subject::Firewall => "firewall rule",
            Subject::UnitFiles => "unit file",
            Subject::Units => "unit",
            Subject::Mounts => "mount",
        }
    }
}

/// An entry of a list at the start and at the end.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Difference {
    /// Its name, the same before and after.
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    /// At the start, if it was there.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub before: Option<Vec<u8>>,
    /// At the end, if it was there.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub after: Option<Vec<u8>>,
    /// The origin of a package of dpkg that is new, or has another version, if it is known.
    #[prost(message, optional, tag = "4")]
    pub origin: Option<PackageOrigin>,
}

/// The list of apt(8) with a package of this name, version and architecture. All values are as the
/// archive has them.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PackageOrigin {
    /// The Origin of its Release file, such as `Debian`.
    #[prost(bytes = "vec", tag = "1")]
    pub origin: Vec<u8>,
    /// The Codename of its Release file, or else the Suite.
    #[prost(bytes = "vec", tag = "2")]
    pub suite: Vec<u8>,
    /// The URI of the archive without its scheme, such as `deb.debian.org/debian`.
    #[prost(bytes = "vec", tag = "3")]
    pub archive: Vec<u8>,
    /// The path of the package's file in the archive.
    #[prost(bytes = "vec", tag = "4")]
    pub file: Vec<u8>,
    /// SHA-256 of that file, in hexadecimal.
    #[prost(bytes = "vec", tag = "5")]
    pub sha256: Vec<u8>,
    /// Set when all lists could be read and none has it: it came from a local file.
    #[prost(bool, tag = "6")]
    pub is_unlisted: bool,
}

/// Files under the watched roots that are new, changed or gone. Many come in several events.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FilesCompared {
    /// The compared directories, in the first of several events.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub roots: Vec<Vec<u8>>,
    /// Count of files and directories at the end; 0 in all events but the first.
    #[prost(uint64, tag = "2")]
    pub entries: u64,
    /// The differences, in the order of the paths.
    #[prost(message, repeated, tag = "3")]
    pub differences: Vec<FileDifference>,
    /// The reason for a missing or partial comparison; else empty.
    #[prost(string, tag = "4")]
    pub problem: String,
    /// Count of homes whose `.ssh` was compared, too; in the first of several events.
    #[prost(uint64, tag = "5")]
    pub homes: u64,
    /// Count of homes left out, because they are missing or not on a file system of the machine.
    #[prost(uint64, tag = "6")]
    pub homes_left_out: u64,
}

/// A file at the start and at the end.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileDifference {
    /// The absolute path.
    #[prost(bytes = "vec", tag = "1")]
    pub path: Vec<u8>,
    /// At the start, if it was there.
    #[prost(message, optional, tag = "2")]
    pub before: Option<FileState>,
    /// At the end, if it was there.
    #[prost(message, optional, tag = "3")]
    pub after: Option<FileState>,
}

/// Files outside of the compared directories, as processes of the recorded trees left them. There
/// was no snapshot of them before. Many come in several events.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FilesElsewhere {
    /// The files, in the order of their paths.
    #[prost(message, repeated, tag = "1")]
    pub files: Vec<ElsewhereFile>,
    /// Directories with too many changes to list, with their counts.
    #[prost(message, repeated, tag = "2")]
    pub folded: Vec<FoldedDirectory>,
}

/// A file outside of the compared directories.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ElsewhereFile {
    /// The absolute path.
    #[prost(bytes = "vec", tag = "1")]
    pub path: Vec<u8>,
    /// Its existence before the first change that was seen.
    #[prost(enumeration = "Existence", tag = "2")]
    pub existed: i32,
    /// At the end, if it was there.
    #[prost(message, optional, tag = "3")]
    pub after: Option<FileState>,
    /// The last process that created, renamed or wrote it.
    #[prost(message, optional, tag = "4")]
    pub wrote: Option<Author>,
    /// The last process that set its permissions, owner or attributes.
    #[prost(message, optional, tag = "5")]
    pub set: Option<Author>,
    /// The last process that removed it.
    #[prost(message, optional, tag = "6")]
    pub removed: Option<Author>,
    /// Set when no change of the file itself was seen: its directory was moved there.
    #[prost(bool, tag = "7")]
    pub was_moved: bool,
}

/// The process that made a change.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Author {
    /// Its process id.
    #[prost(uint32, tag = "1")]
    pub pid: u32,
    /// Its start, nanoseconds since boot.
    #[prost(uint64, tag = "2")]
    pub start_ns: u64,
}

/// A directory with too many changes to list.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct FoldedDirectory {
    /// The absolute path.
    #[prost(bytes = "vec", tag = "1")]
    pub path: Vec<u8>,
    /// Count of changes in and below it that are not listed.
    #[prost(uint64, tag = "2")]
    pub changes: u64,
}

/// The existence of a file before its first change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Existence {
    /// Unknown: a file was renamed to the path, which may have replaced another.
    Unknown = 0,
    /// It did not exist.
    Absent = 1,
    /// It existed.
    Present = 2,
}

/// The facts of stat(2) about a file, and a little more.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileState {
    /// `st_mode`: type and permissions.
    #[prost(uint32, tag = "1")]
    pub mode: u32,
    /// `st_uid`.
    #[prost(uint32, tag = "2")]
    pub user: u32,
    /// `st_gid`.
    #[prost(uint32, tag = "3")]
    pub group: u32,
    /// `st_size`, bytes.
    #[prost(uint64, tag = "4")]
    pub size: u64,
    /// The beginning of the SHA-256 of the content at the end. Only for regular, world-readable
    /// files of at most 1 MiB.
    #[prost(bytes = "vec", tag = "5")]
    pub digest: Vec<u8>,
    /// The extended attribute `security.capability` (capabilities(7)), or empty.
    #[prost(bytes = "vec", tag = "6")]
    pub capabilities: Vec<u8>,
    /// The target of a symbolic link.
    #[prost(bytes = "vec", tag = "7")]
    pub target: Vec<u8>,
}

impl Existence {
    /// Returns the name in jsonl.
    pub fn name(self) -> &'static str {
        match self {
            Existence::Unknown => "unknown",
            Existence::Absent => "absent",
            Existence::Present => "present",
        }
    }
}

impl FileState {
    /// Returns the kind of the file.
    pub fn kind(&self) -> &'static str {
        match self.mode & 0o170_000 {
            0o100_000 => "file",
            0o040_000 => "directory",
            0o120_000 => "link",
            0o010_000 => "fifo",
            0o140_000 => "socket",
            0o020_000 | 0o060_000 => "device",
            _ => "unknown",
        }
    }
}
