//! Lists rules of the firewall, as the kernel has them: nf_tables over netlink, iptables' older
//! kind by getsockopt(2). It asks only for loaded parts of the kernel, since the kernel loads
//! modules by a program.

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

/// Lists rules, each after its place, without values.
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

/// Checks that nf_tables is loaded, so that the kernel need not load it for an answer.
fn may_have_nf_tables() -> bool {
    // The list of built-in modules is a file that a command may write, so it is read once, before.
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
        // A container has no such file, and a used module is in /sys.
        Ok(None) | Err(_) => false,
    }
}
