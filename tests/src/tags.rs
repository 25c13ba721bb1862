//! `tracer tags`: what addresses are called, from lists of every form, from arguments and stdin, and what is said of files
//! that are no lists. The published lists themselves are held against a plain scan where somebody has put them.

mod scan;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::harness::{Ended, Test, finish, on_terminal, plain, run, run_with, says, tracer};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        plain!(one_row_an_address),
        plain!(all_tags_of_an_address),
        plain!(an_object_an_address_with_all_its_tags),
        plain!(lists_of_every_form_together),
        plain!(addresses_come_from_stdin_one_a_line),
        plain!(a_line_that_is_no_address_is_told_by_its_number),
        plain!(a_flood_of_bad_lines_is_counted),
        plain!(a_list_lies_where_users_and_machines_have_theirs),
        without_lists(plain!(without_a_list_platform_addresses_have_names)),
        plain!(what_is_no_list_is_told_in_a_sentence),
        plain!(a_list_may_come_through_a_pipe),
        plain!(usage_is_2),
        plain!(nothing_of_a_list_reaches_the_terminal_raw),
        plain!(rows_fit_a_narrow_terminal),
        plain!(rows_line_up_in_blocks),
        plain!(a_reader_that_has_seen_enough_is_no_error),
        plain!(a_full_disk_under_the_output_is_an_error),
    ];
    tests.extend(scan::tests());
    tests
}

/// On a machine that has a list for everybody, none is hard to come by.
fn without_lists(test: Test) -> Test {
    let places = ["/etc/tracer", "/usr/share/tracer"].map(Path::new);
    if places.iter().any(|place| place.join(NAME).exists()) {
        return test.lacking("a machine without a list of its own");
    }
    test
}

/// What a default list is called.
const NAME: &str = "service-tags.json";

const FIXTURES: [(&str, &str); 4] = [
    ("tags.json", include_str!("../fixtures/tags.json")),
    ("ip-ranges.json", include_str!("../fixtures/ip-ranges.json")),
    ("cloud.json", include_str!("../fixtures/cloud.json")),
    ("goog.json", include_str!("../fixtures/goog.json")),
];

/// A directory with a list of every form.
struct Lists(TempDir);

impl Lists {
    fn new() -> Lists {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (name, text) in FIXTURES {
            fs::write(directory.path().join(name), text).expect("a list");
        }
        Lists(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, files: &[&str], words: &[&str]) -> Command {
        let mut command = tracer();
        command.arg("tags").args(words);
        for file in files {
            command.arg("--service-tags").arg(self.path(file));
        }
        command
    }

    fn run(&self, words: &[&str]) -> Ended {
        run(&mut self.command(&["tags.json"], words))
    }
}

fn one_row_an_address() {
    let addresses = [
        "40.79.194.105",
        "168.63.129.15",
        "168.63.129.16",
        "[2001:db8:40::1]:443",
        "::ffff:40.79.194.103",
        "169.254.169.254:80",
        "192.0.2.1",
    ];
    let shown = Lists::new().run(&addresses).success();
    assert_eq!(
        shown.text(),
        "\
ADDRESS          TAG                                PREFIX            REGION     SERVICE       OTHER TAGS
40.79.194.105    AzureMonitor.JapanEast             40.79.194.104/29  japaneast  AzureMonitor  AzureMonitor, AzureCloud.japaneast, AzureCloud
168.63.129.15    AzureCloud.eastasia                168.63.129.0/28   eastasia   -             AzureCloud
168.63.129.16    (Azure platform: DNS, WireServer)  -                 -          -             -
2001:db8:40::1   AzureCloud.japaneast               2001:db8:40::/48  japaneast  -             AzureCloud
40.79.194.103    AzureCloud.japaneast               40.79.192.0/21    japaneast  -             AzureCloud
169.254.169.254  (instance metadata)                -                 -          -             -
192.0.2.1        -                                  -                 -          -             -
"
    );
    assert_eq!(shown.messages(), "");
}

fn all_tags_of_an_address() {
    let shown = Lists::new()
        .run(&["--all", "40.79.194.105", "168.63.129.16:53"])
        .success();
    assert_eq!(
        shown.text(),
        "\
ADDRESS        TAG                     PREFIX            REGION     SERVICE
40.79.194.105  AzureMonitor.JapanEast  40.79.194.104/29  japaneast  AzureMonitor
40.79.194.105  AzureMonitor            40.79.194.104/29  -          AzureMonitor
40.79.194.105  AzureCloud.japaneast    40.79.192.0/21    japaneast  -
40.79.194.105  AzureCloud              40.79.192.0/21    -          -
168.63.129.16  (Azure platform DNS)    -                 -          -
"
    );
}

fn an_object_an_address_with_all_its_tags() {
    let words = [
        "--format",
        "jsonl",
        "168.63.129.0",
        "168.63.129.16:32526",
        "192.0.2.1",
    ];
    let shown = Lists::new().run(&words).success();
    assert_eq!(
        shown.text(),
        r#"{"address":"168.63.129.0","tag":"AzureCloud.eastasia","tags":[{"name":"AzureCloud.eastasia","prefix":"168.63.129.0/28","region":"eastasia","system_service":"","cloud":"Public"},{"name":"AzureCloud","prefix":"168.63.129.0/28","region":"","system_service":"","cloud":"Public"}]}
{"address":"168.63.129.16","port":32526,"tags":[],"note":"Azure platform WireServer"}
{"address":"192.0.2.1","tags":[]}
"#
    );
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

fn addresses_come_from_stdin_one_a_line() {
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

fn a_line_that_is_no_address_is_told_by_its_number() {
    let mut input = b"40.79.194.105\nexample.org\n\n10.0.0.0/8\n\xff\xfe\x1b[31m\n".to_vec();
    input.extend([b'1'; 1_000_000]);
    input.extend(b"\n40.79.194.106\n");
    let shown = run_with(&mut Lists::new().command(&["tags.json"], &[]), &input);
    assert_eq!(shown.code, Some(1));
    let rows: Vec<&str> = shown.text().lines().collect();
    assert_eq!(rows.len(), 3, "it goes on: {}", shown.text());
    let messages: Vec<&str> = shown.messages().lines().collect();
    for (message, number) in messages.iter().zip([2, 4, 5, 6]) {
        let start = format!("tracer: line {number}: not an address: ");
        assert!(message.starts_with(&start), "{message}");
        assert!(
            message.len() < 200 && !message.contains('\x1b'),
            "{message}"
        );
    }
    assert_eq!(messages.len(), 4, "{}", shown.messages());
}

fn a_flood_of_bad_lines_is_counted() {
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

fn a_list_lies_where_users_and_machines_have_theirs() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let place = |directory: &str, cloud: &str| {
        let directory = home.path().join(directory).join("tracer");
        fs::create_dir_all(&directory).expect("a directory");
        let list = format!(
            r#"{{"values": [{{"name": "{cloud}", "properties": {{"addressPrefixes": ["0.0.0.0/0"]}}}}]}}"#
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
    // One that is there and no list is not passed over.
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
    assert_eq!(messages.lines().count(), 1, "{messages}");
    for part in [
        "tracer: no tag file",
        "https://",
        ".config/tracer/service-tags.json",
    ] {
        assert!(messages.contains(part), "{part}: {messages}");
    }
}

fn what_is_no_list_is_told_in_a_sentence() {
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
    // 200 MB, of which no byte is on the disk.
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
        ("huge", &["too large", "64 MiB"]),
    ] {
        let refused = run(&mut lists.command(&["tags.json", name], &["40.79.194.105"]));
        says(&refused, 1, parts);
        says(&refused, 1, &[name]);
    }
    let endless = run(tracer().args(["tags", "192.0.2.1", "--service-tags", "/dev/zero"]));
    says(&endless, 1, &["/dev/zero", "too large"]);
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

fn nothing_of_a_list_reaches_the_terminal_raw() {
    let lists = Lists::new();
    for words in [&[][..], &["--all"], &["--format", "jsonl"]] {
        let mut command = lists.command(&["tags.json"], &["203.0.113.1"]);
        command
            .args(words)
            .env("NO_COLOR", "1")
            .env("TERM", "xterm");
        let (code, shown) = on_terminal(&mut command, 200);
        assert_eq!(code, Some(0));
        for character in shown.chars() {
            let harmless = ['\n', '\r'].contains(&character) || !character.is_control();
            assert!(
                harmless && character != '\u{202e}',
                "{character:?} in {shown}"
            );
        }
        assert!(shown.contains('鬼'), "what is visible stays: {shown}");
    }
    let shown = lists.run(&["203.0.113.1"]).success();
    assert!(
        shown.text().contains("Hostile\\e[31m\\u202e.鬼"),
        "{}",
        shown.text()
    );
    assert_eq!(shown.text().lines().count(), 2);
}

fn rows_fit_a_narrow_terminal() {
    let lists = Lists::new();
    let addresses = [
        "40.79.194.105",
        "168.63.129.16",
        "2001:db8:40::1",
        "192.0.2.1",
    ];
    for columns in [20, 40, 60, 80, 100, 200] {
        for all in [false, true] {
            let mut command = lists.command(&["tags.json"], &addresses);
            command.args(all.then_some("--all")).env("NO_COLOR", "1");
            let (code, shown) = on_terminal(command.env("TERM", "xterm"), columns);
            assert_eq!(code, Some(0));
            assert!(shown.lines().count() >= 5, "{shown}");
            for line in shown.lines() {
                let width = line.trim_end_matches('\r').chars().count();
                assert!(width <= usize::from(columns), "{columns}: {line}");
            }
            assert!(
                columns < 60 || shown.contains("AzureMonitor.JapanEast"),
                "{shown}"
            );
            assert_eq!(
                columns >= 80,
                shown.contains("REGION"),
                "{columns}: {shown}"
            );
        }
    }
}

/// Wherever a pipe happens to end, the same addresses make the same table.
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

fn a_reader_that_has_seen_enough_is_no_error() {
    let lists = Lists::new();
    for format in ["text", "jsonl"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = lists.command(&["tags.json"], &["--format", format, "40.79.194.105"]);
        let messages = File::create(lists.path("stderr")).expect("a file");
        command.stdin(Stdio::null()).stdout(writer).stderr(messages);
        let status = finish(command.spawn().expect("tracer"));
        assert_eq!(status.code(), Some(0), "{format}");
        let messages = fs::read_to_string(lists.path("stderr")).expect("messages");
        assert_eq!(messages, "", "{format}");
    }
    let mut command = Command::new("sh");
    let script = "yes 40.79.194.105 | { \"$1\" tags --service-tags \"$2\"; echo \"status $?\" >&2; } | head -n 1";
    command
        .args(["-c", script, "sh"])
        .arg(tracer().get_program());
    let seen = run(command.arg(lists.path("tags.json"))).success();
    assert_eq!(seen.messages(), "status 0\n");
}

fn a_full_disk_under_the_output_is_an_error() {
    let lists = Lists::new();
    let mut command = lists.command(&["tags.json"], &["40.79.194.105"]);
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let messages = File::create(lists.path("stderr")).expect("a file");
    command.stdin(Stdio::null()).stdout(full).stderr(messages);
    let status = finish(command.spawn().expect("tracer"));
    assert_eq!(status.code(), Some(1));
    let messages = fs::read_to_string(lists.path("stderr")).expect("messages");
    assert!(
        messages.starts_with("tracer: ") && messages.lines().count() == 1,
        "{messages}"
    );
}
