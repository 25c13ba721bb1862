//! Kernel parameters that one sets with another: whoever lets a machine forward packets has set one, and several differ.

use super::{Change, Kind};

/// Sets, in the kernel, forwarding for all devices and for those to come, and accepting redirects to its opposite.
const FORWARD: &[u8] = b"net.ipv4.ip_forward";

/// The changes, with what follows from forwarding in its own row.
pub(super) fn folded(changes: Vec<Change<'_>>) -> Vec<Change<'_>> {
    let is_sysctl = |change: &&Change<'_>| change.kind == Kind::Sysctl && change.what == FORWARD;
    let Some(forward) = changes.iter().find(is_sysctl) else {
        return changes;
    };
    let (same, opposite) = match forward.detail.as_str() {
        "0 → 1" => ("0 → 1", "1 → 0"),
        "1 → 0" => ("1 → 0", "0 → 1"),
        _ => return changes,
    };
    let follows = |change: &Change<'_>| {
        let is_of_device = change.what.starts_with(b"net.ipv4.conf.");
        let is_forwarding = is_of_device && change.what.ends_with(b".forwarding");
        let is_redirects = change.what == b"net.ipv4.conf.all.accept_redirects";
        is_forwarding && change.detail == same || is_redirects && change.detail == opposite
    };
    let (following, mut others): (Vec<Change<'_>>, Vec<Change<'_>>) =
        changes.into_iter().partition(follows);
    let count = following.len();
    if let Some(forward) = others.iter_mut().find(|change| change.what == FORWARD)
        && count > 0
    {
        forward
            .detail
            .push_str(&format!(", and {count} that follow"));
        // Forwarding of all devices sets this one as well.
        if forward.author.is_none()
            && let Some(named) = following.iter().find(|change| change.author.is_some())
        {
            forward.author = named.author;
            forward.is_inferred = named.is_inferred;
        }
    }
    others
}

#[cfg(test)]
mod tests {
    use super::{Change, Kind, folded};
    use crate::view::changes::Action;

    fn changes(all: &[(&str, &str)]) -> Vec<String> {
        let change = |(what, detail): &(&str, &str)| Change {
            detail: (*detail).to_owned(),
            ..Change::new(Kind::Sysctl, Action::Changed, *what)
        };
        let told = folded(all.iter().map(change).collect());
        let text = |change: &Change<'_>| {
            let what = String::from_utf8_lossy(&change.what);
            format!("{what}: {}", change.detail)
        };
        told.iter().map(text).collect()
    }

    #[test]
    fn what_follows_from_forwarding() {
        let told = changes(&[
            ("net.ipv4.conf.all.accept_redirects", "1 → 0"),
            ("net.ipv4.conf.all.forwarding", "0 → 1"),
            ("net.ipv4.conf.all.mc_forwarding", "0 → 1"),
            ("net.ipv4.conf.eth0.forwarding", "0 → 1"),
            ("net.ipv4.conf.eth1.forwarding", "1 → 0"),
            ("net.ipv4.ip_forward", "0 → 1"),
        ]);
        assert_eq!(
            told,
            [
                "net.ipv4.conf.all.mc_forwarding: 0 → 1",
                "net.ipv4.conf.eth1.forwarding: 1 → 0",
                "net.ipv4.ip_forward: 0 → 1, and 3 that follow",
            ]
        );
        let alone = changes(&[("net.ipv4.conf.eth0.forwarding", "0 → 1")]);
        assert_eq!(alone, ["net.ipv4.conf.eth0.forwarding: 0 → 1"]);
    }
}
