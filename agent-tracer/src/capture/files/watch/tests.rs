//! Changes files, and compares the reported events. That needs root; the live tests insist on it.

use super::*;

#[test]
fn changes_are_reported_with_their_author() {
    let place = tempfile::tempdir().expect("a directory");
    fs::create_dir(place.path().join("a")).expect("a directory");
    let roots = Roots::new(&[place.path().to_owned()], &[]).expect("roots");
    let mut watch = match FileWatch::start(&roots) {
        Ok(watch) => watch,
        Err(error) => {
            println!("skipped: {error}");
            return;
        }
    };
    let script =
        "echo x > a/job && chmod 600 a/job && mv a b && rm b/job && mkdir c && chmod 700 c .";
    let mut child = std::process::Command::new("sh")
        .args(["-c", script])
        .current_dir(place.path())
        .spawn()
        .expect("a shell");
    child.wait().expect("its end");
    let mut reported = Vec::new();
    for change in watch.drain() {
        if let Ok(path) = change.path.strip_prefix(place.path()) {
            let kind = if change.is_directory { "/" } else { "" };
            reported.push(format!("{}{kind} {}", path.display(), change.action.name()));
            assert!(change.is_wanted);
            assert_ne!(change.pid, 0);
        }
    }
    for expected in [
        "c/ created",
        "c/ attributes",
        "/ attributes",
        // By the directory's name at the time of the question.
        "b/job created",
        "b/job written",
        "b/job attributes",
        "b/ renamed",
        "b/job removed",
    ] {
        assert!(
            reported.iter().any(|line| line == expected),
            "{expected}: {reported:?}"
        );
    }
    assert_eq!(watch.take_overflows(), 0);
}

#[test]
fn what_was_in_a_directory_that_is_gone_is_reported() {
    let place = tempfile::tempdir().expect("a directory");
    let roots = Roots::new(&[place.path().to_owned()], &[]).expect("roots");
    let Ok(mut watch) = FileWatch::start(&roots) else {
        println!("skipped: this user cannot watch files");
        return;
    };
    let script = "mkdir -p a/b/c && echo x > a/b/f && echo x > a/b/c/f && rm -r a";
    let mut child = std::process::Command::new("sh")
        .args(["-c", script])
        .current_dir(place.path())
        .spawn()
        .expect("a shell");
    child.wait().expect("its end");
    let mut removed = Vec::new();
    for change in watch.drain() {
        if let Ok(path) = change.path.strip_prefix(place.path())
            && change.action == FileAction::Removed
        {
            removed.push(path.display().to_string());
        }
    }
    removed.sort();
    if removed == ["a"] {
        println!("skipped: this kernel reports no handles of removed files");
        return;
    }
    assert_eq!(removed, ["a", "a/b", "a/b/c", "a/b/c/f", "a/b/f"]);
}
