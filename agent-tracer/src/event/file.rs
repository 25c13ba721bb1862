//! Events of files: action, author and path. File contents are never included.

/// A process changed a file (fanotify(7)). The event's process is the one that did; its pid is 0 where
/// that is not known.
#[derive(Clone, PartialEq, prost::Message)]
pub struct File {
    /// The absolute path, as of the name that it had then.
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
    /// A newer `tracer` had an action that this one does not know.
    Unknown = 0,
    /// It came to be.
    Created = 1,
    /// A writer closed it.
    Written = 2,
    /// It got this name.
    Renamed = 3,
    /// It is gone, or has another name now.
    Removed = 4,
    /// Its permissions, owner, times or extended attributes were set.
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

/// Length of a digest in [`File::jobs`], in bytes: enough that no two jobs of a machine share one.
pub const JOB_DIGEST_BYTES: usize = 8;
