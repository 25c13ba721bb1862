//! Tests the table of secrets, built in and of users. Command lines are in `options`.

use std::sync::Arc;

use super::super::{Redactor, SecretRules};
use super::{check, masked, text, untouched};

const A: &str = "a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZa1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ";
const H: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const U: &str = "A1B2C3D4E5F6G7H8I9J0KLMNOPQRSTUVWXYZA1B2C3D4E5F6G7H8I9J0KLMNOPQRSTUVWXYZ";

/// Forms with examples: between `<` and `>`, `A:n` is n letters and digits, `H:n` hexadecimal
/// digits, `U:n` capitals and digits. So the source has no whole token.
const EXAMPLES: &[(&str, &str)] = &[
    ("GitHub token", "gho_<A:36>"),
    ("GitHub fine-grained token", "github_pat_<A:40>"),
    ("GitLab token", "glrt-<A:20>"),
    ("GitLab runner registration token", "GR1348941<A:20>"),
    ("Bitbucket or Atlassian token", "ATATT3<A:60>"),
    ("npm token", "npm_<A:36>"),
    ("npm token in a setting", "//h/:_authToken=<A:20>"),
    ("PyPI token", "pypi-<A:60>"),
    ("RubyGems token", "rubygems_<H:48>"),
    ("NuGet token", "oy2<H:43>"),
    ("crates.io token", "cio<A:32>"),
    ("Docker Hub token", "dckr_pat_<A:27>"),
    ("SonarQube token", "squ_<H:40>"),
    ("Artifactory token", "AKCp<A:69>"),
    ("Buildkite token", "bkua_<A:40>"),
    ("CircleCI token", "CCIPAT_<A:20>_<H:40>"),
    ("Postman token", "PMAK-<H:24>-<H:34>"),
    ("AWS access key id", "ASIA<U:16>"),
    ("Google API key", "AIza<A:35>"),
    ("Google OAuth token", "ya29.<A:40>"),
    ("Google refresh token", "1//0<A:60>"),
    ("Google client secret", "GOCSPX-<A:28>"),
    ("Azure AD client secret", "abc8Q~<A:34>"),
    ("DigitalOcean token", "dop_v1_<H:64>"),
    ("Heroku token", "HRKU-<A:40>"),
    ("Fly.io token", "fo1_<A:40>"),
    ("Alibaba access key id", "LTAI<U:20>"),
    ("Vault token", "hvs.<A:24>"),
    ("Vault token, old form", "s.<A:24>"),
    ("Terraform Cloud token", "abc.atlasv1.<A:60>"),
    ("Pulumi token", "pul-<H:40>"),
    ("Docker swarm join token", "SWMTKN-1-<H:50>-<H:25>"),
    ("K3s node token", "K10<H:64>::server:<A:70>"),
    ("Rancher token", "token-abcde:<H:54>"),
    ("OpenShift token", "sha256~<A:43>"),
    ("Doppler token", "dp.pt.<A:43>"),
    ("Databricks token", "dapi<H:32>"),
    ("Supabase or PlanetScale token", "sbp_<H:40>"),
    ("Tailscale key", "tskey-auth-<A:16>-<A:32>"),
    ("Cloudflare token", "cfut_<A:40>"),
    (
        "1Password secret key or service account",
        "A3-<U:6>-<U:6>-<U:5>-<U:5>",
    ),
    ("Slack token", "xoxb-123456789012-<A:24>"),
    ("Slack app token", "xapp-1-<U:11>-123456789012-<H:64>"),
    ("Stripe key", "sk_live_<A:24>"),
    ("Webhook signing secret", "whsec_<A:32>"),
    ("SendGrid key", "SG.<A:22>.<A:43>"),
    ("Mailgun key", "key-<H:32>"),
    ("Twilio key", "SK<H:32>"),
    ("Brevo key", "xkeysib-<H:64>-<A:16>"),
    ("Shopify token", "shpat_<H:32>"),
    ("Square token", "sq0atp-<A:22>"),
    ("Facebook token", "EAAB<A:70>"),
    ("OpenAI or Anthropic key", "sk-ant-api03-<A:60>"),
    ("Hugging Face token", "hf_<A:34>"),
    ("Groq, xAI, Replicate or Perplexity key", "gsk_<A:52>"),
    ("Linear, Notion, Figma or Airtable token", "lin_api_<A:40>"),
    ("Typeform, Contentful or Frame.io token", "CFPAT-<A:43>"),
    ("EasyPost, Shippo, Duffel or Flutterwave key", "EZAK<A:54>"),
    ("Grafana token", "glsa_<A:32>_<H:8>"),
    ("New Relic key", "NRAK-<U:27>"),
    ("Dynatrace token", "dt0c01.<U:24>.<U:64>"),
    ("Sentry token", "sntrys_<A:60>"),
    ("Honeycomb, Logz or Better Stack key", "hcaik_<A:40>"),
    ("Rapid7 token", "us:01234567-89ab-cdef-0123-456789abcdef"),
    ("JSON web token", "eyJ<A:20>.eyJ<A:20>.<A:40>"),
    ("age key", "AGE-SECRET-KEY-1<U:58>"),
    (
        "private key block",
        "-----BEGIN RSA PRIVATE KEY-----\n<A:64>\n<A:64>\n-----END RSA PRIVATE KEY-----",
    ),
    ("PuTTY private key", "Private-Lines: 2\n<A:64>\n<A:64>"),
    ("hash of a password", "$6$abcdefgh$<A:64>"),
    (
        "Slack webhook",
        "https://hooks.slack.com/services/T0/B0/<A:24>",
    ),
    (
        "Discord webhook",
        "https://discord.com/api/webhooks/123456/<A:68>",
    ),
    (
        "Teams webhook",
        "https://x.webhook.office.com/webhookb2/<A:40>/x/<H:32>",
    ),
    (
        "Google Chat webhook",
        "https://chat.googleapis.com/v1/spaces/A/messages?a=<A:20>",
    ),
    (
        "Telegram bot",
        "https://api.telegram.org/bot123456:<A:35>/x",
    ),
    ("Telegram bot token", "123456789:AA<A:33>"),
    (
        "other webhook",
        "https://hooks.zapier.com/hooks/catch/1/<A:20>",
    ),
    (
        "SQL: IDENTIFIED BY",
        "create user x IDENTIFIED WITH y BY '<A:12>'",
    ),
    (
        "SQL: IDENTIFIED BY, without quotes",
        "create user x identified by <A:12>;",
    ),
    ("SQL: PASSWORD", "set x = PASSWORD('<A:12>')"),
    ("expect: send", "send \"<A:12>\\r\""),
    (
        "sed: in place of a password, between slash",
        "s/@DB_PASSWORD@/<A:12>/g",
    ),
    (
        "sed: in place of a password, between bar",
        "s|@DB_PASSWORD@|<A:12>|g",
    ),
    (
        "sed: in place of a password, between hash",
        "s#@DB_PASSWORD@#<A:12>#g",
    ),
    (
        "sed: in place of a password, between comma",
        "s,DB_PASSWORD,<A:12>,g",
    ),
    (
        "sed: in place of a password, between at",
        "s@DB_PASSWORD@<A:12>@g",
    ),
    ("netrc", "machine h login u password <A:12>"),
    ("netrc, password alone", "password <A:12>"),
    ("debconf: password", "x y/root_password password <A:12>"),
    ("lftp: open", "open -u user,<A:12> h"),
    ("Perl: quote-like", "$password = q(<A:12>)"),
    ("PHP: define", "define('DB_PASSWORD', '<A:12>')"),
    ("Python: auth of requests", "get(u, auth=('me', '<A:12>'))"),
    ("Python: HTTPBasicAuth and login", "s.login('me', '<A:12>')"),
    (
        "PowerShell: secure string",
        "ConvertTo-SecureString '<A:12>' -AsPlainText",
    ),
    ("Kerberos: addprinc, cpw", "addprinc -pw <A:12> u"),
    ("Redis: a user's password", "ACL SETUSER u on ><A:12>"),
    ("X: basic authorization by itself", "Basic <A:20>"),
    ("X: bearer by itself", "Bearer <A:20>"),
    ("pgpass", "h:5432:app:app:<A:12>"),
];

/// Returns the example with its longest secret part.
fn spelled(example: &str) -> (String, String) {
    let mut whole = String::new();
    let mut longest = String::new();
    let mut pieces = example.split('<');
    whole.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (kind, rest) = piece.split_once('>').expect("a closing sign");
        let Some((alphabet, length)) = kind.split_once(':') else {
            whole.push_str(piece);
            continue;
        };
        let source = match alphabet {
            "A" => A,
            "H" => H,
            _ => U,
        };
        let secret = &source[..length.parse().expect("a length")];
        if secret.len() > longest.len() {
            longest = secret.to_owned();
        }
        whole.push_str(secret);
        whole.push_str(rest);
    }
    (whole, longest)
}

#[test]
fn built_in_patterns_compile() {
    SecretRules::compile_all();
}

#[test]
fn each_form_is_masked() {
    for (name, _) in SecretRules::forms() {
        let example = EXAMPLES.iter().find(|(known, _)| *known == name);
        let (_, example) = example.unwrap_or_else(|| panic!("no example of {name}"));
        let (whole, secret) = spelled(example);
        for (before, after) in [("", ""), ("x ", " y"), ("'", "'")] {
            let got = text(&mut Redactor::new(), &format!("{before}{whole}{after}"));
            assert!(got.contains("‹secret 1›"), "{name}: {got}");
            assert!(secret.is_empty() || !got.contains(&secret), "{name}: {got}");
        }
    }
}

#[test]
fn short_options_are_those_of_known_programs() {
    for line in [
        "semanage·port·-a·-t·http_port_t·-p·tcp·8080",
        "truncate·-s·10M·/swap",
        "nft·-s·list·ruleset",
        "npm·-s·run·build",
        "read·-s·NAME",
        "useradd·-p·!·u",
        "usermod·-p·*·u",
        "anything·-p·tcp·-s·status",
        "docker·run·-p·8080:80·x",
        "docker·run·--secret·id=a,src=/b·x",
        "gcloud·secrets·versions·access·1·--secret=db-password1",
        "x·user@host:22·reg:5000/a@sha256:0123456789abcdefABC",
    ] {
        untouched(line);
    }
    for (before, after) in [
        ("docker·login·-p·Hunter2·h", "docker·login·-p·‹secret 1›·h"),
        ("redis-cli·-a·letmein·ping", "redis-cli·-a·‹secret 1›·ping"),
        ("sqlplus·scott/tiger@db", "sqlplus·scott/‹secret 1›@db"),
        (
            "smbclient·//h/s·-U·u%letmein",
            "smbclient·//h/s·-U·u%‹secret 1›",
        ),
        ("htpasswd·-bc·/f·u·letmein", "htpasswd·-bc·/f·u·‹secret 1›"),
        ("cargo·login·letmein1", "cargo·login·‹secret 1›"),
        (
            "sh·-c·echo root:letmein | chpasswd",
            "sh·-c·echo root:‹secret 1› | chpasswd",
        ),
        (
            "sh·-c·chpasswd <<E\nu:letmein\nv:openup\nE",
            "sh·-c·chpasswd <<E\nu:‹secret 1›\nv:‹secret 2›\nE",
        ),
        (
            "bash·-c·sudo -S id <<< letmein",
            "bash·-c·sudo -S id <<< ‹secret 1›",
        ),
        (
            "tracer·record·-o·t·--·curl·-u·a:letmein·h",
            "tracer·record·-o·t·--·curl·-u·a:‹secret 1›·h",
        ),
        ("tool·u:Hunter2xyz@h:22", "tool·u:‹secret 1›@h:22"),
    ] {
        check(before, after);
    }
}

#[test]
fn the_own_command_is_masked_in_what_leads_to_it() {
    let mut redactor = Redactor::new();
    let words = |line: &str| -> Vec<Vec<u8>> {
        line.split('·')
            .map(|word| word.as_bytes().to_vec())
            .collect()
    };
    let shown = |argv: &[Vec<u8>]| String::from_utf8_lossy(&argv.join(&b' ')).into_owned();
    let mut command = words("./x.sh·--password·letmein");
    redactor.own_command(&mut command);
    assert_eq!(shown(&command), "./x.sh --password ‹secret 1›");
    for (before, after) in [
        (
            "renamed·rec·./x.sh·--password·letmein",
            "renamed rec ./x.sh --password ‹secret 1›",
        ),
        (
            "sh·-c·renamed rec ./x.sh --password letmein",
            "sh -c renamed rec ./x.sh --password ‹secret 1›",
        ),
        ("sh·wrapper·letmein", "sh wrapper ‹secret 1›"),
        ("sh·other letmein", "sh other letmein"),
    ] {
        let mut argv = words(before);
        redactor.carrier(&mut argv);
        assert_eq!(shown(&argv), after);
    }
}

#[test]
fn given_values_are_masked_whatever_they_are() {
    let values = [b"open".to_vec(), b"plain".to_vec()];
    let mut redactor = Redactor::with(SecretRules::built_in(), &values);
    assert_eq!(
        text(&mut redactor, "reopens a plain"),
        "re‹secret 1›s a ‹secret 2›"
    );
    let mut off = Redactor::off();
    assert_eq!(
        masked(&mut off, &["x", "--password", "Hunter2"])[2],
        "Hunter2"
    );
}

#[test]
fn a_table_of_the_user_goes_first() {
    let mut rules = SecretRules::built_in();
    let text = "[[program]]\nnames = \"mysql own\"\nuses = [\"-p PLAIN\", \"add * SECRET\"]\n";
    Arc::make_mut(&mut rules)
        .add("own.toml", text)
        .expect("a table");
    let mut redactor = Redactor::with(rules, &[]);
    assert_eq!(
        masked(
            &mut redactor,
            &["own", "-p", "Hunter2xyz", "add", "u", "letmein"]
        ),
        ["own", "-p", "Hunter2xyz", "add", "u", "‹secret 1›"]
    );
}

#[test]
fn slips_have_their_place() {
    for (table, place) in [
        (
            "[[form]]\nname = \"x\"\nbegin = []\n",
            "t.toml:3:1: unknown field `begin`",
        ),
        (
            "[[form]]\nname = \"x\"\nbegins = [\"abc\"]\npattern = \"a(\"\n",
            "t.toml:4:11: ",
        ),
        (
            "[[form]]\nname = \"x\"\nbegins = [\"a\"]\npattern = \"a\"\n",
            "t.toml:3:11: a literal of one byte",
        ),
        (
            "[[program]]\nnames = \"x\"\nuses = [\"-p SECRET\", \"-q\"]\n",
            "t.toml:3:22: `-q` is no value",
        ),
        (
            "[[program]]\nnames = \" \"\n",
            "t.toml:2:9: a program without a name",
        ),
        ("x = = 1\n", "t.toml:1:5: "),
    ] {
        let error = SecretRules::default()
            .add("t.toml", table)
            .expect_err(table);
        let message = error.to_string();
        assert!(message.contains(place), "{message}");
        assert!(message.contains("hint: "), "{message}");
    }
}
