//! Runs databases, which PyPI has as packages, over a folder of an export.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use super::{
    super::{duckdb, lines},
    QUERIES,
    made::{SINCE, WANTED},
};
use crate::harness::{Ended, python_with, run, succeeds, thorough};

/// Runs views and questions.
const ENGINE: &str = include_str!("engine.py");

/// Does so in an object storage.
const STORAGE: &str = include_str!("storage.py");

/// ClickHouse as a library.
const CHDB: &str = "chdb==4.4.0";

/// The reason for a skip without it.
pub(super) const NO_CHDB: &str = "python3 with venv, or a registry with chdb, is not here";

const SPARK: &str = "pyspark==4.3.0";

pub(super) const NO_SPARK: &str =
    "Spark takes minutes and needs Java: cargo xtask test export::fleet --thorough";

/// An emulator of S3, and the last DuckDB whose extension for it is a package, too.
const EMULATOR: &str = "moto[server]==5.2.5 awscli==1.46.3 duckdb==1.5.5 pytz==2026.6 \
                        duckdb-extensions==1.5.5 duckdb-extension-httpfs==1.5.5";

pub(super) const NO_STORAGE: &str = "python3 with venv, or a registry with moto, is not here";

/// A database.
#[derive(Clone, Copy)]
pub(super) enum Engine {
    DuckDb,
    ChDb,
    Spark,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Engine::DuckDb => "duckdb",
            Engine::ChDb => "chdb",
            Engine::Spark => "spark",
        }
    }

    fn views(self) -> &'static str {
        match self {
            Engine::DuckDb => include_str!("../../../../docs/fleet/views.duckdb.sql"),
            Engine::ChDb => include_str!("../../../../docs/fleet/views.clickhouse.sql"),
            Engine::Spark => include_str!("../../../../docs/fleet/views.spark.sql"),
        }
    }

    fn python(self) -> Option<&'static PathBuf> {
        match self {
            Engine::DuckDb => duckdb(),
            Engine::ChDb => chdb(),
            Engine::Spark => spark(),
        }
    }

    /// Answers the questions about the fleet, in a folder of a directory.
    pub(super) fn answers(self, directory: &Path, folder: &str) -> BTreeMap<u64, Value> {
        self.ask(directory, folder, SINCE, WANTED)
    }

    /// Answers the questions with other settings.
    pub(super) fn ask(
        self,
        directory: &Path,
        folder: &str,
        since: &str,
        wanted: &str,
    ) -> BTreeMap<u64, Value> {
        let room = tempfile::tempdir().expect("a directory");
        let views = room.path().join("views.sql");
        let text = self.views().replace("'fleet/", &format!("'{folder}/"));
        fs::write(&views, text).expect("views");
        let queries = room.path().join("queries.sql");
        fs::write(&queries, QUERIES).expect("queries");
        let mut command = Command::new(self.python().expect("the package"));
        command.args(["-c", ENGINE, self.name()]);
        command.arg(&views).arg(&queries).args([since, wanted]);
        read(&run(command.current_dir(directory)).success())
    }
}

/// Reads the answers of a script.
pub(super) fn read(ended: &Ended) -> BTreeMap<u64, Value> {
    let lines = lines(ended).into_iter();
    lines
        .map(|mut line| {
            let number = line["number"].as_u64().expect("a number");
            (number, line["rows"].take())
        })
        .collect()
}

fn chdb() -> Option<&'static PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let python = PYTHON.get_or_init(|| python_with("chdb", CHDB, "chdb"));
    python.as_ref()
}

pub(super) fn has_chdb() -> bool {
    chdb().is_some()
}

fn spark() -> Option<&'static PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let python = PYTHON.get_or_init(|| python_with("spark", SPARK, "pyspark"));
    python.as_ref()
}

pub(super) fn has_spark() -> bool {
    thorough() && succeeds(Command::new("java").arg("-version")) && spark().is_some()
}

fn emulator() -> Option<&'static PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let python = PYTHON.get_or_init(|| python_with("storage", EMULATOR, "moto.server"));
    python.as_ref()
}

pub(super) fn has_storage() -> bool {
    emulator().is_some()
}

/// Answers the questions about the fleet from an object storage on loopback.
pub(super) fn in_storage(directory: &Path) -> BTreeMap<u64, Value> {
    let room = tempfile::tempdir().expect("a directory");
    let path = |name: &str, text: &str| {
        let path = room.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let python = emulator().expect("the packages");
    std::os::unix::fs::symlink(directory.join("fleet"), room.path().join("fleet")).expect("a link");
    let mut command = Command::new(python);
    command.args(["-c", STORAGE]);
    command.arg(python.with_file_name("aws"));
    command.arg(path("engine.py", ENGINE));
    command.arg(path("views.sql", Engine::DuckDb.views()));
    command.arg(path("queries.sql", QUERIES));
    command.args([SINCE, WANTED]);
    read(&run(command.current_dir(&room)).success())
}
