//! The list of guests: each has a kernel, a kind, and words for the kernel's command line.

use super::image::Kind;
use crate::arch::Arch;

/// A guest to boot.
pub struct Guest {
    /// Its processor.
    pub arch: Arch,
    /// The branch of its kernel.
    pub branch: &'static str,
    pub kind: Kind,
    /// The name among guests with the same kernel.
    pub name: &'static str,
    /// Modules of the tests to run; empty for all.
    modules: &'static str,
    /// Words for the kernel and for systemd.
    words: &'static str,
}

/// A console without systemd's progress on it.
const QUIET: &str = "systemd.show_status=0";

/// Modules whose results another kernel can change: hooks, the verifier, starts of processes, and
/// sockets of each protocol. Output, filters and refusals are the same everywhere. Sandboxes on the
/// host test the layouts of cgroups.
const KERNEL: &str = "exec,users,failures,process,cgroup,schedule,connect,hooks,matrix,udp,\
listening,launch,doctor,lockdown";
/// The same modules, and some of the others, on one of the kernels.
const SPREAD: &str = "exec,users,failures,process,cgroup,schedule,connect,hooks,matrix,udp,\
listening,launch,doctor,lockdown,record,others,bad_input";
/// Modules that another processor can change: the same, names in packets, changes of files, and
/// older traces.
const ARM64: &str = "exec,users,failures,process,cgroup,schedule,connect,hooks,matrix,udp,\
listening,launch,doctor,lockdown,record,openings,files,corpus";

/// The longest runs come first, so that two at a time end sooner.
pub const GUESTS: [Guest; 8] = [
    plain("6.1", KERNEL),
    plain("6.12", SPREAD),
    plain("5.10", KERNEL),
    plain("newest", KERNEL),
    systemd("6.1"),
    systemd("6.12"),
    plain_arm64("6.1", ARM64),
    plain_arm64("6.12", ARM64),
];

const fn plain(branch: &'static str, modules: &'static str) -> Guest {
    guest(Arch::Amd64, branch, Kind::Plain, "plain", modules, "")
}

const fn systemd(branch: &'static str) -> Guest {
    let modules = "systemd,cgroup";
    guest(
        Arch::Amd64,
        branch,
        Kind::Systemd,
        "systemd",
        modules,
        QUIET,
    )
}

const fn plain_arm64(branch: &'static str, modules: &'static str) -> Guest {
    guest(Arch::Arm64, branch, Kind::Plain, "arm64", modules, "")
}

const fn guest(
    arch: Arch,
    branch: &'static str,
    kind: Kind,
    name: &'static str,
    modules: &'static str,
    words: &'static str,
) -> Guest {
    Guest {
        arch,
        branch,
        kind,
        name,
        modules,
        words,
    }
}

impl Guest {
    /// True if a filter can match one of its tests. Only a filter with a module in front excludes
    /// any.
    pub fn concerns(&self, filter: &str) -> bool {
        let Some((module, _)) = filter.split_once("::") else {
            return true;
        };
        self.modules.is_empty() || self.modules.split(',').any(|own| own == module)
    }

    /// Returns the kernel's command line.
    pub fn command_line(&self, of_all: &str) -> String {
        let mut line = of_all.to_owned();
        if !self.words.is_empty() {
            line = format!("{line} {}", self.words);
        }
        if !self.modules.is_empty() {
            // The kernel ignores it; `answer.sh` reads it.
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
        let plain = ["plain", "plain", "plain", "plain", "arm64", "arm64"];
        assert_eq!(names("exec::argv"), plain);
        assert_eq!(names("systemd::cron"), ["systemd", "systemd"]);
        assert_eq!(names("cgroup::x").len(), GUESTS.len());
        assert_eq!(names("argv").len(), GUESTS.len());
    }
}
