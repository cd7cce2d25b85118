use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use whatotp_application::NewSender;
use whatotp_domain::{SenderId, WabaId};
use whatotp_ports::Endpoint;
use whatotp_whatsapp::Timeouts;
use whatotp_whatsapp::cloud_api::webhooks::WebhookSecrets;

use super::{SettingsError, seconds};

/// `[whatsapp]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatsappSettings {
    base_url: String,
    api_version: String,
    messages_path: String,
    templates_path: String,
    auth_header: String,
    auth_prefix: String,
    phone_number_id: String,
    waba_id: String,
    access_token: SecretString,
    otp_template: String,
    app_secret: SecretString,
    previous_app_secret: SecretString,
    verify_token: SecretString,
    connect_timeout_seconds: u32,
    /// How often templates are read from WhatsApp.
    pub template_sync_minutes: u32,
}

impl WhatsappSettings {
    /// Where senders are reached that say nothing else.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            base_url: self.base_url.trim_end_matches('/').to_owned(),
            api_version: self.api_version.clone(),
            messages_path: self.messages_path.clone(),
            templates_path: self.templates_path.clone(),
            auth_header: self.auth_header.clone(),
            auth_prefix: self.auth_prefix.clone(),
        }
    }

    /// The authentication template of senders that say nothing else.
    #[must_use]
    pub fn otp_template(&self) -> &str {
        &self.otp_template
    }

    /// The sender that the configuration names, if it names one.
    pub fn sender(&self) -> Result<Option<NewSender>, SettingsError> {
        let named = [&self.phone_number_id, &self.waba_id].into_iter().any(|id| !id.is_empty());
        if !named && self.access_token.expose_secret().is_empty() {
            return Ok(None);
        }
        let wrong = |rule: &str| SettingsError::Value(rule.to_owned());
        let id = SenderId::parse(&self.phone_number_id).ok_or_else(|| {
            wrong(
                "whatsapp.phone_number_id must be the digits that Meta shows as Phone number ID, not the number itself",
            )
        })?;
        let waba = WabaId::parse(&self.waba_id).ok_or_else(|| {
            wrong("whatsapp.waba_id must be the digits that Meta shows as WhatsApp Business Account ID")
        })?;
        if self.access_token.expose_secret().is_empty() {
            return Err(wrong("whatsapp.access_token is missing: it is the token of a system user (docs/WHATSAPP.md)"));
        }
        Ok(Some(NewSender {
            id,
            waba,
            name: "configured".to_owned(),
            endpoint: self.endpoint(),
            access_token: self.access_token.clone(),
            otp_template: self.otp_template.clone(),
            shared: true,
        }))
    }

    /// What webhooks are checked with.
    #[must_use]
    pub fn webhook_secrets(&self) -> WebhookSecrets {
        let app_secrets = vec![self.app_secret.clone(), self.previous_app_secret.clone()];
        WebhookSecrets::new(app_secrets, self.verify_token.clone())
    }

    /// What is missing before WhatsApp's webhooks can be believed, and its webhook form be saved.
    #[must_use]
    pub fn missing_for_webhooks(&self) -> Option<&'static str> {
        let empty = |secret: &SecretString| secret.expose_secret().is_empty();
        if empty(&self.app_secret) {
            Some("whatsapp.app_secret")
        } else if empty(&self.verify_token) {
            Some("whatsapp.verify_token")
        } else {
            None
        }
    }

    /// How long WhatsApp may take: a little less than whoever waits for it, who then learns why.
    #[must_use]
    pub fn timeouts(&self, channel_timeout_seconds: u32) -> Timeouts {
        let total = seconds(channel_timeout_seconds).saturating_sub(Duration::from_millis(500));
        Timeouts { connect: seconds(self.connect_timeout_seconds), total }
    }

    /// What no type can say, with the reason.
    pub(super) fn rules(&self) -> [(bool, &'static str); 6] {
        [
            (
                is_safe(&self.base_url),
                "whatsapp.base_url must begin with https://; plain http is for a server on this machine only",
            ),
            (is_version(&self.api_version), "whatsapp.api_version must be a version of the Graph API such as v25.0"),
            (
                self.messages_path.starts_with('/') && self.templates_path.starts_with('/'),
                "whatsapp.messages_path and whatsapp.templates_path must begin with /",
            ),
            (!self.auth_header.is_empty(), "whatsapp.auth_header must name a header"),
            (self.template_sync_minutes > 0, "whatsapp.template_sync_minutes must be at least 1"),
            ((1..=8).contains(&self.connect_timeout_seconds), "whatsapp.connect_timeout_seconds must be from 1 to 8"),
        ]
    }
}

/// A token must not cross a network in the clear.
pub(crate) fn is_safe(base_url: &str) -> bool {
    let Some((scheme, rest)) = base_url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _port)) => address,
        None => authority.split_once(':').map_or(authority, |(host, _port)| host),
    };
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let plain = !host.is_empty() && !authority.contains('@');
    plain && (scheme == "https" || (scheme == "http" && loopback))
}

fn is_version(text: &str) -> bool {
    let digits = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix('v')
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(major, minor)| digits(major) && digits(minor))
}
