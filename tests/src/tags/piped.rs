//! Tests the input: addresses from arguments and from stdin, and invalid ones.

use std::process::Command;

use super::Lists;
use crate::harness::{Test, plain, run, run_with, tracer};

pub(super) fn tests() -> Vec<Test> {
    vec![
        plain!(addresses_are_read_from_stdin_lines),
        plain!(a_line_without_an_address_is_reported_by_number),
        plain!(many_bad_lines_are_counted),
        plain!(rows_line_up_in_blocks),
        plain!(usage_is_2),
    ]
}

fn addresses_are_read_from_stdin_lines() {
    let lists = Lists::new();
    let input = b"40.79.194.105\r\n\n  168.63.129.16:53\t\n2001:db8:40::1";
    for words in [&["--format", "jsonl"][..], &["--format", "jsonl", "-"]] {
        let shown = run_with(&mut lists.command(&["tags.json"], words), input).success();
        let tags: Vec<&str> = shown.text().lines().collect();
        assert_eq!(tags.len(), 3, "{}", shown.text());
        assert!(tags[0].contains("AzureMonitor.JapanEast"), "{}", tags[0]);
        assert!(tags[1].contains("platform DNS"), "{}", tags[1]);
        assert!(tags[2].contains("AzureCloud.japaneast"), "{}", tags[2]);
        assert_eq!(shown.messages(), "");
    }
    let words = ["--format", "jsonl", "192.0.2.1", "-", "192.0.2.2"];
    let shown = run_with(&mut lists.command(&["tags.json"], &words), input).success();
    let lines: Vec<&str> = shown.text().lines().collect();
    assert!(
        lines[0].contains("192.0.2.1") && lines[4].contains("192.0.2.2"),
        "{}",
        shown.text()
    );
    let shown = run_with(&mut lists.command(&["tags.json"], &[]), b"").success();
    assert_eq!(shown.text(), "", "no address, no heading");
}

fn a_line_without_an_address_is_reported_by_number() {
    let mut input = b"40.79.194.105\nexample.org\n\n10.0.0.0/8\n\xff\xfe\x1b[31m\n".to_vec();
    input.extend([b'1'; 1_000_000]);
    input.extend(b"\n40.79.194.106\n");
    let shown = run_with(&mut Lists::new().command(&["tags.json"], &[]), &input);
    assert_eq!(shown.code, Some(1));
    let rows: Vec<&str> = shown.text().lines().collect();
    assert_eq!(rows.len(), 3, "it goes on: {}", shown.text());
    let messages: Vec<&str> = shown.messages().lines().collect();
    for (message, number) in messages.iter().zip([2, 4, 5, 6]) {
        let start = format!("tracer: cannot read line {number}: not an address: ");
        assert!(message.starts_with(&start), "{message}");
        assert!(
            message.len() < 200 && !message.contains('\x1b'),
            "{message}"
        );
    }
    assert_eq!(messages.len(), 4, "{}", shown.messages());
}

fn many_bad_lines_are_counted() {
    let input = "no\n".repeat(5000);
    let shown = run_with(
        &mut Lists::new().command(&["tags.json"], &[]),
        input.as_bytes(),
    );
    assert_eq!(shown.code, Some(1));
    assert_eq!(shown.messages().lines().count(), 101);
    let last = shown.messages().lines().last().unwrap_or_default();
    assert!(last.contains("4900 more"), "{last}");
}

/// The same addresses make the same table, regardless of how the pipe splits them.
fn rows_line_up_in_blocks() {
    let lists = Lists::new();
    let input = format!("{}2001:db8:40::1\n", "192.0.2.1\n".repeat(3000));
    let whole = run_with(&mut lists.command(&["tags.json"], &[]), input.as_bytes()).success();
    let lines: Vec<&str> = whole.text().lines().collect();
    assert_eq!(lines.len(), 3002);
    assert_eq!(
        lines[1..=1024]
            .iter()
            .filter(|line| **line == lines[1])
            .count(),
        1024
    );
    assert!(
        lines[3000].starts_with("192.0.2.1       -  "),
        "{}",
        lines[3000]
    );
    let mut command = Command::new("sh");
    let script = "{ head -c 15000; sleep 0.1; cat; } | \"$1\" tags --service-tags \"$2\"";
    command
        .args(["-c", script, "sh"])
        .arg(tracer().get_program());
    let slowly = run_with(command.arg(lists.path("tags.json")), input.as_bytes()).success();
    assert_eq!(slowly.text(), whole.text());
}

fn usage_is_2() {
    for words in [
        &["tags", "example.org"][..],
        &["tags", "40.79.194.105", "40.79.194.0/24"],
        &["tags", "--format", "xml", "192.0.2.1"],
        &["tags", "--service-tags"],
    ] {
        let answer = run(tracer().args(words));
        assert_eq!(answer.code, Some(2), "{words:?}: {}", answer.messages());
        assert_eq!(answer.text(), "", "nothing was done");
    }
    let help = run(tracer().args(["tags", "--help"])).success();
    for part in [
        "tracer tags 40.79.194.105",
        "/etc/tracer/service-tags.json",
        "https://",
    ] {
        assert!(help.text().contains(part), "{part}: {}", help.text());
    }
}
