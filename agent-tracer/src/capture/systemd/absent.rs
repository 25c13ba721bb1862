//! Stands for systemd in a build that does not speak D-Bus.

use super::{Lists, UnitsError, is_asked};
use crate::event::{Event, Units};

/// An empty queue; there is never one.
pub enum UnitWatch {}

impl UnitWatch {
    /// Returns `None` where systemd is not PID 1.
    ///
    /// # Errors
    ///
    /// systemd runs, and this build cannot ask it.
    #[expect(
        clippy::unused_async,
        reason = "the build with D-Bus waits for answers"
    )]
    pub async fn start() -> Result<Option<(Units, UnitWatch)>, UnitsError> {
        match is_asked() {
            true => Err(UnitsError::LeftOut),
            false => Ok(None),
        }
    }

    /// Asks again for the loaded units.
    pub fn loaded_now(&self) -> impl Future<Output = Option<Units>> + use<> {
        match *self {}
        #[expect(unreachable_code, reason = "a future needs a type")]
        std::future::ready(None)
    }

    /// Returns the next queued event, if it is older than a time.
    pub fn take_before(&mut self, _boot_ns: u64) -> Option<Event> {
        match *self {}
    }
}

/// Returns `None` where systemd is not PID 1.
pub(in crate::capture) fn lists() -> Option<Result<Lists, UnitsError>> {
    is_asked().then_some(Err(UnitsError::LeftOut))
}
