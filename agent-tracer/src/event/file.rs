//! Events of files: action, author and path. File contents are never included.

/// A process changed a file (fanotify(7)). The event's process is the author; its pid is 0 if
/// unknown.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileEvent {
    /// The absolute path, with the name of that time.
    #[prost(bytes = "vec", tag = "1")]
    pub path: Vec<u8>,
    /// The action.
    #[prost(enumeration = "FileAction", tag = "2")]
    pub action: i32,
    /// One digest for each job in a table of cron jobs, which identifies a job when cron runs it.
    /// It is the first eight bytes of the SHA-256 of the command line that cron passes to the
    /// shell, secrets masked.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub jobs: Vec<Vec<u8>>,
    /// True for a directory.
    #[prost(bool, tag = "4")]
    pub is_directory: bool,
    /// The file behind the path, if it may be a download. Another name of the same file is one,
    /// too.
    #[prost(message, optional, tag = "5")]
    pub identity: Option<FileIdentity>,
}

/// A file with its present content, independent of its names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Message)]
pub struct FileIdentity {
    /// `st_dev`.
    #[prost(uint64, tag = "1")]
    pub device: u64,
    /// `st_ino`.
    #[prost(uint64, tag = "2")]
    pub inode: u64,
    /// `st_size`, bytes.
    #[prost(uint64, tag = "3")]
    pub size: u64,
    /// `st_mtim`, nanoseconds since 1970.
    #[prost(sint64, tag = "4")]
    pub modified_ns: i64,
}

/// The content of a downloaded file that was executed, or that is native code. The event's process
/// executed it, or wrote it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileHashed {
    /// The path that was executed or written.
    #[prost(bytes = "vec", tag = "1")]
    pub path: Vec<u8>,
    /// SHA-256 of the content, read after the execution or the writing. Empty if it was not read.
    #[prost(bytes = "vec", tag = "2")]
    pub sha256: Vec<u8>,
    /// The file that was read.
    #[prost(message, optional, tag = "3")]
    pub identity: Option<FileIdentity>,
    /// Set when the file at the path is another one at the end, or has other content.
    #[prost(bool, tag = "4")]
    pub has_changed: bool,
    /// The native code in a file that was written, by its first bytes.
    #[prost(enumeration = "NativeCode", tag = "5")]
    pub native: i32,
}

/// Kinds of files with native code (elf(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum NativeCode {
    /// None, or not looked for.
    None = 0,
    /// A shared object, which a process maps: no event reports that.
    Library = 1,
    /// A program.
    Program = 2,
}

impl NativeCode {
    /// Returns the kind in a word, unless there is none.
    pub fn name(self) -> Option<&'static str> {
        match self {
            NativeCode::None => None,
            NativeCode::Library => Some("library"),
            NativeCode::Program => Some("program"),
        }
    }
}

/// Actions on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum FileAction {
    /// An action of a newer `tracer`, unknown to this one.
    Unknown = 0,
    /// Created.
    Created = 1,
    /// Closed after writing.
    Written = 2,
    /// Renamed to this path.
    Renamed = 3,
    /// Removed, or renamed to another path.
    Removed = 4,
    /// Permissions, owner, times or extended attributes were set.
    Attributes = 5,
    /// The file differs at the end without an observed writer, and this process has it open for
    /// writing.
    Open = 6,
}

impl FileAction {
    /// Returns the action in a word.
    pub fn name(self) -> &'static str {
        match self {
            FileAction::Unknown => "unknown",
            FileAction::Created => "created",
            FileAction::Written => "written",
            FileAction::Renamed => "renamed",
            FileAction::Removed => "removed",
            FileAction::Attributes => "attributes",
            FileAction::Open => "open",
        }
    }
}

/// Length of a digest in [`FileEvent::jobs`], in bytes: enough that no two jobs of a machine share
/// one.
pub const JOB_DIGEST_BYTES: usize = 8;
