//! Tests of the repository as a whole and of the servers that tests start, in one binary.

#[cfg(test)]
mod arrows;
#[cfg(test)]
mod fault_proxy;
#[cfg(test)]
mod servers;
