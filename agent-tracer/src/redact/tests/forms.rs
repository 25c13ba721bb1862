//! Tests assignments, parameters and tokens in the spellings of scripts and settings, each beside a
//! harmless one. All tokens are made up.

use super::super::Redactor;
use super::{HMAC, KEY, check, text, untouched};

#[test]
fn names_contain_secrets() {
    for (before, after) in [
        ("env·PGPASSWORD=x", "env·PGPASSWORD=‹secret 1›"),
        ("env·MYSQL_PWD=/x1", "env·MYSQL_PWD=‹secret 1›"),
        ("env·TOKEN2=abc", "env·TOKEN2=‹secret 1›"),
        ("env·DB_PASSWORD_OLD=abc", "env·DB_PASSWORD_OLD=‹secret 1›"),
        ("env·adminPassword=abc", "env·adminPassword=‹secret 1›"),
        ("env·clientsecret=abc", "env·clientsecret=‹secret 1›"),
        ("env·SECRET_ID=abc", "env·SECRET_ID=‹secret 1›"),
        ("env·my_api_key_prod=abc", "env·my_api_key_prod=‹secret 1›"),
        ("env·APIKEY_EU=abc", "env·APIKEY_EU=‹secret 1›"),
        (
            "env·AWS_SECRET_ACCESS_KEY=wJal/K7MDENG/bPx",
            "env·AWS_SECRET_ACCESS_KEY=‹secret 1›",
        ),
        (
            "env·aws_access_key_id=abc",
            "env·aws_access_key_id=‹secret 1›",
        ),
        ("env·SMTP_PASS=hunter", "env·SMTP_PASS=‹secret 1›"),
        (
            "x·Server=h;Uid=u;Pwd=Hunter2;Port=1",
            "x·Server=h;Uid=u;Pwd=‹secret 1›;Port=1",
        ),
        (
            "x·AccountName=n;SharedAccessKey=abc;E=1",
            "x·AccountName=n;SharedAccessKey=‹secret 1›;E=1",
        ),
        (
            "sh·-c·PGPASSWORD='a b' psql -h h",
            "sh·-c·PGPASSWORD='‹secret 1›' psql -h h",
        ),
    ] {
        check(before, after);
    }
}

#[test]
fn names_are_innocent() {
    for line in [
        "env·PWD=/root·OLDPWD=/tmp/x1",
        "env·PASSWORD_FILE=/run/x1·TOKEN_PATH=a/b1·SECRET_NAME=kube1",
        "env·TOKEN_URL=https://h/x1·TOKEN_TTL=30m·PASSWORD_MIN_LENGTH=8",
        "env·SSH_ASKPASS=/usr/bin/x·GIT_ASKPASS=x1·SECRET_KEY=/etc/k",
        "sshd·-o·PasswordAuthentication=no1·passwordless=x1",
        "env·MAX_TOKENS=100·TOKENIZERS_PARALLELISM=x1·SECRETS=x1",
        "env·BYPASS=x1·COMPASS=x1·PASS=1·MONKEY=x1·KEYBOARD=us1",
        "x·a.secretsmanager=b1·tokenizer=bpe1",
        "env·SECRETARY=Bob1·PASSWORDSTORE=x1",
    ] {
        untouched(line);
    }
}

#[test]
fn fields_hold_secrets() {
    for (before, after) in [
        (
            "x·{\"password\" : \"X\"}",
            "x·{\"password\" : \"‹secret 1›\"}",
        ),
        (
            "x·{ \"db_password_old\" :\t\"a b\", \"u\": 1 }",
            "x·{ \"db_password_old\" :\t\"‹secret 1›\", \"u\": 1 }",
        ),
        (
            "x·\"{\\\"password\\\" : \\\"Xy\\\"}\"",
            "x·\"{\\\"password\\\" : \\\"‹secret 1›\\\"}\"",
        ),
        (
            "python3·-c·password = 'X'",
            "python3·-c·password = '‹secret 1›'",
        ),
        (
            "python3·-c·import x; api_key = \"Abc\"; f(api_key)",
            "python3·-c·import x; api_key = \"‹secret 1›\"; f(api_key)",
        ),
        (
            "php·-r·$c['password'] = 'X';",
            "php·-r·$c['password'] = '‹secret 1›';",
        ),
        (
            "ruby·-e·x(:password => \"X\")",
            "ruby·-e·x(:password => \"‹secret 1›\")",
        ),
        ("x·password:Hunter2", "x·password:‹secret 1›"),
        ("x·password: Hunter2", "x·password: ‹secret 1›"),
        ("x·password: hunter", "x·password: ‹secret 1›"),
        (
            "x·the password: Hunter2 was",
            "x·the password: ‹secret 1› was",
        ),
        (
            "x·{user: u, password: hunt3r, a: b}",
            "x·{user: u, password: ‹secret 1›, a: b}",
        ),
        (
            "x·a: b\n  password: hunter\n  c: d",
            "x·a: b\n  password: ‹secret 1›\n  c: d",
        ),
        (
            "x·a = b\npassword = hunter\nc = d",
            "x·a = b\npassword = ‹secret 1›\nc = d",
        ),
        ("x·secret: a1b2c3d4", "x·secret: ‹secret 1›"),
        ("x·printf 'token: Abc1234'", "x·printf 'token: ‹secret 1›'"),
    ] {
        check(before, after);
    }
}

#[test]
fn fields_are_innocent() {
    for line in [
        "x·password: incorrect for root",
        "x·error: password: authentication failure",
        "x·Enter password: ",
        "x·expect \"Password:\"; send \"x\"",
        "x·read -p \"Enter password: \" x; echo \"y\"",
        "x·passwd: files systemd",
        "x·passwd: compat",
        "x·unexpected token: ')'",
        "x·unexpected token: EOF",
        "x·invalid token: 42",
        "x·unexpected token: 'else'",
        "x·password = getpass()",
        "x·token = response.json()['t']",
        "x·token != \"x\"",
        "x·if [ \"$password\" = \"$other\" ]",
        "x·password = None",
        "x·password: $PASSWORD",
        "x·PASS: test1",
        "x·pass: Hunter2",
        "x·secret://x1·token::Kind1",
        "x·password is Hunter2",
        "x·scope=secret:read",
        "x·{\"pwd\" : \"/root\"}",
        "x·{\"token_type\" : \"Bearer1\"}",
        "x·pwd: /root1",
    ] {
        untouched(line);
    }
}

#[test]
fn addresses_hold_secrets() {
    for (before, after) in [
        (
            "curl·https://h/c?sv=2020&sig=ab%2Fcd%3D&se=1",
            "curl·https://h/c?sv=2020&sig=‹secret 1›&se=1",
        ),
        (
            "curl·https://h/c?sig=abc#f",
            "curl·https://h/c?sig=‹secret 1›#f",
        ),
        (
            "curl·https://h/c?key=AbCd1234",
            "curl·https://h/c?key=‹secret 1›",
        ),
        (
            "curl·https://h/c?a&token=abc",
            "curl·https://h/c?a&token=‹secret 1›",
        ),
        (
            "curl·https://h?access_token=abc",
            "curl·https://h?access_token=‹secret 1›",
        ),
        (
            "curl·https://h?code=AbCd1234==",
            "curl·https://h?code=‹secret 1›",
        ),
        (
            "curl·https://h?X-Amz-Signature=0123abcd&x=1",
            "curl·https://h?X-Amz-Signature=‹secret 1›&x=1",
        ),
        (
            "git·clone·https://aB3dE5fG7hI9jK1l@h/r",
            "git·clone·https://‹secret 1›@h/r",
        ),
        (
            "git·clone·https://0a1b2c3d4e5f6a7b8c@h/r",
            "git·clone·https://‹secret 1›@h/r",
        ),
        (
            "git·clone·https://0a1b2c3d4e5f6a7b8c:@h/r",
            "git·clone·https://‹secret 1›:@h/r",
        ),
    ] {
        check(before, after);
    }
    let mut redactor = Redactor::new();
    text(&mut redactor, "https://h/c?sig=ab%2Fcd%3D12");
    assert_eq!(text(&mut redactor, "is ab/cd=12"), "is ‹secret 1›");
}

#[test]
fn addresses_are_innocent() {
    for line in [
        "git·clone·git@github.com:x/y",
        "git·clone·https://git@github.com/x/y",
        "git·clone·https://some-organisation@dev.azure.com/x",
        "git·clone·https://build-agent-number-01@h/x",
        "git·clone·ssh://aB3dE5fG7hI9jK1l@h/r",
        "curl·https://h/x@aB3dE5fG7hI9jK1l@y",
        "curl·https://h?key=name&code=404&key=12345678&keys=AbCd1234",
        "curl·https://h?signal=9&design=AbCd1234&monkey=AbCd1234",
        "x·sig=abc·key=AbCd1234",
    ] {
        untouched(line);
    }
}

#[test]
fn tokens_are_known_by_their_shape() {
    // In two pieces, since scanners of sources know these forms, too.
    for (begin, rest) in [
        ("ghp_", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"),
        ("gho_", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"),
        ("ghs_", "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"),
        ("github_pat_", "11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz"),
        ("glpat-", "aBcDeFgHiJ-lMnOpQ_sT"),
        ("xoxb-", "123456789012-abcDEF"),
        ("xoxp-", "123456789012-abcDEF"),
        ("AKIA", "IOSFODNN7EXAMPLE"),
        ("ASIA", "IOSFODNN7EXAMPLE"),
        ("eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_"),
        ("sk-", "0123456789abcdef0123456789abcdef"),
        ("sk-", "proj-aBcDeFgHiJkLmNoPqRsTuV12"),
    ] {
        for (before, after) in [
            ("", ""),
            ("token ", " is"),
            ("a=", "&b"),
            ("/x/", "/y"),
            ("'", "'"),
        ] {
            let mut redactor = Redactor::new();
            assert_eq!(
                text(&mut redactor, &format!("{before}{begin}{rest}{after}")),
                format!("{before}‹secret 1›{after}")
            );
        }
    }
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for line in [
        digest,
        "ghp_short",
        "xghp_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789",
        "AKIAIOSFODNN7EXAMPLEX",
        "AKIAIOSFODNN7EXAMPL",
        "AKIAIOSFODNN7examplE",
        "sk-learn-with-a-very-long-name-v12",
        "disk-0123456789abcdef0123456789abcdef",
        "xoxb-nothing-of-the-kind",
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJhbGciOiJIUzI1NiJ9.abc.def",
        "eyJ.eyJ.x",
    ] {
        untouched(line);
    }
}

#[test]
fn keys_are_wrapped_and_glued() {
    for width in [76, 64] {
        for end in ["\n", "\r\n"] {
            let (first, second) = KEY.split_at(width);
            let mut redactor = Redactor::new();
            let wrapped = format!("key:{first}{end}{second}{end}x");
            assert_eq!(
                text(&mut redactor, &wrapped),
                format!("key:‹secret 1›{end}x")
            );
            assert_eq!(text(&mut redactor, KEY), "‹secret 1›");
        }
    }
    for (before, after) in [
        (format!("x·my-file-{HMAC}"), "x·my-file-‹secret 1›"),
        (format!("x·id_{KEY}/x"), "x·id_KEY64/x"),
        (format!("x·id_{KEY}.x"), "x·id_‹secret 1›.x"),
        (format!("x·id,{HMAC},y"), "x·id,‹secret 1›,y"),
    ] {
        check(&before, after);
    }
    let (first, second) = KEY.split_at(40);
    untouched(&format!("x·{first}\n{second}"));
    untouched(&format!("x·abc{HMAC}"));
    untouched(&format!("x·aB3/{HMAC}"));
}
