use std::process::ExitCode;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;
use whatotp_application::{Application, NewKey};
use whatotp_domain::{ApiKeyId, ApiKeySecret, AuditAction, Mode, ScopeSet, Timestamp};
use whatotp_ports::Clock as _;
use whatotp_system::SystemClock;

use super::{Outcome, audited, http_client, say};
use crate::cli::Try;
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

/// The example run of the documentation: send, read the inbox, verify, look.
pub(crate) async fn run(settings: &Settings, options: Try) -> Outcome {
    let url = options.url.unwrap_or_else(|| format!("http://{}", settings.listen));
    if url.starts_with("https:") {
        return Err(
            "this example speaks plain http only: run it on the server's machine, with --url http://127.0.0.1:8080"
                .into(),
        );
    }
    let (key, temporary) = if let Some(key) = options.key {
        (SecretString::from(key), None)
    } else {
        let (app, id, key) = temporary_key(settings).await?;
        (key, Some((app, id)))
    };
    if ApiKeySecret::parse(key.expose_secret()).is_some_and(|key| key.mode() == Mode::Live) {
        return Err("this example reads the code in the sandbox inbox: give it a test key (sk_test_…)".into());
    }
    let client = Client { url, key };
    let done = tokio::task::spawn_blocking(move || round_trip(&client, &options.to)).await?;
    if let Some((app, id)) = temporary
        && let Some(key) = app.revoke_key(id).await?
    {
        let subject = (Some(key.scope.account), id.to_string());
        audited(&app, AuditAction::KeyRevoked, subject, String::new()).await?;
    }
    done
}

async fn temporary_key(
    settings: &Settings,
) -> Result<(Application, ApiKeyId, SecretString), Box<dyn std::error::Error + Send + Sync>> {
    let app = wiring::application(settings, Role::Beside, &Outside::default()).await?;
    let new = NewKey {
        account: app.default_account().await?,
        mode: Mode::Test,
        name: "whatotp try".to_owned(),
        scopes: ScopeSet::all(),
        allowed_ips: Vec::new(),
        expires_at: Some(app.ports().clock.now().plus(Duration::from_secs(60))),
    };
    let (key, secret) = app.create_key(new).await?.ok_or("there is no account")?;
    let detail = format!("{}, {}", key.scope.mode, key.scopes);
    audited(&app, AuditAction::KeyCreated, (Some(key.scope.account), key.id.to_string()), detail).await?;
    Ok((app, key.id, SecretString::from(secret.expose().to_owned())))
}

fn round_trip(client: &Client, to: &str) -> Outcome {
    let started = Instant::now();
    let sent = client.call("POST", "/v1/otp/send", Some(&json!({"to": to, "channel": "whatsapp"})), "session_id")?;
    let Some(session) = sent.as_ref().and_then(|sent| sent.get("session_id")?.as_str()) else {
        return Ok(ExitCode::FAILURE);
    };
    let inbox = client.call("GET", &format!("/v1/sandbox/messages?session_id={session}"), None, "/data/0/text")?;
    let Some(code) = inbox.as_ref().and_then(|inbox| inbox.pointer("/data/0/code")?.as_str()) else {
        return Ok(ExitCode::FAILURE);
    };
    let body = json!({"session_id": session, "code": code});
    let Some(_) = client.call("POST", "/v1/otp/verify", Some(&body), "verified")? else { return Ok(ExitCode::FAILURE) };
    let Some(_) = client.call("GET", &format!("/v1/otp/{session}"), None, "status")? else {
        return Ok(ExitCode::FAILURE);
    };
    print(&format!("DONE: sent and verified in {} ms", started.elapsed().as_millis()));
    Ok(ExitCode::SUCCESS)
}

struct Client {
    url: String,
    key: SecretString,
}

impl Client {
    /// One call, with a line before it and one after. `None` when the server refused it.
    fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        shown: &str,
    ) -> Result<Option<Value>, Box<dyn std::error::Error + Send + Sync>> {
        print(&format!("EXEC: {method} {path}"));
        let agent = http_client(Duration::from_secs(30));
        let url = format!("{}{path}", self.url);
        let authorization = format!("Bearer {}", self.key.expose_secret());
        let answer = match body {
            None => agent.get(&url).header("authorization", authorization).call(),
            Some(body) => agent
                .post(&url)
                .header("authorization", authorization)
                .header("content-type", "application/json")
                .send(body.to_string()),
        };
        let mut answer =
            answer.map_err(|error| format!("{} does not answer ({error}); is the server running?", self.url))?;
        let status = answer.status();
        let body: Value = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        let reason = status.canonical_reason().unwrap_or_default();
        if status.is_success() {
            let (name, value) = match shown.strip_prefix('/') {
                Some(_) => (shown.rsplit('/').next().unwrap_or(shown), body.pointer(shown)),
                None => (shown, body.get(shown)),
            };
            let value = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            print(&format!("SUCCESS: {} {reason} | {name}: {}", status.as_u16(), value.unwrap_or_default()));
            return Ok(Some(body));
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        print(&format!("ERROR: {} {} | {} ({})", status.as_u16(), text("code"), text("detail"), text("request_id")));
        Ok(None)
    }
}

/// `[14:22:01] …`, in UTC.
fn print(line: &str) {
    say(format!("[{}] {line}", time_of_day(SystemClock.now())));
}

fn time_of_day(now: Timestamp) -> String {
    let second = now.unix_seconds().rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_utc() {
        assert_eq!(time_of_day(Timestamp::parse("2026-11-23T14:22:01Z").unwrap()), "14:22:01");
    }
}
