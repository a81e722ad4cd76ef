//! Named bounds of the sensors. What lies beyond one is cut, refused or dropped *and counted*.

/// Longest record of a stream (TCP frame, file line), in bytes; the rest is skipped up to the next
/// record, and the event is marked as cut.
pub const RECORD_BYTES_MAX: usize = events::limits::RAW_BYTES_MAX;
/// Longest UDP datagram read.
pub const DATAGRAM_BYTES_MAX: usize = 65_536;
/// Datagrams taken from the kernel by one call.
pub const DATAGRAMS_PER_CALL: usize = 64;
/// Kernel receive buffer asked for by default, in bytes.
pub const RECEIVE_BUFFER_BYTES: usize = 32 << 20;
/// Bytes waiting between a UDP receive thread and its decoder; beyond, datagrams are dropped and
/// counted (`dropped_queue`).
pub const UDP_QUEUE_BYTES_MAX: usize = 64 << 20;
/// Batches waiting between a UDP receive thread and its decoder.
pub const UDP_QUEUE_BATCHES_MAX: usize = 65_536;
/// How often a receive thread looks whether it should stop, in milliseconds.
pub const RECEIVE_WAIT_MS: u64 = 100;
/// Events submitted together.
pub const BATCH_EVENTS_MAX: usize = 2_048;
/// Bytes of records submitted together.
pub const BATCH_BYTES_MAX: usize = 4 << 20;
/// How long a stream's batch may wait for more records, in milliseconds: a tenth of the 200 within which syslog
/// over TCP is durable. The journal writes what it is given at once.
pub const LINGER_MS: u64 = 20;
/// Events of all sensors on their way to the journal at once; beyond, batches take turns.
pub const IN_FLIGHT_EVENTS_MAX: usize = 65_536;
/// First and longest wait before a refused batch is offered again, in milliseconds.
pub const RETRY_MS: (u64, u64) = (5, 250);
/// How long a stopping sensor goes on offering what it holds, in milliseconds.
pub const STOP_FLUSH_MS: u64 = 5_000;
/// Connections one TCP, TLS or HTTP sensor serves at a time, by default.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Time a TLS client has for its handshake, and an HTTP client for its headers, in milliseconds.
pub const HANDSHAKE_MS: u64 = 10_000;
/// Longest HTTP request body as sent, in bytes.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// Longest HTTP request body after decompression, in bytes.
pub const BODY_INFLATED_BYTES_MAX: usize = 64 << 20;
/// Records in one HTTP request.
pub const BODY_RECORDS_MAX: usize = 200_000;
/// Nesting of OpenTelemetry attributes that is followed.
pub const ATTRIBUTE_DEPTH_MAX: usize = 16;
/// Idempotency keys of durable requests that an HTTP sensor remembers.
pub const IDEMPOTENCY_KEYS_MAX: usize = 8_192;
/// Samples of undecodable records kept per sensor, and the characters shown of each.
pub const SAMPLES_MAX: usize = 5;
/// Lines looked at to suggest a pack.
pub const SUGGEST_LINES_MAX: usize = 2_000;
/// Characters shown of one sample.
pub const SAMPLE_CHARS_MAX: usize = 200;
/// Records that no pack declares of which every one is looked at for a pack that would fit; of
/// later ones, fewer and fewer.
pub const SUGGEST_FIRST: u64 = 8;
/// Bytes at the start of a file that identify it.
pub const FINGERPRINT_BYTES: usize = 1024;
/// Files one sensor follows.
pub const FILES_MAX: usize = 1_024;
/// Bytes read from a file at once.
pub const FILE_CHUNK_BYTES: usize = 256 << 10;
/// Longest wait between two looks at the files, in milliseconds (a notification comes sooner).
pub const FILE_POLL_MS: u64 = 1_000;
/// Time without a change after which a file that is read whole is finished, in seconds.
pub const SETTLE_SECONDS: u32 = 10;
/// Wait before a `journalctl` that ended is started again, in milliseconds.
pub const JOURNAL_RESTART_MS: u64 = 2_000;
/// Time between two full looks of a sensor of integrity, in minutes.
pub const INTEGRITY_FULL_MINUTES: u32 = 360;
/// Files one sensor of integrity watches.
pub const INTEGRITY_FILES_MAX: usize = 200_000;
/// Parts a baseline of integrity is saved in.
pub const INTEGRITY_PARTS: usize = 64;
/// Lines joined into one multi-line record.
pub const MULTILINE_LINES_MAX: usize = 1_000;
/// Silence after which an open multi-line record is complete, in milliseconds.
pub const MULTILINE_IDLE_MS: u64 = 2_000;
/// Silence after which a file that was rotated away is let go, in milliseconds: its writer may go
/// on for a while.
pub const ROTATED_IDLE_MS: u64 = 10_000;
/// NetFlow templates kept per sensor.
pub const TEMPLATES_MAX: usize = 16_384;
/// Fields of one NetFlow template.
pub const TEMPLATE_FIELDS_MAX: usize = 1_024;
/// Bytes of NetFlow data sets kept while their template is awaited.
pub const PENDING_BYTES_MAX: usize = 8 << 20;
/// NetFlow data sets kept while their template is awaited.
pub const PENDING_SETS_MAX: usize = 4_096;
/// NetFlow exporters whose sequence numbers are followed.
pub const EXPORTERS_MAX: usize = 4_096;
/// Time between two looks at the certificates of a sensor, in milliseconds.
pub const TLS_LOOK_MS: u64 = 2_000;
/// Samples of one sFlow datagram, and records of one sample.
pub const SAMPLES_PER_DATAGRAM_MAX: u32 = 1_024;
/// Flows of one capture that are open at once; beyond, the oldest is ended.
pub const CAPTURE_FLOWS_MAX: usize = 200_000;
/// Bytes of one packet of a capture.
pub const CAPTURE_PACKET_BYTES_MAX: usize = 1 << 20;
/// Silence after which a flow of a capture is over, in milliseconds: TCP, and anything else. Zeek's
/// own defaults.
pub const CAPTURE_IDLE_MS: (i64, i64) = (300_000, 60_000);
/// Bytes of a pack file.
pub const PACK_BYTES_MAX: usize = 1 << 20;
/// Compiled size of one pack's regular expression, in bytes.
pub const REGEX_BYTES_MAX: usize = 2 << 20;
/// Bytes of a message looked at to find its pack.
pub const DETECT_BYTES_MAX: usize = 4_096;
/// Columns of one line.
pub const COLUMNS_MAX: usize = 512;
/// Bytes of the header above a file's lines that are remembered.
pub const HEADER_BYTES_MAX: usize = 16 << 10;
/// Pairs taken from one key=value text.
pub const PAIRS_MAX: usize = 512;
