//! Declares the identity of an executed file, and the view that its path belongs to.

/// The file behind an executable's path, and the view that the path belongs to. Absent in old
/// traces.
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
    /// The view that the path of the executable belongs to.
    #[prost(enumeration = "View", tag = "6")]
    pub view: i32,
    /// Inode number of the mount namespace of the process; 0 where it is the recorder's.
    #[prost(uint32, tag = "7")]
    pub mount_namespace: u32,
    /// Inode number of its user namespace; 0 where it is the recorder's.
    #[prost(uint32, tag = "8")]
    pub user_namespace: u32,
    /// Its effective user id in that namespace, if other than the recorder's and known.
    #[prost(uint32, optional, tag = "9")]
    pub inner_user: Option<u32>,
    /// Inode number of the mount namespace of the executable. It is 0 for the recorder's, and 0 if
    /// unknown, for a pre-existing process.
    #[prost(uint32, tag = "10")]
    pub file_namespace: u32,
    /// Set when no name of the file was left.
    #[prost(bool, tag = "11")]
    pub is_unlinked: bool,
    /// Inode number of the PID namespace of the process; 0 where it is the recorder's.
    #[prost(uint32, tag = "12")]
    pub pid_namespace: u32,
    /// Inode number of its network namespace; 0 where it is the recorder's.
    #[prost(uint32, tag = "13")]
    pub network_namespace: u32,
}

impl Identity {
    /// True if only root could have made the file, and the recorder sees the same file at the path.
    pub fn is_roots(&self) -> bool {
        self.owner == 0 && !self.others_write() && self.view() != View::Another
    }

    /// True if users other than its owner may write to the executable. root's group counts as root.
    pub fn others_write(&self) -> bool {
        const GROUP: u32 = 0o020;
        const OTHERS: u32 = 0o002;
        self.mode & OTHERS != 0 || (self.mode & GROUP != 0 && self.group != 0)
    }

    /// Returns the device numbers, as in mountinfo(5).
    pub fn device_numbers(&self) -> (u32, u32) {
        (self.device >> 20, self.device & 0xF_FFFF)
    }
}

/// Relations between the path of an executable and the recorder's file at that path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum View {
    /// Unknown.
    Unknown = 0,
    /// Root directory and mount namespace are the recorder's.
    Own = 1,
    /// One of them differs, but the recorder sees the same file at that path.
    SameFile = 2,
    /// The recorder sees another file there, or none, or cannot compare.
    Another = 3,
}
