//! Why there can be no recording here, each with what to do about it. What the kernel answered is put into these words by
//! `refusal`.

use super::{btf::BtfError, hook::Hook, privileges::Unprivileged};

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The privileges are missing.
    #[error(transparent)]
    Unprivileged(#[from] Unprivileged),
    /// The kernel's types are not known.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// The kernel does not have what came with Linux 5.8.
    #[error(
        "this kernel, Linux {release}, has no {lacks}: tracer needs Linux 5.8 or newer, with BTF"
    )]
    TooOld {
        /// `uname -r`.
        release: String,
        /// What was found missing.
        lacks: &'static str,
    },
    /// Nobody may read kernel memory.
    #[error(
        "the kernel is locked down for confidentiality, which keeps BPF from reading its memory: boot it with lockdown=integrity, or without lockdown="
    )]
    LockedDown,
    /// The kernel, or the container around it, does not let anybody use BPF.
    #[error(
        "this kernel does not let root use BPF ({0}): check that it has CONFIG_BPF_SYSCALL, and, in a container, that its seccomp profile allows bpf(2), as --privileged does"
    )]
    NoBpf(String),
    /// What the recorder looks processes up in is not there.
    #[error("cannot read /proc: it is empty, or not mounted\nhint: mount -t proc proc /proc")]
    NoProc,
    /// There are too few of them.
    #[error(
        "cannot open enough files: {error} (the limit is {limit})\n\
         hint: raise it: ulimit -n 1024; the kernel's own is fs.file-max"
    )]
    Descriptors {
        /// What the system said.
        error: std::io::Error,
        /// `RLIMIT_NOFILE`.
        limit: u64,
    },
    /// What follows processes cannot be hooked.
    #[error("cannot hook {fact} ({hook}): {error}. Run `tracer doctor` for the whole picture")]
    Essential {
        /// What would be missing.
        fact: &'static str,
        /// Where.
        hook: Hook,
        /// What the kernel said.
        error: String,
    },
    /// The programs are loaded, but the way back from them does not open.
    #[error("cannot read from the eBPF programs: {0}")]
    Channel(String),
}
