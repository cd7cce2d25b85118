use std::process::ExitCode;

use serde_json::{Value, json};
use whatotp_application::{Application, MemberChanged};
use whatotp_domain::{Actor, EmailAddress, LinkKind, User};

use super::table::aligned;
use super::{Outcome, say};
use crate::cli::users::Users;
use crate::http::one_time_link;
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

pub(crate) async fn run(settings: &Settings, users: Users) -> Outcome {
    // Only a first user is a reason to make an installation.
    let role = if matches!(users, Users::Bootstrap) { Role::Beside } else { Role::Look };
    let app = wiring::application(settings, role, &Outside::default()).await?;
    match users {
        Users::List { account, json } => list(&app.list_users(account).await?, json),
        Users::Bootstrap => {
            let token = app.bootstrap_link().await?;
            let token = token.ok_or("there is a user already: have them invite you, or reset a password")?;
            say(one_time_link(&settings.console.public_url_at(settings.listen), LinkKind::Bootstrap, &token));
            say("It works once, for an hour, while there is no user.");
        }
        Users::ResetPassword { email } => {
            let token = app.reset_link(&find(&app, &email).await?, Actor::CommandLine).await?;
            say(one_time_link(&settings.console.public_url_at(settings.listen), LinkKind::Reset, &token));
            say("It works once, for an hour. Hand it over by a way you trust.");
        }
        Users::Unlock { email } => {
            let forgotten = app.forget_failed_log_ins(&email).await?;
            say(if forgotten { "the failed log-ins are forgotten" } else { "there were no failed log-ins" });
        }
        Users::Disable { email, undo } => disable(&app, find(&app, &email).await?, !undo).await?,
        Users::Operator { email, revoke } => {
            let user = find(&app, &email).await?;
            app.set_operator(&user, !revoke).await?;
            say(format!("{} is {} operator of the platform", user.id, if revoke { "no" } else { "an" }));
        }
        Users::ResetTotp { email } => {
            let user = find(&app, &email).await?;
            let removed = app.remove_totp(&user, Actor::CommandLine).await?;
            say(format!("{} {} second factor", user.id, if removed { "has no more" } else { "had no" }));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn disable(
    app: &Application,
    user: User,
    disabled: bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let id = user.id;
    match app.set_disabled(user, disabled, Actor::CommandLine).await? {
        MemberChanged::Done(_) => say(format!("{id} {} log in", if disabled { "cannot" } else { "can" })),
        MemberChanged::LastOwner => return Err("this is the account's last owner: make another one first".into()),
        MemberChanged::NotFound | MemberChanged::OwnersOnly => return Err("there is no such user any more".into()),
    }
    Ok(())
}

async fn find(app: &Application, email: &EmailAddress) -> Result<User, Box<dyn std::error::Error + Send + Sync>> {
    let found = app.find_user_by_email(email).await?;
    found.ok_or_else(|| "nobody logs in with this address; `whatotp user list` shows who does".into())
}

fn list(users: &[User], json: bool) {
    if json {
        say(Value::Array(users.iter().map(described).collect()));
        return;
    }
    if users.is_empty() {
        say("There are no users. Make a link for the first one: whatotp user bootstrap");
        return;
    }
    let mut rows = vec![["USER", "ACCOUNT", "ROLE", "EMAIL", "NAME", "LAST LOG-IN", "STATE"].map(str::to_owned)];
    rows.extend(users.iter().map(row));
    aligned(&rows).into_iter().for_each(say);
}

fn row(user: &User) -> [String; 7] {
    let states = [(user.operator, "operator"), (user.has_totp, "second factor"), (user.is_disabled(), "disabled")];
    let states: Vec<&str> = states.into_iter().filter_map(|(is_so, name)| is_so.then_some(name)).collect();
    [
        user.id.to_string(),
        user.account.to_string(),
        user.role.as_str().to_owned(),
        user.email.as_str().to_owned(),
        user.name.clone(),
        user.last_login_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
        states.join(", "),
    ]
}

fn described(user: &User) -> Value {
    json!({
        "user_id": user.id.to_string(),
        "account_id": user.account.to_string(),
        "role": user.role.as_str(),
        "operator": user.operator,
        "email": user.email.as_str(),
        "name": user.name,
        "has_second_factor": user.has_totp,
        "created_at": user.created_at.to_string(),
        "last_login_at": user.last_login_at.map(|at| at.to_string()),
        "disabled_at": user.disabled_at.map(|at| at.to_string()),
    })
}
