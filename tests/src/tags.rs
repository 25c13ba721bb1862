//! Tests `tracer tags`: the form of answers, as rows and as objects, on a pipe and on a terminal.

mod files;
mod piped;
mod recorded;
mod scan;

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::harness::{Ended, Test, finish, on_terminal, plain, run, tracer};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        plain!(one_row_per_address),
        plain!(all_tags_of_an_address),
        plain!(one_object_per_address_with_all_tags),
        plain!(nothing_of_a_list_reaches_the_terminal_raw),
        plain!(rows_fit_a_narrow_terminal),
        plain!(a_closed_pipe_is_not_an_error),
        plain!(a_full_disk_under_the_output_is_an_error),
    ];
    tests.extend(files::tests());
    tests.extend(piped::tests());
    tests.extend(recorded::tests());
    tests.extend(scan::tests());
    tests
}

const FIXTURES: [(&str, &str); 4] = [
    ("tags.json", include_str!("../fixtures/tags.json")),
    ("ip-ranges.json", include_str!("../fixtures/ip-ranges.json")),
    ("cloud.json", include_str!("../fixtures/cloud.json")),
    ("goog.json", include_str!("../fixtures/goog.json")),
];

/// A directory with a list of every format.
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

fn one_row_per_address() {
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
ADDRESS          TAG                                PREFIX            REGION     SERVICE       \
OTHER TAGS
40.79.194.105    AzureMonitor.JapanEast             40.79.194.104/29  japaneast  AzureMonitor  \
AzureMonitor, AzureCloud.japaneast, AzureCloud
168.63.129.15    AzureCloud.eastasia                168.63.129.0/28   eastasia   -             \
AzureCloud
168.63.129.16    (Azure platform: DNS, WireServer)  -                 -          -             -
2001:db8:40::1   AzureCloud.japaneast               2001:db8:40::/48  japaneast  -             \
AzureCloud
40.79.194.103    AzureCloud.japaneast               40.79.192.0/21    japaneast  -             \
AzureCloud
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

fn one_object_per_address_with_all_tags() {
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
        concat!(
            r#"{"address":"168.63.129.0","tag":"AzureCloud.eastasia","tags":["#,
            r#"{"name":"AzureCloud.eastasia","prefix":"168.63.129.0/28","region":"eastasia","#,
            r#""system_service":"","cloud":"Public"},"#,
            r#"{"name":"AzureCloud","prefix":"168.63.129.0/28","region":"","#,
            r#""system_service":"","cloud":"Public"}]}"#,
            "\n",
            r#"{"address":"168.63.129.16","port":32526,"tags":[],"#,
            r#""note":"Azure platform WireServer"}"#,
            "\n",
            r#"{"address":"192.0.2.1","tags":[]}"#,
            "\n",
        )
    );
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

fn a_closed_pipe_is_not_an_error() {
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
    let script = "yes 40.79.194.105 | { \"$1\" tags --service-tags \"$2\"; echo \"status $?\" >&2; \
        } | head -n 1";
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
