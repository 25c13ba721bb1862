//! Writes a verdict as JUnit XML: a suite a tree, a failed case a finding.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{blindness, plain, rule_id, sentence, stable_name, tree};
use crate::policy::{Subject, Verdict};

/// Name of the suite for what the recordings could not see.
const RECORDING: &str = "recording";

/// Writes a verdict.
///
/// # Errors
///
/// The writer refuses a text.
pub fn verdict_junit(verdict: &Verdict<'_>) -> Result<String, quick_junit::SerializeError> {
    let mut suites: BTreeMap<String, BTreeMap<String, TestCase>> = BTreeMap::new();
    let mut numbers = 0;
    // A number keeps cases of one name apart.
    let mut add = |suite: &str, name: String, case: TestCase| {
        numbers += 1;
        let cases = suites.entry(plain(suite)).or_default();
        cases.insert(format!("{name}\0{numbers:09}"), case);
    };
    let mut seen: BTreeMap<(&str, Subject), usize> = BTreeMap::new();
    for item in verdict
        .observations
        .iter()
        .flat_map(|observation| &observation.items)
    {
        *seen.entry((&item.tree, item.subject)).or_default() += 1;
    }
    for finding in &verdict.findings {
        let text = sentence(verdict, finding);
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(text.clone());
        status.set_type(rule_id(finding));
        status.set_description(text);
        let name = format!("{} {}", rule_id(finding), plain(&stable_name(finding)));
        let case = case(tree(finding), &name, status);
        add(tree(finding), name, case);
        if let (Some(subject), suite) = (finding.subject(), tree(finding)) {
            seen.remove(&(suite, subject));
        }
    }
    for ((tree, subject), count) in seen {
        let name = format!("{} ({count})", subject.name());
        add(
            tree,
            name.clone(),
            case(tree, &name, TestCaseStatus::success()),
        );
    }
    for (observation, blind) in &verdict.blind {
        let text = blindness(verdict, observation, blind);
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(text.clone());
        status.set_type("unknown");
        add(RECORDING, text.clone(), case(RECORDING, &text, status));
    }
    if verdict
        .observations
        .iter()
        .any(|observation| observation.sight.is_damaged)
    {
        let text = "the trace is damaged";
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(text);
        add(RECORDING, text.to_owned(), case(RECORDING, text, status));
    }
    let mut report = Report::new("tracer check");
    for (name, cases) in suites {
        let mut suite = TestSuite::new(name);
        suite.add_test_cases(cases.into_values());
        report.add_test_suite(suite);
    }
    report.to_string()
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(plain(class));
    case
}
