//! Tests which files are downloads, under which names, and until when.

use super::absolute;
use crate::{
    event::{
        Close, Connect, ConnectFailed, Established, Event, EventKind, Exec, Exit, FileAction,
        FileEvent, FileHashed, FileIdentity, Fork, NativeCode, ProcessId,
    },
    model::Model,
    rules::RuleSet,
};

/// Milliseconds.
const MS: u64 = 1_000_000;

/// Events in a row, 10 ms apart; those of files are reported 5 ms after the change.
#[derive(Default)]
struct Story {
    events: Vec<Event>,
    connections: u64,
}

impl Story {
    fn now(&self) -> u64 {
        (self.events.len() as u64 + 1) * 10 * MS
    }

    fn add(mut self, pid: u32, kind: EventKind) -> Story {
        let is_file = matches!(kind, EventKind::File(_));
        let start_ns = u64::from(pid != 0);
        self.events.push(Event {
            boot_ns: self.now() + u64::from(is_file) * 5 * MS,
            process: ProcessId { pid, start_ns },
            user: 0,
            kind,
        });
        self
    }

    fn forks(self, pid: u32) -> Story {
        let fork = Fork {
            parent_pid: 1,
            parent_start_ns: 1,
            comm: b"x".to_vec(),
        };
        self.add(pid, EventKind::Fork(fork))
    }

    /// Runs a command line in /d, in a new process.
    fn runs(self, pid: u32, line: &str) -> Story {
        self.forks(pid).executes(pid, line)
    }

    fn executes(self, pid: u32, line: &str) -> Story {
        let argv: Vec<Vec<u8>> = line.split(' ').map(|word| word.into()).collect();
        let exec = Exec {
            filename: argv[0].clone(),
            exe: absolute(b"/d", &argv[0]),
            argv,
            cwd: b"/d".to_vec(),
            ..Exec::default()
        };
        self.add(pid, EventKind::Exec(exec))
    }

    fn ends(self, pid: u32) -> Story {
        self.add(pid, EventKind::Exit(Exit::of(0)))
    }

    fn connects(mut self, pid: u32, port: u32) -> Story {
        self.connections += 1;
        let connect = Connect {
            connection: self.connections,
            remote_address: vec![192, 0, 2, 1],
            remote_port: port,
            ..Connect::default()
        };
        self.add(pid, EventKind::Connect(connect))
    }

    fn answered(self) -> Story {
        let connection = self.connections;
        let established = Established {
            connection,
            ..Established::default()
        };
        self.add(0, EventKind::Established(established))
    }

    fn refused(self) -> Story {
        let failed = ConnectFailed {
            connection: self.connections,
            error: 111,
            ..ConnectFailed::default()
        };
        self.add(0, EventKind::ConnectFailed(failed))
    }

    fn has_received(self, bytes_received: u64) -> Story {
        let close = Close {
            connection: self.connections,
            bytes_received,
            ..Close::default()
        };
        self.add(0, EventKind::Close(close))
    }

    fn file(self, pid: u32, action: FileAction, path: &str) -> Story {
        self.of_files(pid, action, path, false)
    }

    /// Adds a change of a file that has a number, whatever its names.
    fn identified(self, pid: u32, action: FileAction, path: &str, inode: u64) -> Story {
        let identity = FileIdentity {
            inode,
            ..FileIdentity::default()
        };
        let file = FileEvent {
            path: path.into(),
            action: action.into(),
            identity: Some(identity),
            ..FileEvent::default()
        };
        self.add(pid, EventKind::File(file))
    }

    fn of_files(self, pid: u32, action: FileAction, path: &str, is_directory: bool) -> Story {
        let file = FileEvent {
            path: path.into(),
            action: action.into(),
            jobs: Vec::new(),
            is_directory,
            identity: None,
        };
        self.add(pid, EventKind::File(file))
    }

    /// Makes process 10 download to a path.
    fn gets(self, path: &str) -> Story {
        self.runs(10, "curl -O")
            .connects(10, 443)
            .answered()
            .has_received(100)
            .file(10, FileAction::Written, path)
            .ends(10)
    }

    /// Lists `path writer carrier runner executions`, with 0 for no carrier.
    fn reported(&self) -> Vec<String> {
        let model = self.model();
        let pid = |index| model.process(index).id.pid;
        let all = model.downloads();
        all.iter()
            .map(|download| {
                format!(
                    "{} {} {} {} {}",
                    String::from_utf8_lossy(&download.path),
                    pid(download.writer),
                    download.carrier.map_or(0, pid),
                    download.runner.map_or(0, pid),
                    download.executions
                )
            })
            .collect()
    }

    fn model(&self) -> Model {
        let mut model = Model::new(RuleSet::empty());
        for event in &self.events {
            model.apply(event);
        }
        model
    }
}

fn story() -> Story {
    Story::default()
}

use FileAction::{Created, Removed, Renamed, Written};

const NOTHING: [&str; 0] = [];

#[test]
fn what_brought_nothing_is_no_source() {
    let writes = |story: Story| story.file(10, Written, "/d/x").runs(20, "./x");
    let curl = || story().runs(10, "curl").connects(10, 443);
    assert_eq!(writes(curl().refused()).reported(), NOTHING);
    assert_eq!(writes(curl()).reported(), NOTHING);
    let silent = curl().answered().has_received(0);
    assert_eq!(writes(silent).reported(), NOTHING);
    let open = writes(curl().answered());
    assert_eq!(open.reported(), ["/d/x 10 0 20 1"]);
    // Only its end shows that it brought data.
    assert_eq!(open.has_received(0).reported(), NOTHING);
    let late = writes(curl().answered()).has_received(1);
    assert_eq!(late.reported(), ["/d/x 10 0 20 1"]);
}

#[test]
fn a_name_server_is_no_source() {
    let resolves = || {
        story()
            .runs(10, "curl")
            .connects(10, 53)
            .answered()
            .has_received(100)
    };
    let only = resolves().file(10, Written, "/d/x").runs(20, "./x");
    assert_eq!(only.reported(), NOTHING);
    let both = resolves()
        .connects(10, 443)
        .answered()
        .has_received(5)
        .file(10, Written, "/d/x")
        .runs(20, "./x");
    assert_eq!(both.model().downloads()[0].connections, [1]);
}

#[test]
fn what_another_wrote_is_no_download_any_more() {
    let other = |actions: &[FileAction]| {
        let cp = story().gets("/d/x").runs(30, "cp y x");
        let cp = actions
            .iter()
            .fold(cp, |cp, action| cp.file(30, *action, "/d/x"));
        cp.ends(30)
    };
    assert_eq!(other(&[Written]).runs(20, "./x").reported(), NOTHING);
    let anew = other(&[Removed, Created, Written]);
    assert_eq!(anew.runs(20, "./x").reported(), NOTHING);
    assert_eq!(other(&[Renamed]).runs(20, "./x").reported(), NOTHING);
    assert_eq!(other(&[Removed]).runs(20, "sh x").reported(), NOTHING);
    // Without a known process.
    let unseen = story().gets("/d/x").file(0, Written, "/d/x");
    assert_eq!(unseen.runs(20, "./x").reported(), NOTHING);
    // An earlier execution counts all the same.
    let before = story().gets("/d/x").runs(20, "./x").ends(20);
    let before = before.runs(30, "rm x").file(30, Removed, "/d/x").ends(30);
    assert_eq!(before.reported(), ["/d/x 10 0 20 1"]);
    let again = before.runs(31, "tee x").file(31, Written, "/d/x").ends(31);
    assert_eq!(again.runs(21, "./x").reported(), ["/d/x 10 0 20 1"]);
}

#[test]
fn what_is_reported_late_was_executed_all_the_same() {
    // The file's event comes after the execution.
    let late = story()
        .runs(10, "curl -O")
        .connects(10, 443)
        .answered()
        .has_received(100)
        .ends(10)
        .runs(20, "./x")
        .file(10, Written, "/d/x");
    assert_eq!(late.reported(), ["/d/x 10 0 20 1"]);
    // But not for a process that ran before the writer.
    let earlier = story().runs(20, "sh ./x").gets("/d/x");
    assert_eq!(earlier.reported(), NOTHING);
    // A process that has become another program did execute it.
    let became = story().gets("/d/x").runs(20, "sh x").executes(20, "true");
    assert_eq!(became.reported(), ["/d/x 10 0 20 1"]);
}

#[test]
fn renamed_downloads_are_followed() {
    let moved = story()
        .gets("/d/x.tmp")
        .runs(30, "mv x.tmp x")
        .file(30, Removed, "/d/x.tmp")
        .file(30, Renamed, "/d/x");
    assert_eq!(moved.runs(20, "./x").reported(), ["/d/x 10 30 20 1"]);
    // By the downloader itself, twice.
    let itself = story()
        .gets("/d/a")
        .file(10, Removed, "/d/a")
        .file(10, Renamed, "/d/b")
        .file(10, Removed, "/d/b")
        .file(10, Renamed, "/d/c");
    assert_eq!(itself.runs(20, "sh c").reported(), ["/d/c 10 0 20 1"]);
    // Another event came between: the new name belongs to another file.
    let other = story()
        .gets("/d/x")
        .file(30, Removed, "/d/x")
        .file(30, Removed, "/d/y")
        .file(30, Renamed, "/d/z");
    assert_eq!(other.runs(20, "./z").reported(), NOTHING);
    // By two processes.
    let two = story().gets("/d/x").file(30, Removed, "/d/x");
    let two = two.file(31, Renamed, "/d/z").runs(20, "./z");
    assert_eq!(two.reported(), NOTHING);
    let above = story()
        .gets("/d/new/bin/x")
        .of_files(30, Removed, "/d/new", true)
        .of_files(30, Renamed, "/d/opt", true);
    assert_eq!(
        above.runs(20, "opt/bin/x").reported(),
        ["/d/opt/bin/x 10 30 20 1"]
    );
}

#[test]
fn copied_downloads_are_followed() {
    let copied = |line: &str, to: &str| {
        story()
            .gets("/d/x")
            .runs(30, line)
            .file(30, Created, to)
            .file(30, Written, to)
            .ends(30)
            .runs(20, to)
            .reported()
    };
    assert_eq!(
        copied("cp x /opt/y", "/opt/y"),
        ["/opt/y 10 30 20 1"],
        "by its new name"
    );
    assert_eq!(
        copied("install -m 755 a ./x /opt", "/opt/x"),
        ["/opt/x 10 30 20 1"],
        "into a directory"
    );
    assert_eq!(copied("cp x a /opt", "/opt/a"), NOTHING);
    assert_eq!(copied("tac x", "/opt/y"), NOTHING);
}

#[test]
fn executions_of_one_file_are_counted() {
    let mut many = story().gets("/d/x");
    for pid in 100..400 {
        many = many.runs(pid, "bash -x ../d/./x");
    }
    assert_eq!(many.reported(), ["/d/x 10 0 100 300"]);
}

#[test]
fn what_an_interpreter_only_reads_is_not_executed() {
    let read = story().gets("/d/x").runs(20, "sh install.sh x");
    assert_eq!(read.reported(), NOTHING);
}

#[test]
fn reports_without_roots() {
    let model = story().gets("/d/x").file(30, Removed, "/d/x").model();
    let by = |pid| model.latest(pid);
    assert!(model.concerns_download(by(10), b"/tmp/y", Written));
    // The new name of the removed file, and an event that would separate the two.
    assert!(model.concerns_download(by(30), b"/tmp/y", Renamed));
    assert!(model.concerns_download(by(30), b"/tmp/y", Removed));
    assert!(!model.concerns_download(None, b"/tmp/y", Written));
    let model = story().gets("/d/x").model();
    assert!(model.concerns_download(None, b"/d/x", Written));
    assert!(model.concerns_download(None, b"/d", Removed));
    assert!(!model.concerns_download(None, b"/d/x", FileAction::Attributes));
}

#[test]
fn paths_are_resolved_as_text() {
    assert_eq!(absolute(b"/tmp", b"./a.sh"), b"/tmp/a.sh");
    assert_eq!(absolute(b"/", b"a.sh"), b"/a.sh");
    assert_eq!(absolute(b"/tmp", b"/x"), b"/x");
    assert_eq!(absolute(b"/tmp/a", b"../b//./c"), b"/tmp/b/c");
    assert_eq!(absolute(b"/", b"../../x"), b"/x");
}

#[test]
fn another_name_of_the_same_file_is_the_same_download() {
    let got = || {
        story()
            .runs(10, "node")
            .connects(10, 443)
            .answered()
            .has_received(100)
            .identified(10, Written, "/d/cache", 7)
    };
    let linked = got().runs(30, "node link.js");
    let linked = linked
        .identified(30, Created, "/d/bin", 7)
        .runs(20, "./bin");
    assert_eq!(linked.reported(), ["/d/bin 10 30 20 1"]);
    // The name between link and rename is gone when it is looked at.
    let renamed = got().runs(30, "node link.js");
    let renamed = renamed
        .file(30, Created, "/d/tmp")
        .file(30, Removed, "/d/tmp")
        .identified(30, Renamed, "/d/bin", 7)
        .runs(20, "./bin");
    assert_eq!(renamed.reported(), ["/d/bin 10 30 20 1"]);
    let other = got().runs(30, "node link.js");
    let other = other.identified(30, Created, "/d/bin", 8).runs(20, "./bin");
    assert_eq!(other.reported(), NOTHING);
}

#[test]
fn what_comes_out_of_a_downloaded_archive_is_a_download() {
    let unpacked = story().gets("/d/a.tgz").runs(30, "tar xzf a.tgz");
    let unpacked = unpacked.file(30, Written, "/d/bin").runs(20, "./bin");
    assert_eq!(unpacked.reported(), ["/d/bin 10 30 20 1"]);
    let archive = unpacked.model().downloads()[0].archive.clone();
    assert_eq!(archive.as_deref(), Some(&b"/d/a.tgz"[..]));
    let other = story().gets("/d/a.tgz").runs(30, "tar xzf b.tgz");
    let other = other.file(30, Written, "/d/bin").runs(20, "./bin");
    assert_eq!(other.reported(), NOTHING);
}

#[test]
fn the_other_end_of_a_pipe_is_the_writer() {
    let piped = |program: &str| {
        story()
            .executes(1, "sh")
            .runs(10, "curl https://x")
            .runs(11, program)
            .connects(10, 443)
            .answered()
            .has_received(100)
            .file(11, Written, "/d/bin")
            .runs(20, "./bin")
            .reported()
    };
    assert_eq!(piped("tar xz"), ["/d/bin 10 11 20 1"]);
    assert_eq!(piped("sleep 1"), NOTHING);
}

#[test]
fn the_content_is_that_of_the_last_report() {
    let content = |has_changed| {
        EventKind::FileHashed(FileHashed {
            path: b"/d/x".to_vec(),
            sha256: vec![1, 2],
            has_changed,
            ..FileHashed::default()
        })
    };
    let ran = story().gets("/d/x").runs(20, "./x").add(20, content(false));
    let of = |story: &Story| story.model().downloads()[0].content.clone();
    assert!(of(&ran).is_some_and(|content| !content.has_changed));
    let changed = ran.add(20, content(true));
    assert!(of(&changed).is_some_and(|content| content.has_changed && content.sha256 == [1, 2]));
}

/// Native code that a process wrote, with the file's number.
fn native(path: &str, inode: u64, sha256: &[u8]) -> EventKind {
    EventKind::FileHashed(FileHashed {
        path: path.into(),
        sha256: sha256.to_vec(),
        identity: Some(FileIdentity {
            inode,
            ..FileIdentity::default()
        }),
        has_changed: false,
        native: NativeCode::Library.into(),
    })
}

#[test]
fn native_code_needs_no_execution() {
    let written = || {
        let story = story().runs(10, "npm i").connects(10, 443).answered();
        story.identified(10, FileAction::Written, "/d/new/a.node", 7)
    };
    assert_eq!(written().reported(), [] as [String; 0]);
    let read = written().add(10, native("/d/new/a.node", 7, &[1]));
    assert_eq!(read.reported(), ["/d/new/a.node 10 0 0 0"]);
    // The directory gets another name before or after the look: one row, at the last path.
    let moved = |story: Story| {
        story
            .of_files(10, FileAction::Removed, "/d/new", true)
            .of_files(10, FileAction::Renamed, "/d/kept", true)
    };
    assert_eq!(moved(read).reported(), ["/d/kept/a.node 10 0 0 0"]);
    let late = moved(written()).add(10, native("/d/kept/a.node", 7, &[1]));
    assert_eq!(late.reported(), ["/d/kept/a.node 10 0 0 0"]);
    // Its content is known, unless it could not be read; another writer changes it.
    let content = |story: &Story| story.model().downloads()[0].content.clone();
    assert!(content(&late).is_some_and(|it| it.sha256 == [1] && !it.has_changed));
    let overwritten = late
        .runs(20, "sh")
        .file(20, FileAction::Written, "/d/kept/a.node");
    assert!(content(&overwritten).is_some_and(|it| it.has_changed));
    let unread = written().add(10, native("/d/new/a.node", 7, &[]));
    assert_eq!(content(&unread), None);
}

#[test]
fn native_code_of_a_relative_is_that_of_scripts_only() {
    for (line, is_it) in [
        ("/usr/bin/python3.11 x", true),
        ("node unpack.js", true),
        ("tar x", true),
        ("/usr/bin/ld -o a.so", false),
        ("cp b a.so", false),
    ] {
        let story = story().gets("/d/archive").runs(20, line);
        let story = story.add(20, native("/d/a.so", 7, &[1]));
        let expected = if is_it {
            &["/d/a.so 10 20 0 0"][..]
        } else {
            &[]
        };
        assert_eq!(story.reported(), expected, "{line}");
    }
    let alone = story()
        .runs(20, "node x")
        .add(20, native("/d/a.so", 7, &[1]));
    assert_eq!(alone.reported(), [] as [String; 0]);
}
