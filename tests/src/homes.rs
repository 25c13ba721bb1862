//! Tests keys of ssh in the homes of users, existing and new ones. All changes are confined to a
//! namespace: its copy of /etc, its /home in memory, and a file system for homes alone.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Recording, Test, Trace, live, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(keys_are_reported_with_their_author),
        live!(a_file_system_of_homes_is_not_held),
        live!(many_homes_make_a_short_message),
        live!(ignored_files_are_not_reported),
    ]
}

/// Users are made with `user NAME HOME`, in either script.
fn recording(place: &Path, prepare: &str, script: &str) -> Recording {
    const PREPARE: &str = "set -e
        cp -a /etc \"$PLACE/etc\" && mount --bind \"$PLACE/etc\" /etc
        mount -t tmpfs tmpfs /home
        mkdir \"$PLACE/own\" && mount -t tmpfs tmpfs \"$PLACE/own\"
        mkdir \"$PLACE/elsewhere\"
        eval \"$USER_ADDED\"
        eval \"$BEFORE\"
        exec \"$@\"";
    const USER_ADDED: &str = "user() { echo \"$1:x:4000:4000::$2:/bin/sh\" >>/etc/passwd; }; ";
    Recording::of(words(["sh", "-e", "-c", &format!("{USER_ADDED}{script}")]))
        .through(words(["unshare", "--mount", "sh", "-c", PREPARE, "sh"]))
        .environment("PLACE", &place.to_string_lossy())
        .environment("USER_ADDED", USER_ADDED)
        .environment("BEFORE", prepare)
}

/// Returns files that differ in any `.ssh`: name, action, author, and the reason for attention.
fn keys(trace: &Trace, place: &Path) -> Vec<[String; 4]> {
    let rows = trace.lives("changes", ["--all"]);
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let keys = rows.iter().filter(|row| {
        let name = text(row, "name");
        row["kind"] == "file" && (name.contains("/.ssh") || name.contains("/elsewhere"))
    });
    let keys = keys.map(|row| {
        let name = text(row, "name").replace(&*place.to_string_lossy(), "PLACE");
        assert_eq!(row["inferred"], false, "{row}");
        let author = text(&row["process"], "name");
        [name, text(row, "action"), author, text(row, "attention")]
    });
    keys.collect()
}

fn keys_are_reported_with_their_author() {
    let place = tempfile::tempdir().expect("a directory");
    let prepare = "
        for name in has moved owns linked; do
            case $name in owns) home=\"$PLACE/own/$name\";; *) home=/home/$name;; esac
            user $name \"$home\"
            mkdir -p \"$home/.ssh\"
            echo before >\"$home/.ssh/authorized_keys\"
        done
        user will /home/will; mkdir /home/will
        user alone \"$PLACE/own/alone\"; mkdir \"$PLACE/own/alone\"
        rm -r /home/linked/.ssh; ln -s \"$PLACE/elsewhere\" /home/linked/.ssh";
    // A pause lets the recorder find directories that only it looks for: in a file system of homes
    // alone.
    let script = "
        echo more >>/home/has/.ssh/authorized_keys
        mkdir /home/will/.ssh; cp /etc/hostname /home/will/.ssh/authorized_keys
        mv /home/moved/.ssh \"$PLACE/kept\"; ln -s \"$PLACE/kept\" /home/moved/.ssh
        echo more >>\"$PLACE/own/owns/.ssh/authorized_keys\"
        mkdir \"$PLACE/own/alone/.ssh\"; sleep 0.3; cp /etc/hostname \"$PLACE/own/alone/.ssh/rc\"
        user new /home/new; mkdir -p /home/new/.ssh; cp /etc/hostname /home/new/.ssh/authorized_keys
        mkdir -p /home/early/.ssh; cp /etc/hostname /home/early/.ssh/authorized_keys2; user early \
        /home/early
        user late \"$PLACE/own/late\"; sleep 0.3; mkdir \"$PLACE/own/late\"; sleep 0.3; \
        mkdir \"$PLACE/own/late/.ssh\"
        sleep 0.3; cp /etc/hostname \"$PLACE/own/late/.ssh/authorized_keys\"
        mkdir -p /home/nobodys/.ssh; cp /etc/hostname /home/nobodys/.ssh/authorized_keys
        echo more >>\"$PLACE/elsewhere/authorized_keys\"";
    let trace = recording(place.path(), prepare, script).run().trace();
    let log_in = "who may log in over ssh";
    let expected = [
        ["/home/early/.ssh", "new", "mkdir", ""],
        ["/home/early/.ssh/authorized_keys2", "new", "cp", log_in],
        ["/home/has/.ssh/authorized_keys", "changed", "sh", log_in],
        ["/home/moved/.ssh", "changed", "ln", log_in],
        ["/home/moved/.ssh/authorized_keys", "gone", "mv", log_in],
        ["/home/new/.ssh", "new", "mkdir", ""],
        ["/home/new/.ssh/authorized_keys", "new", "cp", log_in],
        // Without a user it is not compared, but seen.
        ["/home/nobodys/.ssh", "new", "mkdir", ""],
        ["/home/nobodys/.ssh/authorized_keys", "new", "cp", log_in],
        ["/home/will/.ssh", "new", "mkdir", ""],
        ["/home/will/.ssh/authorized_keys", "new", "cp", log_in],
        // In no .ssh, but changed by the command. /etc is a bind mount from the same file system.
        ["PLACE/elsewhere/authorized_keys", "new", "sh", log_in],
        ["PLACE/own/alone/.ssh", "new", "mkdir", ""],
        [
            "PLACE/own/alone/.ssh/rc",
            "new",
            "cp",
            "runs at a login over ssh",
        ],
        ["PLACE/own/late/.ssh", "new", "mkdir", ""],
        ["PLACE/own/late/.ssh/authorized_keys", "new", "cp", log_in],
        [
            "PLACE/own/owns/.ssh/authorized_keys",
            "changed",
            "sh",
            log_in,
        ],
    ];
    let expected = expected.map(|row| row.map(str::to_owned));
    assert_eq!(keys(&trace, place.path()), expected);
}

fn a_file_system_of_homes_is_not_held() {
    let place = tempfile::tempdir().expect("a directory");
    let prepare = "user owns \"$PLACE/own/owns\"; mkdir -p \"$PLACE/own/owns/.ssh\"";
    let script = "echo x >\"$PLACE/own/owns/.ssh/rc\"; sleep 0.1; umount \"$PLACE/own\"";
    let recorded = recording(place.path(), prepare, script).run();
    assert_eq!(
        recorded.ended.code,
        Some(0),
        "{}",
        recorded.ended.messages()
    );
}

fn many_homes_make_a_short_message() {
    let place = tempfile::tempdir().expect("a directory");
    // The mount there is not one of this machine's disks.
    let prepare = "
        mkdir /home/net && mount -t proc proc /home/net
        for number in $(seq 500); do user u$number /home/u$number; done
        user net /home/net/1; user odd relative; user root2 /proc/1/root";
    let recorded = recording(place.path(), prepare, "mkdir -p /home/u7/.ssh").run();
    let trace = recorded.trace();
    let compared = trace.all("files_compared").next().expect("a comparison");
    let (homes, left_out) = (compared.number("homes"), compared.number("homes_left_out"));
    assert!((500..600).contains(&homes), "{homes}");
    // Plus the homes that this machine has already.
    assert!((3..100).contains(&left_out), "{left_out}");
    let read = trace.read("changes", []);
    let said = read.messages();
    let words = format!(
        "and .ssh of {homes} homes, were compared; other files were not, nor was .ssh of \
         {left_out} more homes"
    );
    let said: Vec<&str> = said.split_whitespace().collect();
    let said = said.join(" ");
    assert!(said.contains(&words), "{said}");
    assert!(!said.contains("/home/u"), "{said}");
}

fn ignored_files_are_not_reported() {
    let place = tempfile::tempdir().expect("a directory");
    let prepare = "user a /home/a; mkdir -p /home/a/.ssh";
    let script =
        "echo x >/home/a/.ssh/rc; user b /home/b; mkdir -p /home/b/.ssh; echo x >/home/b/.ssh/rc";
    let recording = recording(place.path(), prepare, script);
    let trace = recording.option(["--ignore", "/home/**"]).run().trace();
    assert_eq!(keys(&trace, place.path()), Vec::<[String; 4]>::new());
    let reported = trace
        .all("file")
        .filter(|event| event.text("path").starts_with("/home/"));
    assert_eq!(reported.count(), 0);
}
