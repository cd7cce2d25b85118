//! The vault's contract: published vectors, known answers, and what must not open, verify or match.
// Lets the helpers unwrap, which clippy otherwise allows in the tests themselves only.
#![cfg(test)]

mod api_keys;
mod audit;
mod blind_index;
mod codes;
mod fingerprint;
mod key_file;
mod key_lines;
mod known_answers;
mod receipts;
mod seal;
mod support;
mod uniformity;
mod vectors;
mod wycheproof;
