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
