//! Chooses machines, their boots and the times of recordings.

use agent_tracer::trace::{Header, Mode, RuleSource};
use fastrand::Rng;

use crate::story;

/// The rules of the agents, as `tracer` has them built in.
const RULES: &str = include_str!("../../../rules/azure-monitor.toml");

const SECOND_NS: u64 = 1_000_000_000;
const DAY: u64 = 24 * 3600;
const WEEK: u64 = 7 * DAY;

/// The first day of the fleet, seconds since 1970: 2026-10-05, a Monday.
const FIRST: u64 = 1_791_158_400;

/// Kernels, from the oldest.
const KERNELS: [&str; 5] = [
    "5.10.0-28-cloud-amd64",
    "5.14.0-427.el9.x86_64",
    "6.1.0-18-cloud-amd64",
    "6.8.0-1008-azure",
    "6.12.6-amd64",
];

/// Regions of the service that the agents report to.
pub(super) const REGIONS: [&str; 4] = ["WestEurope", "JapanEast", "EastUS", "BrazilSouth"];

/// A machine.
pub(super) struct Host {
    pub(super) name: String,
    pub(super) region: usize,
    /// True if its packages are of rpm.
    pub(super) is_rpm: bool,
    kernel: usize,
    arch: &'static str,
}

/// A recording of a machine.
pub(super) struct Take {
    pub(super) host: Host,
    pub(super) number: u32,
    /// The position among the recordings of its host, one a week.
    pub(super) week: u32,
    /// Start of the boot, seconds since 1970.
    booted: u64,
    /// Start of the recording, nanoseconds since boot.
    start_ns: u64,
    boot_id: String,
}

impl Host {
    fn new(seed: u64, index: u32) -> Host {
        let mut rng = Rng::with_seed(seed << 32 ^ u64::from(index) ^ 0x686f_7374);
        let role = ["web", "db", "batch", "cache"][rng.usize(0..4)];
        let kernel = rng.usize(0..KERNELS.len() - 1);
        Host {
            name: format!("{role}-{index:03}.fleet.example"),
            region: rng.usize(0..REGIONS.len()),
            is_rpm: kernel == 1,
            kernel,
            arch: if rng.u8(0..10) == 0 {
                "aarch64"
            } else {
                "x86_64"
            },
        }
    }
}

impl Take {
    /// Chooses the recording with this number. Each host records once a week, on its own day, and
    /// boots every two weeks.
    pub(super) fn new(seed: u64, hosts: u32, number: u32) -> Take {
        let index = number % hosts;
        let week = number / hosts;
        let mut rng = Rng::with_seed(seed << 32 ^ u64::from(number) ^ 0x7461_6b65);
        let host = Host::new(seed, index);
        let boot = (week + index % 2) / 2;
        let mut of_boot = Rng::with_seed(seed << 32 ^ u64::from(index << 8 | boot) ^ 0x626f_6f74);
        let begin = FIRST + u64::from(boot * 2) * WEEK;
        let booted = begin.saturating_sub(u64::from(index % 2) * WEEK + of_boot.u64(60..DAY));
        let day = u64::from(week * 7 + index % 7) * DAY;
        let started = FIRST + day + rng.u64(0..DAY);
        Take {
            start_ns: (started - booted) * SECOND_NS + rng.u64(0..SECOND_NS),
            booted,
            boot_id: uuid(&mut of_boot),
            host,
            number,
            week,
        }
    }

    /// Returns true for a recording of an installer, false for one of the whole machine.
    pub(super) fn installs(&self) -> bool {
        self.week == 0 || self.number.is_multiple_of(3)
    }

    /// Returns the version of the agent that is installed, by week.
    pub(super) fn version(&self) -> String {
        format!("1.{}.{}-0", 13 + self.week / 2, self.week)
    }

    /// Returns the version before.
    pub(super) fn version_before(&self) -> Option<String> {
        let week = self.week.checked_sub(1)?;
        Some(format!("1.{}.{}-0", 13 + week / 2, week))
    }

    /// Nanoseconds of the recording: some minutes for an installer, else some hours.
    pub(super) fn length_ns(&self) -> u64 {
        let minutes = match self.installs() {
            true => 5 + u64::from(self.number % 15),
            false => 60 * (1 + u64::from(self.number % 12)),
        };
        minutes * 60 * SECOND_NS
    }

    pub(super) fn header(&self) -> Header {
        let command: &[&[u8]] = match self.installs() {
            true => &super::install::COMMAND,
            false => &[],
        };
        // A kernel is updated with the third boot.
        let kernel = self.host.kernel + usize::from(self.week >= 3 && !self.host.is_rpm);
        Header {
            tool_version: if self.week < 2 { "0.1.0" } else { "0.2.0" }.to_owned(),
            kernel_release: KERNELS.get(kernel).copied().unwrap_or_default().to_owned(),
            arch: self.host.arch.to_owned(),
            hostname: self.host.name.clone(),
            boot_id: self.boot_id.clone(),
            clock_offset_ns: i64::try_from(self.booted * SECOND_NS).unwrap_or(i64::MAX),
            start_boot_ns: self.start_ns,
            mode: if self.installs() {
                Mode::Command
            } else {
                Mode::System
            }
            .into(),
            rules: vec![RuleSource {
                name: "azure-monitor".to_owned(),
                text: RULES.to_owned(),
            }],
            ..story::header(command)
        }
    }
}

fn uuid(rng: &mut Rng) -> String {
    let [one, two] = [rng.u64(..), rng.u64(..)];
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        one >> 32,
        one >> 16 & 0xffff,
        one & 0xfff,
        two >> 48 & 0xfff,
        two & 0xffff_ffff_ffff
    )
}
