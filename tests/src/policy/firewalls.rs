//! Firewalls and the schemas of clouds read the rules for destinations.

use std::{fs, path::PathBuf, process::Command, sync::OnceLock};

use serde_json::Value;

use super::Bench;
use crate::harness::{Test, live, plain, python_with, run, succeeds, tool_room, tracer};

pub(super) fn tests() -> Vec<Test> {
    vec![
        live!(nft_accepts_the_rules).needs("nft").needs("unshare"),
        plain!(squid_parses_the_rules).needs("squid"),
        plain!(cilium_and_azure_have_the_documented_shape).needs("ruby"),
        plain!(the_schema_of_cilium_accepts_the_policy).only_where(has_cilium, NO_CILIUM),
        plain!(the_models_of_azure_accept_the_rules).only_where(has_azure, NO_AZURE),
        plain!(firewalls_have_the_hosts),
    ]
}

fn firewall(format: &str) -> String {
    let bench = Bench::of("oms-names");
    let mut command = tracer();
    let command = command.arg("firewall").arg(&bench.trace);
    run(command.args(["--format", format])).text().to_owned()
}

fn nft_accepts_the_rules() {
    let rules = firewall("nftables");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("it.nft");
    fs::write(&file, &rules).expect("rules");
    run(Command::new("unshare")
        .args(["--net", "nft", "-c", "-f"])
        .arg(&file))
    .success();
    assert!(
        rules.contains("go stale") && rules.contains(" . tcp . 443"),
        "{rules}"
    );
}

/// Parses only; no proxy is started.
fn squid_parses_the_rules() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("squid.conf");
    let rules = firewall("squid");
    let around = format!("http_port 127.0.0.1:3128\n{rules}http_access deny all\n");
    fs::write(&file, around).expect("rules");
    let parsed = run(Command::new("squid").args(["-k", "parse", "-f"]).arg(&file));
    let said = parsed.messages();
    assert_eq!(parsed.code, Some(0), "{said}");
    for complaint in ["ERROR", "WARNING", "FATAL"] {
        assert!(!said.contains(complaint), "{said}");
    }
    assert!(
        said.contains("acl tracer_hosts_80 dstdomain github.com"),
        "{said}"
    );
}

/// Checks keys and types as the documentation of Cilium and of Azure Resource Manager has them.
fn cilium_and_azure_have_the_documented_shape() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("it.yaml");
    fs::write(&file, firewall("cilium")).expect("rules");
    let to_json =
        "require 'yaml'; require 'json'; puts JSON.dump(YAML.load_stream(File.read(ARGV[0])))";
    let read = run(Command::new("ruby").args(["-e", to_json]).arg(&file)).success();
    let documents: Vec<Value> = serde_json::from_str(read.text()).expect("JSON");
    assert!(!documents.is_empty());
    for document in &documents {
        assert_eq!(document["apiVersion"], "cilium.io/v2");
        assert_eq!(document["kind"], "CiliumNetworkPolicy");
        assert!(document["metadata"]["name"].is_string());
        assert!(document["spec"]["endpointSelector"].is_object());
        for rule in document["spec"]["egress"].as_array().expect("rules") {
            let keys: Vec<&String> = rule.as_object().expect("a rule").keys().collect();
            let known = ["toFQDNs", "toCIDR", "toCIDRSet", "toPorts", "toEndpoints"];
            assert!(
                keys.iter().all(|key| known.contains(&key.as_str())),
                "{rule}"
            );
            for name in rule["toFQDNs"].as_array().into_iter().flatten() {
                let is_name = name["matchName"].is_string() || name["matchPattern"].is_string();
                assert!(is_name, "{name}");
            }
            for ports in rule["toPorts"].as_array().into_iter().flatten() {
                for port in ports["ports"].as_array().expect("ports") {
                    let number = port["port"].as_str().expect("a port is a string");
                    number.parse::<u16>().expect("a port");
                    let protocol = port["protocol"].as_str();
                    assert!(matches!(protocol, Some("TCP" | "UDP" | "ANY")), "{port}");
                }
            }
        }
    }
    let azure: Value = serde_json::from_str(&firewall("azure")).expect("JSON");
    for collection in azure["applicationRuleCollections"]
        .as_array()
        .expect("a list")
    {
        let properties = &collection["properties"];
        let priority = properties["priority"].as_u64().expect("a priority");
        assert!((100..=65_000).contains(&priority), "{priority}");
        assert_eq!(properties["action"]["type"], "Allow");
        for rule in properties["rules"].as_array().expect("rules") {
            assert!(rule["targetFqdns"].is_array() && rule["sourceAddresses"].is_array());
            for protocol in rule["protocols"].as_array().expect("protocols") {
                let kind = protocol["protocolType"].as_str();
                assert!(
                    matches!(kind, Some("Http" | "Https" | "Mssql")),
                    "{protocol}"
                );
                assert!(protocol["port"].is_u64(), "{protocol}");
            }
        }
    }
}

/// The schema of a CiliumNetworkPolicy as a validator, and a reader of YAML, as npm has them.
const CILIUM: [&str; 2] = ["@kubernetes-models/cilium@4", "yaml@2"];

/// The reason for a skip without them.
const NO_CILIUM: &str = "node and npm, or a registry with @kubernetes-models/cilium, are not here";

/// Validates the policies of a file. The schema lets unknown keys pass, so notes each key and what
/// the validator reads.
const CILIUM_READER: &str = r#"
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { CiliumNetworkPolicy } from "@kubernetes-models/cilium/cilium.io/v2";
const keys = new Set(), read = new Set();
const watched = (value, place) => {
  if (typeof value !== "object" || value === null) return value;
  const own = {};
  for (const [key, one] of Object.entries(value)) {
    own[key] = watched(one, `${place}/${key}`);
    if (!Array.isArray(value)) keys.add(`${place}/${key}`);
  }
  const copy = Array.isArray(value) ? Object.values(own) : own;
  const get = (target, key) => (read.add(`${place}/${String(key)}`), target[key]);
  return new Proxy(copy, { get });
};
const documents = parseAllDocuments(readFileSync(process.argv[1], "utf8"));
for (const [number, document] of documents.entries()) {
  if (document.errors.length) throw document.errors[0];
  const policy = new CiliumNetworkPolicy(document.toJS());
  policy.spec = watched(policy.spec, `${number}/spec`);
  policy.validate();
}
const unknown = [...keys].filter((key) => !read.has(key));
if (unknown.length) throw new Error(`unknown: ${unknown.join(" ")}`);
console.log(documents.length);
"#;

/// The models of Azure Resource Manager, as PyPI has them.
const AZURE: &str = "azure-mgmt-network==33.1.0";

/// The reason for a skip without them.
const NO_AZURE: &str = "python3 with venv, or a registry with azure-mgmt-network, is not here";

/// Reads the rules of a file with the models: names, types and values of properties, and required
/// ones. What the models only say in words is checked by itself.
const AZURE_READER: &str = r#"
import ipaddress, json, re, sys, typing
from enum import Enum
from azure.mgmt.network import models

def is_enum(kind):
    return isinstance(kind, type) and issubclass(kind, Enum)

def check(kind, value, place):
    options = [one for one in typing.get_args(kind) if one is not type(None)]
    if typing.get_origin(kind) is typing.Union:
        enums = [one for one in options if is_enum(one)]
        if not enums:
            assert len(options) == 1, f"{place}: {options}"
            return check(options[0], value, place)
        known = [one.value for one in enums[0]]
        assert value in known, f"{place}: {value} is none of {known}"
    elif typing.get_origin(kind) is list:
        assert isinstance(value, list), f"{place}: {value} is no list"
        for number, one in enumerate(value):
            check(options[0], one, f"{place}[{number}]")
    elif hasattr(kind, "_deserialize"):
        hints = typing.get_type_hints(kind, localns={"_models": models})
        model = kind(value)
        fields = {field._rest_name: (field, hints[name])
                  for name, field in model._attr_to_rest_field.items()}
        for key, one in value.items():
            assert key in fields, f"{place}: {kind.__name__} has no {key}"
            field, hint = fields[key]
            assert field._visibility != ["read"], f"{place}: {key} is read only"
            check(hint, one, f"{place}.{key}")
        for key, (_, hint) in fields.items():
            is_optional = type(None) in typing.get_args(hint)
            assert is_optional or key in value, f"{place}: {key} is missing"
        assert model.as_dict(exclude_readonly=True) == value, place
    else:
        assert type(value) is kind, f"{place}: {value!r} is no {kind.__name__}"

def is_target(text):
    if re.fullmatch(r"[A-Z][A-Za-z0-9]+(\.[A-Z][A-Za-z0-9]+)?", text):
        return True
    return bool(ipaddress.ip_network(text))

def unique(values):
    assert len(set(values)) == len(values), values

rules = json.load(open(sys.argv[1]))
kinds = ["applicationRuleCollections", "networkRuleCollections"]
check(models.AzureFirewallPropertiesFormat, {kind: rules[kind] for kind in kinds}, "firewall")
group = {"securityRules": rules["securityRules"]}
check(models.NetworkSecurityGroupPropertiesFormat, group, "group")
count = 0
for kind in kinds:
    unique([collection["properties"]["priority"] for collection in rules[kind]])
    for collection in rules[kind]:
        properties = collection["properties"]
        assert 100 <= properties["priority"] <= 65000, properties["priority"]
        assert properties["rules"], f"{kind}: Azure refuses a collection without a rule"
        unique([rule["name"] for rule in properties["rules"]])
        for rule in properties["rules"]:
            count += 1
            assert all(map(is_target, rule.get("destinationAddresses", []))), rule
            assert all(0 < int(port) < 65536 for port in rule.get("destinationPorts", [])), rule
unique([rule["name"] for rule in rules["securityRules"]])
unique([rule["properties"]["priority"] for rule in rules["securityRules"]])
for rule in rules["securityRules"]:
    count += 1
    assert re.fullmatch(r"[A-Za-z0-9][\w.-]{0,78}\w", rule["name"]), rule
    assert 100 <= rule["properties"]["priority"] <= 4096, rule
    assert is_target(rule["properties"]["destinationAddressPrefix"]), rule
print(count)
"#;

fn has_cilium() -> bool {
    cilium().is_some()
}

fn has_azure() -> bool {
    azure().is_some()
}

/// Returns the directory where npm installs the schema, once.
fn cilium() -> Option<&'static PathBuf> {
    static ROOM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let room = ROOM.get_or_init(|| {
        let room = tool_room("cilium")?;
        let is_here = || {
            let modules = room.join("node_modules");
            modules.join("@kubernetes-models/cilium").exists() && modules.join("yaml").exists()
        };
        if !is_here() {
            fs::create_dir_all(&room).ok()?;
            let options = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];
            let mut install = Command::new("npm");
            let install = install.args(options).arg(&room).args(CILIUM);
            succeeds(install).then_some(())?;
        }
        let has_node = succeeds(Command::new("node").args(["--eval", ""]));
        (has_node && is_here()).then_some(room)
    });
    room.as_ref()
}

/// Returns a Python that has the models, in an environment that is made once.
fn azure() -> Option<&'static PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let python = PYTHON.get_or_init(|| python_with("azure", AZURE, "azure.mgmt.network.models"));
    python.as_ref()
}

/// Requires that a reader accepts rules, and no version of them with a mistake. A mistake replaces
/// a part by another.
fn only_right_rules_pass(rules: &str, mistakes: &[(&str, &str)], reader: impl Fn() -> Command) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("rules");
    let read = |text: &str| {
        fs::write(&file, text).expect("rules");
        run(reader().arg(&file))
    };
    let number = read(rules).success();
    let number: usize = number.text().trim().parse().expect("a number");
    assert!(number > 0, "{rules}");
    for (right, wrong) in mistakes {
        assert!(rules.contains(right), "{right} in {rules}");
        let ended = read(&rules.replacen(right, wrong, 1));
        assert_ne!(ended.code, Some(0), "{wrong} passes");
    }
}

fn the_schema_of_cilium_accepts_the_policy() {
    let room = cilium().expect("the schema");
    let mistakes = [
        ("toCIDR:", "toCIDRs:"),
        ("matchName:", "matchNames:"),
        ("port: \"443\"", "port: 443"),
        ("protocol: TCP", "protocol: Tcp"),
        ("endpointSelector:", "selector:"),
        ("kind: Cilium", "kind: Silium"),
    ];
    only_right_rules_pass(&firewall("cilium"), &mistakes, || {
        let mut node = Command::new("node");
        node.args(["--input-type=module", "--eval", CILIUM_READER]);
        node.current_dir(room);
        node
    });
}

fn the_models_of_azure_accept_the_rules() {
    let python = azure().expect("the models");
    let mistakes = [
        ("\"targetFqdns\"", "\"targetFqdn\""),
        ("\"Https\"", "\"HTTPS\""),
        ("\"UDP\"", "\"Udp\""),
        ("\"Tcp\"", "\"TCP\""),
        ("\"Outbound\"", "\"Out\""),
        ("\"direction\": \"Outbound\",", ""),
        ("\"priority\": 1010", "\"priority\": 4097"),
        ("\"priority\": 1010", "\"priority\": 1020"),
    ];
    only_right_rules_pass(&firewall("azure"), &mistakes, || {
        let mut command = Command::new(python);
        command.args(["-c", AZURE_READER]);
        command
    });
}

fn firewalls_have_the_hosts() {
    let azure: Value = serde_json::from_str(&firewall("azure")).expect("JSON");
    let rules = &azure["applicationRuleCollections"][0]["properties"]["rules"];
    assert!(
        rules.to_string().contains("oms.opinsights.azure.com"),
        "{rules}"
    );
    assert!(firewall("cilium").contains("matchName: \"github.com\""));
    assert!(firewall("squid").contains("acl tracer_hosts_80 dstdomain github.com"));
    // A name that could be a rule of its own stays out.
    let bench = Bench::of("hostile");
    for format in ["azure", "nftables", "cilium", "squid"] {
        let command = &mut tracer();
        let command = command.arg("firewall").arg(&bench.trace);
        let text = run(command.args(["--format", format])).text().to_owned();
        let rules = text.lines().filter(|line| !line.starts_with('#'));
        let rules: Vec<&str> = rules.filter(|line| !line.contains("left out")).collect();
        assert!(!rules.concat().contains("script"), "{text}");
    }
}
