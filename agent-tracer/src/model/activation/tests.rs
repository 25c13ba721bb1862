//! Requests of systemd and what they start, as events would tell it.

use super::{starts, systemctl, systemd_run};

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

fn names(units: Vec<Vec<u8>>) -> String {
    let units: Vec<String> = units
        .iter()
        .map(|unit| String::from_utf8_lossy(unit).into_owned())
        .collect();
    units.join(" ")
}

#[test]
fn systemctl_starts_what_it_names() {
    for (line, units) in [
        ("systemctl start omid", "omid.service"),
        ("/bin/systemctl restart omid.service", "omid.service"),
        (
            "systemctl --no-block start a b@c.service d.timer",
            "a.service b@c.service d.timer",
        ),
        ("systemctl enable --now omid", "omid.service"),
        (
            "systemctl --now enable /lib/systemd/system/omid.service",
            "omid.service",
        ),
        (
            "systemctl --job-mode=ignore-dependencies start x",
            "x.service",
        ),
        (
            "systemctl --job-mode ignore-dependencies start x",
            "x.service",
        ),
        ("systemctl -p MainPID start x", "x.service"),
        ("systemctl enable omid", ""),
        ("systemctl stop omid", ""),
        ("systemctl status start", ""),
        ("systemctl daemon-reload", ""),
        ("systemctl", ""),
    ] {
        assert_eq!(names(systemctl(&words(line))), units, "{line}");
    }
}

#[test]
fn systemd_run_names_its_unit_or_lets_it_be_named() {
    for (line, units) in [
        ("systemd-run --unit=x sleep 1", "x.service"),
        ("systemd-run --unit x sleep 1", "x.service"),
        ("systemd-run -u x sleep 1", "x.service"),
        ("systemd-run sleep --unit=1", "run-*"),
        ("systemd-run --scope --unit=x.scope sleep 1", "x.scope"),
    ] {
        assert_eq!(names(systemd_run(&words(line))), units, "{line}");
    }
}

#[test]
fn a_timer_starts_its_service() {
    assert!(starts(b"x.service", b"x.service"));
    assert!(starts(b"x.timer", b"x.service"));
    assert!(starts(b"x.socket", b"x.service"));
    assert!(starts(b"run-*", b"run-r0.service"));
    assert!(!starts(b"x.timer", b"y.service"));
    assert!(!starts(b"x.service", b"xx.service"));
}

mod lives {
    //! What PID 1 forks, on a request and without one.

    use crate::{
        event::{
            Cgroup, CommandStarted, Event, EventKind, Exec, Fork, ProcessId, Snapshot,
            SnapshotProcess,
        },
        model::{Model, Process},
        rules::RuleSet,
        view::because,
    };

    fn id(pid: u32) -> ProcessId {
        ProcessId {
            pid,
            start_ns: u64::from(pid) * 1_000_000_001,
        }
    }

    fn event(pid: u32, kind: EventKind) -> Event {
        Event {
            boot_ns: 10_000_000_000_000,
            process: id(pid),
            user: 0,
            kind,
        }
    }

    fn ran_before(pid: u32, exe: &str, cgroup: &str) -> SnapshotProcess {
        SnapshotProcess {
            pid,
            start_ns: id(pid).start_ns / 10_000_000 * 10_000_000,
            parent_pid: u32::from(pid != 1),
            exe: exe.into(),
            comm: exe.rsplit('/').next().unwrap_or_default().into(),
            cgroup: cgroup.into(),
            ..SnapshotProcess::default()
        }
    }

    fn fork(parent: u32, child: u32) -> Event {
        let fork = Fork {
            parent_pid: parent,
            parent_start_ns: id(parent).start_ns,
            comm: b"x".to_vec(),
        };
        event(child, EventKind::Fork(fork))
    }

    fn exec(pid: u32, line: &str) -> Event {
        let argv: Vec<Vec<u8>> = line
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect();
        let exec = Exec {
            filename: argv[0].clone(),
            argv,
            ..Exec::default()
        };
        event(pid, EventKind::Exec(exec))
    }

    fn enters(pid: u32, unit: &str) -> Event {
        let path = format!("/system.slice/{unit}").into_bytes();
        event(pid, EventKind::Cgroup(Cgroup { path }))
    }

    /// PID 1, a unit that runs, and a command (5) that starts units as PID 1's children.
    fn model(events: &[Event]) -> Model {
        let mut model = Model::new(RuleSet::built_in());
        let processes = vec![
            ran_before(1, "/usr/lib/systemd/systemd", "/init.scope"),
            ran_before(2, "/usr/sbin/rsyslogd", "/system.slice/rsyslog.service"),
            ran_before(4, "/usr/bin/tracer", "/user.slice/session-1.scope"),
        ];
        model.apply(&Event::of_recording(
            9_000_000_000_000,
            EventKind::Snapshot(Snapshot { processes }),
        ));
        model.apply(&fork(4, 5));
        model.apply(&event(
            5,
            EventKind::CommandStarted(CommandStarted { attached: false }),
        ));
        model.apply(&exec(5, "/bin/sh postinst"));
        for event in events {
            model.apply(event);
        }
        model
    }

    fn life(model: &Model, pid: u32) -> &Process {
        model.process(model.latest(pid).expect("the process is known"))
    }

    #[test]
    fn a_rule_names_the_tree_and_the_request_is_told() {
        let model = model(&[
            fork(5, 6),
            exec(6, "/bin/systemctl start omid"),
            fork(1, 7),
            enters(7, "omid.service"),
            exec(7, "/opt/omi/bin/omiserver -d"),
            fork(7, 8),
        ]);
        assert_eq!(&*life(&model, 7).tree, "omi");
        assert!(
            because(life(&model, 7)).ends_with(
                "unit omid.service, started by /bin/systemctl start omid [pid 6] (inferred)"
            ),
            "{}",
            because(life(&model, 7))
        );
        assert_eq!(&*life(&model, 8).tree, "omi");
        assert!(because(life(&model, 8)).contains("[pid 6] (inferred)"));
    }

    #[test]
    fn a_new_unit_is_a_tree_of_its_own() {
        let model = model(&[
            fork(5, 6),
            exec(6, "/bin/systemctl enable --now acme-agent"),
            fork(1, 7),
            enters(7, "acme-agent.service"),
            exec(7, "/opt/acme/agent"),
            fork(7, 8),
        ]);
        for pid in [7, 8] {
            assert_eq!(&*life(&model, pid).tree, "acme-agent.service");
        }
        assert_eq!(
            because(life(&model, 7)),
            "unit acme-agent.service, started by /bin/systemctl enable --now acme-agent [pid 6] (inferred)"
        );
    }

    #[test]
    fn a_unit_that_nobody_asked_for_is_linked_to_nobody() {
        let model = model(&[
            fork(5, 6),
            exec(6, "/bin/systemctl start omid"),
            fork(1, 7),
            enters(7, "apt-daily.service"),
            exec(7, "/usr/lib/apt/apt.systemd.daily"),
        ]);
        assert_eq!(
            because(life(&model, 7)),
            "unit apt-daily.service, started by systemd"
        );
        assert_ne!(&*life(&model, 7).tree, "command");
    }

    #[test]
    fn a_unit_that_ran_before_stays_where_it_was() {
        let model = model(&[
            fork(5, 6),
            exec(6, "/bin/systemctl restart rsyslog"),
            fork(1, 7),
            enters(7, "rsyslog.service"),
            exec(7, "/usr/sbin/rsyslogd -n"),
        ]);
        assert_eq!(&*life(&model, 7).tree, "system");
        assert!(because(life(&model, 7)).contains("systemctl restart rsyslog [pid 6] (inferred)"));
    }

    #[test]
    fn a_session_of_su_is_no_activation() {
        let model = model(&[
            fork(5, 6),
            enters(6, "session-2.scope"),
            exec(6, "/bin/sh -c x"),
        ]);
        assert_eq!(&*life(&model, 6).tree, "command");
        assert!(because(life(&model, 6)).starts_with("child of"));
    }
}
