//! How our binary forms write numbers and texts: LEB128, signed ones zigzag, bytes behind their
//! length. Pure.

/// Why bytes are not what a codec of ours wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end too early.
    #[error("the bytes end at byte {at}, in the middle of {what}")]
    Short {
        /// Offset of the end.
        at: usize,
        /// What was being read.
        what: &'static str,
    },
    /// A version this program does not know.
    #[error("version {0} is not known")]
    Version(u8),
    /// Something that cannot be.
    #[error("bad {what} at byte {at}")]
    Bad {
        /// Offset of the thing.
        at: usize,
        /// What it is.
        what: &'static str,
    },
}

/// Appends a number as LEB128.
pub fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends a signed number, zigzag.
pub fn put_signed(out: &mut Vec<u8>, n: i64) {
    put(out, ((n << 1) ^ (n >> 63)) as u64);
}

/// Appends bytes behind their length.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what [`put`] and its siblings wrote. Never panics; takes no more than there is.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// At the start of some bytes.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The offset of what comes next.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Asks that nothing comes after.
    ///
    /// # Errors
    /// [`CodecError::Bad`] if something does.
    pub fn end(&self, what: &'static str) -> Result<(), CodecError> {
        match self.at == self.bytes.len() {
            true => Ok(()),
            false => Err(CodecError::Bad { at: self.at, what }),
        }
    }

    /// One byte.
    pub fn byte(&mut self, what: &'static str) -> Result<u8, CodecError> {
        let byte = *self.bytes.get(self.at).ok_or(CodecError::Short { at: self.at, what })?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], CodecError> {
        let short = CodecError::Short { at: self.bytes.len(), what };
        let end = self.at.checked_add(len).ok_or(short.clone())?;
        let part = self.bytes.get(self.at..end).ok_or(short)?;
        self.at = end;
        Ok(part)
    }

    /// So many bytes.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CodecError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    /// A number.
    pub fn number(&mut self, what: &'static str) -> Result<u64, CodecError> {
        let start = self.at;
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(what)?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            n |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(n);
            }
        }
        Err(CodecError::Bad { at: start, what })
    }

    /// A signed number.
    pub fn signed(&mut self, what: &'static str) -> Result<i64, CodecError> {
        let n = self.number(what)?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// A count of things of at least one byte each: more than the bytes left is impossible.
    pub fn count(&mut self, what: &'static str) -> Result<usize, CodecError> {
        let at = self.at;
        let n = self.number(what)? as usize;
        if n > self.bytes.len() - self.at {
            return Err(CodecError::Bad { at, what });
        }
        Ok(n)
    }

    /// Bytes behind their length.
    pub fn slice(&mut self, what: &'static str) -> Result<&'a [u8], CodecError> {
        let len = self.count(what)?;
        self.take(len, what)
    }

    /// Text behind its length.
    pub fn text(&mut self, what: &'static str) -> Result<&'a str, CodecError> {
        let at = self.at;
        std::str::from_utf8(self.slice(what)?).map_err(|_| CodecError::Bad { at, what })
    }
}
