//! Requests as an HTTP client writes them, and the little that is looked at in their answers.

use std::io::Write as _;

use crate::Failure;

/// A POST of JSON, with one header more.
pub(crate) fn post(request: &mut Vec<u8>, path: &str, (name, value): (&str, &str), body: &str) {
    // Writing to a vector cannot fail.
    let _ = write!(
        request,
        "POST {path} HTTP/1.1\r\nhost: bench\r\n{name}: {value}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
}

pub(crate) fn get(request: &mut Vec<u8>, path: &str, (name, value): (&str, &str)) {
    let _ = write!(request, "GET {path} HTTP/1.1\r\nhost: bench\r\n{name}: {value}\r\n\r\n");
}

/// An answer that is not as it should be ends the run.
pub(crate) fn expect(is: bool, status: u16, body: &[u8]) -> Result<(), Failure> {
    if is { Ok(()) } else { Err(format!("a wrong answer: {status} {}", String::from_utf8_lossy(body)).into()) }
}

/// The text of a member of a JSON object, without reading the rest of it.
pub(crate) fn member<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
    rest.split('"').next()
}
