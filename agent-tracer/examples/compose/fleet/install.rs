//! Plays an installer: it downloads a bundle, installs packages, and starts the daemons of agents.

use std::net::Ipv4Addr;

use agent_tracer::event::{CommandEnded, CommandStarted, EventKind, FileAction, FileHashed};

use super::{
    place,
    scene::{AGENT, Scene},
};

/// The command line of the recording.
pub(super) const COMMAND: [&[u8]; 3] = [b"/bin/sh", b"onboard_agent.sh", b"-w"];

/// The programs of a package's scripts, after the packages are unpacked.
const STEPS: [&[&str]; 6] = [
    &["/usr/sbin/useradd", "--system", "omsagent"],
    &["/usr/sbin/groupadd", "omi"],
    &["/usr/bin/openssl", "req", "-new", "-x509", "-nodes"],
    &[
        "/usr/bin/chown",
        "-R",
        "omsagent",
        "/etc/opt/microsoft/omsagent",
    ],
    &["/usr/sbin/ldconfig"],
    &["/usr/bin/systemctl", "daemon-reload"],
];

pub(super) fn compose(scene: &mut Scene<'_>) {
    let shell = scene.run(
        super::scene::MANAGER,
        0,
        &["/bin/sh", "onboard_agent.sh", "-w"],
    );
    let started = CommandStarted { attached: false };
    scene
        .story
        .emit(shell, 0, EventKind::CommandStarted(started));
    let version = scene.take.version();
    let bundle = format!("/tmp/agent-{version}.universal.sh");
    let url = format!("https://releases.agents.example/agent-{version}.sh");
    let wget = scene.run(shell, 0, &["/usr/bin/wget", "-O", &bundle, &url]);
    scene.talk(wget, 0, &place::releases());
    scene.file(wget, &bundle, FileAction::Written);
    scene.finish(wget, 0);
    let bundle_runs = scene.run(shell, 0, &[&bundle, "--install"]);
    // All hosts get the same bundle of a version.
    let digest = version.bytes().cycle().zip(0..32_u8);
    let digest: Vec<u8> = digest.map(|(byte, at)| byte ^ at.wrapping_mul(7)).collect();
    let hashed = FileHashed {
        path: bundle.into_bytes(),
        sha256: digest,
        ..FileHashed::default()
    };
    scene
        .story
        .emit(bundle_runs, 0, EventKind::FileHashed(hashed));
    let manager: &[&str] = match scene.take.host.is_rpm {
        true => &["/usr/bin/rpm", "-Uvh", "omi.rpm", "omsagent.rpm"],
        false => &["/usr/bin/dpkg", "-i", "omi.deb", "omsagent.deb"],
    };
    let archive = place::archive(scene.take.host.is_rpm);
    let update = scene.run(
        bundle_runs,
        0,
        &["/usr/bin/apt-get", "install", "-y", "auditd"],
    );
    scene.talk(update, 0, &archive);
    scene.finish(update, 0);
    let packages = scene.run(bundle_runs, 0, manager);
    for file in ["bin/omiserver", "lib/libomi.so", "bin/omicli"] {
        scene.file(packages, &format!("/opt/omi/{file}"), FileAction::Written);
    }
    if scene.has_setuid() {
        scene.file(packages, "/opt/omi/bin/omi-helper", FileAction::Written);
    }
    let postinst = scene.run(
        packages,
        0,
        &["/bin/sh", "/var/lib/dpkg/info/omsagent.postinst"],
    );
    for step in STEPS {
        let done = scene.run(postinst, 0, step);
        scene.finish(done, 0);
    }
    scene.finish(postinst, 0);
    scene.finish(packages, 0);
    daemons(scene);
    scene.finish(bundle_runs, 0);
    scene.finish(shell, 0);
    scene
        .story
        .of_recording(EventKind::CommandEnded(CommandEnded {
            status: 0,
            status_known: true,
        }));
}

/// Starts the agent's daemons; one host in twenty lets others connect to them.
fn daemons(scene: &mut Scene<'_>) {
    let server = scene.start("omid.service", 0, &["/opt/omi/bin/omiserver", "-d"]);
    let address = match scene.rng.u8(0..20) {
        0 => Ipv4Addr::UNSPECIFIED,
        _ => Ipv4Addr::LOCALHOST,
    };
    scene.listen(server, 0, address, 1270);
    let engine = ["/opt/omi/bin/omiengine", "-d", "--logfilefd", "3"];
    scene.run(server, 0, &engine);
    let agent = [
        "/opt/microsoft/omsagent/ruby/bin/ruby",
        "/opt/microsoft/omsagent/bin/omsagent",
        "-d",
        "/var/opt/microsoft/omsagent/run/omsagent.pid",
    ];
    let agent = scene.start("omsagent-1234.service", AGENT, &agent);
    scene.listen(agent, AGENT, Ipv4Addr::LOCALHOST, 25_226);
    let first = place::ingestion(scene.take.host.region, 0);
    scene.talk(agent, AGENT, &first);
    // A version of the agent has a destination that no earlier one has.
    let telemetry = place::telemetry(13 + scene.take.week / 2);
    scene.talk(agent, AGENT, &telemetry);
}
