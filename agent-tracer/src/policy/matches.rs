//! Compares an item with a rule. An allow matches what is certain, a deny what is possible.

use super::{AttentionCondition, Item, Party, Rule, What, item::Subject};
use crate::glob::Glob;

/// Sides of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// All must match for certain.
    Allow,
    /// It is enough if all may match.
    Deny,
}

/// Conditions that can fail, in the order in which they are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// The subject's value, or the name of a change.
    Name,
    /// The kind of change.
    Kind,
    /// The difference.
    Action,
    /// The port.
    Port,
    /// The protocol.
    Protocol,
    /// The service tag.
    Tag,
    /// The tree.
    Tree,
    /// The user.
    User,
    /// The attention.
    Attention,
    /// The process, its unit or its arguments.
    Process,
}

impl Rule {
    /// Returns true if the rule matches an item, but for conditions on single processes.
    pub(super) fn matches_item(&self, item: &Item, effect: Effect) -> bool {
        // A change without an author may be anyone's.
        let is_anyones = effect == Effect::Deny && item.parties.is_empty();
        // Names differ most, and cost least.
        self.subject == item.subject
            && self
                .what
                .iter()
                .any(|what| self.matches_what(what, item, effect))
            && (is_anyones || matches_any(&self.on.tree, item.tree.as_bytes()))
            && (is_anyones || matches_any(&self.on.user, &item.user))
            && self.matches_change(item)
            && self.matches_end(item)
            && self.matches_attention(item, effect)
    }

    /// Returns true if a name of the rule matches that of the item, whatever else differs.
    pub(super) fn is_named(&self, item: &Item) -> bool {
        if item.subject == Subject::Change {
            return matches_any(&self.on.name, &item.name);
        }
        self.what.iter().any(|what| match (what, &item.end) {
            (What::Path(glob), _) => glob.matches(&item.name),
            (What::End(pattern), Some(end)) => pattern.allows_host(&item.name, end),
            (What::End(_), None) | (What::Kind(_), _) => false,
        })
    }

    /// Lists what differs, for the closest rule.
    pub(super) fn differences(&self, item: &Item) -> Vec<Aspect> {
        let mut aspects = Vec::new();
        let mut note = |holds: bool, aspect: Aspect| {
            if !holds && !aspects.contains(&aspect) {
                aspects.push(aspect);
            }
        };
        let is_change = item.subject == Subject::Change;
        let is_kind = |what: &What| match (what, item.change) {
            (What::Kind(kind), Some((own, _))) => *kind == own,
            (What::Path(_) | What::End(_) | What::Kind(_), _) => false,
        };
        if is_change {
            note(self.what.iter().any(is_kind), Aspect::Kind);
            note(matches_any(&self.on.name, &item.name), Aspect::Name);
            let action = item.change.map(|(_, action)| action);
            let is_action = self.on.action.is_empty()
                || action.is_some_and(|own| self.on.action.contains(&own));
            note(is_action, Aspect::Action);
        } else if let Some(end) = &item.end {
            let ends = self.what.iter().filter_map(|what| match what {
                What::End(pattern) => Some(pattern),
                What::Path(_) | What::Kind(_) => None,
            });
            let mut best: Option<Vec<Aspect>> = None;
            for pattern in ends {
                let has_condition = self.on.protocol.is_some();
                let holds = [
                    (pattern.allows_host(&item.name, end), Aspect::Name),
                    (pattern.matches_port(end), Aspect::Port),
                    (
                        pattern.matches_protocol(end, false, has_condition),
                        Aspect::Protocol,
                    ),
                ];
                let failed = holds.into_iter().filter(|(holds, _)| !holds);
                let failed: Vec<Aspect> = failed.map(|(_, aspect)| aspect).collect();
                if best.as_ref().is_none_or(|best| failed.len() < best.len()) {
                    best = Some(failed);
                }
            }
            for aspect in best.unwrap_or_default() {
                note(false, aspect);
            }
            let mut ports = self.on.port.iter();
            let is_port = self.on.port.is_empty() || ports.any(|ports| ports.contains(end.port));
            note(is_port, Aspect::Port);
            let protocol = self.on.protocol;
            note(
                protocol.is_none() || protocol == end.protocol,
                Aspect::Protocol,
            );
            note(self.matches_tag(item), Aspect::Tag);
        } else {
            let mut values = self.what.iter();
            let is_named = values.any(|what| self.matches_what(what, item, Effect::Allow));
            note(is_named, Aspect::Name);
        }
        note(
            matches_any(&self.on.tree, item.tree.as_bytes()),
            Aspect::Tree,
        );
        note(matches_any(&self.on.user, &item.user), Aspect::User);
        note(
            self.matches_attention(item, Effect::Allow),
            Aspect::Attention,
        );
        aspects
    }

    /// Returns true if the conditions on processes hold for one of them.
    pub(super) fn matches_party(&self, party: &Party) -> bool {
        let is_named = |glob: &Glob| {
            let mut names = party.names.iter();
            glob.matches(&party.exe)
                || glob.matches(&party.comm)
                || names.any(|name| glob.matches(name))
        };
        let has = |glob: &Glob| party.argv.iter().any(|argument| glob.matches(argument));
        (self.on.process.is_empty() || self.on.process.iter().any(is_named))
            && (self.on.unit.is_empty()
                || party
                    .unit
                    .as_ref()
                    .is_some_and(|unit| matches_any(&self.on.unit, unit)))
            && self.on.argv.iter().all(has)
    }

    fn matches_change(&self, item: &Item) -> bool {
        let Some((_, action)) = item.change else {
            return true;
        };
        matches_any(&self.on.name, &item.name)
            && (self.on.action.is_empty() || self.on.action.contains(&action))
    }

    fn matches_what(&self, what: &What, item: &Item, effect: Effect) -> bool {
        match what {
            What::Path(glob) => glob.matches(&item.name),
            What::Kind(kind) => item.change.is_some_and(|(own, _)| own == *kind),
            What::End(pattern) => item.end.as_ref().is_some_and(|end| {
                let is_deny = effect == Effect::Deny;
                let has_condition = self.on.protocol.is_some();
                let is_host = match effect {
                    Effect::Allow => pattern.allows_host(&item.name, end),
                    Effect::Deny => pattern.denies_host(&item.name, end),
                };
                is_host
                    && pattern.matches_port(end)
                    && pattern.matches_protocol(end, is_deny, has_condition)
            }),
        }
    }

    fn matches_end(&self, item: &Item) -> bool {
        let Some(end) = &item.end else {
            return true;
        };
        let mut ports = self.on.port.iter();
        (self.on.port.is_empty() || ports.any(|ports| ports.contains(end.port)))
            && (self.on.protocol.is_none() || self.on.protocol == end.protocol)
            && self.matches_tag(item)
    }

    fn matches_tag(&self, item: &Item) -> bool {
        let tags = item.end.iter().flat_map(|end| &end.tags);
        let mut tags = tags.map(|tag| tag.as_bytes());
        self.on.tag.is_empty() || tags.any(|tag| matches_any(&self.on.tag, tag))
    }

    fn matches_attention(&self, item: &Item, effect: Effect) -> bool {
        match (&self.on.attention, &item.attention) {
            (AttentionCondition::Unsaid, None) | (AttentionCondition::None, None) => true,
            (AttentionCondition::Unsaid, Some(_)) => effect == Effect::Deny,
            (AttentionCondition::None, Some(_)) | (AttentionCondition::Reasons(_), None) => false,
            (AttentionCondition::Reasons(globs), Some(reason)) => {
                matches_any(globs, reason.as_bytes())
            }
        }
    }
}

/// Returns true if there is no condition, or one of its globs matches.
pub(super) fn matches_any(globs: &[Glob], text: &[u8]) -> bool {
    globs.is_empty() || globs.iter().any(|glob| glob.matches(text))
}
