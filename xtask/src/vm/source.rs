//! Sources of Debian's packages: the machine's own, or another release or processor. The lists of
//! another one are kept in the build directory, so that the machine's apt stays as it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use super::{
    packages::{run, unpack_all},
    say,
};
use crate::arch::Arch;

/// The age at which lists are asked for again.
const STALE: Duration = Duration::from_secs(12 * 3600);

/// A source of packages.
#[derive(Clone)]
pub struct Source {
    /// The file of apt's settings; `None` for the machine's own.
    settings: Option<PathBuf>,
    /// The name in messages.
    name: String,
}

impl Source {
    /// Returns the machine's own.
    pub fn machine() -> Source {
        Source {
            settings: None,
            name: "this machine".to_owned(),
        }
    }

    /// Returns that of a release and a processor, with its security updates. `cache` is a
    /// directory to keep the lists in.
    pub fn other(release: &str, arch: Arch, cache: &Path) -> Result<Source> {
        let name = format!("{release}-{}", arch.debian());
        let place = cache.join("apt").join(&name);
        for directory in ["lists/partial", "archives/partial"] {
            let directory = place.join(directory);
            fs::create_dir_all(&directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        let settings = place.join("apt.conf");
        let files = [
            ("status", String::new()),
            ("sources.list", addresses(release)?),
            ("apt.conf", text(&place, arch)),
        ];
        for (file, text) in files {
            let file = place.join(file);
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        let source = Source {
            settings: Some(settings),
            name,
        };
        let stamp = place.join("updated");
        let age = fs::metadata(&stamp).and_then(|found| found.modified());
        let is_fresh = age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < STALE));
        if !is_fresh {
            source.update()?;
            fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))?;
        }
        Ok(source)
    }

    /// Returns a command of apt.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        if let Some(settings) = &self.settings {
            command.env("APT_CONFIG", settings);
        }
        command
    }

    /// Returns apt-get, without progress bars.
    pub fn apt_get(&self) -> Command {
        let mut command = self.command("apt-get");
        // apt's own user may not write into our directories.
        command.args(["-qq", "-o", "APT::Sandbox::User=root"]);
        command
    }

    /// Asks for the lists anew.
    pub fn update(&self) -> Result<()> {
        if self.settings.is_none() && !Uid::effective().is_root() {
            bail!("apt-get does not find what this needs: as root, run `apt-get update`");
        }
        say(&format!("apt-get update ({})", self.name));
        run(self.apt_get().arg("update")).map(drop)
    }

    /// Lists the packages whose names match a regular expression.
    pub fn search(&self, pattern: &str) -> Result<Vec<String>> {
        let found = || -> Result<Vec<String>> {
            let mut command = self.command("apt-cache");
            command.args(["search", "--names-only", pattern]);
            let names = run(&mut command)?;
            let names = names.lines().filter_map(|line| line.split(' ').next());
            Ok(names.map(str::to_owned).collect())
        };
        let names = found()?;
        if !names.is_empty() {
            return Ok(names);
        }
        self.update()?;
        found()
    }

    /// Downloads one package, without its dependencies, and unpacks it.
    pub fn unpack_one(&self, name: &str, into: &Path) -> Result<()> {
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let download = || {
            run(self
                .apt_get()
                .current_dir(directory.path())
                .args(["download", name]))
        };
        download().or_else(|_| self.update().and_then(|()| download()))?;
        unpack_all(directory.path(), into)
    }
}

/// Lists the addresses of a release, at the mirrors that this machine uses.
fn addresses(release: &str) -> Result<String> {
    let own = super::packages::sources()?;
    let address = |is_security: bool| {
        own.lines().find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (address, suite) = (words.next()?, words.next()?);
            (suite.contains("-security") == is_security).then_some(address)
        })
    };
    let main = address(false).context("cannot find the archive in apt's sources")?;
    let mut lines = format!("deb {main} {release} main\n");
    // Backports and the release to come have none.
    if let Some(security) = address(true)
        && !release.contains('-')
    {
        lines += &format!("deb {security} {release}-security main\n");
    }
    Ok(lines)
}

/// Returns apt's settings: nothing of the machine's own lists, packages and processor.
fn text(place: &Path, arch: Arch) -> String {
    let (place, arch) = (place.display(), arch.debian());
    format!(
        "Dir::State \"{place}\";\n\
         Dir::State::lists \"{place}/lists\";\n\
         Dir::State::status \"{place}/status\";\n\
         Dir::Cache \"{place}\";\n\
         Dir::Cache::archives \"{place}/archives\";\n\
         Dir::Etc::sourcelist \"{place}/sources.list\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Acquire::Languages \"none\";\n\
         APT::Architecture \"{arch}\";\n\
         APT::Architectures {{ \"{arch}\"; }};\n"
    )
}
