//! Checks that this process may use BPF, before it tries. The kernel's own answer would be
//! "operation not permitted" for every missing privilege.

use std::{fs, os::unix::fs::MetadataExt};

/// Inode number of the initial user namespace (`PROC_USER_INIT_INO`).
const INITIAL_USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// Capabilities by their numbers, see capability.h of Linux.
const SYS_ADMIN: u32 = 21;
/// Capabilities that replace CAP_SYS_ADMIN for BPF, since Linux 5.8.
const IN_ITS_PLACE: [(u32, &str); 2] = [(39, "CAP_BPF"), (38, "CAP_PERFMON")];

/// Reasons why a process may not use BPF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unprivileged {
    /// A user other than root.
    #[error("cannot load eBPF programs: that needs root\nhint: run it with sudo")]
    NotRoot,
    /// Root by number only.
    #[error(
        "cannot load eBPF programs: root of a user namespace, as in a rootless container, has no \
         CAP_BPF on the machine\n\
         hint: run it outside of the namespace, or in a container that the machine's root starts \
         with --privileged"
    )]
    UserNamespace,
    /// Root, without some of its usual capabilities.
    #[error(
        "cannot load eBPF programs: root lacks {} here\n\
         hint: start the container with {} (or --privileged), or the service with a wider \
         CapabilityBoundingSet=",
        .0.join(" and "),
        docker_options(.0)
    )]
    Capabilities(Vec<&'static str>),
}

/// Lists the options that give capabilities to a container.
fn docker_options(capabilities: &[&str]) -> String {
    let options = capabilities.iter().map(|name| {
        let name = name.trim_start_matches("CAP_");
        format!("--cap-add {name}")
    });
    options.collect::<Vec<_>>().join(" ")
}

/// Checks user, user namespace and capabilities.
///
/// # Errors
///
/// One of them does not allow BPF.
pub fn check() -> Result<(), Unprivileged> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Unprivileged::NotRoot);
    }
    if fs::metadata("/proc/self/ns/user").is_ok_and(|found| found.ino() != INITIAL_USER_NAMESPACE) {
        return Err(Unprivileged::UserNamespace);
    }
    // Without /proc, an attempt shows it.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    match effective(&status).map(missing) {
        Some(missing) if !missing.is_empty() => Err(Unprivileged::Capabilities(missing)),
        Some(_) | None => Ok(()),
    }
}

fn effective(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn missing(effective: u64) -> Vec<&'static str> {
    let has = |capability: u32| effective >> capability & 1 == 1;
    if has(SYS_ADMIN) {
        return Vec::new();
    }
    IN_ITS_PLACE
        .iter()
        .filter(|(capability, _)| !has(*capability))
        .map(|(_, name)| *name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_has_a_name() {
        let all = effective("Name:\tit\nCapPrm:\t0\nCapEff:\t000001ffffffffff\n");
        let all = all.expect("a set");
        assert!(missing(all).is_empty());
        let without = |names: &[u32]| {
            let set = names.iter().fold(all, |set, name| set & !(1 << name));
            missing(set)
        };
        assert!(without(&[21]).is_empty(), "two do in the place of one");
        assert!(without(&[38, 39]).is_empty(), "and one in the place of two");
        assert_eq!(without(&[21, 38]), ["CAP_PERFMON"]);
        assert_eq!(without(&[21, 38, 39]), ["CAP_BPF", "CAP_PERFMON"]);
        let said = Unprivileged::Capabilities(without(&[21, 38, 39])).to_string();
        assert!(said.contains("CAP_BPF and CAP_PERFMON"), "{said}");
        assert!(said.contains("--cap-add BPF --cap-add PERFMON"), "{said}");
    }
}
