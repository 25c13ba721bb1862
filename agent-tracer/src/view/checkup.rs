//! Writes the findings of `tracer doctor` as text and as JSON.

use serde_json::{Value, json};

use crate::capture::{CaptureError, Checkup, Choice, KEPT, Plan};

use super::page::{Emphasis, Page, pad};

/// Writes them as lines.
pub fn checkup(page: &Page, found: &Checkup) -> Vec<String> {
    let mut lines = Vec::new();
    let mut fact = |good: bool, name: &str, value: String| {
        let (mark, emphasis) = match (name, good) {
            ("", _) => ("       ", Emphasis::Faint),
            (_, true) => ("ok     ", Emphasis::Event),
            (_, false) => ("MISSING", Emphasis::Bad),
        };
        let line = format!(
            "{} {} {value}",
            page.emphasise(emphasis, mark),
            pad(name, 10)
        );
        // Advice is never cut: long lines go on below.
        lines.extend(page.wrap(&line, 19));
    };
    let host = &found.host;
    let kernel = format!("Linux {} {}", host.kernel_release, host.arch);
    match found.is_said_to_be_old && !found.can_record() {
        true => fact(false, "kernel", format!("{kernel}: 5.8 or newer is needed")),
        false => fact(true, "kernel", kernel),
    }
    match &found.privileges {
        Ok(()) => fact(true, "privileges", "root".to_owned()),
        Err(missing) => fact(false, "privileges", missing.to_string()),
    }
    for (position, kept) in KEPT.iter().enumerate() {
        let name = if position == 0 { "keeps" } else { "" };
        let when = if kept.is_in_force() {
            ""
        } else {
            " (raised at the end only)"
        };
        let indent = if position == 0 { "" } else { "  " };
        fact(
            true,
            name,
            format!("{indent}{}: {}{when}", kept.name, kept.purpose),
        );
    }
    fact(
        found.has_btf,
        "BTF",
        if found.has_btf {
            "/sys/kernel/btf/vmlinux"
        } else {
            "none: needs a kernel with CONFIG_DEBUG_INFO_BTF=y"
        }
        .to_owned(),
    );
    if let Some(mode) = &found.lockdown {
        let advice = if mode == "confidentiality" {
            "confidentiality: it forbids reading kernel memory with BPF; boot with \
             lockdown=integrity, or without lockdown="
        } else {
            mode
        };
        fact(mode != "confidentiality", "lockdown", advice.to_owned());
    }
    match &found.plan {
        Ok(plan) => {
            for choice in &plan.choices {
                hook(choice, &mut fact);
            }
            for field in &plan.missing_fields {
                fact(
                    false,
                    "BTF member",
                    format!("{field}: what needs it is left out"),
                );
            }
            if plan.inside_pid_namespace {
                fact(
                    true,
                    "namespace",
                    "process ids are those of this PID namespace".to_owned(),
                );
            }
        }
        // The line of privileges has it.
        Err(CaptureError::Unprivileged(_)) => {}
        Err(error) => fact(false, "hooks", error.to_string()),
    }
    lines.push(String::new());
    lines.extend(page.wrap(&verdict(found), 0));
    lines
}

fn hook(choice: &Choice, fact: &mut impl FnMut(bool, &str, String)) {
    let name = match choice.hook {
        Some(hook) => hook.to_string(),
        None => "nothing".to_owned(),
    };
    let is_recorded = choice.hook.is_some();
    fact(
        is_recorded,
        choice.fact.name(),
        format!("{name}: {}", choice.fact.describe()),
    );
    if !choice.failures.is_empty() || choice.caveat.is_some() {
        fact(is_recorded, "", format!("  {}", choice.reason()));
    }
    for failure in &choice.failures {
        // A missing hook is not a defect as long as another reports the fact.
        fact(
            is_recorded,
            "",
            format!("  {}: {}", failure.hook, failure.error),
        );
        fact(is_recorded, "", format!("    {}", failure.hook.remedy()));
    }
}

fn verdict(found: &Checkup) -> String {
    match &found.plan {
        Ok(plan) if lacking(plan).next().is_none() => "Everything can be recorded here.".to_owned(),
        Ok(plan) => {
            let names: Vec<&str> = lacking(plan).collect();
            format!(
                "A recording is possible here, without: {}.",
                names.join(", ")
            )
        }
        Err(_) => "Nothing can be recorded here so far.".to_owned(),
    }
}

fn lacking(plan: &Plan) -> impl Iterator<Item = &'static str> {
    plan.choices
        .iter()
        .filter(|choice| choice.hook.is_none())
        .map(|choice| choice.fact.describe())
}

/// Writes them as one JSON object.
pub fn checkup_json(found: &Checkup) -> String {
    let (facts, error, missing_members, inside): (Vec<Value>, _, _, _) = match &found.plan {
        Ok(plan) => (
            plan.choices.iter().map(choice_json).collect(),
            None,
            plan.missing_fields.clone(),
            Some(plan.inside_pid_namespace),
        ),
        Err(error) => (Vec::new(), Some(error.to_string()), Vec::new(), None),
    };
    let programs: Vec<Value> = found
        .verified_instructions
        .iter()
        .map(|(hook, count)| json!({"hook": hook.to_string(), "verified_instructions": count}))
        .collect();
    let keeps: Vec<Value> = KEPT
        .iter()
        .map(|kept| {
            json!({
                "capability": kept.name,
                "purpose": kept.purpose,
                "always": kept.is_in_force(),
            })
        })
        .collect();
    json!({
        "can_record": found.can_record(),
        "error": error,
        "kernel": found.host.kernel_release,
        "arch": found.host.arch,
        "privileged": found.privileges.is_ok(),
        "keeps": keeps,
        "btf": found.has_btf,
        "lockdown": found.lockdown,
        "inside_pid_namespace": inside,
        "missing_btf_members": missing_members,
        "facts": facts,
        "programs": programs,
    })
    .to_string()
}

fn choice_json(choice: &Choice) -> Value {
    let failures: Vec<Value> = choice
        .failures
        .iter()
        .map(|failure| {
            json!({
                "hook": failure.hook.to_string(),
                "error": failure.error,
                "remedy": failure.hook.remedy(),
            })
        })
        .collect();
    json!({
        "fact": choice.fact.name(),
        "hook": choice.hook.map(|hook| hook.to_string()),
        "reason": choice.reason(),
        "caveat": choice.caveat,
        "failures": failures,
    })
}
