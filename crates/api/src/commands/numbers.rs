use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use whatotp_application::{Application, NumberCount};
use whatotp_domain::{AccountId, AuditAction, GuessRefused, PhoneNumber, SendRefused, Timestamp};

use super::table::aligned;
use super::{Outcome, audited, say};
use crate::cli::Numbers;
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

/// The span that wrong codes, and the longest cap of messages, are counted in.
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) async fn run(settings: &Settings, numbers: Numbers) -> Outcome {
    let app = wiring::application(settings, Role::Look, &Outside::default()).await?;
    match numbers {
        Numbers::Show { number, account, json } => show(&app, &number, account, json).await,
        Numbers::Unblock { number, account, all_accounts } => unblock(&app, &number, account, all_accounts).await,
    }
}

async fn show(app: &Application, number: &str, account: Option<AccountId>, as_json: bool) -> Outcome {
    let (number, account) = (parse(number)?, account_or_oldest(app, account).await?);
    let counts = app.number_counts(&number, account).await?;
    let now = app.ports().clock.now();
    if as_json {
        say(Value::Array(counts.iter().map(|count| described(count, now)).collect()));
        return Ok(ExitCode::SUCCESS);
    }
    if counts.is_empty() {
        say(format!("Nothing counts against {number} in {account}."));
    }
    for count in &counts {
        let place = count.account.map_or_else(|| "over all accounts".to_owned(), |account| account.to_string());
        say(format!("{number} in {} mode, {place}", count.mode));
        for line in aligned(&lines(count, now)) {
            say(format!("  {line}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn unblock(app: &Application, number: &str, account: Option<AccountId>, all_accounts: bool) -> Outcome {
    let number = parse(number)?;
    let account = if all_accounts { None } else { Some(account_or_oldest(app, account).await?) };
    let forgiven = app.unblock_number(&number, account).await?;
    if forgiven > 0 {
        let detail = format!("{forgiven} counts of wrong codes");
        audited(app, AuditAction::NumberForgiven, (account, format!("number {number}")), detail).await?;
    }
    let place = account.map_or_else(|| "any account".to_owned(), |account| account.to_string());
    if forgiven == 0 {
        say(format!("There are no wrong codes for {number} in {place}."));
    } else {
        say(format!("The wrong codes for {number} are forgiven ({forgiven})."));
    }
    if let Some(account) = account {
        let counts = app.number_counts(&number, account).await?;
        if counts.iter().any(|count| count.account.is_none() && count.guess_refused.is_some()) {
            say("It has too many wrong codes over all accounts, and stays blocked: --all-accounts forgives those too.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(number: &str) -> Result<PhoneNumber, String> {
    PhoneNumber::parse(number).map_err(|error| format!("this is no number in E.164, such as +14155550123: {error}"))
}

async fn account_or_oldest(
    app: &Application,
    account: Option<AccountId>,
) -> Result<AccountId, Box<dyn std::error::Error + Send + Sync>> {
    let accounts = app.ports().accounts.list_accounts().await?;
    match account {
        Some(id) if accounts.iter().any(|account| account.id == id) => Ok(id),
        Some(id) => Err(format!("there is no account {id}; `whatotp keys list` shows them").into()),
        None => accounts.first().map(|account| account.id).ok_or_else(|| "there is no account yet".into()),
    }
}

fn lines(count: &NumberCount, now: Timestamp) -> Vec<[String; 2]> {
    let (ledger, guesses) = (&count.ledger, count.ledger.guesses());
    let mut lines = Vec::new();
    let mut add = |what: &str, value: String| lines.push([what.to_owned(), value]);
    for cap in &count.limits.caps {
        let sent = recent(ledger.sends(), cap.window, now);
        add(&format!("messages in {}", span(cap.window)), format!("{sent} of {}", cap.sends));
    }
    let failures = recent(guesses.failures(), DAY, now);
    // A magic number of test mode has no limit.
    let max = Some(count.limits.failures_max).filter(|max| *max < u32::MAX);
    add("wrong codes in 24 hours", max.map_or_else(|| failures.to_string(), |max| format!("{failures} of {max}")));
    if let Some(max) = count.limits.short_failures_max {
        let short = recent(guesses.short_failures(), DAY, now);
        add("those of 4 and 5 digits", format!("{short} of {max}"));
    }
    if let Some(max) = count.limits.consecutive_max {
        add("wrong codes in a row", format!("{} of {max}", guesses.in_a_row()));
    }
    add("held by open sessions", held(count, now).to_string());
    match count.send_refused {
        None => {}
        Some(SendRefused::TooSoon { retry_at } | SendRefused::Capped { retry_at }) => {
            add("no message until", retry_at.to_string());
        }
    }
    match count.guess_refused {
        None => {}
        Some(GuessRefused::Until { retry_at }) => add("blocked until", retry_at.to_string()),
        Some(GuessRefused::Disabled) => add("disabled", "until `whatotp numbers unblock`".to_owned()),
    }
    lines
}

fn described(count: &NumberCount, now: Timestamp) -> Value {
    let (ledger, guesses) = (&count.ledger, count.ledger.guesses());
    let send_from = match count.send_refused {
        None => None,
        Some(SendRefused::TooSoon { retry_at } | SendRefused::Capped { retry_at }) => Some(retry_at.to_string()),
    };
    let blocked_until = match count.guess_refused {
        Some(GuessRefused::Until { retry_at }) => Some(retry_at.to_string()),
        Some(GuessRefused::Disabled) | None => None,
    };
    json!({
        "account_id": count.account.map(|account| account.to_string()),
        "mode": count.mode.as_str(),
        "sends_in_24_hours": recent(ledger.sends(), DAY, now),
        "no_message_until": send_from,
        "failures_in_24_hours": recent(guesses.failures(), DAY, now),
        "short_code_failures_in_24_hours": recent(guesses.short_failures(), DAY, now),
        "consecutive_failures": guesses.in_a_row(),
        "held_by_open_sessions": held(count, now),
        "blocked_until": blocked_until,
        "disabled": count.guess_refused == Some(GuessRefused::Disabled),
    })
}

fn held(count: &NumberCount, now: Timestamp) -> u32 {
    let reserved = count.ledger.guesses().reserved().iter();
    reserved.filter(|held| held.expires_at > now).map(|held| u32::from(held.guesses)).sum()
}

fn recent(times: &[Timestamp], window: Duration, now: Timestamp) -> usize {
    times.iter().filter(|at| at.plus(window) > now).count()
}

fn span(window: Duration) -> String {
    match window.as_secs() / 60 {
        minutes @ 0..60 => format!("{minutes} minutes"),
        minutes => format!("{} hours", minutes / 60),
    }
}
