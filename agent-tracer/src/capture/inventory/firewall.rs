//! Rules of the firewall, as the kernel itself lists them: nf_tables over netlink, iptables' older kind by getsockopt(2).
//! Only what the kernel has already is asked for: to ask for more would have it load modules, by a program.

mod attributes;
mod field;
mod legacy;
mod netlink;
mod rule;
mod ruleset;
mod set;
mod statement;
mod value;
mod verdict;

use std::{fs, path::Path, sync::OnceLock};

use super::snapshot::Snapshot;

/// Rules, each after where it is; no value.
pub(super) fn snapshot() -> Option<Snapshot> {
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    let has_nf_tables = may_have_nf_tables();
    if has_nf_tables {
        match ruleset::rules() {
            Ok(found) => rules.extend(found),
            Err(error) => problems.push(format!("cannot list rules of nf_tables: {error}")),
        }
    }
    let mut is_used = false;
    for family in legacy::FAMILIES {
        match family.rules() {
            Ok(None) => {}
            Ok(Some(found)) => {
                is_used = true;
                rules.extend(found);
            }
            Err(problem) => {
                is_used = true;
                problems.push(problem);
            }
        }
    }
    if !has_nf_tables && !is_used {
        return None;
    }
    let mut snapshot = Snapshot::of(rules.into_iter().map(|rule| (rule, Vec::new())));
    for problem in problems {
        snapshot.add_problem(problem);
    }
    Some(snapshot)
}

/// Checks that the kernel has nf_tables, so that it need not load it for being asked.
fn may_have_nf_tables() -> bool {
    // What is built in is known from a file that a command may write. So it is read once, before.
    static BUILT_IN: OnceLock<bool> = OnceLock::new();
    let is_built_in = *BUILT_IN.get_or_init(|| is_built_in("nf_tables"));
    is_built_in || Path::new("/sys/module/nf_tables").is_dir()
}

/// Checks whether a module is part of the kernel. A kernel that loads none may have it.
fn is_built_in(module: &str) -> bool {
    match fs::exists("/proc/modules") {
        Ok(true) => {}
        Ok(false) => return true,
        Err(_) => return false,
    }
    let Ok(names) = nix::sys::utsname::uname() else {
        return false;
    };
    let list = Path::new("/lib/modules")
        .join(names.release())
        .join("modules.builtin");
    const LIMIT: u64 = 4 << 20;
    match super::snapshot::read(&list, LIMIT) {
        Ok(Some(paths)) => {
            let name = format!("/{module}.ko");
            paths.windows(name.len()).any(|it| it == name.as_bytes())
        }
        // In a container there are none of these files, and the module is in /sys if it is used.
        Ok(None) | Err(_) => false,
    }
}
