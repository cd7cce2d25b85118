use std::collections::{BTreeSet, HashMap};
use std::process::ExitCode;

use serde_json::{Value, json};
use whatotp_application::Application;
use whatotp_domain::{AccountId, AuditAction, Country};
use whatotp_ports::{Account, AccountRules};

use super::table::aligned;
use super::{Outcome, audited, say};
use crate::cli::accounts::{Accounts, SetRules};
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

pub(crate) async fn run(settings: &Settings, accounts: Accounts) -> Outcome {
    // Only an account that is to be made is a reason to make an installation.
    let role = if matches!(accounts, Accounts::Create { .. }) { Role::Beside } else { Role::Look };
    let app = wiring::application(settings, role, &Outside::default()).await?;
    match accounts {
        Accounts::List { json } => list(&app, json).await,
        Accounts::Create { name, json } => {
            let id = app.create_account(&name).await?;
            audited(&app, AuditAction::AccountCreated, (Some(id), id.to_string()), String::new()).await?;
            if json {
                say(json!({"account_id": id.to_string(), "name": name}));
            } else {
                say(format!("{id} is made. Its first key: whatotp keys create --mode test --account {id}"));
            }
            Ok(ExitCode::SUCCESS)
        }
        Accounts::Set(options) => set(&app, options).await,
    }
}

async fn list(app: &Application, json: bool) -> Outcome {
    let accounts = app.ports().accounts.list_accounts().await?;
    let rules: HashMap<AccountId, AccountRules> = app.list_rules().await?.into_iter().collect();
    let of = |account: &Account| rules.get(&account.id).cloned().unwrap_or_default();
    if json {
        say(Value::Array(accounts.iter().map(|account| described(account, &of(account))).collect()));
        return Ok(ExitCode::SUCCESS);
    }
    if accounts.is_empty() {
        say("There are no accounts. Make one: whatotp accounts create --name NAME");
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows =
        vec![["ACCOUNT", "NAME", "ALLOWED", "DENIED", "PER DAY", "PER MONTH", "SUSPENDED"].map(str::to_owned)];
    rows.extend(accounts.iter().map(|account| row(account, &of(account))));
    aligned(&rows).iter().for_each(say);
    Ok(ExitCode::SUCCESS)
}

async fn set(app: &Application, options: SetRules) -> Outcome {
    let account = options.account;
    let before = app.list_rules().await?.into_iter().find(|(one, _)| *one == account);
    let mut rules = before.map_or_else(AccountRules::default, |(_, rules)| rules);
    if let Some(allowed) = options.countries_allowed {
        rules.countries.allowed = allowed.0;
    }
    if let Some(denied) = options.countries_denied {
        rules.countries.denied = denied.0;
    }
    if let Some(per_day) = options.per_day {
        rules.quota.per_day = per_day.0;
    }
    if let Some(per_month) = options.per_month {
        rules.quota.per_month = per_month.0;
    }
    if !app.set_rules(account, rules.clone()).await? {
        return Err(format!("there is no account {account}; `whatotp accounts list` shows them").into());
    }
    audited(app, AuditAction::AccountRulesChanged, (Some(account), account.to_string()), rules.to_string()).await?;
    let AccountRules { countries, quota, .. } = rules;
    say(format!(
        "{account} may write to {}, but not to {}; {} messages a day, {} a month. A running server notices within 5 \
         seconds.",
        written(&countries.allowed, "all countries"),
        written(&countries.denied, "none"),
        limit(quota.per_day),
        limit(quota.per_month),
    ));
    Ok(ExitCode::SUCCESS)
}

fn row(account: &Account, rules: &AccountRules) -> [String; 7] {
    let AccountRules { countries, quota, suspended } = rules;
    [
        account.id.to_string(),
        account.name.clone(),
        written(&countries.allowed, "all"),
        written(&countries.denied, "none"),
        limit(quota.per_day),
        limit(quota.per_month),
        if *suspended { "yes" } else { "no" }.to_owned(),
    ]
}

fn described(account: &Account, rules: &AccountRules) -> Value {
    let codes = |countries: &BTreeSet<Country>| countries.iter().map(Country::to_string).collect::<Vec<_>>();
    json!({
        "account_id": account.id.to_string(),
        "name": account.name,
        "countries_allowed": codes(&rules.countries.allowed),
        "countries_denied": codes(&rules.countries.denied),
        "per_day": rules.quota.per_day,
        "per_month": rules.quota.per_month,
        "suspended": rules.suspended,
        "created_at": account.created_at.to_string(),
    })
}

fn written(countries: &BTreeSet<Country>, none: &str) -> String {
    if countries.is_empty() {
        return none.to_owned();
    }
    countries.iter().map(Country::to_string).collect::<Vec<_>>().join(",")
}

fn limit(limit: Option<u32>) -> String {
    limit.map_or("unlimited".to_owned(), |limit| limit.to_string())
}
