//! Tests of the repository as a whole, in one binary.

#[cfg(test)]
mod arrows;
