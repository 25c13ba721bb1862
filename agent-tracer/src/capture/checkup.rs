//! What this kernel and these privileges offer, found out by trying: the hooks are attached
//! and let go again. It words no advice but what it measured.

use std::path::Path;

use super::{
    bpf::{Capture, Choice, Fact, Hook, Plan, btf::VMLINUX, diagnosis::Kernel},
    error::CaptureError,
    files::{FileWatch, Roots},
    observe::{HostFacts, host_facts},
    privileges::{self, Unprivileged},
    sockets,
    systemd::UnitWatch,
};

/// What was found.
pub struct Checkup {
    /// The machine.
    pub host: HostFacts,
    /// Whether it is said to be older than what is needed; what was tried says whether it is.
    pub is_said_to_be_old: bool,
    /// Whether the recorder may use BPF.
    pub privileges: Result<(), Unprivileged>,
    /// Whether the kernel describes its own types.
    pub has_btf: bool,
    /// The `lockdown` mode in force, where the kernel tells it.
    pub lockdown: Option<String>,
    /// The hooks that a recording would use, or why there can be none.
    pub plan: Result<Plan, CaptureError>,
    /// The programs, with how many instructions the verifier went through, where the kernel tells.
    pub verified_instructions: Vec<(Hook, Option<u32>)>,
}

impl Checkup {
    /// Looks, and tries all hooks.
    pub fn take() -> Checkup {
        let (plan, verified_instructions) = match Capture::start() {
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

    /// Whether a recording is possible.
    pub fn can_record(&self) -> bool {
        self.plan.is_ok()
    }
}

/// Whether systemd tells; nothing where there is none.
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
