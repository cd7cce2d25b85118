use std::collections::BTreeMap;
use std::process::ExitCode;

use whatotp_application::{KeyUse, Rotated, Rotating};
use whatotp_domain::AuditAction;
use whatotp_vault::Kid;

use super::{Outcome, audited, say};
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

/// A line of progress for so many rows.
const TELL_EVERY: u64 = 20_000;

/// Seals everything with the first key of the key file. Exits with 1 while something is left to do.
pub(crate) async fn run(settings: &Settings) -> Outcome {
    let app = wiring::application(settings, Role::Look, &Outside::default()).await?;
    let active = app.keyring().active_kid();
    say(format!("Sealing everything with the master key {active}; servers may go on working."));
    let rotated = app.rotate_keys(tell).await?;
    let detail = format!("{} values were sealed anew", rotated.resealed);
    audited(&app, AuditAction::MasterKeysRotated, (None, format!("master key {active}")), detail).await?;
    say(format!("{} values were sealed anew.", rotated.resealed));
    for line in kept(active, &rotated.uses) {
        say(line);
    }
    for kid in &rotated.retired {
        say(format!("Nothing needs the master key {kid} any more: its line can be dropped from the key file."));
    }
    Ok(match what_is_left(&rotated) {
        None => ExitCode::SUCCESS,
        Some(left) => {
            say(left);
            ExitCode::FAILURE
        }
    })
}

fn tell(state: Rotating) {
    let Rotating { table, rows, resealed, is_done } = state;
    if is_done || rows.is_multiple_of(TELL_EVERY) {
        let table = table.as_str();
        say(format!("{table}: {rows} rows, {resealed} values sealed anew{}", if is_done { "" } else { " so far" }));
    }
}

/// What the other keys are still needed for.
fn kept(active: Kid, uses: &BTreeMap<Kid, KeyUse>) -> Vec<String> {
    let others = uses.iter().filter(|(kid, _)| **kid != active);
    others.map(|(kid, one)| format!("Keep the master key {kid}: {}.", needed_for(one))).collect()
}

/// What one key is needed for.
pub(super) fn needed_for(one: &KeyUse) -> String {
    let mut reasons = Vec::new();
    if one.values > 0 {
        reasons.push(format!("{} values are sealed with it", one.values));
    }
    if let Some(until) = one.codes_until {
        reasons.push(format!("codes that were made with it may be right until {until}"));
    }
    if one.index {
        reasons.push("numbers are looked up by it, for the life of this database".to_owned());
    }
    reasons.join("; ")
}

fn what_is_left(rotated: &Rotated) -> Option<&'static str> {
    if rotated.unopened > 0 {
        return Some(
            "Some values do not open. `whatotp doctor` names the keys that are missing; what has none is damaged.",
        );
    }
    if !rotated.is_complete {
        return Some(
            "Something still seals with another key: give every process the new key file, restart it, and run this again.",
        );
    }
    None
}
