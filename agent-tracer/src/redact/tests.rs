//! Tests masking with command lines and texts of real installs. The keys open nothing.

mod forms;
mod options;
mod patterns;
mod table;

use super::Redactor;

/// Keys of 64 and 32 bytes that open nothing.
pub(super) const KEY: &str =
    "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kA==";
pub(super) const HMAC: &str = "nT9xGk2Vb0QmZ8sLr4Yw6HcJ1uPeAoXiDf7RtB5N3qE=";

pub(super) fn masked(redactor: &mut Redactor, line: &[&str]) -> Vec<String> {
    let mut argv: Vec<Vec<u8>> = line
        .iter()
        .map(|element| element.as_bytes().to_vec())
        .collect();
    let before = argv.clone();
    let changed = redactor.argv(&mut argv);
    assert_eq!(changed, before != argv, "{line:?}");
    let once = argv.clone();
    assert!(!redactor.argv(&mut argv), "masked twice: {line:?}");
    assert_eq!(once, argv);
    argv.into_iter()
        .map(|element| String::from_utf8_lossy(&element).into_owned())
        .collect()
}

/// Checks a command line before and after; elements are joined by `·`, KEY and HMAC are replaced.
fn check(before: &str, after: &str) {
    let before = before.replace("KEY64", KEY).replace("HMAC", HMAC);
    let line: Vec<&str> = before.split('·').collect();
    let got = masked(&mut Redactor::new(), &line).join("·");
    assert_eq!(got, after.replace("KEY64", KEY), "from {before}");
}

fn untouched(line: &str) {
    check(line, line);
}

pub(super) fn text(redactor: &mut Redactor, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let changed = redactor.bytes(&mut bytes);
    assert_eq!(changed, bytes != text.as_bytes());
    let once = bytes.clone();
    assert!(!redactor.bytes(&mut bytes), "masked twice: {text}");
    assert_eq!(once, bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn secrets_recur() {
    let mut redactor = Redactor::new();
    let line = masked(
        &mut redactor,
        &[
            "sh",
            "x.sh",
            &format!("/tmp/{KEY}/x"),
            "-s",
            KEY,
            "-p",
            "http://u:p%40ssw0rd@h",
        ],
    );
    assert_eq!(
        line,
        [
            "sh",
            "x.sh",
            "/tmp/‹secret 1›/x",
            "-s",
            "‹secret 1›",
            "-p",
            "http://u:‹secret 2›@h"
        ]
    );
    assert_eq!(
        masked(&mut redactor, &["tr", KEY, "p@ssw0rd!"]),
        ["tr", "‹secret 1›", "‹secret 2›!"]
    );
    assert_eq!(text(&mut redactor, &format!("a{KEY}b")), "a‹secret 1›b");
    assert_eq!(text(&mut redactor, &KEY[..15]), "‹secret 1›", "comm");
    assert_eq!(text(&mut redactor, &KEY[..14]), &KEY[..14]);
    assert_eq!(
        text(&mut redactor, &format!("x {}", &KEY[..16])),
        "x ‹secret 1›",
        "cut"
    );
    assert_eq!(
        text(&mut redactor, &format!("{} x", &KEY[..16])),
        format!("{} x", &KEY[..16]),
        "not at the end"
    );
    assert_eq!(redactor.count(), 2);
}

#[test]
fn plain_values_do_not_recur() {
    let mut redactor = Redactor::new();
    masked(
        &mut redactor,
        &[
            "x",
            "--secret",
            "status",
            "--token",
            "ab1",
            "--password",
            "/etc/passwd",
            "--secret",
            "******",
        ],
    );
    for plain in ["systemctl status", "ab1", "/etc/passwd", "a ****** b"] {
        assert_eq!(text(&mut redactor, plain), plain);
    }
    assert_eq!(redactor.count(), 4);
}

#[test]
fn longer_values_win_and_marks_stay() {
    let mut redactor = Redactor::new();
    masked(
        &mut redactor,
        &[
            "x",
            "--password",
            "Secret1",
            "--token",
            "Secret1-and-more",
            "--shared",
            "Secret",
        ],
    );
    assert_eq!(
        text(&mut redactor, "Secret1-and-more Secret1 Secret"),
        "‹secret 2› ‹secret 1› ‹secret 3›"
    );
    let mut redactor = Redactor::new();
    masked(&mut redactor, &["x", "--password", "secret 1"]);
    assert_eq!(
        text(&mut redactor, "‹secret 1› secret 1"),
        "‹secret 1› ‹secret 1›"
    );
}

#[test]
fn memory_is_bounded() {
    let mut redactor = Redactor::new();
    let mut argv: Vec<Vec<u8>> = vec![b"x".to_vec()];
    for number in 0..10_000 {
        argv.extend([
            b"--password".to_vec(),
            format!("Pass-{number}-word").into_bytes(),
        ]);
    }
    assert!(redactor.argv(&mut argv));
    assert_eq!(redactor.count(), 4097);
    assert!(argv.iter().all(|element| !element.starts_with(b"Pass")));
    assert_eq!(text(&mut redactor, "Pass-0-word"), "‹secret 1›");
    assert_eq!(text(&mut redactor, "Pass-9999-word"), "Pass-9999-word");
}

/// Checks secrets in a comm, which is cut after 15 bytes.
#[test]
fn cut_names_are_masked() {
    let mut redactor = Redactor::new();
    masked(
        &mut redactor,
        &[
            "x",
            "--password",
            "Dash7-Kilo9-Lima3",
            "--token",
            "Zulu42Yank",
        ],
    );
    for (comm, after) in [
        ("Dash7-Kilo9-Lim", "‹secret 1›"),
        ("omi-Dash7-Kilo9", "omi-‹secret 1›"),
        ("kworkerDash7-Ki", "kworker‹secret 1›"),
        ("omi-x/Zulu42Yan", "omi-x/‹secret 2›"),
        ("omi-xZulu42Yank", "omi-x‹secret 2›"),
        ("kworker/Dash7-K", "kworker/Dash7-K"),
        ("omi-server-xDas", "omi-server-xDas"),
        ("Dash7-Kilo", "Dash7-Kilo"),
        ("Dash7-Kilo9-Xyz", "Dash7-Kilo9-Xyz"),
        ("Dash7-Kilo9 xyz", "Dash7-Kilo9 xyz"),
        ("systemd-journal", "systemd-journal"),
    ] {
        assert_eq!(text(&mut redactor, comm), after);
    }
}
