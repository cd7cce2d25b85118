use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use whatotp_application::Application;
use whatotp_domain::{AuditAction, Timestamp};
use whatotp_ports::{Block, BlockKind};

use super::table::aligned;
use super::{Outcome, audited, say};
use crate::cli::accounts::Blocks;
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) async fn run(settings: &Settings, blocks: Blocks) -> Outcome {
    let app = wiring::application(settings, Role::Look, &Outside::default()).await?;
    match blocks {
        Blocks::List { json } => list(&app, json).await,
        Blocks::Add { what, hours, reason } => {
            let blocked = what.blocked().ok_or("say what to block: --prefix, --number or --country")?;
            app.block(what.account, &blocked, hours.map(|hours| HOUR * hours), reason.clone()).await?;
            audited(&app, AuditAction::BlockAdded, (what.account, blocked.to_string()), reason).await?;
            say("It is blocked. A running server notices within 5 seconds.");
            Ok(ExitCode::SUCCESS)
        }
        Blocks::Lift { what } => {
            let blocked = what.blocked().ok_or("say what to lift: --prefix, --number or --country")?;
            if !app.lift(what.account, &blocked).await? {
                return Err("there is no such block in force; `whatotp blocks list` shows them".into());
            }
            audited(&app, AuditAction::BlockLifted, (what.account, blocked.to_string()), String::new()).await?;
            say("The block is lifted. A running server notices within 5 seconds.");
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn list(app: &Application, json: bool) -> Outcome {
    let (blocks, now) = (app.list_blocks().await?, app.ports().clock.now());
    if json {
        say(Value::Array(blocks.iter().map(|block| described(block, now)).collect()));
        return Ok(ExitCode::SUCCESS);
    }
    if blocks.is_empty() {
        say("Nothing is blocked.");
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["WHAT", "", "FOR", "UNTIL", "SINCE", "WHY"].map(str::to_owned)];
    rows.extend(blocks.iter().map(|block| row(block, now)));
    aligned(&rows).iter().for_each(say);
    Ok(ExitCode::SUCCESS)
}

fn row(block: &Block, now: Timestamp) -> [String; 6] {
    let until = match block.until {
        None => "somebody lifts it".to_owned(),
        Some(until) if block.is_in_force(now) => until.to_string(),
        Some(until) => format!("ended {until}"),
    };
    [
        block.key.kind.as_str().to_owned(),
        shown(block),
        block.key.account.map_or("everybody".to_owned(), |account| account.to_string()),
        until,
        block.created_at.to_string(),
        block.reason.clone(),
    ]
}

fn described(block: &Block, now: Timestamp) -> Value {
    json!({
        "kind": block.key.kind.as_str(),
        "key": shown(block),
        "account_id": block.key.account.map(|account| account.to_string()),
        "until": block.until.map(|until| until.to_string()),
        "in_force": block.is_in_force(now),
        "reason": block.reason,
        "created_at": block.created_at.to_string(),
    })
}

/// A number is known by its hash only; eight characters of it tell two apart.
fn shown(block: &Block) -> String {
    match block.key.kind {
        BlockKind::Number => block.key.key.chars().take(8).collect(),
        BlockKind::Prefix | BlockKind::Country => block.key.key.clone(),
    }
}
