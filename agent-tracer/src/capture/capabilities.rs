//! Drops the capabilities that a recorder does not need once its hooks are attached.
//! `privileges` checks those that it needs before.

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs,
};

/// A capability that a recorder keeps.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    set: CapabilitySet,
    /// Its name, as in capabilities(7).
    pub name: &'static str,
    /// Its purpose.
    pub purpose: &'static str,
    /// The time in which it is effective.
    pub during: During,
}

/// Times in which a kept capability is effective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum During {
    /// The whole recording.
    Recording,
    /// The look at the kernel's parameters, on the thread that reads them.
    Parameters,
    /// The publication of the trace.
    Publication,
}

impl Kept {
    /// True if it is effective all the time.
    pub fn is_in_force(&self) -> bool {
        self.during == During::Recording
    }
}

/// All kept capabilities. Those that load and attach programs are not among them.
pub const KEPT: [Kept; 10] = [
    Kept {
        set: CapabilitySet::DAC_READ_SEARCH,
        name: "CAP_DAC_READ_SEARCH",
        purpose: "finds files by their handles, and reads those of all users",
        during: During::Recording,
    },
    Kept {
        set: CapabilitySet::SYS_PTRACE,
        name: "CAP_SYS_PTRACE",
        purpose: "reads executables and descriptors of processes below /proc",
        during: During::Recording,
    },
    Kept {
        set: CapabilitySet::SYS_ADMIN,
        name: "CAP_SYS_ADMIN",
        purpose: "watches file systems as a whole, and reads settings that are root's",
        during: During::Recording,
    },
    Kept {
        set: CapabilitySet::BPF,
        name: "CAP_BPF",
        purpose: "reads the maps of the eBPF programs, before Linux 5.19",
        during: During::Recording,
    },
    Kept {
        set: CapabilitySet::NET_ADMIN,
        name: "CAP_NET_ADMIN",
        purpose: "lists rules of the firewall",
        during: During::Recording,
    },
    Kept {
        set: CapabilitySet::KILL,
        name: "CAP_KILL",
        purpose: "passes signals on to a command of another user",
        during: During::Recording,
    },
    Kept {
        set: CapabilitySet::MAC_ADMIN,
        name: "CAP_MAC_ADMIN",
        purpose: "reads kernel parameters of AppArmor at the end, as at the start",
        during: During::Parameters,
    },
    Kept {
        set: CapabilitySet::DAC_OVERRIDE,
        name: "CAP_DAC_OVERRIDE",
        purpose: "saves a trace that was removed, in a directory of another user",
        during: During::Publication,
    },
    Kept {
        set: CapabilitySet::CHOWN,
        name: "CAP_CHOWN",
        purpose: "gives such a trace to the caller of sudo",
        during: During::Publication,
    },
    Kept {
        set: CapabilitySet::FOWNER,
        name: "CAP_FOWNER",
        purpose: "makes a trace private again whose mode was changed",
        during: During::Publication,
    },
];

/// Drops all others from the calling thread and its later threads, also across an exec. If the
/// kernel refuses, nothing changes.
pub fn reduce() {
    // Otherwise an exec by root would regain all capabilities.
    let _ = set_no_new_privs(true);
    let Ok(before) = capabilities(None) else {
        return;
    };
    let permitted = before.permitted & sum(|_| true);
    let reduced = CapabilitySets {
        effective: permitted & sum(Kept::is_in_force),
        permitted,
        inheritable: CapabilitySet::empty(),
    };
    let _ = set_capabilities(None, reduced);
}

/// Raises what is kept for a time while `act` runs on this thread.
pub fn with_reserve<T>(during: During, act: impl FnOnce() -> T) -> T {
    let Ok(before) = capabilities(None) else {
        return act();
    };
    let reserve = sum(|kept| kept.during == during);
    let raised = CapabilitySets {
        effective: before.effective | (before.permitted & reserve),
        ..before
    };
    let _ = set_capabilities(None, raised);
    let done = act();
    let _ = set_capabilities(None, before);
    done
}

fn sum(is_wanted: impl Fn(&Kept) -> bool) -> CapabilitySet {
    let sets = KEPT.iter().filter(|kept| is_wanted(kept));
    sets.fold(CapabilitySet::empty(), |sum, kept| sum | kept.set)
}
