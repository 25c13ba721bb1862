//! Reads /proc: text tables of the running system, and facts of one process. It interprets nothing.

pub(in crate::capture) mod hosts;
pub(in crate::capture) mod mounts;
pub(in crate::capture) mod process;

pub use hosts::HostsFile;
