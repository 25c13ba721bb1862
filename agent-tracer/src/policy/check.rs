//! Checks recordings against a policy. A deny goes before every allow.

use jiff::civil::Date;

use super::{
    Blind, Closest, Draft, Item, Observation, Policy, Rule, Subject, closest::closest,
    index::Index, learn::learn_some, matches::Effect,
};

/// Findings that get their closest rule; it is a look at every rule.
const CLOSEST: usize = 200;

/// The answer of a check, the worst of all recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All that was done is allowed.
    Conforms,
    /// There are findings.
    Findings,
    /// The recording did not see all that the policy needs.
    Incomplete,
    /// The file is damaged.
    Damaged,
}

impl Outcome {
    /// The name in jsonl.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Conforms => "conforms",
            Outcome::Findings => "findings",
            Outcome::Incomplete => "incomplete",
            Outcome::Damaged => "damaged",
        }
    }
}

/// Reasons for a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// No rule allows it; the rule that would.
    New(Box<Draft>),
    /// A rule denies it: its line, its subject as written, and its reason.
    Denied(usize, String, Option<String>),
    /// A rule is past its date: its line, its subject as written, and the date.
    Expired(usize, String, Date),
}

/// Something that a reviewer has to decide.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    /// The reason.
    pub why: Why,
    /// The items, with the recording of each; none of a rule that has expired.
    pub items: Vec<(&'a Observation, &'a Item)>,
    /// The allow that comes closest.
    pub closest: Option<Closest>,
}

impl Finding<'_> {
    /// Returns the line of the policy that it belongs to; the closest one for something new.
    pub fn line(&self) -> Option<usize> {
        match &self.why {
            Why::New(_) => self.closest.as_ref().map(|closest| closest.line),
            Why::Denied(line, ..) | Why::Expired(line, ..) => Some(*line),
        }
    }

    /// Returns the first item.
    pub fn first(&self) -> Option<&Item> {
        self.items.first().map(|(_, item)| *item)
    }
}

/// The result of a check.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The recordings.
    pub observations: &'a [Observation],
    /// The findings.
    pub findings: Vec<Finding<'a>>,
    /// Needs of the policy that a recording could not see, with the recording.
    pub blind: Vec<(&'a Observation, Blind)>,
    /// Allows that nothing needed, by position.
    pub unused: Vec<usize>,
    /// The answer.
    pub outcome: Outcome,
}

impl Verdict<'_> {
    /// Lists the allows that nothing needed.
    pub fn unused_rules(&self) -> impl Iterator<Item = &Rule> {
        let positions = self.unused.iter();
        positions.filter_map(|position| self.policy.allow.get(*position))
    }
}

/// Checks recordings; `today` replaces the date of each recording.
pub fn check<'a>(
    policy: &'a Policy,
    observations: &'a [Observation],
    today: Option<Date>,
) -> Verdict<'a> {
    let allow = Index::new(&policy.allow, Effect::Allow);
    let deny = Index::new(&policy.deny, Effect::Deny);
    let mut all_used: Vec<Vec<bool>> = Vec::new();
    let mut denied: Vec<(usize, (&Observation, &Item))> = Vec::new();
    let mut uncovered: Vec<Vec<bool>> = Vec::new();
    for observation in observations {
        let mut used = vec![false; policy.allow.len()];
        let mut missing = vec![false; observation.items.len()];
        for (item, is_missing) in observation.items.iter().zip(&mut missing) {
            let rules = deny.matching(item).into_iter();
            let mut rules = rules.filter(|position| {
                let rule = policy.deny.get(*position);
                rule.is_some_and(|rule| {
                    // A change without an author may be anyone's.
                    item.parties.is_empty()
                        || item.parties.iter().any(|party| rule.matches_party(party))
                })
            });
            if let Some(rule) = rules.next() {
                denied.push((rule, (observation, item)));
                // Its allows are in use, whatever the deny says.
                is_allowed(policy, item, &allow.matching(item), &mut used);
                continue;
            }
            *is_missing = !is_allowed(policy, item, &allow.matching(item), &mut used);
        }
        uncovered.push(missing);
        all_used.push(used);
    }
    let mut findings = denied_findings(policy, denied);
    findings.extend(new_findings(policy, observations, &uncovered));
    let latest = observations
        .iter()
        .filter_map(|observation| observation.date)
        .max();
    findings.extend(expired_findings(policy, today.or(latest)));
    let mut blind = Vec::new();
    for (observation, used) in observations.iter().zip(&all_used) {
        let all = observation.sight.blind_to(policy, used).into_iter();
        blind.extend(all.map(|one| (observation, one)));
    }
    let is_damaged = observations
        .iter()
        .any(|observation| observation.sight.is_damaged);
    let outcome = match () {
        () if is_damaged => Outcome::Damaged,
        () if !blind.is_empty() || observations.is_empty() => Outcome::Incomplete,
        () if !findings.is_empty() => Outcome::Findings,
        () => Outcome::Conforms,
    };
    let is_used = |position: usize| {
        all_used
            .iter()
            .any(|used| used.get(position) == Some(&true))
    };
    let unused = (0..policy.allow.len()).filter(|position| !is_used(*position));
    Verdict {
        policy,
        observations,
        findings,
        blind,
        unused: unused.collect(),
        outcome,
    }
}

/// Returns true if every process of an item is allowed it. Notes the rules in use.
fn is_allowed(policy: &Policy, item: &Item, rules: &[usize], used: &mut [bool]) -> bool {
    let rules = rules.iter();
    let rules: Vec<(usize, &Rule)> = rules
        .filter_map(|position| Some((*position, policy.allow.get(*position)?)))
        .collect();
    let mut is_whole = false;
    let mut note = |position: usize| {
        if let Some(used) = used.get_mut(position) {
            *used = true;
        }
    };
    for (position, rule) in &rules {
        if !rule.on.is_of_process() {
            is_whole = true;
            note(*position);
        }
    }
    let mut are_all = !item.parties.is_empty();
    for party in &item.parties {
        let mut is_covered = false;
        for (position, rule) in &rules {
            if rule.on.is_of_process() && rule.matches_party(party) {
                is_covered = true;
                note(*position);
            }
        }
        are_all &= is_covered;
        if is_whole && rules.iter().all(|(_, rule)| !rule.on.is_of_process()) {
            break;
        }
    }
    is_whole || are_all
}

fn denied_findings<'a>(
    policy: &'a Policy,
    denied: Vec<(usize, (&'a Observation, &'a Item))>,
) -> Vec<Finding<'a>> {
    let mut findings: Vec<Finding<'a>> = Vec::new();
    for (position, item) in denied {
        let Some(rule) = policy.deny.get(position) else {
            continue;
        };
        let same = |finding: &&mut Finding<'a>| {
            matches!(finding.why, Why::Denied(line, ..) if line == rule.line)
                && finding
                    .first()
                    .is_some_and(|first| first.name == item.1.name && first.tree == item.1.tree)
        };
        match findings.iter_mut().rev().take(1).find(same) {
            Some(finding) => finding.items.push(item),
            None => findings.push(Finding {
                why: Why::Denied(rule.line, rule.written.clone(), rule.reason.clone()),
                items: vec![item],
                closest: None,
            }),
        }
    }
    findings
}

fn new_findings<'a>(
    policy: &'a Policy,
    observations: &'a [Observation],
    uncovered: &[Vec<bool>],
) -> Vec<Finding<'a>> {
    if !uncovered.iter().flatten().any(|is_missing| *is_missing) {
        return Vec::new();
    }
    let learned = learn_some(observations, uncovered);
    let mut findings: Vec<Finding<'a>> = Vec::new();
    for (draft, members) in learned {
        let items: Vec<(&Observation, &Item)> = members
            .into_iter()
            .filter_map(|(trace, item)| {
                let observation = observations.get(trace)?;
                Some((observation, observation.items.get(item)?))
            })
            .collect();
        let is_named = findings.len() < CLOSEST;
        let first = items.first().filter(|_| is_named);
        let closest = first.and_then(|(_, item)| closest(&policy.allow, item));
        findings.push(Finding {
            why: Why::New(Box::new(draft)),
            items,
            closest,
        });
    }
    findings
}

fn expired_findings<'a>(policy: &'a Policy, today: Option<Date>) -> Vec<Finding<'a>> {
    let rules = policy.allow.iter().chain(&policy.deny);
    let expired = rules.filter_map(|rule| {
        let expires = rule.expires?;
        // Without a date, none can be known to be in the future.
        today.is_none_or(|today| expires < today).then(|| Finding {
            why: Why::Expired(rule.line, rule.written.clone(), expires),
            items: Vec::new(),
            closest: None,
        })
    });
    expired.collect()
}

impl Finding<'_> {
    /// Returns the subject of its items; none of a rule that has expired.
    pub fn subject(&self) -> Option<Subject> {
        self.first().map(|item| item.subject)
    }
}
