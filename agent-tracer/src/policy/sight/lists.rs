//! Names the lists that are compared before and after a recording.

use std::collections::BTreeMap;

use crate::{
    event::Subject as List,
    findings::Kind,
    model::{Caveat, Missing, Model, NotCompared},
};

/// The lists that are compared before and after, by their names in a policy.
pub const COMPARED: [&str; 10] = [
    "user", "group", "dpkg", "rpm", "unit", "file", "module", "sysctl", "firewall", "mount",
];

/// Returns the lists any of which shows changes of a kind.
pub(in crate::policy) fn compared_as(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Service => &["unit", "file"],
        Kind::User => &["user"],
        Kind::Group => &["group"],
        Kind::Package => &["dpkg", "rpm"],
        Kind::File | Kind::Cron => &["file"],
        Kind::Module => &["module"],
        Kind::Sysctl => &["sysctl"],
        Kind::Firewall => &["firewall"],
        Kind::Mount => &["mount"],
        // Processes are seen by their forks.
        Kind::Process | Kind::Listener | Kind::Destination | Kind::Program | Kind::Download => &[],
    }
}

/// Returns the name of a list in a policy.
fn list_name(list: List) -> Option<&'static str> {
    Some(match list {
        List::Users => "user",
        List::Groups => "group",
        List::DebianPackages => "dpkg",
        List::RpmPackages => "rpm",
        List::Modules => "module",
        List::Sysctls => "sysctl",
        List::Firewall => "firewall",
        List::UnitFiles | List::Units => "unit",
        List::Mounts => "mount",
        List::Unknown => return None,
    })
}

const LISTS: [List; 10] = [
    List::Users,
    List::Groups,
    List::DebianPackages,
    List::RpmPackages,
    List::UnitFiles,
    List::Units,
    List::Modules,
    List::Sysctls,
    List::Firewall,
    List::Mounts,
];

/// Lists all that was compared, at least in part.
pub(super) fn compared(model: &Model) -> Vec<&'static str> {
    let lists = LISTS
        .into_iter()
        .filter(|list| model.list_was_compared(*list));
    let mut compared: Vec<&'static str> = lists.filter_map(list_name).collect();
    if model.files_were_compared() {
        compared.push("file");
    }
    compared
}

/// Lists all that was not compared, or in part only, with the reason where one is known.
pub(super) fn not_whole(model: &Model) -> BTreeMap<&'static str, String> {
    let lists = LISTS
        .into_iter()
        .filter(|list| !model.list_was_compared(*list));
    let lists = lists.filter_map(list_name);
    let mut reasons: BTreeMap<&'static str, String> =
        lists.map(|list| (list, String::new())).collect();
    let ledger = model.ledger();
    let from_start = ledger.caveats().iter().filter_map(|caveat| match caveat {
        Caveat::NotCompared(what) => Some(what),
        Caveat::Hook(_) => None,
    });
    let missing = ledger.missing().into_iter();
    let at_end = missing.filter_map(|missing| match missing {
        Missing::NotCompared(what) => Some(what),
        Missing::Fact(_)
        | Missing::Lost(..)
        | Missing::Truncated(..)
        | Missing::UnseenForks(_)
        | Missing::KernelLog(..)
        | Missing::Gap(_)
        | Missing::UnknownEvents(_) => None,
    });
    for NotCompared { subject, problem } in from_start.chain(at_end) {
        let list = subject.map_or(Some("file"), list_name);
        if let Some(list) = list {
            reasons.insert(list, problem.clone());
        }
    }
    reasons
}
