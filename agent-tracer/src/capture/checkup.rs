//! What this kernel and these privileges offer, found out by trying: the hooks are attached
//! and let go again. It words no advice but what it measured.

use std::{fs, path::Path};

use super::{
    btf::VMLINUX,
    files::FileWatch,
    load::{Capture, CaptureError},
    observe::{HostFacts, host_facts},
    plan::{Choice, Fact, Hook, Plan},
    units::UnitWatch,
};

/// What was found.
pub struct Checkup {
    /// The machine.
    pub host: HostFacts,
    /// Whether the recorder runs as root.
    pub is_root: bool,
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
                capture.add_choice(FileWatch::settle().1);
                if let Some(choice) = units() {
                    capture.add_choice(choice);
                }
                (Ok(capture.plan().clone()), capture.verified_instructions())
            }
            Err(error) => (Err(error), Vec::new()),
        };
        Checkup {
            host: host_facts(),
            is_root: nix::unistd::geteuid().is_root(),
            has_btf: Path::new(VMLINUX).exists(),
            lockdown: lockdown(),
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

/// `none [integrity] confidentiality`: the one in brackets, see kernel_lockdown(7).
fn lockdown() -> Option<String> {
    let modes = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let (_, rest) = modes.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}
