use std::process::ExitCode;

use serde_json::{Value, json};
use whatotp_domain::AuditText;
use whatotp_ports::{AuditCheck, AuditFilter, AuditRecord};

use super::table::aligned;
use super::{Outcome, say};
use crate::cli::audit::{Audit, ListAudit};
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

pub(crate) async fn run(settings: &Settings, command: &Audit) -> Outcome {
    let app = wiring::application(settings, Role::Look, &Outside::default()).await?;
    match command {
        Audit::Verify => Ok(told(&app.verify_audit().await?)),
        Audit::List(ListAudit { limit, json }) => {
            let mut entries = app.audit_entries(&AuditFilter::default(), None, *limit).await?;
            entries.reverse();
            if *json {
                say(Value::Array(entries.iter().map(described).collect()));
                return Ok(ExitCode::SUCCESS);
            }
            if entries.is_empty() {
                say("Nobody has done anything yet.");
            }
            aligned(&entries.iter().map(row).collect::<Vec<_>>()).iter().for_each(say);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What to say of a check. One that found something is a failure, so that a script notices.
fn told(check: &AuditCheck) -> ExitCode {
    match check {
        AuditCheck::Whole { entries, newest } => {
            say(format!("The audit log is as it was written: {entries} entries, the newest is number {}.", newest.seq));
            say("Write that number down: a later check that ends below it means that the database was set back.");
            ExitCode::SUCCESS
        }
        AuditCheck::Broken { entries, first } => {
            say(format!("The audit log was tampered with: {first}."));
            say(format!(
                "The {entries} entries before that are as they were written. Keep a copy of the database, and"
            ));
            say("look for who could write to it: whoever did had no master key.");
            ExitCode::FAILURE
        }
    }
}

fn row(record: &AuditRecord) -> [String; 4] {
    let AuditText { at, actor, action, subject, detail, .. } = &record.text;
    let what = if detail.is_empty() { subject.clone() } else { format!("{subject}: {detail}") };
    [at.to_string(), actor.clone(), action.clone(), what]
}

fn described(record: &AuditRecord) -> Value {
    let AuditText { id, at, account, actor, action, subject, detail } = &record.text;
    json!({
        "seq": record.point.seq,
        "event_id": id,
        "at": at.to_string(),
        "account_id": account,
        "actor": actor,
        "action": action,
        "subject": subject,
        "detail": detail,
    })
}
