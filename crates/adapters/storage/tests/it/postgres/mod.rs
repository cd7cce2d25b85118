//! The store on PostgreSQL, from outside.

mod contract;
mod fairness;
mod mirror;
mod opening;
mod plans;
mod replicas;
mod retention;
mod server;
mod shape;
mod tampering;
mod tls;
