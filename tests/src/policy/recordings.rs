//! Recordings that are checked at their end, and policies of several recordings.

use std::{fs, path::Path};

use super::{check, formats::findings_in_every_format};
use crate::harness::{Ended, Test, live, run, tracer};

pub(super) fn tests() -> Vec<Test> {
    vec![
        live!(findings_decide_the_exit_status).needs("/usr/bin/python3"),
        live!(a_bad_policy_is_refused_before_the_command),
        live!(one_more_of_each_is_four_findings)
            .needs("/usr/bin/python3")
            .needs("jq"),
    ]
}

/// Does more if it is asked to.
const INSTALLER: &str = r#"
import os, socket, subprocess, sys
place = sys.argv[1]
subprocess.run(["/bin/true"])
if sys.argv[2] == "more":
    s = socket.socket()
    try: s.connect(("127.0.0.1", 9))
    except OSError: pass
    l = socket.socket()
    # Another test has it at the same time.
    l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    l.bind(("127.0.0.1", 18126)); l.listen(1)
    open(place + "/etc/tool", "w").close()
    os.chmod(place + "/etc/tool", 0o4755)
    subprocess.run([place + "/unknown"])
sys.exit(int(sys.argv[3]))
"#;

/// A place with a watched directory and a program.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a directory");
    fs::create_dir(place.path().join("etc")).expect("a directory");
    fs::copy("/bin/true", place.path().join("unknown")).expect("a program");
    place
}

fn record(place: &Path, trace: &Path, policy: Option<&Path>, how: &str, status: &str) -> Ended {
    let mut command = tracer();
    command.arg("record").arg("-o").arg(trace).arg("--force");
    command.arg("--watch").arg(place.join("etc"));
    if let Some(policy) = policy {
        command.arg("--policy").arg(policy);
    }
    command.args(["--", "/usr/bin/python3", "-c", INSTALLER]);
    run(command.arg(place).args([how, status]))
}

/// Allows for programs of other tests: rules know their trees wherever they run.
const OTHERS: &str = r#"allow = [
    { program = "**", tree = "om*" },
    { program = "**", tree = "om*", attention = true },
    { destination = "*", tree = "om*" },
    { listener = "*", tree = "om*" },
    { inbound = "*", tree = "om*" },
    { change = ["process", "file"], tree = "om*" },
"#;

/// Learns a policy.
pub(super) fn learn(traces: &[&Path], policy: &Path) {
    let mut command = tracer();
    command.args(["policy", "new"]).args(traces);
    let ended = run(command.arg("-o").arg(policy).arg("--force"));
    assert_eq!(ended.code, Some(0), "{}", ended.messages());
    let text = fs::read_to_string(policy).expect("a policy");
    let text = text.replacen("allow = [\n", OTHERS, 1);
    assert!(text.contains("om*"), "{text}");
    fs::write(policy, text).expect("a policy");
}

fn findings_decide_the_exit_status() {
    let place = place();
    let (trace, policy) = (
        place.path().join("it.trace"),
        place.path().join("policy.toml"),
    );
    record(place.path(), &trace, None, "less", "0").success();
    learn(&[&trace], &policy);
    for (how, own, expected) in [
        ("less", "0", 0),
        ("less", "7", 7),
        ("more", "0", 5),
        ("more", "7", 7),
    ] {
        let ended = record(place.path(), &trace, Some(&policy), how, own);
        fs::remove_file(place.path().join("etc/tool")).ok();
        assert_eq!(
            ended.code,
            Some(expected),
            "{how} {own}: {}",
            ended.messages()
        );
    }
}

fn a_bad_policy_is_refused_before_the_command() {
    let place = place();
    let (policy, witness) = (
        place.path().join("policy.toml"),
        place.path().join("it ran"),
    );
    fs::write(&policy, "[[allow]]\n").expect("a policy");
    let ended = run(tracer()
        .arg("record")
        .arg("-o")
        .arg(place.path().join("it.trace"))
        .arg("--policy")
        .arg(&policy)
        .args(["--", "touch"])
        .arg(&witness));
    assert_eq!(ended.code, Some(125));
    assert!(
        ended.messages().contains("policy.toml:1:"),
        "{}",
        ended.messages()
    );
    assert!(!witness.exists());
}

fn one_more_of_each_is_four_findings() {
    let place = place();
    let (trace, policy) = (
        place.path().join("it.trace"),
        place.path().join("policy.toml"),
    );
    let again = place.path().join("again.trace");
    record(place.path(), &trace, None, "less", "0").success();
    record(place.path(), &again, None, "less", "0").success();
    learn(&[&trace, &again], &policy);
    assert_eq!(check(&trace, &policy, &[]).code, Some(0));
    record(place.path(), &trace, None, "more", "0").success();
    let checked = check(&trace, &policy, &[]);
    assert_eq!(checked.code, Some(5), "{}", checked.text());
    let text = checked.text();
    for finding in [
        ":9/tcp by python3",
        "new listener 127.0.0.1:18126/tcp by python3",
        "/etc/tool (setuid) by python3",
        "/unknown (temporary) as root by ",
        "findings: 4\n",
    ] {
        assert!(text.contains(finding), "{finding}: {text}");
    }
    findings_in_every_format(
        &trace,
        &policy,
        &[":9/tcp", "127.0.0.1:18126/tcp", "/etc/tool", "/unknown"],
    );
}
