//! Tests properties of masking that hold for any bytes, and its cost for the worst ones. The
//! examples test masking itself.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::tests::{HMAC, KEY, masked, text};
use super::{Redactor, SecretRules};

/// Bytes of each hostile text, and the time limit of masking one, unoptimised: forty times the
/// usual. Quadratic work took a whole second here.
const SIZE: usize = 8 << 10;
const LIMIT: Duration = Duration::from_millis(400);

/// Fails if `work` takes too long three times: other programs may have the processor.
fn quickly(what: &str, mut work: impl FnMut()) {
    let mut spent = || {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    let least = (0..3).map(|_| spent()).find(|spent| *spent < LIMIT);
    assert!(least.is_some(), "masking takes too long: {what:?}");
}

#[test]
fn hostile_text_is_linear() {
    let mut redactor = Redactor::new();
    masked(
        &mut redactor,
        &[
            "x",
            "--password",
            &format!("{}b", "a".repeat(5_000)),
            "--token",
            &"ab".repeat(40_000),
        ],
    );
    for unit in [
        "@",
        "://",
        "x://a:b/",
        "=",
        "TOKEN=",
        "A_KEY=/",
        "TOKEN=$",
        "Cookie: ",
        "Cookie: $",
        "cookie:\"",
        "a",
        "ab",
        "'",
        "\\",
        "-s ",
        "\"password\":",
        "‹secret 1›",
        "http://a:b@",
        "sh -c \"",
        "--password ",
        "aB3/=",
        "‹secret ",
        ",password:",
        "{password:",
        " password: a",
        "\npassword: aaa",
        "password:\"x",
        "token = '",
        "password = ",
        "&sig=%3D",
        "sk-",
        "sk-a1",
        "ghp_",
        "eyJ.",
        "eyJaaaaaaaa.",
        "github_pat_1",
        "https://a1b@",
        "cat <<A -x\n",
        "<<A -x ",
        "# -x ",
        "a' -x\n",
        "#'\" -x\n",
        "\\\n",
        "aaaa\n",
    ] {
        let long = unit.repeat(SIZE / unit.len());
        quickly(unit, || {
            redactor.bytes(&mut long.clone().into_bytes());
        });
        for line in [["sh", "-c", &long], ["x", "-s", &long]] {
            let argv = line.map(|word| word.as_bytes().to_vec());
            quickly(unit, || {
                redactor.argv(&mut argv.clone());
            });
        }
    }
}

#[test]
fn hostile_forms_are_linear() {
    let mut redactor = Redactor::new();
    for (_, begins) in SecretRules::forms() {
        for begin in begins {
            for joint in ["", " "] {
                let unit = format!("{begin}{joint}");
                let long = unit.repeat(SIZE / unit.len());
                quickly(&unit, || {
                    redactor.bytes(&mut long.clone().into_bytes());
                });
            }
        }
    }
}

#[test]
fn listed_lines_are_masked_once() {
    for listed in [
        include_str!("../../../tests/fixtures/secrets/given.json"),
        include_str!("../../../tests/fixtures/secrets/ours.json"),
    ] {
        let listed: serde_json::Value = serde_json::from_str(listed).expect("JSON");
        let kinds = listed.as_object().expect("kinds of lines").values();
        let lines: Vec<&serde_json::Value> = kinds
            .flat_map(|kind| kind.as_array().expect("lines"))
            .collect();
        assert!(lines.len() > 100);
        for line in lines {
            let words = line.get("argv").unwrap_or(line).as_array().expect("argv");
            let words: Vec<&str> = words.iter().filter_map(|word| word.as_str()).collect();
            masked(&mut Redactor::new(), &words);
            text(&mut Redactor::new(), &words.join(" "));
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place) & 63) as usize;
            text.push(if place <= chunk.len() {
                char::from(ALPHABET[index])
            } else {
                '='
            });
        }
    }
    text
}

/// Texts that rules search for.
const PIECES: [&str; 68] = [
    "-s",
    "-p",
    "--password",
    "--token=",
    "://",
    ":",
    "@",
    "=",
    " ",
    "'",
    "\"",
    "\\",
    "sh",
    "-c",
    "PASSWORD=",
    "Authorization: ",
    "Bearer ",
    "http",
    "secret 1",
    "‹secret 1›",
    "‹secret ",
    "›",
    KEY,
    HMAC,
    "hunter2",
    "hunter2-longer",
    "%40",
    "$X",
    "/",
    "\n",
    ";",
    "é",
    "*",
    "password: ",
    "\"password\" : ",
    "token = ",
    "MYSQL_PWD=",
    "Pwd=",
    "{",
    "pass:",
    "openssl",
    "curl",
    "-u",
    "-password",
    "-Dash7Kilo9",
    "?sig=",
    "&key=",
    "ghp_aBcDeFgHiJkLmNoPqRsTuVwXyZ",
    "eyJhbGciOiJI.eyJzdWIi.c2ln",
    "<<E\n",
    "#",
    "a1b2c3d4e5f6a7b8c9",
    "mysql",
    "chpasswd",
    "root:Hunter2",
    "echo ",
    " | ",
    "sudo -S",
    "<<<",
    "IDENTIFIED BY 'x1'",
    "docker",
    "login",
    "s/password/Hunter22/",
    "-----BEGIN PRIVATE KEY-----",
    "-----END",
    "sk_live_a1b2c3d4e5f6",
    "tracer record --",
    "net",
];

/// Makes texts of pieces in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..14)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes_are_safe(
        mut argv in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..12),
    ) {
        let count = argv.len();
        let mut redactor = Redactor::new();
        redactor.argv(&mut argv);
        prop_assert_eq!(argv.len(), count);
        let once = argv.clone();
        prop_assert!(!redactor.argv(&mut argv));
        prop_assert_eq!(&once, &argv);
        for element in &mut argv {
            redactor.bytes(element);
            let once = element.clone();
            prop_assert!(!redactor.bytes(element));
            prop_assert_eq!(&once, element);
        }
    }

    #[test]
    fn masking_twice_is_masking_once(
        mut argv in prop::collection::vec(pieces(), 0..8),
        mut log in pieces(),
    ) {
        let mut redactor = Redactor::new();
        redactor.argv(&mut argv);
        let once = argv.clone();
        prop_assert!(!redactor.argv(&mut argv));
        prop_assert_eq!(once, argv);
        redactor.bytes(&mut log);
        let once = log.clone();
        prop_assert!(!redactor.bytes(&mut log));
        prop_assert_eq!(once, log);
    }

    #[test]
    fn a_key_never_leaves(
        bytes in prop::collection::vec(any::<u8>(), 64),
        before in pieces(),
        after in pieces(),
    ) {
        let key = base64(&bytes);
        let mut redactor = Redactor::new();
        let line = ["sudo", "sh", "./bundle.sh", "--upgrade", "-w", "id", "-s", &key];
        let argv = line.iter().map(|element| element.as_bytes().to_vec());
        let mut argv: Vec<Vec<u8>> = argv.collect();
        argv.push([&before[..], key.as_bytes(), &after].concat());
        redactor.argv(&mut argv);
        let mut log = [&before[..], key.as_bytes(), &after].concat();
        redactor.bytes(&mut log);
        argv.push(log);
        for element in &argv {
            prop_assert!(memchr::memmem::find(element, key.as_bytes()).is_none());
        }
    }

    #[test]
    fn bare_keys_are_seen(bytes in prop::collection::vec(any::<u8>(), 64)) {
        prop_assert!(super::key::is_key(base64(&bytes).as_bytes()));
    }
}
