use std::io::{BufRead as _, stdin};
use std::process::ExitCode;

use whatotp_application::Erasure;
use whatotp_domain::{AuditAction, PhoneNumber};
use whatotp_ports::Erased;

use super::{Outcome, audited, say};
use crate::cli::Erase;
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

/// Erases what is stored about a number. Exits with 1 when something is left.
pub(crate) async fn run(settings: &Settings, options: &Erase) -> Outcome {
    // The error does not repeat what was typed.
    let number = PhoneNumber::parse(&options.number)
        .map_err(|_not_one| "that is no phone number: write it as +4915112345678".to_owned())?;
    let app = wiring::application(settings, Role::Look, &Outside::default()).await?;
    if !options.yes {
        let whose = options.account.map_or_else(|| "every account".to_owned(), |account| account.to_string());
        say(format!(
            "This deletes everything that is stored about {number} in {whose}, what it has used up of its limits \
             included. It cannot be undone. Type yes to go on:"
        ));
        let mut answer = String::new();
        stdin().lock().read_line(&mut answer)?;
        if answer.trim() != "yes" {
            say("Nothing was deleted.");
            return Ok(ExitCode::FAILURE);
        }
    }
    let erasure = app.erase(&number, options.account).await?;
    let subject = (options.account, format!("number {number}"));
    audited(&app, AuditAction::NumberErased, subject, erasure.to_string()).await?;
    counts(&erasure).iter().for_each(say);
    if erasure.held > 0 {
        say(format!("{} messages are in a worker's hands just now: run it again in a minute.", erasure.held));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each table.
fn counts(erasure: &Erasure) -> [String; 7] {
    let Erased { sessions, deliveries, ledgers, claims, provider_messages, waiting_reports } = &erasure.erased;
    [
        format!("otp_sessions        {sessions}"),
        format!("deliveries          {deliveries}"),
        format!("number_ledgers      {ledgers}"),
        format!("idempotency_claims  {claims}"),
        format!("provider_messages   {provider_messages}"),
        format!("waiting_reports     {waiting_reports}"),
        format!("texts of tickets    {}", erasure.ticket_texts),
    ]
}
