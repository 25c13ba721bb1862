//! Reads policies, learns them from recordings, and checks recordings against them.
//!
//! A policy is TOML. It lists all that a recording may do; everything else is a finding.
//!
//! ```toml
//! [require]
//! facts = ["fork", "exec", "connect"]
//! [[allow]]
//! destination = "github.com:443"
//! tree = "command"
//! reason = "the archive"
//! [[deny]]
//! change = "file"
//! attention = "setuid"
//! ```
//!
//! A recording that did not see all conforms to nothing: unknown is neither absent nor new.

mod check;
mod closest;
mod compare;
mod end;
mod index;
mod item;
mod learn;
mod marks;
mod matches;
mod observe;
mod parse;
mod programs;
mod rule;
mod sight;
#[cfg(test)]
mod tests;
mod value;
mod volatile;
mod write;

pub use check::{Finding, Outcome, Verdict, Why, check};
pub use closest::{Aspect, Closest};
pub use compare::{Comparison, Difference, Side, compare};
pub use end::{EndPattern, Ports};
pub use item::{End, Item, Party, Subject};
pub use learn::{Draft, learn};
pub use marks::{Mark, Marks};
pub use observe::{Observation, Recording, Wish};
pub use programs::Executions;
pub use rule::{AttentionCondition, Conditions, Policy, Require, Required, Rule, What};
pub use sight::{Blind, COMPARED, FACTS, Sight};
pub use write::{AddError, add, new_policy};

pub use crate::rules::RuleError as PolicyError;
