//! Takes in bodies that nobody reads.

use bytes::Buf;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::header::{EXPECT, HeaderMap};

/// Bytes of a body that are taken in before the connection is given up.
const DRAINED_MAX: usize = 64 << 20;

/// Takes in what is left of a body and forgets it. Many clients send all of a request
/// before they look at the answer, and would see a broken connection instead.
pub async fn drain<B>(headers: &HeaderMap, mut body: B)
where
    B: Body + Unpin,
    B::Data: Buf,
{
    // Whoever waits for leave to send the body reads the answer first.
    if headers.contains_key(EXPECT) {
        return;
    }
    let mut bytes = 0;
    while bytes <= DRAINED_MAX {
        match body.frame().await {
            Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Buf::remaining),
            Some(Err(_)) | None => return,
        }
    }
}
