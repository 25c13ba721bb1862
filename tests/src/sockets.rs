//! Tests sockets besides TCP and UDP, and daemons that are asked over AF_UNIX.

use std::fs;

use crate::harness::{Recording, Test, live, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(sockets_without_recorded_traffic_are_named).needs("/usr/bin/python3"),
        live!(network_namespaces_are_kept_apart)
            .needs("unshare")
            .needs("ip")
            .needs("/usr/bin/python3"),
        live!(a_container_is_linked_to_its_installer)
            .needs("containerd")
            .needs("ctr")
            .needs("runc")
            .needs_file("/bin/busybox", "there is no static busybox"),
        live!(a_child_of_an_asked_daemon_is_linked_to_the_asker).needs("/usr/bin/python3"),
    ]
}

fn sockets_without_recorded_traffic_are_named() {
    let script = "import socket as s\n\
        s.socket(2, 3, 1); s.socket(2, 3, 6); s.socket(2, 2, 1) if 0 else None\n\
        s.socket(17, 2, 0x800); s.socket(2, 1); s.socket(2, 2); s.socket(1, 1)\n";
    let trace = Recording::of(words(["/usr/bin/python3", "-c", script]))
        .option(["--no-changes"])
        .run()
        .trace();
    let opened = trace.of_command("socket_opened");
    let kinds: Vec<&str> = opened.iter().map(|event| event.text("kind")).collect();
    assert_eq!(kinds, ["raw icmp", "raw tcp", "packet"]);
    let report = trace.read("report", ["--tree", "command"]).success();
    let said = "opened sockets whose traffic is not recorded: raw icmp, raw tcp, packet";
    assert!(report.text().contains(said), "{}", report.text());
}

fn network_namespaces_are_kept_apart() {
    let dial = "import socket\ntry: socket.create_connection((\"127.0.0.1\", 9), 1)\n\
        except OSError: pass\n";
    let script = "/usr/bin/python3 -c \"$1\"; exec unshare -n sh -c '\
        ip link set lo up; exec /usr/bin/python3 -c \"$1\"' sh \"$1\"";
    let trace = Recording::of(words(["sh", "-c", script, "sh", dial]))
        .option(["--no-changes"])
        .run()
        .trace();
    let rows = trace.connections(["--tree", "command"]);
    let [own, foreign] = rows.as_slice() else {
        panic!("{rows:#?}");
    };
    assert!(own["network_namespace"].is_null(), "{own}");
    assert!(foreign["network_namespace"].is_u64(), "{foreign}");
    let groups = trace.connections(["--tree", "command", "--by", "destination"]);
    assert_eq!(groups.len(), 2, "{groups:#?}");
}

fn a_child_of_an_asked_daemon_is_linked_to_the_asker() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("d.sock");
    let path = path.to_str().expect("a plain path");
    let daemon = r#"
import os, socket, sys
s = socket.socket(1); s.bind(sys.argv[1]); s.listen(5); s.settimeout(20)
c, _ = s.accept(); c.recv(99)
child = os.fork()
if child == 0: os.setsid(); os.execl("/bin/sleep", "sleep", "0.1")
c.send(b"started"); os.waitpid(child, 0)
"#;
    let mut daemon = std::process::Command::new("/usr/bin/python3")
        .args(["-c", daemon, path])
        .spawn()
        .expect("the daemon starts");
    let client = "import socket, sys, time\ns = socket.socket(1)\n\
        for i in range(500):\n    try: s.connect(sys.argv[1]); break\n    \
        except OSError: time.sleep(.02)\n\
        s.send(b'run'); s.recv(9)\n";
    let trace = Recording::of(words(["/usr/bin/python3", "-c", client, path]))
        .option(["--no-changes"])
        .lingers(300)
        .run()
        .trace();
    daemon.wait().expect("the daemon ends");
    let lives = trace.processes(["--process", "sleep", "--tree", "command"]);
    assert_eq!(lives.len(), 1, "{lives:#?}");
    let because = lives[0]["because"].as_str().unwrap_or_default();
    assert!(because.contains("(inferred)"), "{because}");
    assert!(because.contains("d.sock"), "{because}");
}

/// Runs a container by a daemon that ran before: ctr asks containerd, which starts shim and runc.
fn a_container_is_linked_to_its_installer() {
    let place = tempfile::tempdir().expect("a directory");
    let path = |name: &str| place.path().join(name).to_str().expect("plain").to_owned();
    let (root, socket) = (path("rootfs"), path("c.sock"));
    fs::create_dir_all(path("rootfs/bin")).expect("a root directory");
    fs::copy("/bin/busybox", path("rootfs/bin/busybox")).expect("its program");
    let settings = format!(
        "version = 2\nroot = '{}'\nstate = '{}'\n\
         disabled_plugins = ['io.containerd.grpc.v1.cri']\n[grpc]\naddress = '{socket}'\n",
        path("root"),
        path("state"),
    );
    fs::write(path("settings.toml"), settings).expect("its settings");
    let mut daemon = std::process::Command::new("containerd")
        .args(["--config", &path("settings.toml")])
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("containerd starts");
    let client = "for i in $(seq 100); do [ -S \"$1\" ] && break; sleep 0.1; done; sleep 0.5\n\
        ctr -a \"$1\" run --rm --rootfs \"$2\" \"$3\" /bin/busybox sleep 0.1";
    let id = format!("test-{}", std::process::id());
    let trace = Recording::of(words(["sh", "-c", client, "sh", &socket, &root, &id]))
        .option(["--no-changes"])
        .lingers(500)
        .run()
        .trace();
    daemon.kill().expect("containerd ends");
    daemon.wait().expect("containerd has ended");
    let lives = trace.processes(["--tree", "command", "--process", "busybox"]);
    assert_eq!(lives.len(), 1, "{lives:#?}");
    assert_eq!(lives[0]["root"], "another", "{lives:#?}");
    let shims = trace.processes(["--tree", "command", "--process", "containerd-shim"]);
    let because = shims[0]["because"].as_str().unwrap_or_default();
    assert!(because.contains("c.sock (inferred)"), "{because}");
}
