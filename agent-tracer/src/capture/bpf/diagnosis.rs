//! Explains a refusal of the kernel, with a remedy. The kernel's own answers are error numbers, and
//! their meaning depends on the kernel.

use std::{fs, io::ErrorKind};

use aya::{EbpfError, maps::MapError};

use super::{attach::chain, btf::BtfError, hook::Hook, plan::Choice};
use crate::capture::error::CaptureError;

/// The first kernel with a BPF ring buffer.
const FLOOR: (u32, u32) = (5, 8);

/// Facts for the interpretation of an error number.
pub(in crate::capture) struct Kernel {
    /// `uname -r`. It may mislead: distributions port parts of newer kernels back, and setarch(8)
    /// changes it.
    pub(super) release: String,
    /// The active `lockdown` mode, where the kernel shows it.
    pub(in crate::capture) lockdown: Option<String>,
}

impl Kernel {
    /// Reads the facts of the running kernel.
    pub(in crate::capture) fn running(release: String) -> Kernel {
        Kernel {
            release,
            lockdown: lockdown(),
        }
    }

    /// Returns true if the release is too old by its number.
    pub(in crate::capture) fn is_said_to_be_old(&self) -> bool {
        let mut numbers = self
            .release
            .split(|character: char| !character.is_ascii_digit())
            .map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < FLOOR,
            _ => false,
        }
    }

    fn is_confidential(&self) -> bool {
        self.lockdown.as_deref() == Some("confidentiality")
    }

    fn too_old(self, lacks: &'static str) -> CaptureError {
        CaptureError::TooOld {
            release: self.release,
            lacks,
        }
    }

    /// Explains a failure to read the kernel's types.
    pub(super) fn without_types(self, error: BtfError) -> CaptureError {
        match error {
            BtfError::Missing if self.is_said_to_be_old() => self.too_old("BTF"),
            BtfError::Missing | BtfError::Unreadable(_) => error.into(),
        }
    }

    /// Explains a failure to create the maps.
    pub(super) fn without_maps(self, error: &EbpfError) -> CaptureError {
        if let EbpfError::MapError(MapError::CreateError { name, io_error }) = error
            && io_error.kind() == ErrorKind::InvalidInput
        {
            // An unknown type of map.
            let is_ring = ["EVENTS", "AYA_LOGS"].contains(&name.as_str());
            if is_ring || self.is_said_to_be_old() {
                return self.too_old("BPF ring buffer");
            }
        }
        CaptureError::NoBpf(chain(error))
    }

    /// Explains a failure of a hook that follows processes.
    pub(super) fn without_hook(self, choice: &Choice) -> CaptureError {
        if self.is_confidential() {
            return CaptureError::LockedDown;
        }
        let error = match choice.failures.last() {
            Some(failure) => failure.error.clone(),
            None => "the kernel's BTF lacks members that it needs".to_owned(),
        };
        // Helpers are missing only under lockdown. Here, the kernel did not show its mode.
        if error.contains("bpf_probe_read") || error.contains("unknown func") {
            return CaptureError::LockedDown;
        }
        let hook: Hook = choice.fact.hooks()[0];
        CaptureError::Essential {
            fact: choice.fact.describe(),
            hook,
            error,
        }
    }
}

/// Reads the active mode: the one in brackets of `none [integrity] confidentiality`, see
/// kernel_lockdown(7).
fn lockdown() -> Option<String> {
    let modes = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let (_, rest) = modes.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::capture::{Fact, HookFailure};

    fn kernel(release: &str, lockdown: Option<&str>) -> Kernel {
        Kernel {
            release: release.to_owned(),
            lockdown: lockdown.map(str::to_owned),
        }
    }

    fn no_map(name: &str, error: i32) -> EbpfError {
        EbpfError::MapError(MapError::CreateError {
            name: name.to_owned(),
            io_error: io::Error::from_raw_os_error(error),
        })
    }

    #[test]
    fn releases_are_compared_by_number() {
        for (release, is_old) in [
            ("4.18.0-553.el8_10.x86_64", true),
            ("5.4.0-150-generic", true),
            ("5.7.19", true),
            ("5.8.0", false),
            ("5.10.0-30-amd64", false),
            ("6.1.0", false),
            ("2.6.78", true),
            ("unheard of", false),
        ] {
            assert_eq!(
                kernel(release, None).is_said_to_be_old(),
                is_old,
                "{release}"
            );
        }
    }

    #[test]
    fn a_kernel_without_a_ring_buffer_is_too_old_whatever_it_says() {
        for release in ["5.4.0-150-generic", "6.1.0"] {
            let said = kernel(release, None).without_maps(&no_map("EVENTS", 22));
            let said = said.to_string();
            assert!(said.contains(release), "{said}");
            assert!(
                said.contains("ring buffer") && said.contains("5.8"),
                "{said}"
            );
        }
        let said = kernel("6.1.0", None).without_maps(&no_map("EVENTS", 1));
        assert!(said.to_string().contains("seccomp"), "{said}");
    }

    #[test]
    fn an_old_kernel_without_types_is_old_first() {
        let said = kernel("4.15.0", None).without_types(BtfError::Missing);
        assert!(said.to_string().contains("5.8"), "{said}");
        let said = kernel("6.1.0", None).without_types(BtfError::Missing);
        assert!(said.to_string().contains("CONFIG_DEBUG_INFO_BTF"), "{said}");
    }

    #[test]
    fn lockdown_is_named_even_where_it_is_not_shown() {
        let refused = |error: &str| Choice {
            caveat: None,
            fact: Fact::Fork,
            hook: None,
            failures: vec![HookFailure {
                hook: Hook::SchedProcessFork,
                error: error.to_owned(),
            }],
        };
        for (lockdown, error) in [
            (Some("confidentiality"), "Invalid argument"),
            (None, "unknown func bpf_probe_read_kernel#113"),
        ] {
            let said = kernel("6.1.0", lockdown).without_hook(&refused(error));
            assert!(said.to_string().contains("lockdown=integrity"), "{said}");
        }
        let said = kernel("6.1.0", Some("integrity")).without_hook(&refused("no memory"));
        assert!(said.to_string().contains("no memory"), "{said}");
    }
}
