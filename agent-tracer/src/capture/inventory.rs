//! Takes snapshots of the machine, and compares two: users, packages, units, rules of the firewall
//! and so on. It changes nothing, and names no author. Files are the subject of `files`.

mod accounts;
mod firewall;
mod kernel;
mod origins;
mod packages;
mod rpm;
mod snapshot;
mod sysctl;
mod unit_files;
mod units;

use std::{collections::BTreeMap, thread};

use crate::event::{Compared, Difference, Subject};
use snapshot::{PackedSnapshot, Snapshot};

/// Limits of one event, which readers hold as a whole.
const DIFFERENCES: usize = 500;
const BYTES: usize = 256 << 10;

/// Snapshots of all subjects at one time. A subject that this machine lacks, such as packages of
/// rpm, has none.
#[derive(Default)]
pub struct Inventory {
    snapshots: BTreeMap<Subject, Snapshot>,
}

/// An inventory in less memory, until it is compared.
pub struct PackedInventory {
    snapshots: BTreeMap<Subject, PackedSnapshot>,
}

/// Snapshots of several subjects.
type Snapshots = Vec<(Subject, Snapshot)>;

/// A function with the subjects of its snapshots.
type Task = (&'static [Subject], fn() -> Snapshots);

/// The tasks of an inventory, each on a thread of its own: most of the time is spent waiting for
/// disks and systemd.
const TASKS: [Task; 5] = [
    (
        &[
            Subject::Users,
            Subject::Groups,
            Subject::DebianPackages,
            Subject::Modules,
            Subject::Mounts,
        ],
        files,
    ),
    (&[Subject::Sysctls], || {
        found([(Subject::Sysctls, sysctl::snapshot())])
    }),
    (&[Subject::RpmPackages], || {
        found([(Subject::RpmPackages, rpm::snapshot())])
    }),
    (&[Subject::Firewall], || {
        found([(Subject::Firewall, firewall::snapshot())])
    }),
    (&[Subject::UnitFiles, Subject::Units], units::snapshots),
];

fn files() -> Snapshots {
    found([
        (Subject::Users, accounts::users()),
        (Subject::Groups, accounts::groups()),
        (Subject::DebianPackages, packages::dpkg()),
        (Subject::Modules, kernel::modules()),
        (Subject::Mounts, kernel::mounts()),
    ])
}

fn found<const N: usize>(snapshots: [(Subject, Option<Snapshot>); N]) -> Snapshots {
    let all = snapshots.into_iter();
    all.filter_map(|(subject, snapshot)| Some((subject, snapshot?)))
        .collect()
}

impl Inventory {
    /// Takes all snapshots, in some 30 ms. It runs no program: a recorded command may have replaced
    /// it.
    pub fn take() -> Inventory {
        let mut snapshots = BTreeMap::new();
        thread::scope(|scope| {
            let begun = TASKS.map(|(subjects, task)| {
                let begun = thread::Builder::new()
                    .name("tracer".to_owned())
                    .spawn_scoped(scope, task);
                (subjects, task, begun)
            });
            for (subjects, task, begun) in begun {
                let seen = match begun {
                    Ok(begun) => begun.join(),
                    Err(_) => Ok(task()),
                };
                snapshots.extend(seen.unwrap_or_else(|_| {
                    let failed = Snapshot::failed("reading it failed: this is a bug".to_owned());
                    let all = subjects.iter();
                    all.map(|subject| (*subject, failed.clone())).collect()
                }));
            }
        });
        Inventory { snapshots }
    }

    /// Packs the inventory into a tenth of its memory.
    pub fn pack(self) -> PackedInventory {
        let snapshots = self.snapshots.into_iter();
        PackedInventory {
            snapshots: snapshots
                .map(|(subject, snapshot)| (subject, snapshot.pack()))
                .collect(),
        }
    }

    /// Returns the differences by subject, with at least one event for each.
    pub fn compare(&self, later: &Inventory) -> Vec<Compared> {
        let nothing = Snapshot::default();
        let mut subjects: Vec<Subject> = self
            .snapshots
            .keys()
            .chain(later.snapshots.keys())
            .copied()
            .collect();
        subjects.sort();
        subjects.dedup();
        let mut events = Vec::new();
        for subject in subjects {
            // rpm itself may have been installed meanwhile: a missing subject had no entries.
            let before = self.snapshots.get(&subject).unwrap_or(&nothing);
            let after = later.snapshots.get(&subject).unwrap_or(&nothing);
            let (mut differences, problem) = before.compare(after);
            if subject == Subject::Sysctls {
                differences.retain(|it| sysctl::is_significant(it, before, after));
            }
            let first = events.len();
            events.extend(in_parts(subject, differences));
            if let Some(first) = events.get_mut(first) {
                first.entries = after.entries.len() as u64;
                first.problem_from_start = !problem.is_empty() && before.problem == after.problem;
                first.problem = problem;
            }
        }
        events
    }
}

impl PackedInventory {
    /// Compares it with the present state, and finds the origins of new packages.
    pub fn compare_now(&self) -> Vec<Compared> {
        let mut parts = self.unpack().compare(&Inventory::take());
        let packages = parts.iter_mut();
        let packages = packages.filter(|part| part.subject() == Subject::DebianPackages);
        origins::add(packages.flat_map(|part| &mut part.differences));
        parts
    }

    /// Unpacks the inventory.
    pub fn unpack(&self) -> Inventory {
        let snapshots = self.snapshots.iter();
        Inventory {
            snapshots: snapshots
                .map(|(subject, snapshot)| (*subject, snapshot.unpack()))
                .collect(),
        }
    }
}

/// Splits differences into events of limited size, at least one.
fn in_parts(subject: Subject, differences: Vec<Difference>) -> Vec<Compared> {
    let part = || Compared {
        subject: subject.into(),
        ..Compared::default()
    };
    let mut parts = vec![part()];
    let mut bytes = 0;
    for difference in differences {
        let size = size(&difference);
        let is_full = parts
            .last()
            .is_some_and(|last| last.differences.len() >= DIFFERENCES || bytes + size > BYTES);
        if is_full {
            parts.push(part());
            bytes = 0;
        }
        bytes += size;
        if let Some(last) = parts.last_mut() {
            last.differences.push(difference);
        }
    }
    parts
}

fn size(difference: &Difference) -> usize {
    let values = [&difference.before, &difference.after];
    let values = values.into_iter().flatten().map(Vec::len);
    difference.name.len() + values.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::{BYTES, DIFFERENCES, Inventory, Snapshot, size};
    use crate::event::{Compared, Difference, Subject};

    fn inventory(
        subject: Subject,
        entries: BTreeMap<Vec<u8>, Vec<u8>>,
        problem: &str,
    ) -> Inventory {
        let snapshot = Snapshot {
            entries,
            problem: problem.to_owned(),
        };
        Inventory {
            snapshots: BTreeMap::from([(subject, snapshot)]),
        }
    }

    fn entries(names: std::ops::Range<usize>, value: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
        names
            .map(|number| (format!("{number:05}").into_bytes(), value.to_vec()))
            .collect()
    }

    #[test]
    fn this_machine_does_not_differ_from_itself() {
        let now = Inventory::take();
        for compared in now.compare(&now) {
            assert_eq!(compared.differences, [], "{:?}", compared.subject());
        }
        assert!(now.snapshots.contains_key(&Subject::Mounts));
        assert!(now.snapshots.contains_key(&Subject::Sysctls));
    }

    #[test]
    fn many_come_in_several() {
        let none = inventory(Subject::Mounts, BTreeMap::new(), "");
        let many = inventory(Subject::Mounts, entries(0..1234, b"x"), "");
        let compared: Vec<(u64, usize)> = none
            .compare(&many)
            .iter()
            .map(|compared| (compared.entries, compared.differences.len()))
            .collect();
        assert_eq!(compared, [(1234, DIFFERENCES), (0, DIFFERENCES), (0, 234)]);
        let long = inventory(Subject::Mounts, entries(0..300, &[b'x'; 4096]), "");
        let compared = none.compare(&long);
        assert!(compared.len() > 4, "{}", compared.len());
        for part in &compared {
            assert!(part.differences.iter().map(size).sum::<usize>() <= BYTES);
        }
        let all: usize = compared.iter().map(|part| part.differences.len()).sum();
        assert_eq!(all, 300);
        assert_eq!(
            many.compare(&many),
            [Compared {
                subject: Subject::Mounts.into(),
                entries: 1234,
                ..Compared::default()
            }]
        );
    }

    #[test]
    fn what_was_not_there_had_nothing() {
        let packages = inventory(Subject::RpmPackages, entries(0..2, b"1"), "");
        let compared = Inventory::default().compare(&packages);
        assert_eq!(compared.len(), 1);
        assert_eq!((compared[0].entries, compared[0].differences.len()), (2, 2));
        assert_eq!(Inventory::default().compare(&Inventory::default()), []);
    }

    #[test]
    fn half_a_look_is_compared_only_with_the_same_half() {
        let whole = inventory(Subject::Firewall, entries(0..9, b""), "");
        let part = |count| inventory(Subject::Firewall, entries(0..count, b""), "no program");
        let compared = whole.compare(&part(3));
        assert_eq!((compared[0].entries, compared[0].differences.len()), (3, 0));
        assert_eq!(compared[0].problem, "at the end: no program");
        assert!(!compared[0].problem_from_start);
        let compared = part(3).compare(&whole);
        assert_eq!(compared[0].problem, "at the start: no program");
        let compared = part(3).compare(&part(4));
        assert_eq!((compared[0].entries, compared[0].differences.len()), (4, 1));
        assert_eq!(compared[0].problem, "no program");
        assert!(compared[0].problem_from_start);
    }

    fn some() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
        let word = || prop::collection::vec(any::<u8>(), 0..3);
        prop::collection::btree_map(word(), word(), 0..40)
    }

    proptest! {
        #[test]
        fn exactly_the_symmetric_difference(before in some(), after in some()) {
            let one = inventory(Subject::Users, before.clone(), "");
            let other = inventory(Subject::Users, after.clone(), "");
            prop_assert_eq!(&one.pack().unpack().snapshots[&Subject::Users].entries, &before);
            let one = inventory(Subject::Users, before.clone(), "");
            prop_assert!(one.compare(&one).iter().all(|compared| compared.differences.is_empty()));
            let compared: Vec<Difference> =
                one.compare(&other).into_iter().flat_map(|compared| compared.differences).collect();
            prop_assert!(compared.windows(2).all(|pair| pair[0].name < pair[1].name));
            prop_assert!(compared.iter().all(|it| it.before != it.after));
            // Applied to what was, they give what is.
            let mut now = before;
            for difference in compared {
                prop_assert_eq!(now.remove(&difference.name), difference.before);
                if let Some(value) = difference.after {
                    now.insert(difference.name, value);
                }
            }
            prop_assert_eq!(now, after);
        }
    }
}
