//! Tests the processes that PID 1 and cron fork, on a request and without one.

use crate::{
    event::{
        Cgroup, CommandStarted, Event, EventKind, Exec, Fork, ProcessId, Snapshot, SnapshotProcess,
        Unit, UnitAction, Units,
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
fn a_rule_names_the_tree_and_the_request_is_shown() {
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
        because(&model, life(&model, 7)).ends_with(
            "unit omid.service, started by /bin/systemctl start omid [pid 6] (inferred)"
        ),
        "{}",
        because(&model, life(&model, 7))
    );
    assert_eq!(&*life(&model, 8).tree, "omi");
    assert!(because(&model, life(&model, 8)).contains("[pid 6] (inferred)"));
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
        because(&model, life(&model, 7)),
        "unit acme-agent.service, started by /bin/systemctl enable --now acme-agent [pid 6] \
         (inferred)"
    );
}

#[test]
fn a_unit_without_a_request_has_no_requester() {
    let model = model(&[
        fork(5, 6),
        exec(6, "/bin/systemctl start omid"),
        fork(1, 7),
        enters(7, "apt-daily.service"),
        exec(7, "/usr/lib/apt/apt.systemd.daily"),
    ]);
    assert_eq!(
        because(&model, life(&model, 7)),
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
    assert!(
        because(&model, life(&model, 7)).contains("systemctl restart rsyslog [pid 6] (inferred)")
    );
}

/// Lists the transitions in a report: from systemd's own events, or else from cgroups.
#[test]
fn starts_and_ends_are_listed_with_their_requests() {
    let change = |action| {
        let unit = Unit {
            name: b"acme.service".to_vec(),
            action: i32::from(action),
            job: "stop".to_owned(),
            ..Unit::default()
        };
        event(0, EventKind::Unit(unit))
    };
    let transitions = |model: &Model| -> Vec<(UnitAction, Option<u32>, bool)> {
        let transitions = model.unit_transitions().iter();
        transitions
            .map(|transition| {
                let by = transition.request.as_ref().map(|request| request.pid);
                (
                    transition.action,
                    by,
                    model.activation_of(transition).is_some(),
                )
            })
            .collect()
    };
    let reported = model(&[
        event(0, EventKind::Units(Units::default())),
        fork(5, 6),
        exec(6, "/bin/systemctl start acme"),
        change(UnitAction::Queued),
        fork(1, 7),
        enters(7, "acme.service"),
        change(UnitAction::Started),
        fork(5, 8),
        exec(8, "/bin/systemctl stop acme"),
        change(UnitAction::Queued),
        change(UnitAction::Described),
        change(UnitAction::Stopped),
    ]);
    let expected = [
        (UnitAction::Started, Some(6), true),
        (UnitAction::Stopped, Some(8), false),
    ];
    assert_eq!(transitions(&reported), expected);
    let silent = model(&[fork(1, 7), enters(7, "acme.service")]);
    assert_eq!(transitions(&silent), [(UnitAction::Started, None, true)]);
}

#[test]
fn a_session_of_su_is_no_activation() {
    let model = model(&[
        fork(5, 6),
        enters(6, "session-2.scope"),
        exec(6, "/bin/sh -c x"),
    ]);
    assert_eq!(&*life(&model, 6).tree, "command");
    assert!(because(&model, life(&model, 6)).starts_with("child of"));
}

mod reported {
    //! Tests the same, with reports by systemd and fanotify.

    use super::{enters, event, exec, fork, id, life, model};
    use crate::{
        event::{
            Event, EventKind, Exit, FileAction, FileEvent, LoadedUnit, Unit, UnitAction, Units,
        },
        model::job_digest,
        view::because,
    };

    const BEGUN: u64 = 10_000_000_000_000;

    fn at(seconds: u64, mut event: Event) -> Event {
        event.boot_ns = BEGUN + seconds * 1_000_000_000;
        event
    }

    fn loaded(names: &[&str]) -> Event {
        let units = names.iter().map(|name| LoadedUnit {
            name: name.as_bytes().to_vec(),
            active: "active".to_owned(),
        });
        let units = units.collect();
        Event::of_recording(BEGUN, EventKind::Units(Units { units }))
    }

    fn unit(name: &str, action: UnitAction) -> Unit {
        Unit {
            name: name.into(),
            action: action.into(),
            ..Unit::default()
        }
    }

    fn report(unit: Unit) -> Event {
        Event::of_recording(BEGUN, EventKind::Unit(unit))
    }

    fn written(pid: u32, path: &str, jobs: Vec<Vec<u8>>) -> Event {
        let file = FileEvent {
            is_directory: false,
            identity: None,
            path: path.into(),
            action: FileAction::Written.into(),
            jobs,
        };
        event(pid, EventKind::File(file))
    }

    fn exits(pid: u32) -> Event {
        event(pid, EventKind::Exit(Exit::of(0)))
    }

    #[test]
    fn an_alias_is_the_unit() {
        let model = model(&[
            loaded(&["rsyslog.service"]),
            fork(5, 6),
            exec(6, "/bin/systemctl start short"),
            report(unit("long.service", UnitAction::Queued)),
            fork(1, 7),
            enters(7, "long.service"),
            exec(7, "/opt/long"),
            fork(7, 8),
            report(Unit {
                aliases: vec![b"short.service".to_vec()],
                ..unit("long.service", UnitAction::Described)
            }),
        ]);
        for pid in [7, 8] {
            assert_eq!(&*life(&model, pid).tree, "long.service");
        }
        assert_eq!(
            because(&model, life(&model, 7)),
            "unit long.service, started by /bin/systemctl start short [pid 6] (inferred)"
        );
    }

    #[test]
    fn a_restart_is_its_own_request() {
        let model = model(&[
            loaded(&[]),
            fork(5, 6),
            exec(6, "/bin/systemctl start omid"),
            report(unit("omid.service", UnitAction::Queued)),
            fork(1, 7),
            enters(7, "omid.service"),
            report(unit("omid.service", UnitAction::Started)),
            exits(6),
            at(1, fork(5, 8)),
            at(1, exec(8, "/bin/systemctl restart omid")),
            at(1, report(unit("omid.service", UnitAction::Queued))),
            at(1, fork(1, 9)),
            at(1, enters(9, "omid.service")),
        ]);
        let reason = |pid| because(&model, life(&model, pid));
        assert!(
            reason(7).contains("systemctl start omid [pid 6]"),
            "{}",
            reason(7)
        );
        assert!(
            reason(9).contains("systemctl restart omid [pid 8]"),
            "{}",
            reason(9)
        );
    }

    /// A service that a client started and that runs; the client has ended.
    fn started() -> Vec<Event> {
        vec![
            loaded(&[]),
            fork(5, 6),
            exec(6, "/bin/systemctl start acme"),
            report(unit("acme.service", UnitAction::Queued)),
            fork(1, 7),
            enters(7, "acme.service"),
            report(unit("acme.service", UnitAction::Started)),
            exits(6),
        ]
    }

    #[test]
    fn what_comes_back_by_itself_says_what_began_it() {
        let model = model(
            &[
                started(),
                vec![
                    at(9, report(unit("acme.service", UnitAction::Failed))),
                    at(9, report(unit("acme.service", UnitAction::Queued))),
                    at(9, fork(1, 9)),
                    at(9, enters(9, "acme.service")),
                ],
            ]
            .concat(),
        );
        assert_eq!(&*life(&model, 9).tree, "acme.service");
        assert_eq!(
            because(&model, life(&model, 9)),
            "unit acme.service, started again by systemd, before that \
             started by /bin/systemctl start acme [pid 6] (inferred)"
        );
    }

    #[test]
    fn a_restart_right_after_the_request_is_not_asked_for() {
        // Nothing is 500 ms old.
        let model = model(
            &[
                started(),
                vec![
                    report(unit("acme.service", UnitAction::Failed)),
                    report(unit("acme.service", UnitAction::Queued)),
                    fork(1, 9),
                    enters(9, "acme.service"),
                    report(unit("acme.service", UnitAction::Restarted)),
                    report(unit("acme.service", UnitAction::Failed)),
                    // The process comes before its job.
                    fork(1, 10),
                    enters(10, "acme.service"),
                    report(unit("acme.service", UnitAction::Queued)),
                ],
            ]
            .concat(),
        );
        for pid in [9, 10] {
            assert_eq!(&*life(&model, pid).tree, "acme.service");
            assert_eq!(
                because(&model, life(&model, pid)),
                "unit acme.service, started again by systemd, before that \
                 started by /bin/systemctl start acme [pid 6] (inferred)"
            );
        }
        let transitions = model.unit_transitions().iter();
        let requested: Vec<bool> = transitions.map(|one| one.request.is_some()).collect();
        assert_eq!(requested, [true, false, false, false]);
    }

    #[test]
    fn a_link_by_systemd_is_the_clients_that_asked() {
        let link = "/etc/systemd/system/multi-user.target.wants";
        let made = |path: &str| {
            let file = FileEvent {
                path: path.into(),
                action: FileAction::Renamed.into(),
                ..FileEvent::default()
            };
            event(1, EventKind::File(file))
        };
        let model = model(&[
            loaded(&[]),
            made(&format!("{link}/early.service")),
            fork(5, 6),
            exec(6, "/bin/systemctl enable acme"),
            made(&format!("{link}/acme.service")),
            made("/etc/systemd/system/also.service"),
            fork(5, 8),
            exec(
                8,
                "/usr/bin/busctl call o / i EnableUnitFiles asbb 2 bus.service slow.service",
            ),
            made(&format!("{link}/bus.service")),
            made(&format!("{link}/acme.service")),
            made("/etc/systemd/system/either.service"),
            exits(6),
            exits(8),
            at(9, made(&format!("{link}/late.service"))),
            // A client of another unit runs when a busy machine reports the link.
            fork(5, 10),
            exec(10, "/bin/systemctl enable other"),
            at(9, made(&format!("{link}/slow.service"))),
        ]);
        for (path, by) in [
            ("early.service", None),
            ("acme.service", Some(6)),
            ("bus.service", Some(8)),
            ("late.service", None),
            ("slow.service", Some(8)),
        ] {
            let authors = model.file_authors(format!("{link}/{path}").as_bytes());
            let manager = authors.wrote.expect("systemd made it");
            let author = authors.behind(manager);
            let found = author.map(|(by, is_inferred)| (model.process(by).id.pid, is_inferred));
            assert_eq!(found, by.map(|pid| (pid, true)), "{path}");
        }
        let of = |path: &str| {
            let authors = model.file_authors(path.as_bytes());
            let (by, _) = authors.behind(authors.wrote?)?;
            Some(model.process(by).id.pid)
        };
        assert_eq!(
            of("/etc/systemd/system/also.service"),
            Some(6),
            "the only one"
        );
        assert_eq!(of("/etc/systemd/system/either.service"), None);
    }

    #[test]
    fn a_dependency_is_asked_for_with_what_needs_it() {
        let model = model(&[
            loaded(&[]),
            fork(5, 6),
            exec(6, "/bin/systemctl start outer"),
            report(unit("inner.service", UnitAction::Queued)),
            fork(1, 7),
            enters(7, "inner.service"),
            report(Unit {
                pulled_in_by: vec![b"middle.service".to_vec()],
                ..unit("inner.service", UnitAction::Described)
            }),
            report(Unit {
                pulled_in_by: vec![b"outer.service".to_vec()],
                ..unit("middle.service", UnitAction::Described)
            }),
            fork(1, 8),
            enters(8, "inner.service"),
        ]);
        let reason = because(&model, life(&model, 8));
        assert!(reason.contains("systemctl start outer [pid 6]"), "{reason}");
    }

    #[test]
    fn a_timer_names_its_writer() {
        let model = model(&[
            loaded(&[]),
            fork(5, 6),
            exec(6, "/usr/bin/dpkg --install x.deb"),
            written(6, "/usr/lib/systemd/system/x.timer", Vec::new()),
            written(6, "/usr/lib/systemd/system/x.service", Vec::new()),
            exits(6),
            report(unit("x.service", UnitAction::Queued)),
            report(Unit {
                triggered_by: vec![b"x.timer".to_vec()],
                file: b"/lib/systemd/system/x.service".to_vec(),
                ..unit("x.service", UnitAction::Described)
            }),
            fork(1, 7),
            enters(7, "x.service"),
        ]);
        assert_eq!(&*life(&model, 7).tree, "x.service");
        let reason = because(&model, life(&model, 7));
        assert!(
            reason.starts_with("unit x.service, started by x.timer, written by ")
                && reason.ends_with(" [pid 6] (inferred)"),
            "{reason}"
        );
    }

    #[test]
    fn a_pre_existing_unit_without_a_request_stays_the_systems() {
        let model = model(&[
            loaded(&["apt-daily.service", "apt-daily.timer"]),
            report(unit("apt-daily.service", UnitAction::Queued)),
            fork(1, 7),
            enters(7, "apt-daily.service"),
            // Not loaded, but as old: a client started it over the bus.
            report(unit("systemd-hostnamed.service", UnitAction::Queued)),
            fork(1, 8),
            enters(8, "systemd-hostnamed.service"),
        ]);
        for pid in [7, 8] {
            assert_eq!(&*life(&model, pid).tree, "system");
        }
    }

    #[test]
    fn a_job_of_cron_belongs_to_the_writer_of_its_table() {
        let model = model(&[
            fork(1, 6),
            exec(6, "/usr/sbin/cron -f"),
            written(5, "/etc/cron.d/x", vec![job_digest(b"job")]),
            fork(6, 7),
            fork(7, 8),
            exec(8, "/bin/sh -c job"),
            fork(8, 9),
            fork(6, 10),
            exec(10, "/bin/sh -c other"),
        ]);
        for pid in [8, 9] {
            assert_eq!(&*life(&model, pid).tree, "command");
        }
        let reason = because(&model, life(&model, 8));
        assert!(
            reason.starts_with("cron job of /etc/cron.d/x, written by")
                && reason.ends_with("[pid 5] (inferred)"),
            "{reason}"
        );
        for pid in [7, 10] {
            assert_eq!(&*life(&model, pid).tree, "system");
        }
        assert_eq!(model.find(id(8)), model.latest(8));
    }

    #[test]
    fn a_script_in_a_directory_of_crons_does_too() {
        let model = model(&[
            fork(1, 6),
            exec(6, "/usr/sbin/cron -f"),
            written(5, "/etc/cron.hourly/x", Vec::new()),
            fork(6, 7),
            exec(7, "/bin/sh -c run-parts"),
            fork(7, 8),
            exec(8, "/usr/bin/run-parts /etc/cron.hourly"),
            fork(8, 9),
            exec(9, "/etc/cron.hourly/x"),
        ]);
        assert_eq!(&*life(&model, 8).tree, "system");
        assert_eq!(&*life(&model, 9).tree, "command");
    }
}
