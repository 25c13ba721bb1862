//! Measures the speed of `tracer tags`, and the cost of a list in time and memory. Without a list
//! it composes one as large as the longest published one, so that machines can be compared.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, Ipv6Addr},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    Bench,
    row::{Row, Unit},
};

const PART: &str = "tags";
const PROGRAM: &str = "`tracer tags`";

/// Tags of the longest published list in 2025, and prefixes of each.
const TAGS: u32 = 3000;
const PREFIXES: u32 = 31;

/// Addresses of one query.
const ADDRESSES: u32 = 1_000_000;

/// Measures the list, and both forms of the output.
pub fn measure(bench: &Bench, list: Option<&Path>) -> Result<Vec<Row>> {
    let composed = bench.directory.join("tags.json");
    let list = match list {
        Some(list) => list,
        None => {
            fs::write(&composed, make_up()).context("cannot write a list")?;
            &composed
        }
    };
    let addresses = bench.directory.join("addresses");
    fs::write(&addresses, ask()).context("cannot write addresses")?;
    let loaded = load(&bench.tracer, list)?;
    let size = format!("a list of {} MB", fs::metadata(list)?.len() / 1_000_000);
    let row = |what: &str, unit| Row::of_tracer(PART, format!("{what} {size}"), unit);
    let milliseconds = loaded.time.as_secs_f64() * 1e3;
    let mut rows = vec![
        row("time to read", Unit::Milliseconds).with(PROGRAM, vec![milliseconds]),
        row("memory with", Unit::Mebibytes).with(PROGRAM, vec![loaded.resident]),
        row("peak of memory with", Unit::Mebibytes).with(PROGRAM, vec![loaded.peak]),
    ];
    for format in ["text", "jsonl"] {
        let input = File::open(&addresses).context("cannot open the addresses")?;
        let start = Instant::now();
        let mut child = start_tracer(&bench.tracer, list, format, input.into(), Stdio::null())?;
        let status = child.wait()?;
        let time = start.elapsed().saturating_sub(loaded.time);
        if !status.success() {
            bail!("tracer tags failed: {status}");
        }
        let speed = f64::from(ADDRESSES) / 1e6 / time.as_secs_f64();
        let program = format!("`tracer tags --format {format}`");
        rows.push(row("addresses by", Unit::MillionsASecond).with(program, vec![speed]));
    }
    bench.progress("tags");
    Ok(rows)
}

struct Loaded {
    time: Duration,
    /// Resident memory in MiB, and its peak.
    resident: f64,
    peak: f64,
}

/// Starts the tool, and samples it after its first answer.
fn load(tracer: &Path, list: &Path) -> Result<Loaded> {
    let start = Instant::now();
    let mut child = start_tracer(tracer, list, "jsonl", Stdio::piped(), Stdio::piped())?;
    let mut stdin = child.stdin.take().context("no pipe to tracer")?;
    let stdout = child.stdout.take().context("no pipe from tracer")?;
    stdin
        .write_all(b"192.0.2.1\n")
        .context("tracer takes no address")?;
    let mut answer = String::new();
    BufReader::new(stdout)
        .read_line(&mut answer)
        .context("tracer gives no answer")?;
    let time = start.elapsed();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()))
        .context("cannot look at the memory of tracer")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or_default() / 1024.0
    };
    drop(stdin);
    if !child.wait()?.success() || answer.is_empty() {
        bail!("tracer tags failed on {}", list.display());
    }
    Ok(Loaded {
        time,
        resident: field("VmRSS:"),
        peak: field("VmHWM:"),
    })
}

fn start_tracer(
    tracer: &Path,
    list: &Path,
    format: &str,
    stdin: Stdio,
    stdout: Stdio,
) -> Result<Child> {
    Command::new(tracer)
        .args(["tags", "--format", format, "--service-tags"])
        .arg(list)
        .stdin(stdin)
        .stdout(stdout)
        .spawn()
        .with_context(|| format!("cannot run {}", tracer.display()))
}

/// Composes tags whose prefixes are spread over all addresses and nested, a third of them IPv6.
fn make_up() -> String {
    let mut list = String::from("{\"changeNumber\": 1, \"cloud\": \"Bench\", \"values\": [");
    for tag in 0..TAGS {
        let comma = if tag == 0 { "" } else { "," };
        let region = tag % 70;
        // Writing to a string cannot fail.
        let _ = write!(
            list,
            "{comma}\n{{\"name\": \"Service{}.region{region}\", \"id\": \"{tag}\", \
             \"properties\": {{\"changeNumber\": 1, \"region\": \"region{region}\", \
             \"regionId\": {region}, \"platform\": \"Bench\", \
             \"systemService\": \"Service{}\", \"networkFeatures\": [\"API\", \"NSG\"], \
             \"addressPrefixes\": [",
            tag / 70,
            tag / 70
        );
        for number in 0..PREFIXES {
            let comma = if number == 0 { "" } else { "," };
            let bits = spread(tag * PREFIXES + number);
            let _ = match number % 3 {
                0 => write!(list, "{comma}\n  \"{}/{}\"", wide(bits), 40 + bits % 24),
                _ => write!(
                    list,
                    "{comma}\n  \"{}/{}\"",
                    Ipv4Addr::from(bits),
                    14 + bits % 19
                ),
            };
        }
        list.push_str("]}}");
    }
    list.push_str("]}\n");
    list
}

fn ask() -> String {
    let mut addresses = String::new();
    for number in 0..ADDRESSES {
        let bits = spread(number);
        let _ = match number % 3 {
            0 => writeln!(addresses, "{}", wide(bits)),
            _ => writeln!(addresses, "{}", Ipv4Addr::from(bits)),
        };
    }
    addresses
}

/// Maps each number to a distinct one, in no visible order.
fn spread(number: u32) -> u32 {
    number.wrapping_mul(0x9e37_79b1)
}

fn wide(bits: u32) -> Ipv6Addr {
    Ipv6Addr::from(0x2603 << 112 | u128::from(bits) << 72)
}
