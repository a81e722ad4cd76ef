//! Bodies: inflated within their bounds, and cut into records.

use std::io::Read;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, header};

use super::answer::Failure;
use crate::context::Refused;
use crate::limits::{BODY_BYTES_MAX, BODY_INFLATED_BYTES_MAX};

/// The body, inflated when it is gzip or zlib, within the bounds.
pub(crate) async fn body(headers: &HeaderMap, body: Body) -> Result<Bytes, Failure> {
    let bytes = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| Failure::TooLarge)?;
    match headers.get(header::CONTENT_ENCODING).map(|v| v.as_bytes()) {
        None | Some(b"identity" | b"") => Ok(bytes),
        Some(b"gzip" | b"x-gzip") => {
            blocking(move || inflate(flate2::read::MultiGzDecoder::new(&bytes[..]))).await?
        }
        Some(b"deflate") => {
            blocking(move || inflate(flate2::read::ZlibDecoder::new(&bytes[..]))).await?
        }
        Some(_) => Err(Failure::BadEncoding),
    }
}

fn inflate(packed: impl Read) -> Result<Bytes, Failure> {
    let mut plain = Vec::new();
    let mut reader = packed.take(BODY_INFLATED_BYTES_MAX as u64 + 1);
    reader.read_to_end(&mut plain).map_err(|_| Failure::BadEncoding)?;
    if plain.len() > BODY_INFLATED_BYTES_MAX {
        return Err(Failure::TooLarge);
    }
    Ok(plain.into())
}

/// Runs what may take long beside the connections.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::Intake(Refused::Closed))
}

/// Lines that are not empty.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty())
}

/// The elements of a JSON array as written; `None` when the text is not one array. Their inside is
/// left to the decoder.
pub(crate) fn elements(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let text = bytes.trim_ascii();
    let inner = text.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0usize);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in inner.iter().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => {
                found.push(inner[start..at].trim_ascii());
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted || depth > 0 {
        return None;
    }
    let last = inner[start..].trim_ascii();
    if !last.is_empty() || !found.is_empty() {
        found.push(last);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any as arbitrary, prop_assert, proptest};

    #[test]
    fn arrays_are_split_where_their_elements_are() {
        let parts = elements(br#" [ {"a":[1,2],"b":"x,]\"}"} , {"c":{}} ] "#).unwrap();
        let texts: Vec<_> = parts.iter().map(|p| std::str::from_utf8(p).unwrap()).collect();
        assert_eq!(texts, [r#"{"a":[1,2],"b":"x,]\"}"}"#, r#"{"c":{}}"#]);
        assert_eq!(elements(b"[]"), Some(Vec::new()));
        assert_eq!(elements(b"[{]"), None);
        assert_eq!(elements(b"{}\n{}"), None);
    }

    #[test]
    fn a_gzip_bomb_is_refused() {
        use std::io::Write;
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for _ in 0..=BODY_INFLATED_BYTES_MAX >> 20 {
            gz.write_all(&[0; 1 << 20]).unwrap();
        }
        let bomb = gz.finish().unwrap();
        let unpack = |bytes| inflate(flate2::read::MultiGzDecoder::new(bytes));
        assert_eq!(unpack(&bomb[..]), Err(Failure::TooLarge));
        assert_eq!(unpack(b"not gzip"), Err(Failure::BadEncoding));
    }

    proptest! {
        #[test]
        fn any_body_is_safe(bytes in proptest::collection::vec(arbitrary::<u8>(), 0..100)) {
            let found = elements(&bytes).unwrap_or_default();
            prop_assert!(found.len() <= bytes.len() + 1);
        }
    }
}
