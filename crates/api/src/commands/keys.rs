use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use whatotp_application::{Application, NewKey};
use whatotp_domain::{ApiKey, ApiKeyId, ApiKeySecret, AuditAction, ScopeSet, Timestamp};

use super::{Outcome, audited, say};
use crate::cli::{CreateKey, Keys};
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) async fn run(settings: &Settings, keys: Keys) -> Outcome {
    // Only a key that is to be made is a reason to make an installation.
    let role = if matches!(keys, Keys::Create(_)) { Role::Beside } else { Role::Look };
    let app = wiring::application(settings, role, &Outside::default()).await?;
    match keys {
        Keys::Create(options) => create(&app, options).await,
        Keys::List { account, json } => {
            let keys = app.list_keys(account).await?;
            if json {
                say(Value::Array(keys.iter().map(described).collect()));
            } else if keys.is_empty() {
                say("There are no keys. Make one: whatotp keys create --mode test");
            } else {
                for key in &keys {
                    say(line(key));
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Keys::Rotate { id, overlap_hours, json } => rotate(&app, id, HOUR * overlap_hours, json).await,
        Keys::Revoke { id } => match app.revoke_key(id).await? {
            None => Err(format!("there is no key {id}; `whatotp keys list` shows them").into()),
            Some(key) => {
                let subject = (Some(key.scope.account), id.to_string());
                audited(&app, AuditAction::KeyRevoked, subject, String::new()).await?;
                say(format!("{} ({}) is revoked; a running server refuses it within 5 seconds", key.id, key.hint));
                Ok(ExitCode::SUCCESS)
            }
        },
    }
}

async fn create(app: &Application, options: CreateKey) -> Outcome {
    let account = match options.account {
        Some(account) => account,
        None => app.default_account().await?,
    };
    let now = app.ports().clock.now();
    let new = NewKey {
        account,
        mode: options.mode.into(),
        name: options.name,
        scopes: ScopeSet::new(options.scopes),
        allowed_ips: options.allowed_ips,
        expires_at: options.expires_in_days.map(|days| now.plus(DAY * days)),
    };
    let made = app.create_key(new).await?;
    let (key, secret) = made.ok_or_else(|| format!("there is no account {account}"))?;
    let detail = format!("{}, {}", key.scope.mode, key.scopes);
    audited(app, AuditAction::KeyCreated, (Some(account), key.id.to_string()), detail).await?;
    show_once(&key, &secret, options.json, None);
    Ok(ExitCode::SUCCESS)
}

async fn rotate(app: &Application, id: ApiKeyId, overlap: Duration, json: bool) -> Outcome {
    let rotated = app.rotate_key(id, overlap).await?;
    let none = || format!("there is no key {id} that still works; `whatotp keys list` shows them");
    let (key, secret, old_ends_at) = rotated.ok_or_else(none)?;
    let detail = format!("its successor is {}", key.id);
    audited(app, AuditAction::KeyRotated, (Some(key.scope.account), id.to_string()), detail).await?;
    show_once(&key, &secret, json, Some((id, old_ends_at)));
    Ok(ExitCode::SUCCESS)
}

/// The only time that a key is shown, with the one that it is to replace, and when that ends.
fn show_once(key: &ApiKey, secret: &ApiKeySecret, json: bool, replaces: Option<(ApiKeyId, Timestamp)>) {
    if json {
        let mut shown = json!({
            "key_id": key.id.to_string(),
            "account_id": key.scope.account.to_string(),
            "mode": key.scope.mode.as_str(),
            "key": secret.expose(),
        });
        if let (Some((old, ends_at)), Some(shown)) = (replaces, shown.as_object_mut()) {
            shown.insert("replaces".to_owned(), json!({"key_id": old.to_string(), "expires_at": ends_at.to_string()}));
        }
        say(shown);
        return;
    }
    say(secret.expose());
    say(format!("This is {}, a {} key of {}. It is not shown again.", key.id, key.scope.mode, key.scope.account));
    if let Some((old, ends_at)) = replaces {
        say(format!(
            "{old} works until {ends_at}. Give the new key to whoever uses it, and see `whatotp keys list` for its last use."
        ));
    }
}

fn described(key: &ApiKey) -> Value {
    json!({
        "key_id": key.id.to_string(),
        "account_id": key.scope.account.to_string(),
        "mode": key.scope.mode.as_str(),
        "name": key.name,
        "hint": key.hint,
        "scopes": key.scopes.iter().map(whatotp_domain::Scope::as_str).collect::<Vec<_>>(),
        "allowed_ips": key.allowed_ips.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "created_at": key.created_at.to_string(),
        "expires_at": key.expires_at.map(|at| at.to_string()),
        "revoked_at": key.revoked_at.map(|at| at.to_string()),
        "last_used_at": key.last_used_at.map(|at| at.to_string()),
    })
}

fn line(key: &ApiKey) -> String {
    let end = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "no end".to_owned(),
    };
    let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
    format!("{}  {}  {}  {}  {}  [{}]  {}", key.id, key.scope.account, key.hint, end, used, key.scopes, key.name)
}
