//! Finds out if the recorder of a trace still runs, on the machine of the recording.

use agent_tracer::trace::Header;

/// True if the recorder was a process of this boot and PID namespace, and no longer is. False if
/// that is unknown.
#[cfg(target_os = "linux")]
pub(super) fn is_gone(header: &Header) -> bool {
    use std::{fs, os::unix::fs::MetadataExt, path::Path};
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let is_this_boot = boot_id.is_ok_and(|id| id.trim() == header.boot_id);
    let namespace = fs::metadata("/proc/self/ns/pid").map(|file| file.ino());
    let is_this_namespace = namespace.is_ok_and(|inode| inode == header.pid_namespace);
    // With hidepid, processes of other users have no directory.
    let sees_others = Path::new("/proc/1/stat").exists();
    let process = format!("/proc/{}", header.recorder_pid);
    header.recorder_pid != 0
        && is_this_boot
        && is_this_namespace
        && sees_others
        && !Path::new(&process).exists()
}

/// Elsewhere there are no recorders.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_gone(_header: &Header) -> bool {
    false
}
