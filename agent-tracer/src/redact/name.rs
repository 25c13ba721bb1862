//! Judges by the name of an option, variable, field or parameter whether its value is a secret. The
//! value itself is not examined.

use super::program::is_listed;

/// Endings of names that always have secrets, also in one piece: `PGPASSWORD`, `clientSecret`.
const SECRETS: [&[u8]; 8] = [
    b"password",
    b"passcode",
    b"passwd",
    b"passphrase",
    b"token",
    b"secret",
    b"storepass",
    b"keypass",
];

/// Words before `key` in a name of a secret, if not in capitals. `public-key` and `sort-key` are
/// harmless.
const KEYS: &str = "access account activation admin api app application auth decryption deploy \
    encryption enroll enrollment functions hmac ingest ingestion install integration join licence \
    license master preshared private product provisioning recovery register registration registry \
    secret security session setup shared signing storage subscription unlock workspace write";

/// The same, if the value is often only the name of a key.
const WEAK_KEYS: &str = "primary secondary";

/// Words before `pass` or `pw` without a joint.
const OWNERS: &str = "account admin bind db ftp http key ldap mail my proxy remote root site smtp \
    sql store ups user";

/// Options whose value is `user:password`, or a way to log in.
const PAIRS: &str = "auth basic-auth credential credentials creds http-auth login proxy-auth \
    proxy-user user-pass userpass userpwd";

/// Options whose value is a secret if it looks like one.
const CODES: &str =
    "activation-code cookie licence license registration-code sas serial-number ticket unlock-code";

/// Words behind the name of a secret that turn it into a harmless fact: `TOKEN_FILE`,
/// `passwordAuthentication`.
const ABOUT: &str = "age alg algorithm attempts auth authentication backend callback cmd command \
    complexity count dir directory enabled encoder endpoint env exp expiration expired expires \
    expiry field file filename format header history host hint issuer kind label len length \
    lifetime limit manager max min mode name namespace param path placeholder policy port prefix \
    prompt provider ref regex required reset retries rotation rule rules scope service size \
    source status stdin store suffix timeout ttl type uri url usage user username version";

/// First words of an option without a value: `--no-password`.
const FLAGS: &str = "accept ask disable no prompt require skip use without";

/// Parameters of a URL that have secrets there and are common words elsewhere.
const PARAMETERS: &str =
    "apikey auth code key pass pwd sig signature subscription-key x-amz-signature x-goog-signature";

/// The kind of a name with a secret value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A password, token or secret.
    Secret,
    /// The same, or the number of a pass.
    Pass,
    /// The same, or a rooted path: `PWD`, `SECRET_KEY`, `PASSWORD_OLD`.
    Place,
    /// A key, which may also be the path or the address of one.
    Key,
    /// A parameter of a URL, which may also be a word or a number.
    Parameter,
    /// `user:password`, of an option.
    Pair,
    /// A code, which may also be the name of a licence.
    Code,
}

/// Judges the name of an option as [`secret_name`] does; the next word may be its value.
pub(super) fn option_name(name: &[u8]) -> Option<Name> {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit());
    let name = name.get(..name.len() - digits.count().min(2))?;
    let last = name
        .rsplit(|byte| is_joint(*byte))
        .next()
        .unwrap_or_default();
    match name {
        _ if is_listed(PAIRS, name) || is_listed("creds userpass", last) => Some(Name::Pair),
        _ if is_listed(CODES, name) => Some(Name::Code),
        _ if is_listed("pin otp psk hmac", last) => Some(Name::Place),
        _ if ends(name, b"password-hash").is_some() => Some(Name::Secret),
        _ => secret_name(name),
    }
}

/// Judges a name without leading dashes by its ending.
pub(super) fn secret_name(name: &[u8]) -> Option<Name> {
    if SECRETS.iter().any(|secret| ends(name, secret).is_some()) {
        return Some(Name::Secret);
    }
    if ends(name, b"pwd").is_some() {
        // The only variable with this ending that is never a directory.
        let password = name.eq_ignore_ascii_case(b"mysql_pwd");
        return Some(if password { Name::Secret } else { Name::Place });
    }
    let owned = |before: &[u8]| {
        let owner = before.rsplit(|byte| is_joint(*byte)).next();
        owner.is_none_or(|owner| owner.is_empty() || is_listed(OWNERS, owner))
    };
    if ends(name, b"pass").is_some_and(owned) {
        return Some(Name::Pass);
    }
    if ends(name, b"pw").is_some_and(owned) || ends(name, b"psk").is_some_and(owned) {
        return Some(Name::Place);
    }
    let before = ends(name, b"key")?;
    let (kind, joint) = before.split_at(before.len().saturating_sub(1));
    let joined = joint.iter().any(|byte| is_joint(*byte));
    let in_capitals = joint == b"_" && !name.iter().any(u8::is_ascii_lowercase);
    let kind = if joined { kind } else { before };
    let word = kind
        .rsplit(|byte| is_joint(*byte))
        .next()
        .unwrap_or_default();
    let known = is_listed(KEYS, word);
    if is_listed(WEAK_KEYS, word) {
        return Some(Name::Parameter);
    }
    (in_capitals && !kind.is_empty() || known).then_some(Name::Key)
}

/// Judges a name as [`secret_name`] does, and by all its words. The value must be certain, unlike
/// the word after an option.
pub(super) fn part_name(name: &[u8]) -> Option<Name> {
    match secret_name(name) {
        Some(Name::Key) | None => {}
        Some(_) if words(name).any(|word| word.eq_ignore_ascii_case(b"existing")) => return None,
        found => return found,
    }
    if has_secret_part(name) {
        return Some(Name::Place);
    }
    secret_name(name)
}

/// Judges a parameter behind `?` or `&` as [`part_name`] does.
pub(super) fn parameter(name: &[u8]) -> Option<Name> {
    match name {
        _ if name.eq_ignore_ascii_case(b"sig") || ends(name, b"-signature").is_some() => {
            Some(Name::Secret)
        }
        _ if is_listed(PARAMETERS, name) => Some(Name::Parameter),
        _ => part_name(name),
    }
}

/// Returns true for the name of an option that has no value, despite its ending.
pub(super) fn is_flag(name: &[u8]) -> bool {
    words(name)
        .next()
        .is_some_and(|first| is_listed(FLAGS, first))
}

fn has_secret_part(name: &[u8]) -> bool {
    let mut found = false;
    let mut last: &[u8] = b"";
    for word in words(name) {
        if found && is_listed(ABOUT, word) || word.eq_ignore_ascii_case(b"existing") {
            return false;
        }
        let digits = word.iter().rev().take_while(|byte| byte.is_ascii_digit());
        let word = word.get(..word.len() - digits.count()).unwrap_or_default();
        let ending = |end: &[u8]| ends(word, end).is_some();
        found |= SECRETS.iter().any(|secret| ending(secret))
            || ending(b"pwd")
            || ending(b"apikey")
            || ending(b"accesskey")
            || word.eq_ignore_ascii_case(b"key") && is_listed("access api secret", last);
        last = word;
    }
    found
}

/// Splits a name into words: at joints, and before a capital behind a small letter.
fn words(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.split(|byte| is_joint(*byte)).flat_map(|part| {
        part.chunk_by(|before, after| !before.is_ascii_lowercase() || !after.is_ascii_uppercase())
    })
}

fn is_joint(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.')
}

/// Returns the text before `suffix`, in any case.
pub(super) fn ends<'a>(text: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    let (before, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(before)
}
