//! Looks an address up: all tags whose prefixes hold it, the most telling first. Refuses to know where the tags came from.
//!
//! **The most telling tag** is the one with the longest prefix; of equals, one that names a service; then one that names a
//! region; then one that is not the whole cloud's; then the first by name. Region and service are what the list says they
//! are, not what the name of a tag ends with.
//!
//! Memory, for the 91,597 prefixes of 3,002 tags that the longest published list had in September 2025: 51,348 distinct prefixes × 16 bytes,
//! 91,597 × 4 for the tags in them, 0.2 MB of names, and the tries; `cargo xtask bench` prints what it comes to.

use std::{net::IpAddr, path::Path, sync::Arc};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

use super::{TagError, build::Builder, read};

/// The tags of any number of lists.
#[derive(Clone, Default)]
pub struct Tags {
    pub(super) sources: Vec<TagList>,
    /// By rank: of two with the same prefix the first is the more telling.
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
    /// The longest prefix that this one lies in, `NONE` where there is none: so one walk down the trie finds all.
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
    /// The file, as it was named.
    pub file: String,
    /// Whose prefixes it lists.
    pub cloud: String,
    /// What the list calls its edition; empty where it says nothing.
    pub version: String,
}

/// A tag that an address is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The name of the tag.
    pub name: &'a str,
    /// The prefix of it that the address is in.
    pub prefix: IpNet,
    /// As the list has it; empty where the tag is of no region.
    pub region: &'a str,
    /// As the list has it; empty where the tag is of no service.
    pub system_service: &'a str,
    /// Whose prefix it is.
    pub cloud: &'a str,
}

impl Tags {
    /// No tags at all.
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

    /// Reads one list from memory; `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// What is not understood.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Tags, TagError> {
        let mut builder = Builder::default();
        read::list(file, bytes, &mut builder)?;
        Ok(builder.finish())
    }

    /// All tags that an address is in, the most telling first. An IPv4 address written as an IPv6 one is the IPv4 address.
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

    /// The lists that were read, in their order.
    #[must_use]
    pub fn sources(&self) -> &[TagList] {
        &self.sources
    }

    /// How many tags there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// How many prefixes they have, each counted once for each tag.
    #[must_use]
    pub fn prefixes(&self) -> usize {
        self.members.len()
    }
}

/// What an address is in, the most telling first.
#[derive(Clone)]
pub struct Matches<'a> {
    tags: &'a Tags,
    address: IpAddr,
    group: u32,
    /// How many of this group were taken.
    taken: u32,
}

impl<'a> Iterator for Matches<'a> {
    type Item = Match<'a>;

    fn next(&mut self) -> Option<Match<'a>> {
        let mut group = self.tags.groups.get(self.group as usize)?;
        // No group is without tags, so one step is enough.
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
