//! The Cloud API over real sockets, and against Meta's own description of it where that is at hand.

#[cfg(test)]
mod catalog;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod send;
#[cfg(test)]
mod server;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod shared;
#[cfg(test)]
mod transport;
