use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use whatotp_application::{Application, NewKey};
use whatotp_domain::{ApiKey, ScopeSet};

use super::{Outcome, say};
use crate::cli::{CreateKey, Keys};
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

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
        Keys::Revoke { id } => match app.revoke_key(id).await? {
            None => Err(format!("there is no key {id}; `whatotp keys list` shows them").into()),
            Some(key) => {
                say(format!("{} ({}) is revoked", key.id, key.hint));
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
    if options.json {
        say(json!({
            "key_id": key.id.to_string(),
            "account_id": key.scope.account.to_string(),
            "mode": key.scope.mode.as_str(),
            "key": secret.expose(),
        }));
    } else {
        say(secret.expose());
        say(format!("This is {}, a {} key of {}. It is not shown again.", key.id, key.scope.mode, key.scope.account));
    }
    Ok(ExitCode::SUCCESS)
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
    })
}

fn line(key: &ApiKey) -> String {
    let end = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "no end".to_owned(),
    };
    format!("{}  {}  {}  {}  [{}]  {}", key.id, key.scope.account, key.hint, end, key.scopes, key.name)
}
