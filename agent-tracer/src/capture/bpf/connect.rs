//! Finds out whether the entry of `tcp_connect` is hooked. All programs need that setting when they
//! are loaded, and only a load shows its true value.

use std::path::Path;

use agent_tracer_ebpf::Settings;
use aya::{Ebpf, EbpfError};

use super::{
    attach::{Loader, Targets, attach_first},
    hook::Hook,
    plan::{Choice, Fact},
};

/// Loads all programs, attaches those for connections where `tcp_connect` can be hooked, and
/// returns the choices made. An unexpected outcome means a second load.
pub(super) fn load(
    loader: Loader<'_>,
    mut settings: Settings,
    targets: &Targets,
) -> Result<(Ebpf, Vec<Choice>), EbpfError> {
    settings.connect_is_hooked = 1;
    let hooked = settings.words();
    settings.connect_is_hooked = 0;
    let not_hooked = settings.words();
    let mut loader = loader;
    let is_wanted = Fact::Connect.has_members(&settings);
    let mut is_expected = is_wanted && functions_can_be_hooked();
    let mut connect = Choice::open(Fact::Connect);
    loop {
        let words = if is_expected { &hooked } else { &not_hooked };
        let mut programs = loader.load(words)?;
        let mut outcome = Choice::open(Fact::Outcome);
        if is_expected {
            // Outcomes come before requests: a reported request must have its outcome reported,
            // too.
            attach_first(&mut programs, &mut outcome, Fact::Outcome.hooks(), targets);
        }
        // A hook that failed once is not tried again.
        if is_wanted && connect.failures.is_empty() {
            let hooks = [Hook::FentryTcpConnect, Hook::KprobeTcpConnect];
            attach_first(&mut programs, &mut connect, &hooks, targets);
        }
        if connect.hook.is_some() == is_expected {
            let choices = match is_expected {
                true => vec![outcome, connect],
                false => vec![connect],
            };
            return Ok((programs, choices));
        }
        is_expected = !is_expected;
        if is_expected {
            connect = Choice::open(Fact::Connect);
        }
    }
}

/// Checks whether hooks at function entries are likely to work: a kernel with kprobes has a kind of
/// perf events for them. A load for nothing takes some 20 ms.
fn functions_can_be_hooked() -> bool {
    Path::new("/sys/bus/event_source/devices/kprobe").exists()
}
