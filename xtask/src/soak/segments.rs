//! Reads each segment once it is closed, before it may be deleted, and counts what is in it.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::load::{Load, mark};

/// Time without a write after which a segment is closed: a recorder writes what it has every 20 ms,
/// and makes the next file just before it closes one.
const CLOSED: Duration = Duration::from_secs(1);

/// The segments that were read, and their sums.
pub struct Reader {
    tracer: PathBuf,
    folder: PathBuf,
    read: BTreeSet<PathBuf>,
    mark: String,
    port: u16,
    /// How often each program was seen, by number.
    pub programs: Vec<u8>,
    /// Count of connections that were asked for in two segments.
    pub connected_twice: u64,
    ids: HashSet<(usize, u64)>,
    closed: HashSet<(usize, u64)>,
    /// Recorders so far: numbers of connections begin anew with each.
    recorders: usize,
    /// Count of connections whose end is in two segments.
    pub closed_twice: u64,
    /// Count of events that the recorder says were lost.
    pub lost: u64,
    /// Count of events.
    pub events: u64,
    /// Size of the segments, bytes.
    pub bytes: u64,
    /// Count of the segments.
    pub count: u64,
}

impl Reader {
    /// Begins with no segment.
    pub fn new(tracer: &Path, folder: &Path) -> Reader {
        Reader {
            tracer: tracer.to_owned(),
            folder: folder.to_owned(),
            read: BTreeSet::new(),
            mark: mark(),
            port: 0,
            programs: Vec::new(),
            connected_twice: 0,
            ids: HashSet::new(),
            closed: HashSet::new(),
            recorders: 0,
            closed_twice: 0,
            lost: 0,
            events: 0,
            bytes: 0,
            count: 0,
        }
    }

    /// Reads segments as they are closed, until a time.
    pub fn follow(&mut self, load: &Load, until: Instant) -> Result<()> {
        self.port = load.port;
        while Instant::now() < until {
            self.read_closed(false)?;
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Reads the segments that another one follows; with `all`, the newest, too: its recorder has
    /// ended.
    pub fn read_closed(&mut self, all: bool) -> Result<()> {
        let mut segments = list(&self.folder);
        if !all {
            segments.pop();
        }
        for path in segments {
            let modified = fs::metadata(&path).and_then(|file| file.modified());
            let age = modified.ok().and_then(|time| time.elapsed().ok());
            let is_closed = all || age.is_some_and(|age| age > CLOSED);
            if is_closed && !self.read.contains(&path) {
                self.read_one(&path)?;
                self.read.insert(path);
            }
        }
        self.recorders += usize::from(all);
        Ok(())
    }

    /// Returns how many connections were asked for.
    pub fn connections(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Returns how many segments are gone.
    pub fn deleted(&self) -> usize {
        self.read.iter().filter(|path| !path.exists()).count()
    }

    fn read_one(&mut self, path: &Path) -> Result<()> {
        ensure!(
            path.exists(),
            "a segment was deleted before it was read: this machine is too slow for the load\n\
             hint: give a larger --keep"
        );
        self.count += 1;
        self.bytes += fs::metadata(path).map_or(0, |file| file.len());
        let mut child = Command::new(&self.tracer)
            .arg("replay")
            .arg(path)
            .args(["--format", "jsonl"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot read a segment")?;
        let output = child.stdout.take().context("cannot read a segment")?;
        for line in BufReader::new(output).lines() {
            let line = line.context("cannot read a segment")?;
            self.events += 1;
            self.take(&line)?;
        }
        child.wait().context("cannot read a segment")?;
        Ok(())
    }

    fn take(&mut self, line: &str) -> Result<()> {
        let is = |kind: &str| line.contains(&format!("\"event\":\"{kind}\""));
        if is("exec") && line.contains(&self.mark) {
            let event: Value = serde_json::from_str(line).context("a line is no JSON")?;
            let last = event["argv"].as_array().and_then(|argv| argv.last());
            let mark = last.and_then(Value::as_str).unwrap_or_default();
            let number = mark
                .strip_prefix(&*self.mark)
                .and_then(|it| it.parse().ok());
            if let Some(number) = number {
                count(&mut self.programs, number);
            }
        } else if is("connect") && line.contains(&format!(":{}\"", self.port)) {
            let event: Value = serde_json::from_str(line).context("a line is no JSON")?;
            let id = event["connection"]["id"].as_u64().unwrap_or(0);
            let is_new = self.ids.insert((self.recorders, id));
            self.connected_twice += u64::from(!is_new);
        } else if is("close") {
            let event: Value = serde_json::from_str(line).context("a line is no JSON")?;
            let id = event["connection"]["id"].as_u64().unwrap_or(0);
            let is_new = self.closed.insert((self.recorders, id));
            self.closed_twice += u64::from(!is_new && id != 0);
        } else if is("lost") {
            let event: Value = serde_json::from_str(line).context("a line is no JSON")?;
            self.lost += event["count"].as_u64().unwrap_or(0);
        }
        Ok(())
    }
}

fn count(counts: &mut Vec<u8>, number: usize) {
    if counts.len() <= number {
        counts.resize(number + 1, 0);
    }
    if let Some(count) = counts.get_mut(number) {
        *count = count.saturating_add(1);
    }
}

/// Lists the segments of a folder in the order of their names.
pub fn list(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut segments: Vec<PathBuf> = all.map(|entry| entry.path()).collect();
    segments.retain(|path| path.extension().is_some_and(|ending| ending == "trace"));
    segments.sort();
    segments
}
