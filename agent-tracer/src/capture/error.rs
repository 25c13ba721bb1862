//! Lists the reasons that make a recording impossible, each with its remedy. `bpf/diagnosis`
//! translates the kernel's answers into these errors.

use super::{
    bpf::{Hook, btf::BtfError},
    privileges::Unprivileged,
};

/// Reasons that make a recording impossible.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The privileges are missing.
    #[error(transparent)]
    Unprivileged(#[from] Unprivileged),
    /// The kernel's types are unknown.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// The kernel lacks a feature of Linux 5.8.
    #[error(
        "cannot record on this kernel: Linux {release} has no {lacks}\n\
         hint: use Linux 5.8 or newer, with BTF"
    )]
    TooOld {
        /// `uname -r`.
        release: String,
        /// The missing feature.
        lacks: &'static str,
    },
    /// Lockdown forbids every read of kernel memory.
    #[error(
        "cannot read kernel memory: the kernel is locked down for confidentiality\n\
         hint: boot it with lockdown=integrity, or without lockdown="
    )]
    LockedDown,
    /// The kernel, or the container around it, forbids the use of BPF.
    #[error(
        "cannot use BPF as root: {0}\n\
         hint: check that the kernel has CONFIG_BPF_SYSCALL and, in a container, that its seccomp \
         profile allows bpf(2), as --privileged does"
    )]
    NoBpf(String),
    /// /proc is empty, so no process can be looked up.
    #[error("cannot read /proc: it is empty, or not mounted\nhint: mount -t proc proc /proc")]
    NoProc,
    /// The limit of file descriptors is too low.
    #[error(
        "cannot open enough files: {error} (the limit is {limit})\n\
         hint: raise it: ulimit -n 1024; the kernel's own is fs.file-max"
    )]
    Descriptors {
        /// The answer of the system.
        error: std::io::Error,
        /// `RLIMIT_NOFILE`.
        limit: u64,
    },
    /// The hooks that follow processes cannot be attached.
    #[error("cannot hook {fact} ({hook}): {error}\nhint: see `tracer doctor` for all hooks")]
    Essential {
        /// The facts that would be missing.
        fact: &'static str,
        /// The hook that failed.
        hook: Hook,
        /// The kernel's answer.
        error: String,
    },
    /// The programs are loaded, but the channel from them does not open.
    #[error("cannot read from the eBPF programs: {0}")]
    Channel(String),
}
