//! Prints the results of all guests side by side: tests that did not pass everywhere, facts, and
//! programs.

use super::report::Report;
use crate::test::tally::Outcome;

/// Prints all tables, then longer messages.
pub fn print(reports: &[Report]) {
    let tests = |report: &Report| -> Vec<(String, String)> {
        let cells = report.tests.iter();
        cells
            .map(|(name, outcome)| (name.clone(), cell(outcome).to_owned()))
            .collect()
    };
    println!("\nTests that did not pass everywhere");
    grid("TEST", reports, tests, |cells| {
        cells.iter().any(|cell| cell != "passed")
    });
    println!("\nEach hook of a connect, forced");
    let of_hooks = |report: &Report| -> Vec<(String, String)> {
        let mut cells = tests(report);
        cells.retain(|(name, _)| name.starts_with("hooks::"));
        cells
    };
    grid("TEST", reports, of_hooks, |_| true);
    println!("\nThe hook of each fact");
    grid(
        "FACT",
        reports,
        |report| report.listed("facts", "fact", "hook"),
        |_| true,
    );
    println!("\nInstructions that the verifier went through");
    grid(
        "PROGRAM",
        reports,
        |report| report.listed("programs", "hook", "verified_instructions"),
        |_| true,
    );
    println!();
    for report in reports {
        reasons(report);
    }
}

/// `6.1.0-42 plain: 105 passed, 0 failed, 4 skipped · 6.12.…`
pub fn closing_line(reports: &[Report]) -> String {
    let parts: Vec<String> = reports
        .iter()
        .map(|report| format!("{}: {}", report.guest, report.counts()))
        .collect();
    parts.join(" · ")
}

fn cell(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "FAILED",
        Outcome::Skipped(_) => "skipped",
    }
}

/// Prints one column per guest, and rows in the order of their first appearance.
fn grid(
    head: &str,
    reports: &[Report],
    rows: impl Fn(&Report) -> Vec<(String, String)>,
    wanted: impl Fn(&[String]) -> bool,
) {
    let columns: Vec<Vec<(String, String)>> = reports.iter().map(rows).collect();
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in columns.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut lines = vec![
        std::iter::once(head.to_owned())
            .chain(reports.iter().map(|report| report.guest.clone()))
            .collect::<Vec<String>>(),
    ];
    for name in names {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| {
                let found = column.iter().find(|(own, _)| own == name);
                found.map_or("–", |(_, cell)| cell.as_str()).to_owned()
            })
            .collect();
        if wanted(&cells) {
            lines.push(std::iter::once(name.to_owned()).chain(cells).collect());
        }
    }
    if lines.len() == 1 {
        println!("  none");
        return;
    }
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for line in lines {
        let padded: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        println!("  {}", padded.join("  ").trim_end());
    }
}

fn reasons(report: &Report) {
    for (name, outcome) in &report.tests {
        if let Outcome::Skipped(reason) = outcome {
            println!("{}: skipped: {name} ({reason})", report.guest);
        }
    }
    for line in &report.messages {
        println!("{}: {line}", report.guest);
    }
    for (name, outcome) in &report.tests {
        if *outcome == Outcome::Failed {
            println!("{}: FAILED: {name}", report.guest);
        }
    }
    if let Some(trouble) = &report.trouble {
        println!("{}: {trouble}", report.guest);
    }
}
