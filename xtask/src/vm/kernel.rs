//! Kernels of Debian's cloud images: finds the current one of a branch, and downloads and unpacks
//! it. Installs none.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{packages, say, source::Source};
use crate::arch::Arch;

/// A kernel to boot.
pub struct Kernel {
    /// The release without the part that all have: `6.1.0-42`.
    pub release: String,
    /// The output of `uname -r`.
    pub name: String,
    /// The image that an emulator boots.
    pub image: PathBuf,
    /// Modules that a guest loads, in this order; a machine would load them by itself.
    pub modules: Vec<PathBuf>,
}

/// Modules of sock_diag(7), and of the wires in tests.
const MODULES: [&str; 4] = [
    "net/ipv4/inet_diag.ko",
    "net/ipv4/tcp_diag.ko",
    "net/ipv4/udp_diag.ko",
    "drivers/net/veth.ko",
];

const PREFIX: &str = "linux-image-";
/// Parts of newer kernels, in packages of their own.
const PARTS: [&str; 2] = ["linux-binary-", "linux-modules-"];

/// All branches.
pub const ALL: &str = "all";

/// Branches with the release of Debian that has them, and the form of their numbers.
const BRANCHES: [(&str, &str, &str); 4] = [
    ("5.10", "bullseye", "5\\.10"),
    ("6.1", OWN, "6\\.1"),
    ("6.12", OWN, "6\\.12"),
    ("newest", "trixie-backports", "[0-9]+\\.[0-9]+"),
];

/// The release whose packages the guests are made of: a machine with it has the lists.
const OWN: &str = "bookworm";

/// Lists the branches that there are.
pub fn choices() -> impl Iterator<Item = &'static str> {
    let names = BRANCHES.iter().map(|(name, ..)| *name);
    names.chain(std::iter::once(ALL))
}

/// Downloads the newest kernel of a branch, unless it is here.
pub fn fetch(branch: &str, arch: Arch, cache: &Path) -> Result<Kernel> {
    let found = BRANCHES.iter().find(|(name, ..)| *name == branch);
    let (_, debian, numbers) = found.with_context(|| format!("there is no kernel {branch}"))?;
    let source = match *debian == OWN && arch == Arch::own()? {
        true => Source::machine(),
        false => Source::other(debian, arch, cache)?,
    };
    let suffix = format!("-cloud-{}", arch.debian());
    let names = source.search(&format!("^{PREFIX}{numbers}\\..*{suffix}$"))?;
    let release = newest(&names, &suffix).with_context(|| {
        format!(
            "apt has no {PREFIX}{branch}.*{suffix}\n\
             hint: {debian} has it, with its security updates"
        )
    })?;
    let name = format!("{release}{suffix}");
    let directory = cache.join("kernels").join(&name);
    if !directory.exists() {
        say(&format!("downloading the kernel {name}"));
        let parent = cache.join("kernels");
        fs::create_dir_all(&parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let new = tempfile::tempdir_in(&parent).context("cannot make a directory")?;
        source.unpack_one(&format!("{PREFIX}{name}"), new.path())?;
        if image(new.path(), &name).is_none() {
            for part in PARTS {
                source.unpack_one(&format!("{part}{name}"), new.path())?;
            }
        }
        // Moved when complete: an interrupted run leaves no half of it.
        fs::rename(new.keep(), &directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let image = image(&directory, &name).with_context(|| {
        format!(
            "there is no kernel {name} in its packages: remove {}",
            directory.display()
        )
    })?;
    let all = ["lib", "usr/lib"].map(|above| directory.join(above).join("modules").join(&name));
    let all = all.iter().find(|place| place.join("kernel").exists());
    let all = all.with_context(|| format!("the kernel {name} has no modules"))?;
    let modules = MODULES
        .iter()
        .map(|module| plain_module(&all.join("kernel").join(module)))
        .collect::<Result<_>>()?;
    Ok(Kernel {
        release,
        name,
        image,
        modules,
    })
}

/// Finds the image that an emulator boots.
fn image(directory: &Path, name: &str) -> Option<PathBuf> {
    let places = [
        format!("boot/vmlinuz-{name}"),
        format!("usr/lib/modules/{name}/vmlinuz"),
    ];
    let mut places = places.iter().map(|place| directory.join(place));
    places.find(|place| place.exists())
}

/// Returns a module as the kernel loads it; newer kernels have theirs compressed.
fn plain_module(module: &Path) -> Result<PathBuf> {
    if !module.exists() {
        let mut compressed = module.as_os_str().to_owned();
        compressed.push(".xz");
        packages::run(
            Command::new("xz")
                .args(["--decompress", "--keep", "--"])
                .arg(compressed),
        )
        .context("a module of the kernel cannot be unpacked (xz is of the package xz-utils)")?;
    }
    Ok(module.to_owned())
}

/// Returns the newest release of these packages.
fn newest(names: &[String], suffix: &str) -> Option<String> {
    names
        .iter()
        .filter_map(|name| name.strip_prefix(PREFIX)?.strip_suffix(suffix))
        .max_by_key(|release| numbers(release))
        .map(str::to_owned)
}

/// Returns the numbers in a release: `6.12.9` is older than `6.12.10`.
fn numbers(release: &str) -> Vec<u64> {
    release
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn the_newest_goes_by_numbers() {
        let names = [
            "linux-image-6.12.100+deb12-cloud-amd64",
            "linux-image-6.12.117+deb12-cloud-amd64",
            "linux-image-6.12.99+deb12-cloud-amd64",
            "linux-image-6.12.999+deb12-cloud-amd64-dbg",
        ];
        let names = names.map(str::to_owned);
        let suffix = "-cloud-amd64";
        assert_eq!(newest(&names, suffix).as_deref(), Some("6.12.117+deb12"));
        assert_eq!(newest(&[], suffix), None);
    }
}
