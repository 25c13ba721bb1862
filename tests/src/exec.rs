//! Compares executed programs with strace: the same command gives the same multiset of successful
//! execs, byte for byte. Their processes are not compared.

use std::{collections::BTreeMap, ffi::OsString, fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::harness::{
    Call, Recording, Test, Trace, act, base64_or_text, live, record, run, strace, words,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(a_shell_script_with_pipes_and_subshells).needs("strace"),
        live!(a_script_run_by_a_script).needs("strace"),
        live!(a_dpkg_install).needs("strace").needs("dpkg-deb"),
        live!(a_fan_out).needs("strace"),
        live!(a_fan_out_by_make).needs("strace").needs("make"),
        live!(threads_of_python_that_start_programs)
            .needs("strace")
            .needs("python3"),
        live!(odd_arguments).needs("strace"),
        live!(an_exec_by_a_thread).needs("strace"),
        live!(an_exec_by_descriptor).needs("strace"),
        live!(arguments_of_128_kib_are_whole),
        live!(longer_arguments_are_truncated_and_marked).alone(),
        live!(a_failed_exec_is_not_an_event),
        live!(an_exec_has_its_directory_and_user),
    ]
}

/// A successful exec, in the terms of both sides. For a script, strace sees the arguments before
/// the kernel adds the interpreter, so `argv[0]` of a script is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Exec {
    path: Vec<u8>,
    name: Option<Vec<u8>>,
    rest: Vec<Vec<u8>>,
}

/// Returns the execs of a trace in the command's tree, and the paths of scripts among them.
fn recorded(trace: &Trace) -> (Vec<Exec>, Vec<Vec<u8>>) {
    let mut scripts = Vec::new();
    let execs = trace
        .of_command("exec")
        .into_iter()
        .map(|event| {
            let path = base64_or_text(&event.0, "filename");
            let mut argv = event.argv();
            let whole: usize = argv.iter().map(|word| word.len() + 1).sum();
            assert_eq!(event.number("argv_bytes"), whole as u64, "{event:?}");
            assert_eq!(event.0["truncated"], false, "{event:?}");
            let mut name = Some(argv.remove(0));
            if base64_or_text(&event.0, "interpreter") != path {
                scripts.push(path.clone());
                name = None;
                let script = argv.iter().position(|word| *word == path);
                argv.drain(..=script.expect("a script is an argument of its interpreter"));
            }
            Exec {
                path,
                name,
                rest: argv,
            }
        })
        .collect();
    (execs, scripts)
}

fn reported(calls: Vec<Call>, scripts: &[Vec<u8>]) -> Vec<Exec> {
    calls
        .into_iter()
        .filter_map(|call| match call {
            Call::Connect(_) => None,
            Call::Exec { path, mut argv } => {
                let name = Some(argv.remove(0)).filter(|_| !scripts.contains(&path));
                Some(Exec {
                    path,
                    name,
                    rest: argv,
                })
            }
        })
        .collect()
}

/// Runs a command twice, and compares. `prepare` makes both runs alike.
#[track_caller]
fn compare(command: Vec<OsString>, prepare: impl Fn(), at_least: usize) {
    prepare();
    let (ended, calls) = strace(&command);
    ended.success();
    prepare();
    let trace = record(command);
    assert_eq!(trace.ended.code, Some(0), "{}", trace.ended.messages());
    let (recorded, scripts) = recorded(&trace);
    let reported = reported(calls, &scripts);
    assert!(
        reported.len() >= at_least,
        "strace saw {} execs",
        reported.len()
    );
    let mut counts: BTreeMap<&Exec, i32> = BTreeMap::new();
    for exec in &reported {
        *counts.entry(exec).or_default() += 1;
    }
    for exec in &recorded {
        *counts.entry(exec).or_default() -= 1;
    }
    for (exec, surplus) in counts {
        let what: String = format!("{exec:?}").chars().take(300).collect();
        assert_eq!(
            surplus, 0,
            "execs that strace has more of than tracer: {what}"
        );
    }
}

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a directory");
        }
        fs::write(&path, text).expect("a file");
        make_executable(&path);
    }
    directory
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
}

fn a_shell_script_with_pipes_and_subshells() {
    let files = directory(&[(
        "it.sh",
        "for word in a b c; do
            echo \"$word\" | cat | sed -e 's/x/y/' | /bin/cat >/dev/null
        done
        (cd / && (ls . | head -n 1)) >/dev/null
        count=$(printf '1\\n2\\n' | wc -l)
        [ \"$count\" -eq 2 ] || exit 1
        { cat /dev/null & cat /dev/null & wait; }
        env WORD=1 nice -n 1 /bin/true 'an argument' '' '*'
        exec /bin/true last",
    )]);
    let script = files.path().join("it.sh");
    compare(
        vec!["sh".into(), script.into(), "an argument".into()],
        || {},
        17,
    );
}

fn a_script_run_by_a_script() {
    let files = directory(&[("outer", ""), ("inner", "#!/bin/sh -e\n/bin/true \"$@\"\n")]);
    let inner = files.path().join("inner");
    let outer = files.path().join("outer");
    let head = format!("#!{} an option\nfalse\n", inner.display());
    fs::write(&outer, head).expect("a script");
    compare(vec![outer.into(), "one".into(), "t w o".into()], || {}, 2);
}

/// Installs a tiny package with its own scripts, confined to a directory.
fn a_dpkg_install() {
    let files = directory(&[
        (
            "package/DEBIAN/control",
            "Package: tracer-tests-example\nVersion: 1.0\nArchitecture: all\n\
             Maintainer: Example <it@example.org>\nDescription: an example\n",
        ),
        (
            "package/DEBIAN/preinst",
            "#!/bin/sh\necho before | cat >/dev/null\n",
        ),
        (
            "package/DEBIAN/postinst",
            "#!/bin/sh\n(/bin/true after) && id -u >/dev/null\n",
        ),
        ("package/usr/share/example/file", "an example\n"),
    ]);
    let path = |name: &str| files.path().join(name);
    let package = path("package.deb");
    run(Command::new("dpkg-deb")
        .args(["--build", "--root-owner-group"])
        .arg(path("package"))
        .arg(&package))
    .success();
    let root = path("root");
    let administration = root.join("var/lib/dpkg");
    let prepare = || {
        if root.exists() {
            fs::remove_dir_all(&root).expect("the last run's root");
        }
        fs::create_dir_all(administration.join("info")).expect("a directory");
        fs::create_dir_all(administration.join("updates")).expect("a directory");
        fs::write(administration.join("status"), "").expect("an empty list");
    };
    let mut command = words([
        "dpkg",
        "--force-script-chrootless",
        "--force-not-root",
        "--force-bad-path",
        "--log=/dev/null",
    ]);
    let mut option = |name: &str, value: &Path| {
        let mut word = OsString::from(name);
        word.push(value);
        command.push(word);
    };
    option("--root=", &root);
    option("--admindir=", &administration);
    command.extend(["--install".into(), package.into()]);
    compare(command, prepare, 8);
    assert!(root.join("usr/share/example/file").exists());
}

fn a_fan_out() {
    compare(act(["fan-out", "200", "8"]), || {}, 201);
}

fn a_fan_out_by_make() {
    let files = directory(&[(
        "Makefile",
        "all: $(addprefix job-,$(shell seq 60))\njob-%:\n\t@/bin/true $@\n\t@echo $@ | cat \
         >/dev/null\n",
    )]);
    let mut command = words(["make", "-j4", "-C"]);
    command.push(files.path().into());
    compare(command, || {}, 180);
}

fn threads_of_python_that_start_programs() {
    let files = directory(&[(
        "it.py",
        "import subprocess, threading
def work(lane):
    for job in range(6):
        subprocess.run(['/bin/true', f'{lane}-{job}', '\\n'], check=True)
threads = [threading.Thread(target=work, args=(lane,)) for lane in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
",
    )]);
    // The name `python3` can be a script that searches for the interpreter.
    let question = ["-c", "import sys; print(sys.executable, end='')"];
    let python = run(Command::new("python3").args(question)).success();
    let script = files.path().join("it.py");
    let command = vec![
        python.text().into(),
        "-S".into(),
        "-E".into(),
        script.into(),
    ];
    compare(command, || {}, 49);
}

fn odd_arguments() {
    // 100 KiB, and nearly as long as the kernel takes: with its name, 128 KiB in all.
    compare(act(["odd-arguments", "102400", "131066"]), || {}, 10);
}

fn an_exec_by_a_thread() {
    compare(
        act(["exec-in-thread", "/bin/true", "by a thread"]),
        || {},
        2,
    );
}

fn an_exec_by_descriptor() {
    compare(act(["by-descriptor"]), || {}, 3);
}

/// Returns the exec of `/bin/true` by the actor, with arguments of so many bytes in all.
fn exec_with(bytes: &str, strict_code: i32) -> (u64, Vec<Vec<u8>>, bool, String) {
    let recorded = Recording::of(act(["long-argument", bytes])).run();
    assert_eq!(recorded.ended.code, Some(0));
    let trace = Trace::read(recorded);
    let messages = trace.replayed.messages().to_owned();
    assert_eq!(trace.replayed.code, Some(strict_code), "{messages}");
    let event = trace
        .of_command("exec")
        .into_iter()
        .find(|event| event.text("filename") == "/bin/true")
        .expect("the exec");
    let truncated = event.0["truncated"].as_bool().expect("a truth value");
    (
        event.number("argv_bytes"),
        event.argv(),
        truncated,
        messages,
    )
}

fn arguments_of_128_kib_are_whole() {
    for bytes in [4096, 32767, 32768, 65536, 131_071, 131_072] {
        let (reported, argv, truncated, _) = exec_with(&bytes.to_string(), 0);
        assert!(!truncated, "{bytes}");
        assert_eq!(reported, bytes);
        let whole: usize = argv.iter().map(|word| word.len() + 1).sum();
        assert_eq!(whole as u64, bytes);
        assert!(argv.iter().flatten().all(|byte| *byte == b'y'), "{bytes}");
    }
}

fn longer_arguments_are_truncated_and_marked() {
    for bytes in [131_073, 600_000] {
        let (reported, argv, truncated, messages) = exec_with(&bytes.to_string(), 4);
        assert!(truncated, "{bytes}");
        assert_eq!(reported, bytes);
        let kept: usize = argv.iter().map(|word| word.len() + 1).sum();
        assert!((131_000..=131_072 + 1).contains(&kept), "{kept}");
        assert!(argv.iter().flatten().all(|byte| *byte == b'y'), "{bytes}");
        assert!(messages.contains("argument list"), "{messages}");
    }
}

fn a_failed_exec_is_not_an_event() {
    let files = directory(&[]);
    let missing = files.path().join("missing");
    let mut command = words(["sh", "-c", "\"$1\" 2>/dev/null; true; exit 0", "sh"]);
    command.push(missing.into());
    let trace = record(command);
    assert_eq!(trace.of_command("exec").len(), 1);
}

fn an_exec_has_its_directory_and_user() {
    let files = directory(&[("a dir/it.sh", "#!/bin/sh\nexit 0\n")]);
    let inside = files.path().join("a dir").canonicalize().expect("a path");
    let mut command = words(["sh", "-c", "cd \"$1\" && ./it.sh", "sh"]);
    command.push(inside.clone().into());
    let trace = record(command);
    let execs = trace.of_command("exec");
    let script = execs.last().expect("the script");
    assert_eq!(script.text("filename"), "./it.sh");
    assert_eq!(script.text("interpreter"), "/bin/sh");
    assert_eq!(script.text("cwd"), inside.display().to_string());
    assert_eq!(script.argv(), [&b"/bin/sh"[..], b"./it.sh"]);
    assert_eq!(script.process()["name"], "it.sh");
    assert_eq!(script.process()["user"], "root");
    let shell = fs::canonicalize("/bin/sh").expect("a shell");
    assert_eq!(script.process()["exe"], shell.display().to_string());
}
