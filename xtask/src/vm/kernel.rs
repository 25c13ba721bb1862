//! Kernels of Debian's cloud images: finds the current one of a branch, and downloads and unpacks
//! it. Installs none.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{packages, say};

/// A kernel to boot.
pub struct Kernel {
    /// The release without the part that all have: `6.1.0-42`.
    pub release: String,
    /// The image that an emulator boots.
    pub image: PathBuf,
    /// Modules that a guest loads, in this order; a machine would load them by itself.
    pub modules: Vec<PathBuf>,
}

impl Kernel {
    /// The output of `uname -r`.
    pub fn name(&self) -> String {
        format!("{}{SUFFIX}", self.release)
    }
}

/// Modules of sock_diag(7), and of the wires in tests.
const MODULES: [&str; 4] = [
    "net/ipv4/inet_diag.ko",
    "net/ipv4/tcp_diag.ko",
    "net/ipv4/udp_diag.ko",
    "drivers/net/veth.ko",
];

const PREFIX: &str = "linux-image-";
const SUFFIX: &str = "-cloud-amd64";

/// Downloads the newest kernel of a branch, unless it is here.
pub fn fetch(branch: &str, cache: &Path) -> Result<Kernel> {
    let dots = branch.replace('.', "\\.");
    let names = packages::search(&format!("^{PREFIX}{dots}\\..*{SUFFIX}$"))?;
    let release = newest(&names).with_context(|| {
        format!(
            "apt has no {PREFIX}{branch}.*{SUFFIX}\n\
             hint: Debian 12 has it, with its security updates (and backports)"
        )
    })?;
    let directory = cache.join("kernels").join(&release);
    if !directory.exists() {
        say(&format!("downloading the kernel {release}"));
        let parent = cache.join("kernels");
        fs::create_dir_all(&parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let new = tempfile::tempdir_in(&parent).context("cannot make a directory")?;
        packages::unpack_one(&format!("{PREFIX}{release}{SUFFIX}"), new.path())?;
        // Moved when complete: an interrupted run leaves no half of it.
        fs::rename(new.keep(), &directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let image = directory.join(format!("boot/vmlinuz-{release}{SUFFIX}"));
    fs::metadata(&image).with_context(|| {
        format!(
            "{} is not there: remove {}",
            image.display(),
            directory.display()
        )
    })?;
    let all = directory.join(format!("lib/modules/{release}{SUFFIX}/kernel"));
    let modules = MODULES
        .iter()
        .map(|module| plain_module(&all.join(module)))
        .collect::<Result<_>>()?;
    Ok(Kernel {
        release,
        image,
        modules,
    })
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
fn newest(names: &[String]) -> Option<String> {
    names
        .iter()
        .filter_map(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX))
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
        assert_eq!(newest(&names).as_deref(), Some("6.12.117+deb12"));
        assert_eq!(newest(&[]), None);
    }
}
