//! Drops the capabilities that a recorder does not need once its hooks are attached.
//! `privileges` checks those that it needs before.

use rustix::{
    io,
    thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs},
};

/// A capability that a recorder keeps.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    set: CapabilitySet,
    /// Its name, as in capabilities(7).
    pub name: &'static str,
    /// Its purpose.
    pub purpose: &'static str,
    /// True if it is always effective, false if it is raised only when needed.
    pub is_in_force: bool,
}

/// All kept capabilities. Those that load and attach programs are not among them.
pub const KEPT: [Kept; 9] = [
    Kept {
        set: CapabilitySet::DAC_READ_SEARCH,
        name: "CAP_DAC_READ_SEARCH",
        purpose: "finds files by their handles, and reads those of all users",
        is_in_force: true,
    },
    Kept {
        set: CapabilitySet::SYS_PTRACE,
        name: "CAP_SYS_PTRACE",
        purpose: "reads executables and descriptors of processes below /proc",
        is_in_force: true,
    },
    Kept {
        set: CapabilitySet::SYS_ADMIN,
        name: "CAP_SYS_ADMIN",
        purpose: "watches file systems as a whole, and reads settings that are root's",
        is_in_force: true,
    },
    Kept {
        set: CapabilitySet::BPF,
        name: "CAP_BPF",
        purpose: "reads the maps of the eBPF programs, before Linux 5.19",
        is_in_force: true,
    },
    Kept {
        set: CapabilitySet::NET_ADMIN,
        name: "CAP_NET_ADMIN",
        purpose: "lists rules of the firewall",
        is_in_force: true,
    },
    Kept {
        set: CapabilitySet::KILL,
        name: "CAP_KILL",
        purpose: "passes signals on to a command of another user",
        is_in_force: true,
    },
    Kept {
        set: CapabilitySet::DAC_OVERRIDE,
        name: "CAP_DAC_OVERRIDE",
        purpose: "saves a trace that was removed, in a directory of another user",
        is_in_force: false,
    },
    Kept {
        set: CapabilitySet::CHOWN,
        name: "CAP_CHOWN",
        purpose: "gives such a trace to the caller of sudo",
        is_in_force: false,
    },
    Kept {
        set: CapabilitySet::FOWNER,
        name: "CAP_FOWNER",
        purpose: "makes a trace private again whose mode was changed",
        is_in_force: false,
    },
];

/// Drops all others from the calling thread and its later threads, also across an exec. If the
/// kernel refuses, nothing changes.
pub fn reduce() {
    // Otherwise an exec by root would regain all capabilities.
    let _ = set_no_new_privs(true);
    let _ = limit(|kept| kept.is_in_force);
}

/// Raises those that are kept for the end of a recording while `act` runs.
pub fn with_reserve<T>(act: impl FnOnce() -> T) -> T {
    let _ = limit(|_| true);
    let done = act();
    let _ = limit(|kept| kept.is_in_force);
    done
}

fn limit(is_wanted: impl Fn(&Kept) -> bool) -> io::Result<()> {
    let sum = |is_wanted: &dyn Fn(&Kept) -> bool| {
        let sets = KEPT.iter().filter(|kept| is_wanted(kept));
        sets.fold(CapabilitySet::empty(), |sum, kept| sum | kept.set)
    };
    let permitted = capabilities(None)?.permitted & sum(&|_| true);
    set_capabilities(
        None,
        CapabilitySets {
            effective: permitted & sum(&is_wanted),
            permitted,
            inheritable: CapabilitySet::empty(),
        },
    )
}
