//! Units of a systemd that runs: which is started by whom.

use std::path::Path;

use crate::harness::Test;

/// Why a test is skipped where there is none.
pub(crate) const NOT: &str = "systemd is not PID 1";

/// Whether systemd starts the units here; the way sd_booted(3) tells.
pub(crate) fn is_manager() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

pub(crate) fn tests() -> Vec<Test> {
    Vec::new()
}
