//! Identifies the executable of a process, and the process's view of the machine.

use agent_tracer_ebpf::{Identity, NO_OFFSET};

use crate::{kernel::Object, maps::setting, task::network_namespace};

/// Reads the identity. No read has a branch, which would cost an older verifier much.
#[inline(always)]
pub fn identify(task: Object, fs: Object, file: Object) -> Identity {
    let inode = Object(file.word(setting!(file_inode)));
    let superblock = Object(inode.word(setting!(inode_superblock)));
    let file_mount = Object(file.inner(setting!(file_path)).word(setting!(path_mnt)));
    let file_namespace = Object(mount(file_mount).word(setting!(mount_namespace)));
    let namespaces = Object(task.word(setting!(task_nsproxy)));
    let namespace = Object(namespaces.word(setting!(nsproxy_mount_namespace)));
    let credentials = Object(task.word(setting!(task_cred)));
    let users = Object(credentials.word(setting!(cred_user_namespace)));
    // `struct uid_gid_extent`: three words, first, lower_first and count.
    let range = users.inner(setting!(user_namespace_ranges));
    let root = fs.inner(setting!(fs_root));
    let root_dentry = Object(root.word(setting!(path_dentry)));
    let root_mount = mount(Object(root.word(setting!(path_mnt))));
    Identity {
        inode: inode.word(setting!(inode_number)),
        root_inode: Object(root_dentry.word(setting!(dentry_inode))).word(setting!(inode_number)),
        device: superblock.number(setting!(superblock_device)),
        user: inode.number(setting!(inode_user)),
        group: inode.number(setting!(inode_group)),
        root_mount: root_mount.number(setting!(mount_id)),
        file_namespace: file_namespace.number(setting!(mount_namespace_inum)),
        mount_namespace: namespace.number(setting!(mount_namespace_inum)),
        user_namespace: users.number(setting!(user_namespace_inum)),
        pid_namespace: pid_namespace(task),
        network_namespace: network_namespace(task),
        ranges: users.number(setting!(user_namespace_range_count)),
        inner: range.number(0),
        outer: range.number(4),
        count: range.number(8),
        mode: inode.number(setting!(inode_mode)) as u16,
        unlinked: unlinked(inode),
    }
}

/// Returns the inode number of the innermost PID namespace of a process.
#[inline(always)]
fn pid_namespace(task: Object) -> u32 {
    let pid = Object(task.word(setting!(task_thread_pid)));
    let level = pid.number(setting!(pid_level));
    let numbers = u64::from(setting!(pid_numbers)) + u64::from(level * setting!(upid_size));
    let number = Object(pid.0.wrapping_add(numbers));
    Object(number.word(setting!(upid_ns))).number(setting!(pid_namespace_inum))
}

/// Returns 1 if no name of a file is left.
#[inline(always)]
fn unlinked(inode: Object) -> u16 {
    match setting!(inode_links) {
        NO_OFFSET => 0,
        offset => u16::from(inode.number(offset) == 0),
    }
}

/// Returns the `struct mount` around a `struct vfsmount`.
#[inline(always)]
fn mount(inner: Object) -> Object {
    Object(inner.0.wrapping_sub(u64::from(setting!(mount_vfsmount))))
}
