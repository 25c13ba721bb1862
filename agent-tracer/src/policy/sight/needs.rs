//! Lists what a policy needs and a recording could not see.

use super::{COMPARED, FACTS, Sight, compared_as};
use crate::{
    event::Protocol,
    findings::{Action, Kind},
    policy::{Policy, Required, Rule, Subject, What},
};

/// Lists of packages, by their managers.
const PACKAGES: [&str; 2] = ["dpkg", "rpm"];

/// A thing that a recording could not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blind {
    /// A fact without a hook.
    Fact {
        /// The fact.
        fact: String,
        /// The recorder's reason; may be empty.
        reason: String,
        /// The line of the policy that needs it.
        line: usize,
    },
    /// A list that was not compared, or in part only.
    NotCompared {
        /// The list.
        list: String,
        /// The reason; may be empty.
        reason: String,
        /// The line of the policy that needs it.
        line: usize,
    },
    /// A directory that was not compared.
    Root {
        /// The directory.
        root: String,
        /// The line of the policy that needs it.
        line: usize,
    },
    /// Service tags, which no list gave.
    Tags {
        /// The line of the policy that needs them.
        line: usize,
    },
    /// The recording has no end, or its command has none.
    NoEnd,
    /// Inbound connections that belong to no known listener.
    UnknownListeners(u64),
    /// A missing part, in words; not escaped.
    Missing(String),
}

impl Sight {
    /// Lists all that a policy needs and the recording could not see. `used` says which allows had
    /// an item: older headers do not name every fact that the recording has.
    pub fn blind_to(&self, policy: &Policy, used: &[bool]) -> Vec<Blind> {
        let mut blind: Vec<Blind> = self.missing.iter().cloned().map(Blind::Missing).collect();
        if !self.is_complete && blind.is_empty() {
            blind.push(Blind::Missing("parts of the recording".to_owned()));
        }
        if !self.has_ended {
            blind.push(Blind::NoEnd);
        }
        if self.unknown_listeners > 0 {
            blind.push(Blind::UnknownListeners(self.unknown_listeners));
        }
        let require = &policy.require;
        let facts = required(require.facts.as_deref(), &FACTS, require.line);
        blind.extend(
            facts
                .iter()
                .filter_map(|fact| self.fact(&fact.name, fact.line)),
        );
        let lists = required(require.compared.as_deref(), &COMPARED, require.line);
        // A machine has one of them, unless the policy says otherwise.
        let has_packages = PACKAGES.iter().any(|list| self.compared(list));
        let is_other = |list: &Required| {
            require.compared.is_none() && has_packages && PACKAGES.contains(&list.name.as_str())
        };
        let lists = lists.iter().filter(|list| !is_other(list));
        blind.extend(lists.filter_map(|list| self.list(&list.name, list.line)));
        for root in &require.roots {
            blind.extend(self.root(root.name.as_bytes(), root.line));
        }
        for (rule, is_used) in policy.allow.iter().zip(used) {
            self.needs(rule, false, *is_used, &mut blind);
        }
        for rule in &policy.deny {
            self.needs(rule, true, false, &mut blind);
        }
        let mut distinct: Vec<Blind> = Vec::new();
        for one in blind {
            if !distinct.iter().any(|known| known.is_same(&one)) {
                distinct.push(one);
            }
        }
        distinct
    }

    /// Adds all that a rule needs and the recording could not see. An allow is content with a list
    /// that was compared in part: what is beyond it is not allowed, but required.
    fn needs(&self, rule: &Rule, is_deny: bool, is_used: bool, blind: &mut Vec<Blind>) {
        let line = rule.line;
        let facts = facts_of(rule, is_deny).into_iter();
        let facts = facts.filter(|fact| !is_used || self.unseen.contains_key(*fact));
        blind.extend(facts.filter_map(|fact| self.fact(fact, line)));
        let by_tag = rule.what.iter().any(|what| match what {
            What::End(end) => end.is_tag(),
            What::Path(_) | What::Kind(_) => false,
        });
        if (by_tag || !rule.on.tag.is_empty()) && !self.has_tags {
            blind.push(Blind::Tags { line });
        }
        for what in &rule.what {
            let What::Kind(kind) = what else { continue };
            let is_file = matches!(kind, Kind::File | Kind::Cron);
            if is_file && rule.on.action == [Action::Touched] {
                let is_seen = is_used && !self.unseen.contains_key("files");
                blind.extend(self.fact("files", line).filter(|_| !is_seen));
                continue;
            }
            let lists = compared_as(*kind);
            let is_seen = |list: &str| match is_deny {
                true => self.compared(list),
                false => self.compared.contains(&list),
            };
            if !lists.iter().any(|list| is_seen(list)) {
                blind.extend(lists.iter().filter_map(|list| self.list(list, line)).next());
            }
            // Without the directory, an allow is good for what was seen.
            let is_content = !is_deny && (is_used || self.sees_elsewhere);
            if is_file && !is_content {
                let names = rule.on.name.iter();
                let roots = names.filter_map(|name| prefix(name.written()));
                blind.extend(roots.filter_map(|root| self.root(root.as_bytes(), line)));
            }
        }
    }

    fn fact(&self, fact: &str, line: usize) -> Option<Blind> {
        (!self.sees(fact)).then(|| Blind::Fact {
            fact: fact.to_owned(),
            reason: self.unseen.get(fact).cloned().unwrap_or_default(),
            line,
        })
    }

    fn list(&self, list: &str, line: usize) -> Option<Blind> {
        (!self.compared(list)).then(|| Blind::NotCompared {
            list: list.to_owned(),
            reason: self.not_whole.get(list).cloned().unwrap_or_default(),
            line,
        })
    }

    fn root(&self, root: &[u8], line: usize) -> Option<Blind> {
        let root = root.strip_suffix(b"/").unwrap_or(root);
        let is_below = |above: &Vec<u8>| {
            let above = above.strip_suffix(b"/").unwrap_or(above);
            let rest = root.strip_prefix(above);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        (!self.sees_ssh(root) && !self.roots.iter().any(is_below)).then(|| Blind::Root {
            root: String::from_utf8_lossy(root).into_owned(),
            line,
        })
    }
}

impl Blind {
    /// Returns the line of the policy that needs it, if one does.
    pub fn line(&self) -> Option<usize> {
        match self {
            Blind::Fact { line, .. }
            | Blind::NotCompared { line, .. }
            | Blind::Root { line, .. }
            | Blind::Tags { line } => Some(*line),
            Blind::NoEnd | Blind::UnknownListeners(_) | Blind::Missing(_) => None,
        }
    }

    /// Compares without the lines.
    fn is_same(&self, other: &Blind) -> bool {
        match (self, other) {
            (Blind::Fact { fact, .. }, Blind::Fact { fact: other, .. }) => fact == other,
            (Blind::NotCompared { list, .. }, Blind::NotCompared { list: other, .. }) => {
                list == other
            }
            (Blind::Root { root, .. }, Blind::Root { root: other, .. }) => root == other,
            (Blind::Tags { .. }, Blind::Tags { .. }) => true,
            (one, other) => one == other,
        }
    }
}

/// Returns the named requirements, or all.
fn required(named: Option<&[Required]>, all: &[&str], line: usize) -> Vec<Required> {
    match named {
        Some(named) => named.to_vec(),
        None => all
            .iter()
            .map(|name| Required {
                name: (*name).to_owned(),
                line,
            })
            .collect(),
    }
}

/// Returns the facts without which a rule cannot be judged.
fn facts_of(rule: &Rule, is_deny: bool) -> Vec<&'static str> {
    let mut facts = vec!["fork", "exec"];
    let (tcp, udp) = protocols(rule, is_deny);
    facts.extend(udp.then_some("datagrams"));
    let of_tcp = match rule.subject {
        Subject::Destination => Some("connect"),
        Subject::Listener => Some("listen"),
        Subject::Inbound => Some("inbound"),
        Subject::Program | Subject::Download | Subject::Change => None,
    };
    facts.extend(of_tcp.filter(|_| tcp));
    if rule.subject == Subject::Download {
        facts.extend(["connect", "files"]);
    }
    if !rule.on.unit.is_empty() {
        facts.push("cgroup");
    }
    facts
}

/// Returns true for each of TCP and UDP that a rule can speak of.
fn protocols(rule: &Rule, is_deny: bool) -> (bool, bool) {
    let mut both = (false, false);
    for what in &rule.what {
        let What::End(end) = what else { continue };
        let by_end = end.protocol(is_deny || rule.on.protocol.is_some());
        match by_end.or(rule.on.protocol) {
            Some(Protocol::Tcp) => both.0 = true,
            Some(Protocol::Udp) => both.1 = true,
            None => both = (true, true),
        }
    }
    both
}

/// Returns the facts without which nothing of a subject is known.
pub(in crate::policy) fn facts_of_subject(subject: Subject) -> &'static [&'static str] {
    match subject {
        Subject::Program => &["fork", "exec"],
        Subject::Destination => &["fork", "exec", "connect", "datagrams"],
        Subject::Listener => &["fork", "exec", "listen", "datagrams"],
        Subject::Inbound => &["fork", "exec", "inbound", "datagrams"],
        Subject::Download => &["fork", "exec", "connect", "files"],
        Subject::Change => &["fork", "exec"],
    }
}

/// Returns the directory of a glob's names; none if it is any.
fn prefix(written: &str) -> Option<&str> {
    let literal = written
        .find(['*', '?', '[', '\\'])
        .map_or(written, |end| written.get(..end).unwrap_or_default());
    let slash = literal.rfind('/').filter(|slash| *slash > 0)?;
    literal.get(..slash)
}

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn directories_of_globs() {
        assert_eq!(prefix("/etc/cron.d/*"), Some("/etc/cron.d"));
        assert_eq!(prefix("/opt/x"), Some("/opt"));
        assert_eq!(prefix("/o*/x"), None);
        assert_eq!(prefix("**/x"), None);
    }
}
