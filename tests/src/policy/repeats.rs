//! Records the same work several times, each time from the same state: nothing may be new, and
//! nothing gone, although names of temporary files and ids of processes differ.

use std::{fs, path::Path};

use serde_json::Value;

use super::{check, recordings::learn};
use crate::{
    files::record,
    harness::{Test, live, run, tracer, words},
    package::{clean_stage, is_bare_stage_possible},
};

pub(super) fn tests() -> Vec<Test> {
    vec![
        live!(three_downloads_by_pip_are_the_same)
            .needs("/usr/bin/pip3")
            .needs("ip"),
        live!(two_installations_by_dpkg_are_the_same)
            .needs("dpkg-deb")
            .prepared(is_bare_stage_possible),
    ]
}

/// Serves an index with a package and what it needs.
const INDEX: &str = r#"ip link set lo up
mkdir -p simple/acme simple/dep home
/usr/bin/python3 - <<'END'
import zipfile
for name, needs in ("acme", "Requires-Dist: dep\n"), ("dep", ""):
    with zipfile.ZipFile(f"simple/{name}/{name}-1.2.3-py3-none-any.whl", "w") as wheel:
        info = f"{name}-1.2.3.dist-info"
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\n{needs}"
        kind = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{name}.py", "x = 1\n" * 50000)
        wheel.writestr(f"{info}/METADATA", head)
        wheel.writestr(f"{info}/WHEEL", kind)
        wheel.writestr(f"{info}/RECORD", "")
END
/usr/bin/python3 -m http.server --bind 127.0.0.1 8080 >/dev/null 2>&1 &
export SERVER=$! HOME=/opt/home
sleep 1"#;

const DOWNLOAD: &str = "mkdir out; cd out
/usr/bin/python3 -m pip download --disable-pip-version-check --index-url \
http://127.0.0.1:8080/simple/ acme >&2; kill $SERVER";

fn three_downloads_by_pip_are_the_same() {
    let traces = [(); 3].map(|()| record(INDEX, DOWNLOAD));
    let policy = nothing_differs(&traces.each_ref().map(|trace| trace.file.as_path()));
    assert!(
        policy.contains("destination = \"localhost:8080\""),
        "{policy}"
    );
    assert!(policy.contains("seen = 3"), "{policy}");
}

/// Makes a package whose script leaves random names and the id of a process.
const PACKAGE: &str = r#"cd /var/tmp
mkdir -p acme/DEBIAN acme/opt/acme/bin acme/etc/cron.d acme/lib/systemd/system
printf '%s\n' 'Package: acme' 'Version: 1.0' 'Architecture: all' \
    'Maintainer: Acme <a@acme.example>' 'Description: x' >acme/DEBIAN/control
cat >acme/DEBIAN/postinst <<'END'
#!/bin/sh
set -e
made=$(mktemp)
echo $$ >$made
useradd --system acme
mkdir /var/opt/acme
cp $made /var/opt/acme/acme-$$.pid
mktemp /var/opt/acme/tmp.XXXXXXXXXX
rm $made
END
chmod 755 acme/DEBIAN/postinst
cp /bin/true acme/opt/acme/bin/acmed
echo '* * * * * root /opt/acme/bin/acmed' >acme/etc/cron.d/acme
echo '[Service]' >acme/lib/systemd/system/acme.service
dpkg-deb --root-owner-group --build acme >/dev/null"#;

fn two_installations_by_dpkg_are_the_same() {
    let traces = [(); 2].map(|()| {
        let stage = clean_stage();
        stage.call(["sh", "-ec", PACKAGE]);
        let line = words(["dpkg", "-i", "/var/tmp/acme.deb"]);
        stage.usual_recording(line).run().trace()
    });
    let policy = nothing_differs(&traces.each_ref().map(|trace| trace.file.as_path()));
    for rule in ["\"acme:all\"", "\"acme.service\"", "/etc/cron.d/acme"] {
        assert!(policy.contains(rule), "{rule}: {policy}");
    }
}

/// Ends of the warnings about rules for other tests, which may be needed or not.
const OTHERS: [&str; 5] = [
    "nothing needed program **",
    "nothing needed destination *",
    "nothing needed listener *",
    "nothing needed inbound *",
    "nothing needed change process, file",
];

/// Checks that each recording conforms to the policy of each, and to the policy of all, and that no
/// pair differs. Returns the policy of all.
fn nothing_differs(traces: &[&Path]) -> String {
    let place = tempfile::tempdir().expect("a directory");
    let policy = place.path().join("policy.toml");
    let conform = || {
        for trace in traces {
            let checked = check(trace, &policy, &[]);
            let text = checked.text();
            assert_eq!(checked.code, Some(0), "{text}{}", checked.messages());
            let unused = text
                .lines()
                .filter(|line| !OTHERS.iter().any(|other| line.ends_with(other)));
            assert_eq!(unused.collect::<Vec<_>>(), ["conforms"]);
        }
    };
    learn(&traces[1..2], &policy);
    conform();
    learn(traces, &policy);
    conform();
    let differences = run(tracer()
        .arg("diff")
        .args(&traces[..2])
        .args(["--format", "jsonl"]));
    let differences = differences.success();
    let lines = differences.text();
    let of_command: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|row: &Value| row["tree"] == "command")
        .collect();
    assert!(of_command.is_empty(), "{of_command:#?}");
    fs::read_to_string(&policy).expect("a policy")
}
