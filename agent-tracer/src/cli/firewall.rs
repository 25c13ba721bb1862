//! `tracer firewall`: destinations as rules of firewalls.

use std::{path::PathBuf, process::ExitCode};

use agent_tracer::{
    policy::{Item, Wish},
    view::{self, FirewallFormat},
};
use clap::ValueEnum;

use super::{
    DAMAGED, INCOMPLETE,
    observing::observe_all,
    output::{self, Lines},
};

/// Write the destinations of recordings as rules of a firewall
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer firewall FILE --format azure --tree omsagent > rules.json
  tracer firewall a.trace b.trace --format nftables > tracer.nft && nft -c -f tracer.nft
  tracer firewall FILE --format cilium > policy.yaml
  tracer firewall FILE --format squid > tracer.conf

The rules allow what was recorded, and nothing else. Addresses of content networks go stale: prefer
formats with names. What a format cannot say is named in the file.

Exit status: 0; 4 if a recording is not complete, and 3 if one is damaged: rules may be missing.")]
pub(super) struct Arguments {
    /// Traces to read
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Language of the rules
    #[arg(long, value_enum)]
    format: Language,
    /// Destinations of this tree; may be repeated [default: all but the system's own]
    #[arg(long, value_name = "NAME")]
    tree: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    /// Azure Firewall and network security groups, JSON.
    Azure,
    /// A table of nftables.
    Nftables,
    /// A CiliumNetworkPolicy, YAML.
    Cilium,
    /// Access lists of squid.
    Squid,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let is_asked_for = |name: &str| arguments.tree.iter().any(|tree| tree == name);
    let wish = Wish {
        parties: false,
        system: is_asked_for("system"),
    };
    let observations = observe_all(&arguments.files, wish)?;
    let is_wanted = |item: &&Item| arguments.tree.is_empty() || is_asked_for(&item.tree);
    let items = observations
        .iter()
        .flat_map(|observation| &observation.items);
    let format = match arguments.format {
        Language::Azure => FirewallFormat::Azure,
        Language::Nftables => FirewallFormat::Nftables,
        Language::Cilium => FirewallFormat::Cilium,
        Language::Squid => FirewallFormat::Squid,
    };
    let text = view::firewall(format, items.filter(is_wanted));
    let mut lines = Lines::new();
    lines.line(text.trim_end())?;
    lines.finish()?;
    let mut status = ExitCode::SUCCESS;
    for observation in observations.iter().filter(|it| !it.sight.is_whole()) {
        let name = view::text(observation.name.as_bytes());
        output::note(&format!("{name}: not complete, so rules may be missing"));
        status = INCOMPLETE.into();
    }
    if observations
        .iter()
        .any(|observation| observation.sight.is_damaged)
    {
        status = DAMAGED.into();
    }
    Ok(status)
}
