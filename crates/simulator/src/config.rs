use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;

/// What a simulator is started with.
#[derive(Clone)]
pub struct Config {
    /// Port 0 is any free one.
    pub listen: SocketAddr,
    pub sender: SenderConfig,
    /// Further numbers, of the same business account or of others.
    pub other_senders: Vec<SenderConfig>,
    /// Signs the webhooks.
    pub app_secret: String,
    /// Presented when the webhook's address is verified.
    pub verify_token: String,
    /// Without one there are no webhooks; messages arrive at their phones all the same.
    pub webhook_url: Option<String>,
    pub webhook_retries: Retries,
    pub behaviour: Behaviour,
    pub limits: Limits,
    pub template_review: TemplateReview,
    /// With the same seed and the same requests, the same webhooks are lost.
    pub seed: u64,
}

/// A business's phone number.
#[derive(Clone)]
pub struct SenderConfig {
    pub phone_number_id: String,
    /// The WhatsApp business account, to which templates belong.
    pub waba_id: String,
    /// With its country code, such as `+1 202-555-0100`.
    pub display_phone_number: String,
    pub verified_name: String,
    /// For `Authorization: Bearer`.
    pub access_token: String,
    /// For `D360-API-KEY`, at the addresses of 360dialog.
    pub api_key: String,
}

/// How often a webhook is posted again when it was not answered with 200: after `first_pause_ms`, then after twice that,
/// and so on. Meta goes on for seven days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    pub attempts: u32,
    pub first_pause_ms: u64,
}

/// The limits on sending; `None` switches one off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// From one number to one recipient; over it is 131056.
    pub pair: Option<PairLimit>,
    /// From one number to all; over it is 130429.
    pub messages_per_second: Option<u32>,
}

/// One message in `every_ms`, of which `burst` may be borrowed from the future.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairLimit {
    pub burst: u32,
    pub every_ms: u64,
}

/// What becomes of a new template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateReview {
    /// Approved when it is created.
    Immediate,
    /// Pending until somebody sets its status.
    Pending,
}

impl Default for Config {
    /// For demonstrations, on loopback port 8090. Its credentials are public and open nothing but a simulator.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8090)),
            sender: SenderConfig::default(),
            other_senders: Vec::new(),
            app_secret: "simulator-app-secret".to_owned(),
            verify_token: "simulator-verify-token".to_owned(),
            webhook_url: None,
            webhook_retries: Retries::default(),
            behaviour: Behaviour::default(),
            limits: Limits::default(),
            template_review: TemplateReview::Immediate,
            seed: 1,
        }
    }
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self {
            phone_number_id: "100000000000001".to_owned(),
            waba_id: "200000000000001".to_owned(),
            display_phone_number: "+1 202-555-0100".to_owned(),
            verified_name: "Demo Business".to_owned(),
            access_token: "simulator-access-token".to_owned(),
            api_key: "simulator-api-key".to_owned(),
        }
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 7, first_pause_ms: 500 }
    }
}

impl Default for Limits {
    /// Meta's figures for a number of an ordinary business.
    fn default() -> Self {
        Self { pair: Some(PairLimit { burst: 45, every_ms: 6_000 }), messages_per_second: Some(80) }
    }
}
