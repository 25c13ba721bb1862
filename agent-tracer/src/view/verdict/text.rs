//! Writes a verdict as the patch that a reviewer would make.

use super::{blindness, can_be_accepted, sentence, state_hint, unused};
use crate::{
    policy::{Outcome, Verdict},
    view::page::{Emphasis, Page},
};

/// Unused rules that are listed at most.
const UNUSED: usize = 20;

/// Lists what is unknown, the findings and the unused rules; `accept` is the command that accepts
/// what is new.
pub fn verdict_text(page: &Page, verdict: &Verdict<'_>, accept: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if !verdict.blind.is_empty() {
        lines.push(page.emphasise(Emphasis::Bad, "UNKNOWN, so nothing conforms:"));
    }
    for (observation, blind) in &verdict.blind {
        let text = blindness(verdict, observation, blind);
        lines.extend(page.wrap(&format!("  {text}"), 4));
    }
    for finding in &verdict.findings {
        lines.extend(page.wrap(&sentence(verdict, finding), 4));
    }
    for rule in verdict.unused_rules().take(UNUSED) {
        lines.extend(page.wrap(&format!("warning: {}", unused(rule)), 4));
    }
    let more = verdict.unused.len().saturating_sub(UNUSED);
    if more > 0 {
        lines.push(format!("warning: {more} more rules that nothing needed"));
    }
    let count = verdict.findings.len();
    lines.push(match verdict.outcome {
        Outcome::Conforms => "conforms".to_owned(),
        Outcome::Findings => format!("findings: {count}"),
        Outcome::Incomplete => format!("incomplete: not all was seen; findings so far: {count}"),
        Outcome::Damaged => {
            format!("damaged: parts of the trace are lost; findings so far: {count}")
        }
    });
    lines.extend(
        state_hint(verdict)
            .iter()
            .flat_map(|hint| page.wrap(hint, 4)),
    );
    if can_be_accepted(verdict) {
        lines.push(format!("accept what is new with: {accept}"));
    }
    lines
}
