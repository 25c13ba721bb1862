//! Declares the fields of events of processes.

use crate::{
    event::{Cgroup, Exec, ExecFailed, Exit, Rename, Snapshot, SnapshotProcess, UserChanged},
    view::{
        errno_name,
        field::{Field, Object},
        json::{
            Nested, exe_device, exe_group, exe_inode, exe_mode, exe_namespace, exe_owner,
            mount_namespace, network_namespace, pid_namespace, root, user_inside, user_namespace,
        },
        signal_name,
        value::Value,
    },
};

pub(super) static EXEC: [Field<Exec>; 12] = [
    Field::<Exec>::new("filename", "path given to execve(2)", |_, exec| {
        Value::bytes(&exec.filename)
    }),
    Field::<Exec>::new("interpreter", "program that runs a script", |_, exec| {
        Value::bytes(&exec.interpreter)
    }),
    Field::<Exec>::new("cwd", "working directory", |_, exec| {
        Value::bytes(&exec.cwd)
    }),
    Field::<Exec>::new(
        "root_directory",
        "root directory, where not the recorder's",
        |_, exec| Value::bytes_if_any(&exec.root_directory),
    ),
    Field::<Exec>::new("argv", "command line", |_, exec| Value::Words(&exec.argv)),
    Field::<Exec>::new(
        "argv_bytes",
        "bytes of the whole command line",
        |_, exec| Value::Number(exec.argv_bytes),
    ),
    Field::<Exec>::new(
        "truncated",
        "true if the command line was cut",
        |_, exec| Value::Flag(exec.truncated),
    ),
    exe_device(),
    exe_inode(),
    exe_owner(),
    exe_group(),
    exe_mode(),
];

pub(super) static EXEC_FAILED: [Field<ExecFailed>; 4] = [
    Field::<ExecFailed>::new("filename", "path given to execve(2)", |_, failed| {
        Value::bytes(&failed.filename)
    }),
    Field::<ExecFailed>::new("argv", "command line", |_, failed| {
        Value::Words(&failed.argv)
    }),
    Field::<ExecFailed>::new(
        "truncated",
        "true if the command line was cut",
        |_, failed| Value::Flag(failed.truncated),
    ),
    Field::<ExecFailed>::new("error", "error of the kernel", |_, failed| {
        Value::text(errno_name(failed.error))
    }),
];

pub(super) static USER_CHANGED: [Field<UserChanged>; 2] = [
    Field::<UserChanged>::new("real_uid", "new real user id", |_, changed| {
        Value::Number(changed.real_user.into())
    }),
    Field::<UserChanged>::new(
        "at_end",
        "true: found at the end of the recording, at an unknown time",
        |_, changed| Value::flag_if(changed.at_end, true),
    ),
];

pub(super) static EXIT: [Field<Exit>; 2] = [
    Field::<Exit>::new("signal", "signal that ended it", |_, exit| signal(*exit)),
    Field::<Exit>::new("code", "exit code", |_, exit| code(*exit)),
];

/// Returns the signal that ended a process.
pub(super) fn signal<'a>(exit: Exit) -> Value<'a> {
    let signal = exit.signal();
    signal.map_or(Value::Nothing, |signal| Value::text(signal_name(signal)))
}

/// Returns the exit code of a process that no signal ended.
pub(super) fn code<'a>(exit: Exit) -> Value<'a> {
    match exit.signal() {
        Some(_) => Value::Nothing,
        None => Value::Number(exit.code().into()),
    }
}

pub(super) static RENAME: [Field<Rename>; 2] = [
    Field::<Rename>::new("from", "comm before", |_, rename| {
        Value::bytes(&rename.from)
    }),
    Field::<Rename>::new("to", "comm after", |_, rename| Value::bytes(&rename.to)),
];

pub(super) static CGROUP: [Field<Cgroup>; 1] = [Field::<Cgroup>::new(
    "path",
    "path of the new cgroup",
    |_, cgroup| Value::bytes(&cgroup.path),
)];

pub(super) static SNAPSHOT: [Field<Snapshot>; 1] = [Field::<Snapshot>::new(
    "processes",
    "processes that ran before",
    |context, snapshot| {
        let all = snapshot.processes.iter();
        let all = all.map(|process| Object::new(context, &SNAPSHOT_PROCESS, process));
        Value::Nested(Nested::SnapshotProcesses(all.collect()))
    },
)];

/// A process that ran before.
static SNAPSHOT_PROCESS: [Field<SnapshotProcess>; 21] = [
    Field::<SnapshotProcess>::new("pid", "process id", |_, process| {
        Value::Number(process.pid.into())
    }),
    Field::<SnapshotProcess>::new("start_ns", "start, since boot", |_, process| {
        Value::Number(process.start_ns)
    }),
    Field::<SnapshotProcess>::new("ppid", "process id of the parent", |_, process| {
        Value::Number(process.parent_pid.into())
    }),
    Field::<SnapshotProcess>::new("name", "comm", |_, process| Value::bytes(&process.comm)),
    Field::<SnapshotProcess>::new("exe", "path of the executable", |_, process| {
        Value::bytes_if_any(&process.exe)
    }),
    Field::<SnapshotProcess>::new("uid", "effective user id", |_, process| {
        Value::Number(process.user.into())
    }),
    root(),
    mount_namespace(),
    exe_namespace(),
    user_namespace(),
    pid_namespace(),
    network_namespace(),
    user_inside(),
    exe_device(),
    exe_inode(),
    exe_owner(),
    exe_group(),
    exe_mode(),
    Field::<SnapshotProcess>::new("argv", "command line", |_, process| {
        Value::Words(&process.argv)
    }),
    Field::<SnapshotProcess>::new("cgroup", "path of the cgroup", |_, process| {
        Value::bytes(&process.cgroup)
    }),
    Field::<SnapshotProcess>::new(
        "root_directory",
        "root directory, where not the recorder's",
        |_, process| Value::bytes_if_any(&process.root_directory),
    ),
];
