//! Keeps the names and images of containers, as the files of their managers have them.

use std::collections::BTreeMap;

use crate::event::ContainerNamed;

/// Limit of the containers that have a name.
const CONTAINER_LIMIT: usize = 10_000;

/// The named containers, by id.
#[derive(Debug, Default)]
pub(super) struct Containers(BTreeMap<Box<str>, Container>);

/// Name and image of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The name; empty if unknown.
    pub name: Box<[u8]>,
    /// The image; empty if unknown.
    pub image: Box<[u8]>,
}

impl Containers {
    pub(super) fn name(&mut self, named: &ContainerNamed) {
        if self.0.len() < CONTAINER_LIMIT {
            let container = Container {
                name: named.name.as_slice().into(),
                image: named.image.as_slice().into(),
            };
            self.0.insert(named.id.as_str().into(), container);
        }
    }

    pub(super) fn get(&self, id: &[u8]) -> Option<&Container> {
        self.0.get(std::str::from_utf8(id).ok()?)
    }
}
