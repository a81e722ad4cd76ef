//! The region: its districts and schools, and which addresses belong to whom.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use events::{SiteId, Text};
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::ranges::Ranges;

/// A bureau's region (区域), as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Name of the bureau: `示范市教育局`.
    pub name: Text,
    /// The schools, by code.
    #[serde(default, rename = "school")]
    pub schools: Vec<School>,
}

/// One school.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct School {
    /// Ten-digit school code.
    pub code: SiteId,
    /// Its name.
    pub name: Text,
    /// The district it lies in.
    pub district: Text,
    /// The code of that district (行政区划代码, GB/T 2260), which names it wholly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub division: Option<u32>,
    /// Its address ranges, in CIDR notation.
    #[serde(default)]
    pub networks: Vec<Cidr>,
}

/// An address range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    base: u128,
    bits: u8,
    v4: bool,
}

/// A text that is not an address range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address range such as 10.1.2.0/24: {0:?}")]
pub struct BadCidr(String);

impl Cidr {
    /// The range of so many bits that an address lies in; `None` for more bits than it has.
    pub fn around(address: IpAddr, bits: u8) -> Option<Self> {
        let (base, v4) = number(address);
        (bits <= if v4 { 32 } else { 128 }).then(|| Self { base: base & mask(bits, v4), bits, v4 })
    }

    /// How many bits it fixes.
    pub const fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether an address lies in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, v4) = number(address);
        v4 == self.v4 && (bits & mask(self.bits, v4)) == self.base
    }
}

fn number(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(a) => (u128::from(u32::from(a)), true),
        IpAddr::V6(a) => {
            a.to_ipv4_mapped().map_or((u128::from(a), false), |m| (u128::from(u32::from(m)), true))
        }
    }
}

fn mask(bits: u8, v4: bool) -> u128 {
    let width: u32 = if v4 { 32 } else { 128 };
    let host = width - u32::from(bits);
    let all = if v4 { u128::from(u32::MAX) } else { u128::MAX };
    all & u128::MAX.checked_shl(host).unwrap_or(0)
}

impl FromStr for Cidr {
    type Err = BadCidr;
    fn from_str(text: &str) -> Result<Self, BadCidr> {
        let bad = || BadCidr(text.chars().take(64).collect());
        let (address, bits) = text.split_once('/').ok_or_else(bad)?;
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let bits: u8 = bits.parse().map_err(|_| bad())?;
        let (base, v4) = number(address);
        if bits > if v4 { 32 } else { 128 } {
            return Err(bad());
        }
        Ok(Self { base: base & mask(bits, v4), bits, v4 })
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.v4 {
            write!(f, "{}/{}", Ipv4Addr::from(self.base as u32), self.bits)
        } else {
            write!(f, "{}/{}", Ipv6Addr::from(self.base), self.bits)
        }
    }
}

impl Serialize for Cidr {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a region is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRegion {
    /// A code occurs twice.
    #[error("school {0} is listed twice")]
    Twice(SiteId),
    /// Too many schools.
    #[error("more than {} schools", limits::SCHOOLS_MAX)]
    TooMany,
}

/// The region ready for look-ups.
#[derive(Clone, Debug)]
pub struct Directory {
    name: Text,
    schools: BTreeMap<SiteId, School>,
    /// Longest prefix first.
    networks: Ranges<SiteId>,
}

impl Directory {
    /// Builds the look-ups.
    pub fn new(region: Region) -> Result<Self, BadRegion> {
        if region.schools.len() > limits::SCHOOLS_MAX {
            return Err(BadRegion::TooMany);
        }
        let mut schools = BTreeMap::new();
        let mut networks = Ranges::default();
        for school in region.schools {
            for network in &school.networks {
                networks.entry(*network).or_insert(school.code);
            }
            let code = school.code;
            if schools.insert(code, school).is_some() {
                return Err(BadRegion::Twice(code));
            }
        }
        Ok(Self { name: region.name, schools, networks })
    }

    /// Name of the bureau.
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// A school by its code.
    pub fn school(&self, site: SiteId) -> Option<&School> {
        self.schools.get(&site)
    }

    /// All schools in the order of their codes.
    pub fn schools(&self) -> impl ExactSizeIterator<Item = &School> {
        self.schools.values()
    }

    /// The school an address belongs to.
    pub fn site_of(&self, address: IpAddr) -> Option<SiteId> {
        self.networks.of(address).copied()
    }

    /// What a person calls a site.
    pub fn site_name(&self, site: SiteId) -> Text {
        match self.schools.get(&site) {
            Some(school) => school.name.clone(),
            None if site.is_bureau() => self.name.clone(),
            None => Text::new(site.to_string(), site.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn school(code: &str, network: &str) -> School {
        School {
            code: code.parse().unwrap(),
            name: Text::new("实验小学", "Experimental Primary School"),
            district: Text::new("青溪区", "Qingxi"),
            division: None,
            networks: vec![network.parse().unwrap()],
        }
    }

    #[test]
    fn the_longest_prefix_wins() {
        let region = Region {
            name: Text::new("市教育局", "Bureau"),
            schools: vec![school("2133000001", "10.0.0.0/8"), school("2133000002", "10.2.0.0/16")],
        };
        let d = Directory::new(region).unwrap();
        let site = |a: &str| d.site_of(a.parse().unwrap()).map(|s| s.to_string());
        assert_eq!(site("10.2.3.4").as_deref(), Some("2133000002"));
        assert_eq!(site("::ffff:10.2.3.4").as_deref(), Some("2133000002"));
        assert_eq!(site("10.3.3.4").as_deref(), Some("2133000001"));
        assert_eq!(site("11.3.3.4"), None);
    }

    #[test]
    fn ranges_are_parsed_not_guessed() {
        assert_eq!("10.2.3.4/16".parse::<Cidr>().unwrap().to_string(), "10.2.0.0/16");
        assert_eq!("0.0.0.0/0".parse::<Cidr>().unwrap().to_string(), "0.0.0.0/0");
        assert!("::/0".parse::<Cidr>().unwrap().contains("2001:db8::1".parse().unwrap()));
        for bad in ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/-1", "::/129"] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
        let twice = Region {
            name: Text::default(),
            schools: vec![school("2133000001", "10.0.0.0/8"), school("2133000001", "10.1.0.0/16")],
        };
        assert!(matches!(Directory::new(twice), Err(BadRegion::Twice(_))));
    }
}
