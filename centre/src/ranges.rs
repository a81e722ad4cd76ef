//! What belongs to address ranges that may lie in one another: the narrowest that holds an address
//! counts, found by one look for each width that occurs, however many ranges there are.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::region::Cidr;

/// Values by address range.
#[derive(Clone, Debug)]
pub(crate) struct Ranges<T> {
    /// By how many bits a range fixes, the narrowest first.
    by_bits: BTreeMap<Reverse<u8>, HashMap<Cidr, T>>,
}

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Self { by_bits: BTreeMap::new() }
    }
}

impl<T> Ranges<T> {
    /// The place of a range's value.
    pub(crate) fn entry(&mut self, range: Cidr) -> Entry<'_, Cidr, T> {
        self.by_bits.entry(Reverse(range.bits())).or_default().entry(range)
    }

    /// The value of the narrowest range that holds the address.
    pub(crate) fn of(&self, address: IpAddr) -> Option<&T> {
        self.by_bits
            .iter()
            .find_map(|(Reverse(bits), values)| values.get(&Cidr::around(address, *bits)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_narrowest_of_all_is_found(
            given in prop::collection::vec((any::<[u8; 4]>(), 0u8..=32), 0..30),
            address in any::<[u8; 4]>(),
        ) {
            let mut ranges = Ranges::default();
            let mut all: Vec<(Cidr, usize)> = Vec::new();
            for (at, (base, bits)) in given.into_iter().enumerate() {
                // Few addresses, so that ranges meet.
                let base = IpAddr::from(base.map(|b| b & 0b1000_0001));
                let range = Cidr::around(base, bits).unwrap();
                ranges.entry(range).or_insert(at);
                all.push((range, at));
            }
            let address = IpAddr::from(address.map(|b| b & 0b1000_0001));
            all.sort_by_key(|(range, _)| Reverse(range.bits()));
            let want = all.iter().find(|(range, _)| range.contains(address)).map(|(_, at)| at);
            prop_assert_eq!(ranges.of(address), want);
        }
    }
}
