//! Records running things: a unit by its name, a process by its number. Their open connections and
//! their origin are in the trace from the start.

use std::{
    fs,
    io::Write,
    net::{TcpListener, TcpStream},
    process::Command,
};

use serde_json::Value;

use super::stage::call;
use crate::harness::{Recording, Test, Trace, live, run, within_limit, words};

pub(super) fn tests() -> Vec<Test> {
    vec![
        live!(a_unit_is_recorded_with_its_children),
        live!(a_process_is_recorded_with_its_children),
        live!(a_disabled_service_needs_attention),
        live!(a_service_belongs_to_the_client_of_systemd),
        live!(a_restart_right_after_a_request_is_systemds),
    ]
}

/// A daemon of two processes, one of which keeps a connection.
struct Daemon {
    unit: String,
    remote: String,
    main: u64,
    /// Its end would also end the client.
    _connection: TcpStream,
}

impl Daemon {
    fn start(name: &str) -> Daemon {
        let unit = format!("tracer-test-{name}-{}.service", std::process::id());
        let server = TcpListener::bind("127.0.0.1:0").expect("a server");
        let port = server.local_addr().expect("its address").port();
        let script = format!(
            "perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); \
             connect(S, sockaddr_in({port}, INADDR_LOOPBACK)); sysread(S, $x, 1); sleep 1000' & \
             while :; do sleep 0.2; done"
        );
        call(&[
            "systemd-run",
            "--quiet",
            "--unit",
            &unit,
            "sh",
            "-c",
            &script,
        ]);
        // So that the connection exists and has carried something.
        let (mut connection, _) = server.accept().expect("a client");
        connection.write_all(b"x").expect("a byte");
        let mut main = 0;
        within_limit(|| {
            let shown = run(Command::new("systemctl")
                .args(["show", "--property=MainPID", "--value"])
                .arg(&unit));
            main = shown.text().trim().parse().unwrap_or_default();
            main > 1
        });
        Daemon {
            unit,
            remote: format!("127.0.0.1:{port}"),
            main,
            _connection: connection,
        }
    }

    /// Checks the recording of this daemon.
    fn is_in(&self, trace: &Trace) {
        let everything = trace.processes([]);
        let find = |pid: u64| everything.iter().find(|life| life["pid"] == pid);
        let main = find(self.main).expect("its main process");
        assert_eq!(main["unit"], *self.unit, "{main}");
        let client = everything
            .iter()
            .find(|life| life["ppid"] == self.main && life["name"] == "perl")
            .expect("its child from before");
        assert_eq!(client["unit"], *self.unit, "{client}");
        // The recorded tree is the daemon's, and no other.
        assert_ne!(main["tree"], "system", "{main}");
        assert_eq!(client["tree"], main["tree"], "{client}");
        let manager = find(1).expect("what started it");
        assert_eq!(manager["tree"], "system", "{manager}");
        // A process that starts now.
        let sleeping = everything
            .iter()
            .filter(|life| life["ppid"] == self.main && life["name"] == "sleep");
        assert!(sleeping.count() > 1);
        let rows = trace.connections(["--remote", &self.remote]);
        let row = rows
            .iter()
            .find(|row| row["process"]["pid"] == client["pid"])
            .unwrap_or_else(|| panic!("its connection: {rows:?}"));
        assert_eq!(row["state"], "open", "{row}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        call(&["systemctl", "stop", &self.unit]);
    }
}

fn a_unit_is_recorded_with_its_children() {
    let daemon = Daemon::start("unit");
    let trace = Recording::of(Vec::new())
        .option(["--unit", &daemon.unit])
        .lasts(2000)
        .run()
        .trace();
    daemon.is_in(&trace);
}

fn a_process_is_recorded_with_its_children() {
    let daemon = Daemon::start("pid");
    let trace = Recording::of(Vec::new())
        .option(["--pid", &daemon.main.to_string()])
        .lasts(2000)
        .run()
        .trace();
    daemon.is_in(&trace);
}

/// Units that run and are enabled until the next boot.
struct Services(Vec<String>);

impl Services {
    fn start<const N: usize>(names: [&str; N]) -> Services {
        let unit = |name| format!("tracer-test-{name}-{}.service", std::process::id());
        let services = Services(names.map(unit).to_vec());
        for unit in &services.0 {
            let text =
                "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n";
            fs::write(format!("/run/systemd/system/{unit}"), text).expect("a unit");
        }
        call(&["systemctl", "daemon-reload"]);
        for unit in &services.0 {
            call(&["systemctl", "enable", "--runtime", "--now", unit]);
        }
        services
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for unit in &self.0 {
            call(&["systemctl", "unmask", "--runtime", unit]);
            call(&["systemctl", "disable", "--runtime", "--now", unit]);
            // A masked unit has no file any more.
            drop(fs::remove_file(format!("/run/systemd/system/{unit}")));
        }
        call(&["systemctl", "daemon-reload"]);
    }
}

/// A restart is not reported. A stopped or disabled service is named, with the process that asked
/// systemd.
fn a_disabled_service_needs_attention() {
    let services = Services::start(["off", "stopped", "disabled", "restarted"]);
    let [off, stopped, disabled, restarted] = services.0.as_slice() else {
        unreachable!("there are four");
    };
    let script = format!(
        "systemctl disable --runtime --now {off}; systemctl stop {stopped}; \
         systemctl disable --runtime {disabled}; systemctl restart {restarted}"
    );
    let trace = Recording::of(words(["sh", "-c", &script])).run().trace();
    let rows = trace.lives("changes", []);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut found: Vec<[String; 3]> = rows
        .iter()
        .filter(|row| row["kind"] == "service" && row["attention"] != Value::Null)
        // Other tests install services at the same time.
        .filter(|row| services.0.iter().any(|unit| row["name"] == **unit))
        .map(|row| {
            let author = &row["process"]["name"];
            [text(&row["name"]), text(&row["attention"]), text(author)]
        })
        .collect();
    found.sort();
    let mut expected = [
        (off, "service turned off"),
        (stopped, "stopped service"),
        (disabled, "disabled service"),
    ]
    .map(|(unit, reason)| [unit.clone(), reason.to_owned(), "systemctl".to_owned()]);
    expected.sort();
    assert_eq!(found, expected);
}

/// A unit file, or an init script, that the recorded command installs. Removed at the end.
struct Installed(Vec<String>);

impl Drop for Installed {
    fn drop(&mut self) {
        for path in &self.0 {
            let name = path.rsplit('/').next().expect("a name");
            // Some were never enabled.
            drop(run(
                Command::new("systemctl").args(["disable", "--now", name])
            ));
            drop(fs::remove_file(path));
        }
        call(&["systemctl", "daemon-reload"]);
    }
}

/// systemd makes the link that enables a unit, and its generator makes units of init scripts.
/// Neither is the author: that is the recorded client, or the author of the script.
fn a_service_belongs_to_the_client_of_systemd() {
    let before = Services::start(["rerun"]);
    let own = std::process::id();
    let units = "/etc/systemd/system";
    let [enabled, linked] =
        ["enabled", "linked"].map(|what| format!("tracer-{what}-{own}.service"));
    let script = format!("tracer-script-{own}");
    let paths = [
        format!("{units}/{enabled}"),
        format!("{units}/{linked}"),
        format!("/etc/init.d/{script}"),
    ];
    let [first, second, init] = &paths;
    let command = format!(
        "unit() {{ printf '[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\n%s\\n' \
         WantedBy=multi-user.target; }}
         unit >{first}; unit >{second}
         printf '#!/bin/sh\\n### BEGIN INIT INFO\\n# Provides: {script}\\n\
         # Default-Start: 2 3 4 5\\n# Default-Stop: 0 1 6\\n### END INIT INFO\\n\
         [ \"$1\" != start ] || sleep 1000 &\\n' >{init}
         chmod 755 {init}
         systemctl daemon-reload
         systemctl enable {enabled}
         busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
         org.freedesktop.systemd1.Manager EnableUnitFiles asbb 1 {linked} false true
         systemctl start {script}; systemctl restart {}",
        before.0[0]
    );
    let installed = Installed(paths.to_vec());
    let trace = Recording::of(words(["sh", "-c", &command]));
    // A busy systemd reports late.
    let trace = trace.lingers(1000).run().trace();
    let rows = trace.lives("changes", []);
    let row = |name: &str| {
        let found = rows
            .iter()
            .find(|row| row["kind"] == "service" && row["name"] == name);
        found.unwrap_or_else(|| panic!("{name}: {rows:?}"))
    };
    for (name, client) in [(&enabled, "systemctl"), (&linked, "busctl")] {
        let row = row(name);
        assert_eq!(row["enabled_by"]["name"], client, "{row}");
        assert_eq!(row["process"]["name"], "sh", "{row}");
        assert_eq!(row["tree"], "command", "{row}");
    }
    let generated = row(&format!("{script}.service"));
    assert_eq!(generated["process"]["name"], "sh", "{generated}");
    assert_eq!(generated["inferred"], true, "{generated}");
    let restarted = row(&before.0[0]);
    assert_eq!(restarted["process"]["name"], "systemctl", "{restarted}");
    assert_eq!(restarted["inferred"], true, "{restarted}");
    let text = trace.read("changes", []).success();
    let enabled_by = format!("{first}, enabled by systemctl [");
    assert!(text.text().contains(&enabled_by), "{}", text.text());
    drop(installed);
}

/// systemd starts a unit again, within the half second that a request is taken to be open.
fn a_restart_right_after_a_request_is_systemds() {
    let unit = format!("tracer-respawn-{}.service", std::process::id());
    let path = format!("/etc/systemd/system/{unit}");
    let installed = Installed(vec![path.clone()]);
    let text = "[Service]\nExecStart=/bin/sleep 0.1\nRestart=always\nRestartSec=250ms\n\
                StartLimitBurst=3\nStartLimitInterval=1h\n";
    fs::write(path, text).expect("a unit");
    call(&["systemctl", "daemon-reload"]);
    let trace = Recording::of(words(["systemctl", "start", &unit]))
        // A restart takes seconds where the machine is emulated and busy.
        .lingers(2000)
        .run()
        .trace();
    let lives = trace.processes([]);
    let sleeping = lives
        .iter()
        .filter(|life| life["unit"] == *unit && life["argv"][0] == "/bin/sleep");
    let reasons: Vec<&str> = sleeping
        .filter_map(|life| life["because"].as_str())
        .collect();
    let [first, later @ ..] = reasons.as_slice() else {
        panic!("no generation: {lives:?}");
    };
    let request = format!("started by systemctl start {unit} [pid ");
    assert!(first.contains(&request), "{first}");
    assert!(!first.contains("again"), "{first}");
    assert!(!later.is_empty(), "{lives:?}");
    for reason in later {
        assert!(reason.contains("started again by systemd"), "{reason}");
    }
    drop(installed);
}
