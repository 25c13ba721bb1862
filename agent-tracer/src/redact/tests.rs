//! Command lines and texts of real installs in, masked ones out. Refuses to test with keys that open anything.

use super::Redactor;

/// 64 and 32 bytes that open nothing.
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

/// `before` and `after` are the elements, joined by `·`; KEY and HMAC stand for themselves.
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
fn options_hold_secrets() {
    for (before, after) in [
        (
            "sh·./onboard_agent.sh·-w·id·-s·KEY64",
            "sh·./onboard_agent.sh·-w·id·-s·‹secret 1›",
        ),
        (
            "sudo·sh·./b.sh·--upgrade·-w·id·-s·Short1",
            "sudo·sh·./b.sh·--upgrade·-w·id·-s·‹secret 1›",
        ),
        (
            "sudo·-nu·root·-p·Prompt1·sh·./b.sh·-s·KEY64",
            "sudo·-nu·root·-p·Prompt1·sh·./b.sh·-s·‹secret 1›",
        ),
        (
            "sudo·--user·x·env·A=1·sh·./b.sh·-p·Pass99",
            "sudo·--user·x·env·A=1·sh·./b.sh·-p·‹secret 1›",
        ),
        ("bash·-s·--·-s·Secret9", "bash·-s·--·-s·‹secret 1›"),
        (
            "bash·-euo·pipefail·/x/install.sh·-s·Secret9",
            "bash·-euo·pipefail·/x/install.sh·-s·‹secret 1›",
        ),
        ("./install·-s·Secret9", "./install·-s·‹secret 1›"),
        (
            "omsadmin.sh·--shared·KEY64",
            "omsadmin.sh·--shared·‹secret 1›",
        ),
        (
            "omsadmin.sh·--shared=KEY64",
            "omsadmin.sh·--shared=‹secret 1›",
        ),
        (
            "agent·-s=Secret9·-sKEY64",
            "agent·-s=‹secret 1›·-s‹secret 2›",
        ),
        (
            "agent·--password·hunter2·--token=two words",
            "agent·--password·‹secret 1›·--token=‹secret 2›",
        ),
        (
            "agent·--key·abc123·--api-key·def456",
            "agent·--key·‹secret 1›·--api-key·‹secret 2›",
        ),
        (
            "agent·--password·x·--token·x",
            "agent·--password·‹secret 1›·--token·‹secret 1›",
        ),
        (
            "useradd·-s·/bin/sh·-p·$6$hash",
            "useradd·-s·/bin/sh·-p·‹secret 1›",
        ),
        ("mysql·-u·root·-pHunter2", "mysql·-u·root·-p‹secret 1›"),
        (
            "curl·-u·bob:Hunter2·https://x",
            "curl·-u·bob:‹secret 1›·https://x",
        ),
        (
            "agent·-p·http://u:Pa55word@h:1",
            "agent·-p·http://u:‹secret 1›@h:1",
        ),
        ("agent·-p·u:Pa55word@h:1", "agent·-p·u:‹secret 1›@h:1"),
        ("curl·-x·u:Pa55w@rd@h:1", "curl·-x·u:‹secret 1›@h:1"),
        ("curl·--proxy·u:p@h:1", "curl·--proxy·u:‹secret 1›@h:1"),
        ("curl·--proxy=u:p@h:1", "curl·--proxy=u:‹secret 1›@h:1"),
    ] {
        check(before, after);
    }
}

#[test]
fn options_are_innocent() {
    for line in [
        "mkdir·-p·/opt/omi",
        "mkdir·-p·omi",
        "ps·-p·123",
        "curl·-s·https://github.com/x",
        "dpkg·-s·omi",
        "/usr/bin/dpkg·-s·omi",
        "ssh·-p·22·host",
        "cp·-p·a·b",
        "read·-s·name",
        "curl·--key·/etc/key.pem·--cert·x",
        "curl·--insecure·--key·oms.key",
        "id·-p",
        "curl·-s·--cert·c",
        "grep·-s·foo·file",
        "agent·--proxy·http://host:3128",
        "agent·--proxy·host:3128",
        "su·-s·/bin/sh·-·omsagent·-c·InstallModule.py",
        "sudo·-u·omsagent·mkdir·-p·x",
        "sudo·-s",
        "sh·-s",
        "agent·-p·8080",
        "agent·-p·127.0.0.1:80:80/1",
        "agent·-s·/var/opt/x",
        "agent·-s·../x",
        "agent·-p·-s",
        "agent·-p·proxy.example.com:3128",
        "agent·--password",
        "agent·--password·",
        "agent·-s·",
        "agent·--key·conf/host.pem",
        "agent·--key·https://x/y",
        "sort·--key=2,2",
        "git·init·--shared=group",
        "perl·-p·-i·-e·s/a/b/·x",
        "python3·-s·setup.py",
        "agent·--password-file=/run/x",
        "agent·-p8080",
        "agent·-status",
        "dmidecode·-s·system-uuid",
        "systemd-run·-p·CPUQuota=5%·--scope·--slice=a·ls",
        "timeout·-s·KILL·10·ls",
        "systemctl·-p·MainPID·show·x",
        "omsadmin.sh·-w·0a1b2c3d-0000-4444-8888-0123456789ab",
    ] {
        untouched(line);
    }
}

#[test]
fn scripts_are_split() {
    for (before, after) in [
        (
            "sh·-c·sudo sh ./b.sh -w id -s KEY64; echo 'done'",
            "sh·-c·sudo sh ./b.sh -w id -s ‹secret 1›; echo 'done'",
        ),
        (
            "sh·-c·mkdir -p omi && agent --password 'a b'",
            "sh·-c·mkdir -p omi && agent --password '‹secret 1›'",
        ),
        (
            "sh·-c·agent --password=\"a b\" -x",
            "sh·-c·agent --password=‹secret 1› -x",
        ),
        (
            "sh·-c·agent --token $TOKEN -s \"$KEY\"",
            "sh·-c·agent --token $TOKEN -s \"$KEY\"",
        ),
        (
            "sh·-ec·sh -c \"agent -s Hunter2\"",
            "sh·-ec·sh -c \"agent -s ‹secret 1›\"",
        ),
        (
            "su·-·x·-c·/opt/agent -s Hunter2",
            "su·-·x·-c·/opt/agent -s ‹secret 1›",
        ),
        (
            "sh·-c·PASSWORD=abc ./x.sh·name·-s·Hunter2",
            "sh·-c·PASSWORD=‹secret 1› ./x.sh·name·-s·‹secret 2›",
        ),
        ("sh·-c·dpkg -s omi|grep -s x", "sh·-c·dpkg -s omi|grep -s x"),
        ("sh·-c·agent -s Hun\"ter\"2", "sh·-c·agent -s ‹secret 1›"),
        (
            "sh·-c·echo 'Environment=http_proxy=http://u:p@h:1/' > /etc/x",
            "sh·-c·echo 'Environment=http_proxy=http://u:‹secret 1›@h:1/' > /etc/x",
        ),
    ] {
        check(before, after);
    }
}

#[test]
fn patterns_give_themselves_away() {
    for (before, after) in [
        (
            "curl·-H·Authorization: wsid-1; HMAC",
            "curl·-H·Authorization: wsid-1; ‹secret 1›",
        ),
        (
            "curl·-H·authorization: Bearer ey.Jh.x",
            "curl·-H·authorization: Bearer ‹secret 1›",
        ),
        (
            "curl·-HProxy-Authorization: Basic dTpw",
            "curl·-HProxy-Authorization: Basic ‹secret 1›",
        ),
        (
            "curl·-H·Authorization: SharedKey id:HMAC",
            "curl·-H·Authorization: SharedKey id:‹secret 1›",
        ),
        (
            "curl·-H·Authorization: Digest username=\"u\", response=\"r\"",
            "curl·-H·Authorization: Digest ‹secret 1›",
        ),
        (
            "curl·-H·X-Api-Key: abc·-H·DD-API-KEY:def",
            "curl·-H·X-Api-Key: ‹secret 1›·-H·DD-API-KEY:‹secret 2›",
        ),
        (
            "curl·-H·Cookie: a=b; c=d\nHost: x",
            "curl·-H·Cookie: ‹secret 1›\nHost: x",
        ),
        (
            "curl·-d·{\"user\":\"u\",\"password\": \"p\"}",
            "curl·-d·{\"user\":\"u\",\"password\": \"‹secret 1›\"}",
        ),
        (
            "sh·-c·curl -H \"X-Token: a b\" https://h",
            "sh·-c·curl -H \"X-Token: ‹secret 1›\" https://h",
        ),
        (
            "git·clone·https://u:p%40ss@h/r",
            "git·clone·https://u:‹secret 1›@h/r",
        ),
        ("x·http://u:p@ss@h/a@b", "x·http://u:‹secret 1›@h/a@b"),
        ("x·http://u:pa/ss@h/", "x·http://u:‹secret 1›@h/"),
        ("x·echo KEY64 | tr", "x·echo ‹secret 1› | tr"),
        ("x·{\"k\":\"HMAC\"}", "x·{\"k\":\"‹secret 1›\"}"),
        ("tr·KEY64", "tr·‹secret 1›"),
        (
            "env·DD_API_KEY=abc·sh·install.sh",
            "env·DD_API_KEY=‹secret 1›·sh·install.sh",
        ),
        (
            "env·MDSD_PROXY_PASSWORD=a b",
            "env·MDSD_PROXY_PASSWORD=‹secret 1›",
        ),
        (
            "x·docker run -e 'MY_TOKEN=a b' y",
            "x·docker run -e 'MY_TOKEN=‹secret 1›' y",
        ),
        (
            "x·https://h/p?a=1&access_token=t&b=2",
            "x·https://h/p?a=1&access_token=‹secret 1›&b=2",
        ),
    ] {
        check(before, after);
    }
}

#[test]
fn patterns_are_innocent() {
    let word = format!("{}=", "a".repeat(43));
    let camel = "TheQuickBrownFoxJumpsOverTheLazyDogOnceMorw=";
    let path = "/usr/lib/x86/Linux/gnu/share/omi/lib/omi/Bas=";
    for line in [
        "git·clone·git@host:path/x",
        "x·http://[::1]:80@x",
        "mail·bob@example.com",
        "x·http://host:80/a@b",
        "x·a=b@c:d",
        "x·http://u:$PASS@h",
        "x·http://u:****@h",
        "x·https://host/~u:x",
        "env·PASSWORD=·X_TOKEN=$T·Y_KEY=${K}",
        "env·SSH_KEY=/etc/ssh/k·GPG_KEY=keys/a.asc·USE_TOKEN=true",
        "env·PWD=/root·MONKEY=x·public_key=abc",
        "echo·Password: ·token: unexpected",
        "x·2024-01-01T00:00:00Z",
        word.as_str(),
        camel,
        path,
        "x·Authorization: Bearer $TOKEN",
        "x·Authorization: ",
    ] {
        untouched(line);
    }
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
            "-s",
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
