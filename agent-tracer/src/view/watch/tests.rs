//! Compares screens of 80 and 200 columns with texts. `TRACER_TESTS_BLESS=1` writes the present
//! ones.

use std::{fs::File, path::Path};

use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::Buffer,
    style::{Color, Modifier},
};
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::{
    event::{
        Close, CommandStarted, Connect, Dns, Event, EventKind, Exec, Exit, Fork, Lost, ProcessId,
    },
    findings::{Activity, Picture, shown_changes},
    glob::{Glob, Scope},
    model::Model,
    rules::RuleSet,
    select::{Filter, Marks, Selection},
    session::Follow,
    trace::{Header, Mode},
    view::{Clock, Page, TimeStyle},
};

/// A recording, what was typed, and a terminal.
struct Scene {
    model: Model,
    header: Header,
    clock: Clock,
    activity: Activity,
    events: u64,
    gaps: u64,
    filter: Filter,
    watch: Watch,
    rows: Rows,
    stage: Stage,
    styled: bool,
}

impl Scene {
    fn of(header: Header, events: &[Event]) -> Scene {
        let clock = Clock {
            start_ns: header.start_boot_ns,
            offset_ns: header.clock_offset_ns,
        };
        let mut scene = Scene {
            model: Model::new(RuleSet::built_in()),
            header,
            clock,
            activity: Activity::default(),
            events: events.len() as u64,
            gaps: 0,
            filter: Filter::default(),
            watch: Watch::default(),
            rows: Rows::default(),
            stage: Stage::Recording,
            styled: false,
        };
        for event in events {
            scene.model.apply(event);
            scene.activity.note(&scene.model, event);
        }
        scene
    }

    /// Reads a trace of the corpus.
    fn of_corpus(name: &str) -> Scene {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
        let file = File::open(corpus.join(name)).expect("a trace");
        let mut follow = Follow::new(file, name).expect("a trace");
        let mut events = Vec::new();
        let most = u64::MAX;
        let seen = follow.advance(most, |_, _, event| events.push(event.clone()));
        let seen = seen.expect("its events");
        assert_eq!(seen, follow.events());
        let mut scene = Scene::of(follow.header().clone(), &events);
        scene.gaps = follow.gaps();
        let end = follow.model().end();
        scene.stage = end.map_or(Stage::CutOff, |end| Stage::Ended(end.describe()));
        scene
    }

    /// Presses keys, with the rows of a terminal.
    fn press(&mut self, presses: &[Press], width: u16) -> Ask {
        let mut last = Ask::Nothing;
        for press in presses {
            self.buffer(width, 24);
            last = self.watch.press(*press, &self.rows);
            if let Ask::Filter(written) = &last {
                let globs = match written.as_str() {
                    "" => Ok(Vec::new()),
                    written => Glob::new(written, Scope::Text).map(|glob| vec![glob]),
                };
                let process = &mut self.filter.process;
                self.watch.filtered(globs.map(|globs| *process = globs));
            }
        }
        last
    }

    fn type_text(&mut self, text: &str, width: u16) {
        let presses: Vec<Press> = text.chars().map(Press::Character).collect();
        self.press(&presses, width);
    }

    fn buffer(&mut self, width: u16, height: u16) -> Buffer {
        let model = &self.model;
        let selection = Selection::new(self.filter.clone(), Marks::default(), model);
        let picture = Picture::of(model, &selection);
        let changes = shown_changes(model, &selection, false).shown;
        let page = Page {
            width: Some(usize::from(width)),
            styled: false,
            time: TimeStyle::Relative,
            clock: self.clock,
        };
        let sight = Sight {
            model,
            page: &page,
            picture: &picture,
            changes: &changes,
            activity: &self.activity,
        };
        self.rows = Rows::of(&sight);
        let details = self.watch.detail_lines(&sight, usize::from(width));
        let (first_ns, last_ns) = model.span();
        let facts = Facts {
            file: b"a.trace",
            header: Some(&self.header),
            stage: self.stage.clone(),
            events: self.events,
            elapsed_ns: last_ns - first_ns,
            quiet_ns: 0,
            gaps: self.gaps,
            is_incomplete: !model.ledger().is_complete(),
            segment: None,
            released: Facts::released(model),
            notice: String::new(),
        };
        self.watch.bound(details.len(), Screen::room(height));
        let screen = Screen {
            facts: &facts,
            rows: &self.rows,
            details: &details,
            watch: &self.watch,
            styled: self.styled,
        };
        drawn(&screen, width, height)
    }

    fn text(&mut self, width: u16, height: u16) -> String {
        text_of(&self.buffer(width, height))
    }

    /// Compares the screens of 80 and 200 columns with files.
    fn shows(&mut self, name: &str) {
        for (width, height) in [(80, 24), (200, 40)] {
            let text = self.text(width, height);
            compare(&format!("{name}.{width}.txt"), &text);
        }
    }
}

fn drawn(screen: &Screen<'_>, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal
        .draw(|frame| draw(frame, screen))
        .expect("a screen");
    terminal.backend().buffer().clone()
}

/// Returns the lines of a buffer, without spaces at their ends.
fn text_of(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
            line.push_str(symbol);
            x += u16::try_from(symbol.width().max(1)).unwrap_or(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn compare(name: &str, text: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/view/watch/tests");
    let path = directory.join(name);
    if std::env::var_os("TRACER_TESTS_BLESS").is_some() {
        std::fs::write(&path, text).expect("writes what is expected from now on");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} differs:\n{text}");
}

const HOSTILE: &str = "\x1b[2J\x1b]0;owned\x07\u{202e}gnp.exe";

/// A recording of hostile and of wide names, which goes on.
fn hostile() -> Scene {
    const SECOND: u64 = 1_000_000_000;
    let header = Header {
        hostname: "web\x1b[31m-3".to_owned(),
        start_boot_ns: SECOND,
        command: vec![b"sh".to_vec(), HOSTILE.into()],
        mode: Mode::Command.into(),
        ..Header::default()
    };
    let event = |second: u64, pid: u32, kind: EventKind| Event {
        boot_ns: second * SECOND,
        process: ProcessId { pid, start_ns: 1 },
        user: 0,
        kind,
    };
    let exec = |name: &str| {
        EventKind::Exec(Exec {
            filename: format!("/tmp/{name}").into_bytes(),
            comm: name.as_bytes().to_vec(),
            argv: vec![name.into(), HOSTILE.into(), "日本語の引数".into()],
            ..Exec::default()
        })
    };
    let dns = |name: &str, address: [u8; 4]| {
        EventKind::Dns(Dns {
            question: name.to_owned(),
            rcode: "NOERROR".to_owned(),
            addresses: vec![address.to_vec()],
            ..Dns::default()
        })
    };
    let connect = |number: u64, address: [u8; 4]| {
        EventKind::Connect(Connect {
            connection: number,
            remote_address: address.to_vec(),
            remote_port: 443,
            ..Connect::default()
        })
    };
    let close = |number: u64| {
        EventKind::Close(Close {
            connection: number,
            ..Close::default()
        })
    };
    let fork = |parent: u32| {
        EventKind::Fork(Fork {
            parent_pid: parent,
            parent_start_ns: 1,
            ..Fork::default()
        })
    };
    let (first, second) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    let mut events = vec![
        event(1, 7, fork(1)),
        event(
            1,
            7,
            EventKind::CommandStarted(CommandStarted { attached: false }),
        ),
        event(1, 7, exec("sh")),
        event(2, 8, fork(7)),
        event(2, 8, exec("日本語テキスト")),
        event(3, 8, dns("xn--日本.example", first)),
        event(3, 8, connect(1, first)),
        event(4, 8, close(1)),
        event(5, 9, fork(7)),
        event(5, 9, exec("a\x1b[31mb\u{202e}")),
        event(6, 9, dns("evil\u{1b}[2J.example", second)),
        event(6, 9, connect(2, second)),
        event(7, 9, EventKind::Exit(Exit::default())),
    ];
    events.push(event(
        8,
        0,
        EventKind::Lost(Lost {
            what: "exec\x1b[2J".to_owned(),
            count: 3,
        }),
    ));
    Scene::of(header, &events)
}

#[test]
fn an_install_at_two_widths() {
    let mut scene = Scene::of_corpus("oms-names.trace");
    scene.shows("install");
    scene.press(
        &[Press::Previous, Press::Down, Press::Down, Press::Enter],
        80,
    );
    scene.shows("install-tree");
    scene.press(&[Press::Escape, Press::Next, Press::Down, Press::Enter], 80);
    scene.shows("install-destination");
    scene.press(&[Press::Escape, Press::Next, Press::Enter], 80);
    scene.shows("install-attention");
}

#[test]
fn a_filter_is_one_for_names_of_processes() {
    let mut scene = Scene::of_corpus("oms-names.trace");
    scene.press(&[Press::Character('/')], 80);
    scene.type_text("rub?", 80);
    assert!(scene.text(80, 24).contains("/rub?"));
    scene.press(&[Press::Enter], 80);
    scene.shows("install-filtered");
    scene.press(&[Press::Character('/'), Press::Clear], 80);
    scene.type_text("[", 80);
    scene.press(&[Press::Enter], 80);
    let refused = scene.text(80, 24);
    assert!(
        refused
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("/["))
    );
    scene.press(&[Press::Escape], 80);
    assert!(
        scene.text(80, 24).contains("filter: rub?"),
        "the old one holds"
    );
    scene.press(&[Press::Escape], 80);
    let all = scene.text(80, 24);
    assert!(!all.contains("filter:") && all.contains("omsconfig"));
}

#[test]
fn damage_is_said() {
    let mut scene = Scene::of_corpus("damaged.trace");
    assert!(scene.gaps > 0);
    assert!(scene.text(80, 24).contains("damaged"));
    let mut killed = Scene::of_corpus("killed.trace");
    killed.shows("killed");
}

#[test]
fn no_byte_of_a_program_reaches_the_terminal_raw() {
    let mut scene = hostile();
    scene.shows("hostile");
    let mut screens = vec![scene.buffer(80, 24), scene.buffer(200, 40)];
    for pane in Pane::ALL {
        while scene.watch.pane != pane {
            scene.press(&[Press::Next], 80);
        }
        scene.press(&[Press::Enter], 80);
        screens.push(scene.buffer(80, 24));
        screens.push(scene.buffer(200, 40));
        scene.press(&[Press::Escape], 80);
    }
    scene.press(&[Press::Previous, Press::Previous, Press::Enter], 80);
    scene.shows("hostile-destination");
    for buffer in &screens {
        for cell in &buffer.content {
            let symbol = cell.symbol();
            assert!(
                !symbol.chars().any(crate::view::escape::is_hidden),
                "{symbol:?}"
            );
        }
    }
}

/// A wide character takes two cells, and every column begins where it should.
#[test]
fn wide_characters_move_no_column() {
    let mut scene = hostile();
    let buffer = scene.buffer(80, 24);
    let text = text_of(&buffer);
    let begin = |line: &str| {
        let at = line.find("192.0.2.").or_else(|| line.find("ADDRESS"));
        at.map(|at| line.get(..at).unwrap_or_default().width())
    };
    let begins: Vec<usize> = text.lines().filter_map(begin).collect();
    assert_eq!(begins.len(), 3, "{text}");
    assert!(begins.iter().all(|at| *at == begins[0]), "{text}");
}

#[test]
fn without_colours_there_are_none() {
    let mut scene = hostile();
    let colours = |buffer: &Buffer| {
        let cells = buffer.content.iter();
        cells
            .filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
            .count()
    };
    assert_eq!(colours(&scene.buffer(80, 24)), 0);
    let chosen = scene.buffer(80, 24);
    let reversed = |cell: &&ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
    assert!(chosen.content.iter().filter(reversed).count() >= 80);
    scene.styled = true;
    assert!(colours(&scene.buffer(80, 24)) > 0);
}

#[test]
fn a_small_terminal_says_what_it_needs() {
    let mut scene = hostile();
    let text = scene.text(39, 24);
    assert!(text.contains("40 columns and 13 lines"), "{text}");
    assert!(scene.text(40, 13).contains("Trees"));
    // No size makes it fail.
    for (width, height) in [
        (1, 1),
        (2, 3),
        (40, 12),
        (41, 14),
        (119, 13),
        (120, 13),
        (300, 100),
    ] {
        scene.text(width, height);
        scene.press(&[Press::Character('?')], 80);
        scene.text(width, height);
        scene.press(&[Press::Escape, Press::Enter, Press::End], 80);
        scene.text(width, height);
        scene.press(&[Press::Escape], 80);
    }
}

#[test]
fn keys_are_listed() {
    let mut scene = hostile();
    scene.press(&[Press::Character('?')], 80);
    scene.shows("keys");
    let whole = help::LINES.iter().all(|line| line.width() <= 80);
    assert!(whole, "no line is cut");
    assert_eq!(scene.press(&[Press::Character('x')], 80), Ask::Nothing);
    assert_eq!(scene.press(&[Press::Character('q')], 80), Ask::Leave);
}

/// A row that was chosen stays chosen when others come; the first place stays the first.
#[test]
fn new_rows_move_no_choice() {
    let mut scene = hostile();
    scene.press(&[Press::Down], 80);
    let chosen = |scene: &Scene| scene.watch.chosen(Pane::Destinations, &scene.rows);
    assert_eq!(chosen(&scene), 1);
    let connect = |number: u64| Event {
        boot_ns: 9_000_000_000,
        process: ProcessId {
            pid: 8,
            start_ns: 1,
        },
        user: 0,
        kind: EventKind::Connect(Connect {
            connection: number,
            remote_address: vec![192, 0, 2, u8::try_from(number).unwrap_or(0)],
            remote_port: 80,
            ..Connect::default()
        }),
    };
    scene.model.apply(&connect(3));
    scene.buffer(80, 24);
    assert_eq!(chosen(&scene), 2);
    scene.press(&[Press::Home], 80);
    scene.model.apply(&connect(4));
    scene.buffer(80, 24);
    assert_eq!(chosen(&scene), 0);
}

#[test]
fn a_recording_that_has_not_begun_is_waited_for() {
    let facts = Facts {
        file: b"/var/log/tracer",
        header: None,
        stage: Stage::Waiting,
        events: 0,
        elapsed_ns: 0,
        quiet_ns: 0,
        gaps: 0,
        is_incomplete: false,
        segment: None,
        released: 0,
        notice: "no trace in /var/log/tracer so far: waiting for a recording".to_owned(),
    };
    let screen = Screen {
        facts: &facts,
        rows: &Rows::default(),
        details: &[],
        watch: &Watch::default(),
        styled: false,
    };
    compare("waiting.80.txt", &text_of(&drawn(&screen, 80, 24)));
}
