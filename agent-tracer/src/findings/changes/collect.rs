//! Collects changes of all kinds in one list, with their authors.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    event::{Difference, Subject},
    model::{Connection, Model, ProcessIndex, Programs, UnusualPlace},
};

use super::{
    Action, Change, FirstOf, Kind, Reason, dpkg,
    facts::{Downloaded, Facts},
    files, services, sysctls, touched,
};
use crate::findings::{
    Destination,
    groups::{By, groups},
    still_running, survivors,
};

/// Collects the changes by kind, with the destinations of the given connections; `all` lists
/// every file by itself.
pub fn changes<'a>(
    model: &'a Model,
    all: bool,
    connections: impl Iterator<Item = &'a Connection>,
) -> Vec<Change<'a>> {
    let mut changes = services::collect(model);
    changes.extend(processes(model));
    changes.extend(programs(model));
    changes.extend(listeners(model));
    changes.extend(destinations(model, connections));
    changes.extend(downloads(model));
    changes.extend(registered(
        model,
        Subject::Users,
        Kind::User,
        b"/etc/passwd",
    ));
    changes.extend(registered(
        model,
        Subject::Groups,
        Kind::Group,
        b"/etc/group",
    ));
    changes.extend(debian_packages(model));
    for (subject, kind, programs) in [
        (Subject::RpmPackages, Kind::Package, Programs::Rpm),
        (Subject::Modules, Kind::Module, Programs::Modules),
        (Subject::Sysctls, Kind::Sysctl, Programs::Sysctl),
        (Subject::Firewall, Kind::Firewall, Programs::Firewall),
        (Subject::Mounts, Kind::Mount, Programs::Mounts),
    ] {
        let mut listed = sysctls::folded(listed(model, subject, kind, programs));
        if kind == Kind::Firewall {
            flag_tables_once(&mut listed);
        }
        changes.extend(listed);
    }
    changes.extend(files::collect(model, all));
    changes.extend(touched::collect(model, all));
    // A stable sort keeps the order within a kind.
    changes.sort_by_key(|change| change.kind);
    changes
}

fn processes(model: &Model) -> Vec<Change<'_>> {
    let left = still_running(model);
    let survived: BTreeSet<ProcessIndex> = survivors(model).collect();
    left.map(|(index, process)| {
        let name: &[u8] = match process.comm.is_empty() {
            true => b"?",
            false => &process.comm,
        };
        let what = [name, format!(" [{}]", process.id.pid).as_bytes()].concat();
        let survives = survived.contains(&index);
        let action = match survives {
            true => Action::Changed,
            false => Action::New,
        };
        Change {
            author: Some(index),
            attention: survives.then_some(Reason::Survivor),
            ..Change::new(Kind::Process, action, what, Facts::Process)
        }
    })
    .collect()
}

fn programs(model: &Model) -> Vec<Change<'_>> {
    let recorded = model.unusual_programs().filter(|program| {
        let tree = &model.process(program.process).tree;
        !model.is_background(tree)
    });
    recorded
        .map(|program| Change {
            author: Some(program.process),
            attention: Some(match program.place {
                UnusualPlace::Memory => Reason::Memory,
                UnusualPlace::Unlinked => Reason::Unlinked,
                UnusualPlace::Temporary => Reason::Temporary,
            }),
            ..Change::new(
                Kind::Program,
                Action::New,
                program.path.to_vec(),
                Facts::Process,
            )
        })
        .collect()
}

fn listeners(model: &Model) -> Vec<Change<'_>> {
    let left = model.listeners().iter().filter(|listener| {
        listener.ended_ns.is_none() && !listener.is_pre_existing && !listener.is_of_client()
    });
    left.map(|listener| {
        let local = listener
            .local
            .map_or_else(|| "?".to_owned(), |local| local.to_string());
        let is_wide = listener
            .local
            .is_some_and(|local| local.ip().is_unspecified());
        let is_recorded = !model.is_background(&model.process(listener.owner).tree);
        Change {
            author: Some(listener.holder()),
            attention: (is_wide && is_recorded).then_some(Reason::AllInterfaces),
            ..Change::new(
                Kind::Listener,
                Action::New,
                format!("{local}/{}", listener.protocol.name()),
                Facts::Listener(listener),
            )
        }
    })
    .collect()
}

fn destinations<'a>(
    model: &'a Model,
    connections: impl Iterator<Item = &'a Connection>,
) -> Vec<Change<'a>> {
    let wanted = connections.filter(|connection| {
        let tree = &model.process(connection.owner).tree;
        !connection.is_pre_existing && !model.is_background(tree)
    });
    groups(By::Destination, wanted)
        .into_iter()
        .map(|group| Change {
            author: group.first_owner(),
            ..Change::new(
                Kind::Destination,
                Action::New,
                group.label(),
                Facts::Destination(Box::new(group)),
            )
        })
        .collect()
}

fn downloads(model: &Model) -> Vec<Change<'_>> {
    let all = model.downloads();
    all.into_iter()
        .map(|download| {
            let all = download.connections.iter();
            let from = all.filter_map(|at| model.connection_at(*at));
            let from: Vec<Destination> = groups(By::Destination, from)
                .into_iter()
                .filter_map(|group| group.destinations.into_iter().next())
                .collect();
            let placed = download.carrier.unwrap_or(download.writer);
            Change {
                author: Some(download.runner.unwrap_or(placed)),
                is_inferred: true,
                attention: download.runner.map(|_| Reason::Executed),
                ..Change::new(
                    Kind::Download,
                    Action::New,
                    download.path.clone(),
                    Facts::Download(Box::new(Downloaded { download, from })),
                )
            }
        })
        .collect()
}

/// Lists changes of entries in a file that several programs write.
fn registered<'a>(model: &'a Model, subject: Subject, kind: Kind, file: &[u8]) -> Vec<Change<'a>> {
    let all = model.differences(subject).iter();
    all.map(|difference| Change {
        author: model.entry_author(file, &difference.name, difference.before.is_none()),
        attention: (kind == Kind::User && becomes_root(difference)).then_some(Reason::Root),
        ..of(kind, difference)
    })
    .collect()
}

/// Returns true if a user has id 0 now and had another before. A value begins with the user id.
fn becomes_root(difference: &Difference) -> bool {
    let is_root =
        |value: &Option<Vec<u8>>| value.as_ref().is_some_and(|value| value.starts_with(b"0:"));
    is_root(&difference.after) && !is_root(&difference.before)
}

/// Lists changes of a list that only some programs change. The program whose arguments have the
/// name is inferred to be the author.
fn listed<'a>(
    model: &'a Model,
    subject: Subject,
    kind: Kind,
    programs: Programs,
) -> Vec<Change<'a>> {
    let all = model.differences(subject).iter();
    let given = model.command_lines(programs);
    all.map(|difference| {
        let name = difference.name.as_slice();
        // `name:architecture`
        let alone = match kind {
            Kind::Package => name.split(|byte| *byte == b':').next().unwrap_or(name),
            Kind::Firewall => b"",
            _ => name,
        };
        let author = given.last_with(alone);
        Change {
            author,
            is_inferred: author.is_some(),
            attention: matches!(kind, Kind::Firewall | Kind::Sysctl | Kind::Module)
                .then_some(Reason::Kernel),
            ..of(kind, difference)
        }
    })
    .collect()
}

/// Lists packages of dpkg. The author is inferred, unless it was seen to change the list of the
/// package's files.
fn debian_packages(model: &Model) -> Vec<Change<'_>> {
    let all = model.differences(Subject::DebianPackages).iter();
    let runs = model.command_lines(Programs::Debian);
    all.map(|difference| {
        let author = dpkg::author(model, &runs, difference);
        Change {
            author: author.map(|(author, _)| author),
            is_inferred: author.is_some_and(|(_, is_inferred)| is_inferred),
            ..of(Kind::Package, difference)
        }
    })
    .collect()
}

/// Leaves the reason for attention with the first of several rules of a table.
fn flag_tables_once(rules: &mut [Change<'_>]) {
    let mut tables: BTreeMap<_, Vec<&mut Change<'_>>> = BTreeMap::new();
    for rule in rules {
        // `inet acme input: tcp dport 22 accept`, `iptables nat PREROUTING: -j DOCKER`
        let table: Vec<&[u8]> = rule.what.split(|byte| *byte == b' ').take(2).collect();
        let key = (table.join(&b' '), rule.action.name(), rule.author);
        tables.entry(key).or_default().push(rule);
    }
    for ((table, _, _), mut rules) in tables {
        let count = rules.len();
        if let [first, others @ ..] = rules.as_mut_slice()
            && !others.is_empty()
        {
            first.first_of = Some(FirstOf {
                table,
                rules: count,
            });
            for other in others {
                other.attention = None;
            }
        }
    }
}

fn of(kind: Kind, difference: &Difference) -> Change<'_> {
    let (before, after) = (difference.before.as_ref(), difference.after.as_ref());
    let facts = Facts::Entry {
        difference,
        followed_by: 0,
    };
    let action = Action::of(before, after);
    Change::new(kind, action, difference.name.clone(), facts)
}

#[cfg(test)]
mod tests {
    use super::{Action, Change, Facts, Kind, Reason, becomes_root, flag_tables_once};
    use crate::event::Difference;

    #[test]
    fn users_that_are_root_from_now_on() {
        let difference = |before: Option<&str>, after: Option<&str>| Difference {
            before: before.map(|value| value.as_bytes().to_vec()),
            after: after.map(|value| value.as_bytes().to_vec()),
            ..Difference::default()
        };
        let (root, user) = (Some("0:0:/root:/bin/sh"), Some("10:0:/:/bin/sh"));
        assert!(becomes_root(&difference(None, root)));
        assert!(becomes_root(&difference(user, root)));
        assert!(!becomes_root(&difference(root, Some("0:0:/root:/bin/zsh"))));
        assert!(!becomes_root(&difference(None, user)));
        assert!(!becomes_root(&difference(root, None)));
    }

    #[test]
    fn a_table_deserves_attention_once() {
        let rule = |name: &str| Change {
            attention: Some(Reason::Kernel),
            ..Change::new(Kind::Firewall, Action::New, name, Facts::Touched)
        };
        let mut rules = [
            rule("inet acme in: tcp dport 22 accept"),
            rule("ip nat post: masquerade"),
            rule("inet acme in: tcp dport 23 accept"),
            rule("inet acme set bad: 192.0.2.1"),
        ];
        flag_tables_once(&mut rules);
        let all = rules.iter().flat_map(Change::attention_items);
        let looks: Vec<_> = all.map(|it| (it.what, it.rules)).collect();
        assert_eq!(
            looks,
            [
                (&b"inet acme"[..], Some(3)),
                (b"ip nat post: masquerade", None)
            ]
        );
    }
}
