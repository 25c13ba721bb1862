//! Failures: each gives one clear sentence and the status of the manual, and harms neither the
//! command nor other files. Unreadable traces are in `damage`.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::harness::{Recording, Test, act, live, plain, run, says, tracer, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(without_root_it_says_so_before_the_command),
        live!(without_bpf_it_says_so_before_the_command),
        live!(without_a_capability_it_is_named).needs("setpriv"),
        live!(without_btf_it_says_so_before_the_command),
        live!(a_release_is_named_only_when_something_is_missing).needs("setarch"),
        live!(a_command_that_cannot_run),
        live!(an_output_that_cannot_be_created),
        live!(a_full_disk_does_not_stop_the_command),
        live!(a_fifo_in_place_of_a_file_does_not_block).only_where(
            || Path::new("/etc/cron.d").is_dir(),
            "there is no /etc/cron.d",
        ),
        live!(rules_with_a_mistake_are_refused_with_their_place),
        live!(an_unknown_user_process_or_unit_is_refused),
        plain!(usage_is_2_and_125_of_record),
    ]
}

/// Returns the path of a file that the command makes when it runs.
struct Witness {
    directory: TempDir,
}

impl Witness {
    fn new() -> Witness {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(directory.path(), open).expect("its mode");
        Witness { directory }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("it ran")
    }

    fn command(&self) -> Vec<OsString> {
        let mut command = words(["touch"]);
        command.push(self.file().into());
        command
    }
}

/// Makes a copy of the tracer that all users may run.
fn for_all_users(directory: &Path) -> PathBuf {
    let copy = directory.join("tracer");
    fs::copy(tracer().get_program(), &copy).expect("a copy");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("its mode");
    copy
}

fn without_root_it_says_so_before_the_command() {
    let witness = Witness::new();
    let copy = for_all_users(witness.directory.path());
    let as_other_user = |rest: &[&str]| {
        let mut line = act(["as-user", "65534", "65534"]);
        line.push(copy.clone().into());
        line.extend(rest.iter().map(Into::into));
        line.extend(witness.command());
        let mut command = Command::new(&line[0]);
        run(command
            .args(&line[1..])
            .current_dir(witness.directory.path()))
    };
    let refused = as_other_user(&["record", "-o", "it.trace", "--"]);
    says(&refused, 125, &["needs root", "sudo"]);
    assert!(!witness.file().exists(), "the command did not run");
    assert!(!witness.directory.path().join("it.trace").exists());
    let mut line = act(["as-user", "65534", "65534"]);
    line.extend([copy.into(), "doctor".into()]);
    let doctor = run(Command::new(&line[0]).args(&line[1..]));
    assert_eq!(doctor.code, Some(1), "{}", doctor.messages());
    assert!(doctor.text().contains("root"), "{}", doctor.text());
}

/// Checks the messages of a recorder and of `doctor` under a launcher that prevents recordings.
fn refused_through(launcher: &[OsString], parts: &[&str]) {
    let witness = Witness::new();
    let refused = Recording::of(witness.command())
        .through(launcher.to_vec())
        .run();
    says(&refused.ended, 125, parts);
    assert!(!witness.file().exists(), "the command did not run");
    assert!(!refused.file.exists());
    refused_by_doctor(launcher, parts);
}

/// Checks the same reasons as text and as JSON, with the exit status of a machine that cannot
/// record.
pub(crate) fn refused_by_doctor(launcher: &[OsString], parts: &[&str]) {
    let doctor = |options: &[&str]| {
        let mut line = launcher.to_vec();
        line.extend([tracer().get_program().to_owned(), "doctor".into()]);
        run(Command::new(&line[0]).args(&line[1..]).args(options))
    };
    let text = doctor(&[]);
    assert_eq!(text.code, Some(1), "{}", text.messages());
    assert_eq!(text.messages(), "");
    let verdict = "Nothing can be recorded here so far.";
    assert!(text.text().contains(verdict), "{}", text.text());
    // Lines of text are wrapped.
    let flat = text.text().split_ascii_whitespace().collect::<Vec<_>>();
    let flat = flat.join(" ");
    assert!(flat.contains("MISSING"), "{flat}");
    let json = doctor(&["--format", "json"]);
    assert_eq!(json.code, Some(1), "{}", json.messages());
    let report: serde_json::Value = serde_json::from_str(json.text()).expect("an object");
    assert_eq!(report["can_record"], false);
    assert_eq!(report["facts"], serde_json::json!([]));
    let error = report["error"].as_str().expect("a reason");
    for part in parts {
        assert!(flat.contains(part), "{part}: {flat}");
        assert!(error.contains(part), "{part}: {error}");
    }
}

fn without_bpf_it_says_so_before_the_command() {
    refused_through(
        &act(["within", "powerless", "--"]),
        &["user namespace", "CAP_BPF", "--privileged"],
    );
}

fn without_a_capability_it_is_named() {
    for (dropped, named, other) in [
        ("-bpf,-sys_admin", "CAP_BPF", "CAP_PERFMON"),
        ("-perfmon,-sys_admin", "CAP_PERFMON", "CAP_BPF"),
        ("-bpf,-perfmon,-sys_admin", "CAP_BPF and CAP_PERFMON", "SYS"),
    ] {
        let mut launcher = words(["setpriv", "--bounding-set"]);
        launcher.push(dropped.into());
        refused_through(&launcher, &[named, "--cap-add", "--privileged"]);
        let refused = Recording::of(words(["true"])).through(launcher).run();
        let messages = refused.ended.messages();
        assert!(!messages.contains(other), "{messages}");
    }
    // One of the two is enough.
    for dropped in ["-sys_admin", "-bpf,-perfmon"] {
        let launcher = words(["setpriv", "--bounding-set", dropped]);
        let trace = Recording::of(words(["true"])).through(launcher).run();
        assert_eq!(trace.trace().of_command("exec").len(), 1, "{dropped}");
    }
}

fn without_btf_it_says_so_before_the_command() {
    let hidden = act(["within", "hide", "/sys/kernel/btf", "--"]);
    refused_through(&hidden, &["BTF", "CONFIG_DEBUG_INFO_BTF"]);
}

/// A kernel's release is no reason for a refusal; it is named if the kernel lacks something.
fn a_release_is_named_only_when_something_is_missing() {
    let old = words(["setarch", "--uname-2.6"]);
    let recorded = Recording::of(words(["true"])).through(old.clone()).run();
    recorded.trace();
    let mut launcher = old;
    launcher.extend(act(["within", "hide", "/sys/kernel/btf", "--"]));
    refused_through(&launcher, &["Linux 2.6.", "no BTF", "5.8 or newer"]);
}

/// Opening a FIFO waits for its other end, and the recorded command may put one at any path.
fn a_fifo_in_place_of_a_file_does_not_block() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let pipe = place.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let script = "mkfifo /etc/cron.d/.it && mv /etc/cron.d/.it /etc/cron.d/it
        ln -s \"$1\" /etc/cron.d/.link && mv /etc/cron.d/.link /etc/cron.d/link
        shift; \"$@\"";
    let mut command = words(["sh", "-c", script, "sh"]);
    command.push(pipe.clone().into());
    command.extend(act(["within", "over"]));
    command.extend([pipe.into(), "/etc/passwd".into(), "--".into()]);
    // A user without a name on the machine, so the recorder looks at the process's own files.
    command.extend(act(["as-user", "54321", "54321", "sleep", "0.3"]));
    let hidden = act(["within", "hide", "/etc/cron.d", "--"]);
    let recorded = Recording::of(command).through(hidden).run();
    assert_eq!(
        recorded.ended.code,
        Some(0),
        "{}",
        recorded.ended.messages()
    );
    let trace = recorded.trace();
    assert!(
        trace
            .of_command("exec")
            .iter()
            .any(|exec| exec.text("filename").ends_with("sleep"))
    );
}

fn a_command_that_cannot_run() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str, text: &str, mode: u32| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        path.into_os_string()
    };
    let cases = [
        (OsString::from("no-such-command"), 127, "command not found"),
        (OsString::from("/no/such/command"), 127, "command not found"),
        (OsString::new(), 127, "command not found"),
        (file("plain", "#!/bin/sh\n", 0o644), 126, "cannot execute"),
        (
            directory.path().as_os_str().to_owned(),
            126,
            "cannot execute",
        ),
        (
            file("lost", "#!/no/such/interpreter\n", 0o755),
            127,
            "interpreter",
        ),
    ];
    for (program, code, part) in cases {
        let refused = Recording::of(vec![program, "an argument".into()]).run();
        says(&refused.ended, code, &[part]);
        assert!(!refused.file.exists(), "no trace of nothing");
    }
}

fn an_output_that_cannot_be_created() {
    let witness = Witness::new();
    let place = |name: &str| witness.directory.path().join(name);
    fs::write(place("there"), "precious").expect("a file");
    symlink(place("there"), place("link")).expect("a link");
    symlink(place("nowhere"), place("dangling")).expect("a link");
    fs::create_dir(place("directory")).expect("a directory");
    run(Command::new("mkfifo").arg(place("pipe"))).success();
    let cases = [
        ("there", "exists", &["--force"][..]),
        ("link", "symbolic link", &[]),
        ("dangling", "symbolic link", &[]),
        ("directory", "is a directory", &[]),
        ("pipe", "not a regular file", &[]),
        ("missing/it.trace", "no directory", &["missing"]),
    ];
    for force in [false, true] {
        for (name, part, more) in cases {
            if force && name == "there" {
                continue;
            }
            let mut recording = Recording::of(witness.command()).to(&place(name));
            if force {
                recording = recording.option(["--force"]);
            }
            let refused = recording.run();
            says(&refused.ended, 125, &[part]);
            says(&refused.ended, 125, more);
            assert!(!witness.file().exists(), "the command did not run");
        }
    }
    assert_eq!(fs::read(place("there")).expect("the file"), b"precious");
    assert!(!place("nowhere").exists());
    let refused = Recording::of(witness.command())
        .to(Path::new("/dev/full"))
        .run();
    says(&refused.ended, 125, &["not a regular file"]);
    let refused = Recording::of(witness.command())
        .to(Path::new("/proc/it.trace"))
        .run();
    says(&refused.ended, 125, &["/proc/it.trace"]);
}

fn a_full_disk_does_not_stop_the_command() {
    let witness = Witness::new();
    let disk = tempfile::tempdir().expect("a temporary directory");
    let mut launcher = act(["within", "tiny"]);
    launcher.extend([disk.path().into(), "--".into()]);
    // More arguments than the disk has room for, incompressible, and then a last word.
    let script = "i=0; while [ $i -lt 40 ]; do
            /bin/true \"$(head -c 6000 /dev/urandom | od -An -tx1 | tr -d ' \\n')\"
            i=$((i + 1))
        done; sleep 0.2; touch \"$1\"; echo finished; exit 3";
    let mut command = words(["sh", "-c", script, "sh"]);
    command.push(witness.file().into());
    let recorded = Recording::of(command)
        .through(launcher)
        .option(["--quiet"])
        .to(&disk.path().join("it.trace"))
        .run();
    assert_eq!(recorded.ended.text(), "finished\n");
    assert!(witness.file().exists(), "the command ran to its end");
    let messages = recorded.ended.messages();
    assert_eq!(recorded.ended.code, Some(125), "{messages}");
    assert_eq!(messages.lines().count(), 2, "said once: {messages}");
    assert!(messages.starts_with("tracer: "), "{messages}");
    assert!(
        messages.contains("it.trace") && messages.contains("hint: free disk space"),
        "{messages}"
    );
}

fn rules_with_a_mistake_are_refused_with_their_place() {
    let witness = Witness::new();
    let rules = witness.directory.path().join("rules.toml");
    for (text, place) in [
        ("[[tree]]\nname = \"a\"\n[[tree.match]]\nexe = 7\n", ":4:7"),
        (
            "[[tree]]\nname = \"a\"\n[[tree.match]]\nexee = \"/a\"\n",
            ":4:1",
        ),
        ("[[tree]]\nname = \"a\n", ":2:"),
        (
            "[[tree]]\nname = \"a\"\n[[tree.match]]\nexe = \"/[a\"\n",
            ":4:7",
        ),
    ] {
        fs::write(&rules, text).expect("rules");
        let refused = Recording::of(witness.command())
            .option(["--rules", rules.to_str().expect("a path")])
            .run();
        let messages = refused.ended.messages();
        assert_eq!(refused.ended.code, Some(125), "{messages}");
        assert!(
            messages.contains(&format!("rules.toml{place}")),
            "{text}: {messages}"
        );
        assert!(!witness.file().exists(), "the command did not run");
    }
    let refused = Recording::of(witness.command())
        .option(["--rules", "/no/such/rules.toml"])
        .run();
    says(&refused.ended, 125, &["/no/such/rules.toml"]);
}

fn an_unknown_user_process_or_unit_is_refused() {
    let witness = Witness::new();
    let refused = Recording::of(witness.command())
        .option(["--user", "no-such-user"])
        .run();
    says(&refused.ended, 125, &["no-such-user"]);
    let refused = Recording::of(Vec::new()).option(["--pid", "4194304"]).run();
    says(&refused.ended, 125, &["no process 4194304"]);
    assert!(!refused.file.exists(), "no trace of nothing");
    let refused = Recording::of(Vec::new())
        .option(["--unit", "no-such"])
        .run();
    says(
        &refused.ended,
        125,
        &["no unit no-such.service", "systemctl list-units"],
    );
    assert!(!refused.file.exists(), "no trace of nothing");
    assert!(!witness.file().exists(), "the command did not run");
}

fn usage_is_2_and_125_of_record() {
    let cases: [(&[&str], i32); 9] = [
        (&[], 2),
        (&["no-such-verb"], 2),
        (&["replay"], 2),
        (&["tree", "--no-such-option", "x"], 2),
        (&["replay", "--format", "xml", "x"], 2),
        (&["record"], 125),
        (&["record", "--system", "--", "true"], 125),
        (&["record", "--linger", "soon", "--", "true"], 125),
        (&["--help"], 0),
    ];
    for (words, code) in cases {
        let answer = run(tracer().args(words));
        let has_record = run(tracer().arg("--help")).text().contains("record");
        if code == 125 && !has_record {
            // Without the kernel as a source of events, there is no such verb.
            continue;
        }
        assert_eq!(answer.code, Some(code), "{words:?}: {}", answer.messages());
        assert!(
            !answer.messages().contains("panicked"),
            "{}",
            answer.messages()
        );
    }
}
