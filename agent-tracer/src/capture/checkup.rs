//! Finds out what this kernel and these privileges allow: attaches the hooks, and detaches them.

use std::path::Path;

use super::{
    bpf::{Capture, Choice, Fact, Hook, Plan, Wishes, btf::VMLINUX, diagnosis::Kernel},
    error::CaptureError,
    files::{FileWatch, Roots},
    observe::{HostFacts, host_facts},
    privileges::{self, Unprivileged},
    sockets,
    systemd::UnitWatch,
};

/// The findings.
pub struct Checkup {
    /// The machine.
    pub host: HostFacts,
    /// True if the release is too old by its number. The plan has the result of the attempt.
    pub is_said_to_be_old: bool,
    /// The result of the check for privileges.
    pub privileges: Result<(), Unprivileged>,
    /// True if the kernel describes its own types.
    pub has_btf: bool,
    /// The active `lockdown` mode, where the kernel shows it.
    pub lockdown: Option<String>,
    /// The hooks that a recording would use, or the reason against a recording.
    pub plan: Result<Plan, CaptureError>,
    /// The hooks, with the number of instructions that the verifier processed, if known.
    pub verified_instructions: Vec<(Hook, Option<u32>)>,
}

impl Checkup {
    /// Checks the machine, and tries all hooks.
    pub fn take() -> Checkup {
        let (plan, verified_instructions) = match Capture::start(Wishes::default()) {
            Ok(mut capture) => {
                capture.add_choice(FileWatch::start_or_explain(&Roots::usual()).1);
                for choice in sockets::earlier_sockets().1 {
                    capture.add_choice(choice);
                }
                if let Some(choice) = units() {
                    capture.add_choice(choice);
                }
                (Ok(capture.plan().clone()), capture.verified_instructions())
            }
            Err(error) => (Err(error), Vec::new()),
        };
        let host = host_facts();
        let kernel = Kernel::running(host.kernel_release.clone());
        Checkup {
            host,
            is_said_to_be_old: kernel.is_said_to_be_old(),
            privileges: privileges::check(),
            has_btf: Path::new(VMLINUX).exists(),
            lockdown: kernel.lockdown,
            plan,
            verified_instructions,
        }
    }

    /// Returns true if a recording is possible.
    pub fn can_record(&self) -> bool {
        self.plan.is_ok()
    }
}

/// Tries to watch systemd; `None` on a machine without it.
fn units() -> Option<Choice> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let started = match runtime {
        Ok(runtime) => match runtime.block_on(UnitWatch::start()) {
            Ok(None) => return None,
            Ok(Some(_)) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        Err(error) => Err(error.to_string()),
    };
    Some(Choice::watched(Fact::Units, Hook::Systemd, started))
}
