//! Reads the name and image of a container from the files of its manager. A data file lists them,
//! so that the code names no product.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use serde::Deserialize;
use serde_json::Value;

use super::files::safe_open;
use crate::event::ContainerNamed;

/// Limit of a file: one that lists all containers has about a kilobyte for each.
const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// Limit of a name or an image.
const TEXT_LIMIT: usize = 512;

/// Limit of the directories that a `*` stands for.
const DIRECTORY_LIMIT: usize = 64;

/// A file of a manager.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManagerFile {
    manager: String,
    path: String,
    /// Set when the file is a list, with the ids under `id`.
    #[serde(default)]
    list: bool,
    name: Vec<String>,
    image: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManagerFiles {
    file: Vec<ManagerFile>,
}

fn manager_files() -> &'static [ManagerFile] {
    static FILES: LazyLock<Vec<ManagerFile>> = LazyLock::new(|| {
        // Cannot fail: a test reads this very file.
        toml::from_str(include_str!("../../names/containers.toml"))
            .map_or_else(|_| Vec::new(), |files: ManagerFiles| files.file)
    });
    &FILES
}

/// Finds the name and image of a container; `None` if no manager's file has them.
pub fn container_named(id: &str) -> Option<ContainerNamed> {
    named_below(Path::new("/"), id)
}

fn named_below(root: &Path, id: &str) -> Option<ContainerNamed> {
    let files = manager_files().iter();
    files
        .flat_map(|file| {
            let paths = paths(root, &file.path.replace("{id}", id));
            paths.into_iter().map(move |path| (file, path))
        })
        .find_map(|(file, path)| file.read(&path, id))
}

/// Returns the paths of a pattern, of which one component may be `*`.
fn paths(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    let Some((before, after)) = pattern.split_once("/*/") else {
        return vec![below(pattern)];
    };
    let entries = fs::read_dir(below(before)).into_iter().flatten();
    let directories = entries.flatten().take(DIRECTORY_LIMIT);
    directories.map(|entry| entry.path().join(after)).collect()
}

impl ManagerFile {
    fn read(&self, path: &Path, id: &str) -> Option<ContainerNamed> {
        let file = safe_open::open_no_follow(path).ok()?;
        let bytes = safe_open::read(file, FILE_LIMIT).ok()?;
        let content: Value = serde_json::from_slice(&bytes).ok()?;
        let container = match self.list {
            false => &content,
            true => content
                .as_array()?
                .iter()
                .find(|entry| entry.get("id").and_then(Value::as_str) == Some(id))?,
        };
        let first = |pointers: &[String]| {
            let mut texts = pointers
                .iter()
                .filter_map(|pointer| text(container, pointer));
            texts.next().unwrap_or_default()
        };
        let (name, image) = (first(&self.name), first(&self.image));
        let is_known = !name.is_empty() || !image.is_empty();
        is_known.then(|| ContainerNamed {
            id: id.to_owned(),
            // Docker writes the name with a slash before it.
            name: name.trim_start_matches('/').into(),
            image: image.into(),
            manager: self.manager.clone(),
        })
    }
}

/// Returns the text at a pointer, cut to the limit.
fn text(content: &Value, pointer: &str) -> Option<String> {
    let found = match pointer.split_once('#') {
        None => content.pointer(pointer)?.as_str()?.to_owned(),
        Some((outer, inner)) => {
            let text = content.pointer(outer)?.as_str()?;
            let value: Value = serde_json::from_str(text).ok()?;
            value.pointer(inner)?.as_str()?.to_owned()
        }
    };
    Some(found.chars().take(TEXT_LIMIT).collect())
}

#[cfg(test)]
mod tests {
    use super::{manager_files, named_below};

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn named(path: &str, content: &str) -> Option<(String, String, String)> {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join(path.replace("{id}", ID));
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, content.replace("{id}", ID)).expect("a file");
        let found = named_below(root.path(), ID)?;
        let text = |bytes| String::from_utf8(bytes).expect("a text");
        Some((found.manager, text(found.name), text(found.image)))
    }

    fn is(manager: &str, name: &str, image: &str) -> Option<(String, String, String)> {
        Some((manager.to_owned(), name.to_owned(), image.to_owned()))
    }

    #[test]
    fn each_manager_names_its_containers() {
        assert_eq!(manager_files().len(), 4);
        let docker = "var/lib/docker/containers/{id}/config.v2.json";
        assert_eq!(
            named(docker, r#"{"Name":"/web","Config":{"Image":"nginx:1.25"}}"#),
            is("docker", "web", "nginx:1.25")
        );
        let podman = "var/lib/containers/storage/overlay-containers/containers.json";
        assert_eq!(
            named(
                podman,
                r#"[{"id":"other"},{"id":"{id}","names":["db"],
                "metadata":"{\"image-name\":\"postgres\"}"}]"#
            ),
            is("podman", "db", "postgres")
        );
        let bundle = "run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/config.json";
        let annotations = r#"{"annotations":{"io.kubernetes.cri.container-name":"app",
            "io.kubernetes.cri.image-name":"registry.example/app:2"}}"#;
        assert_eq!(
            named(bundle, annotations),
            is("containerd", "app", "registry.example/app:2")
        );
        let cri_o = "run/containers/storage/overlay-containers/{id}/userdata/config.json";
        assert_eq!(
            named(
                cri_o,
                r#"{"annotations":{"io.kubernetes.container.name":"app"}}"#
            ),
            is("cri-o", "app", "")
        );
    }

    #[test]
    fn files_without_names_name_nothing() {
        let docker = "var/lib/docker/containers/{id}/config.v2.json";
        for content in ["", "{", "[]", "{}", r#"{"Name":7}"#, "[[[[[[[[[[[[[[[[[[[["] {
            assert_eq!(named(docker, content), None, "{content}");
        }
    }
}
