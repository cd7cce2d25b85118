use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use whatotp_domain::{EventKind, Timestamp, WabaId};
use whatotp_ports::Notice;

/// The end of the year 2099; a time after it is no time.
const END_OF_TIME: i64 = 4_102_444_800;

#[derive(Deserialize)]
pub(super) struct Webhook {
    object: String,
    #[serde(default)]
    entry: Vec<Value>,
}

#[derive(Deserialize)]
struct Entry {
    id: Value,
    #[serde(default)]
    time: Value,
    #[serde(default)]
    changes: Vec<Value>,
}

#[derive(Deserialize)]
struct RawChange {
    field: String,
    value: Value,
}

/// One piece of news.
pub(super) struct Change {
    pub(super) waba: WabaId,
    pub(super) field: String,
    pub(super) value: Value,
    /// When it happened, as far as its envelope says.
    pub(super) at: Timestamp,
    pub(super) received_at: Timestamp,
    /// The envelope's time as it was written.
    time: Value,
}

impl Webhook {
    pub(super) fn changes(self, received_at: Timestamp) -> impl Iterator<Item = Change> {
        // Meta's webhooks for other products have another name.
        let ours = self.object == "whatsapp_business_account";
        self.entry.into_iter().filter(move |_| ours).flat_map(move |entry| changes(entry, received_at))
    }
}

fn changes(entry: Value, received_at: Timestamp) -> Vec<Change> {
    let Ok(Entry { id, time, changes }) = serde_json::from_value(entry) else {
        tracing::debug!("an entry of a webhook is passed over: it has another form");
        return Vec::new();
    };
    let Some(waba) = text_or_number(&id).as_deref().and_then(WabaId::parse) else {
        tracing::debug!("an entry of a webhook is passed over: it names no business account");
        return Vec::new();
    };
    let at = moment(&time).unwrap_or(received_at);
    let read = changes.into_iter().filter_map(|change| {
        let Ok(RawChange { field, value }) = serde_json::from_value(change) else {
            tracing::debug!(waba.id = %waba, "a change in a webhook is passed over: it has another form");
            return None;
        };
        Some(Change { waba: waba.clone(), field, value, at, received_at, time: time.clone() })
    });
    read.collect()
}

impl Change {
    /// The news that an operator sees.
    pub(super) fn notice(&self, kind: EventKind, subject: String, detail: String) -> Notice {
        Notice { kind, subject, detail, at: self.at, fingerprint: self.fingerprint() }
    }

    /// Meta tells the same news again, byte for byte, until it is answered.
    fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in [self.waba.as_str(), &self.field, &self.time.to_string(), &self.value.to_string()] {
            digest.update(part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
        digest.finalize().into()
    }

    pub(super) fn passed_over(&self) {
        tracing::debug!(waba.id = %self.waba, "a change in a webhook is passed over: it lacks what it is about");
    }
}

/// Seconds since the epoch, as a number or a text.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    let seconds: i64 = text_or_number(value)?.parse().ok()?;
    (1..END_OF_TIME).contains(&seconds).then(|| Timestamp::from_unix_ms(seconds.saturating_mul(1000)))
}

/// Ids and times come as either.
pub(super) fn text_or_number(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
