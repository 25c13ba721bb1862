//! Processors that the tool is built for, under the names that others have for them.

use anyhow::{Result, bail};
use clap::ValueEnum;

/// A processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Arch {
    /// x86_64
    #[value(alias = "x86_64")]
    Amd64,
    /// aarch64
    #[value(alias = "aarch64")]
    Arm64,
}

impl Arch {
    /// All of them.
    pub const ALL: [Arch; 2] = [Arch::Amd64, Arch::Arm64];

    /// Returns that of this machine.
    pub fn own() -> Result<Arch> {
        let own = std::env::consts::ARCH;
        match Arch::ALL.into_iter().find(|arch| arch.name() == own) {
            Some(arch) => Ok(arch),
            None => bail!("recording is for x86_64 and aarch64, and this machine is {own}"),
        }
    }

    /// Returns its name for Rust, the kernel and rpm.
    pub fn name(self) -> &'static str {
        match self {
            Arch::Amd64 => "x86_64",
            Arch::Arm64 => "aarch64",
        }
    }

    /// Returns its name for Debian.
    pub fn debian(self) -> &'static str {
        match self {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
        }
    }

    /// Returns the compiler's target.
    pub fn target(self) -> &'static str {
        match self {
            Arch::Amd64 => "x86_64-unknown-linux-gnu",
            Arch::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// Returns the beginning of the names of Debian's tools that build for it.
    pub fn tools(self) -> &'static str {
        match self {
            Arch::Amd64 => "x86_64-linux-gnu",
            Arch::Arm64 => "aarch64-linux-gnu",
        }
    }
}
