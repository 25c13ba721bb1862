//! Writes a verdict as workflow commands and a step summary. Names are hostile: a line break or a
//! colon in one must not become another command.

use super::{blindness, can_be_accepted, line, rule_id, sentence, state_hint, unneeded, unused};
use crate::policy::Verdict;

/// Annotations of a level that a step shows; further ones vanish without a word.
const ANNOTATIONS: usize = 10;

/// Limit of bytes in a summary, below that of the service.
const SUMMARY: usize = 1_000_000;

/// The output for one step.
pub struct GithubOutput {
    /// Lines for stdout.
    pub lines: Vec<String>,
    /// Markdown for the step summary.
    pub summary: String,
    /// Entries that have no annotation, for stdout if there is no summary.
    pub rest: Vec<String>,
}

/// Writes a verdict; `accept` says how to accept what is new.
pub fn github(verdict: &Verdict<'_>, accept: &str) -> GithubOutput {
    let file = &verdict.policy.file;
    let mut entries: Vec<(usize, String, String)> = Vec::new();
    for (observation, blind) in &verdict.blind {
        let line = blind.line().unwrap_or(verdict.policy.require.line).max(1);
        let text = format!("unknown: {}", blindness(verdict, observation, blind));
        entries.push((line, "unknown".to_owned(), text));
    }
    for finding in &verdict.findings {
        let text = sentence(verdict, finding);
        entries.push((line(verdict, finding), rule_id(finding), text));
    }
    let shown = match entries.len() {
        count if count <= ANNOTATIONS => count,
        _ => ANNOTATIONS - 1,
    };
    let mut lines: Vec<String> = entries
        .iter()
        .take(shown)
        .map(|(line, title, text)| command("error", file, *line, title, text))
        .collect();
    let rest: Vec<String> = entries
        .iter()
        .skip(shown)
        .map(|(_, _, text)| text.clone())
        .collect();
    if !rest.is_empty() {
        let text = format!(
            "{} more findings are in the summary of this step",
            rest.len()
        );
        lines.push(command("error", file, 1, "more findings", &text));
    }
    let warnings: Vec<(usize, String)> = verdict
        .unused_rules()
        .map(|rule| (rule.line, unneeded(rule)))
        .collect();
    let shown = match warnings.len() {
        count if count <= ANNOTATIONS => count,
        _ => ANNOTATIONS - 1,
    };
    let of_warnings = warnings.iter().take(shown);
    lines.extend(
        of_warnings.map(|(line, text)| command("warning", file, *line, "unused rule", text)),
    );
    let more = warnings.len() - shown;
    if more > 0 {
        let text = format!("{more} more unused rules are in the summary of this step");
        lines.push(command("warning", file, 1, "unused rules", &text));
    }
    let mut all: Vec<String> = entries.into_iter().map(|(_, _, text)| text).collect();
    all.extend(
        verdict
            .unused_rules()
            .map(|rule| format!("warning: {}", unused(rule))),
    );
    GithubOutput {
        lines,
        summary: summary(verdict, &all, accept),
        rest,
    }
}

/// Writes a workflow command.
fn command(level: &str, file: &str, line: usize, title: &str, text: &str) -> String {
    format!(
        "::{level} file={},line={line},title={}::{}",
        property(file),
        property(title),
        data(text)
    )
}

/// Escapes the text of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn summary(verdict: &Verdict<'_>, entries: &[String], accept: &str) -> String {
    let mut text = format!("### tracer check: {}\n\n", verdict.outcome.name());
    if !entries.is_empty() {
        text.push_str("<pre>\n");
        for (number, entry) in entries.iter().enumerate() {
            let entry = html(entry);
            if text.len() + entry.len() > SUMMARY {
                let more = entries.len() - number;
                text.push_str(&format!("{more} more are too many for this page\n"));
                break;
            }
            text.push_str(&entry);
            text.push('\n');
        }
        text.push_str("</pre>\n\n");
    }
    if let Some(hint) = state_hint(verdict) {
        text.push_str(&format!("{}\n\n", html(hint)));
    }
    if can_be_accepted(verdict) {
        text.push_str(&format!("Accept what is new: {}\n", html(accept)));
    }
    text
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn names_cannot_add_commands() {
        let line = command(
            "error",
            "a,b:c.toml",
            3,
            "x",
            "new a%0A\n::set-output name=x::y\r",
        );
        assert_eq!(
            line,
            "::error file=a%2Cb%3Ac.toml,line=3,title=x::new a%250A%0A::set-output name=x::y%0D"
        );
    }
}
