use std::process::ExitCode;
use std::time::Duration;

use whatotp_application::Application;
use whatotp_ports::Clock as _;
use whatotp_system::SystemClock;
use whatotp_vault::MasterKeys;

use super::{Outcome, http_client, say};
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

/// What came of one check: fine, or what to do.
type Finding = Result<String, String>;

/// The day this version was made: a clock that is behind it is wrong.
const BUILT_AFTER: i64 = 1_795_000_000;

/// Checks everything that has to be right. Exits with 1 when anything is not.
pub(crate) async fn run(settings: &Settings) -> Outcome {
    let app = wiring::application(settings, Role::Look, &Outside::default()).await.map_err(|error| error.to_string());
    let checks: [(&str, Finding); 7] = [
        ("configuration", Ok("every setting can be used".to_owned())),
        ("clock", clock()),
        ("master key", master_key(settings)),
        ("database", database(settings, app.as_ref()).await),
        ("keys", keys(app.as_ref()).await),
        ("server", server(settings).await),
        ("sender", Ok("no WhatsApp sender: test keys work, live keys answer 503 channel_unavailable".to_owned())),
    ];
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
    let path = settings.sqlite_path().map_err(|error| error.to_string())?;
    let pending = whatotp_storage::migrate(&path, true).map_err(|error| error.to_string())?;
    if !path.exists() {
        return Err(format!("there is none at {}: run `whatotp` or `whatotp migrate`", path.display()));
    }
    if !pending.is_empty() {
        return Err(format!("{} migrations are pending: run `whatotp migrate`", pending.len()));
    }
    app.map_err(String::clone)?.check().await.map_err(|error| error.to_string())?;
    Ok(format!("{}, up to date", path.display()))
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
