//! Entry points for fuzzing, one for each parser of bytes that a hostile program can choose.
//! They are public to the fuzz targets only; plain tests run them on every seed and every find.

use std::path::Path;

#[cfg(feature = "capture")]
use agent_tracer_ebpf::{PeerKey, Traffic};

#[cfg(feature = "capture")]
use crate::{
    capture,
    event::{Assembler, Decoded, PeerCounts},
    names::Tags,
};
use crate::{
    event::Event,
    findings::{self, By},
    model::Model,
    policy::{self, Outcome, Policy},
    redact::Redactor,
    rules::RuleSet,
    session,
    trace::fuzzing as stored,
    view::{self, Clock, Form, List, Page, TreeStyle},
};

/// A parser under test.
pub type Target = fn(&[u8]);

/// Every target by name; the folders of seeds have the same names.
pub const TARGETS: &[(&str, Target)] = &[
    ("trace", trace),
    ("event", event),
    ("rules", rules),
    ("policy", policy),
    ("argv", argv),
    #[cfg(feature = "capture")]
    ("wire", wire),
    #[cfg(feature = "capture")]
    ("tags", tags),
    #[cfg(feature = "capture")]
    ("dns", dns),
    #[cfg(feature = "capture")]
    ("tls", tls),
    #[cfg(feature = "capture")]
    ("http", http),
    #[cfg(feature = "capture")]
    ("socks", socks),
    #[cfg(feature = "capture")]
    ("quic", quic),
    #[cfg(feature = "capture")]
    ("cron", cron),
    #[cfg(feature = "capture")]
    ("mounts", mounts),
];

/// Reads a trace file and draws every view of it.
pub fn trace(bytes: &[u8]) {
    let read = session::replay_stream(bytes, "fuzz", |model, clock, seen| {
        if let session::ReplayItem::Event { sequence, event } = seen {
            draw_event(&clock, model, sequence, event);
        }
        Ok(())
    });
    if let Ok(replayed) = read {
        draw(&replayed.clock(), &replayed.model);
    }
}

/// Decodes stored events without the file around them, and applies them.
pub fn event(bytes: &[u8]) {
    let mut model = Model::new(RuleSet::built_in());
    let clock = Clock::default();
    for (sequence, event) in (1..).zip(stored::events(bytes)) {
        model.apply(&event);
        draw_event(&clock, &model, sequence, &event);
    }
    draw(&clock, &model);
}

fn draw_event(clock: &Clock, model: &Model, sequence: u64, event: &Event) {
    view::event_json(clock, model, sequence, event);
    view::event_line(&page(*clock), model, event);
}

fn page(clock: Clock) -> Page {
    Page {
        width: Some(80),
        styled: false,
        time: view::TimeStyle::Relative,
        clock,
    }
}

fn draw(clock: &Clock, model: &Model) {
    let page = page(*clock);
    view::completeness(&page, model);
    let changes = findings::changes(model, true, model.connections().iter());
    let groups = findings::groups(By::Destination, model.connections().iter());
    for form in [Form::Text, Form::Jsonl, Form::Csv] {
        let list = List {
            form,
            page: &page,
            model,
        };
        // The sink refuses nothing.
        let style = TreeStyle {
            with_system: true,
            folded: true,
            times: true,
        };
        let _ = list.processes(&|_| true, style, &mut |_| Ok(()));
        let _ = list.connections(model.connections().iter(), &mut |_| Ok(()));
        let _ = list.groups(By::Destination, &groups, &mut |_| Ok(()));
        let _ = list.listeners(model.listeners().iter(), &mut |_| Ok(()));
        let _ = list.lookups(model.lookups(), &mut |_| Ok(()));
        let _ = list.changes(&changes, &mut |_| Ok(()));
    }
}

/// Reads a rules file.
pub fn rules(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let mut rules = RuleSet::empty();
        if let Err(error) = rules.add("fuzz", text) {
            let _ = error.to_string();
        }
    }
}

/// Reads a policy, checks nothing against it, and writes the verdict in every form.
///
/// # Panics
///
/// A rule or an error has no place in the text, or an empty recording conforms.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let policy = match Policy::parse("fuzz", text) {
        Ok(policy) => policy,
        Err(error) => {
            let lines = text.split('\n').count();
            assert!((1..=lines).contains(&error.line), "line of {error}");
            let line = text.split('\n').nth(error.line - 1).unwrap_or_default();
            // An error may be at the end of a line.
            let columns = line.chars().count() + 1;
            assert!((1..=columns).contains(&error.column), "column of {error}");
            return;
        }
    };
    let lines = text.split('\n').count();
    for rule in policy.allow.iter().chain(&policy.deny) {
        assert!((1..=lines).contains(&rule.line), "line of a rule");
    }
    let verdict = policy::check(&policy, &[], None);
    assert_eq!(verdict.outcome, Outcome::Incomplete, "nothing conforms");
    view::verdict_text(&page(Clock::default()), &verdict, "accept");
    view::verdict_jsonl(&verdict);
    view::github(&verdict, "accept");
    view::verdict_sarif(&verdict, "0");
    let _ = view::verdict_junit(&verdict);
}

/// Masks a command line, whose arguments end with NUL.
pub fn argv(bytes: &[u8]) {
    let mut redactor = Redactor::new();
    let mut argv: Vec<Vec<u8>> = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    let count = argv.len();
    redactor.argv(&mut argv);
    assert_eq!(argv.len(), count, "masking changed the number of arguments");
    for mut word in argv {
        redactor.bytes(&mut word);
    }
}

/// Decodes records of the ring buffer, each with its length in two bytes before it.
#[cfg(feature = "capture")]
pub fn wire(mut bytes: &[u8]) {
    let mut assembler = Assembler::default();
    let mut model = Model::new(RuleSet::built_in());
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (record, rest) = rest.split_at(length);
        bytes = rest;
        let _ = assembler.decode(record, &mut NoCounts);
        for decoded in assembler.take_decoded() {
            if let Decoded::Event(event) = decoded {
                model.apply(&event);
            }
        }
    }
    draw(&Clock::default(), &model);
}

/// A kernel that counts no datagrams.
#[cfg(feature = "capture")]
struct NoCounts;

#[cfg(feature = "capture")]
impl PeerCounts for NoCounts {
    fn read(&self, _: &PeerKey) -> Option<Traffic> {
        None
    }

    fn remove(&mut self, _: &PeerKey) -> Option<Traffic> {
        None
    }
}

/// Reads a published list of service tags.
#[cfg(feature = "capture")]
pub fn tags(bytes: &[u8]) {
    if let Ok(tags) = Tags::parse("fuzz", bytes) {
        tags.lookup("40.79.194.105".parse().expect("an address"))
            .count();
    }
}

/// Reads a DNS message, and a stream of them.
#[cfg(feature = "capture")]
pub fn dns(bytes: &[u8]) {
    if let Ok(Some(response)) = capture::sniff::dns::read_answer(bytes) {
        response.addresses().count();
    }
    if let Some((message, _)) = capture::sniff::dns::first_message(bytes) {
        let _ = capture::sniff::dns::read_answer(message);
    }
}

/// Reads what begins as a TLS handshake.
#[cfg(feature = "capture")]
pub fn tls(bytes: &[u8]) {
    client(&[b"\x16\x03\x01", bytes].concat());
    client(bytes);
}

/// Reads what begins as an HTTP request.
#[cfg(feature = "capture")]
pub fn http(bytes: &[u8]) {
    client(&[b"GET ", bytes].concat());
    client(bytes);
}

/// Reads what begins as a request to a SOCKS proxy, and what follows it.
#[cfg(feature = "capture")]
pub fn socks(bytes: &[u8]) {
    use capture::sniff::{ClientMessage, Reading, read_client_message};
    for version in [4, 5] {
        let stream = [&[version], bytes].concat();
        client(&stream);
        if let Reading::Is(ClientMessage::Socks(request)) = read_client_message(&stream, true) {
            let ends = 9..=stream.len();
            assert!(ends.contains(&request.end), "where the request ends");
        }
    }
}

/// Reads a datagram of a QUIC client, and frames that a client sealed.
#[cfg(feature = "capture")]
pub fn quic(bytes: &[u8]) {
    use capture::sniff::quic::Opening;
    let mut opening = Opening::default();
    opening.add(bytes);
    let _ = opening.read(false);
    let mut sealed = Opening::default();
    sealed.add_frames(bytes);
    let _ = sealed.read(true);
}

#[cfg(feature = "capture")]
fn client(bytes: &[u8]) {
    use capture::sniff::{Reassembly, read_client_message};
    let _ = read_client_message(bytes, false);
    let _ = read_client_message(bytes, true);
    let mut stream = Reassembly::default();
    for (number, piece) in bytes.chunks(7).enumerate().rev() {
        stream.add(number as u64 * 7, piece);
    }
    let _ = read_client_message(stream.contiguous(), true);
}

/// Reads both kinds of cron tables.
#[cfg(feature = "capture")]
pub fn cron(bytes: &[u8]) {
    for path in ["/etc/crontab", "/var/spool/cron/root"] {
        capture::fuzzing::cron_commands(Path::new(path), bytes);
    }
}

/// Reads mountinfo.
#[cfg(feature = "capture")]
pub fn mounts(bytes: &[u8]) {
    capture::fuzzing::mounts(bytes);
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::{TARGETS, stored};
    use crate::trace::{Item, Reader};

    /// Holds the seeds, and what fuzzing found: `seeds/TARGET/NAME`.
    fn seeds(target: &str) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds")).join(target)
    }

    fn files(folder: PathBuf) -> Vec<PathBuf> {
        let entries = fs::read_dir(&folder).expect("a folder of seeds");
        entries
            .map(|entry| entry.expect("an entry").path())
            .collect()
    }

    fn corpus() -> Vec<PathBuf> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus");
        let mut traces = files(PathBuf::from(folder));
        traces.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "trace")
        });
        traces
    }

    /// Shows that seeds and finds of fuzzing stay harmless: no panic, no failed assertion.
    #[test]
    fn every_seed_and_every_find_is_read() {
        if std::env::var_os("TRACER_TESTS_BLESS").is_some() {
            make_event_seeds();
        }
        for (name, target) in TARGETS {
            let mut inputs = files(seeds(name));
            if *name == "trace" {
                inputs.extend(corpus());
            }
            assert!(!inputs.is_empty(), "no seed for {name}");
            for path in inputs {
                target(&fs::read(&path).expect("a seed"));
            }
        }
    }

    /// Writes the events of each small trace of the corpus as one seed.
    fn make_event_seeds() {
        for path in corpus() {
            let file = fs::File::open(&path).expect("a trace");
            let Ok(reader) = Reader::new(file, "corpus") else {
                continue;
            };
            let events = reader.map_while(Result::ok).filter_map(|item| match item {
                Item::Event { event, .. } => Some(event),
                Item::Gap(_) => None,
            });
            let bytes = stored::bytes(
                events
                    .take(100)
                    .filter(|event| event.kind.name() != "snapshot"),
            );
            let seed = seeds("event").join(path.file_stem().expect("a name"));
            fs::write(seed, bytes).expect("a seed is written");
        }
    }
}
