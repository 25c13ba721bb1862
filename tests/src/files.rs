//! Tests changes of files with their authors: many at a time, in one recording. The oracle is the
//! final state. All files are in a tmpfs of the test.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

use crate::harness::{Recorded, Recording, Test, Trace, live, run, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(fifty_thousand_files_of_an_archive).needs("tar"),
        live!(every_kind_of_change_has_its_author),
        live!(a_process_with_the_file_open_is_its_author),
        live!(changed_permissions_have_their_author),
        with_server(live!(an_executed_download_is_a_chain)),
        with_server(live!(downloads_are_followed_through_their_names)),
        with_server(live!(downloads_are_followed_through_links_and_archives)).needs("tar"),
        live!(files_without_a_network_source_are_not_downloads).needs("python3"),
    ]
}

/// Adds what [`SERVER`] and a download take.
fn with_server(test: Test) -> Test {
    let has_modules = || {
        let mut python = Command::new("python3");
        let ended = run(python.args(["-c", "import http.server, urllib.request"]));
        ended.code == Some(0)
    };
    test.needs("python3").only_where(
        has_modules,
        "this Python is a minimal one, without http.server",
    )
}

/// Records a script in a watched directory of its own, prepared by another script.
pub(crate) fn record(prepare: &str, script: &str) -> Trace {
    recorded(prepare, script).trace()
}

fn recorded(prepare: &str, script: &str) -> Recorded {
    const PREPARE: &str = "set -e
        mount -t tmpfs tmpfs /opt
        cd /opt
        eval \"$BEFORE\"
        exec \"$@\"";
    Recording::of(words(["sh", "-e", "-c", script]))
        .through(words([
            "unshare", "--mount", "--net", "sh", "-c", PREPARE, "sh",
        ]))
        .environment("BEFORE", prepare)
        .run()
}

/// Returns the rows of one kind within the test's directory.
pub(crate) fn changes(trace: &Trace, kind: &str) -> Vec<Value> {
    let rows = trace.lives("changes", ["--all"]);
    rows.into_iter()
        .filter(|row| row["kind"] == kind)
        .filter(|row| {
            row["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("/opt/"))
        })
        .collect()
}

pub(crate) fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

fn fifty_thousand_files_of_an_archive() {
    let recorded = recorded(
        "mkdir source && cd source && python3 -c '
import os
for d in range(250):
    os.mkdir(f\"d{d}\")
    for f in range(200):
        open(f\"d{d}/f{f}\", \"w\").write(str(f))
' && cd .. && tar cf archive.tar source",
        "mkdir out && tar xf archive.tar -C out && find /opt/out",
    );
    let there: BTreeSet<String> = recorded.ended.text().lines().map(str::to_owned).collect();
    let trace = recorded.trace();
    let rows = changes(&trace, "file");
    let reported: BTreeSet<String> = rows
        .iter()
        .map(|row| text(row, "name").to_owned())
        .collect();
    let unreported: Vec<&String> = there.difference(&reported).collect();
    let unfounded: Vec<&String> = reported.difference(&there).collect();
    assert!(
        unreported.is_empty() && unfounded.is_empty(),
        "not reported: {unreported:?}, not there: {unfounded:?}"
    );
    let mut authors: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in &rows {
        assert_eq!(row["inferred"], false, "{row}");
        let author = text(&row["process"], "name");
        *authors.entry((text(row, "action"), author)).or_default() += 1;
    }
    assert!(there.len() > 50_000, "{}", there.len());
    // That which mkdir made.
    let expected = [(("new", "mkdir"), 1), (("new", "tar"), there.len() - 1)];
    assert_eq!(authors, expected.into_iter().collect());
    let written = trace
        .all("file")
        .filter(|event| event.text("action") == "written")
        .filter(|event| event.text("path").starts_with("/opt/out/"))
        .count();
    assert!(written >= 50_000, "{written}");
}

fn every_kind_of_change_has_its_author() {
    let trace = record(
        "echo x >written; echo x >mode; echo x >gone; echo x >moved; mkdir full; echo x >full/x; \
         ln -s a link; echo x >untouched",
        "echo longer >written; chmod 4755 mode; rm gone; mv moved elsewhere; rm -r full; ln -sf b \
         link
         mkdir made; mkfifo made/pipe; cp written made/copy; mv made kept; true",
    );
    let mut reported: Vec<(String, String, String)> = changes(&trace, "file")
        .iter()
        .map(|row| {
            let name = text(row, "name").trim_start_matches("/opt/").to_owned();
            let author = text(&row["process"], "name").to_owned();
            (name, text(row, "action").to_owned(), author)
        })
        .collect();
    reported.sort();
    let expected = [
        ("elsewhere", "new", "mv"),
        ("full", "gone", "rm"),
        ("full/x", "gone", "rm"),
        ("gone", "gone", "rm"),
        ("kept", "new", "mv"),
        ("kept/copy", "new", "cp"),
        ("kept/pipe", "new", "mkfifo"),
        ("link", "changed", "ln"),
        ("mode", "changed", "chmod"),
        ("moved", "gone", "mv"),
        ("written", "changed", "sh"),
    ];
    let named: Vec<(String, String)> = reported
        .iter()
        .map(|(name, action, _)| (name.clone(), action.clone()))
        .collect();
    let expected_names: Vec<(String, String)> = expected
        .iter()
        .map(|(name, action, _)| ((*name).to_owned(), (*action).to_owned()))
        .collect();
    assert_eq!(named, expected_names);
    for ((name, _, author), (_, _, expected)) in reported.iter().zip(expected) {
        // In a directory that was moved at once, a file can be found by its old or by its new name.
        let is_moved = name.starts_with("kept/");
        assert!(
            author == expected || is_moved && author == "mv",
            "{name}: {author}, not {expected}"
        );
    }
}

/// A daemon with a log, and a reader.
fn a_process_with_the_file_open_is_its_author() {
    let trace = record(
        "echo x >log; echo x >closed",
        "tail -f log >/dev/null 2>&1 & trap \"kill $!\" EXIT
         sh -c 'exec 3>>log; echo x >&3; exec sleep 3' >/dev/null &
         echo x >>closed; sleep 0.5",
    );
    let rows = changes(&trace, "file");
    let reported: Vec<(&str, &str, &Value)> = rows
        .iter()
        .map(|row| {
            let author = text(&row["process"], "name");
            (text(row, "name"), author, &row["inferred"])
        })
        .collect();
    let (certain, concluded) = (Value::from(false), Value::from(true));
    let expected = [
        ("/opt/closed", "sh", &certain),
        ("/opt/log", "sleep", &concluded),
    ];
    assert_eq!(reported, expected);
    let open = trace
        .all("file")
        .filter(|event| event.text("action") == "open");
    assert_eq!(open.count(), 1);
}

fn changed_permissions_have_their_author() {
    let trace = record(
        "for name in written owned same; do cp /bin/true $name; chmod 4755 $name; done; chown \
         65534 owned; chmod 4755 owned
         echo equal >equal; sleep 0.1",
        "cp /bin/true given; chmod 4755 given; echo more >>written; chown 0 owned; chmod 4755 \
         owned; echo equal >equal; true",
    );
    let rows = changes(&trace, "file");
    let attention: Vec<[&str; 3]> = rows
        .iter()
        .filter(|row| !text(row, "attention").is_empty())
        .map(|row| {
            let author = text(&row["process"], "name");
            [text(row, "name"), text(row, "attention"), author]
        })
        .collect();
    let expected = [
        ["/opt/given", "setuid", "chmod"],
        ["/opt/owned", "setuid, other owner", "chmod"],
        ["/opt/written", "setuid, touched or written", "sh"],
    ];
    assert_eq!(attention, expected);
    let equal = rows.iter().find(|row| row["name"] == "/opt/equal");
    let detail = text(equal.expect("a row"), "detail");
    assert!(detail.ends_with(", touched or written"), "{detail}");
}

/// Serves a script at port 8080 until it is killed.
pub(crate) const SERVER: &str = "ip link set lo up 2>/dev/null || true; echo 'echo ran' >script
     python3 -m http.server --bind 127.0.0.1 8080 >/dev/null 2>&1 & export SERVER=$!; sleep 1";

fn an_executed_download_is_a_chain() {
    let trace = record(
        SERVER,
        "python3 -c 'import urllib.request
urllib.request.urlretrieve(\"http://127.0.0.1:8080/script\", \"/opt/fetched.sh\")
'; sh -eu -o pipefail ./fetched.sh || sh ./fetched.sh; sh ../opt/fetched.sh; rm fetched.sh; kill \
$SERVER",
    );
    let rows = changes(&trace, "download");
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!(text(row, "name"), "/opt/fetched.sh");
    assert_eq!(text(&row["process"], "name"), "sh");
    assert_eq!(row["inferred"], true, "{row}");
    let detail = text(row, "detail");
    assert!(detail.contains("downloaded by python3 ["), "{detail}");
    assert!(detail.contains(":8080"), "{detail}");
    assert!(detail.contains(" executions, the first"), "{detail}");
}

/// Also checks places where no file is watched.
fn downloads_are_followed_through_their_names() {
    let place = tempfile::tempdir().expect("a directory");
    let script = "python3 -c 'import os, urllib.request
urllib.request.urlretrieve(\"http://127.0.0.1:8080/script\", \"PLACE/a.part\")
os.rename(\"PLACE/a.part\", \"PLACE/a\")
'; cd PLACE; sh a; mv a b; chmod +x b; ./b || true; cp b c; sh c; echo exit >other; cp \
--remove-destination other c; sh c; kill $SERVER";
    let place = place.path().to_string_lossy();
    let trace = record(SERVER, &script.replace("PLACE", &place));
    let rows = trace.lives("changes", ["--all"]);
    let reported: Vec<(&str, &str)> = rows
        .iter()
        .filter(|row| row["kind"] == "download")
        .map(|row| (text(row, "name"), text(row, "detail")))
        .collect();
    let names: Vec<&str> = reported
        .iter()
        .filter_map(|(name, _)| name.strip_prefix(&*place))
        .collect();
    assert_eq!(names, ["/a", "/b", "/c"], "{reported:?}");
    for ((_, detail), carrier) in reported.iter().zip(["", "mv", "cp"]) {
        assert!(detail.starts_with("downloaded by python3 ["), "{detail}");
        assert!(!detail.contains("executions"), "{detail}");
        let carried = format!("brought there by {carrier}");
        assert_eq!(detail.contains(&carried), !carrier.is_empty(), "{detail}");
    }
}

/// A hard link that is renamed, as package managers of languages place programs, and an archive
/// that another program unpacks.
fn downloads_are_followed_through_links_and_archives() {
    const CONTENT: &str = "d8ecb96e2f3b73959d421f403777145a239248b6ecd24f315da4f64100194727";
    let fetch = "import sys, urllib.request
urllib.request.urlretrieve(\"http://127.0.0.1:8080/\" + sys.argv[1], sys.argv[2])";
    let link = "import os
os.link(\"got\", \"tmp\")
os.rename(\"tmp\", \"linked\")";
    let script = format!(
        "python3 -c '{fetch}' 'script?token=1' got; python3 -c '{link}'; sh ./linked
         python3 -c '{fetch}' archive.tar a.tar; mkdir out; tar xf a.tar -C out; sh out/script
         sleep 1.5; echo more >>out/script; kill $SERVER"
    );
    let trace = record(&format!("{SERVER}; tar cf archive.tar script"), &script);
    let rows = changes(&trace, "download");
    let reported: Vec<[&str; 5]> = rows
        .iter()
        .map(|row| {
            let keys = ["name", "archive", "urls", "sha256"].map(|key| text(row, key));
            let [name, archive, urls, sha256] = keys;
            [name, archive, urls, sha256, text(&row["carrier"], "name")]
        })
        .collect();
    let expected = [
        [
            "/opt/linked",
            "",
            "http://127.0.0.1:8080/script",
            CONTENT,
            "python3",
        ],
        [
            "/opt/out/script",
            "/opt/a.tar",
            "http://127.0.0.1:8080/archive.tar",
            CONTENT,
            "tar",
        ],
    ];
    assert_eq!(reported, expected);
    let changed = rows.iter().map(|row| row["changed_since"] == true);
    assert_eq!(changed.collect::<Vec<_>>(), [false, true]);
}

fn files_without_a_network_source_are_not_downloads() {
    let trace = record(
        "ip link set lo up 2>/dev/null || true",
        "python3 -c 'import socket
try: socket.create_connection((\"127.0.0.1\", 1))
except OSError: open(\"/opt/own.sh\", \"w\").write(\"echo ran\")
'; sleep 0.1; sh ./own.sh",
    );
    assert_eq!(changes(&trace, "download"), Vec::<Value>::new());
}
