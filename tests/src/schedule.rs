//! Tests files that make programs run later, and the programs that cron then runs. Directories and
//! cron, a shell of that name, are confined to a mount namespace. Nothing is scheduled on this
//! machine.

use std::{ffi::OsString, fs};

use crate::harness::{Recording, Test, Trace, live, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(a_job_belongs_to_the_author_of_its_table),
        live!(a_pre_existing_table_has_no_author),
        live!(changes_of_files_are_reported),
    ]
}

/// Runs a script with empty cron directories, recorded from inside.
fn record(before: &str, script: &str) -> Trace {
    let place = tempfile::tempdir().expect("a directory");
    let cron = place.path().join("cron");
    fs::copy("/bin/sh", &cron).expect("a shell of another name");
    let directories = "
        for directory in /etc/cron.d /etc/cron.hourly; do
            mkdir -p \"$directory\" && mount -t tmpfs tmpfs \"$directory\" || exit
        done
        eval \"$BEFORE\"; unset BEFORE
        exec \"$@\"";
    let launcher = words(["unshare", "--mount", "sh", "-c", directories, "sh"]);
    let mut command = words(["sh", "-c", script, "sh"]);
    command.push(OsString::from(cron));
    Recording::of(command)
        .through(launcher)
        .environment("BEFORE", before)
        .run()
        .trace()
}

/// Makes cron run a job with a known word. It is not a child of the writer.
fn run(word: &str) -> String {
    format!(
        "( setsid \"$1\" -c \"/bin/sh -c '/bin/echo {word} >/dev/null'; :\" & )
        sleep 0.5"
    )
}

fn jobs(trace: &Trace, word: &str) -> Vec<serde_json::Value> {
    let mut lives = trace.processes(["--process", "echo"]);
    // Other tests run theirs at the same time.
    lives.retain(|life| life["argv"][1] == word);
    assert_eq!(lives.len(), 1, "{lives:?}");
    let parent = lives[0]["ppid"].to_string();
    trace.processes(["--pid", &parent])
}

fn a_job_belongs_to_the_author_of_its_table() {
    let script = format!(
        "sh -c 'echo \"* * * * * root /bin/echo written >/dev/null\" >/etc/cron.d/x; exit 0'
        sleep 0.2
        {}",
        run("written")
    );
    let trace = record("", &script);
    let jobs = jobs(&trace, "written");
    let because = jobs[0]["because"].as_str().unwrap_or_default();
    assert!(
        because.starts_with("cron job of /etc/cron.d/x, written by sh [pid "),
        "{because}"
    );
    assert!(because.ends_with("] (inferred)"), "{because}");
    assert_eq!(jobs[0]["tree"], "command");
}

fn a_pre_existing_table_has_no_author() {
    let before = "echo '* * * * * root /bin/echo there >/dev/null' >/etc/cron.d/x";
    let trace = record(before, &run("there"));
    let jobs = jobs(&trace, "there");
    let because = jobs[0]["because"].as_str().unwrap_or_default();
    assert!(because.starts_with("child of cron ["), "{because}");
}

fn changes_of_files_are_reported() {
    let trace = record(
        "",
        "cd /etc/cron.hourly && echo x >one && mv one two && rm two && mkdir below && : >below/x; \
         sleep 0.2",
    );
    let reported: Vec<(String, String, String)> = trace
        .all("file")
        .map(|event| {
            (
                event.process()["name"].as_str().unwrap_or("?").to_owned(),
                event.text("action").to_owned(),
                event.text("path").to_owned(),
            )
        })
        .filter(|(_, _, path)| path.starts_with("/etc/cron.hourly"))
        .collect();
    let expected = [
        ("sh", "created", "/etc/cron.hourly/one"),
        ("sh", "written", "/etc/cron.hourly/one"),
        ("mv", "removed", "/etc/cron.hourly/one"),
        ("mv", "renamed", "/etc/cron.hourly/two"),
        ("rm", "removed", "/etc/cron.hourly/two"),
        ("mkdir", "created", "/etc/cron.hourly/below"),
        ("sh", "created", "/etc/cron.hourly/below/x"),
        ("sh", "written", "/etc/cron.hourly/below/x"),
    ];
    let expected = expected.map(|(who, action, path)| (who.into(), action.into(), path.into()));
    assert_eq!(reported, expected);
}
