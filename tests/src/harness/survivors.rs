//! Actors that outlive their command, and that only this module ends.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Actors that stay alive until this is dropped.
pub(crate) struct Survivors {
    pids: Vec<u64>,
}

impl Survivors {
    pub(crate) fn new(pids: impl Iterator<Item = u64>) -> Survivors {
        Survivors {
            pids: pids.collect(),
        }
    }
}

impl Drop for Survivors {
    fn drop(&mut self) {
        let own = std::env::current_exe().ok();
        for pid in &self.pids {
            // The process has another parent, so its number may be reused by now.
            let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
            let number = i32::try_from(*pid).ok().filter(|_| program == own);
            if let Some(number) = number {
                let _ = kill(Pid::from_raw(number), Signal::SIGKILL);
            }
        }
    }
}
