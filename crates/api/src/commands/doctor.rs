use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use whatotp_application::{Application, Failure, SenderCheck, error_chain};
use whatotp_domain::SenderId;
use whatotp_ports::{Account, Clock as _};
use whatotp_redis::RedisRateLimiter;
use whatotp_system::{LocalRateLimiter, SystemClock};
use whatotp_vault::MasterKeys;

use super::{Outcome, http_client, refusal, rotate_keys, say};
use crate::settings::{Database, Settings};
use crate::wiring::{self, Outside, Role};

/// What came of one check: fine, or what to do.
type Finding = Result<String, String>;

/// The day this version was made: a clock that is behind it is wrong.
const BUILT_AFTER: i64 = 1_795_000_000;

/// Checks everything that has to be right. Exits with 1 when anything is not.
pub(crate) async fn run(settings: &Settings) -> Outcome {
    let app = wiring::application(settings, Role::Look, &Outside::default()).await.map_err(|error| error.to_string());
    let mut checks: Vec<(&str, Finding)> = vec![
        ("configuration", Ok("every setting can be used".to_owned())),
        ("clock", clock()),
        ("master key", master_key(settings)),
        ("database", database(settings, app.as_ref()).await),
        ("redis", redis(settings).await),
        ("key use", key_use(app.as_ref()).await),
        ("keys", keys(app.as_ref()).await),
        ("server", server(settings).await),
    ];
    checks.extend(senders(settings, app.as_ref()).await.into_iter().map(|finding| ("sender", finding)));
    checks.push(("destinations", destinations(app.as_ref()).await));
    checks.push(("webhooks", webhooks(settings, app.as_ref()).await));
    let mut healthy = true;
    for (name, finding) in checks {
        let (mark, text) = match finding {
            Ok(text) => ("ok  ", text),
            Err(text) => {
                healthy = false;
                ("FAIL", text)
            }
        };
        say(format!("{mark}  {name:13}  {text}"));
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn clock() -> Finding {
    let now = SystemClock.now();
    if now.unix_seconds() > BUILT_AFTER {
        Ok(format!("{now}"))
    } else {
        Err(format!("it is {now} here: set the clock, codes and receipts depend on it"))
    }
}

fn master_key(settings: &Settings) -> Finding {
    let keys = MasterKeys::load(&settings.master_key_file).map_err(|error| error.to_string())?;
    let keyring = whatotp_vault::Keyring::new(keys);
    let all: Vec<String> = keyring.kids().map(|kid| kid.to_string()).collect();
    Ok(format!("{} (in use first: {})", settings.master_key_file.display(), all.join(", ")))
}

async fn database(settings: &Settings, app: Result<&Application, &String>) -> Finding {
    let database = settings.database().map_err(|error| error.to_string())?;
    let pending = match &database {
        Database::Sqlite(path) => {
            let pending = whatotp_storage::migrate(path, true).map_err(|error| error.to_string())?;
            if !path.exists() {
                return Err(format!("there is none at {}: run `whatotp` or `whatotp migrate`", path.display()));
            }
            pending
        }
        Database::Postgres(url) => {
            whatotp_storage::postgres::migrate(url, true).await.map_err(|error| error_chain(&error))?
        }
    };
    if !pending.is_empty() {
        return Err(format!("{} migrations are pending: run `whatotp migrate`", pending.len()));
    }
    app.map_err(String::clone)?.check().await.map_err(|error| error.to_string())?;
    Ok(format!("{database}, up to date"))
}

/// Whether every key is there that something needs. It looks at everything that is sealed, which a start does not.
async fn key_use(app: Result<&Application, &String>) -> Finding {
    let Ok(app) = app else { return Ok("looked at once the database can be used".to_owned()) };
    let uses = app.key_uses().await.map_err(|error| error_chain(&error))?;
    let ring: Vec<_> = app.keyring().kids().collect();
    let missing: Vec<String> = uses
        .iter()
        .filter(|(kid, one)| one.is_needed() && !ring.contains(kid))
        .map(|(kid, one)| format!("{kid} is not in the key file ({})", rotate_keys::needed_for(one)))
        .collect();
    if !missing.is_empty() {
        return Err(format!("a key id still in use cannot be dropped: {}; put it back", missing.join(", ")));
    }
    let needed = uses.iter().map(|(kid, one)| format!("{kid}: {}", rotate_keys::needed_for(one)));
    Ok(needed.collect::<Vec<_>>().join(" | "))
}

async fn redis(settings: &Settings) -> Finding {
    let Some(address) = settings.redis().map_err(|error| error.to_string())? else {
        return Ok("not configured: each process counts requests for itself".to_owned());
    };
    let local = Arc::new(LocalRateLimiter::new(Arc::new(SystemClock), settings.limits.subjects));
    if RedisRateLimiter::connect(address, local).await.is_shared() {
        Ok("request limits are shared".to_owned())
    } else {
        Err("out of reach: each process counts requests for itself; correct redis_url, or start Redis".to_owned())
    }
}

async fn keys(app: Result<&Application, &String>) -> Finding {
    let none = || "there is none: run `whatotp keys create --mode test`".to_owned();
    let app = app.map_err(|_unusable| none())?;
    let keys = app.list_keys(None).await.map_err(|error| error.to_string())?;
    let now = app.ports().clock.now();
    let usable = keys.iter().filter(|key| !key.is_revoked() && !key.is_expired(now)).count();
    if usable == 0 { Err(none()) } else { Ok(format!("{usable} in use")) }
}

async fn server(settings: &Settings) -> Finding {
    let url = format!("http://{}/readyz", settings.listen);
    let asked = url.clone();
    let answer = tokio::task::spawn_blocking(move || {
        http_client(Duration::from_secs(5)).get(&asked).call().map(|answer| answer.status().as_u16())
    });
    match answer.await {
        Ok(Ok(200)) => Ok(format!("ready at {url}")),
        Ok(Ok(status)) => Err(format!("{url} answers {status}: its log says why")),
        _ => Err(format!("nothing answers at {url}: start it with `whatotp serve`, or correct the setting listen")),
    }
}

/// Every sender: whether WhatsApp lets us in, and whether codes can go out in its template.
async fn senders(settings: &Settings, app: Result<&Application, &String>) -> Vec<Finding> {
    let none = || Ok("none: test keys work, live keys answer 503 channel_unavailable (docs/WHATSAPP.md)".to_owned());
    let Ok(app) = app else { return vec![none()] };
    match look_at_senders(settings, app).await {
        Err(error) => vec![Err(error.to_string())],
        Ok(findings) if findings.is_empty() => match settings.whatsapp.sender() {
            Ok(Some(_)) => {
                vec![Err("the configured one is stored when the server starts: run `whatotp serve`".to_owned())]
            }
            _ => vec![none()],
        },
        Ok(findings) => findings,
    }
}

async fn look_at_senders(settings: &Settings, app: &Application) -> Result<Vec<Finding>, Failure> {
    let (checks, routes) = (app.check_senders().await?, app.list_routes().await?);
    let has_accounts = !app.ports().accounts.list_accounts().await?.is_empty();
    let findings = checks.into_iter().map(|check| {
        let id = &check.record.id;
        let used = check.record.shared || routes.iter().any(|(_, ids)| ids.contains(id));
        if used { sender(settings, has_accounts, check) } else { Err(unused(id)) }
    });
    Ok(findings.collect())
}

fn unused(id: &SenderId) -> String {
    format!("{id}: no account uses it: `whatotp senders use --account ID {id}`, or `whatotp senders remove {id}`")
}

fn sender(settings: &Settings, has_accounts: bool, check: SenderCheck) -> Finding {
    let id = &check.record.id;
    let health = check.health.map_err(|error| format!("{id}: {}", refusal::explained(&error)))?;
    let (who, quality) = (&health.display_phone_number, health.quality.as_str());
    let name = &check.record.otp_template;
    if !has_accounts {
        // Templates are kept for accounts. That there is none is said above.
        return Ok(format!("{id} ({who}), quality {quality}; its template is looked at when there is an account"));
    }
    let template = check.otp_template.ok_or_else(|| {
        format!(
            "{id}: WhatsApp has no template {name} for it: make one with `whatotp templates create-otp --languages \
             en_US`, or name yours in whatsapp.otp_template; then `whatotp templates sync`"
        )
    })?;
    let policy = settings.policy();
    let translation = template.sendable(None, &policy.default_locale).ok_or_else(|| {
        format!("{id}: WhatsApp has not approved the template {name} in any language: see `whatotp templates list`")
    })?;
    let ours = policy.otp.default_ttl.as_duration();
    if let Some(theirs) = translation.code_expires_after.filter(|theirs| *theirs < ours) {
        return Err(format!(
            "{id}: a code lives {} s by otp.default_expires_in_seconds, but the template {name} says {} s: lower the \
             setting, or change the template",
            ours.as_secs(),
            theirs.as_secs()
        ));
    }
    let approved = template.translations().filter(|translation| translation.is_approved());
    let locales: Vec<_> = approved.map(|translation| translation.locale.to_string()).collect();
    Ok(format!("{id} ({who}), quality {quality}, template {name} in {}", locales.join(", ")))
}

/// Whether anybody has said where live codes may go. Not to have said it is allowed.
async fn destinations(app: Result<&Application, &String>) -> Finding {
    let Ok(app) = app else { return Ok("looked at once the database can be used".to_owned()) };
    let failed = |failure: Failure| error_chain(&failure);
    if app.list_senders().await.map_err(failed)?.is_empty() {
        return Ok("nothing leaves this machine without a sender".to_owned());
    }
    let rules = app.list_rules().await.map_err(failed)?;
    let accounts = app.ports().accounts.list_accounts().await.map_err(|error| error_chain(&error))?;
    let names_some = |account: &Account| {
        let of_it = rules.iter().find(|(id, _)| *id == account.id);
        of_it.is_some_and(|(_, rules)| !rules.countries.allowed.is_empty())
    };
    match accounts.iter().find(|account| !names_some(account)) {
        None => Ok("every account names the countries it writes to".to_owned()),
        Some(account) => Ok(format!(
            "{} may write to every country: better name yours, with `whatotp accounts set {} --countries-allowed DE,AT`",
            account.id, account.id
        )),
    }
}

/// Whether reports can come in at all.
async fn webhooks(settings: &Settings, app: Result<&Application, &String>) -> Finding {
    let has_senders = match app {
        Ok(app) => !app.list_senders().await.map_err(|error| error.to_string())?.is_empty(),
        Err(_) => false,
    };
    match settings.whatsapp.missing_for_webhooks() {
        None => {
            Ok("/webhooks/whatsapp checks signatures; Meta must reach it over https, and its app be published (before \
                    that it sends test webhooks only)"
                .to_owned())
        }
        Some(setting) if has_senders => Err(format!(
            "{setting} is not set: WhatsApp's reports are refused, so nothing is known of a message after `accepted`; \
             set it and restart (docs/WHATSAPP.md, section 2)"
        )),
        Some(_) => Ok("not configured, and not needed without a sender".to_owned()),
    }
}
