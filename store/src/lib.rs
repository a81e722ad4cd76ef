//! The journal, the archive, search, and typed state in sled.
