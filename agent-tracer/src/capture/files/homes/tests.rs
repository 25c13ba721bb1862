//! Tests homes with the text that passwd(5) may hold, hostile text included.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
};

use proptest::prelude::*;

use super::{ALL_HOMES, HOMES, Homes, LENGTH, PASSWD_LIMIT, is_within_ssh};

const MOUNTS: &str = "27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 0:25 / /proc rw - proc proc rw\n";

/// Returns the `.ssh` directories found, and the count of homes left out.
fn found(passwd: impl AsRef<[u8]>, mounts: &str) -> (Vec<String>, usize) {
    let mut homes = Homes::default();
    let new = homes.take(passwd.as_ref(), mounts.as_bytes(), |_| true);
    assert_eq!(new.len(), homes.count());
    let new = new.iter().map(|directory| directory.display().to_string());
    (new.collect(), homes.left_out())
}

fn line(home: impl AsRef<[u8]>) -> Vec<u8> {
    [b"a:x:1:1::", home.as_ref(), b":/bin/sh\n"].concat()
}

#[test]
fn a_home_is_where_passwd_says() {
    let text = "a:x:1:1::/no-such-place/a:/bin/sh\n\
                b:x:2:2::/no-such-place//b/./:\nc:x:3:3::/no-such-place/a\n\
                # d:x:4:4::/no-such-place/d:\n+::::::\n:x:5:5::/no-such-place/e:\n\
                f:x:6:6::\nshort:x:/no-such-place/g\n\
                h:x:7:7::/:/sbin/nologin\ni:x:8:8::/no-such-place/x/../i:\n\n::::::::::\n";
    let ssh_directories = [
        "/.ssh",
        "/no-such-place/a/.ssh",
        "/no-such-place/b/.ssh",
        "/no-such-place/i/.ssh",
    ];
    assert_eq!(
        found(text, MOUNTS),
        (ssh_directories.map(str::to_owned).to_vec(), 0)
    );
}

#[test]
fn what_is_no_place_for_a_home_is_left_out() {
    for home in [
        b"relative/a".to_vec(),
        b"~".to_vec(),
        b"/proc".to_vec(),
        b"/proc/self/root/no-such-place".to_vec(),
        b"/no-such-place/../proc/1/root".to_vec(),
        b"/no-such-place\0/a".to_vec(),
        [&b"/"[..], &[b'a'; LENGTH]].concat(),
        b"/a".repeat(LENGTH / 2),
        b"/..".repeat(LENGTH / 3),
    ] {
        let shown = String::from_utf8_lossy(&home).into_owned();
        assert_eq!(found(line(home), MOUNTS), (Vec::new(), 1), "{shown}");
    }
    // A non-directory has no entries yet.
    assert_eq!(found(line("/dev/null"), MOUNTS).0, ["/dev/null/.ssh"]);
    // The parent of the root is the root.
    assert_eq!(found(line("/../.."), MOUNTS).0, ["/.ssh"]);
}

#[test]
fn file_systems_of_others_are_not_entered() {
    let mounts = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
        28 27 0:25 / /no-such-place/net rw - autofs auto rw\n\
        29 27 0:26 / /no-such-place/my\\040disk rw - nfs4 server:/ rw\n\
        30 27 0:27 / /no-such-place/a/.ssh rw - fuse.sshfs x rw\n\
        31 27 0:28 / /no-such-place/under rw - nfs4 server:/ rw\n\
        32 31 0:29 / /no-such-place/under rw - xfs /dev/vdb rw\n\
        33 27 0:30 / /no-such-place/over rw - xfs /dev/vdb rw\n\
        34 33 0:31 / /no-such-place/over rw - cifs //server/x rw\n";
    let homes = ["net", "net/a/b", "my disk/a", "a", "over/a"];
    for home in homes.map(|name| format!("/no-such-place/{name}")) {
        assert_eq!(found(line(&home), mounts), (Vec::new(), 1), "{home}");
    }
    let (ssh_directories, left_out) = found(line("/no-such-place/under/a"), mounts);
    assert_eq!((ssh_directories.len(), left_out), (1, 0));
}

#[test]
fn links_lead_to_homes_and_not_out_of_them() {
    let place = tempfile::tempdir().expect("a directory");
    let place = fs::canonicalize(place.path()).expect("its path");
    let at = |name: &str| place.join(name);
    fs::create_dir_all(at("var/a")).expect("directories");
    symlink("var", at("homes")).expect("a link");
    symlink(at("homes/../var/a"), at("b")).expect("a link");
    symlink("round", at("round")).expect("a link");
    symlink("/proc/self/root", at("out")).expect("a link");
    symlink("/etc", at("var/a/.ssh")).expect("a link");
    let of = |name: &str| found(line(at(name).as_os_str().as_bytes()), MOUNTS);
    let directory = at("var/a/.ssh").display().to_string();
    assert_eq!(of("homes/a"), (vec![directory.clone()], 0));
    assert_eq!(of("b"), (vec![directory], 0));
    assert_eq!(of("round"), (Vec::new(), 1));
    assert_eq!(of("round/a"), (Vec::new(), 1));
    assert_eq!(of("out/x"), (Vec::new(), 1));
}

#[test]
fn there_is_an_end_to_homes() {
    let many = |from: usize, to: usize| {
        let homes = (from..to).map(|number| format!("a:x:1:1::/no-such-place/{number}:\n"));
        homes.collect::<String>()
    };
    let (ssh_directories, left_out) = found(many(0, HOMES + 7), MOUNTS);
    assert_eq!((ssh_directories.len(), left_out), (HOMES, 7));
    let mut homes = Homes::default();
    for round in 0..4 {
        let text = many(round * HOMES, (round + 1) * HOMES);
        homes.take(text.as_bytes(), MOUNTS.as_bytes(), |_| true);
    }
    assert_eq!((homes.count(), homes.left_out()), (ALL_HOMES, HOMES));
    // A line cut at the limit does not count.
    let limit = usize::try_from(PASSWD_LIMIT).expect("a length");
    let mut text = line("/no-such-place/a");
    let half = b"a:x:1:1::/no-such";
    text.resize(limit - half.len(), b'\n');
    text.extend(half);
    assert_eq!(found(text, MOUNTS).0, ["/no-such-place/a/.ssh"]);
}

#[test]
fn those_who_come_are_new_and_those_who_go_stay() {
    let mut homes = Homes::default();
    let mut take = |text: &[u8]| {
        let wanted = |directory: &Path| !directory.starts_with("/no-such-place/no");
        homes.take(text, MOUNTS.as_bytes(), wanted)
    };
    assert_eq!(take(&line("/no-such-place/a")).len(), 1);
    let both = [
        line("/no-such-place/a"),
        line("/no-such-place/b"),
        line("/no-such-place/no/c"),
    ]
    .concat();
    assert_eq!(take(&both), [Path::new("/no-such-place/b/.ssh")]);
    assert!(take(b"").is_empty());
    assert!(homes.contains(Path::new("/no-such-place/a/.ssh/authorized_keys")));
    assert!(homes.is_ssh_directory(Path::new("/no-such-place/b/.ssh")));
    assert!(homes.is_ancestor(Path::new("/no-such-place")) && !homes.is_ancestor(Path::new("/")));
    assert_eq!(
        homes
            .ssh_directories_below(Path::new("/no-such-place/b"))
            .len(),
        1
    );
    for other in [
        "/no-such-place/a",
        "/no-such-place/a/.sshx",
        "/no-such-place/no/c/.ssh",
        "/x/.ssh",
    ] {
        assert!(!homes.contains(Path::new(other)), "{other}");
    }
}

#[test]
fn whatever_is_called_ssh() {
    let is = |path: &[u8]| is_within_ssh(Path::new(OsStr::from_bytes(path)));
    assert!(is(b"/.ssh") && is(b"/a/.sshd/.ssh/x") && is(b"/\xff/.ssh/rc"));
    assert!(!is(b"/a/.sshd") && !is(b"/a/x.ssh/y") && !is(b""));
}

proptest! {
    #[test]
    fn any_bytes(
        text in prop::collection::vec(any::<u8>(), 0..400),
        mounts in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        Homes::default().take(&text, &mounts, |_| true);
    }

    #[test]
    fn any_home(home in "[/.a-z\\x00~]{0,80}") {
        let (ssh_directories, _) = found(line(&home), MOUNTS);
        let is_plain = |it: &String| it.ends_with("/.ssh") && !it.contains("/../");
        prop_assert!(ssh_directories.iter().all(is_plain));
        prop_assert!(ssh_directories.iter().all(|directory| !directory.starts_with("/proc")));
    }
}
