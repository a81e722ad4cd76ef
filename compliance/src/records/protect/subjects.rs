//! The keys of the subjects one run meets: drawn as they come, and remembered for a while.

use ring::rand::SecureRandom;
use zeroize::{Zeroize, Zeroizing};

use super::keylog::{KeyWriter, Subject};
use super::keyring::DatasetKey;
use crate::records::error::Error;

/// The keys of the subjects met.
pub(super) struct SubjectKeys<'a> {
    writer: KeyWriter,
    pool: Pool<'a>,
    random: &'a dyn SecureRandom,
    recent: Recent,
}

impl<'a> SubjectKeys<'a> {
    pub(super) fn new(writer: KeyWriter, random: &'a dyn SecureRandom) -> Self {
        Self { writer, pool: Pool::new(random), random, recent: Recent::new() }
    }

    /// A subject's slot and key.
    pub(super) fn of(
        &mut self,
        subject: Subject,
        keys: &DatasetKey,
    ) -> Result<(u64, &[u8; 32]), Error> {
        let Self { writer, pool, random, recent } = self;
        recent.get_or(subject, |key| {
            pool.key(key)?;
            writer.add(subject, key, keys, *random)
        })
    }

    /// Makes all keys durable: cells under them may be released now.
    pub(super) fn finish(mut self, keys: &DatasetKey) -> Result<(), Error> {
        self.writer.finish(keys, self.random)
    }
}

/// Subjects remembered (200 KiB). A new key costs no more than a look into memory that is not in the
/// processor's cache, so more of them would save nothing.
const RECENT_MAX: usize = 1 << 12;
/// Places a subject may have.
const WAYS: usize = 4;

/// What is remembered of a subject.
#[derive(Clone, Copy, Default, Zeroize)]
struct Known {
    subject: Subject,
    slot: u64,
    key: [u8; 32],
}

/// Keys of subjects met lately in this run. A subject forgotten gets one more key when it comes
/// again; erasing finds them all by the subject's name.
///
/// Most subjects are new, which is told from a small table of marks.
struct Recent {
    /// A part of the name of whom each place holds; 0 for nobody.
    marks: Vec<[u32; WAYS]>,
    held: Zeroizing<Vec<Known>>,
}

impl Recent {
    fn new() -> Self {
        Self {
            marks: vec![[0; WAYS]; RECENT_MAX / WAYS],
            held: Zeroizing::new(vec![Known::default(); RECENT_MAX]),
        }
    }

    /// What is known of the subject; else `make` fills its key and tells its slot. A subject's name
    /// is the output of a keyed hash: its bits tell the place.
    fn get_or(
        &mut self,
        subject: Subject,
        make: impl FnOnce(&mut [u8; 32]) -> Result<u64, Error>,
    ) -> Result<(u64, &[u8; 32]), Error> {
        let lost = || Error::BadKeyStore { reason: "the keys of this run" };
        let name = u64::from_le_bytes(subject);
        let (at, mark) = (name as usize % (RECENT_MAX / WAYS), (name >> 32) as u32 | 1);
        let marks = self.marks.get_mut(at).ok_or_else(lost)?;
        let of_set = self.held.get_mut(at * WAYS..(at + 1) * WAYS).ok_or_else(lost)?;
        let known = (0..WAYS).find(|&way| marks[way] == mark && of_set[way].subject == subject);
        let way = match known {
            Some(way) => way,
            None => {
                let mut key = Zeroizing::new([0; 32]);
                let slot = make(&mut key)?;
                let free = marks.iter().position(|m| *m == 0);
                let way = free.unwrap_or(slot as usize % WAYS);
                marks[way] = mark;
                of_set[way] = Known { subject, slot, key: *key };
                way
            }
        };
        Ok((of_set[way].slot, &of_set[way].key))
    }
}

/// Fresh randomness, fetched from the system in pages: one call for each key costs more than
/// sealing a cell.
struct Pool<'a> {
    random: &'a dyn SecureRandom,
    page: Zeroizing<[u8; 4096]>,
    at: usize,
}

impl<'a> Pool<'a> {
    fn new(random: &'a dyn SecureRandom) -> Self {
        Self { random, page: Zeroizing::new([0; 4096]), at: 4096 }
    }

    /// A key that is given out once.
    fn key(&mut self, key: &mut [u8; 32]) -> Result<(), Error> {
        if self.at + 32 > self.page.len() {
            self.random.fill(&mut *self.page).map_err(|_| Error::NoRandomness)?;
            self.at = 0;
        }
        let given = self.page.get_mut(self.at..self.at + 32).ok_or(Error::NoRandomness)?;
        key.copy_from_slice(given);
        given.zeroize();
        self.at += 32;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_known_until_others_take_their_place() {
        let mut recent = Recent::new();
        let mut made = 0u64;
        // Names of one place: they differ above the bits that tell it.
        let name = |n: u64| (n << 33 | 5).to_le_bytes();
        let mut of = |n: u64| {
            let (slot, key) = recent.get_or(name(n), |key| {
                made += 1;
                key[0] = n as u8;
                Ok(made - 1)
            })?;
            Ok::<_, Error>((slot, key[0]))
        };
        for n in 0..WAYS as u64 {
            assert_eq!(of(n).unwrap(), (n, n as u8));
        }
        assert_eq!((of(0).unwrap(), of(3).unwrap()), ((0, 0), (3, 3)), "known");
        assert_eq!(of(9).unwrap(), (4, 9), "takes the place of another");
        assert_eq!((of(3).unwrap(), of(9).unwrap()), ((3, 3), (4, 9)));
        assert_eq!(of(0).unwrap(), (5, 0), "was forgotten, gets one more");
    }

    #[test]
    fn a_key_that_could_not_be_made_is_nobodys() {
        let mut recent = Recent::new();
        let failed = recent.get_or([7; 8], |_| Err(Error::NoRandomness));
        assert!(failed.is_err());
        let other_mark = recent.get_or([6; 8], |_| Ok(1)).unwrap().0;
        assert_eq!(other_mark, 1);
        assert_eq!(recent.get_or([7; 8], |_| Ok(3)).unwrap().0, 3);
    }
}
