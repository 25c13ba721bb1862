//! Gathers tags and their prefixes, and orders them for lookups. It reads no files.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net};

use super::{
    lists::Published,
    tags::{NONE, Tag, TagGroup, TagList, Tags},
};

/// Ten times the longest published list. Each takes 24 bytes during the build.
pub(super) const PREFIX_LIMIT: usize = 1_000_000;

/// Lists that are being read.
#[derive(Default)]
pub(super) struct Builder {
    sources: Vec<TagList>,
    tags: HashMap<Tag, u32>,
    /// Prefixes with the number of their tag.
    entries: Vec<(IpNet, u32)>,
    /// A few dozen regions and a hundred services are in thousands of tags.
    texts: HashSet<Arc<str>>,
    is_full: bool,
}

/// A list's description of a tag.
pub(super) struct Description<'a> {
    pub(super) name: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

impl Builder {
    /// Begins a file: further entries belong to it.
    pub(super) fn begin(&mut self, file: &str) {
        self.sources.push(TagList {
            file: file.to_owned(),
            cloud: String::new(),
            version: String::new(),
        });
    }

    /// Returns the list in progress.
    pub(super) fn source(&mut self) -> Option<&mut TagList> {
        self.sources.last_mut()
    }

    /// Counts the prefixes so far.
    pub(super) fn prefixes(&self) -> usize {
        self.entries.len()
    }

    /// Checks whether a limit made it drop entries.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Adds prefixes of a tag, which may be known already.
    pub(super) fn add(&mut self, list: &Published, tag: &Description<'_>, prefixes: &[IpNet]) {
        // It would stay empty.
        if prefixes.is_empty() {
            return;
        }
        if self.entries.len().saturating_add(prefixes.len()) > PREFIX_LIMIT {
            self.is_full = true;
            return;
        }
        if let Some(source) = self.source()
            && source.cloud.is_empty()
        {
            source.cloud.clone_from(&list.cloud);
        }
        let tag = Tag {
            name: self.text(tag.name),
            region: self.text(tag.region),
            service: self.text(tag.service),
            source: self.sources.len().saturating_sub(1),
            is_whole: list.is_whole(tag.name),
        };
        // Every tag has a prefix, so there are fewer than PREFIX_LIMIT.
        let next = u32::try_from(self.tags.len()).unwrap_or(NONE);
        let number = *self.tags.entry(tag).or_insert(next);
        let entries = prefixes.iter().map(|prefix| (canonical(*prefix), number));
        self.entries.extend(entries);
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&new));
        new
    }

    /// Orders the gathered entries.
    pub(super) fn finish(self) -> Tags {
        let (tags, ranks) = ranked(self.tags);
        let mut entries = self.entries;
        for (_, number) in &mut entries {
            *number = ranks.get(*number as usize).copied().unwrap_or(NONE);
        }
        // Each prefix comes right after those that hold it, and its tags in their order.
        entries.sort_unstable_by_key(|(prefix, tag)| (place(*prefix), *tag));
        entries.dedup();
        let mut found = Tags {
            sources: self.sources,
            tags,
            members: entries.iter().map(|(_, tag)| *tag).collect(),
            ..Tags::empty()
        };
        // The prefixes around the current one, outermost first, with their groups.
        let mut around: Vec<(IpNet, u32)> = Vec::new();
        let mut first = 0;
        for same in entries.chunk_by(|(left, _), (right, _)| left == right) {
            let Some((prefix, _)) = same.first() else {
                continue;
            };
            while around
                .last()
                .is_some_and(|(outer, _)| !outer.contains(prefix))
            {
                around.pop();
            }
            // Both are below PREFIX_LIMIT.
            let position = u32::try_from(found.groups.len()).unwrap_or(NONE);
            let count = u32::try_from(same.len()).unwrap_or(NONE);
            found.groups.push(TagGroup {
                first,
                count,
                parent: around.last().map_or(NONE, |(_, group)| *group),
                length: prefix.prefix_len(),
            });
            first += count;
            around.push((*prefix, position));
            match prefix {
                IpNet::V4(v4) => found.v4.insert(*v4, position),
                IpNet::V6(v6) => found.v6.insert(*v6, position),
            };
        }
        found.groups.shrink_to_fit();
        found
    }
}

/// Returns the tags by rank, and the rank of each by its former number.
fn ranked(tags: HashMap<Tag, u32>) -> (Vec<Tag>, Vec<u32>) {
    let mut tags: Vec<(Tag, u32)> = tags.into_iter().collect();
    tags.sort_unstable_by(|(left, _), (right, _)| rank(left).cmp(&rank(right)));
    let mut ranks = vec![NONE; tags.len()];
    for (rank, (_, number)) in (0..).zip(&tags) {
        if let Some(place) = ranks.get_mut(*number as usize) {
            *place = rank;
        }
    }
    (tags.into_iter().map(|(tag, _)| tag).collect(), ranks)
}

/// Ranks tags of one prefix: the lower rank is more specific. No two tags share a rank.
fn rank(tag: &Tag) -> impl Ord + '_ {
    (
        (tag.service.is_empty(), tag.region.is_empty(), tag.is_whole),
        &*tag.name,
        tag.source,
        (&*tag.region, &*tag.service),
    )
}

/// Returns a sort key for a prefix: the same order as its own, in a third of the time.
fn place(prefix: IpNet) -> (bool, u128, u8) {
    match prefix {
        IpNet::V4(v4) => (false, u32::from(v4.addr()).into(), v4.prefix_len()),
        IpNet::V6(v6) => (true, v6.addr().into(), v6.prefix_len()),
    }
}

/// Clears the bits behind the length, and turns IPv4 written as IPv6 into IPv4, as lookups do.
fn canonical(prefix: IpNet) -> IpNet {
    if let IpNet::V6(v6) = prefix
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(length) = v6.prefix_len().checked_sub(96)
        && let Ok(inner) = Ipv4Net::new(v4, length)
    {
        return IpNet::V4(inner.trunc());
    }
    prefix.trunc()
}
