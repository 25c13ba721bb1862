//! `cargo xtask ebpf`: builds the eBPF object that user space embeds, and its manifest, the same on
//! every machine. An ordinary build takes the committed object and needs none of these tools.

mod manifest;
pub mod paths;
pub mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use manifest::{Manifest, Section};

/// Builds the eBPF object and its manifest, or checks the committed ones
#[derive(clap::Args)]
pub struct Arguments {
    /// Write nothing: build, and fail if the committed object or manifest differs
    #[arg(long)]
    check: bool,
    /// Lint the eBPF programs for their own target, with warnings denied; builds no object
    #[arg(long)]
    lint: bool,
}

/// Little-endian, like every kernel that this object is for.
const TARGET: &str = "bpfel-unknown-none";
/// A crate of the programs wants a processor. They use nothing that depends on it: the loader finds
/// the places of registers.
const TARGET_ARCH: &str = "--cfg=bpf_target_arch=\"x86_64\"";
/// LLVM writes line information from debug information, and a kernel's verifier quotes the source
/// from it. Without embedded sources LLVM would look for them under the remapped paths, and copy
/// files that happen to be there.
const FLAGS: [&str; 6] = [
    "-Clinker=bpf-linker",
    "-Clink-arg=--btf",
    "-Cdebuginfo=2",
    "-Cdwarf-version=5",
    "-Zembed-source=yes",
    TARGET_ARCH,
];
/// Removes the debug sections: user space embeds the object, and DWARF triples it.
const STRIP: &str = "--strip-debug";

/// Runs the requested steps.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = workspace()?;
    if arguments.lint {
        lint(&workspace)?;
    }
    if arguments.check {
        check(&workspace)?;
    }
    if !arguments.lint && !arguments.check {
        write(&workspace)?;
    }
    Ok(())
}

/// Runs clippy on the eBPF programs, their view of the ABI, and the build script, for the target
/// `bpf`. Any warning is an error.
pub fn lint(workspace: &Path) -> Result<()> {
    let paths = BuildPaths::find(workspace)?;
    tools::require_packages(&tools::PACKAGES_TO_LINT)?;
    // Not `cargo clippy`: cargo looks into its own home first, and rustup has put another
    // toolchain's clippy there.
    let mut clippy = tools::command(tools::CLIPPY, &paths.programs);
    clippy
        .args(["clippy", "--locked", "--release", "--target", TARGET])
        .args(["--features", "programs", "--lib", "--bins"])
        .args(["--", "--deny", "warnings"])
        .env("CARGO", tools::CARGO)
        .env("CARGO_TARGET_DIR", &paths.build)
        .env("CARGO_ENCODED_RUSTFLAGS", TARGET_ARCH);
    tools::run(clippy, "clippy finds fault with the eBPF programs")
}

/// Builds the object anew and compares it and its manifest, byte for byte, with the committed ones.
pub fn check(workspace: &Path) -> Result<()> {
    let paths = BuildPaths::find(workspace)?;
    let built = build(&paths)?;
    let mut differences = Vec::new();
    match fs::read_to_string(paths.manifest()) {
        Ok(text) if text == built.manifest.to_toml()? => {}
        Ok(text) => differences.extend(manifest_differences(&text, &built.manifest)),
        Err(error) => differences.push(format!("cannot read the manifest: {error}")),
    }
    match fs::read(paths.object()) {
        Ok(bytes) if bytes == built.object => {}
        Ok(bytes) => differences.push(format!(
            "object: committed {}, here {} ({})",
            manifest::hash(&bytes),
            manifest::hash(&built.object),
            paths.stripped().display()
        )),
        Err(error) => differences.push(format!("cannot read the object: {error}")),
    }
    if !differences.is_empty() {
        bail!(
            "these sources and tools make another object than the committed one:\n  {}\n\
             hint: run `cargo xtask ebpf` and commit agent-tracer-ebpf/object",
            differences.join("\n  ")
        );
    }
    eprintln!("ebpf: these sources and tools make the committed object and manifest");
    Ok(())
}

fn manifest_differences(committed: &str, built: &Manifest) -> Vec<String> {
    let differences = match Manifest::from_toml(committed) {
        Ok(committed) => manifest::differences(&committed, built),
        Err(error) => vec![format!("cannot parse the manifest: {error}")],
    };
    if differences.is_empty() {
        return vec!["manifest: the same content in another layout".to_owned()];
    }
    differences
}

fn write(workspace: &Path) -> Result<()> {
    let paths = BuildPaths::find(workspace)?;
    let built = build(&paths)?;
    fs::create_dir_all(paths.programs.join("object"))
        .context("cannot make agent-tracer-ebpf/object")?;
    for (path, bytes) in [
        (paths.object(), built.object.as_slice()),
        (paths.manifest(), built.manifest.to_toml()?.as_bytes()),
    ] {
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("ebpf: wrote {}, {} bytes", path.display(), bytes.len());
    }
    Ok(())
}

/// An object and its manifest.
struct Built {
    object: Vec<u8>,
    manifest: Manifest,
}

fn build(paths: &BuildPaths) -> Result<Built> {
    tools::require_packages(&tools::PACKAGES_TO_BUILD)?;
    tools::refuse_library_sources()?;
    tools::require_linker(&paths.tools)?;
    // Before the build: a source that changes during the build then has another hash than in the
    // manifest, and user space does not accept the object.
    let sources = manifest::hash_sources(&paths.programs)?;

    // Cargo goes by timestamps, which a restored file can have in the past. The manifest must not
    // vouch for an object of older sources.
    let mut clean = cargo(paths);
    clean.args(["clean", "--quiet", "--locked", "--release"]);
    clean.args(["--target", TARGET, "--package", "agent-tracer-ebpf"]);
    tools::run(clean, LOCK_REMEDY)?;

    let mut flags: Vec<String> = FLAGS.map(str::to_owned).into();
    flags.extend(paths::remap_flags(cargo(paths), TARGET, &paths.build)?);
    let mut compile = cargo(paths);
    compile
        .args(["build", "--locked", "--release", "--target", TARGET])
        .args(["--features", "programs", "--bin", "tracer-programs"])
        // The only encoding that allows a space in a path.
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("PATH", tools::path_with(&paths.tools.join("bin"))?);
    tools::run(compile, "cannot build the eBPF programs")?;

    let mut strip = tools::command(tools::OBJCOPY, &paths.programs);
    strip.arg(STRIP);
    strip.arg(paths.build.join(TARGET).join("release/tracer-programs"));
    strip.arg(paths.stripped());
    tools::run(strip, "cannot strip the eBPF object")?;

    let object = fs::read(paths.stripped())
        .with_context(|| format!("cannot read {}", paths.stripped().display()))?;
    let manifest = Manifest {
        object: Section::from([(OBJECT.to_owned(), manifest::hash(&object))]),
        sources,
        toolchain: tools::versions(&paths.tools)?,
        build: settings(),
    };
    Ok(Built { object, manifest })
}

const OBJECT: &str = "tracer.bpf.o";
const LOCK_REMEDY: &str = "cargo does not accept agent-tracer-ebpf\n\
     hint: if its Cargo.lock should follow its Cargo.toml, run `cargo update --workspace` there";

fn cargo(paths: &BuildPaths) -> std::process::Command {
    let mut cargo = tools::command(tools::CARGO, &paths.programs);
    cargo.env("CARGO_TARGET_DIR", &paths.build);
    cargo
}

/// Returns the build settings for the manifest, without a path of this machine.
fn settings() -> Section {
    [
        ("flags", FLAGS.join(" ")),
        ("profile", "release".to_owned()),
        (
            "remap-path-prefix",
            "each package's directory = its name-version".to_owned(),
        ),
        ("strip", STRIP.to_owned()),
        ("target", TARGET.to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// Directories of a build.
struct BuildPaths {
    /// The crate of the programs, which is a workspace of its own.
    programs: PathBuf,
    build: PathBuf,
    tools: PathBuf,
}

impl BuildPaths {
    fn find(workspace: &Path) -> Result<Self> {
        // The compiler names files by their canonical paths, and the remapping goes by names.
        let workspace = workspace
            .canonicalize()
            .with_context(|| format!("there is no {}", workspace.display()))?;
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => std::path::absolute(directory)
                .context("CARGO_TARGET_DIR is empty: unset it, or name a directory")?,
            None => workspace.join("target"),
        };
        Ok(Self {
            programs: workspace.join("agent-tracer-ebpf"),
            build: target.join("ebpf"),
            tools: target.join("bpf-tools"),
        })
    }

    fn object(&self) -> PathBuf {
        self.programs.join("object").join(OBJECT)
    }

    fn manifest(&self) -> PathBuf {
        self.programs.join("object/manifest.toml")
    }

    /// Returns the path of the built object, before it replaces the committed one.
    fn stripped(&self) -> PathBuf {
        self.build.join(OBJECT)
    }
}

fn workspace() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_owned)
        .context("cannot find the workspace of xtask")
}
