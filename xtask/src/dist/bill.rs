//! The bill of materials, as CycloneDX 1.5: the crates in the program with versions, licences and
//! digests. It has no serial number and no path, so that two builds write the same bytes.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::crates::Crate;
use super::release::Release;

/// Returns the text of the bill; the first crate is the program's.
pub fn text(release: &Release, crates: &[Crate]) -> Result<String> {
    let (program, others) = crates.split_first().context("the program has no crate")?;
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": release.timestamp()?,
            "component": component(program, "application"),
        },
        "components": others.iter().map(|one| component(one, "library")).collect::<Vec<_>>(),
        "dependencies": crates.iter().map(dependency).collect::<Vec<_>>(),
    });
    let mut text = serde_json::to_string_pretty(&bill).context("cannot write the bill")?;
    text.push('\n');
    Ok(text)
}

fn component(one: &Crate, kind: &str) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": reference(&one.name, &one.version),
        "name": one.name,
        "version": one.version,
        "purl": reference(&one.name, &one.version),
    });
    if let Some(license) = &one.license {
        // Old crates separate alternatives with a slash.
        let expression = license.replace('/', " OR ");
        component["licenses"] = json!([{ "expression": expression }]);
    }
    if let Some(checksum) = &one.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

fn dependency(one: &Crate) -> Value {
    let uses = one.uses.iter();
    let uses = uses.map(|(name, version)| reference(name, version));
    json!({
        "ref": reference(&one.name, &one.version),
        "dependsOn": uses.collect::<Vec<_>>(),
    })
}

/// Returns a package URL. Versions with build metadata have a plus sign, which it escapes.
fn reference(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_what_a_scanner_asks_for() -> Result<()> {
        let one = |name: &str, uses: &[(&str, &str)]| Crate {
            name: name.to_owned(),
            version: "1.0.0+a".to_owned(),
            license: Some("MIT/Apache-2.0".to_owned()),
            checksum: Some("00".to_owned()),
            uses: uses
                .iter()
                .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
                .collect(),
            directory: "/".into(),
        };
        let release = Release {
            version: "0.1.0",
            time: 86_400,
        };
        let crates = [one("tool", &[("part", "1.0.0+a")]), one("part", &[])];
        let bill: Value = serde_json::from_str(&text(&release, &crates)?)?;
        assert_eq!(bill["metadata"]["timestamp"], "1970-01-02T00:00:00Z");
        assert_eq!(bill["components"][0]["purl"], "pkg:cargo/part@1.0.0%2Ba");
        assert_eq!(
            bill["components"][0]["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        assert_eq!(
            bill["dependencies"][0]["dependsOn"][0],
            "pkg:cargo/part@1.0.0%2Ba"
        );
        Ok(())
    }
}
