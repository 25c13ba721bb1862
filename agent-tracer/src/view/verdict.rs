//! Writes the verdict on recordings: as text for a reviewer, and in the forms of other tools.

mod github;
mod jsonl;
mod junit;
mod sarif;
mod text;

pub use github::{GithubOutput, github};
pub use jsonl::verdict_jsonl;
pub use junit::verdict_junit;
pub use sarif::verdict_sarif;
pub use text::verdict_text;

use std::collections::BTreeSet;

use crate::{
    event::Protocol,
    policy::{Aspect, Blind, Closest, Finding, Item, Observation, Outcome, Subject, Verdict, Why},
    view::{escape, page::bytes},
};

/// Names of a finding that are listed at most.
const NAMED: usize = 5;

/// Describes a finding in one line; escaped.
fn sentence(verdict: &Verdict<'_>, finding: &Finding<'_>) -> String {
    let mut text = match &finding.why {
        Why::New(draft) => {
            let names: Vec<&str> = draft.names.iter().map(String::as_str).collect();
            subject(finding, &names)
        }
        Why::Denied(line, written, reason) => {
            let reason = reason.as_ref().map(|reason| format!(": {}", plain(reason)));
            format!(
                "denied {} — rule: line {line}, {}{}",
                subject(finding, &[]),
                plain(written),
                reason.unwrap_or_default()
            )
        }
        Why::Expired(line, written, date) => {
            format!(
                "expired rule: line {line}, {}, was good until {date}",
                plain(written)
            )
        }
    };
    if let Some(closest) = &finding.closest {
        text.push_str(&format!(" — closest rule: {}", closest_rule(closest)));
    }
    if let (true, Some((observation, _))) = (verdict.observations.len() > 1, finding.items.first())
    {
        text.push_str(&format!(" ({})", plain(&observation.name)));
    }
    text
}

/// Describes the items of a finding; escaped.
fn subject(finding: &Finding<'_>, names: &[&str]) -> String {
    let Some(item) = finding.first() else {
        return String::new();
    };
    let (action, kind) = match item.change {
        Some((kind, action)) => (action.name(), kind.name()),
        None => ("new", item.subject.name()),
    };
    let count = finding.items.len();
    let name = match (count, names) {
        (0 | 1, _) | (_, []) => escape::text(&item.label()),
        (_, [name]) => format!("{} ({count} of them)", plain(name)),
        (_, names) => {
            let shown: Vec<String> = names.iter().take(NAMED).map(|name| plain(name)).collect();
            match names.len().saturating_sub(NAMED) {
                0 => shown.join(", "),
                more => format!("{} and {more} more", shown.join(", ")),
            }
        }
    };
    let mut text = format!("{action} {kind} {name}");
    if let Some(attention) = &item.attention {
        text.push_str(&format!(" ({})", plain(attention)));
    }
    if item.subject == Subject::Program {
        text.push_str(&format!(" as {}", escape::text(&item.user)));
    }
    text.push_str(&by(item));
    let parties = finding.items.iter().filter_map(|(_, item)| item.party());
    let processes: BTreeSet<u32> = parties.map(|party| party.pid).collect();
    if processes.len() > 1 {
        text.push_str(&format!(" and {} more", processes.len() - 1));
    }
    text.push_str(&format!(" in {}", plain(&item.tree)));
    if item.subject == Subject::Destination {
        text.push_str(&traffic(finding));
    }
    text
}

fn by(item: &Item) -> String {
    let inferred = match item.is_inferred {
        true => " (inferred)",
        false => "",
    };
    match item.party() {
        Some(party) => {
            let name = match party.comm.is_empty() {
                true => "?".to_owned(),
                false => escape::text(&party.comm),
            };
            format!(" by {name} [{}]{inferred}", party.pid)
        }
        None => " by an unknown process".to_owned(),
    }
}

fn traffic(finding: &Finding<'_>) -> String {
    let items = finding.items.iter();
    let (sent, received) = items.fold((0u64, 0u64), |(sent, received), (_, item)| {
        (
            sent.saturating_add(item.bytes.0),
            received.saturating_add(item.bytes.1),
        )
    });
    let through = finding.first().and_then(|item| item.end.as_ref()?.through);
    let through = through.map(|proxy| format!(", through {proxy}"));
    let mut text = through.unwrap_or_default();
    if received > 0 {
        text.push_str(&format!(", {} received", bytes(received)));
    }
    if sent > received {
        text.push_str(&format!(", {} sent", bytes(sent)));
    }
    text
}

fn closest_rule(closest: &Closest) -> String {
    let differs = closest.differs.iter().map(|aspect| match aspect {
        Aspect::Name => "another name",
        Aspect::Kind => "another kind",
        Aspect::Action => "another action",
        Aspect::Port => "another port",
        Aspect::Protocol => "another protocol",
        Aspect::Tag => "another service tag",
        Aspect::Tree => "another tree",
        Aspect::User => "another user",
        Aspect::Attention => "attention",
        Aspect::Process => "another process",
    });
    let differs: Vec<&str> = differs.collect();
    let written = plain(&closest.written);
    let written = match written.chars().count() {
        // A list of names would hide what differs.
        60.. => String::new(),
        _ => format!(", {written}"),
    };
    format!("line {}{written} ({})", closest.line, differs.join(", "))
}

/// Describes a thing that a recording could not see; escaped.
fn blindness(verdict: &Verdict<'_>, observation: &Observation, blind: &Blind) -> String {
    let because = |reason: &str| match reason {
        "" => String::new(),
        reason => format!(": {}", plain(reason)),
    };
    let require = &verdict.policy.require;
    let needs = |line: usize, is_default: bool, key: &str| match is_default && line == require.line
    {
        true => format!("a policy without `{key}` in [require] needs"),
        false => format!("line {line} needs"),
    };
    let text = match blind {
        Blind::Fact { fact, reason, line } => {
            let needs = needs(*line, require.facts.is_none(), "facts");
            format!("{fact}, which {needs}, was not recorded{}", because(reason))
        }
        Blind::NotCompared { list, reason, line } => {
            let needs = needs(*line, require.compared.is_none(), "compared");
            format!(
                "the list {list}, which {needs}, was not wholly compared{}",
                because(reason)
            )
        }
        Blind::Root { root, line } => format!(
            "files below {}, which line {line} needs, were not compared",
            plain(root)
        ),
        Blind::Tags { line } => {
            format!("addresses have no service tags, which line {line} needs")
        }
        Blind::NoEnd => "the recording, or its command, has no end".to_owned(),
        Blind::UnknownListeners(count) => {
            format!("{count} inbound connections have an unknown listener")
        }
        Blind::Missing(words) => plain(words),
    };
    match verdict.observations.len() {
        1 => text,
        _ => format!("{text} ({})", plain(&observation.name)),
    }
}

/// True if something is new, and rules for it would be enough: a rule is no remedy for what a
/// recording could not see.
fn can_be_accepted(verdict: &Verdict<'_>) -> bool {
    let mut findings = verdict.findings.iter();
    let is_new = |finding: &Finding<'_>| matches!(finding.why, Why::New(_));
    verdict.outcome == Outcome::Findings && findings.any(is_new)
}

/// Explains findings about files that were there before, as on a machine that has the install
/// already.
fn state_hint(verdict: &Verdict<'_>) -> Option<&'static str> {
    let findings = verdict.findings.iter();
    let mut closest = findings.filter_map(|finding| finding.closest.as_ref());
    let is_of_state = closest.any(|closest| closest.differs == [Aspect::Action]);
    is_of_state.then_some(
        "hint: what was there before is \"changed\", not \"new\": a policy and the recordings that \
         it checks begin in the same state",
    )
}

/// The name of the reason for a finding.
fn why(finding: &Finding<'_>) -> &'static str {
    match finding.why {
        Why::New(_) => "new",
        Why::Denied(..) => "denied",
        Why::Expired(..) => "expired",
    }
}

/// The line of the policy that a finding is shown at: the closest rule, or the last allow, which a
/// new one follows.
fn line(verdict: &Verdict<'_>, finding: &Finding<'_>) -> usize {
    let lines = verdict.policy.allow.iter().map(|rule| rule.line);
    finding.line().or(lines.max()).unwrap_or(1).max(1)
}

/// The name of a finding without what differs from run to run; not escaped.
fn stable_name(finding: &Finding<'_>) -> String {
    match &finding.why {
        Why::New(draft) => draft.names.join(", "),
        Why::Denied(_, written, _) => {
            let item = finding.first();
            let name = item.map(|item| String::from_utf8_lossy(&item.label()).into_owned());
            format!("{written}: {}", name.unwrap_or_default())
        }
        Why::Expired(_, written, _) => written.clone(),
    }
}

/// The kind of a finding, such as `new-destination`.
fn rule_id(finding: &Finding<'_>) -> String {
    match finding.first() {
        Some(item) => format!("{}-{}", why(finding), item.kind()),
        None => format!("{}-rule", why(finding)),
    }
}

fn tree<'f>(finding: &'f Finding<'_>) -> &'f str {
    finding.first().map_or("policy", |item| &item.tree)
}

fn protocol_name(protocol: Option<Protocol>) -> Option<&'static str> {
    protocol.map(Protocol::name)
}

fn plain(text: &str) -> String {
    escape::text(text.as_bytes())
}

/// Describes an allow that nothing needed; escaped.
fn unneeded(rule: &crate::policy::Rule) -> String {
    let name = rule.on.name.first();
    let name = name.map(|name| format!(" {}", plain(name.written())));
    let mut written = plain(&rule.written);
    if let Some((at, _)) = written.char_indices().nth(80) {
        written.truncate(at);
        written.push('…');
    }
    format!(
        "nothing needed {} {written}{}",
        rule.subject.name(),
        name.unwrap_or_default()
    )
}

/// Describes an allow that nothing needed, with its line; escaped.
fn unused(rule: &crate::policy::Rule) -> String {
    format!("line {}: {}", rule.line, unneeded(rule))
}
