//! Which guests there are: a kernel, a kind, and what the kernel is told to be different in. It boots
//! none of them.

use super::image::Kind;

/// A guest to boot.
pub struct Guest {
    /// Of kernels.
    pub branch: &'static str,
    pub kind: Kind,
    /// What tells it from others with the same kernel.
    pub name: &'static str,
    /// Modules of the tests that are run; all where it is empty.
    modules: &'static str,
    /// For the kernel and for systemd.
    words: &'static str,
}

/// A console without systemd's progress on it.
const QUIET: &str = "systemd.show_status=0";

/// The modules in which another kernel can make a difference: hooks that the host may lack, the
/// verifier, ways to start a process, what each protocol's sockets tell. What is written, filtered or
/// refused is the same everywhere, and layouts of cgroups are tried in sandboxes on the host.
const KERNEL: &str =
    "exec,process,cgroup,schedule,connect,hooks,matrix,udp,listening,launch,doctor,lockdown";
/// The same, and a spread of the rest on one of the kernels.
const SPREAD: &str = "exec,process,cgroup,schedule,connect,hooks,matrix,udp,listening,launch,\
doctor,lockdown,record,others,bad_input";

/// Those that take longest first: two at a time are then done soonest.
pub const GUESTS: [Guest; 4] = [
    guest("6.1", Kind::Plain, "plain", KERNEL, ""),
    guest("6.12", Kind::Plain, "plain", SPREAD, ""),
    guest("6.1", Kind::Systemd, "systemd", "systemd,cgroup", QUIET),
    guest("6.12", Kind::Systemd, "systemd", "systemd,cgroup", QUIET),
];

const fn guest(
    branch: &'static str,
    kind: Kind,
    name: &'static str,
    modules: &'static str,
    words: &'static str,
) -> Guest {
    Guest {
        branch,
        kind,
        name,
        modules,
        words,
    }
}

impl Guest {
    /// Whether any of its tests can be meant by a filter, as far as that can be told: only one that
    /// has a module in front says which it does not mean.
    pub fn concerns(&self, filter: &str) -> bool {
        let Some((module, _)) = filter.split_once("::") else {
            return true;
        };
        self.modules.is_empty() || self.modules.split(',').any(|own| own == module)
    }

    /// What the kernel is told.
    pub fn command_line(&self, of_all: &str) -> String {
        let mut line = of_all.to_owned();
        if !self.words.is_empty() {
            line = format!("{line} {}", self.words);
        }
        if !self.modules.is_empty() {
            // Nothing to the kernel: `answer.sh` reads it.
            line = format!("{line} tests.modules={}", self.modules);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::GUESTS;

    #[test]
    fn a_filter_with_a_module_concerns_the_guests_that_run_it() {
        let names = |filter: &str| -> Vec<&str> {
            let concerned = GUESTS.iter().filter(|guest| guest.concerns(filter));
            concerned.map(|guest| guest.name).collect()
        };
        assert_eq!(names("exec::argv"), ["plain", "plain"]);
        assert_eq!(names("systemd::cron"), ["systemd", "systemd"]);
        assert_eq!(names("cgroup::x").len(), GUESTS.len());
        assert_eq!(names("argv").len(), GUESTS.len());
    }
}
