//! Opens the private parsers of this room to fuzzing.

use std::path::Path;

use super::files::crontab;

/// Reads a cron table by the kind that its path gives it.
pub(crate) fn cron_commands(path: &Path, bytes: &[u8]) {
    if let Some(kind) = crontab::table_kind(path) {
        crontab::commands(bytes, kind);
    }
}

/// Reads mountinfo.
pub(crate) fn mounts(bytes: &[u8]) {
    for mount in super::proc::mounts::mounts(bytes) {
        mount.has_option(b"nfs_export");
    }
}
