//! Whatever a trace says, it is text in the page: never markup, never the end of the data.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{Entry, Report, allotment::Limits, html, inline::Inline};
use crate::{
    event::{
        Cgroup, CommandStarted, Connect, Dns, Event, EventKind, Exec, Exit, Fork, Listen, Lost,
        ProcessId, TlsHello, UserNamed,
    },
    findings::{Picture, ShownConnections},
    model::Model,
    rules::RuleSet,
    trace::{Header, Mode, PlanEntry},
    view::{Clock, Page, TimeStyle, escape::is_hidden},
};

/// A recording in which every text is one of these.
struct Texts<'a>(&'a [String]);

impl Texts<'_> {
    /// The texts differ in their ends, so that however alike they are, as many rows come of them.
    fn get(&self, which: usize) -> String {
        format!("{}{which}", self.0[which % self.0.len()])
    }

    fn bytes(&self, which: usize) -> Vec<u8> {
        self.get(which).into_bytes()
    }

    fn html(&self, changes: Vec<Entry>) -> String {
        self.report(changes, |report| {
            let mut html = Vec::new();
            report.write_html(&mut html).expect("a page");
            String::from_utf8(html).expect("a page is UTF-8")
        })
    }

    fn report<T>(&self, changes: Vec<Entry>, look: impl FnOnce(&Report<'_>) -> T) -> T {
        let header = Header {
            hostname: self.get(0),
            kernel_release: self.get(1),
            arch: self.get(2),
            tool_version: self.get(3),
            command: vec![self.bytes(4), self.bytes(5)],
            mode: Mode::Command.into(),
            plan: vec![PlanEntry {
                fact: self.get(6),
                hook: self.get(7),
                reason: self.get(8),
                failures: Vec::new(),
                caveat: self.get(41),
            }],
            ..Header::default()
        };
        let model = self.model();
        look(&Report {
            name: crate::view::text(&self.bytes(9)),
            header: &header,
            model: &model,
            clock: Clock::default(),
            events: 1,
            shown: Picture {
                is_everything: true,
                selects_nothing: true,
                processes: model.processes().map(|_| true).collect(),
                connections: ShownConnections::all_of(&model),
                listeners: model.listeners().iter().collect(),
                lookups: model.lookups().collect(),
                unit_transitions: model.unit_transitions().iter().collect(),
            },
            attention: Vec::new(),
            changes,
            of_system: 2,
            without_author: 1,
            against: None,
        })
    }

    fn model(&self) -> Model {
        let mut model = Model::new(RuleSet::empty());
        let mut now = 0;
        let mut apply = |pid, kind| {
            now += 1_000_000;
            let start_ns = if pid == 0 { 0 } else { 1 };
            model.apply(&Event {
                boot_ns: now,
                process: ProcessId { pid, start_ns },
                user: 7,
                kind,
            });
        };
        let name = self.bytes(10);
        apply(0, EventKind::UserNamed(UserNamed { user: 7, name }));
        for pid in [10, 20, 30] {
            let which = pid as usize;
            let fork = Fork {
                parent_pid: if pid == 10 { 1 } else { pid - 10 },
                parent_start_ns: 1,
                comm: self.bytes(which),
            };
            apply(pid, EventKind::Fork(fork));
            if pid == 10 {
                let started = CommandStarted { attached: false };
                apply(pid, EventKind::CommandStarted(started));
            }
            if pid == 30 {
                let path = format!("/system.slice/x{}.service", self.get(31).replace('/', "|"));
                let path = path.into_bytes();
                apply(pid, EventKind::Cgroup(Cgroup { path }));
            }
            let exec = Exec {
                filename: self.bytes(which + 1),
                exe: self.bytes(which + 2),
                argv: vec![self.bytes(which + 3), self.bytes(which + 4)],
                comm: self.bytes(which + 5),
                ..Exec::default()
            };
            apply(pid, EventKind::Exec(exec));
            let dns = Dns {
                question: self.get(which + 6),
                kind: self.get(which + 7),
                rcode: self.get(which + 8),
                ..Dns::default()
            };
            apply(pid, EventKind::Dns(dns));
            let connect = Connect {
                connection: pid.into(),
                remote_address: vec![192, 0, 2, pid as u8],
                remote_port: 443,
                ..Connect::default()
            };
            apply(pid, EventKind::Connect(connect));
            let hello = TlsHello {
                connection: pid.into(),
                server_name: self.get(which + 9),
                ..TlsHello::default()
            };
            apply(pid, EventKind::TlsHello(hello));
            let listen = Listen {
                network_namespace: 0,
                connection: u64::from(pid) + 1,
                local_address: vec![0; 4],
                local_port: pid,
                any_port: false,
            };
            apply(pid, EventKind::Listen(listen));
        }
        apply(10, EventKind::Exit(Exit::of(0)));
        let what = self.get(40);
        apply(0, EventKind::Lost(Lost { what, count: 1 }));
        model.ledger_mut().caveat(&self.get(41));
        model
    }
}

const DATA: &str = "<script type=\"application/json\" id=\"data\">";

/// The names of all tags, in their order.
fn tags(html: &str) -> Vec<&str> {
    let parts = html.split('<').skip(1);
    parts
        .map(|part| {
            part.split([' ', '>', '\n', '\t'])
                .next()
                .unwrap_or_default()
        })
        .collect()
}

fn markup() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[<>&\"'/!\\-a-z =\\\\]{0,40}",
        Just("</script><script>alert(1)</script>".to_owned()),
        Just("<!--<script>".to_owned()),
        Just("<img src=x onerror=alert(1)>".to_owned()),
        Just("\u{2028}\u{202e}\u{9b}31m\0".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_text_is_markup(texts in prop::collection::vec(markup(), 1..50)) {
        let html = Texts(&texts).html(Vec::new());
        let plain = Texts(&["plain".to_owned()]).html(Vec::new());
        prop_assert_eq!(tags(&html), tags(&plain));

        let (before, data) = html.split_once(DATA).expect("data");
        let (data, after) = data.split_once("</script>").expect("an end of the data");
        prop_assert!(!data.contains(['<', '>', '&']));
        let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
        for text in data["strings"].as_array().expect("strings") {
            let text = text.as_str().expect("a string");
            prop_assert!(!text.contains(is_hidden), "{:?}", text);
        }
        let is_harmless = |character| !is_hidden(character) || character == '\n';
        prop_assert!(before.chars().chain(after.chars()).all(is_harmless));
    }

    #[test]
    fn what_is_embedded_comes_back(text in markup()) {
        let embedded = Inline(&text).to_string();
        let is_plain = !embedded.contains(['<', '>', '&', '\u{2028}', '\u{2029}']);
        prop_assert!(is_plain);
        prop_assert_eq!(serde_json::from_str::<String>(&embedded).expect("JSON"), text);
    }

    #[test]
    fn text_fits_the_page(texts in prop::collection::vec(markup(), 1..50), width in 20_usize..250) {
        let page = Page {
            width: Some(width),
            styled: false,
            time: TimeStyle::Relative,
            clock: Clock::default(),
        };
        for line in Texts(&texts).report(Vec::new(), |report| report.text(&page)) {
            prop_assert!(!line.contains(is_hidden), "{:?}", line);
            // What is missing is never cut, however long its words are.
            let is_word = !line.trim().contains(' ');
            prop_assert!(is_word || crate::view::page::columns(&line) <= width, "{:?}", line);
        }
    }
}

/// Unpacks the parts of a page that are loaded later.
fn later(page: &str) -> Vec<serde_json::Value> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let parts = page
        .split("<script type=\"application/gzip\" id=\"part-")
        .skip(1);
    let unpack = |part: &str| {
        let (_, rest) = part.split_once("\">").expect("an end of the tag");
        let (packed, _) = rest.split_once("</script>").expect("an end of the part");
        let packed = BASE64_STANDARD.decode(packed).expect("base64");
        serde_json::from_reader(flate2::read::GzDecoder::new(packed.as_slice())).expect("JSON")
    };
    parts.map(unpack).collect()
}

#[test]
fn a_large_recording_has_parts_and_a_rest() {
    let page = |text: &str, limits: Limits| {
        Texts(&[text.to_owned()]).report(Vec::new(), |report| {
            let mut page = Vec::new();
            html::write(report, &limits, &mut page).expect("a page");
            String::from_utf8(page).expect("a page is UTF-8")
        })
    };
    let small = Limits {
        first: (1, 1),
        all: (3, 2),
        part: 1,
    };
    let html = page("x", small);
    let (_, data) = html.split_once(DATA).expect("data");
    let (data, _) = data.split_once("</script>").expect("an end of the data");
    let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
    let parts = later(&html);
    let count = |part: &serde_json::Value, list: &str, fields: &str| {
        let numbers = part[list].as_array().expect("numbers").len();
        numbers / data[fields].as_array().expect("fields").len()
    };
    let all = || parts.iter().chain([&data]);
    let processes: usize = all()
        .map(|one| count(one, "processes", "process_fields"))
        .sum();
    let connections: usize = all()
        .map(|one| count(one, "connections", "connection_fields"))
        .sum();
    let out = |what: &str| {
        let trees = data["trees"].as_array().expect("trees").iter();
        let counts = trees.map(|tree| tree[what].as_u64().expect("a number") as usize);
        counts.sum::<usize>()
    };
    assert!(!parts.is_empty(), "{data}");
    // Their parent is a process, too.
    assert_eq!(processes + out("left_out_processes"), 4, "{data}");
    assert_eq!(connections + out("left_out_connections"), 3, "{data}");
    assert!(out("left_out_connections") > 0, "{data}");
    let mut rows: Vec<u64> = parts
        .iter()
        .filter_map(|one| one["first"].as_u64())
        .collect();
    rows.sort_unstable();
    assert_eq!(data["first"], 0);
    assert!(rows.iter().all(|row| *row <= 3), "{rows:?}");
    // No text of a part is markup.
    let hostile = page("</script><script>alert(1)</script>", small);
    assert_eq!(tags(&hostile), tags(&html));
    let whole = Limits {
        first: (10, 10),
        ..small
    };
    assert!(later(&page("x", whole)).is_empty());
}

#[test]
fn the_policy_names_what_is_there() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let html = Texts(&["x".to_owned()]).html(Vec::new());
    let between = |from: &str, to: &str| {
        let (_, rest) = html.split_once(from).expect("its beginning");
        rest.split_once(to).expect("its end").0
    };
    let policy = between("Content-Security-Policy\" content=\"", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for (kind, from, to) in [
        ("style-src", "<style>", "</style>"),
        ("script-src", "<script>", "</script>"),
    ] {
        let hash = BASE64_STANDARD.encode(Sha256::digest(between(from, to)));
        assert!(
            policy.contains(&format!("{kind} 'sha256-{hash}'")),
            "{policy}"
        );
    }
    assert!(!html.contains(" style=") && !html.contains(" onclick="));
    assert!(!html.contains("http://") && !html.contains("https://"));
}

#[test]
fn what_is_not_certain_is_said_beside_what_is_missing() {
    let texts = Texts(&["x".to_owned()]);
    assert!(texts.html(Vec::new()).contains("<p>not certain: x41</p>"));
    let page = Page {
        width: None,
        styled: false,
        time: TimeStyle::Relative,
        clock: Clock::default(),
    };
    let lines = texts.report(Vec::new(), |report| report.text(&page));
    assert!(
        lines.contains(&"  not certain: x41".to_owned()),
        "{lines:#?}"
    );
    // Neither what was left out, nor that there is no end.
    let html = texts.html(Vec::new());
    for said in [
        "2 that the system itself made are not shown (--tree system shows them)",
        "not known: the recording was not finished: files, users",
    ] {
        assert!(html.contains(&format!("<p>changes: {said}")), "{said}");
        let is_said = lines.iter().any(|line| line.contains(said));
        assert!(is_said, "{said}: {lines:#?}");
    }
    let running = "Still running, left by the recorded trees, as far as the trace goes";
    assert!(html.contains(running) && lines.contains(&running.to_owned()));
}

#[test]
fn findings_are_shown_where_there_are_any() {
    let entry = Entry {
        kind: "user".to_owned(),
        what: "omsagent".to_owned(),
        tree: "command".to_owned(),
        because: "by useradd [73]".to_owned(),
        author: None,
        mark: None,
    };
    let texts = Texts(&[String::new()]);
    assert!(!texts.html(Vec::new()).contains("id=\"changes\""));
    let html = texts.html(vec![entry.clone()]);
    assert!(html.contains("id=\"changes\""));
    assert!(html.contains("useradd [73]"));
    let page = Page {
        width: None,
        styled: false,
        time: TimeStyle::Relative,
        clock: Clock::default(),
    };
    let lines = texts.report(vec![entry], |report| report.text(&page));
    let expected = ["", "Changes", "  user: omsagent, by useradd [73]"];
    let expected = expected.map(str::to_owned);
    assert!(lines.windows(3).any(|part| *part == expected), "{lines:#?}");
}
