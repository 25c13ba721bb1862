//! Shows privilege that an exec gained from its file.

use super::{Context, Field, escape, field::Object, json::Nested, process::user, value::Value};
use crate::model::{Gain, Model};

/// Names of capabilities (capabilities(7)), by number.
const CAPABILITIES: [&str; 41] = [
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
];

/// Names the capabilities of a set.
fn capabilities(set: u64) -> Vec<String> {
    (0..64)
        .filter(|number| set >> number & 1 == 1)
        .map(|number| match CAPABILITIES.get(number) {
            Some(name) => (*name).to_owned(),
            None => format!("cap_{number}"),
        })
        .collect()
}

/// Says who gained what: "nobody → root (setuid)", "nobody + cap_net_raw (file)".
pub(super) fn gained(model: &Model, gain: &Gain) -> String {
    let (from, to) = (user(model, gain.from), user(model, gain.to));
    match gain.capabilities {
        0 => format!("{from} → {to} (setuid)"),
        set => format!(
            "{to} + {} (file capabilities)",
            capabilities(set).join(", ")
        ),
    }
}

/// The gain of an exec.
static GAIN: [Field<Gain>; 7] = [
    Field::<Gain>::new("from_uid", "real user id of the caller", |_, gain| {
        Value::Number(gain.from.into())
    }),
    Field::<Gain>::new("from", "name of that user", |context, gain| {
        Value::text(user(context.model, gain.from))
    }),
    Field::<Gain>::new(
        "to_uid",
        "effective user id under the program",
        |_, gain| Value::Number(gain.to.into()),
    ),
    Field::<Gain>::new("to", "name of that user", |context, gain| {
        Value::text(user(context.model, gain.to))
    }),
    Field::<Gain>::new("by", "setuid or capabilities", |_, gain| {
        Value::text(match gain.capabilities {
            0 => "setuid",
            _ => "capabilities",
        })
    }),
    Field::<Gain>::new(
        "capabilities",
        "capabilities from the file",
        |_, gain| match gain.capabilities {
            0 => Value::Nothing,
            set => Value::Texts(capabilities(set)),
        },
    ),
    Field::<Gain>::new("caller", "program that called execve(2)", |_, gain| {
        Value::bytes(&gain.caller)
    }),
];

/// Returns a gain as a nested object.
pub(super) fn value<'a>(context: Context<'a>, gain: &'a Gain) -> Value<'a> {
    Value::Nested(Nested::Gain(Object::new(context, &GAIN, gain)))
}

/// Says who gained what, and by which program; escaped.
pub(super) fn described(model: &Model, gain: &Gain) -> String {
    format!("{}, by {}", gained(model, gain), escape::text(&gain.caller))
}
