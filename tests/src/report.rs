//! Tests `tracer report`: its output file, the page's content, and its size. Its text is in the
//! corpus; the page in a browser is in `page`.

mod page;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    corpus,
    harness::{Test, on_terminal, plain, run, says, tracer},
};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        plain!(a_file_is_private_and_never_replaced_unasked),
        plain!(html_is_refused_on_a_terminal),
        plain!(html_is_written_to_a_pipe),
        plain!(the_page_works_without_a_script),
        plain!(filters_are_named_in_a_report),
        plain!(lines_fit_a_terminal_of_any_width),
        plain!(missing_events_are_reported_first),
        plain!(rows_are_marked_against_another_trace),
    ];
    tests.extend(page::tests());
    match corpus::directory().exists() {
        true => tests,
        false => tests
            .into_iter()
            .map(|test| test.lacking("the traces of the corpus"))
            .collect(),
    }
}

fn trace(name: &str) -> PathBuf {
    corpus::directory().join(format!("{name}.trace"))
}

fn report(name: &str, words: &[&str]) -> Command {
    let mut command = tracer();
    command.arg("report").arg(trace(name)).args(words);
    command
}

fn html(name: &str, words: &[&str]) -> String {
    let mut command = report(name, &["--format", "html"]);
    run(command.args(words)).text().to_owned()
}

fn a_file_is_private_and_never_replaced_unasked() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("report.html");
    let write = |file: &Path, words: &[&str]| {
        run(report("scene", words)
            .args(["--format", "html", "-o"])
            .arg(file))
    };
    let done = write(&file, &[]).success();
    assert_eq!((done.text(), done.messages()), ("", ""));
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = fs::read_to_string(&file).expect("a page");
    assert!(first.starts_with("<!DOCTYPE html>"), "{first}");
    says(
        &write(&file, &[]),
        1,
        &["report.html: it exists", "--force"],
    );
    write(&file, &["--force"]).success();
    assert_eq!(
        fs::read_to_string(&file).expect("a page"),
        first,
        "the same"
    );
    let link = directory.path().join("link.html");
    symlink(&file, &link).expect("a link");
    says(&write(&link, &["--force"]), 1, &["symbolic link"]);
    // An unreadable trace does not replace an existing report.
    let mut broken = tracer();
    broken
        .arg("report")
        .arg(&file)
        .arg("--force")
        .arg("-o")
        .arg(&file);
    assert_eq!(run(&mut broken).code, Some(1));
    assert_eq!(fs::read_to_string(&file).expect("a page"), first);
    // Text goes to a file as well, and has no width there.
    let text = directory.path().join("report.txt");
    run(report("scene", &["-o"]).arg(&text)).success();
    let piped = run(&mut report("scene", &[])).success();
    assert_eq!(fs::read_to_string(&text).expect("text"), piped.text());
}

fn html_is_refused_on_a_terminal() {
    let (code, said) = on_terminal(&mut report("scene", &["--format", "html"]), 120);
    assert_eq!(code, Some(1));
    assert!(said.contains("-o report.html"), "{said}");
    assert!(!said.contains("<html"), "{said}");
}

fn html_is_written_to_a_pipe() {
    let page = html("scene", &[]);
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
}

/// Important facts are text of the page, before any script runs.
fn the_page_works_without_a_script() {
    let page = html("oms-names", &[]);
    let (before, _) = page.split_once("<script").expect("a script");
    for part in [
        "<html lang=\"en\">",
        "<main",
        "<nav aria-label=",
        "class=\"skip\"",
        "ended with 0 after 1.4s",
        "Complete: no event was lost",
        "<caption>Trees of processes</caption>",
        "rule omi of azure-monitor",
        "objects.githubusercontent.com",
        "AzureMonitor.JapanEast",
        "0.0.0.0:25324/tcp",
        "raw_tp sched_process_fork",
        "default-src &#39;none&#39;;",
    ] {
        assert!(before.contains(part), "{part}");
    }
    assert_eq!(page.matches("<script").count(), 2);
    for id in before.split(" href=\"#").skip(1) {
        let (id, _) = id.split_once('"').expect("an end");
        assert!(before.contains(&format!(" id=\"{id}\"")), "{id} is nowhere");
    }
    // Its files were not compared, but some were seen being written.
    let scene = html("scene", &[]);
    for found in ["id=\"changes\"", "id=\"attention\""] {
        assert!(before.contains(found), "{found}");
        assert!(!scene.contains(found), "nothing was found: {found}");
    }
    for table in before.split("<table>").skip(1) {
        assert!(table.starts_with("\n<caption>"), "{table:.80}");
        assert!(table.contains("<th scope=\"col\""), "{table:.80}");
    }
}

fn filters_are_named_in_a_report() {
    let words = ["--tree", "omsagent"];
    let text = run(&mut report("oms-names", &words)).success();
    let text = text.text();
    assert!(
        text.contains("3 of 323 processes and 13 of 29 connections are shown"),
        "{text}"
    );
    assert!(
        text.contains("omsagent: 3 processes, 1 running, 13 connections"),
        "{text}"
    );
    assert!(!text.contains("packages.example"), "{text}");
    let page = html("oms-names", &words);
    assert!(page.contains("3 of 323 processes"), "{page}");
    assert!(!page.contains("packages.example"));
    let whole = run(&mut report("oms-names", &[])).success();
    assert!(!whole.text().contains("are shown"), "{}", whole.text());
}

fn lines_fit_a_terminal_of_any_width() {
    for width in [80, 200] {
        let mut command = report("oms-names", &[]);
        command.env("NO_COLOR", "1").env("TERM", "xterm");
        let (code, shown) = on_terminal(&mut command, width);
        assert_eq!(code, Some(0));
        for line in shown.lines() {
            let columns = line.chars().count();
            assert!(columns <= width.into(), "{columns} columns: {line}");
        }
        assert!(
            shown.contains("DESTINATION") && shown.contains("because: "),
            "{shown}"
        );
    }
}

fn missing_events_are_reported_first() {
    let ended = run(&mut report("damaged", &[]));
    assert_eq!(ended.code, Some(3));
    let text = ended.text();
    let missing = text.find("INCOMPLETE").expect("it says so");
    assert!(missing < text.find("\nTrees").expect("trees"), "{text}");
    assert!(html("damaged", &[]).contains("Incomplete: what is missing"));
    let strict = run(&mut report("cut", &["--strict"]));
    assert_eq!(strict.code, Some(4));
}

fn rows_are_marked_against_another_trace() {
    let other = trace("lookalike");
    let other = ["--against", other.to_str().expect("a path")];
    let text = run(&mut report("changed", &other)).success();
    let text = text.text();
    // What one of the two could not see comes before all that was found.
    let blind = text.find("lookalike.trace could not see: the list user");
    let found = text.find("[unknown] setuid: /opt/acme/acmed");
    assert!(blind.is_some() && blind < found, "{text}");
    for line in [
        "\n  new     program /usr/bin/wget by wget [",
        "\n  gone    program /home/nobody/systemctl by systemctl [",
        "\n  unknown destination mirror.example:443 by wget [",
        "\n  MARK     DESTINATION ",
        "\n  unknown  mirror.example:443 ",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let page = html("changed", &other);
    for part in [
        "id=\"against\"",
        "lookalike.trace could not see: ",
        "<td>gone</td>",
        "<tr class=\"mark-unknown\"",
        "<td class=\"mark\">unknown</td>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let same = trace("changed");
    let same = ["--against", same.to_str().expect("a path")];
    let text = run(&mut report("changed", &same)).success();
    assert!(text.text().contains("different: 0, of which unknown: 0;"));
    assert!(!text.text().contains("[new]"), "{}", text.text());
    assert!(!html("changed", &[]).contains("class=\"mark"));
    let damaged = trace("damaged");
    let damaged = ["--against", damaged.to_str().expect("a path")];
    assert_eq!(run(&mut report("changed", &damaged)).code, Some(3));
    let missing = ["--against", "/there/is/none"];
    assert_eq!(run(&mut report("changed", &missing)).code, Some(1));
}
