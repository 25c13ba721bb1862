//! Finds the fields of the running kernel's structs in its BTF. It only names the missing ones; the
//! plan decides on the facts that need them.

mod registers;
mod table;

use std::{fs, io::ErrorKind};

use agent_tracer_ebpf::{NO_OFFSET, Settings};

use table::Table;

/// The file of the kernel's own BTF.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// The offsets of fields, and the names of the missing ones.
pub struct Fields {
    /// Offsets, ready for the programs.
    pub settings: Settings,
    /// `struct.member` of each field that this kernel does not have.
    pub missing: Vec<String>,
    /// The number of the function `tcp_connect` among the kernel's types, if it is there.
    pub tcp_connect: Option<u32>,
}

/// Reasons why the BTF could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The kernel has none.
    #[error(
        "cannot record on this kernel: it has no BTF ({VMLINUX} is missing)\n\
         hint: use a kernel with CONFIG_DEBUG_INFO_BTF=y, as all major distributions do"
    )]
    Missing,
    /// It is not of a known form.
    #[error("cannot read the kernel's BTF in {VMLINUX}: {0}")]
    Unreadable(String),
}

/// Reads all fields that the programs use.
pub fn read() -> Result<Fields, BtfError> {
    // As a whole: the file cannot be mapped before Linux 6.16.
    let bytes = fs::read(VMLINUX).map_err(|error| match error.kind() {
        ErrorKind::NotFound => BtfError::Missing,
        _ => BtfError::Unreadable(error.to_string()),
    })?;
    let types = Table::of(&bytes).map_err(BtfError::Unreadable)?;
    let mut search = Search {
        types: &types,
        missing: Vec::new(),
    };
    let settings = Settings {
        task_pid: search.offset("task_struct", "pid"),
        task_tgid: search.offset("task_struct", "tgid"),
        task_group_leader: search.offset("task_struct", "group_leader"),
        task_start_boottime: search.either("task_struct", &["start_boottime", "real_start_time"]),
        task_comm: search.offset("task_struct", "comm"),
        task_cred: search.offset("task_struct", "cred"),
        task_signal: search.offset("task_struct", "signal"),
        task_exit_code: search.offset("task_struct", "exit_code"),
        task_mm: search.offset("task_struct", "mm"),
        task_fs: search.offset("task_struct", "fs"),
        task_thread_pid: search.offset("task_struct", "thread_pid"),
        task_real_parent: search.offset("task_struct", "real_parent"),
        // Absent without CONFIG_AUDIT, where no login is recorded either.
        task_login_user: types.offset("task_struct", "loginuid").unwrap_or(NO_OFFSET),
        cred_euid: search.offset("cred", "euid"),
        cred_uid: search.offset("cred", "uid"),
        cred_permitted: search.offset("cred", "cap_permitted"),
        cred_ambient: search.offset("cred", "cap_ambient"),
        signal_live: search.offset("signal_struct", "live"),
        signal_flags: search.offset("signal_struct", "flags"),
        signal_group_exit_code: search.offset("signal_struct", "group_exit_code"),
        pid_level: search.offset("pid", "level"),
        pid_numbers: search.offset("pid", "numbers"),
        upid_size: search.size("upid"),
        upid_nr: search.offset("upid", "nr"),
        upid_ns: search.offset("upid", "ns"),
        pid_namespace_inum: search.offset("pid_namespace", "ns.inum"),
        mm_arg_start: search.offset("mm_struct", "arg_start"),
        mm_arg_end: search.offset("mm_struct", "arg_end"),
        mm_exe_file: search.offset("mm_struct", "exe_file"),
        binprm_filename: search.offset("linux_binprm", "filename"),
        binprm_interp: search.offset("linux_binprm", "interp"),
        file_path: search.either("file", &["f_path", "__f_path"]),
        path_mnt: search.offset("path", "mnt"),
        path_dentry: search.offset("path", "dentry"),
        fs_root: search.offset("fs_struct", "root"),
        fs_pwd: search.offset("fs_struct", "pwd"),
        dentry_parent: search.offset("dentry", "d_parent"),
        dentry_name: search.either("dentry", &["d_name.name", "__d_name.name"]),
        vfsmount_root: search.offset("vfsmount", "mnt_root"),
        mount_vfsmount: search.offset("mount", "mnt"),
        mount_parent: search.offset("mount", "mnt_parent"),
        mount_mountpoint: search.offset("mount", "mnt_mountpoint"),
        task_cgroups: search.offset("task_struct", "cgroups"),
        css_set_unified: search.offset("css_set", "dfl_cgrp"),
        cgroup_node: search.offset("cgroup", "kn"),
        kernfs_node_name: search.offset("kernfs_node", "name"),
        kernfs_node_parent: search.either("kernfs_node", &["__parent", "parent"]),
        cgroup_root: search.offset("cgroup", "root"),
        cgroup_root_hierarchy_id: search.offset("cgroup_root", "hierarchy_id"),
        cgroup_root_name: search.offset("cgroup_root", "name"),
        file_inode: search.offset("file", "f_inode"),
        inode_number: search.offset("inode", "i_ino"),
        inode_superblock: search.offset("inode", "i_sb"),
        inode_user: search.offset("inode", "i_uid"),
        inode_group: search.offset("inode", "i_gid"),
        // In an anonymous union.
        inode_links: types
            .offset("inode", "i_nlink")
            .or_else(|| types.offset("inode", "__i_nlink"))
            .unwrap_or(NO_OFFSET),
        inode_mode: search.offset("inode", "i_mode"),
        superblock_device: search.offset("super_block", "s_dev"),
        dentry_inode: search.offset("dentry", "d_inode"),
        mount_id: search.offset("mount", "mnt_id"),
        mount_namespace: search.offset("mount", "mnt_ns"),
        mount_namespace_inum: search.offset("mnt_namespace", "ns.inum"),
        task_nsproxy: search.offset("task_struct", "nsproxy"),
        nsproxy_mount_namespace: search.offset("nsproxy", "mnt_ns"),
        nsproxy_network_namespace: search.offset("nsproxy", "net_ns"),
        cred_user_namespace: search.offset("cred", "user_ns"),
        user_namespace_inum: search.offset("user_namespace", "ns.inum"),
        user_namespace_ranges: search.offset("user_namespace", "uid_map.extent"),
        user_namespace_range_count: search.offset("user_namespace", "uid_map.nr_extents"),
        sock_network: search.offset("sock", "__sk_common.skc_net.net"),
        network_namespace_inum: search.offset("net", "ns.inum"),
        sock_socket: search.offset("sock", "sk_socket"),
        sock_peer_pid: search.offset("sock", "sk_peer_pid"),
        socket_alloc_inode: search.offset("socket_alloc", "vfs_inode"),
        unix_sock_peer: search.offset("unix_sock", "peer"),
        unix_sock_address: search.offset("unix_sock", "addr"),
        unix_address_length: search.offset("unix_address", "len"),
        unix_address_name: search.offset("unix_address", "name"),
        sock_family: search.offset("sock", "__sk_common.skc_family"),
        sock_remote_port: search.offset("sock", "__sk_common.skc_dport"),
        sock_local_port: search.offset("inet_sock", "inet_sport"),
        sock_remote_v4: search.offset("sock", "__sk_common.skc_daddr"),
        sock_local_v4: search.offset("inet_sock", "inet_saddr"),
        sock_remote_v6: search.offset("sock", "__sk_common.skc_v6_daddr"),
        sock_local_v6: search.offset("sock", "__sk_common.skc_v6_rcv_saddr"),
        sock_protocol: search.offset("sock", "sk_protocol"),
        sock_error: search.offset("sock", "sk_err"),
        sock_flags: search.offset("sock", "__sk_common.skc_flags"),
        sock_cookie: search.offset("sock", "__sk_common.skc_cookie"),
        tcp_bytes_sent: search.offset("tcp_sock", "bytes_sent"),
        tcp_bytes_retransmitted: search.offset("tcp_sock", "bytes_retrans"),
        tcp_bytes_received: search.offset("tcp_sock", "bytes_received"),
        flowi4_destination: search.offset("flowi4", "daddr"),
        flowi6_destination: search.offset("flowi6", "daddr"),
        fib6_result_type: search.offset("fib6_result", "fib6_type"),
        fib6_result_info: search.offset("fib6_result", "f6i"),
        net_fib6_null_entry: search.offset("net", "ipv6.fib6_null_entry"),
        ..registers::find(&mut search)
    };
    Ok(Fields {
        settings,
        missing: search.missing,
        tcp_connect: types.function("tcp_connect"),
    })
}

struct Search<'a> {
    types: &'a Table<'a>,
    missing: Vec<String>,
}

impl Search<'_> {
    fn offset(&mut self, name: &str, path: &str) -> u32 {
        self.either(name, &[path])
    }

    /// Finds a member that has had several names over time.
    fn either(&mut self, name: &str, paths: &[&str]) -> u32 {
        let found = paths.iter().find_map(|path| self.types.offset(name, path));
        found.unwrap_or_else(|| {
            self.missing.push(format!("{name}.{}", paths.join(" or ")));
            agent_tracer_ebpf::NO_OFFSET
        })
    }

    fn size(&mut self, name: &str) -> u32 {
        self.types.size(name).unwrap_or_else(|| {
            self.missing.push(format!("size of {name}"));
            agent_tracer_ebpf::NO_OFFSET
        })
    }
}
