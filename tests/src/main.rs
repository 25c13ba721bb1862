//! End-to-end tests of the `tracer` binary: a command goes in, and text comes out. They use nothing
//! of the library, mock nothing, and need no cargo at run time. On another machine the program
//! needs a `tracer` next to it, or `TRACER` set.

mod actor;
mod bad_input;
mod cgroup;
mod changes;
mod connect;
mod corpus;
mod daemons;
mod damage;
mod demo;
mod doctor;
mod elsewhere;
mod exec;
mod export;
mod failures;
mod files;
mod filter;
mod harness;
mod homes;
mod hooks;
mod hostile;
mod inbound;
mod launch;
mod listening;
mod lockdown;
mod matrix;
mod mounts;
mod names;
mod native;
mod openings;
mod others;
mod output;
mod package;
mod policy;
mod process;
mod record;
mod redact;
mod report;
mod schedule;
mod service;
mod sockets;
mod statuses;
mod systemd;
mod tags;
mod udp;
mod users;
mod watch;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use nix::sys::signal::{SigHandler, Signal, signal};

/// Limits the run to some modules, with commas; unset, all run. It saves time in guests where most
/// tests would repeat another guest's results.
const MODULES: &str = "TRACER_TESTS_MODULES";

/// Set to `elsewhere` if the tests that need systemd run in sandboxes of their own.
const SYSTEMD: &str = "TRACER_TESTS_SYSTEMD";

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == harness::ACT) {
        return actor::run(words.collect());
    }
    restore_signals();
    harness::mark();
    let arguments = Arguments::from_args();
    let tests = [
        exec::tests(),
        export::tests(),
        failures::tests(),
        process::tests(),
        cgroup::tests(),
        changes::tests(),
        schedule::tests(),
        service::tests(),
        sockets::tests(),
        statuses::tests(),
        systemd::tests(),
        connect::tests(),
        homes::tests(),
        hooks::tests(),
        hostile::tests(),
        inbound::tests(),
        matrix::tests(),
        udp::tests(),
        users::tests(),
        listening::tests(),
        openings::tests(),
        others::tests(),
        launch::tests(),
        record::tests(),
        output::tests(),
        files::tests(),
        elsewhere::tests(),
        mounts::tests(),
        package::tests(),
        policy::tests(),
        filter::tests(),
        redact::tests(),
        report::tests(),
        tags::tests(),
        names::tests(),
        native::tests(),
        bad_input::tests(),
        daemons::tests(),
        damage::tests(),
        doctor::tests(),
        lockdown::tests(),
        demo::tests(),
        watch::tests(),
        corpus::tests(),
        harness::tests(),
    ];
    let wanted = std::env::var(MODULES).unwrap_or_default();
    let is_elsewhere = std::env::var_os(SYSTEMD).is_some_and(|value| value == "elsewhere");
    let trials: Vec<Trial> = tests
        .into_iter()
        .flatten()
        .filter(|test| wanted.is_empty() || wanted.split(',').any(|name| test.is_of(name)))
        .filter(|test| !is_elsewhere || !test.depends_on(systemd::NOT))
        .map(Trial::from)
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return conclusion.exit_code();
    }
    harness::print_slowest();
    let left = harness::end_leftovers();
    if left.is_empty() {
        return conclusion.exit_code();
    }
    println!("test no_process_is_left_behind ... FAILED");
    for process in left {
        println!("    {process}");
    }
    ExitCode::from(101)
}

/// Restores signals that a shell's background processes and nohup(1) ignore. Every recorder here
/// would inherit that.
fn restore_signals() {
    for it in [Signal::SIGINT, Signal::SIGHUP] {
        // SAFETY: no handler is set.
        unsafe { signal(it, SigHandler::SigDfl) }.expect("the signal can be heeded");
    }
}
