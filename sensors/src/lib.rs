//! Bytes in, events out: inputs, decoders and packs.
