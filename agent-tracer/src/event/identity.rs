//! Which file a process executes, and whether it sees the machine as the recorder does.

/// The file behind an executable's path, and the view that the path is of. Absent in old traces.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Identity {
    /// Device of the executable: 12 bits of the major number, then 20 of the minor.
    #[prost(uint32, tag = "1")]
    pub device: u32,
    /// Inode number of the executable.
    #[prost(uint64, tag = "2")]
    pub inode: u64,
    /// Owner of the executable, in the initial user namespace.
    #[prost(uint32, tag = "3")]
    pub owner: u32,
    /// Group of the executable, likewise.
    #[prost(uint32, tag = "4")]
    pub group: u32,
    /// Type and permissions of the executable (`st_mode`).
    #[prost(uint32, tag = "5")]
    pub mode: u32,
    /// What the path of the executable is worth to the recorder.
    #[prost(enumeration = "View", tag = "6")]
    pub view: i32,
    /// Inode number of the mount namespace of the process; 0 where it is the recorder's.
    #[prost(uint32, tag = "7")]
    pub mount_namespace: u32,
    /// Inode number of its user namespace; 0 where it is the recorder's.
    #[prost(uint32, tag = "8")]
    pub user_namespace: u32,
    /// Its effective user id in that namespace, where it is another and this is known.
    #[prost(uint32, optional, tag = "9")]
    pub inner_user: Option<u32>,
    /// Inode number of the mount namespace that the executable is in; 0 where it is the recorder's
    /// or, of a process that ran before, not known.
    #[prost(uint32, tag = "10")]
    pub file_namespace: u32,
}

impl Identity {
    /// Whether only root could have made the file, and the path means the same to the recorder.
    pub fn is_roots(&self) -> bool {
        self.owner == 0 && !self.others_write() && self.view() != View::Another
    }

    /// Whether users other than its owner may write to the executable. A group of root's counts
    /// as root.
    pub fn others_write(&self) -> bool {
        const GROUP: u32 = 0o020;
        const OTHERS: u32 = 0o002;
        self.mode & OTHERS != 0 || (self.mode & GROUP != 0 && self.group != 0)
    }

    /// The device as mountinfo(5) writes it.
    pub fn device_numbers(&self) -> (u32, u32) {
        (self.device >> 20, self.device & 0xF_FFFF)
    }
}

/// How the path of an executable relates to what the recorder sees at that path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum View {
    /// Not known.
    Unknown = 0,
    /// Root directory and mount namespace are the recorder's.
    Own = 1,
    /// They are not, but the recorder sees the same file at that path.
    SameFile = 2,
    /// The recorder sees another file there, none, or cannot compare.
    Another = 3,
}
