//! The frame: what one write of the journal puts into a segment. Pure.
//!
//! Header of 36 bytes, little-endian: magic `XDJ1`, flags, payload length, unpacked length, event
//! count, first sequence number, CRC-32 of the payload, CRC-32 of segment salt and header. The
//! payload is an [`events::codec`] batch, packed with zstd where that makes it smaller. The salt
//! is known only to the segment, so a log record that contains the bytes of a frame is never
//! taken for one when a reader looks for the next frame after damage.

use std::ops::Range;

use events::{EventBatch, codec};

use crate::limits;

pub(crate) const HEADER_BYTES: usize = 36;
pub(crate) const MAGIC: [u8; 4] = *b"XDJ1";
const PACKED: u32 = 1;

/// The header of a frame, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) packed: bool,
    pub(crate) payload_bytes: u32,
    pub(crate) unpacked_bytes: u32,
    pub(crate) count: u32,
    pub(crate) first_seq: u64,
    pub(crate) payload_crc: u32,
}

impl Header {
    /// The sequence number after its last event.
    pub(crate) fn end_seq(&self) -> u64 {
        self.first_seq.saturating_add(u64::from(self.count))
    }

    pub(crate) fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.payload_bytes)
    }

    fn write(&self, salt: u64, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend_from_slice(&MAGIC);
        let flags = if self.packed { PACKED } else { 0 };
        for part in [flags, self.payload_bytes, self.unpacked_bytes, self.count] {
            out.extend_from_slice(&part.to_le_bytes());
        }
        out.extend_from_slice(&self.first_seq.to_le_bytes());
        out.extend_from_slice(&self.payload_crc.to_le_bytes());
        let crc = header_crc(salt, &out[at..]);
        out.extend_from_slice(&crc.to_le_bytes());
    }

    /// `None` for bytes that are no header of this segment.
    pub(crate) fn read(salt: u64, bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let word = |at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(word)
        };
        if bytes[..4] != MAGIC || header_crc(salt, &bytes[..32]) != word(32) {
            return None;
        }
        let header = Self {
            packed: word(4) & PACKED != 0,
            payload_bytes: word(8),
            unpacked_bytes: word(12),
            count: word(16),
            first_seq: u64::from(word(20)) | u64::from(word(24)) << 32,
            payload_crc: word(28),
        };
        let bounded = header.payload_bytes <= limits::FRAME_BYTES_MAX
            && header.unpacked_bytes <= limits::FRAME_BYTES_MAX;
        (bounded && header.count > 0 && header.first_seq > 0).then_some(header)
    }
}

fn header_crc(salt: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// Makes frames; keeps its buffers between them.
#[derive(Default)]
pub(crate) struct Encoder {
    plain: Vec<u8>,
    packer: Option<zstd::bulk::Compressor<'static>>,
}

impl Encoder {
    /// Appends one frame of some records to `out`; of none, nothing.
    pub(crate) fn frame(
        &mut self,
        salt: u64,
        first_seq: u64,
        parts: &[(&EventBatch, Range<usize>)],
        out: &mut Vec<u8>,
    ) {
        let count: usize = parts.iter().map(|(_, records)| records.len()).sum();
        if count == 0 {
            return;
        }
        self.plain.clear();
        codec::encode_all(parts.iter().cloned(), &mut self.plain);
        let packed = self.pack();
        let payload = packed.as_deref().unwrap_or(&self.plain);
        let header = Header {
            packed: packed.is_some(),
            payload_bytes: payload.len() as u32,
            unpacked_bytes: self.plain.len() as u32,
            count: count as u32,
            first_seq,
            payload_crc: crc32fast::hash(payload),
        };
        header.write(salt, out);
        out.extend_from_slice(payload);
    }

    fn pack(&mut self) -> Option<Vec<u8>> {
        if self.plain.len() < limits::PACK_BYTES_MIN {
            return None;
        }
        if self.packer.is_none() {
            self.packer = zstd::bulk::Compressor::new(1).ok();
        }
        let packed = self.packer.as_mut()?.compress(&self.plain).ok()?;
        (packed.len() < self.plain.len()).then_some(packed)
    }
}

/// Reads frames; keeps its buffer between them.
#[derive(Default)]
pub(crate) struct Decoder {
    plain: Vec<u8>,
    unpacker: Option<zstd::bulk::Decompressor<'static>>,
}

impl Decoder {
    /// The events of a payload whose checksum was right. `None` if it is no batch all the same.
    pub(crate) fn decode(&mut self, header: &Header, payload: &[u8]) -> Option<EventBatch> {
        let plain = if header.packed { self.unpack(header, payload)? } else { payload };
        let events = codec::decode_batch(plain).ok()?;
        (events.len() == header.count as usize).then_some(events)
    }

    fn unpack(&mut self, header: &Header, payload: &[u8]) -> Option<&[u8]> {
        if self.unpacker.is_none() {
            self.unpacker = zstd::bulk::Decompressor::new().ok();
        }
        self.plain.clear();
        self.plain.reserve(header.unpacked_bytes as usize);
        self.unpacker.as_mut()?.decompress_to_buffer(payload, &mut self.plain).ok()?;
        Some(&self.plain)
    }
}

#[cfg(test)]
mod tests {
    use events::{Event, Value, field};
    use proptest::prelude::*;

    use super::*;

    fn events(count: usize) -> EventBatch {
        let mut event = Event::new();
        event.set_raw(b"Failed password for root from 10.0.0.1");
        event.push(field::SOURCE_PORT, Value::Int(22));
        vec![event; count].into()
    }

    #[test]
    fn frames_round_trip_packed_and_plain() {
        for count in [1, 200] {
            let mut bytes = Vec::new();
            Encoder::default().frame(9, 77, &[(&events(count), 0..count)], &mut bytes);
            let (head, payload) = bytes.split_first_chunk::<HEADER_BYTES>().unwrap();
            let header = Header::read(9, head).unwrap();
            assert_eq!((header.packed, header.first_seq), (count > 1, 77));
            assert_eq!(header.end_seq(), 77 + count as u64);
            assert_eq!(Decoder::default().decode(&header, payload).unwrap(), events(count));
            assert_eq!(Header::read(8, head), None, "a frame of another segment");
        }
    }

    proptest! {
        #[test]
        fn every_flipped_bit_of_a_frame_is_seen(at in 0usize..4096, bit in 0u8..8) {
            let mut bytes = Vec::new();
            Encoder::default().frame(9, 77, &[(&events(3), 0..3)], &mut bytes);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let (head, payload) = bytes.split_first_chunk::<HEADER_BYTES>().unwrap();
            let seen = match Header::read(9, head) {
                None => true,
                Some(header) => header.payload_crc != crc32fast::hash(payload),
            };
            prop_assert!(seen);
        }

        #[test]
        fn any_payload_never_panics(payload in proptest::collection::vec(any::<u8>(), 0..200),
                                    packed in any::<bool>()) {
            let header = Header { packed, payload_bytes: 0, unpacked_bytes: 4096, count: 1,
                                  first_seq: 1, payload_crc: 0 };
            let _ = Decoder::default().decode(&header, &payload);
        }
    }
}
