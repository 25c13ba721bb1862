//! Passes secrets in many forms and counts the masked ones. A secret of the command is also masked
//! in the command lines that lead to it.

use std::{ffi::OsString, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;

use crate::harness::{Recorded, Recording, Test, act, live, tracer, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(given_command_lines_are_masked),
        live!(our_command_lines_are_masked),
        live!(the_own_command_line_is_masked),
        live!(ancestors_are_masked),
        live!(given_values_are_masked_everywhere),
        live!(world_readable_values_are_refused),
        live!(no_redact_masks_nothing_and_says_so),
        live!(a_users_table_is_applied),
        live!(a_mistake_in_a_table_is_located),
    ]
}

fn given_command_lines_are_masked() {
    measure(include_str!("../../fixtures/secrets/given.json"), 95);
}

fn our_command_lines_are_masked() {
    measure(include_str!("../../fixtures/secrets/ours.json"), 95);
}

fn strings(value: &Value) -> Vec<String> {
    let words = value.as_array().expect("a list").iter();
    words
        .map(|word| word.as_str().expect("a word").to_owned())
        .collect()
}

/// Records each command line as /bin/true, which ignores it.
fn recorded(lines: &[Vec<String>]) -> Vec<Vec<String>> {
    let input = serde_json::to_vec(lines).expect("JSON");
    let trace = Recording::of(act(["listed-arguments"]))
        .option(["--no-changes"])
        .input(&input)
        .run()
        .trace();
    let execs = trace.of_command("exec");
    let seen: Vec<Vec<String>> = execs
        .iter()
        .filter(|event| event.text("filename").ends_with("/true"))
        .map(|event| {
            let argv = event.argv();
            argv.iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect()
        })
        .collect();
    assert_eq!(seen.len(), lines.len());
    seen
}

fn measure(list: &str, percent: usize) {
    let list: Value = serde_json::from_str(list).expect("a list");
    let rows = list["secret"].as_array().expect("rows");
    let lines: Vec<Vec<String>> = rows.iter().map(|row| strings(&row["argv"])).collect();
    let (mut all, mut kept) = (0, Vec::new());
    for (row, argv) in rows.iter().zip(recorded(&lines)) {
        assert_eq!(argv.len(), strings(&row["argv"]).len(), "{argv:?}");
        for secret in strings(&row["secrets"]) {
            all += 1;
            if argv.join(" ").contains(&secret) {
                kept.push(argv.join(" "));
            }
        }
    }
    let innocent: Vec<Vec<String>> = list["innocent"]
        .as_array()
        .expect("rows")
        .iter()
        .map(strings)
        .collect();
    let after = recorded(&innocent);
    let touched: Vec<&Vec<String>> = innocent
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .map(|(_, after)| after)
        .collect();
    let masked = all - kept.len();
    assert!(
        masked * 100 >= all * percent,
        "{masked} of {all}: {kept:#?}"
    );
    assert!(touched.len() * 200 < innocent.len(), "{touched:#?}");
}

/// Returns the lines of a replay that contain `text`.
fn lines_with(recorded: &Recorded, text: &str) -> usize {
    let mut replay = tracer();
    replay
        .arg("replay")
        .arg(&recorded.file)
        .args(["--format", "jsonl"]);
    let output = replay.output().expect("a replay");
    assert!(output.status.success());
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    output.lines().filter(|line| line.contains(text)).count()
}

/// Makes a program of that name that does nothing.
fn idle(directory: &Path, name: &str) -> OsString {
    let path = directory.join(name);
    std::fs::write(&path, "#!/bin/sh\n").expect("a script");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("its mode");
    path.into()
}

fn the_own_command_line_is_masked() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = |name| idle(directory.path(), name);
    for command in [
        vec!["/bin/true".into(), "--password".into(), "letmein".into()],
        vec![program("curl"), "-u".into(), "admin:letmein".into()],
        vec![program("mysql"), "-pletmein".into()],
        vec![program("sshpass"), "-pletmein".into(), "true".into()],
        vec![
            "env".into(),
            "X=1".into(),
            program("mysql"),
            "-pletmein".into(),
        ],
    ] {
        let recorded = Recording::of(command.clone())
            .option(["--no-changes"])
            .run();
        assert_eq!(lines_with(&recorded, "letmein"), 0, "{command:?}");
    }
}

fn ancestors_are_masked() {
    let directory = tempfile::tempdir().expect("a directory");
    let trace = directory.path().join("it.trace");
    let mysql = idle(directory.path(), "mysql");
    let line = format!(
        "{} record -q --no-changes --force -o {} -- {} -pletmein; true",
        tracer().get_program().display(),
        trace.display(),
        mysql.display()
    );
    let status = std::process::Command::new("env")
        .args(["sh", "-c", &line])
        .status();
    assert!(status.is_ok_and(|status| status.success()));
    let mut replay = tracer();
    replay.arg("replay").arg(&trace).args(["--format", "jsonl"]);
    let output = replay.output().expect("a replay").stdout;
    let output = String::from_utf8_lossy(&output);
    assert!(output.contains("-p‹secret "), "it is there, masked");
    assert!(!output.contains("letmein"));
}

fn given_values_are_masked_everywhere() {
    let directory = tempfile::tempdir().expect("a directory");
    let list = directory.path().join("values.txt");
    std::fs::write(&list, "swordfish\nplain words\n").expect("a list");
    std::fs::set_permissions(&list, PermissionsExt::from_mode(0o600)).expect("its mode");
    let recorded = Recording::of(words([
        "/bin/true",
        "swordfish",
        "x-plain words-y",
        "openup",
    ]))
    .option(["--no-changes", "--redact-value-from", "GIVEN_VALUE"])
    .option(["--redact-value-from", &list.to_string_lossy()])
    .environment("GIVEN_VALUE", "openup")
    .run();
    for value in ["swordfish", "plain words", "openup"] {
        assert_eq!(lines_with(&recorded, value), 0, "{value}");
    }
}

fn world_readable_values_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let list = directory.path().join("values.txt");
    std::fs::write(&list, "swordfish\n").expect("a list");
    std::fs::set_permissions(&list, PermissionsExt::from_mode(0o644)).expect("its mode");
    for (source, reason) in [
        (list.to_string_lossy().into_owned(), "mode 0644"),
        (
            directory.path().to_string_lossy().into_owned(),
            "not a regular file",
        ),
        ("NO_SUCH_VARIABLE".to_owned(), "it is not set"),
    ] {
        let recorded = Recording::of(words(["/bin/true"]))
            .option(["--redact-value-from", &source])
            .run();
        assert_eq!(recorded.ended.code, Some(125));
        let messages = recorded.ended.messages();
        assert!(messages.contains(reason), "{messages}");
        assert!(messages.contains("hint: "), "{messages}");
        assert!(!messages.contains("swordfish"), "{messages}");
    }
}

fn no_redact_masks_nothing_and_says_so() {
    let recorded = Recording::of(words(["/bin/true", "--password", "Hunter2-long"]))
        .option(["--no-changes", "--no-redact"])
        .run();
    assert!(recorded.ended.messages().contains("NOT masked"));
    assert!(lines_with(&recorded, "Hunter2-long") > 0);
    let mut tree = tracer();
    let said = tree
        .arg("tree")
        .arg(&recorded.file)
        .output()
        .expect("a view");
    assert!(String::from_utf8_lossy(&said.stderr).contains("NOT MASKED"));
}

fn a_users_table_is_applied() {
    let directory = tempfile::tempdir().expect("a directory");
    let table = directory.path().join("ours.toml");
    let text = "[[form]]\nname = \"ours\"\nbegins = [\"acme_\"]\npattern = \"acme_[a-z]{8}\"\n\
        [[program]]\nnames = \"acme-cli\"\nuses = [\"enrol * SECRET\"]\n";
    std::fs::write(&table, text).expect("a table");
    let program = idle(directory.path(), "acme-cli");
    let mut command = words(["/usr/bin/env"]);
    command.extend([program, "enrol".into(), "host".into(), "openup".into()]);
    command.push("acme_zyxwvuts".into());
    let recorded = Recording::of(command)
        .option(["--no-changes", "--secrets", &table.to_string_lossy()])
        .run();
    assert_eq!(lines_with(&recorded, "openup"), 0);
    assert_eq!(lines_with(&recorded, "acme_zyxwvuts"), 0);
}

fn a_mistake_in_a_table_is_located() {
    let directory = tempfile::tempdir().expect("a directory");
    let table = directory.path().join("ours.toml");
    std::fs::write(&table, "[[program]]\nnames = \"x\"\nusess = []\n").expect("a table");
    let recorded = Recording::of(words(["/bin/true"]))
        .option(["--secrets", &table.to_string_lossy()])
        .run();
    assert_eq!(recorded.ended.code, Some(125));
    let messages = recorded.ended.messages();
    assert!(
        messages.contains("ours.toml:3:1: unknown field"),
        "{messages}"
    );
}
