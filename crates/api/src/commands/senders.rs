use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use secrecy::SecretString;
use serde_json::{Value, json};
use whatotp_application::{Application, FixedSender, NewSender, SenderCheck};
use whatotp_domain::{AccountId, AuditAction, SenderId};
use whatotp_ports::{Endpoint, SenderRecord};

use super::table::aligned;
use super::{Outcome, audited, refusal, say};
use crate::cli::whatsapp::{AddSender, Senders};
use crate::settings::{Settings, is_safe};
use crate::wiring::{self, Outside, Role};

pub(crate) async fn run(settings: &Settings, senders: Senders) -> Outcome {
    let app = wiring::application(settings, Role::Look, &Outside::default()).await?;
    match senders {
        Senders::List { json } => list(&app, json).await,
        Senders::Add(options) => add(settings, &app, *options).await,
        Senders::Remove { id } => remove(&app, &id).await,
        Senders::Use { account, ids } => assign(&app, account, ids).await,
        Senders::Check => check(&app).await,
    }
}

const NONE: &str = "There are no senders. Set whatsapp.phone_number_id and so on (a server takes them over when it \
    starts), or: whatotp senders add --help";

async fn list(app: &Application, json: bool) -> Outcome {
    let (senders, routes) = (app.list_senders().await?, app.list_routes().await?);
    if json {
        say(Value::Array(senders.iter().map(|sender| described(sender, &routes)).collect()));
        return Ok(ExitCode::SUCCESS);
    }
    if senders.is_empty() {
        say(NONE);
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows =
        vec![["PHONE NUMBER ID", "WABA", "NAME", "TEMPLATE", "QUALITY", "FROM", "USED BY"].map(str::to_owned)];
    rows.extend(senders.iter().map(|sender| row(sender, &routes)));
    aligned(&rows).iter().for_each(say);
    Ok(ExitCode::SUCCESS)
}

type Routes = [(AccountId, Vec<SenderId>)];

fn row(sender: &SenderRecord, routes: &Routes) -> [String; 7] {
    let everybody = if routes.is_empty() { "everybody" } else { "everybody else" };
    let shared = sender.shared.then(|| everybody.to_owned());
    let users: Vec<String> = shared.into_iter().chain(accounts_of(sender, routes)).collect();
    [
        sender.id.to_string(),
        sender.waba.to_string(),
        if sender.name.is_empty() { "-".to_owned() } else { sender.name.clone() },
        sender.otp_template.clone(),
        sender.quality.as_str().to_owned(),
        source(sender).to_owned(),
        if users.is_empty() { "nobody".to_owned() } else { users.join(", ") },
    ]
}

fn described(sender: &SenderRecord, routes: &Routes) -> Value {
    json!({
        "phone_number_id": sender.id.to_string(),
        "waba_id": sender.waba.to_string(),
        "name": sender.name,
        "otp_template": sender.otp_template,
        "quality": sender.quality.as_str(),
        "from": source(sender),
        "base_url": sender.endpoint.base_url,
        "shared": sender.shared,
        "accounts": accounts_of(sender, routes).collect::<Vec<_>>(),
        "created_at": sender.created_at.to_string(),
    })
}

const fn source(sender: &SenderRecord) -> &'static str {
    if sender.configured { "configuration" } else { "database" }
}

/// The accounts that have it among senders of their own.
fn accounts_of(sender: &SenderRecord, routes: &Routes) -> impl Iterator<Item = String> {
    routes.iter().filter(|(_, ids)| ids.contains(&sender.id)).map(|(account, _)| account.to_string())
}

async fn remove(app: &Application, id: &SenderId) -> Outcome {
    app.remove_sender(id).await?.map_err(|fixed| refused(id, fixed))?;
    audited(app, AuditAction::SenderRemoved, (None, id.to_string()), String::new()).await?;
    say(format!("{id} is forgotten. A running server notices within 5 seconds."));
    Ok(ExitCode::SUCCESS)
}

fn refused(id: &SenderId, fixed: FixedSender) -> String {
    match fixed {
        FixedSender::Unknown => format!("there is no sender {id}; `whatotp senders list` shows them"),
        FixedSender::Configured => format!("{id} cannot be changed: {fixed}"),
    }
}

async fn add(settings: &Settings, app: &Application, options: AddSender) -> Outcome {
    let usual = settings.whatsapp.endpoint();
    let endpoint = Endpoint {
        base_url: options.base_url.map_or(usual.base_url, |url| url.trim_end_matches('/').to_owned()),
        api_version: usual.api_version,
        messages_path: options.messages_path.unwrap_or(usual.messages_path),
        templates_path: options.templates_path.unwrap_or(usual.templates_path),
        auth_header: options.auth_header.unwrap_or(usual.auth_header),
        auth_prefix: options.auth_prefix.unwrap_or(usual.auth_prefix),
    };
    if !is_safe(&endpoint.base_url) {
        return Err("--base-url must begin with https://; plain http is for a server on this machine only".into());
    }
    let id = options.phone_number_id;
    let before = app.changeable_sender(&id).await?;
    if before == Err(FixedSender::Configured) {
        return Err(refused(&id, FixedSender::Configured).into());
    }
    let known = app.ports().accounts.list_accounts().await?;
    if let Some(stranger) = options.accounts.iter().find(|one| known.iter().all(|account| account.id != **one)) {
        return Err(format!("there is no account {stranger}; `whatotp keys list` shows them").into());
    }
    let new = NewSender {
        id: id.clone(),
        waba: options.waba_id,
        name: options.name,
        endpoint,
        access_token: token(&options.access_token_file)?,
        otp_template: options.otp_template.unwrap_or_else(|| settings.whatsapp.otp_template().to_owned()),
        shared: options.accounts.is_empty(),
    };
    app.put_sender(new).await?;
    let action = if before.is_ok() { AuditAction::SenderChanged } else { AuditAction::SenderAdded };
    audited(app, action, (None, id.to_string()), String::new()).await?;
    for account in options.accounts {
        let routes = app.list_routes().await?;
        let mut ids = routes.into_iter().find(|(one, _)| *one == account).map_or(Vec::new(), |(_, ids)| ids);
        if !ids.contains(&id) {
            ids.push(id.clone());
        }
        assign(app, account, ids).await?;
    }
    say(format!("{id} is stored, its token sealed. A running server uses it within 5 seconds."));
    say("Check it: whatotp senders check");
    Ok(ExitCode::SUCCESS)
}

async fn assign(app: &Application, account: AccountId, ids: Vec<SenderId>) -> Outcome {
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    if !app.route(account, ids).await? {
        return Err(format!(
            "there is no account {account}, or one of the senders does not exist: see `whatotp keys list` and `whatotp senders \
             list`"
        )
        .into());
    }
    audited(app, AuditAction::AccountSendersChanged, (Some(account), account.to_string()), names.join(", ")).await?;
    if names.is_empty() {
        say(format!("{account} uses the senders that everybody shares"));
    } else {
        say(format!("{account} uses {}", names.join(", then ")));
    }
    Ok(ExitCode::SUCCESS)
}

async fn check(app: &Application) -> Outcome {
    let checks = app.check_senders().await?;
    if checks.is_empty() {
        say(NONE);
    }
    let healthy = checks.iter().all(|check| check.health.is_ok());
    let rows: Vec<_> = checks
        .iter()
        .map(|SenderCheck { record, health, .. }| match health {
            Ok(health) => {
                let quality = health.quality.as_str();
                let said = [
                    ("", &health.status),
                    ("messaging limit ", &health.messaging_limit),
                    ("throughput ", &health.throughput),
                ];
                let more = said.iter().filter_map(|(name, value)| Some(format!(", {name}{}", value.as_deref()?)));
                let what = format!(
                    "{}, {}, quality {quality}{}",
                    health.display_phone_number,
                    health.verified_name,
                    more.collect::<String>()
                );
                ["ok".to_owned(), record.id.to_string(), what]
            }
            Err(error) => ["FAIL".to_owned(), record.id.to_string(), refusal::explained(error)],
        })
        .collect();
    aligned(&rows).iter().for_each(say);
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tokens do not go on a command line, where every user of the machine can read them.
fn token(file: &Path) -> Result<SecretString, String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(file).map(|content| text = content)
    };
    read.map_err(|error| format!("the token cannot be read from {}: {error}", file.display()))?;
    let token = text.trim();
    let usable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    usable.then(|| SecretString::from(token)).ok_or_else(|| format!("{} holds no token", file.display()))
}
