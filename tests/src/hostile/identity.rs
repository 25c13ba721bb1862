//! Poses as a daemon of a tree, or as the service manager.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Recording, Test, Trace, live, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(lookalikes_in_namespaces_of_a_user).needs("unshare"),
        live!(a_file_over_the_daemons_path).needs("unshare"),
        live!(a_root_directory_that_is_an_overlay)
            .needs("unshare")
            .needs("chroot"),
        live!(a_mount_namespace_alone_is_no_other_root).needs("unshare"),
        live!(the_path_of_another_processs_root).needs("unshare"),
        live!(a_file_in_memory_has_no_path).needs("/usr/bin/python3"),
        live!(a_program_that_is_called_systemd).needs("/usr/bin/python3"),
        live!(a_client_that_is_not_roots),
    ]
}

/// A rule for a program in a directory of the test's own.
struct Stage {
    place: TempDir,
}

impl Stage {
    fn new() -> Stage {
        let place = tempfile::tempdir().expect("a directory");
        let public = fs::Permissions::from_mode(0o755);
        fs::set_permissions(place.path(), public).expect("others may look");
        let stage = Stage { place };
        fs::create_dir_all(stage.path("opt")).expect("a directory");
        fs::copy("/bin/sleep", stage.path("opt/daemon")).expect("a program");
        let daemon = stage.path("opt/daemon");
        let rules = format!("[[tree]]\nname = 'it'\n[[tree.match]]\nexe = '{daemon}'\n");
        fs::write(stage.path("rules.toml"), rules).expect("rules");
        stage
    }

    fn path(&self, name: &str) -> String {
        let path: &Path = self.place.path();
        path.join(name).to_str().expect("a plain path").to_owned()
    }

    /// Records a shell script; its `$1` is the directory.
    fn record(&self, script: &str, user: Option<&str>) -> Trace {
        let rules = self.path("rules.toml");
        let place = self.path("");
        let command = words(["sh", "-c", script, "sh", place.trim_end_matches('/')]);
        let mut recording = Recording::of(command)
            .option(["--no-changes"])
            .option(["--rules", &rules]);
        if let Some(user) = user {
            recording = recording.option(["--user", user]);
        }
        recording.run().trace()
    }
}

/// Returns the processes of the tree that became the daemon.
fn daemons(trace: &Trace) -> Vec<Value> {
    let mut lives = trace.processes(["--tree", "it"]);
    lives.retain(|life| life["name"] == "daemon");
    lives
}

fn because(life: &Value) -> &str {
    life["because"].as_str().unwrap_or_default()
}

/// Checks that all are marked, and their count.
#[track_caller]
fn all_are_marked(trace: &Trace, count: usize) -> Vec<Value> {
    let lives = daemons(trace);
    assert_eq!(lives.len(), count, "{lives:#?}");
    for life in &lives {
        assert_eq!(life["root"], "another", "{life}");
        assert!(because(life).contains("; in another root"), "{life}");
    }
    let text = trace.read("tree", ["--tree", "it"]).success();
    assert!(text.text().contains("; in another root"), "{}", text.text());
    lives
}

fn lookalikes_in_namespaces_of_a_user() {
    let stage = Stage::new();
    let script = r#"
        unshare -Urm sh -c '
            cp "$1/opt/daemon" /tmp/daemon.$$
            mount -t tmpfs tmpfs "$1/opt" && cp /tmp/daemon.$$ "$1/opt/daemon"
            rm /tmp/daemon.$$; "$1/opt/daemon" 0' sh "$1""#;
    let trace = stage.record(script, Some("nobody"));
    let lives = all_are_marked(&trace, 1);
    let life = &lives[0];
    assert!(because(life).contains("; executable of nobody"), "{life}");
    assert_eq!(life["user"], "nobody", "{life}");
    assert_eq!(life["user_inside"], 0, "{life}");
    assert!(life["user_namespace"].is_u64(), "{life}");
    assert!(life["mount_namespace"].is_u64(), "{life}");
    let text = trace.read("tree", ["--tree", "it"]).success();
    let user = "nobody (root in userns)";
    assert!(text.text().contains(user), "{}", text.text());
}

fn a_file_over_the_daemons_path() {
    let stage = Stage::new();
    let script = r#"
        unshare -m sh -c '
            cp "$1/opt/daemon" "$1/other" && mount --bind "$1/other" "$1/opt/daemon"
            "$1/opt/daemon" 0' sh "$1""#;
    all_are_marked(&stage.record(script, None), 1);
}

fn a_root_directory_that_is_an_overlay() {
    let stage = Stage::new();
    let script = r#"
        unshare -m sh -c '
            mkdir "$1/memory" && mount -t tmpfs tmpfs "$1/memory" && cd "$1/memory" || exit
            mkdir up work root
            mount -t overlay -o lowerdir=/,upperdir=up,workdir=work overlay root || exit
            mkdir -p "root$1/opt" && cp "$1/opt/daemon" "root$1/opt/daemon"
            chroot root "$1/opt/daemon" 0' sh "$1""#;
    all_are_marked(&stage.record(script, None), 1);
}

fn a_mount_namespace_alone_is_no_other_root() {
    let stage = Stage::new();
    let script = r#"
        unshare -m sh -c 'mount -t tmpfs tmpfs /mnt; "$1/opt/daemon" 0' sh "$1"
        "$1/opt/daemon" 0"#;
    let lives = daemons(&stage.record(script, None));
    assert_eq!(lives.len(), 2, "{lives:#?}");
    let plain = format!("rule it of {}: exe {}", "rules", stage.path("opt/daemon"));
    for life in &lives {
        assert!(!because(life).contains(';'), "{life} is not {plain}");
    }
    assert_eq!(lives[0]["root"], "same file");
    assert!(lives[0]["mount_namespace"].is_u64());
    assert_eq!(lives[1]["root"], Value::Null);
    assert_eq!(lives[1]["mount_namespace"], Value::Null);
}

fn the_path_of_another_processs_root() {
    let stage = Stage::new();
    let script = r#"
        unshare -m sh -c '
            cp "$1/opt/daemon" "$1/other" && mount --bind "$1/other" "$1/opt/daemon"
            echo $$ >"$1/pid"; exec sleep 2' sh "$1" &
        until test -s "$1/pid"; do sleep 0.1; done
        "/proc/$(cat "$1/pid")/root$1/opt/daemon" 0; wait"#;
    let lives = all_are_marked(&stage.record(script, None), 1);
    assert!(lives[0]["exe_namespace"].is_u64(), "{lives:#?}");
    assert_eq!(lives[0]["mount_namespace"], Value::Null, "{lives:#?}");
}

fn a_file_in_memory_has_no_path() {
    let stage = Stage::new();
    let script = r#"
        /usr/bin/python3 -c '
import os, sys
daemon = sys.argv[1] + "/opt/daemon"
memory = os.memfd_create(daemon)
os.write(memory, open(daemon, "rb").read())
os.execve(memory, [daemon, "0"], {})' "$1""#;
    let trace = stage.record(script, None);
    assert!(daemons(&trace).is_empty());
    let execs = trace.of_command("exec");
    let of_memory: Vec<_> = execs
        .iter()
        .filter(|exec| {
            exec.process()["exe"]
                .as_str()
                .is_some_and(|exe| exe.contains("memfd:"))
        })
        .collect();
    assert_eq!(of_memory.len(), 1);
    assert_eq!(of_memory[0].process()["root"], "another");
}

fn a_program_that_is_called_systemd() {
    let stage = Stage::new();
    let script = r#"
        hierarchy=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
        test -n "$hierarchy" || exit 0
        group="$hierarchy/fake-$$"; mkdir -p "$group/fake.service" || exit
        cp "$(readlink -f /usr/bin/python3)" "$1/systemd"
        "$1/systemd" -c '
import os, sys
child = os.fork()
if not child:
    open(sys.argv[1] + "/cgroup.procs", "w").write("0")
    os.execv("/bin/sleep", ["sleep", "0.05"])
os.waitpid(child, 0)' "$group/fake.service"
        rmdir "$group/fake.service" "$group""#;
    let trace = stage.record(script, None);
    let moved = trace.all("cgroup").any(|event| {
        let path = event.text("path");
        path.contains("/fake-") && path.ends_with("/fake.service")
    });
    let lives = trace.processes(["--process", "sleep", "--tree", "command"]);
    if moved {
        assert_eq!(lives.len(), 1, "{lives:#?}");
        assert!(
            because(&lives[0]).starts_with("child of systemd ["),
            "{lives:#?}"
        );
        assert_eq!(lives[0]["unit"], "fake.service");
    }
}

fn a_client_that_is_not_roots() {
    let stage = Stage::new();
    fs::copy("/bin/true", stage.path("systemctl")).expect("a client");
    let trace = stage.record(
        r#"cp "$1/systemctl" /tmp/systemctl.$$ && mkdir /tmp/fake.$$
           mv /tmp/systemctl.$$ /tmp/fake.$$/systemctl
           /tmp/fake.$$/systemctl start omid.service; rm -r /tmp/fake.$$"#,
        Some("nobody"),
    );
    let clients = trace.processes(["--process", "systemctl"]);
    let client = clients.iter().find(|life| life["name"] == "systemctl");
    let client = client.expect("it ran");
    assert_ne!(client["exe_owner"], 0, "{client}");
}
