//! Plays what an agent and its machine do all day: plugins that run small programs, reports to the
//! service, connections inside of the network, and things that deserve a question.

use agent_tracer::event::ProcessId;

use super::{
    place::{self, ENDPOINTS},
    scene::{AGENT, Scene},
};

/// The programs of plugins.
const PROGRAMS: [&[&str]; 8] = [
    &["/usr/bin/grep", "-c", "processor", "/proc/cpuinfo"],
    &["/usr/bin/awk", "{print $4}", "/proc/loadavg"],
    &["/usr/bin/df", "--output=pcent", "/"],
    &["/usr/bin/ps", "-eo", "pid,rss,comm"],
    &["/usr/bin/dpkg-query", "-W", "--showformat=${Package}\\n"],
    &["/usr/bin/sed", "-n", "s/^MemFree://p", "/proc/meminfo"],
    &[
        "/usr/bin/python3",
        "/opt/microsoft/omsconfig/Scripts/inventory.py",
    ],
    &[
        "/usr/bin/curl",
        "--silent",
        "--max-time",
        "30",
        "--data-binary",
        "@-",
    ],
];

/// Emits the lives of this many processes. Half of them connect.
pub(super) fn compose(scene: &mut Scene<'_>, cron: ProcessId, processes: u64) {
    let begun = scene.story.now;
    let length = scene.take.length_ns();
    let mut shell = cron;
    let mut user = 0;
    for number in 0..processes {
        // What happens takes longer where a machine is busy.
        let at = begun + length / processes.max(1) * number;
        scene.story.now = scene.story.now.max(at);
        if number % 20 == 0 {
            if shell != cron {
                scene.finish(shell, user);
            }
            user = [0, 0, AGENT, AGENT, 33][scene.rng.usize(0..5)];
            shell = scene.run(cron, user, &["/bin/sh", "-c", "/opt/agent/plugin.sh"]);
            continue;
        }
        let which = scene.rng.usize(0..PROGRAMS.len());
        let process = scene.run(shell, user, PROGRAMS[which]);
        if scene.rng.bool() {
            report(scene, process, user);
        }
        scene.finish(process, user);
    }
    if scene.rng.u8(0..30) == 0 {
        oddity(scene, cron);
    }
}

/// Connects somewhere: mostly to the service.
fn report(scene: &mut Scene<'_>, process: ProcessId, user: u32) {
    let place = match scene.rng.u8(0..10) {
        0..7 => {
            let which = scene.rng.usize(0..ENDPOINTS);
            place::ingestion(scene.take.host.region, which)
        }
        7 => place::telemetry(13 + scene.take.week / 2),
        8 => place::archive(scene.take.host.is_rpm),
        _ => place::inside(scene.rng.u8(1..40)),
    };
    if scene.rng.u8(0..60) == 0 {
        let which = scene.rng.u8(0..9);
        let name = format!("old-{which}.agents.example");
        scene.look_up(process, user, &name, None);
    }
    scene.talk(process, user, &place);
}

/// Runs a program as root from a directory where everybody may write.
fn oddity(scene: &mut Scene<'_>, cron: ProcessId) {
    let which = scene.rng.u8(0..4);
    let program = [
        "/tmp/.x/update",
        "/dev/shm/kdevtmp",
        "/var/tmp/fix.sh",
        "/tmp/a.out",
    ];
    let program = program[usize::from(which)];
    let process = scene.run(cron, 0, &[program, "--quiet"]);
    let mut place = place::inside(200 + which);
    place.port = 4444;
    scene.talk(process, 0, &place);
    scene.finish(process, 0);
}
