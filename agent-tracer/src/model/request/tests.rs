//! Tests command lines with their units.

use super::{starts, systemctl, systemd_run, turns_off};

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
        ("systemctl stop omid", "omid.service"),
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

#[test]
fn a_call_over_the_bus_names_its_units() {
    let call = "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
        org.freedesktop.systemd1.Manager StartUnit ss x.service replace";
    assert_eq!(names(super::bus_call(&words(call))), "x.service");
    let call = "dbus-send --system --dest=org.freedesktop.systemd1 /org/freedesktop/systemd1 \
        org.freedesktop.systemd1.Manager.RestartUnit string:x.service string:replace";
    assert_eq!(names(super::bus_call(&words(call))), "x.service");
    assert_eq!(names(super::bus_call(&words("busctl list x.service"))), "");
}

#[test]
fn what_turns_a_unit_off() {
    for (line, is_it) in [
        ("systemctl stop auditd", true),
        ("systemctl --now disable a auditd.service", true),
        ("systemctl mask /lib/systemd/system/auditd.service", true),
        ("systemctl restart auditd", false),
        ("systemctl stop auditd.socket", false),
        ("systemctl is-enabled auditd", false),
        ("systemctl", false),
    ] {
        let argv = words(line);
        assert_eq!(turns_off(&argv, b"auditd.service"), is_it, "{line}");
    }
}
