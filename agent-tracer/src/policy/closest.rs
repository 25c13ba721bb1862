//! Finds the rule that an item nearly matches, which a reviewer would look at first.

use super::{Item, Rule, matches::Effect};

pub use super::matches::Aspect;

/// The rule that comes closest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closest {
    /// Its line in the policy.
    pub line: usize,
    /// Its subject as written; not escaped.
    pub written: String,
    /// The conditions that fail.
    pub differs: Vec<Aspect>,
}

/// Greatest number of differences of a rule that is worth naming.
const DIFFERENCES: usize = 2;

/// Common parts of two names that are close although something else differs, too: files of one
/// directory, such as `/usr/local/bin`.
const NEAR: usize = 4;

/// Finds the rule with the fewest differences. Of several, the one with the longest common text.
pub(super) fn closest(rules: &[Rule], item: &Item) -> Option<Closest> {
    let name = String::from_utf8_lossy(&item.name);
    let of_subject = rules.iter().filter(|rule| rule.subject == item.subject);
    let rated = of_subject.filter_map(|rule| {
        let common = common(name_of(rule), &name);
        // Another name altogether is no help, and most rules have one.
        if common < 2 && !rule.is_named(item) {
            return None;
        }
        let mut differs = rule.differences(item);
        let is_close = differs.len() <= DIFFERENCES;
        if !is_close {
            return None;
        }
        let wanted = match differs.len() {
            1 => 2,
            _ => NEAR,
        };
        if differs.contains(&Aspect::Name) && common < wanted {
            return None;
        }
        if differs.is_empty() {
            // Only a condition on processes is left.
            debug_assert!(rule.matches_item(item, Effect::Allow));
            differs.push(Aspect::Process);
        }
        Some((rule, differs, common))
    });
    let best = rated.min_by(|(one, one_differs, one_common), (other, differs, common)| {
        let one_key = (
            one_differs.len(),
            std::cmp::Reverse(*one_common),
            &one.written,
        );
        let key = (differs.len(), std::cmp::Reverse(*common), &other.written);
        one_key.cmp(&key).then(one.line.cmp(&other.line))
    });
    best.map(|(rule, differs, _)| Closest {
        line: rule.line,
        written: match rule.on.name.first() {
            Some(name) => format!("{} {}", rule.written, name.written()),
            None => rule.written.clone(),
        },
        differs,
    })
}

fn name_of(rule: &Rule) -> &str {
    match rule.on.name.first() {
        Some(name) => name.written(),
        None => &rule.written,
    }
}

/// Counts the common parts of two names: directories from the left, or labels of hosts from the
/// right.
fn common(one: &str, other: &str) -> usize {
    let separators = |text: &str| text.starts_with('/');
    if separators(one) && separators(other) {
        let pairs = one.split('/').zip(other.split('/'));
        return pairs.take_while(|(one, other)| one == other).count();
    }
    let [one, other] = [one, other].map(|text| text.split(':').next().unwrap_or_default());
    let pairs = one.rsplit('.').zip(other.rsplit('.'));
    pairs.take_while(|(one, other)| one == other).count()
}
