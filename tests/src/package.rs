//! Installs and removes real packages with all their dependencies. The file rows of `changes` are
//! compared with find(1) before and after, and authors with dpkg's lists and strace(1). They use
//! the machine's own system, under a layer of memory.

mod acts;
mod changed;
mod stage;

use std::{collections::BTreeSet, ffi::OsString, fs, sync::OnceLock};

use serde_json::Value;

use crate::harness::{Test, live, words};
use acts::{Links, acts, watched};
use changed::Changed;
use stage::{DAEMONS, FIRST, SECOND, possible, stage};
pub(crate) use stage::{Stage, bare_stage, clean_stage, is_bare_stage_possible};

pub(crate) fn tests() -> Vec<Test> {
    let on_stage = |test: Test| {
        test.needs("apt-get")
            .only_where(
                || std::env::var_os("TRACER_TESTS_SLOW").is_none(),
                "an emulated machine has no archive to fetch packages from",
            )
            .prepared(possible)
    };
    vec![
        on_stage(live!(an_installed_package_is_reported_file_by_file)),
        on_stage(live!(the_author_is_the_last_writer_in_strace)).needs("strace"),
        on_stage(live!(six_daemons_are_reported_wherever_their_files_are)),
        live!(packages_of_two_installers_at_once_are_of_their_own)
            .needs("apt-get")
            .prepared(is_bare_stage_possible),
    ]
}

/// Least share of files with an observed author, where the file system can be watched as a whole.
const SEEN: f64 = 0.99;

/// Directories of apt-get's own state.
const APT: [&str; 3] = ["/var/cache/apt/", "/var/lib/apt/", "/var/log/apt/"];

/// Checks that enough authors were seen; all others have to be marked.
#[track_caller]
fn most_were_recorded<'a>(is_whole: bool, rows: impl Iterator<Item = &'a Value>) {
    let (mut seen, mut all) = (0.0, 0.0);
    for row in rows {
        all += 1.0;
        seen += f64::from(was_recorded(row));
    }
    println!("{seen} of {all} authors were seen");
    assert!(!is_whole || seen >= all * SEEN, "{seen} of {all}");
}

/// Checks whether a row has an observed, not inferred, author.
fn was_recorded(row: &Value) -> bool {
    row["process"].is_object() && row["inferred"] == false
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

fn install(package: &'static str) -> Vec<OsString> {
    let mut line = words(["apt-get", "install", "-y", "--no-install-recommends"]);
    line.push(package.into());
    line
}

/// Since Linux 6.13 an overlay, too, reports the handle of a removed directory, which names the
/// files in it.
fn reports_removed_files() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("this kernel's release");
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|number| number.parse().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(13))
}

/// The first package.
struct First {
    changed: Changed,
    /// Files in the lists of the unpacked packages: dpkg's work.
    unpacked: BTreeSet<Vec<u8>>,
}

/// Its installation, recorded once.
fn first(stage: &Stage) -> &'static First {
    static FIRST_OF_ALL: OnceLock<First> = OnceLock::new();
    FIRST_OF_ALL.get_or_init(|| {
        let changed = Changed::by(stage, install(FIRST));
        let links = Links::of([&changed.before, &changed.after]);
        let is_list = |path: &&Vec<u8>| {
            path.starts_with(b"/var/lib/dpkg/info/")
                && path.ends_with(b".list")
                && changed.before.get(*path) != changed.after.get(*path)
        };
        let lists = changed.after.keys().filter(is_list);
        let mut unpacked = BTreeSet::new();
        for list in lists {
            let listed = stage.call(["cat", &String::from_utf8_lossy(list)]);
            let paths = listed.split(|byte| *byte == b'\n');
            unpacked.extend(paths.map(|path| links.followed(path)));
        }
        First { changed, unpacked }
    })
}

fn an_installed_package_is_reported_file_by_file() {
    let stage = stage();
    let First { changed, unpacked } = first(&stage);
    let rows = changed.rows(&stage);
    most_were_recorded(stage.is_whole, rows.values().copied());
    let (mut by_dpkg, mut by_apt, mut by_scripts) = (0, 0, 0);
    for (path, row) in rows.iter().filter(|(_, row)| was_recorded(row)) {
        assert_eq!(row["tree"], "command", "{row}");
        let author = text(&row["process"], "name");
        let is_below = |place: &str| path.starts_with(place.as_bytes());
        let is_file = |path: &[u8]| changed.after.get(path).is_some_and(|it| it.kind != b'd');
        if is_file(path) && unpacked.contains(*path) || is_below("/var/lib/dpkg/info/") {
            assert_eq!(author, "dpkg", "{row}");
            by_dpkg += 1;
        } else if APT.into_iter().any(is_below) {
            assert!(author.starts_with("apt"), "{row}");
            by_apt += 1;
        } else {
            // Directories, and the work of package scripts.
            assert!(changed.is_within(&row["process"], "dpkg"), "{row}");
            by_scripts += u64::from(author != "dpkg");
        }
    }
    println!("{by_dpkg} unpacked by dpkg, {by_apt} by apt, {by_scripts} by what packages run");
    assert!(by_dpkg >= 50 && by_apt >= 1 && by_scripts >= 5);

    // Rows that are not files: their author made the entry; helpers that ran or looked something up
    // do not count.
    let entries = [
        ("package", "dpkg"),
        ("user", "useradd"),
        ("group", "groupadd"),
    ];
    for (kind, author) in entries {
        assert!(changed.of_kind(kind).count() >= 1, "no {kind}");
        let new = changed.of_kind(kind).filter(|row| row["action"] == "new");
        let wrong: Vec<&Value> = new
            .filter(|row| text(&row["process"], "name") != author)
            .collect();
        assert!(wrong.is_empty(), "not {author}: {wrong:#?}");
    }
    let mut packages = changed.of_kind("package");
    assert!(packages.any(|row| text(row, "name").starts_with(FIRST)));
}

fn the_author_is_the_last_writer_in_strace() {
    let stage = stage();
    // The dependencies are removed again now. Unneeded packages stay: the second may stay, and is
    // not fetched.
    let new = first(&stage).changed.of_kind("package");
    let new = new.filter(|row| row["action"] == "new");
    let new: Vec<&str> = new
        .filter_map(|row| text(row, "name").split(':').next())
        .collect();
    let new = new.join(" ");
    let log = stage.path("strace.log");
    let script =
        format!("apt-get purge -y {new} && apt-get install -y --no-install-recommends {SECOND}");
    let changed = Changed::by(&stage, watched(&log, words(["sh", "-c", &script])));
    let acts = acts(&log, [&changed.before, &changed.after]);
    let rows = changed.rows(&stage);
    let is_reported = |row: &&Value| row["action"] != "gone" || reports_removed_files();
    most_were_recorded(stage.is_whole, rows.values().copied().filter(is_reported));
    let mut wrong = Vec::new();
    for (path, row) in rows.iter().filter(|(_, row)| was_recorded(row)) {
        let authors = acts.authors(path, changed.action(path) == "gone");
        let mut authors = authors.iter();
        let is_right = authors.any(|process| {
            // A unit has an author for each of its files.
            let is_named = text(row, "detail").contains(&format!("[{process}]"));
            row["process"]["pid"] == *process || row["kind"] == "service" && is_named
        });
        if !is_right {
            wrong.push(format!("{row}: {:?}", acts.of_path(path)));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}: {wrong:#?}",
        wrong.len(),
        rows.len()
    );
    let count = |action: &str| rows.values().filter(|row| row["action"] == action).count();
    let counts = [count("new"), count("changed"), count("gone")];
    println!("{counts:?} new, changed and gone");
    assert!(counts.iter().all(|count| *count >= 10), "{counts:?}");
}

/// With the usual roots, so that most files are outside of them.
fn six_daemons_are_reported_wherever_their_files_are() {
    let stage = stage();
    if !stage.is_whole {
        println!("skipped: the layer cannot be watched as a whole");
        return;
    }
    let mut line = words(["apt-get", "install", "-y", "--no-install-recommends"]);
    line.extend(DAEMONS.map(OsString::from));
    let changed = Changed::recorded(&stage, stage.usual_recording(line));
    let (rows, mut missing) = changed.everywhere(&stage);
    // An overlay gives a directory another handle when it is first written to, so what is removed
    // with its directory may have no name.
    missing.retain(|path| {
        let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
        changed.after.contains_key(parent.as_bytes())
    });
    assert!(missing.is_empty(), "not reported: {missing:#?}");
    let outside = rows.values().filter(|row| row["before_unknown"] == true);
    let outside: Vec<&&Value> = outside.collect();
    println!(
        "{} rows, {} outside of the roots",
        rows.len(),
        outside.len()
    );
    assert!(outside.len() >= 300, "{}", outside.len());
    most_were_recorded(true, rows.values().copied());
    for row in &outside {
        assert_eq!(row["tree"], "command", "{row}");
        assert!(changed.is_within(&row["process"], "apt-get"), "{row}");
        assert_eq!(row["before"], Value::Null, "{row}");
    }
    // Every file of `dpkg -L` that was not there before.
    let links = Links::of([&changed.before, &changed.after]);
    let mut files = 0;
    let packages = changed.of_kind("package");
    let packages = packages.filter(|row| row["action"] == "new");
    for package in packages.map(|row| text(row, "name")) {
        let listed = stage.call(["dpkg", "-L", package]);
        let paths = listed.split(|byte| *byte == b'\n');
        for path in paths.map(|path| links.followed(path)) {
            let is_file = changed.after.get(&path).is_some_and(|it| it.kind != b'd');
            if !is_file || changed.before.contains_key(&path) {
                continue;
            }
            files += 1;
            let row = rows.get(path.as_slice());
            let row = row.unwrap_or_else(|| panic!("{} is not in it", path.escape_ascii()));
            if row["kind"] != "service" {
                assert_eq!(row["process"]["name"], "dpkg", "{row}");
            }
        }
    }
    println!("{files} files of dpkg -L");
    assert!(files >= 200, "{files}");
    for (kind, author) in [("user", "useradd"), ("group", "groupadd")] {
        let new = changed.of_kind(kind).filter(|row| row["action"] == "new");
        let wrong: Vec<&Value> = new
            .filter(|row| text(&row["process"], "name") != author)
            .collect();
        assert!(wrong.is_empty(), "not {author}: {wrong:#?}");
    }
    // Files with rights of their own, by find(1).
    let found = stage.call(["find", "/", "-xdev", "-perm", "/6000", "-type", "f"]);
    for path in found
        .split(|byte| *byte == b'\n')
        .filter(|path| !path.is_empty())
    {
        if let Some(row) = rows.get(path) {
            assert!(text(row, "attention").starts_with("set"), "{row}");
        }
    }
}

/// Two installers run at once, and one waits for the other's lock. Each package is that of the dpkg
/// below its own installer. The packages are in no list of apt, if apt has lists.
fn packages_of_two_installers_at_once_are_of_their_own() {
    const SCRIPT: &str = "cd /var/tmp
        for name in one two; do
            mkdir -p acme-$name/DEBIAN acme-$name/opt/acme-$name
            printf '%s\\n' \"Package: acme-$name\" 'Version: 1.0' 'Architecture: all' \\
                'Maintainer: Acme <a@acme.example>' 'Description: x' >acme-$name/DEBIAN/control
            printf '#!/bin/sh\\nsleep 0.3\\n' >acme-$name/DEBIAN/postinst
            chmod 755 acme-$name/DEBIAN/postinst
            echo x >acme-$name/opt/acme-$name/file
            dpkg-deb --build acme-$name >/dev/null
        done
        for name in one two; do
            # Not every lock of apt is waited for.
            for try in 1 2 3 4 5; do
                apt-get -o DPkg::Lock::Timeout=60 -y install ./acme-$name.deb && break
                sleep 1
            done >$name.log 2>&1 &
        done
        wait
        cat one.log two.log >&2
        dpkg -s acme-one acme-two >/dev/null";
    let stage = clean_stage();
    let recording = stage.recording(words(["sh", "-c", SCRIPT]));
    let recorded = recording.run();
    let messages = recorded.ended.messages();
    assert_eq!(recorded.ended.code, Some(0), "{messages}");
    let trace = recorded.trace();
    let rows = trace.lives("changes", ["--all"]);
    for name in ["acme-one", "acme-two"] {
        let is_it = |row: &&Value| row["kind"] == "package" && row["name"] == format!("{name}:all");
        let row = rows.iter().find(is_it);
        let row = row.unwrap_or_else(|| panic!("no {name}"));
        assert!(was_recorded(row), "{row}");
        let author = &row["process"];
        assert_eq!(text(author, "name"), "dpkg", "{row}");
        let own = format!("./{name}.deb").into_bytes();
        let is_by_installer = trace.all("exec").any(|event| {
            let argv = event.argv();
            argv.first().is_some_and(|word| word == b"apt-get")
                && argv.contains(&own)
                && author["ppid"] == event.pid()
        });
        assert!(is_by_installer, "{row}");
        let origin = text(row, "origin");
        assert!(
            origin.is_empty() || origin.starts_with("a local file"),
            "{row}"
        );
    }
}
