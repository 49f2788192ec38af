//! A webhook's body as it comes in: hashed on the way, kept within what may be in memory, and not for long.

use super::Refusal;
use aws_lc_rs::digest::{Context, SHA256};
use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt;
use inbox_core::signature::Verifier;
use ingress::Reserved;
use std::time::Duration;
use tokio::time::timeout;

/// The largest body that Meta sends, in bytes (Meta, WhatsApp webhooks overview: 3 MB).
pub(crate) const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// How long a body may take in all. Longer lets poorer lines deliver; shorter frees memory sooner.
pub(crate) const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// How long nothing of a body may come.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(5);

/// A body that has come in whole.
pub(super) struct Received {
    pub(super) bytes: Vec<u8>,
    pub(super) sha256: [u8; 32],
    /// Whether it is signed as it should be.
    pub(super) is_genuine: bool,
    /// Kept as long as the bytes are.
    pub(super) _reserved: Reserved,
}

/// Reads a body, as far as it may come.
pub(super) async fn read(body: Body, verifier: Verifier, reserved: Reserved) -> Result<Received, Refusal> {
    timeout(BODY_TIME_MAX, read_on(body, verifier, reserved)).await.map_err(|_| Refusal::TooSlow)?
}

async fn read_on(body: Body, mut verifier: Verifier, mut reserved: Reserved) -> Result<Received, Refusal> {
    let (mut bytes, mut digest) = (Vec::new(), Context::new(&SHA256));
    let mut pieces = body.into_data_stream();
    while let Some(piece) = timeout(SILENCE_MAX, pieces.next()).await.map_err(|_| Refusal::TooSlow)? {
        let piece: Bytes = piece.map_err(|_| Refusal::Malformed)?;
        make_room(&mut bytes, piece.len(), &mut reserved)?;
        verifier.update(&piece);
        digest.update(&piece);
        // Copied: a piece may hold on to a much larger buffer.
        bytes.extend_from_slice(&piece);
    }
    let digest = digest.finish();
    let sha256 = *digest.as_ref().first_chunk().ok_or(Refusal::Malformed)?;
    Ok(Received { bytes, sha256, is_genuine: verifier.is_valid(), _reserved: reserved })
}

/// Grows as bytes arrive, whatever was announced, and has reserved what it takes.
fn make_room(bytes: &mut Vec<u8>, more: usize, reserved: &mut Reserved) -> Result<(), Refusal> {
    let needed = bytes.len().saturating_add(more);
    if needed > BODY_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    if needed > bytes.capacity() {
        let capacity = needed.max(bytes.capacity() * 2).min(BODY_BYTES_MAX);
        if !reserved.grow_to(capacity) {
            return Err(Refusal::Full);
        }
        bytes.reserve_exact(capacity - bytes.len());
    }
    Ok(())
}
