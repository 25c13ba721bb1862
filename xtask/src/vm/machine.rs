//! One guest under the emulator: boots it, passes on the results of its tests, and ends it when it
//! makes no progress. It judges no test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{emulator::Emulator, guests::Guest, kernel::Kernel};
use crate::{arch::Arch, test::tally};

/// A guest to boot, with its files.
pub struct Machine<'a> {
    pub emulator: &'a Emulator,
    pub kernel: &'a Kernel,
    pub guest: &'a Guest,
    /// The name in messages.
    pub name: &'a str,
    pub initrd: &'a Path,
    /// The directory of its output.
    pub directory: &'a Path,
}

/// The output of a guest.
pub struct GuestOutput {
    /// From the second serial line, which only the tests use.
    pub answers: String,
    /// From the first serial line: the kernel and the first program.
    pub console: String,
    /// The limit, if the guest was ended after so long without progress.
    pub stalled: Option<Duration>,
}

/// Options of the emulator.
///
/// - No KVM: a result must not depend on the machine.
/// - One thread plays both processors. With a thread each, one may execute the breakpoint of a call
///   while the other finishes patching it, as when a program is attached to a tracepoint. That ends
///   in "int3" and a panic. Two guests at a time keep two processors busy anyway.
/// - `panic=-1` and `-no-reboot` end a kernel that panics.
const OPTIONS: [&str; 5] = ["-accel", "tcg,thread=single", "-smp", "2", "-no-reboot"];

/// Returns the options of a processor. `max` has every instruction that the emulator knows. Two
/// are left out that copy bytes one by one here, so the kernel copies words. On arm64 signed
/// pointers are among them, which take half of the time, and no test needs any.
fn processor(arch: Arch) -> &'static [&'static str] {
    match arch {
        Arch::Amd64 => &["-cpu", "max,-erms,-fsrm"],
        Arch::Arm64 => &["-machine", "virt", "-cpu", "cortex-a72"],
    }
}

/// Returns words for the kernel: its console, and the lines of the tests, which `answer.sh` reads.
fn lines(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "console=ttyS0 tests.console=ttyS0 tests.answers=ttyS1",
        Arch::Arm64 => "console=ttyAMA0 tests.console=ttyAMA0 tests.answers=ttyS0",
    }
}
/// Longest silence of a guest on both lines. A slow machine makes a guest slow, so its whole time
/// says nothing. A guest writes when a test ends, and when a program ends in a test.
const PATIENCE: Duration = Duration::from_secs(600);
/// Memory of a guest in MiB; its files are in it, too.
const MEMORY: &str = "1536";
/// Words for every kernel. The emulator keeps the code that it has translated by address: with the
/// same addresses in each process, an exec takes a fifth of the time. Zeroed memory costs a tenth.
const COMMAND_LINE: &str = "panic=-1 quiet norandmaps init_on_alloc=0";

impl Machine<'_> {
    /// Runs the guest to its end, or until it makes no progress.
    pub fn run(&self) -> Result<GuestOutput> {
        let console = self.file("console");
        let answers = self.file("answers");
        let mut command = self.command();
        command.args(["-display", "none", "-monitor", "none"]);
        command
            .arg("-serial")
            .arg(format!("file:{}", escaped(&console)?));
        // The machine of arm64 has one line only.
        command
            .arg("-chardev")
            .arg(format!("file,id=answers,path={}", escaped(&answers)?))
            .args(match self.emulator.arch {
                Arch::Amd64 => ["-serial", "chardev:answers"],
                Arch::Arm64 => ["-device", "pci-serial,chardev=answers"],
            });
        command.stdin(Stdio::null());
        let mut emulator = Running(command.spawn().context("cannot run the emulator")?);
        let mut progress = Progress::begin();
        let mut shown = 0;
        let mut stalled = None;
        loop {
            let ended = emulator
                .0
                .try_wait()
                .context("cannot wait for the emulator")?;
            shown = show(self.name, &read(&answers), shown);
            if let Some(status) = ended {
                if !status.success() {
                    bail!("the emulator failed ({status}); its messages are above");
                }
                break;
            }
            if progress.is_stalled(size(&console) + size(&answers), Instant::now()) {
                stalled = Some(PATIENCE);
                break;
            }
            thread::sleep(Duration::from_millis(200));
        }
        drop(emulator);
        Ok(GuestOutput {
            answers: read(&answers),
            console: read(&console),
            stalled,
        })
    }

    /// Connects the user to the guest's console.
    pub fn interact(&self) -> Result<()> {
        let mut command = self.command();
        command.args(["-nographic", "-serial", "mon:stdio"]);
        println!("vm: {}: booting; Ctrl-A X ends the machine", self.name);
        let status = command.status().context("cannot run the emulator")?;
        if !status.success() {
            bail!("the emulator failed ({status})");
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = self.emulator.command();
        command
            .args(OPTIONS)
            .args(processor(self.emulator.arch))
            .args(["-nodefaults", "-m", MEMORY])
            .arg("-kernel")
            .arg(&self.kernel.image)
            .arg("-initrd")
            .arg(self.initrd)
            .arg("-append")
            .arg(
                self.guest
                    .command_line(&format!("{} {COMMAND_LINE}", lines(self.emulator.arch))),
            );
        command
    }

    fn file(&self, what: &str) -> PathBuf {
        let name = self.name.replace(' ', "-");
        self.directory.join(format!("{name}.{what}"))
    }
}

/// Escapes a comma, which begins the emulator's next option.
fn escaped(file: &Path) -> Result<String> {
    let path = file
        .to_str()
        .context("the build directory's name is no text")?;
    Ok(path.replace(',', ",,"))
}

/// Ends the emulator when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Usually it has ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The amount of output of a guest, and the time of the last change.
struct Progress {
    written: u64,
    since: Instant,
}

impl Progress {
    fn begin() -> Progress {
        Progress {
            written: 0,
            since: Instant::now(),
        }
    }

    /// Notes the size of the output. True if it has been the same for too long.
    fn is_stalled(&mut self, written: u64, now: Instant) -> bool {
        if written != self.written {
            *self = Progress {
                written,
                since: now,
            };
        }
        now.duration_since(self.since) > PATIENCE
    }
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |found| found.len())
}

fn read(file: &Path) -> String {
    let bytes = fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Begins a line with the time of a test.
const TIME: &str = "slow: ";

/// Prints the whole lines about tests from a position on, and returns the next position.
fn show(guest: &str, answers: &str, from: usize) -> usize {
    let new = answers.get(from..).unwrap_or_default();
    let whole = new.rfind('\n').map_or(0, |end| end + 1);
    for line in new[..whole].lines() {
        if tally::outcome(line).is_some() || line.starts_with(TIME) {
            println!("{guest}: {line}");
        }
    }
    from + whole
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{PATIENCE, Progress};

    #[test]
    fn a_guest_that_writes_may_take_as_long_as_it_likes() {
        let mut progress = Progress::begin();
        let begun = progress.since;
        for minutes in 1..60_u64 {
            let now = begun + Duration::from_secs(60 * minutes);
            assert!(!progress.is_stalled(minutes, now));
        }
        let last = begun + Duration::from_secs(60 * 59);
        assert!(!progress.is_stalled(59, last + PATIENCE));
        assert!(progress.is_stalled(59, last + PATIENCE + Duration::from_secs(1)));
    }
}
