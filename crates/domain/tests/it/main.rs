//! What the rest of WhatOTP relies on, through the crate's public face.
// Clippy knows by `cfg(test)` that helpers of tests may unwrap and index.
#[cfg(test)]
mod destinations;
#[cfg(test)]
mod phone_vectors;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod translations;
