//! Prepares a guest for the scene: the installer's replica with its tools and servers, the package
//! of a made-up agent, an unrelated timer, and the log of the ground truth. It is only for machines
//! that are thrown away afterwards, and requires the variable that only those have.

use std::{
    fs,
    io::Read,
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::truth;
use crate::harness::{at_the_end, run};

/// Names the directory with the replica.
pub(super) const REPLICA: &str = "TRACER_TESTS_REPLICA";

/// The made-up workspace that the servers know.
pub(super) const WORKSPACE: &str = "6f1d2c3b-8a47-4e59-9b0c-5d2e7f1a4c86";
const PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// Addresses that the installer talks to. A guest has no network, so all are its own.
const FAR_SIDE: [Ipv4Addr; 6] = [
    Ipv4Addr::new(40, 79, 194, 105),
    Ipv4Addr::new(169, 254, 169, 254),
    PLATFORM,
    Ipv4Addr::new(140, 82, 112, 3),
    Ipv4Addr::new(185, 199, 108, 133),
    Ipv4Addr::new(151, 101, 2, 132),
];

/// Tools that the replica's actor plays, by the name of the executed file.
const PLAYED: [&str; 7] = [
    "/usr/bin/wget",
    "/usr/bin/curl",
    "/usr/bin/openssl",
    "/usr/bin/gpg",
    "/usr/bin/python2",
    "/usr/bin/netstat",
    "/usr/sbin/dmidecode",
];

/// The directory of the scene's own files.
const SCENE: &str = "/run/scene";

/// The service's timer existed before, and fires during the install.
const NOISE: [(&str, &str); 2] = [
    (
        "noise.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh /run/scene/noise\n",
    ),
    (
        "noise.timer",
        "[Timer]\nOnActiveSec=25s\nAccuracySec=100ms\n",
    ),
];

/// A prepared stage.
pub(super) struct Stage;

impl Stage {
    pub(super) fn set() -> Stage {
        let replica = PathBuf::from(std::env::var_os(REPLICA).expect("a guest"));
        truth::begin(&replica.join("truth.sh"));
        write(&format!("{SCENE}/scene"), include_str!("scene.sh"));
        write(&format!("{SCENE}/job"), include_str!("job.sh"));
        write(&format!("{SCENE}/noise"), include_str!("noise.sh"));
        package();
        let mut hosts = remote_side(&replica);
        // It ends with its stdin.
        let stdin = hosts.stdin.take();
        at_the_end(move || {
            drop(stdin);
            drop(hosts.wait());
        });
        fs::copy(replica.join("onboard_agent.sh"), "/root/onboard_agent.sh").expect("a copy");
        for tool in PLAYED {
            // The guest's own program would find no internet.
            drop(fs::remove_file(tool));
            fs::hard_link(replica.join("demo-actor"), tool).expect("another name");
        }
        for (name, text) in NOISE {
            write(&format!("/etc/systemd/system/{name}"), text);
        }
        call(&["systemctl", "daemon-reload"]);
        call(&["systemctl", "start", "noise.timer"]);
        Stage
    }
}

fn remote_side(replica: &Path) -> Child {
    for address in FAR_SIDE {
        call(&[
            "ip",
            "address",
            "add",
            &format!("{address}/32"),
            "dev",
            "lo",
        ]);
    }
    write("/etc/resolv.conf", &format!("nameserver {PLATFORM}\n"));
    let mut hosts = Command::new(replica.join("demo-actor"))
        .arg("hosts")
        .arg(replica.join("bundle.sh"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the remote side");
    let mut ready = [0; 1];
    let output = hosts.stdout.as_mut().expect("its output");
    output
        .read_exact(&mut ready)
        .expect("the remote side listens");
    hosts
}

/// Builds the package of the made-up agent.
fn package() {
    let root = format!("{SCENE}/acme");
    for (place, text) in [
        ("DEBIAN/control", include_str!("acme/control")),
        ("DEBIAN/postinst", include_str!("acme/postinst")),
        ("opt/acme/agent", include_str!("acme/agent")),
        ("opt/acme/worker", include_str!("acme/worker")),
        (
            "lib/systemd/system/acme-agent.service",
            include_str!("acme/acme-agent.service"),
        ),
    ] {
        write(&format!("{root}/{place}"), text);
    }
    let all = fs::Permissions::from_mode(0o755);
    fs::set_permissions(format!("{root}/DEBIAN/postinst"), all).expect("a mode");
    let package = format!("{SCENE}/acme-agent.deb");
    call(&["dpkg-deb", "--root-owner-group", "--build", &root, &package]);
}

fn write(place: &str, text: &str) {
    let place = Path::new(place);
    let directory = place.parent().expect("a file");
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(place, text))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", place.display()));
}

/// Runs a program and requires success.
pub(super) fn call(words: &[&str]) {
    let (program, rest) = words.split_first().expect("a program");
    run(Command::new(program).args(rest)).success();
}
