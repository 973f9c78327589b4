//! What browsers ask before they let a page of another origin talk to the server.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, HeaderMap, HeaderValue,
};

/// Allows everything to the origin that asks, as InfluxDB does: who may do what is
/// decided by the credentials of a request.
pub fn allow(origin: HeaderValue, headers: &mut HeaderMap) {
    const METHODS: &str = "DELETE, GET, OPTIONS, POST, PUT";
    const HEADERS: &str = "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, X-CSRF-Token, X-HTTP-Method-Override";
    const EXPOSED: &str = "Date, X-InfluxDB-Version, X-InfluxDB-Build";
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
