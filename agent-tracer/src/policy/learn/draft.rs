//! Declares a rule that would allow something, before it has a line.

use crate::{
    event::Protocol,
    findings::{Action, Kind},
    glob::{Glob, Scope},
    model::{COMMAND, SYSTEM},
    policy::{
        AttentionCondition, Conditions, EndPattern, Ports, Rule, Subject, What, item::UNKNOWN,
        parse::is_of_paths,
    },
};

/// A rule that would allow something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Draft {
    /// The subject.
    pub subject: Subject,
    /// Values of the subject, or names of the change; globs.
    pub names: Vec<String>,
    /// The kind and the difference, of a change.
    pub change: Option<(Kind, Action)>,
    /// The tree.
    pub tree: String,
    /// The user.
    pub user: Option<String>,
    /// The port and the protocol, of an inbound connection.
    pub port: Option<(String, Protocol)>,
    /// The reason for attention.
    pub attention: Option<String>,
    /// Number of the recordings that had it.
    pub seen: usize,
}

/// The place of a draft: by tree, subject, change and name.
pub(super) type Order<'d> = (u8, &'d str, Subject, Option<(Kind, Action)>, &'d [String]);

impl Draft {
    /// Orders by tree, subject and name.
    pub(super) fn order(&self) -> Order<'_> {
        let place = match self.tree.as_str() {
            COMMAND => 0,
            SYSTEM => 2,
            UNKNOWN => 3,
            _ => 1,
        };
        (place, &self.tree, self.subject, self.change, &self.names)
    }

    /// Makes the rule; none if a glob is malformed.
    pub(in crate::policy) fn rule(&self) -> Option<Rule> {
        let glob = |text: &String, scope| Glob::new(text, scope).ok();
        let one = |text: &String| glob(text, Scope::Text).map(|glob| vec![glob]);
        let mut on = Conditions {
            tree: one(&self.tree)?,
            ..Conditions::default()
        };
        if let Some(user) = &self.user {
            on.user = one(user)?;
        }
        if let Some((port, protocol)) = &self.port {
            on.port = vec![Ports::parse(port)?];
            on.protocol = Some(*protocol);
        }
        if let Some(reason) = &self.attention {
            on.attention = AttentionCondition::Reasons(one(reason)?);
        }
        let what: Option<Vec<What>> = match self.change {
            Some((kind, action)) => {
                on.action = vec![action];
                let scope = match is_of_paths(kind) {
                    true => Scope::Path,
                    false => Scope::Text,
                };
                let names = self.names.iter().map(|name| glob(name, scope));
                on.name = names.collect::<Option<_>>()?;
                Some(vec![What::Kind(kind)])
            }
            None => self
                .names
                .iter()
                .map(|name| match self.subject {
                    Subject::Destination | Subject::Listener | Subject::Inbound => {
                        EndPattern::parse(name).ok().map(What::End)
                    }
                    Subject::Program | Subject::Download | Subject::Change => {
                        glob(name, Scope::Path).map(What::Path)
                    }
                })
                .collect(),
        };
        Some(Rule {
            line: 0,
            subject: self.subject,
            what: what?,
            written: self.names.join(", "),
            on,
            reason: None,
            expires: None,
            seen: None,
        })
    }
}
