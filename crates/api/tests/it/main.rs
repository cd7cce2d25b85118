//! The server from outside: over real HTTP, as real processes, in a real browser.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod fuzz_seeds;
#[cfg(test)]
mod http;
#[cfg(test)]
mod live;
#[cfg(test)]
mod process;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod support;
