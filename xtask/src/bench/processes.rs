//! Runs the storm of processes under each recorder, side by side, and measures the recorder itself.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::{
    Arguments, median,
    recorder::{self, Taken},
};

/// The recorder of a storm.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Recorder {
    Untraced,
    Tracer,
    Strace,
}

impl Recorder {
    const ALL: [Recorder; 3] = [Recorder::Untraced, Recorder::Tracer, Recorder::Strace];

    fn name(self) -> &'static str {
        match self {
            Recorder::Untraced => "untraced",
            Recorder::Tracer => "tracer record",
            Recorder::Strace => "strace -f",
        }
    }
}

/// Measures, and prints the table of the README.
pub fn run(arguments: &Arguments, tracer: &Path, directory: &Path) -> Result<()> {
    if Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        bail!("the bench compares with strace: install it (apt-get install strace)");
    }
    let mut times: [Vec<Duration>; 3] = Default::default();
    let mut taken = Vec::new();
    for round in 0..=arguments.rounds {
        for (recorder, times) in Recorder::ALL.iter().zip(&mut times) {
            let time = time(*recorder, arguments.processes, tracer, directory)?;
            // The first round warms the page cache and is not counted.
            if round > 0 {
                times.push(time);
            }
        }
        let own = recorder::measure(tracer, arguments.processes, directory)?;
        if round > 0 {
            taken.push(own);
        }
        eprintln!("bench: round {round} of {}", arguments.rounds);
    }
    print(arguments, &times);
    print_recorder(&taken);
    Ok(())
}

fn time(recorder: Recorder, processes: u32, tracer: &Path, directory: &Path) -> Result<Duration> {
    let storm = std::env::current_exe().context("cannot find this program")?;
    let mut command = match recorder {
        Recorder::Untraced => Command::new(&storm),
        Recorder::Tracer => {
            let mut command = Command::new(tracer);
            command.args(["record", "--quiet", "--force", "-o"]);
            command
                .arg(directory.join("storm.trace"))
                .arg("--")
                .arg(&storm);
            command
        }
        Recorder::Strace => {
            let mut command = Command::new("strace");
            command.args(["-f", "-e", "trace=execve,execveat,connect", "-o"]);
            command.arg(directory.join("strace.out")).arg(&storm);
            command
        }
    };
    let output = command
        .args(["storm", &processes.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", recorder.name()))?;
    if !output.status.success() {
        bail!("{} failed: {}", recorder.name(), output.status);
    }
    if recorder == Recorder::Tracer {
        check(tracer, processes, &directory.join("storm.trace"))?;
    }
    let nanoseconds: u64 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .context("the storm did not say how long it took")?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Checks that the recording is complete: otherwise the work was not the same.
fn check(tracer: &Path, processes: u32, trace: &Path) -> Result<()> {
    let output = Command::new(tracer)
        .args(["replay", "--strict", "--event", "exec", "--tree", "command"])
        .arg(trace)
        .output()
        .context("cannot read the recording")?;
    // The storm's own exec is one more.
    let lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    let execs = lines.saturating_sub(1);
    if !output.status.success() || execs != processes as usize {
        bail!(
            "the recording has {execs} of {processes} execs: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

fn print(arguments: &Arguments, times: &[Vec<Duration>; 3]) {
    let [untraced, ..] = times;
    println!(
        "{} × posix_spawn of /bin/true, {} paired rounds, medians; no event lost in any\n",
        arguments.processes, arguments.rounds
    );
    println!("| | time | ratio to untraced | lowest … highest ratio |");
    println!("|---|---|---|---|");
    for (recorder, times) in Recorder::ALL.iter().zip(times) {
        let seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
        let mut ratios: Vec<f64> = times
            .iter()
            .zip(untraced)
            .map(|(own, base)| own.as_secs_f64() / base.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "| {} | {:.3} s | {:.2} | {:.2} … {:.2} |",
            recorder.name(),
            median(seconds),
            median(ratios.clone()),
            ratios.first().copied().unwrap_or_default(),
            ratios.last().copied().unwrap_or_default(),
        );
    }
}

fn print_recorder(taken: &[Taken]) {
    println!("\n| the recorder itself | | lowest … highest |");
    println!("|---|---|---|");
    let mebibytes = |kib: u64| kib as f64 / 1024.0;
    let column = |value: &dyn Fn(&Taken) -> f64| taken.iter().map(value).collect();
    let rows: [(&str, &str, Vec<f64>); 4] = [
        (
            "start to attached",
            "ms",
            column(&|own| own.start.as_secs_f64() * 1e3),
        ),
        (
            "resident memory while recording",
            "MiB",
            column(&|own| mebibytes(own.memory.resident)),
        ),
        (
            "the same, each page counted once",
            "MiB",
            column(&|own| mebibytes(own.memory.proportional)),
        ),
        (
            "the most resident at any time",
            "MiB",
            column(&|own| mebibytes(own.memory.highest)),
        ),
    ];
    for (name, unit, mut values) in rows {
        values.sort_by(f64::total_cmp);
        println!(
            "| {name} | {:.1} {unit} | {:.1} … {:.1} |",
            median(values.clone()),
            values.first().copied().unwrap_or_default(),
            values.last().copied().unwrap_or_default(),
        );
    }
}
