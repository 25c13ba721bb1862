//! Subjects in, trees and reasons out; files in, errors with their places out.

mod errors;

use proptest::prelude::*;

use super::*;

/// `exe | argv, words | user | unit`; the last three may be missing.
fn find(rules: &RuleSet, subject: &str) -> String {
    let mut parts = subject.split('|').map(str::trim);
    let exe = parts.next().unwrap_or_default().as_bytes();
    let argv: Vec<Vec<u8>> = parts
        .next()
        .unwrap_or_default()
        .split(", ")
        .filter(|word| !word.is_empty())
        .map(|word| word.as_bytes().to_vec())
        .collect();
    let mut name = || {
        parts
            .next()
            .filter(|name| !name.is_empty())
            .map(str::as_bytes)
    };
    let (user, unit) = (name(), name());
    let subject = Subject {
        exe,
        filename: exe,
        argv: &argv,
        user,
        unit,
    };
    rules.find(&subject).map_or_else(
        || "-".into(),
        |found| format!("{} <- {}", found.tree, found.because),
    )
}

fn rules(text: &str) -> RuleSet {
    let mut rules = RuleSet::empty();
    rules.add("t", text).expect("the test's rules are right");
    rules
}

#[test]
fn the_built_in_files_parse() {
    let mut rules = RuleSet::empty();
    for (name, text) in BUILT_IN {
        assert_eq!(rules.add(name, text), Ok(()));
    }
    let names: Vec<&str> = rules.tree_names().collect();
    assert_eq!(
        names,
        [
            "omi",
            "omsagent",
            "omsconfig",
            "scx",
            "azure-monitor-agent",
            "auoms",
            "lad",
            "waagent"
        ]
    );
    assert_eq!(
        rules.description("scx"),
        Some("System Center Cross Platform providers")
    );
}

#[test]
fn the_built_in_rules_name_the_daemons_and_nothing_else() {
    let rules = RuleSet::built_in();
    for line in [
        "/opt/omi/bin/omiserver | /opt/omi/bin/omiserver, -d | root => omi",
        "/opt/omi/bin/omiserver | omiserver, --configfile=/etc/x, -d => omi",
        "/opt/omi/bin/omiengine | omiengine, -d, --logfilefd, 3 | omi => omi",
        "/opt/omi/bin/omiagent | omiagent, 9, 10, --destdir, / | omsagent | omid.service => omi",
        "/usr/bin/dash | /bin/sh, /opt/omi/bin/support/installssllinks | root | omid.service => \
         omi",
        // A daemon of another unit that is in omi's: its program is more specific than its unit.
        "/opt/microsoft/omsagent/ruby/bin/ruby | ruby, /opt/microsoft/omsagent/bin/omsagent | \
         omsagent | omid.service => omsagent",
        "/opt/microsoft/omsagent/ruby/bin/ruby | /opt/microsoft/omsagent/ruby/bin/ruby, \
         /opt/microsoft/omsagent/bin/omsagent, -d, x.pid, --no-supervisor | omsagent => omsagent",
        "/usr/bin/sudo | sudo, tailfilereader.rb | root | omsagent-0a1b-2c.service => omsagent",
        "/opt/microsoft/omsconfig/bin/OMSConsistencyInvoker | x | omsagent | cron.service => \
         omsconfig",
        "/usr/bin/dash | /bin/sh, -c, /opt/omi/bin/OMSConsistencyInvoker >/dev/null 2>&1 | \
         omsagent | cron.service => omsconfig",
        "/opt/microsoft/scx/bin/scxlogfilereader | scxlogfilereader, -p | root | omid.service => \
         scx",
        "/opt/microsoft/azuremonitoragent/bin/mdsd | mdsd, -A => azure-monitor-agent",
        "/opt/microsoft/azuremonitoragent/bin/fluent-bit | x => azure-monitor-agent",
        "/usr/bin/python3.10 | python3, \
         /var/lib/waagent/Microsoft.Azure.Monitor.AzureMonitorLinuxAgent-1.37.1/agent.py, \
         -metrics | root | walinuxagent.service => azure-monitor-agent",
        "/usr/bin/sh | sh | root | metrics-extension.service => azure-monitor-agent",
        "/opt/microsoft/omsagent/ruby/bin/ruby | ruby, \
         /opt/microsoft/omsagent/bin/omsagent-0a1b-2c, -d, x.pid | omsagent => omsagent",
        "/usr/bin/python3.10 | python3, \
         /var/lib/waagent/Microsoft.Azure.Monitor.AzureMonitorLinuxAgent-1.37.1/agent.py, \
         -transformconfig | root | walinuxagent.service => azure-monitor-agent",
        "/opt/microsoft/azuremonitoragent/bin/astextension/lib/probe | x | root => \
         azure-monitor-agent",
        "/usr/bin/sh | sh | root | azureotelcollector.service => azure-monitor-agent",
        "/usr/bin/sh | sh | root | azureotelcollector-watcher.service => azure-monitor-agent",
        "/usr/bin/sh | sh | root | azureotelcollector-watcher.path => azure-monitor-agent",
        "/opt/microsoft/auoms/bin/auoms | auoms | root => auoms",
        "/opt/microsoft/auoms/bin/auomscollect | auomscollect | root | auditd.service => auoms",
        "/usr/bin/sh | sh | root | auoms.service => auoms",
        "/usr/local/lad/bin/mdsd | mdsd, -A | root => lad",
        "/usr/local/lad/bin/telegraf | telegraf | root | metrics-sourcer-lad.service => lad",
        "/usr/bin/sh | sh | root | metrics-extension-lad.service => lad",
        "/usr/bin/sh | sh | root | mdsd-lde.service => lad",
        "/usr/bin/python3.10 | /usr/bin/python3, -u, /usr/sbin/waagent, -daemon | root => waagent",
        "/usr/libexec/platform-python3.6 | python3, -u, bin/WALinuxAgent-2.11.1.4-py3.9.egg, \
         -run-exthandlers => waagent",
        "/usr/bin/systemd-run | systemd-run, --scope | root | walinuxagent.service => waagent",
        // Commands of installers and people.
        "/usr/bin/sh | sh | root | metrics-extension-otlp.service => -",
        "/opt/microsoft/auoms/bin/auomsctl | auomsctl, status | root => -",
        "/usr/bin/ln | ln, -s, omsagent, /opt/microsoft/omsagent/bin/omsagent-0a1b-2c | root => -",
        "/opt/omi/bin/omiserver | /opt/omi/bin/omiserver, --version | root => -",
        "/opt/omi/bin/omicli | omicli, ei, root/scx, SCX_Agent | root => -",
        "/usr/bin/dash | /bin/sh, /opt/omi/bin/service_control, restart | root => -",
        "/usr/bin/dash | sh, /opt/microsoft/omsagent/bin/omsadmin.sh, -w, x | root => -",
        "/opt/microsoft/omsagent/ruby/bin/ruby | ruby, /opt/microsoft/omsagent/bin/auth_key.rb | \
         root => -",
        "/opt/microsoft/omsagent/ruby/bin/ruby | ruby, \
         /opt/microsoft/omsagent/plugin/agent_maintenance_script.rb | omsagent => -",
        "/usr/bin/chown | chown, omsagent, /opt/microsoft/omsagent/bin/omsagent | root => -",
        "/usr/bin/python2.7 | python, /opt/microsoft/omsconfig/Scripts/InstallModule.py, \
         nx_1.0.zip, 0 | omsagent => -",
        "/opt/dsc/bin/dsc_host | dsc_host, /opt/dsc/output, GetConfiguration | omsagent => -",
        "/usr/bin/dash | sh, -c, echo '*/15 * * * * omsagent /opt/omi/bin/OMSConsistencyInvoker' \
         | root => -",
        "/usr/bin/rm | rm, -f, /opt/omi/bin/OMSConsistencyInvoker | root => -",
        "/usr/bin/python3.10 | python3, /usr/sbin/waagent, -deprovision | root => -",
        "/usr/bin/systemctl | systemctl, start, omid | root | session-3.scope => -",
        "/opt/omi/bin/omiserver (deleted) | omiserver, -d | root => -",
        " => -",
    ] {
        let (subject, tree) = line.split_once(" => ").expect("subject => tree");
        let found = find(&rules, subject);
        assert_eq!(found.split(' ').next(), Some(tree), "{subject}: {found}");
    }
}

#[test]
fn a_reason_names_the_rule_as_written() {
    let built_in = RuleSet::built_in();
    assert_eq!(
        find(&built_in, "/opt/omi/bin/omiserver | omiserver, -d"),
        "omi <- rule omi of azure-monitor: exe /opt/omi/bin/omiserver, argv -d"
    );
    assert_eq!(
        find(&built_in, "/x | /usr/sbin/waagent, -daemon"),
        "waagent <- rule waagent of azure-monitor: argv */waagent, argv -daemon"
    );
    let mine =
        rules("[[tree]]\nname='a'\n[[tree.match]]\nexe='/b*'\nfilename='/b'\nuser='u'\nunit='*'");
    assert_eq!(
        find(&mine, "/b | x | u | v"),
        "a <- rule a of t: exe /b*, filename /b, user u, unit *"
    );
    assert_eq!(
        find(&mine, "/b | x | u"),
        "-",
        "a field that is unknown does not match"
    );
}

#[test]
fn the_most_specific_matcher_wins() {
    let tree =
        |name: &str, fields: &str| format!("[[tree]]\nname = '{name}'\n[[tree.match]]\n{fields}\n");
    for (first, second, subject, winner) in [
        // More globs, though shorter ones and earlier.
        (
            "exe = '**'\nuser = '*'",
            "exe = '/opt/a/b/c'",
            "/opt/a/b/c | x | u",
            "1",
        ),
        (
            "argv = ['*', '?']",
            "argv = '-daemon*'",
            "/x | -daemon, y",
            "1",
        ),
        // More literal characters.
        ("exe = '/opt/a/*'", "exe = '/opt/**'", "/opt/a/b", "1"),
        ("exe = '/opt/a/b'", "exe = '/opt/a/?'", "/opt/a/b", "1"),
        ("unit = 'é*'", "unit = '?*'", "/x | x | | é.service", "1"),
        // A class counts for nothing, an escaped character for itself.
        ("unit = '\\a*'", "unit = '[abcdef]*'", "/x | x | | a", "1"),
        // Equals: the later.
        ("exe = '/opt/a/*'", "exe = '/opt/*/b'", "/opt/a/b", "2"),
        ("exe = '/opt/a'", "exe = '/opt/a'", "/opt/a", "2"),
        // Two characters each.
        ("unit = 'ab'", "exe = '/a'", "/a | x | | ab", "2"),
    ] {
        let one = tree("1", first);
        let two = tree("2", second);
        let found = find(&rules(&format!("{one}{two}")), subject);
        assert_eq!(found.get(..1), Some(winner), "{first} / {second}: {found}");
        let mut files = rules(&one);
        files.add("mine", &two).expect("right");
        let found = find(&files, subject);
        assert_eq!(
            found.get(..1),
            Some(winner),
            "{first} / {second} in two files: {found}"
        );
    }
    let mut mine = RuleSet::built_in();
    mine.add("mine", &tree("cim", "unit = 'omid.service'"))
        .expect("right");
    assert_eq!(
        find(&mine, "/x | x | u | omid.service"),
        "cim <- rule cim of mine: unit omid.service"
    );
}

#[test]
fn globs_match_as_documented() {
    use crate::glob::{Glob, Scope};
    let glob = |written, scope| Glob::new(written, scope).expect("a right glob");
    for (written, text, path, other) in [
        ("/a/*", "/a/b", true, true),
        ("/a/*", "/a/b/c", false, true),
        ("/a/*", "/a/", true, true),
        ("/a/**", "/a/b/c", true, true),
        ("/a/**/c", "/a/c", true, false),
        ("/a/**/c", "/a/b/b/c", true, true),
        ("/a/**/c", "/a/bc", false, false),
        ("**/c", "/a/b/c", true, true),
        ("**/c", "c", true, false),
        ("**/*.py", "/a/b/x.py", true, true),
        ("**a*b", "/ax/ab", true, true),
        ("*/**/*b", "x/y/z/ab", true, true),
        ("*a*/b", "xaya/b", true, true),
        ("/?", "//", false, true),
        ("/[!a]", "//", false, true),
        ("/[a-c]", "/b", true, true),
        ("[]-]", "]", true, true),
        ("[]-]", "-", true, true),
        ("[^a]", "a", false, false),
        (r"\*\[", "*[", true, true),
        ("a*a*a*b", "aaaaaaaaaaaaaa", false, false),
        ("*", "", true, true),
        ("é?", "éx", true, true),
    ] {
        assert_eq!(
            glob(written, Scope::Path).matches(text.as_bytes()),
            path,
            "path {written} {text}"
        );
        assert_eq!(
            glob(written, Scope::Text).matches(text.as_bytes()),
            other,
            "text {written} {text}"
        );
    }
    assert!(
        glob("/a/*", Scope::Path).matches(b"/a/\xff\n\x1b"),
        "bytes, not characters"
    );
}

#[test]
fn the_sources_give_the_same_set_again() {
    let mut rules = RuleSet::built_in();
    rules
        .add("mine", "[[tree]]\nname='omi'\n[[tree.match]]\nexe='/x'")
        .expect("right");
    let mut again = RuleSet::empty();
    for (name, text) in rules.sources() {
        again.add(name, text).expect("read before");
    }
    assert_eq!(format!("{:?}", again.rules), format!("{:?}", rules.rules));
    assert_eq!(again.tree_names().filter(|name| *name == "omi").count(), 1);
}

/// `*`, `**` and `**/` the slow and obvious way; `starts` where a component of the path may begin.
fn slow(glob: &[u8], starts: bool, text: &[u8]) -> bool {
    let stars = glob.iter().take_while(|byte| **byte == b'*').count();
    let rest = &glob[stars..];
    let mut cuts = 0..=text.len();
    match (stars, rest) {
        (0, []) => text.is_empty(),
        (0, [byte, rest @ ..]) => {
            text.first() == Some(byte) && slow(rest, *byte == b'/', &text[1..])
        }
        (1, _) => cuts
            .take_while(|at| !text[..*at].contains(&b'/'))
            .any(|at| slow(rest, false, &text[at..])),
        (_, [b'/', rest @ ..]) if starts => cuts
            .filter(|at| *at == 0 || text[at - 1] == b'/')
            .any(|at| slow(rest, true, &text[at..])),
        (_, _) => cuts.any(|at| slow(rest, false, &text[at..])),
    }
}

proptest! {
    #[test]
    fn no_text_panics(
        text in "\\PC{0,200}",
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut rules = RuleSet::empty();
        let _ = rules.add("t", &text);
        let _ = rules.add("t", &String::from_utf8_lossy(&bytes));
        let file = format!("[[tree]]\nname='a'\n[[tree.match]]\nexe = '''{text}'''");
        let _ = rules.add("t", &file);
    }

    #[test]
    fn no_mix_of_words_panics(words in proptest::collection::vec(
        prop::sample::select(vec![
            "[[tree]]", "[[tree.match]]", "[tree]", "[tree.match]", "name", "match", "exe",
             "argv", " = ", "=", "'a'",
            "\"/[*\"", "[", "]", "{", "}", ",", "\n", "1", "é", "#", ".", "'''", "\\",
             "\u{feff}", "\r", "1979-05-27",
        ]), 0..40,
    )) {
        let text: String = words.concat();
        let mut rules = RuleSet::empty();
        if let Err(error) = rules.add("t", &text) {
            prop_assert!(error.line <= text.lines().count() + 1);
        }
    }

    #[test]
    fn stars_match_as_the_obvious_way_does(glob in "[ab/*]{1,8}", text in "[ab/]{0,10}") {
        let fast = Glob::new(&glob, Scope::Path).expect("no syntax to get wrong");
        let expected = slow(glob.as_bytes(), true, text.as_bytes());
        prop_assert_eq!(fast.matches(text.as_bytes()), expected, "{} {}", glob, text);
    }
}
