//! Rules of the firewall, by the programs that list them: nft(8), and iptables-save(8) for what iptables' older kind has in
//! the kernel. Which programs are asked depends on what the kernel has: asking would otherwise load modules.

mod nft;
mod tables;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    look::{Look, read},
    program::{self, Limits},
};

const LIMITS: Limits = Limits {
    time: Duration::from_secs(2),
    bytes: 4 << 20,
};

/// Tables of iptables' older kind that are in use, one a line.
const OLD: [(&str, &str); 2] = [
    ("iptables", "/proc/self/net/ip_tables_names"),
    ("ip6tables", "/proc/self/net/ip6_tables_names"),
];

/// Rules, each after where it is; no value.
pub(super) fn look() -> Option<Look> {
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    let has_nf_tables = may_have("nf_tables");
    if has_nf_tables {
        match list_nf_tables() {
            Ok(found) => rules.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    let mut is_used = false;
    for (family, names) in OLD {
        if read(Path::new(names), LIMITS.bytes)
            .is_ok_and(|names| names.is_none_or(|names| names.is_empty()))
        {
            continue;
        }
        is_used = true;
        match list_old(family) {
            Ok(found) => rules.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    if !has_nf_tables && !is_used {
        return None;
    }
    let mut look = Look::of(rules.into_iter().map(|rule| (rule, Vec::new())));
    for problem in problems {
        look.hinder(problem);
    }
    Some(look)
}

/// Whether the kernel has a module in it. Where it is unknown, it has.
fn may_have(module: &str) -> bool {
    if Path::new("/sys/module").join(module).is_dir() || !Path::new("/proc/modules").exists() {
        return true;
    }
    let Ok(names) = nix::sys::utsname::uname() else {
        return true;
    };
    let built_in = Path::new("/lib/modules")
        .join(names.release())
        .join("modules.builtin");
    // In a container there are none of these files.
    fs::read_to_string(built_in)
        .map_or_else(|_| true, |paths| paths.contains(&format!("/{module}.ko")))
}

fn list_nf_tables() -> Result<Vec<Vec<u8>>, String> {
    if let Some(nft) = program::find("nft") {
        // Without what changes by itself: counters, quotas that are used up, times that are left.
        let text = program::output(&nft, &["-s", "list", "ruleset"], LIMITS)?;
        return Ok(nft::rules(&text));
    }
    let mut rules = Vec::new();
    for (family, _) in OLD {
        let names = [format!("{family}-nft-save"), format!("{family}-save")];
        let save = names
            .iter()
            .filter_map(|name| program::find(name))
            .find(|path| is_for_nf_tables(path))
            .ok_or("there is no nft to list rules of nf_tables")?;
        rules.extend(tables::rules(family, &program::output(&save, &[], LIMITS)?));
    }
    Ok(rules)
}

fn list_old(family: &str) -> Result<Vec<Vec<u8>>, String> {
    let names = [format!("{family}-legacy-save"), format!("{family}-save")];
    let save: PathBuf = names
        .iter()
        .filter_map(|name| program::find(name))
        .find(|path| !is_for_nf_tables(path))
        .ok_or_else(|| {
            format!("there is no {family}-legacy-save to list rules of the older kind")
        })?;
    Ok(tables::rules(family, &program::output(&save, &[], LIMITS)?))
}

/// `iptables-save` is a link to the program of either kind.
fn is_for_nf_tables(program: &Path) -> bool {
    fs::canonicalize(program).is_ok_and(|path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().contains("nft")
    })
}

#[cfg(test)]
mod tests {
    use super::may_have;

    #[test]
    fn modules_that_are_there() {
        // Either it has modules, and none of this name, or it is not known.
        let has_list = std::path::Path::new("/proc/modules").exists();
        if !has_list {
            assert!(may_have("no_such_module"));
        }
    }
}
