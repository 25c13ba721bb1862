//! Declares the settings that the loader puts into the programs. Each is named after its member of
//! a struct.

use crate::NO_OFFSET;

/// Offsets of fields in the running kernel's structs, in bytes, or [`NO_OFFSET`]. The loader sets
/// them before it loads the programs.
#[derive(Clone, Copy)]
#[repr(C)]
#[expect(
    missing_docs,
    reason = "each field is named after the struct and member it locates"
)]
pub struct Settings {
    /// Inode number of the loader's PID namespace, 0 for the initial one.
    pub pid_namespace: u32,
    /// 1 when `tcp_connect` itself is hooked, so that the change to SYN_SENT is not needed.
    pub connect_is_hooked: u32,
    pub task_pid: u32,
    pub task_tgid: u32,
    pub task_group_leader: u32,
    pub task_start_boottime: u32,
    pub task_comm: u32,
    pub task_cred: u32,
    pub task_signal: u32,
    pub task_exit_code: u32,
    pub task_mm: u32,
    pub task_fs: u32,
    pub task_thread_pid: u32,
    pub task_real_parent: u32,
    pub task_login_user: u32,
    pub cred_euid: u32,
    pub cred_uid: u32,
    pub cred_permitted: u32,
    pub cred_ambient: u32,
    pub signal_live: u32,
    pub signal_flags: u32,
    pub signal_group_exit_code: u32,
    pub pid_level: u32,
    pub pid_numbers: u32,
    pub upid_size: u32,
    pub upid_nr: u32,
    pub upid_ns: u32,
    pub pid_namespace_inum: u32,
    pub mm_arg_start: u32,
    pub mm_arg_end: u32,
    pub mm_exe_file: u32,
    pub binprm_filename: u32,
    pub binprm_interp: u32,
    pub file_path: u32,
    pub path_mnt: u32,
    pub path_dentry: u32,
    pub fs_root: u32,
    pub fs_pwd: u32,
    pub dentry_parent: u32,
    pub dentry_name: u32,
    pub vfsmount_root: u32,
    pub mount_vfsmount: u32,
    pub mount_parent: u32,
    pub mount_mountpoint: u32,
    pub task_cgroups: u32,
    pub css_set_unified: u32,
    pub cgroup_node: u32,
    pub kernfs_node_name: u32,
    pub kernfs_node_parent: u32,
    pub cgroup_root: u32,
    pub cgroup_root_hierarchy_id: u32,
    pub cgroup_root_name: u32,
    pub file_inode: u32,
    pub inode_number: u32,
    pub inode_superblock: u32,
    pub inode_user: u32,
    pub inode_group: u32,
    pub inode_mode: u32,
    pub inode_links: u32,
    pub superblock_device: u32,
    pub dentry_inode: u32,
    pub mount_id: u32,
    pub mount_namespace: u32,
    pub mount_namespace_inum: u32,
    pub task_nsproxy: u32,
    pub nsproxy_mount_namespace: u32,
    pub nsproxy_network_namespace: u32,
    pub cred_user_namespace: u32,
    pub user_namespace_inum: u32,
    pub user_namespace_ranges: u32,
    pub user_namespace_range_count: u32,
    pub sock_family: u32,
    pub sock_network: u32,
    pub network_namespace_inum: u32,
    pub sock_socket: u32,
    pub sock_peer_pid: u32,
    pub socket_alloc_inode: u32,
    pub unix_sock_peer: u32,
    pub unix_sock_address: u32,
    pub unix_address_length: u32,
    pub unix_address_name: u32,
    pub sock_remote_port: u32,
    pub sock_local_port: u32,
    pub sock_remote_v4: u32,
    pub sock_local_v4: u32,
    pub sock_remote_v6: u32,
    pub sock_local_v6: u32,
    pub sock_protocol: u32,
    pub sock_error: u32,
    pub sock_flags: u32,
    pub sock_cookie: u32,
    pub tcp_bytes_sent: u32,
    pub tcp_bytes_retransmitted: u32,
    pub tcp_bytes_received: u32,
    pub flowi4_destination: u32,
    pub flowi6_destination: u32,
    pub fib6_result_type: u32,
    pub fib6_result_info: u32,
    pub net_fib6_null_entry: u32,
    /// The first argument of a function, in the registers at its entry.
    pub registers_first: u32,
    pub registers_second: u32,
    pub registers_third: u32,
    pub registers_fourth: u32,
    /// The result of a function, at its return.
    pub registers_result: u32,
    /// The number of a system call.
    pub registers_call: u32,
    /// The first argument of a system call. The others are where functions have theirs.
    pub registers_call_first: u32,
    /// The number of socket(2).
    pub socket_call: u32,
}

impl Settings {
    /// Settings without any offset.
    pub const UNKNOWN: Settings = {
        // SAFETY: the struct is made of u32 alone, of which every bit pattern is a value.
        let mut unknown: Settings =
            unsafe { core::mem::transmute([NO_OFFSET; size_of::<Settings>() / 4]) };
        unknown.pid_namespace = 0;
        unknown.connect_is_hooked = 0;
        unknown
    };

    /// Returns the settings for the loader: one word a field, in this order.
    pub fn words(self) -> [u32; size_of::<Settings>() / 4] {
        // SAFETY: the struct is made of u32 alone.
        unsafe { core::mem::transmute(self) }
    }
}
