//! Tests texts with evident secrets in command lines of any program. Options are in `options`.

use super::{check, untouched};

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
