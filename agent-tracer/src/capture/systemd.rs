//! Units of systemd: those that are loaded, their files, and events of them. A build without the
//! feature `units` has none, and says so where systemd is PID 1.

#[cfg(not(feature = "units"))]
mod absent;
#[cfg(feature = "units")]
mod bus;
#[cfg(feature = "units")]
mod lists;
#[cfg(feature = "units")]
mod stamp;
#[cfg(feature = "units")]
mod translator;

use std::path::Path;

#[cfg(not(feature = "units"))]
pub use absent::UnitWatch;
#[cfg(not(feature = "units"))]
pub(super) use absent::lists;
#[cfg(feature = "units")]
pub use bus::UnitWatch;
#[cfg(feature = "units")]
pub(super) use lists::lists;

use super::bpf::Hook;

/// Exists where systemd is PID 1, see sd_booted(3).
const BOOTED: &str = "/run/systemd/system";

/// Reasons for missing units.
#[derive(Debug, thiserror::Error)]
pub enum UnitsError {
    /// systemd refuses, or its answer has an unknown form.
    #[cfg(feature = "units")]
    #[error("{0}")]
    Refused(#[from] zbus::Error),
    /// systemd does not answer.
    #[cfg(feature = "units")]
    #[error("systemd does not answer")]
    Silent,
    /// Nothing in this build speaks D-Bus.
    #[cfg(not(feature = "units"))]
    #[error("tracer was built without the feature `units`")]
    LeftOut,
}

/// A unit that is loaded.
pub(super) struct ListedUnit {
    pub(super) name: String,
    /// `active`, `inactive`, `failed` …
    pub(super) active: String,
    /// The state in terms of its kind: `running`, `exited`, `waiting` …
    pub(super) sub: String,
}

/// Both lists.
pub(super) struct Lists {
    /// Paths of unit files, and `enabled`, `disabled` and so on.
    pub(super) files: Vec<(String, String)>,
    pub(super) units: Vec<ListedUnit>,
}

/// True where systemd is PID 1, and shall be asked.
fn is_asked() -> bool {
    Path::new(BOOTED).is_dir() && !Hook::Systemd.is_left_out()
}
