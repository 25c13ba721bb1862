//! Declares the fields of processes: at an event, and at the end of a trace.

use super::{
    Field,
    field::Unit,
    json::{
        exe_device, exe_group, exe_inode, exe_mode, exe_namespace, exe_owner, mount_namespace,
        network_namespace, pid_namespace, root, user_inside, user_namespace,
    },
    process::{self, because},
    shape::{Kind, Shape, declared},
    signal_name,
    value::Value,
};
use crate::model::{Model, Process};

/// A process wherever a row or an event names one.
pub(super) static PROCESS: [Field<Process>; 19] = [
    Field::<Process>::new("pid", "process id", |_, process| {
        Value::Number(process.id.pid.into())
    })
    .shape(Shape::Integer),
    Field::<Process>::new(
        "start_ns",
        "start, since boot; with pid unique in a boot",
        |_, process| Value::Number(process.id.start_ns),
    )
    .unit(Unit::Nanoseconds),
    Field::<Process>::new(
        "ppid",
        "process id of the parent, where known",
        |_, process| {
            let parent = process.parent_pid;
            Value::number((parent != 0).then_some(parent.into()))
        },
    )
    .shape(Shape::Integer),
    Field::<Process>::new("name", "comm: the name of its main thread", |_, process| {
        Value::Bytes((&*process.comm).into())
    }),
    Field::<Process>::new("exe", "path of the executable", |_, process| {
        Value::bytes_if_any(&process.exe)
    }),
    Field::<Process>::new("uid", "effective user id", |_, process| {
        Value::Number(process.user.into())
    })
    .shape(Shape::Integer),
    Field::<Process>::new("user", "name of that user", |context, process| {
        user_name(context.model, process)
    }),
    Field::<Process>::new("real_uid", "real user id, where known", |_, process| {
        Value::number(process.real_user.map(u64::from))
    })
    .shape(Shape::Integer),
    Field::<Process>::new(
        "login_uid",
        "user id of the login, where set",
        |_, process| Value::number(process.login_user.map(u64::from)),
    )
    .shape(Shape::Integer),
    root(),
    mount_namespace(),
    exe_namespace(),
    user_namespace(),
    pid_namespace(),
    network_namespace(),
    user_inside(),
    Field::<Process>::new("unit", "systemd unit", |_, process| {
        let unit = process.unit.as_deref();
        unit.map_or(Value::Nothing, |unit| Value::Bytes(unit.into()))
    }),
    Field::<Process>::new("tree", "tree of the process", |_, process| {
        Value::text(&*process.tree)
    }),
    Field::<Process>::new("because", "reason for that tree", |context, process| {
        Value::text(because(context.model, process))
    }),
];

/// A process as a kind of objects.
pub(super) const A_PROCESS: Kind = Kind {
    name: "process",
    fields: || declared(&PROCESS),
};

/// Further fields of a process at the end of a trace.
static LIFE: [Field<Process>; 21] = [
    Field::<Process>::new(
        "parent_start_ns",
        "start of the parent, since boot",
        |context, process| {
            let parent = process.parent;
            Value::number(parent.map(|parent| context.model.process(parent).id.start_ns))
        },
    )
    .unit(Unit::Nanoseconds),
    Field::<Process>::new("cgroup", "path of the cgroup", |_, process| {
        Value::bytes_if_any(&process.cgroup)
    }),
    Field::<Process>::new(
        "container",
        "beginning of the container's id",
        |_, process| {
            let container = process.container();
            container.map_or(Value::Nothing, |container| {
                Value::Text(String::from_utf8_lossy(container))
            })
        },
    ),
    Field::<Process>::new(
        "container_name",
        "name of that container, where its manager's files have it",
        |context, process| {
            let container = context.model.container(process);
            container.map_or(Value::Nothing, |container| {
                Value::bytes_if_any(&container.name)
            })
        },
    ),
    Field::<Process>::new(
        "container_image",
        "image of that container, likewise",
        |context, process| {
            let container = context.model.container(process);
            container.map_or(Value::Nothing, |container| {
                Value::bytes_if_any(&container.image)
            })
        },
    ),
    exe_device(),
    exe_inode(),
    exe_owner(),
    exe_group(),
    exe_mode(),
    Field::<Process>::new("names", "all names that it had", |_, process| {
        Value::Names(process.names.iter().map(|name| &**name).collect())
    })
    .shape(Shape::Texts),
    Field::<Process>::new("argv", "command line", |_, process| {
        Value::Words(&process.argv)
    })
    .shape(Shape::Texts),
    Field::<Process>::new("cwd", "working directory at the last exec", |_, process| {
        Value::bytes_if_any(&process.cwd)
    }),
    Field::<Process>::new(
        "root_directory",
        "root directory at the last exec, where not the recorder's",
        |_, process| Value::bytes_if_any(&process.root_directory),
    ),
    Field::<Process>::new(
        "former_users",
        "users that it ran as before",
        |context, process| {
            let users = process.former_users.iter();
            let users: Vec<String> = users
                .map(|user| process::user(context.model, *user))
                .collect();
            match users.is_empty() {
                true => Value::Nothing,
                false => Value::Texts(users),
            }
        },
    )
    .shape(Shape::Texts),
    Field::<Process>::new(
        "started",
        "time of its fork, where seen",
        |context, process| {
            let started = process.forked_ns;
            Value::written(started.map(|at| context.page.clock.rfc3339(at)))
        },
    )
    .unit(Unit::Time),
    Field::<Process>::new("execs", "number of execs", |_, process| {
        Value::Number(process.execs.into())
    })
    .shape(Shape::Integer),
    Field::<Process>::new("running", "true if it ran at the end", |_, process| {
        Value::Flag(process.is_running())
    })
    .shape(Shape::Flag),
    Field::<Process>::new("ended", "time of its exit", |context, process| {
        let ended = process.ended();
        Value::written(ended.map(|(at, _)| context.page.clock.rfc3339(at)))
    })
    .unit(Unit::Time),
    Field::<Process>::new("signal", "signal that ended it", |_, process| {
        let signal = process.ended().and_then(|(_, exit)| exit.signal());
        signal.map_or(Value::Nothing, |signal| Value::text(signal_name(signal)))
    }),
    Field::<Process>::new("code", "exit code", |_, process| {
        let exit = process.ended().map(|(_, exit)| exit);
        let exit = exit.filter(|exit| exit.signal().is_none());
        Value::number(exit.map(|exit| exit.code().into()))
    })
    .shape(Shape::Integer),
];

/// Returns the fields of a process at the end of a trace.
pub(super) fn life() -> impl Iterator<Item = &'static Field<Process>> {
    PROCESS.iter().chain(&LIFE)
}

fn user_name<'a>(model: &'a Model, process: &Process) -> Value<'a> {
    let user = model.user_name(process.user);
    user.map_or(Value::Nothing, |user| Value::Bytes(user.into()))
}
