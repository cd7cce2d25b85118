//! Meta's WhatsApp Cloud API, as an OTP service sees it, on one's own machine.
//!
//! It checks what Meta checks, answers with Meta's error bodies, posts Meta's webhooks, and breaks on command. It knows
//! nothing of the service it is used with, and shares no code with it: see this crate's README.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use std::net::{Ipv4Addr, SocketAddr};
//! use whatotp_simulator::{Config, Fault, FaultKind};
//!
//! let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
//! let simulator = whatotp_simulator::start(Config { listen, ..Config::default() }).await?;
//! let handle = simulator.handle();
//! handle.push_fault(Fault::once(FaultKind::ResetAfterAcceptance));
//! // … let the client under test send to simulator.url() …
//! let messages = handle.wait_for_messages(1).await;
//! handle.settle().await;
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```

mod behaviour;
mod clock;
mod config;
mod fault;
mod graph_error;
mod handle;
mod http;
mod phone;
mod random;
mod rate_limit;
mod received;
mod send;
mod server;
mod signature;
mod state;
mod status;
mod template;
mod wamid;
mod webhook;

pub use behaviour::{Behaviour, Failure, Part};
pub use config::{Config, Limits, PairLimit, Retries, SenderConfig, TemplateReview};
pub use fault::{Fault, FaultKind, GatewayBody};
pub use handle::{Handle, NoSuch};
pub use received::{ReceivedMessage, ReceivedRequest, ShownButton, StatusChange};
pub use server::{Simulator, start};
pub use status::Status;
pub use template::{Quality, TemplateCategory, TemplateStatus};
pub use webhook::{HandshakeError, WebhookPost};
