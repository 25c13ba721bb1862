//! Tests native code that is downloaded and not executed, such as the libraries of npm packages.
//! The oracles are sha256sum and the scripts.

use crate::{
    files::{SERVER, changes, record, text},
    harness::{Test, live},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(the_library_of_an_npm_package_is_a_download)
            .needs("python3")
            .needs("gcc")
            .needs("npm"),
        live!(native_code_is_followed_to_its_downloader)
            .needs("python3")
            .needs("gcc"),
    ]
}

/// Makes a library and a program.
const BUILD: &str = "mkdir package && echo 'int main(void) { return 0; }' >it.c \
     && gcc -shared -fPIC -o package/addon.node it.c && gcc -o package/tool it.c && cp \
     package/addon.node built.so";

/// npm fetches a package over HTTP and unpacks it; then node loads its library.
fn the_library_of_an_npm_package_is_a_download() {
    const PACKAGE: &str = r#"{"name": "addon", "version": "1.0.0"}"#;
    let prepare = format!(
        "{BUILD}; echo '{PACKAGE}' >package/package.json; tar czf addon.tgz package; {SERVER}"
    );
    let trace = record(
        &prepare,
        "export HOME=/opt/home npm_config_update_notifier=false; mkdir home app; cd app
         npm install --no-audit --no-fund http://127.0.0.1:8080/addon.tgz >/dev/null
         node -e 'try { process.dlopen(module, \"/opt/app/node_modules/addon/addon.node\") }
         catch (error) { if (!/self-register/.test(error.message)) throw error }'
         sha256sum node_modules/addon/addon.node | cut -d ' ' -f 1; kill $SERVER",
    );
    let sha256 = trace.ended.text();
    let rows = changes(&trace, "download");
    assert_eq!(rows.len(), 2, "{rows:#?}");
    let row = rows.iter().find(|row| text(row, "native") == "library");
    let row = row.unwrap_or_else(|| panic!("no library in {rows:#?}"));
    assert_eq!(text(row, "name"), "/opt/app/node_modules/addon/addon.node");
    assert_eq!(text(row, "urls"), "http://127.0.0.1:8080/addon.tgz");
    assert_eq!(text(row, "sha256"), sha256.trim());
    assert!(text(&row["writer"], "name").starts_with("n"), "{row}");
    assert_eq!(row["executions"], 0);
    assert_eq!(row["attention"], serde_json::Value::Null);
    let detail = text(row, "detail");
    assert!(
        detail.contains("not executed: a native library"),
        "{detail}"
    );
    let tool = rows.iter().find(|row| text(row, "native") == "program");
    let tool = text(tool.expect("the program"), "name");
    assert_eq!(tool, "/opt/app/node_modules/addon/tool");
}

/// Another process unpacks it, it gets another name, and copies of native code from before and what
/// a linker makes are no downloads.
fn native_code_is_followed_to_its_downloader() {
    let prepare = format!("{BUILD}; gzip -k package/addon.node package/tool; {SERVER}");
    let trace = record(
        &prepare,
        "python3 -c 'import urllib.request
for name in \"addon.node\", \"tool\":
    urllib.request.urlretrieve(f\"http://127.0.0.1:8080/package/{name}.gz\", f\"{name}.gz\")
'; mkdir new; python3 -c 'import gzip
for name in \"addon.node\", \"tool\":
    open(f\"new/{name}\", \"wb\").write(gzip.open(f\"{name}.gz\").read())
'; sleep 0.5; mv new kept; chmod +x kept/tool; kept/tool; cp built.so copied.so
         gcc -shared -fPIC -o linked.so it.c; kill $SERVER",
    );
    let rows = changes(&trace, "download");
    let reported: Vec<[&str; 5]> = rows
        .iter()
        .map(|row| {
            let [name, native, detail] = ["name", "native", "detail"].map(|key| text(row, key));
            let [writer, carrier] = ["writer", "carrier"].map(|key| text(&row[key], "name"));
            assert!(detail.contains(":8080"), "{detail}");
            [name, native, writer, carrier, text(row, "attention")]
        })
        .collect();
    let expected = [
        [
            "/opt/kept/tool",
            "",
            "python3",
            "mv",
            "downloaded and executed",
        ],
        ["/opt/kept/addon.node", "library", "python3", "mv", ""],
    ];
    assert_eq!(reported, expected, "{rows:#?}");
}
