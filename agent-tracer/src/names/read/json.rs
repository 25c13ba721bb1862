//! Parses the three formats of lists from JSON. Each tag or prefix goes to the builder as soon as
//! it is read; nothing else is kept.

use std::{borrow::Cow, fmt, marker::PhantomData, net::IpAddr};

use ipnet::IpNet;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::super::{
    build::{Builder, Description, PREFIX_LIMIT},
    error::shortened,
    lists::{ListFormat, Published},
};

/// Visits the top-level object, and reports whether it is a list at all.
pub(super) struct Root<'b> {
    pub(super) builder: &'b mut Builder,
}

impl<'de> DeserializeSeed<'de> for Root<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Root<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with `values` or `prefixes`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let builder = self.builder;
        let mut is_list = false;
        let mut cloud = None;
        let mut version = None;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "cloud" => cloud = map.next_value::<Option<String>>()?,
                "changeNumber" | "syncToken" => version = map.next_value::<Version>()?.0,
                "values" => {
                    is_list = true;
                    map.next_value_seed(Items::<Value<'de>>::of(builder))?;
                }
                "prefixes" | "ipv6_prefixes" => {
                    is_list = true;
                    map.next_value_seed(Items::<Single<'de>>::of(builder))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if let Some(source) = builder.source() {
            source.version = version.unwrap_or_default();
            if let Some(cloud) = cloud.filter(|cloud| !cloud.is_empty()) {
                source.cloud = cloud;
            }
        }
        Ok(is_list)
    }
}

/// An entry with prefixes.
trait Item {
    fn give(self, builder: &mut Builder) -> Result<(), &'static str>;
}

/// An array of entries.
struct Items<'b, T> {
    builder: &'b mut Builder,
    item: PhantomData<T>,
}

impl<'b, T> Items<'b, T> {
    fn of(builder: &'b mut Builder) -> Self {
        Items {
            builder,
            item: PhantomData,
        }
    }
}

impl<'de, T: Item + Deserialize<'de>> DeserializeSeed<'de> for Items<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Item + Deserialize<'de>> Visitor<'de> for Items<'_, T> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while let Some(item) = array.next_element::<T>()? {
            item.give(self.builder).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// A tag with its prefixes.
#[derive(Deserialize)]
struct Value<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    properties: Properties<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(borrow)]
    region: Option<Cow<'a, str>>,
    #[serde(borrow)]
    system_service: Option<Cow<'a, str>>,
    address_prefixes: Prefixes,
}

impl Item for Value<'_> {
    fn give(self, builder: &mut Builder) -> Result<(), &'static str> {
        let list = Published::of(ListFormat::Tags);
        let tag = Description {
            name: &self.name,
            region: self.properties.region.as_deref().unwrap_or_default(),
            service: self
                .properties
                .system_service
                .as_deref()
                .unwrap_or_default(),
        };
        builder.add(list, &tag, &self.properties.address_prefixes.0);
        Ok(())
    }
}

/// A prefix with its purpose.
#[derive(Deserialize)]
struct Single<'a> {
    ip_prefix: Option<Prefix>,
    ipv6_prefix: Option<Prefix>,
    #[serde(rename = "ipv4Prefix")]
    ipv4_prefix_camel: Option<Prefix>,
    #[serde(rename = "ipv6Prefix")]
    ipv6_prefix_camel: Option<Prefix>,
    #[serde(borrow)]
    service: Option<Cow<'a, str>>,
    #[serde(borrow, alias = "scope")]
    region: Option<Cow<'a, str>>,
}

impl Item for Single<'_> {
    fn give(self, builder: &mut Builder) -> Result<(), &'static str> {
        let snake = self.ip_prefix.or(self.ipv6_prefix);
        let camel = self.ipv4_prefix_camel.or(self.ipv6_prefix_camel);
        let (list, prefix) = match (snake, camel) {
            (Some(prefix), _) => (Published::of(ListFormat::Snake), prefix),
            (None, Some(prefix)) => (Published::of(ListFormat::Camel), prefix),
            (None, None) => return Err("a prefix is neither under `ip_prefix` nor `ipv4Prefix`"),
        };
        let service = self.service.as_deref().unwrap_or_default();
        let region = self
            .region
            .as_deref()
            .filter(|region| *region != list.nowhere)
            .unwrap_or_default();
        // These lists have no tag names, so names are formed like those of lists with tags.
        let mut name = match service {
            "" => list.cloud.clone(),
            service => service.replace(' ', ""),
        };
        if !region.is_empty() {
            name = format!("{name}.{region}");
        }
        let tag = Description {
            name: &name,
            region,
            service,
        };
        builder.add(list, &tag, &[prefix.0]);
        Ok(())
    }
}

/// The prefixes of a tag; past the limit, just enough to let the builder notice.
struct Prefixes(Vec<IpNet>);

impl<'de> Deserialize<'de> for Prefixes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Prefixes;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array of address prefixes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Prefixes, A::Error> {
                let mut prefixes = Vec::new();
                while let Some(Prefix(prefix)) = array.next_element()? {
                    if prefixes.len() <= PREFIX_LIMIT {
                        prefixes.push(prefix);
                    }
                }
                Ok(Prefixes(prefixes))
            }
        }
        deserializer.deserialize_seq(Visit)
    }
}

/// A network, or an address alone.
struct Prefix(IpNet);

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Prefix;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an address prefix like 10.0.0.0/8 or fd00::/8")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Prefix, E> {
                text.parse::<IpNet>()
                    .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                    .map(Prefix)
                    .map_err(|_| {
                        E::custom(format_args!(
                            "`{}` is not an address prefix like 10.0.0.0/8 or fd00::/8",
                            shortened(text)
                        ))
                    })
            }
        }
        deserializer.deserialize_str(Visit)
    }
}

/// The edition of a list: a number in one format, text in another.
struct Version(Option<String>);

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Version;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the number of an edition")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Version, E> {
                Ok(Version(Some(number.to_string())))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Version, E> {
                Ok(Version(Some(shortened(text))))
            }

            fn visit_unit<E: Error>(self) -> Result<Version, E> {
                Ok(Version(None))
            }
        }
        deserializer.deserialize_any(Visit)
    }
}
