//! Folds kernel parameters that follow from another into its row.

use super::{Change, Facts, Kind};

/// The parameter by which the kernel sets forwarding for all devices, and the opposite for
/// accepting redirects.
const FORWARD: &[u8] = b"net.ipv4.ip_forward";

/// A value before and after.
type Values<'a> = (&'a [u8], &'a [u8]);

/// Folds the parameters that follow from forwarding into its row.
pub(super) fn folded(changes: Vec<Change<'_>>) -> Vec<Change<'_>> {
    const ON: Values<'_> = (b"0", b"1");
    const OFF: Values<'_> = (b"1", b"0");
    let is_sysctl = |change: &&Change<'_>| change.kind == Kind::Sysctl && change.what == FORWARD;
    let Some(forward) = changes.iter().find(is_sysctl) else {
        return changes;
    };
    let (same, opposite) = match values(forward) {
        Some(ON) => (ON, OFF),
        Some(OFF) => (OFF, ON),
        Some(_) | None => return changes,
    };
    let follows = |change: &Change<'_>| {
        let is_of_device = change.what.starts_with(b"net.ipv4.conf.");
        let is_forwarding = is_of_device && change.what.ends_with(b".forwarding");
        let is_redirects = change.what == b"net.ipv4.conf.all.accept_redirects";
        let values = values(change);
        is_forwarding && values == Some(same) || is_redirects && values == Some(opposite)
    };
    let (following, mut others): (Vec<Change<'_>>, Vec<Change<'_>>) =
        changes.into_iter().partition(follows);
    let count = following.len();
    if let Some(forward) = others.iter_mut().find(|change| change.what == FORWARD)
        && let Facts::Entry { followed_by, .. } = &mut forward.facts
        && count > 0
    {
        *followed_by = count;
        // `conf.all.forwarding` sets this one as well.
        if forward.author.is_none()
            && let Some(named) = following.iter().find(|change| change.author.is_some())
        {
            forward.author = named.author;
            forward.is_inferred = named.is_inferred;
        }
    }
    others
}

fn values<'a>(change: &Change<'a>) -> Option<Values<'a>> {
    let Facts::Entry { difference, .. } = change.facts else {
        return None;
    };
    difference
        .before
        .as_deref()
        .zip(difference.after.as_deref())
}

#[cfg(test)]
mod tests {
    use super::{Change, Facts, Kind, folded};
    use crate::{event::Difference, findings::Action};

    fn changes(all: &[(&str, &str)]) -> Vec<(String, usize)> {
        let differences: Vec<Difference> = all
            .iter()
            .map(|(name, values)| {
                let (before, after) = values.split_once(" → ").expect("two values");
                Difference {
                    name: name.as_bytes().to_vec(),
                    before: Some(before.into()),
                    after: Some(after.into()),
                    origin: None,
                }
            })
            .collect();
        let changes = differences.iter().map(|difference| {
            let facts = Facts::Entry {
                difference,
                followed_by: 0,
            };
            let name = difference.name.clone();
            Change::new(Kind::Sysctl, Action::Changed, name, facts)
        });
        let left = folded(changes.collect());
        let row = |change: &Change<'_>| {
            let what = String::from_utf8_lossy(&change.what).into_owned();
            match change.facts {
                Facts::Entry { followed_by, .. } => (what, followed_by),
                _ => (what, 0),
            }
        };
        left.iter().map(row).collect()
    }

    #[test]
    fn what_follows_from_forwarding() {
        let left = changes(&[
            ("net.ipv4.conf.all.accept_redirects", "1 → 0"),
            ("net.ipv4.conf.all.forwarding", "0 → 1"),
            ("net.ipv4.conf.all.mc_forwarding", "0 → 1"),
            ("net.ipv4.conf.eth0.forwarding", "0 → 1"),
            ("net.ipv4.conf.eth1.forwarding", "1 → 0"),
            ("net.ipv4.ip_forward", "0 → 1"),
        ]);
        assert_eq!(
            left,
            [
                ("net.ipv4.conf.all.mc_forwarding".to_owned(), 0),
                ("net.ipv4.conf.eth1.forwarding".to_owned(), 0),
                ("net.ipv4.ip_forward".to_owned(), 3),
            ]
        );
        let alone = changes(&[("net.ipv4.conf.eth0.forwarding", "0 → 1")]);
        assert_eq!(alone, [("net.ipv4.conf.eth0.forwarding".to_owned(), 0)]);
    }
}
