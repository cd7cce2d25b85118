use serde::Deserialize;
use whatotp_domain::{AbuseMode, AbusePolicy, NumberType};

/// `[abuse]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbuseSettings {
    mode: Mode,
    #[serde(deserialize_with = "super::list")]
    refused_number_types: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Observe,
    Enforce,
}

impl AbuseSettings {
    /// The rules that these settings make.
    pub(super) fn policy(&self) -> AbusePolicy {
        let mode = match self.mode {
            Mode::Observe => AbuseMode::Observe,
            Mode::Enforce => AbuseMode::Enforce,
        };
        AbusePolicy { mode, refused_types: self.types().flatten().collect() }
    }

    /// Whether every type is one.
    pub(super) fn is_known(&self) -> bool {
        self.types().all(|number_type| number_type.is_some())
    }

    fn types(&self) -> impl Iterator<Item = Option<NumberType>> {
        self.refused_number_types.iter().map(|name| NumberType::parse(name))
    }
}
