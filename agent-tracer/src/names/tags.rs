//! Looks an address up: all tags whose prefixes contain it, the most specific first. It ignores the
//! origin of the tags.
//!
//! **The most specific tag** is the one with the longest prefix. Among equals, the order is:
//!
//! 1. tags that name a service
//! 2. tags that name a region
//! 3. tags of less than the whole cloud
//! 4. the first by name
//!
//! Region and service are the list's own fields, not parts of a tag's name.
//!
//! The longest published list of September 2025 has 91,597 prefixes of 3,002 tags. It takes 51,348
//! distinct prefixes × 16 bytes, 91,597 × 4 for their tags, 0.2 MB of names, and the tries.
//! `cargo xtask bench` prints the sum.

use std::{net::IpAddr, path::Path, sync::Arc};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

use super::{TagError, build::Builder, read};

/// The tags of any number of lists.
#[derive(Clone, Default)]
pub struct Tags {
    pub(super) sources: Vec<TagList>,
    /// By rank: of two tags with one prefix the first is more specific.
    pub(super) tags: Vec<Tag>,
    pub(super) groups: Vec<TagGroup>,
    /// The tags of each group, by position.
    pub(super) members: Vec<u32>,
    /// The groups, by prefix.
    pub(super) v4: PrefixMap<Ipv4Net, u32>,
    pub(super) v6: PrefixMap<Ipv6Net, u32>,
}

/// One prefix with all its tags.
#[derive(Clone, Copy, Debug)]
pub(super) struct TagGroup {
    pub(super) first: u32,
    pub(super) count: u32,
    /// The longest prefix that contains this one, or `NONE`: so one walk down the trie finds all.
    pub(super) parent: u32,
    pub(super) length: u8,
}

/// No group. There are fewer prefixes, see `PREFIX_LIMIT`.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tag {
    pub(super) name: Arc<str>,
    pub(super) region: Arc<str>,
    pub(super) service: Arc<str>,
    /// Position in the sources.
    pub(super) source: usize,
    pub(super) is_whole: bool,
}

/// A list that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagList {
    /// The file, as given.
    pub file: String,
    /// The cloud that owns the prefixes.
    pub cloud: String,
    /// The list's own edition; empty if not given.
    pub version: String,
}

/// A tag of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The name of the tag.
    pub name: &'a str,
    /// The prefix that contains the address.
    pub prefix: IpNet,
    /// The list's region; empty if not given.
    pub region: &'a str,
    /// The list's service; empty if not given.
    pub system_service: &'a str,
    /// The cloud that owns the prefix.
    pub cloud: &'a str,
}

impl Tags {
    /// Makes an empty set of tags.
    #[must_use]
    pub fn empty() -> Tags {
        Tags::default()
    }

    /// Reads lists from files.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read or understood.
    pub fn read(files: &[impl AsRef<Path>]) -> Result<Tags, TagError> {
        let mut builder = Builder::default();
        for file in files {
            let file = file.as_ref();
            let bytes = read::file(file)?;
            read::list(&file.display().to_string(), &bytes, &mut builder)?;
        }
        Ok(builder.finish())
    }

    /// Reads one list from memory; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// The list has an unknown entry or format.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Tags, TagError> {
        let mut builder = Builder::default();
        read::list(file, bytes, &mut builder)?;
        Ok(builder.finish())
    }

    /// Returns all tags of an address, the most specific first. IPv4 written as IPv6 counts as
    /// IPv4.
    #[must_use]
    pub fn lookup(&self, address: IpAddr) -> Matches<'_> {
        let address = address.to_canonical();
        let group = match address {
            IpAddr::V4(v4) => self.v4.get_lpm(&v4.into()).map(|(_, group)| *group),
            IpAddr::V6(v6) => self.v6.get_lpm(&v6.into()).map(|(_, group)| *group),
        };
        Matches {
            tags: self,
            address,
            group: group.unwrap_or(NONE),
            taken: 0,
        }
    }

    /// Returns the lists read, in order.
    #[must_use]
    pub fn sources(&self) -> &[TagList] {
        &self.sources
    }

    /// Counts the tags.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// Checks whether there are no tags.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// Counts the prefixes, once for each of their tags.
    #[must_use]
    pub fn prefixes(&self) -> usize {
        self.members.len()
    }
}

/// The tags of an address, the most specific first.
#[derive(Clone)]
pub struct Matches<'a> {
    tags: &'a Tags,
    address: IpAddr,
    group: u32,
    /// Tags of this group already returned.
    taken: u32,
}

impl<'a> Iterator for Matches<'a> {
    type Item = Match<'a>;

    fn next(&mut self) -> Option<Match<'a>> {
        let mut group = self.tags.groups.get(self.group as usize)?;
        // Every group has a tag, so one step is enough.
        if self.taken >= group.count {
            self.group = group.parent;
            self.taken = 0;
            group = self.tags.groups.get(self.group as usize)?;
        }
        let position = group.first as usize + self.taken as usize;
        self.taken += 1;
        let tag = self
            .tags
            .tags
            .get(*self.tags.members.get(position)? as usize)?;
        Some(Match {
            name: &tag.name,
            prefix: IpNet::new(self.address, group.length).ok()?.trunc(),
            region: &tag.region,
            system_service: &tag.service,
            cloud: &self.tags.sources.get(tag.source)?.cloud,
        })
    }
}
