//! Secrets that a command is given: they are in no byte of the trace and in no output. Unit tests
//! define which words are secrets.

use std::process::Command;

use crate::harness::{Recorded, Recording, Test, live, run, tracer, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(a_key_is_masked_also_without_its_option),
        live!(passwords_in_urls_and_options_are_masked),
        live!(other_text_is_not_masked),
    ]
}

/// 64 bytes as base64: 88 characters that end in `==`, as real keys do.
fn key() -> String {
    let script = "head -c 64 /dev/urandom | base64 -w 0";
    let key = run(Command::new("sh").args(["-c", script])).success();
    assert_eq!(key.text().len(), 88);
    key.text().to_owned()
}

/// Everything that the tool prints about a recording, and the file itself.
fn everything(recorded: &Recorded) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![
        (
            "the trace".to_owned(),
            std::fs::read(&recorded.file).expect("the trace"),
        ),
        (
            "stderr of the recording".to_owned(),
            recorded.ended.stderr.clone(),
        ),
    ];
    for verb in ["replay", "tree", "connections"] {
        for format in ["text", "jsonl"] {
            let mut command = tracer();
            command
                .arg(verb)
                .arg(&recorded.file)
                .args(["--format", format]);
            let answer = run(&mut command).success();
            all.push((format!("{verb} --format {format}"), answer.stdout));
        }
    }
    all
}

#[track_caller]
fn nowhere(recorded: &Recorded, secret: &str) {
    for (what, bytes) in everything(recorded) {
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is in {what}");
    }
}

fn a_key_is_masked_also_without_its_option() {
    let key = key();
    // As the installer passes it: to its bundle, into a text, bare, and within another word.
    let script = "while getopts w:s: option; do case $option in s) key=$OPTARG ;; *) ;; esac; done
        sh -c 'exit 0' bundle --upgrade -w ID -s \"$key\"
        /bin/true --shared \"$key\"; /bin/true \"$key\"; echo x | tr x \"$key\" >/dev/null
        sh -c \"true 'SHARED_KEY=$key'\"
        /bin/true \"prefix-$key-suffix\"; /bin/true \"${key%==}\"";
    let mut command = words(["sh", "-c", script, "onboard_agent.sh", "-w", "ID", "-s"]);
    command.push(key.clone().into());
    let recorded = Recording::of(command).option(["--live"]).run();
    assert_eq!(recorded.ended.code, Some(0));
    nowhere(&recorded, key.trim_end_matches('='));
    let messages = recorded.ended.messages().to_owned();
    // Its number depends on the secrets in command lines of other processes.
    let mark = messages
        .split("-s '")
        .nth(1)
        .and_then(|rest| rest.split('\'').next());
    let mark = mark.unwrap_or_else(|| panic!("{messages}"));
    assert!(mark.starts_with("‹secret "), "{messages}");
    let place = format!("  {mark}: argument 7 of sh [");
    assert!(messages.contains(&place), "{place}: {messages}");
    assert!(
        messages.contains(", and 7 more command lines"),
        "{messages}"
    );
    let trace = recorded.trace();
    let marks = trace
        .of_command("exec")
        .iter()
        .filter(|event| {
            let argv = event.argv().join(&b' ');
            String::from_utf8_lossy(&argv).contains(mark)
        })
        .count();
    assert_eq!(marks, 8, "each place has its mark");
    let kept = trace
        .of_command("exec")
        .iter()
        .any(|event| event.argv() == [&b"tr"[..], b"x", mark.as_bytes()]);
    assert!(kept, "the rest of the arguments is there");
}

fn passwords_in_urls_and_options_are_masked() {
    let script = "/bin/true --proxy http://user:hunter2hunter2@proxy.example:3128
        /bin/true -H 'Authorization: WSID; c2lnbmF0dXJlLW9mLXRoZS1yZXF1ZXN0'
        /bin/true --password=correct-horse-battery; /bin/true --token t0ken-abcdefgh
        sh -c \"true 'Environment=http_proxy=http://demo-user:demo-password@10.0.0.9:3128'\"";
    // The script itself is an argument, so that it has to be masked as a text.
    let recorded = Recording::of(words(["sh", "-c", script])).run();
    assert_eq!(recorded.ended.code, Some(0));
    for secret in [
        "hunter2hunter2",
        "c2lnbmF0dXJlLW9mLXRoZS1yZXF1ZXN0",
        "correct-horse-battery",
        "t0ken-abcdefgh",
        "demo-password",
    ] {
        nowhere(&recorded, secret);
    }
    let trace = recorded.trace();
    let urls = trace.read("replay", ["--event", "exec"]).success();
    assert!(
        urls.text().contains("@proxy.example:3128"),
        "{}",
        urls.text()
    );
}

fn other_text_is_not_masked() {
    let path = format!("/opt/{}", "a-directory-with-a-long-name/".repeat(6));
    let word = "x".repeat(88);
    let hash = "0123456789abcdef".repeat(4);
    let mut command = words(["/bin/true", "-w", "00000000-0000-4000-8000-000000000000"]);
    command.extend([path, word, hash].map(Into::into));
    let expected: Vec<Vec<u8>> = command
        .iter()
        .map(|word| word.as_encoded_bytes().to_vec())
        .collect();
    let trace = Recording::of(command).run().trace();
    assert_eq!(trace.of_command("exec")[0].argv(), expected);
}
