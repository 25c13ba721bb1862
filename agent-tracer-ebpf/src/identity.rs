//! Declares the identity of an executable for the ABI: its file, and the view of its process.

/// Follows the fixed part of an [`Exec`](crate::Exec) record. A member that is unreadable is 0.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Identity {
    /// `i_ino` of the executable.
    pub inode: u64,
    /// `i_ino` of the root directory of the process.
    pub root_inode: u64,
    /// `s_dev` of the executable: 12 bits of the major number, then 20 of the minor.
    pub device: u32,
    /// Owner of the executable, in the initial user namespace.
    pub user: u32,
    /// Group of the executable, likewise.
    pub group: u32,
    /// `mnt_id` of the root directory of the process.
    pub root_mount: u32,
    /// Inode number of the executable's mount namespace; 0 if it has none.
    pub file_namespace: u32,
    /// Inode number of the mount namespace of the process.
    pub mount_namespace: u32,
    /// Inode number of the user namespace of the process.
    pub user_namespace: u32,
    /// Inode number of the PID namespace of the process.
    pub pid_namespace: u32,
    /// Inode number of its network namespace.
    pub network_namespace: u32,
    /// Count of the ranges of user ids in that namespace.
    pub ranges: u32,
    /// First user id of the first range, as the namespace sees it.
    pub inner: u32,
    /// The same in the initial user namespace.
    pub outer: u32,
    /// Count of the user ids in the first range.
    pub count: u32,
    /// `i_mode` of the executable.
    pub mode: u16,
    /// 1 if no name of the executable is left (`i_nlink` is 0).
    pub unlinked: u16,
}

const _: () = assert!(size_of::<Identity>() == 72);
