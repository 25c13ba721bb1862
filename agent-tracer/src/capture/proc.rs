//! Parses text tables of the running system: mounts and host names. It interprets no entry.

pub(in crate::capture) mod hosts;
pub(in crate::capture) mod mounts;

pub use hosts::HostsFile;
