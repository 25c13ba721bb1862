//! Tests policies as their authors write them: conditions, errors and additions.

use super::{Act, header, observe};
use crate::{
    event::Protocol,
    findings::{Destination, Host},
    policy::{
        Comparison, Finding, Mark, Outcome, Policy, Side, Verdict, Why, Wish, add, check, compare,
        learn, new_policy,
    },
};

fn policy(text: &str) -> Policy {
    Policy::parse("p.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

/// Checks one act against a policy that requires little.
fn findings(text: &str, act: &Act) -> Vec<String> {
    let policy = policy(text);
    let wish = Wish {
        parties: policy.asks_for_processes(),
        system: policy.system,
    };
    let observations = [observe(std::slice::from_ref(act), &header(), wish)];
    let verdict: Verdict<'_> = check(&policy, &observations, None);
    let findings = verdict.findings.iter();
    let why = |why: &Why| match why {
        Why::New(_) => "new".to_owned(),
        Why::Denied(line, ..) => format!("denied {line}"),
        Why::Expired(line, ..) => format!("expired {line}"),
    };
    findings.map(|finding| why(&finding.why)).collect()
}

fn connect(port: u16, name: Option<&str>) -> Act {
    Act::Connect([10, 0, 0, 1], port, false, name.map(str::to_owned))
}

#[test]
fn destinations() {
    let named = connect(443, Some("api.example"));
    let nameless = connect(443, None);
    for (rule, act, is_allowed) in [
        ("destination = \"api.example:443\"", &named, true),
        ("destination = \"API.example\"", &named, true),
        ("destination = \"*.example:443\"", &named, true),
        ("destination = \"api.example:80\"", &named, false),
        ("destination = \"api.example:443/udp\"", &named, false),
        (
            "destination = \"api.example:443\"\nprotocol = \"udp\"",
            &named,
            false,
        ),
        (
            "destination = \"api.example\"\nport = [80, \"440-449\"]",
            &named,
            true,
        ),
        // Two hosts behind one front share an address.
        ("destination = \"10.0.0.1:443\"", &named, false),
        ("destination = \"10.0.0.0/8\"", &named, false),
        ("destination = \"10.0.0.0/8:443\"", &nameless, true),
        ("destination = \"10.0.0.*:443\"", &nameless, true),
        ("destination = \"11.0.0.0/8\"", &nameless, false),
        ("destination = \"tag:Azure*:443\"", &nameless, false),
        (
            "destination = \"api.example:443\"\ntree = \"omi\"",
            &named,
            false,
        ),
        (
            "destination = \"api.example:443\"\nuser = \"0\"",
            &named,
            true,
        ),
        (
            "destination = \"api.example:443\"\nprocess = \"wget\"",
            &named,
            false,
        ),
        (
            "destination = \"api.example:443\"\nunit = \"*\"",
            &named,
            false,
        ),
    ] {
        let found = findings(&format!("[[allow]]\n{rule}\n"), act);
        assert_eq!(found.is_empty(), is_allowed, "{rule}: {found:?}");
    }
}

#[test]
fn a_file_elsewhere_needs_no_directory() {
    let act = |name: &str| Act::Elsewhere(format!("/root/{name}").into_bytes());
    let good = [observe(&[act("a")], &header(), Wish::default())];
    let text = new_policy(&good, &learn(&good), false);
    let learned = policy(&text);
    assert_eq!(check(&learned, &good, None).outcome, Outcome::Conforms);
    // Changes elsewhere were seen, so it is enough that this one was not there.
    let both = [observe(&[act("a"), act("b")], &header(), Wish::default())];
    let verdict = check(&learned, &both, None);
    assert_eq!(verdict.outcome, Outcome::Findings, "{:?}", verdict.blind);
    assert_eq!(verdict.findings.len(), 1);
    let none = [observe(&[], &header(), Wish::default())];
    assert_eq!(check(&learned, &none, None).outcome, Outcome::Conforms);
    let blind = [observe(&[Act::NotElsewhere], &header(), Wish::default())];
    assert_eq!(check(&learned, &blind, None).outcome, Outcome::Incomplete);
    // A deny is certain of compared directories only.
    let deny = format!("{text}\n[[deny]]\nchange = \"file\"\nname = \"/root/x\"\n");
    let verdict = check(&policy(&deny), &both, None).outcome;
    assert_eq!(verdict, Outcome::Incomplete);
}

#[test]
fn a_folded_directory_is_a_finding_until_it_is_allowed() {
    let good = [observe(&[], &header(), Wish::default())];
    let learned = policy(&new_policy(&good, &learn(&good), false));
    let many = [observe(
        &[Act::Folded(b"/srv".to_vec())],
        &header(),
        Wish::default(),
    )];
    let verdict = check(&learned, &many, None);
    assert_eq!(verdict.outcome, Outcome::Findings, "{:?}", verdict.blind);
    let first = verdict.findings.first().and_then(Finding::first);
    assert_eq!(
        first.map(|item| item.name.as_slice()),
        Some(&b"/srv/**"[..])
    );
    assert_eq!(verdict.findings.len(), 1);
    let allowed = policy(&new_policy(&many, &learn(&many), false));
    assert_eq!(check(&allowed, &many, None).outcome, Outcome::Conforms);
}

#[test]
fn rows_are_marked_against_another_recording() {
    let of = |acts: &[Act]| observe(acts, &header(), Wish::default());
    let before = of(&[
        Act::Exec(b"/usr/bin/a".to_vec(), 0),
        Act::Exec(b"/usr/bin/b".to_vec(), 0),
        Act::Exec(b"/usr/bin/gone".to_vec(), 0),
    ]);
    let after = of(&[
        Act::Exec(b"/usr/bin/a".to_vec(), 0),
        Act::Exec(b"/usr/bin/b".to_vec(), 1),
        connect(443, Some("api.example")),
    ]);
    let compared = compare(&before, &after);
    let states: Vec<(Side, &str, bool)> = compared
        .differences
        .iter()
        .map(|one| (one.side, one.name.as_str(), one.is_changed))
        .collect();
    assert_eq!(
        states,
        [
            (Side::Before, "/usr/bin/b", true),
            (Side::After, "/usr/bin/b", true),
            (Side::Before, "/usr/bin/gone", false),
            (Side::After, "api.example:443", false),
        ]
    );
    let named = Destination {
        host: Host::Named("API.example".into()),
        port: 443,
        protocol: Protocol::Tcp,
        through: None,
        is_socks: false,
        network_namespace: 0,
    };
    let mark = |comparison: &Comparison<'_>| comparison.marks.of_destination(&named);
    assert_eq!(mark(&compared), Some(Mark::New));
    assert_eq!(mark(&compare(&after, &after)), Some(Mark::Same));
    assert_eq!(mark(&compare(&after, &before)), None);
    // What the other one could not see is not new.
    let mut blind = header();
    blind.plan.retain(|entry| entry.fact != "connect");
    let blind = observe(&[], &blind, Wish::default());
    assert_eq!(mark(&compare(&blind, &after)), Some(Mark::Unknown));
}

#[test]
fn a_deny_goes_before_every_allow() {
    let allow = "[[allow]]\ndestination = \"*\"\n";
    let named = connect(443, Some("api.example"));
    for rule in [
        "destination = \"api.example\"",
        "destination = \"api.example:443\"",
        // By address too, whatever its name.
        "destination = \"10.0.0.0/8\"",
        "destination = \"10.0.0.1\"",
        "destination = \"*\"\ntree = \"command\"",
    ] {
        let found = findings(&format!("{allow}[[deny]]\n{rule}\n"), &named);
        assert_eq!(found, ["denied 4"], "{rule}");
    }
    let other = findings(
        &format!("{allow}[[deny]]\ndestination = \"b.example\"\n"),
        &named,
    );
    assert!(other.is_empty());
    // QUIC to a denied port is denied, too.
    let quic = Act::Connect([10, 0, 0, 1], 443, true, Some("api.example".to_owned()));
    let deny = format!("{allow}[[deny]]\ndestination = \"api.example:443\"\n");
    assert_eq!(findings(&deny, &quic), ["denied 4"]);
}

#[test]
fn attention_has_to_be_allowed_by_name() {
    let setuid = Act::File(b"/opt/a/b".to_vec(), false, true, 0o104_755);
    let plain = Act::File(b"/opt/a/b".to_vec(), false, true, 0o100_755);
    let allow = "[[allow]]\nchange = \"file\"\nname = \"/opt/**\"\n";
    assert!(findings(allow, &plain).is_empty());
    assert_eq!(findings(allow, &setuid), ["new"]);
    assert!(findings(&format!("{allow}attention = \"setuid\"\n"), &setuid).is_empty());
    assert!(findings(&format!("{allow}attention = true\n"), &setuid).is_empty());
    assert_eq!(
        findings(&format!("{allow}attention = \"setgid\"\n"), &setuid),
        ["new"]
    );
    let deny = "[[allow]]\nchange = \"file\"\nattention = true\n[[deny]]\nchange = \"file\"\n";
    assert_eq!(findings(deny, &setuid), ["denied 5"]);
    // Its author is unknown, so it may be the one of the rule.
    assert_eq!(
        findings(&format!("{deny}tree = \"omi\"\n"), &setuid),
        ["denied 5"]
    );
}

#[test]
fn a_passed_date_is_a_finding() {
    let act = connect(443, Some("a.example"));
    let text = "[[allow]]\ndestination = \"a.example:443\"\nexpires = ";
    // The recording began in 1970.
    assert!(findings(&format!("{text}1970-01-01"), &act).is_empty());
    assert!(findings(&format!("{text}\"2999-01-01\""), &act).is_empty());
    assert_eq!(findings(&format!("{text}1969-12-31"), &act), ["expired 2"]);
}

#[test]
fn errors_have_a_place() {
    for (text, place, message) in [
        (
            "[[allow]]\ndestinaton = \"x\"\n",
            "2:1",
            "did you mean `destination`",
        ),
        (
            "[[allow]]\ntree = \"x\"\n",
            "1:1",
            "a rule without a subject",
        ),
        ("[[allow]]\nprogram = \"wget\"\n", "2:11", "can never match"),
        (
            "[[allow]]\nprogram = \"/a\"\nlistener = \"*\"\n",
            "3:1",
            "a second subject",
        ),
        (
            "[[allow]]\nprogram = \"/a\"\nport = 1\n",
            "3:1",
            "a program has no `port`",
        ),
        (
            "[[allow]]\ndestination = \"x\"\nport = 70000\n",
            "3:8",
            "not a port",
        ),
        (
            "[[allow]]\nchange = \"fil\"\n",
            "2:10",
            "did you mean `file`",
        ),
        (
            "[[allow]]\nchange = \"listener\"\n",
            "2:10",
            "a subject of its own",
        ),
        (
            "[[allow]]\nchange = \"file\"\nname = \"etc/x\"\n",
            "3:8",
            "can never match",
        ),
        ("[[allow]]\nprogram = \"/a[\"\n", "2:11", "`[` without `]`"),
        ("[[allow]]\nprogram = []\n", "2:11", "an empty list"),
        (
            "[[allow]]\nprogram = \"/a\"\nexpires = \"soon\"\n",
            "3:11",
            "not a date",
        ),
        ("[require]\ncomplete = false\n", "2:12", "never conforms"),
        (
            "[require]\nfacts = [\"exe\"]\n",
            "2:10",
            "did you mean `exec`",
        ),
        ("[require]\nroots = [\"etc\"]\n", "2:10", "not a whole path"),
        ("allow = 3\n", "1:9", "an array of tables"),
        (
            "allow = []\n[[allow]]\nprogram = \"/a\"\n",
            "2:3",
            "between the brackets",
        ),
        ("[[allow]\n", "1:9", ""),
    ] {
        let error = Policy::parse("p.toml", text).expect_err(text).to_string();
        assert!(error.starts_with("p.toml:"), "{error}");
        assert!(error.contains(message), "{text}: {error}");
        assert!(
            error.starts_with(&format!("p.toml:{place}:")),
            "{text}: {error}"
        );
    }
}

#[test]
fn additions_keep_comments() {
    let observations = [observe(
        &[connect(443, Some("a.example"))],
        &header(),
        Wish::default(),
    )];
    let drafts = learn(&observations);
    let tables = "# ours\n[[allow]]\nprogram = \"/a\" # why\n\n[require]\n# all\nfacts = []\n";
    let added = add(tables, &drafts).expect("an addition");
    for kept in ["# ours\n", "\"/a\" # why", "# all\n"] {
        assert!(added.contains(kept), "{added}");
    }
    assert_eq!(policy(&added).allow.len(), 2);
    let array = "allow = [ # ours\n    { program = \"/a\" }, # why\n    # last\n]\n\n[require]\n";
    let added = add(array, &drafts).expect("an addition");
    for kept in ["# ours\n", "# why", "# last\n"] {
        assert!(added.contains(kept), "{added}");
    }
    assert_eq!(policy(&added).allow.len(), 2);
    assert_eq!(
        policy(&add("", &drafts).expect("an addition")).allow.len(),
        1
    );
    assert!(add("allow = 3\n", &drafts).is_err());
}

#[test]
fn a_trace_without_service_tags_cannot_satisfy_a_tag() {
    let policy = policy("[[deny]]\ndestination = \"tag:Storage\"\n");
    let observations = [observe(&[connect(443, None)], &header(), Wish::default())];
    let verdict = check(&policy, &observations, None);
    assert_eq!(verdict.outcome, Outcome::Incomplete);
}
