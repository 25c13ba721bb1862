//! Tests lists of service tags: every format, every place, and the messages about other files.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use super::{FIXTURES, Lists};
use crate::harness::{Test, plain, run, says, tracer};

/// Name of the default list.
const NAME: &str = "service-tags.json";

pub(super) fn tests() -> Vec<Test> {
    vec![
        plain!(lists_of_every_form_together),
        plain!(lists_are_found_in_the_usual_directories),
        without_lists(plain!(without_a_list_platform_addresses_have_names)),
        plain!(other_files_are_refused_with_a_reason),
        plain!(a_list_may_come_through_a_pipe),
    ]
}

/// Skips a test on machines with a global list.
fn without_lists(test: Test) -> Test {
    let places = ["/etc/tracer", "/usr/share/tracer"].map(Path::new);
    if places.iter().any(|place| place.join(NAME).exists()) {
        return test.lacking("a machine without a list of its own");
    }
    test
}

fn lists_of_every_form_together() {
    let lists = Lists::new();
    let all = FIXTURES.map(|(name, _)| name);
    let mut command = lists.command(
        &all,
        &[
            "198.51.100.7",
            "192.0.2.1",
            "192.0.2.129",
            "2001:db8:a00::1",
            "2001:db8:9000::",
            "40.79.194.105",
        ],
    );
    let shown = run(&mut command).success();
    let rows: Vec<Vec<&str>> = shown
        .text()
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().skip(1).collect())
        .collect();
    assert_eq!(
        rows[0][..5],
        [
            "EC2.eu-central-1",
            "198.51.100.0/24",
            "eu-central-1",
            "EC2",
            "AMAZON.eu-central-1"
        ]
    );
    assert_eq!(
        rows[1],
        ["CLOUDFRONT", "192.0.2.0/25", "-", "CLOUDFRONT", "Google"]
    );
    assert_eq!(
        rows[2],
        [
            "GoogleCloud.europe-west3",
            "192.0.2.128/25",
            "europe-west3",
            "Google",
            "Cloud",
            "Google"
        ]
    );
    assert_eq!(
        rows[3][..4],
        ["S3.eu-central-1", "2001:db8:a00::/40", "eu-central-1", "S3"]
    );
    assert_eq!(rows[4][..2], ["GoogleCloud", "2001:db8:9000::/36"]);
    assert_eq!(rows[5][0], "AzureMonitor.JapanEast");
    let mut command = lists.command(&all, &["--format", "jsonl", "192.0.2.129"]);
    let shown = run(&mut command).success();
    assert!(
        shown.text().contains(r#""cloud":"Google""#),
        "{}",
        shown.text()
    );
}

fn lists_are_found_in_the_usual_directories() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let place = |directory: &str, cloud: &str| {
        let directory = home.path().join(directory).join("tracer");
        fs::create_dir_all(&directory).expect("a directory");
        let list = format!(
            r#"{{"values": [{{"name": "{cloud}", "properties":
                {{"addressPrefixes": ["0.0.0.0/0"]}}}}]}}"#
        );
        fs::write(directory.join(NAME), list).expect("a list");
    };
    place(".config", "Home");
    place("xdg", "Xdg");
    let tag = |environment: &[(&str, &Path)], words: &[&str]| {
        let mut command = tracer();
        command.args(["tags", "--all", "192.0.2.1"]).args(words);
        command
            .current_dir(home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("HOME");
        let shown = run(command.envs(environment.iter().copied())).success();
        shown
            .text()
            .split_whitespace()
            .nth(6)
            .unwrap_or_default()
            .to_owned()
    };
    let xdg = home.path().join("xdg");
    assert_eq!(tag(&[("HOME", home.path())], &[]), "Home");
    assert_eq!(
        tag(&[("HOME", home.path()), ("XDG_CONFIG_HOME", &xdg)], &[]),
        "Xdg"
    );
    let relative = Path::new("xdg");
    assert_eq!(
        tag(&[("HOME", home.path()), ("XDG_CONFIG_HOME", relative)], &[]),
        "Home"
    );
    let lists = Lists::new();
    let given = lists.path("goog.json");
    let given = ["--service-tags", given.to_str().expect("a path")];
    assert_eq!(tag(&[("HOME", home.path())], &given), "Google");
    // A file that exists but is not a list is reported.
    fs::write(xdg.join("tracer").join(NAME), "<html>").expect("a file");
    let mut command = tracer();
    command
        .args(["tags", "192.0.2.1"])
        .env("XDG_CONFIG_HOME", &xdg);
    says(&run(&mut command), 1, &[NAME, "HTML"]);
}

fn without_a_list_platform_addresses_have_names() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut command = tracer();
    command.args(["tags", "169.254.169.254", "168.63.129.16", "40.79.194.105"]);
    let shown = run(command
        .env_remove("XDG_CONFIG_HOME")
        .env("HOME", home.path()))
    .success();
    let rows: Vec<&str> = shown.text().lines().collect();
    assert!(rows[1].contains("(instance metadata)"), "{}", rows[1]);
    assert!(rows[2].contains("(Azure platform"), "{}", rows[2]);
    assert_eq!(rows.len(), 4);
    let messages = shown.messages();
    assert_eq!(messages.lines().count(), 2, "{messages}");
    for part in [
        "there is no tag file",
        "https://",
        ".config/tracer/service-tags.json",
    ] {
        assert!(messages.contains(part), "{part}: {messages}");
    }
}

fn other_files_are_refused_with_a_reason() {
    let lists = Lists::new();
    let whole = FIXTURES[0].1;
    let write = |name: &str, text: &[u8]| fs::write(lists.path(name), text).expect("a file");
    write("empty", b"");
    write(
        "page",
        b"<!DOCTYPE html>\n<html><body>Sign in</body></html>",
    );
    write("cut", &whole.as_bytes()[..whole.len() / 2]);
    write("other", br#"{"ranges": ["192.0.2.0/24"]}"#);
    write("packed", b"\x1f\x8b\x08\0\0\0\0\0");
    write(
        "wrong",
        br#"{"values": [{"name": "A", "properties": {"addressPrefixes": ["192.0.2.0/33"]}}]}"#,
    );
    write("text", b"192.0.2.0/24\n");
    // 200 MB, without a byte on the disk.
    File::create(lists.path("huge"))
        .and_then(|file| file.set_len(200_000_000))
        .expect("a file");
    for (name, parts) in [
        ("no such file", &["cannot read", "No such file"][..]),
        (".", &["a directory"]),
        ("empty", &["empty", "download"]),
        ("page", &["HTML", "link"]),
        ("cut", &["ends in the middle", "download it again"]),
        ("other", &["neither `values` nor `prefixes`"]),
        ("packed", &["compressed", "gunzip"]),
        ("wrong", &["wrong:1:", "192.0.2.0/33"]),
        ("text", &["not a JSON object"]),
        ("huge", &["more than 64 MiB"]),
    ] {
        let refused = run(&mut lists.command(&["tags.json", name], &["40.79.194.105"]));
        says(&refused, 1, parts);
        says(&refused, 1, &[name]);
    }
    let endless = run(tracer().args(["tags", "192.0.2.1", "--service-tags", "/dev/zero"]));
    says(&endless, 1, &["/dev/zero", "more than 64 MiB"]);
}

fn a_list_may_come_through_a_pipe() {
    let lists = Lists::new();
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "cat \"$2\" | \"$1\" tags --service-tags /dev/stdin 168.63.129.1",
        "sh",
    ]);
    let shown = run(command
        .arg(tracer().get_program())
        .arg(lists.path("tags.json")))
    .success();
    assert!(
        shown.text().contains("AzureCloud.eastasia"),
        "{}",
        shown.text()
    );
}
