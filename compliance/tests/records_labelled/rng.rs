//! Numbers from a seed (xorshift64*), and the half of each vocabulary in use.

/// Which half of the vocabularies speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The words the finder was improved on.
    Seen,
    /// The words held out.
    Unseen,
}

/// A deterministic source.
pub struct Rng {
    state: u64,
    pub half: Half,
}

impl Rng {
    pub fn new(seed: u64, half: Half) -> Self {
        let mut rng = Self { state: seed.wrapping_mul(0x2545_F491_4F6C_DD1D) | 1, half };
        for _ in 0..8 {
            rng.next();
        }
        rng
    }

    pub fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, n: usize) -> usize {
        ((self.next() >> 33) % n as u64) as usize
    }

    pub fn between(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to - from + 1)
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of all the words.
    pub fn any<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// One of the words of the half in use: even places are seen, odd ones are not.
    pub fn word<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let n = of.len() / 2;
        let i = self.below(n) * 2 + usize::from(self.half == Half::Unseen);
        of[i]
    }

    pub fn digits(&mut self, n: usize) -> String {
        (0..n).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }

    pub fn letters(&mut self, n: usize) -> String {
        (0..n).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }
}
