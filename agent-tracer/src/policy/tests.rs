//! Tests properties of policies on old traces and on random recordings.

mod files;

use std::path::Path;

use proptest::prelude::*;

use super::{
    Blind, Executions, FACTS, Observation, Outcome, Policy, Recording, Why, Wish, check, learn,
    new_policy,
};
use crate::{
    event::{
        Author, CommandEnded, CommandStarted, Compared, Connect, Difference, ElsewhereFile, End,
        EndReason, Event, EventKind, Exec, Existence, Exit, FileDifference, FileState,
        FilesCompared, FilesElsewhere, FoldedDirectory, Fork, Listen, ProcessId, Protocol,
        Subject as List, TlsHello,
    },
    model::{Model, Provenance},
    rules::RuleSet,
    session::{ReplayItem, replay_stream},
    trace::{Header, Mode, PlanEntry},
};

/// Something that a random recording does.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Exec(Vec<u8>, u32),
    Connect([u8; 4], u16, bool, Option<String>),
    Listen([u8; 4], u16),
    File(Vec<u8>, bool, bool, u32),
    Entry(List, Vec<u8>, bool),
    Elsewhere(Vec<u8>),
    /// A directory with too many changes to list.
    Folded(Vec<u8>),
    /// The recording does not look for changes elsewhere.
    NotElsewhere,
}

fn act() -> impl Strategy<Value = Act> {
    let path = prop_oneof![
        "/(usr/bin|usr/sbin|opt/x|opt/x/y|tmp)/[a-d*]{1,2}(-?[0-9.]{0,4})?",
        "/opt/x/(1\\.2|1\\.3)/[ab]",
        "\\PC{0,6}",
    ]
    .prop_map(String::into_bytes);
    let bytes = proptest::collection::vec(any::<u8>(), 0..12);
    let path = prop_oneof![3 => path, 1 => bytes].boxed();
    let name = prop_oneof![
        "[ab]{1,2}\\.example",
        "(10\\.0\\.0\\.1|tag:x|tag|\\*|a/b|a:80|::1|\\[x\\]|[a-f0-9]{17})",
        "\\PC{1,6}",
    ];
    let user = 0..3u32;
    let address = prop_oneof![
        Just([10, 0, 0, 1]),
        Just([10, 0, 0, 2]),
        Just([192, 0, 2, 7])
    ];
    let port = prop_oneof![Just(443u16), Just(80), Just(40000)];
    let list = prop_oneof![
        Just(List::Users),
        Just(List::DebianPackages),
        Just(List::Sysctls),
        Just(List::Mounts),
        Just(List::UnitFiles),
    ];
    let below = "/(etc|opt)/[ab]{1,2}(/[a-h]{1,2}){0,2}".prop_map(String::into_bytes);
    let elsewhere = "/(root|home/u)/[ab]{1,2}(/[a-h]{1,2}){0,2}".prop_map(String::into_bytes);
    let mode = prop_oneof![Just(0o100_644), Just(0o104_755), Just(0o040_755)];
    prop_oneof![
        (path.clone(), user).prop_map(|(path, user)| Act::Exec(path, user)),
        (
            address.clone(),
            port.clone(),
            any::<bool>(),
            proptest::option::of(name)
        )
            .prop_map(|(address, port, is_udp, name)| Act::Connect(address, port, is_udp, name)),
        (address, port).prop_map(|(address, port)| Act::Listen(address, port)),
        (below, any::<bool>(), any::<bool>(), mode)
            .prop_map(|(path, before, after, mode)| Act::File(path, before, after, mode)),
        (list, path, any::<bool>()).prop_map(|(list, name, is_new)| Act::Entry(list, name, is_new)),
        elsewhere.prop_map(Act::Elsewhere),
    ]
}

pub(super) fn header() -> Header {
    Header {
        mode: Mode::Command.into(),
        plan: FACTS
            .iter()
            .map(|fact| PlanEntry {
                fact: (*fact).to_owned(),
                hook: "a hook".to_owned(),
                ..PlanEntry::default()
            })
            .collect(),
        ..Header::default()
    }
}

const COMMAND: ProcessId = ProcessId {
    pid: 4711,
    start_ns: 1,
};

/// Records acts of one command.
pub(super) fn record(acts: &[Act]) -> (Model, Executions) {
    let mut model = Model::new(RuleSet::empty());
    model.set_provenance(Provenance::default());
    let mut executions = Executions::default();
    let mut take = |process: ProcessId, user: u32, kind: EventKind| {
        let event = Event {
            boot_ns: 2,
            process,
            user,
            kind,
        };
        model.apply(&event);
        executions.note(&model, &event);
    };
    take(COMMAND, 0, EventKind::Fork(Fork::default()));
    take(
        COMMAND,
        0,
        EventKind::CommandStarted(CommandStarted::default()),
    );
    let none = ProcessId::default();
    for (number, act) in (1..).zip(acts) {
        match act.clone() {
            Act::Exec(path, user) => {
                let exec = Exec {
                    filename: path.clone(),
                    interpreter: path.clone(),
                    exe: path,
                    ..Exec::default()
                };
                take(COMMAND, user, EventKind::Exec(exec));
            }
            Act::Connect(address, port, is_udp, name) => {
                let protocol = match is_udp {
                    true => Protocol::Udp,
                    false => Protocol::Tcp,
                };
                let connect = Connect {
                    connection: number,
                    remote_address: address.to_vec(),
                    remote_port: port.into(),
                    protocol: protocol.into(),
                    ..Connect::default()
                };
                take(COMMAND, 0, EventKind::Connect(connect));
                if let Some(name) = name {
                    let hello = TlsHello {
                        connection: number,
                        server_name: name,
                        ..TlsHello::default()
                    };
                    take(COMMAND, 0, EventKind::TlsHello(hello));
                }
            }
            Act::Listen(address, port) => {
                let listen = Listen {
                    connection: number,
                    local_address: address.to_vec(),
                    local_port: port.into(),
                    ..Listen::default()
                };
                take(COMMAND, 0, EventKind::Listen(listen));
            }
            Act::File(path, before, after, mode) => {
                let state = |is: bool| {
                    is.then(|| FileState {
                        mode,
                        ..FileState::default()
                    })
                };
                let difference = FileDifference {
                    path,
                    before: state(before),
                    after: state(after),
                };
                let compared = FilesCompared {
                    differences: vec![difference],
                    ..FilesCompared::default()
                };
                take(none, 0, EventKind::FilesCompared(compared));
            }
            Act::NotElsewhere => {}
            Act::Folded(path) => {
                let elsewhere = FilesElsewhere {
                    files: Vec::new(),
                    folded: vec![FoldedDirectory {
                        path,
                        changes: 5000,
                    }],
                };
                take(none, 0, EventKind::FilesElsewhere(elsewhere));
            }
            Act::Elsewhere(path) => {
                let file = ElsewhereFile {
                    path,
                    existed: Existence::Absent.into(),
                    after: Some(FileState {
                        mode: 0o100_644,
                        ..FileState::default()
                    }),
                    wrote: Some(Author {
                        pid: COMMAND.pid,
                        start_ns: COMMAND.start_ns,
                    }),
                    ..ElsewhereFile::default()
                };
                let elsewhere = FilesElsewhere {
                    files: vec![file],
                    ..FilesElsewhere::default()
                };
                take(none, 0, EventKind::FilesElsewhere(elsewhere));
            }
            Act::Entry(list, name, is_new) => {
                let difference = Difference {
                    name,
                    before: (!is_new).then(Vec::new),
                    after: Some(b"0:0".to_vec()),
                    origin: None,
                };
                let compared = Compared {
                    subject: list.into(),
                    differences: vec![difference],
                    ..Compared::default()
                };
                take(none, 0, EventKind::Compared(compared));
            }
        }
    }
    for subject in 1..=10 {
        let compared = Compared {
            subject,
            ..Compared::default()
        };
        take(none, 0, EventKind::Compared(compared));
    }
    let compared = FilesCompared {
        roots: vec![b"/etc".to_vec(), b"/opt".to_vec()],
        ..FilesCompared::default()
    };
    take(none, 0, EventKind::FilesCompared(compared));
    // The recorder writes one even if nothing changed elsewhere.
    if !acts.iter().any(|act| matches!(act, Act::NotElsewhere)) {
        let elsewhere = FilesElsewhere::default();
        take(none, 0, EventKind::FilesElsewhere(elsewhere));
    }
    take(COMMAND, 0, EventKind::Exit(Exit::of(0)));
    take(COMMAND, 0, EventKind::CommandEnded(CommandEnded::default()));
    let end = End {
        reason: EndReason::CommandEnded.into(),
    };
    take(none, 0, EventKind::End(end));
    (model, executions)
}

pub(super) fn observe(acts: &[Act], header: &Header, wish: Wish) -> Observation {
    let (model, executions) = record(acts);
    Observation::of(
        &Recording {
            name: "a.trace".to_owned(),
            header,
            model: &model,
            executions: &executions,
            is_damaged: false,
            missing: Vec::new(),
        },
        wish,
    )
}

fn learned(observations: &[Observation]) -> Policy {
    let text = new_policy(observations, &learn(observations), false);
    Policy::parse("policy.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Drops each allow in turn: its items are the one finding.
fn each_allow_is_needed(policy: &Policy, observations: &[Observation]) {
    for position in 0..policy.allow.len() {
        let mut less = policy.clone();
        let dropped = less.allow.remove(position);
        let verdict = check(&less, observations, None);
        let [finding] = verdict.findings.as_slice() else {
            panic!("{dropped:?} gives {:?}", verdict.findings);
        };
        let Why::New(draft) = &finding.why else {
            panic!("{finding:?}");
        };
        assert_eq!(draft.subject, dropped.subject);
        let rule = draft.rule().expect("a rule");
        let effect = super::matches::Effect::Allow;
        for (_, item) in &finding.items {
            assert!(dropped.matches_item(item, effect) && rule.matches_item(item, effect));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_recording_conforms_to_its_own_policy(acts in proptest::collection::vec(act(), 0..40)) {
        let observations = [observe(&acts, &header(), Wish::default())];
        let policy = learned(&observations);
        let verdict = check(&policy, &observations, None);
        prop_assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
        prop_assert_eq!(verdict.outcome, Outcome::Conforms, "{:?}", verdict.blind);
        prop_assert!(verdict.unused.is_empty());
    }

    #[test]
    fn without_an_allow_there_is_one_finding(acts in proptest::collection::vec(act(), 0..30)) {
        let observations = [observe(&acts, &header(), Wish::default())];
        each_allow_is_needed(&learned(&observations), &observations);
    }

    #[test]
    fn the_order_of_rules_decides_nothing(
        known in proptest::collection::vec(act(), 0..20),
        more in proptest::collection::vec(act(), 0..20),
        seed in any::<u64>(),
    ) {
        let policy = learned(&[observe(&known, &header(), Wish::default())]);
        let observations = [observe(&[known, more].concat(), &header(), Wish::default())];
        let mut shuffled = policy.clone();
        let length = shuffled.allow.len();
        let mut state = seed;
        for at in (1..length).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let to = usize::try_from(state >> 33).unwrap_or(0) % (at + 1);
            shuffled.allow.swap(at, to);
        }
        let shape = |policy: &Policy| {
            let verdict = check(policy, &observations, None);
            let findings: Vec<String> = verdict.findings.iter().map(|finding| {
                let written = finding.closest.as_ref().map(|closest| closest.written.clone());
                format!("{:?} {written:?}", finding.why)
            }).collect();
            let mut unused: Vec<String> =
                verdict.unused_rules().map(|rule| rule.written.clone()).collect();
            unused.sort();
            (verdict.outcome, findings, unused)
        };
        prop_assert_eq!(shape(&policy), shape(&shuffled));
    }

    #[test]
    fn a_union_covers_each(
        one in proptest::collection::vec(act(), 0..20),
        other in proptest::collection::vec(act(), 0..20),
    ) {
        let observations =
            [one, other].map(|acts| observe(&acts, &header(), Wish::default()));
        let policy = learned(&observations);
        for observation in observations {
            let observations = [observation];
            let verdict = check(&policy, &observations, None);
            prop_assert_eq!(verdict.outcome, Outcome::Conforms, "{:?}", verdict.findings);
        }
    }

    #[test]
    fn what_was_added_conforms(
        known in proptest::collection::vec(act(), 0..20),
        more in proptest::collection::vec(act(), 0..20),
    ) {
        let before = [observe(&known, &header(), Wish::default())];
        let text = new_policy(&before, &learn(&before), false);
        let policy = Policy::parse("p", &text).expect("a policy");
        let observations = [observe(&[known, more].concat(), &header(), Wish::default())];
        let verdict = check(&policy, &observations, None);
        let drafts: Vec<_> = verdict.findings.iter().filter_map(|finding| match &finding.why {
            Why::New(draft) => Some((**draft).clone()),
            Why::Denied(..) | Why::Expired(..) => None,
        }).collect();
        let text = super::add(&text, &drafts).expect("an addition");
        let policy = Policy::parse("p", &text).expect("a policy");
        prop_assert_eq!(check(&policy, &observations, None).outcome, Outcome::Conforms);
    }
}

fn some_acts() -> Vec<Act> {
    vec![
        Act::Exec(b"/opt/x/y".to_vec(), 0),
        Act::Connect([10, 0, 0, 1], 443, false, Some("a.example".to_owned())),
        Act::Listen([10, 0, 0, 1], 80),
        Act::File(b"/etc/a".to_vec(), false, true, 0o100_644),
    ]
}

#[test]
fn a_missing_hook_is_never_conformity() {
    let policy = learned(&[observe(&some_acts(), &header(), Wish::default())]);
    // Without [require], every fact is needed.
    let bare = Policy {
        require: super::Require::default(),
        ..policy.clone()
    };
    for fact in FACTS {
        for is_listed in [true, false] {
            let mut header = header();
            if is_listed {
                let entry = header.plan.iter_mut().find(|entry| entry.fact == fact);
                entry.expect("a fact").hook.clear();
            } else {
                header.plan.retain(|entry| entry.fact != fact);
            }
            let observations = [observe(&some_acts(), &header, Wish::default())];
            for policy in [&policy, &bare] {
                let verdict = check(policy, &observations, None);
                assert_eq!(verdict.outcome, Outcome::Incomplete, "{fact}");
                let is_it = |(_, blind): &(&Observation, Blind)| match blind {
                    Blind::Fact { fact: unseen, .. } => unseen == fact,
                    _ => false,
                };
                assert!(verdict.blind.iter().any(is_it), "{fact}");
            }
        }
    }
}

#[test]
fn an_incomplete_ledger_is_never_conformity() {
    let header = header();
    let (mut model, executions) = record(&some_acts());
    let policy = learned(&[observe(&some_acts(), &header, Wish::default())]);
    model.ledger_mut().gap("a gap".to_owned());
    let recording = |missing: Vec<String>| Recording {
        name: String::new(),
        header: &header,
        model: &model,
        executions: &executions,
        is_damaged: false,
        missing,
    };
    for missing in [Vec::new(), vec!["a gap".to_owned()]] {
        let observations = [Observation::of(&recording(missing), Wish::default())];
        let verdict = check(&policy, &observations, None);
        assert_eq!(verdict.outcome, Outcome::Incomplete);
    }
    assert_eq!(check(&policy, &[], None).outcome, Outcome::Incomplete);
}

#[test]
fn old_traces_conform_to_their_own_policies() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    let mut conforming = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|end| end != "trace") {
            continue;
        }
        let bytes = std::fs::read(&path).expect("a trace");
        let mut executions = Executions::default();
        let read = replay_stream(bytes.as_slice(), "a trace", |model, _, seen| {
            if let ReplayItem::Event { event, .. } = seen {
                executions.note(model, event);
            }
            Ok(())
        });
        // One is of a version to come.
        let Ok(replayed) = read else { continue };
        let recording = Recording {
            name: path.display().to_string(),
            header: &replayed.header,
            model: &replayed.model,
            executions: &executions,
            is_damaged: replayed.is_damaged,
            missing: Vec::new(),
        };
        let observations = [Observation::of(&recording, Wish::default())];
        let policy = learned(&observations);
        let verdict = check(&policy, &observations, None);
        assert!(
            verdict.findings.is_empty(),
            "{path:?}: {:?}",
            verdict.findings
        );
        let expected = match () {
            () if replayed.is_damaged => Outcome::Damaged,
            () if observations.iter().all(|seen| seen.sight.is_whole()) => Outcome::Conforms,
            () => Outcome::Incomplete,
        };
        assert_eq!(verdict.outcome, expected, "{path:?}: {:?}", verdict.blind);
        conforming += usize::from(expected == Outcome::Conforms);
        each_allow_is_needed(&policy, &observations);
    }
    assert!(conforming > 3);
}

#[cfg(feature = "capture")]
#[test]
fn every_fact_of_a_recorder_is_known() {
    use crate::capture::Fact;
    let others = [
        Fact::Files,
        Fact::Units,
        Fact::Earlier,
        Fact::EarlierDatagrams,
    ];
    let all: Vec<Fact> = Fact::HOOKED.into_iter().chain(others).collect();
    assert_eq!(all.len(), FACTS.len());
    for (fact, name) in all.into_iter().zip(FACTS) {
        assert_eq!(fact.name(), name);
        assert_eq!(super::sight::fact_name(fact.describe()), name);
    }
}
