//! Tests moves between cgroups, live, in any hierarchy. Reactions of systemd are another module's.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    harness::{Recording, Test, act, live, record, words},
    systemd,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(a_process_belongs_to_the_unit_of_its_cgroup),
        live!(a_process_that_is_born_into_a_cgroup).only_where(
            || unified().is_some(),
            "there is no cgroup2, and into no other can one be born",
        ),
        live!(a_container_is_named_by_its_cgroup),
        live!(a_unit_that_systemd_starts_is_named).only_where(systemd::is_manager, systemd::NOT),
    ]
}

/// Returns the mount point of the unit hierarchy, on hosts with cgroup2 alone and with both.
fn hierarchy() -> PathBuf {
    [
        "/sys/fs/cgroup/systemd",
        "/sys/fs/cgroup/unified",
        "/sys/fs/cgroup",
    ]
    .map(PathBuf::from)
    .into_iter()
    .find(|path| path.join("cgroup.procs").exists())
    .expect("a hierarchy that holds processes")
}

/// Returns the mount point of cgroup2: the only hierarchy that a process can be born into.
fn unified() -> Option<PathBuf> {
    ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.join("cgroup.controllers").exists())
}

struct Made(PathBuf);

impl Made {
    fn new(directory: &Path, name: &str) -> Made {
        let path = directory.join(name);
        fs::create_dir(&path).expect("a cgroup can be made");
        Made(path)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // It is busy when a process of a failed test is still there.
        let _ = fs::remove_dir(&self.0);
    }
}

fn a_process_belongs_to_the_unit_of_its_cgroup() {
    let unit = format!("tracer-test-{}.service", std::process::id());
    let cgroup = Made::new(&hierarchy(), &unit);
    let script = "
        (echo 0 > \"$1/cgroup.procs\"; /bin/true inside; /bin/sh -c '/bin/true; exit 0' child)
        /bin/true outside";
    let mut command = words(["sh", "-c", script, "sh"]);
    command.push(cgroup.0.clone().into());
    let trace = record(command);
    let moves = trace.of_command("cgroup");
    assert_eq!(moves.len(), 1, "{moves:?}");
    assert!(moves[0].text("path").ends_with(&unit), "{moves:?}");
    for life in trace.processes(["--tree", "command"]) {
        match life["argv"]
            .as_array()
            .and_then(|argv| argv.last()?.as_str())
        {
            Some("inside" | "child") => assert_eq!(life["unit"], *unit, "{life}"),
            Some("outside") => assert_ne!(life["unit"], *unit, "{life}"),
            Some(_) | None => {}
        }
        // It moved itself: no unit was started.
        assert!(!life["because"].to_string().contains("unit"), "{life}");
    }
}

fn a_process_that_is_born_into_a_cgroup() {
    let unit = format!("tracer-test-born-{}.service", std::process::id());
    let outer = Made::new(
        &unified().expect("a cgroup2 hierarchy"),
        &format!("tracer-test-{}.slice", std::process::id()),
    );
    let cgroup = Made::new(&outer.0, &unit);
    let mut command = act(["born-into"]);
    command.push(cgroup.0.clone().into());
    command.extend(words(["/bin/true", "born"]));
    let trace = record(command);
    let born = trace.of_command("cgroup");
    assert_eq!(born.len(), 1, "{born:?}");
    assert!(
        born[0].text("path").ends_with(&format!(".slice/{unit}")),
        "{born:?}"
    );
    assert!(born[0].text("path").starts_with('/'), "{born:?}");
    let lives = trace.processes(["--process", "true", "--tree", "command"]);
    assert_eq!(lives.len(), 1, "{lives:?}");
    assert_eq!(lives[0]["unit"], *unit, "{lives:?}");
}

fn a_unit_that_systemd_starts_is_named() {
    let unit = format!("tracer-test-named-{}.service", std::process::id());
    let option = format!("--unit={unit}");
    let recorded = Recording::of(words([
        "systemd-run",
        "--quiet",
        "--wait",
        &option,
        "/bin/true",
        "of the unit",
    ]))
    .run();
    let messages = recorded.ended.messages();
    assert_eq!(recorded.ended.code, Some(0), "{messages}");
    let trace = recorded.trace();
    let lives = trace.processes(["--process", "true"]);
    let lives: Vec<_> = lives
        .iter()
        .filter(|life| life["argv"][1] == "of the unit")
        .collect();
    assert_eq!(lives.len(), 1, "{lives:?}");
    assert_eq!(lives[0]["unit"], *unit, "{lives:?}");
    assert_eq!(lives[0]["tree"], *unit, "{lives:?}");
    let because = lives[0]["because"].as_str().unwrap_or_default();
    for part in [
        &unit,
        &format!("[pid {}]", trace.command_pid()),
        "(inferred)",
    ] {
        assert!(because.contains(part), "{part}: {because}");
    }
}

/// Uses the names of container managers, with and without systemd. The cgroup lives as long as its
/// only process: a moment.
fn a_container_is_named_by_its_cgroup() {
    let id = format!("{:064x}", std::process::id());
    // As CRI-O leaves it: the one manager whose files are below a directory for each container.
    let file = Path::new("/run/containers/storage/overlay-containers").join(&id);
    fs::create_dir_all(file.join("userdata")).expect("a directory of a container manager");
    let name = r#"{"annotations":{"io.kubernetes.container.name":"web",
        "io.kubernetes.cri-o.ImageName":"registry.test/\u001b[7mweb:1"}}"#;
    fs::write(file.join("userdata/config.json"), name).expect("its file");
    for name in [id.clone(), format!("docker-{id}.scope")] {
        let script = "
            mkdir \"$1\"
            (echo 0 > \"$1/cgroup.procs\"; exec /bin/true inside)
            rmdir \"$1\"";
        let mut command = words(["sh", "-c", script, "sh"]);
        command.push(hierarchy().join(&name).into());
        let trace = record(command);
        let lives = trace.processes(["--process", "true", "--tree", "command"]);
        assert_eq!(lives.len(), 1, "{lives:?}");
        assert_eq!(lives[0]["container"], id[..12], "{lives:?}");
        let because = lives[0]["because"].as_str().unwrap_or_default();
        assert!(
            because.contains("; in container web (registry.test"),
            "{because}"
        );
        assert_eq!(lives[0]["container_name"], "web", "{lives:?}");
        let image = "registry.test/\u{1b}[7mweb:1";
        assert_eq!(lives[0]["container_image"], image, "{lives:?}");
        let text = trace
            .read("replay", ["--event", "container_named"])
            .success();
        assert!(text.text().contains("web:1") && !text.text().contains('\u{1b}'));
        let cgroup = lives[0]["cgroup"].as_str().unwrap_or_default();
        assert!(cgroup.ends_with(&name), "{lives:?}");
        let unit = lives[0]["unit"].as_str();
        assert_eq!(unit.is_some(), name.ends_with(".scope"), "{lives:?}");
    }
    fs::remove_dir_all(file).expect("its directory");
}
