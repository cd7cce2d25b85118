use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use whatotp_application::{Application, Failure};
use whatotp_domain::{AccountId, AccountScope, MessageTemplate, Mode, SenderId, TemplateBody, Translation, Variables};
use whatotp_ports::{AndroidApp, AuthenticationDraft, ProviderTemplate, Submitted};

use super::table::aligned;
use super::{Outcome, refusal, say};
use crate::cli::whatsapp::{Button, OtpTemplate, SubmitTemplate, Templates};
use crate::settings::Settings;
use crate::wiring::{self, Outside, Role};

/// Templates read in one step.
const PAGE: u32 = 100;
const NO_SENDER: &str = "there is no sender: set whatsapp.phone_number_id and so on and start the server, or see \
    `whatotp senders add --help` (docs/WHATSAPP.md)";
const NO_SUCH_SENDER: &str = "there is no such sender: see `whatotp senders list`";
const NO_ACCOUNT: &str = "there is no account that could send them; `whatotp keys create --mode live` makes one";

pub(crate) async fn run(settings: &Settings, templates: Templates) -> Outcome {
    let app = wiring::application(settings, Role::Look, &Outside::default()).await?;
    match templates {
        Templates::List { account, json } => list(&app, account, json).await,
        Templates::Sync => sync(&app).await,
        Templates::CreateOtp(options) => {
            let draft = draft(settings, &options)?;
            let submitted = app.submit_authentication(&sender(&app, options.sender).await?, &draft).await?;
            let submitted = submitted.ok_or(NO_SUCH_SENDER)?.map_err(|error| refusal::of_authentication(&error))?;
            handed_in(&app, &draft.name, &submitted).await
        }
        Templates::PreviewOtp(options) => {
            let draft = draft(settings, &options)?;
            let texts = app.preview_authentication(&sender(&app, options.sender).await?, &draft).await?;
            let texts = texts.ok_or(NO_SUCH_SENDER)?.map_err(|error| refusal::of_authentication(&error))?;
            let rows: Vec<_> = texts.iter().map(|(locale, text)| [locale.to_string(), on_one_line(text)]).collect();
            aligned(&rows).iter().for_each(say);
            Ok(ExitCode::SUCCESS)
        }
        Templates::Submit(options) => submit(&app, options).await,
    }
}

async fn list(app: &Application, account: Option<AccountId>, json: bool) -> Outcome {
    let oldest = app.ports().accounts.list_accounts().await?.first().map(|account| account.id);
    let account = account.or(oldest).ok_or(NO_ACCOUNT)?;
    let templates = every_template(app, AccountScope { account, mode: Mode::Live }).await?;
    if json {
        say(Value::Array(templates.iter().map(described).collect()));
        return Ok(ExitCode::SUCCESS);
    }
    if templates.is_empty() {
        say("There are no templates. Read them from WhatsApp with `whatotp templates sync`.");
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["NAME", "CATEGORY", "LANGUAGE", "STATUS", "CODE LIVES", "TEXT"].map(str::to_owned)];
    for template in &templates {
        rows.extend(template.translations().map(|translation| row(template, translation)));
    }
    aligned(&rows).iter().for_each(say);
    Ok(ExitCode::SUCCESS)
}

async fn every_template(app: &Application, scope: AccountScope) -> Result<Vec<MessageTemplate>, Failure> {
    let mut all: Vec<MessageTemplate> = Vec::new();
    loop {
        let page = app.list_templates(scope, all.last().map(MessageTemplate::id), PAGE).await?;
        if page.is_empty() {
            all.sort_by(|one, other| one.name().cmp(other.name()));
            return Ok(all);
        }
        all.extend(page);
    }
}

fn row(template: &MessageTemplate, translation: &Translation) -> [String; 6] {
    let expiry = translation.code_expires_after;
    [
        template.name().to_owned(),
        template.category().as_str().to_owned(),
        translation.locale.to_string(),
        translation.status.as_str().to_owned(),
        expiry.map_or("-".to_owned(), |after| format!("{} s", after.as_secs())),
        on_one_line(translation.body.as_str()),
    ]
}

fn described(template: &MessageTemplate) -> Value {
    let translations = template.translations().map(|translation| {
        json!({
            "locale": translation.locale.to_string(),
            "status": translation.status.as_str(),
            "body": translation.body.as_str(),
            "code_expires_after_seconds": translation.code_expires_after.map(|after| after.as_secs()),
        })
    });
    json!({
        "template_id": template.id().to_string(),
        "waba_id": template.waba().map(ToString::to_string),
        "name": template.name(),
        "category": template.category().as_str(),
        "translations": translations.collect::<Vec<_>>(),
    })
}

fn on_one_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" / ")
}

async fn sync(app: &Application) -> Outcome {
    let synced = app.sync_templates().await?;
    if synced.is_empty() {
        return Err(NO_SENDER.into());
    }
    let mut healthy = true;
    for one in synced {
        match one.templates {
            Ok((templates, languages)) => {
                say(format!("ok    WABA {}: {templates} templates, {languages} with their languages", one.waba));
            }
            Err(error) => {
                healthy = false;
                say(format!("FAIL  WABA {}: {}", one.waba, refusal::explained(&error)));
            }
        }
    }
    if app.ports().accounts.list_accounts().await?.is_empty() {
        say(format!("Nothing of it is kept yet: {NO_ACCOUNT}"));
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What WhatsApp made of a template that was handed in, and what it has now.
async fn handed_in(app: &Application, name: &str, submitted: &[Submitted]) -> Outcome {
    let rows: Vec<_> =
        submitted.iter().map(|one| [name.to_owned(), one.locale.to_string(), one.status.clone()]).collect();
    aligned(&rows).iter().for_each(say);
    if submitted.iter().any(|one| one.status == "PENDING") {
        say(
            "What is PENDING is being looked at by WhatsApp, mostly for minutes: `whatotp templates list` shows when it is done.",
        );
    }
    sync(app).await
}

fn draft(settings: &Settings, options: &OtpTemplate) -> Result<AuthenticationDraft, String> {
    let apps: Result<Vec<_>, String> = options.apps.iter().map(|app| android_app(app)).collect();
    let (apps, button) = (apps?, options.button);
    if (button == Button::CopyCode) != apps.is_empty() {
        return Err("name the Android apps with --app for one-tap and zero-tap, and only for these".to_owned());
    }
    let expires_after = Duration::from_secs(u64::from(options.expires_minutes) * 60);
    Ok(AuthenticationDraft {
        name: options.name.clone().unwrap_or_else(|| settings.whatsapp.otp_template().to_owned()),
        locales: options.languages.clone(),
        code_expires_after: expires_after,
        security_recommendation: !options.without_security_recommendation,
        // A message that is delivered after its code has expired only confuses. WhatsApp takes 30 to 900 seconds.
        message_ttl: expires_after.min(Duration::from_secs(900)),
        button: button.into(),
        apps,
    })
}

fn android_app(text: &str) -> Result<AndroidApp, String> {
    let (package_name, signature_hash) =
        text.split_once('=').ok_or_else(|| "write --app as PACKAGE=SIGNATURE_HASH".to_owned())?;
    if signature_hash.len() != 11 || !package_name.contains('.') {
        return Err("a package has at least one dot, and a signature hash 11 characters".to_owned());
    }
    Ok(AndroidApp { package_name: package_name.to_owned(), signature_hash: signature_hash.to_owned() })
}

async fn submit(app: &Application, options: SubmitTemplate) -> Outcome {
    let body = TemplateBody::parse(&options.body)?;
    let pairs: Result<Vec<_>, &str> =
        options.examples.iter().map(|one| one.split_once('=').ok_or("write --example as NAME=VALUE")).collect();
    let examples = Variables::new(pairs?)?;
    examples.check(body.placeholders())?;
    let template = ProviderTemplate {
        name: options.name,
        category: options.category.into(),
        translation: Translation::of_body(options.language, body),
    };
    let submitted = app.submit_template(&sender(app, options.sender).await?, &template, &examples).await?;
    let submitted = submitted.ok_or(NO_SUCH_SENDER)?.map_err(|error| refusal::explained(&error))?;
    handed_in(app, &template.name, &[submitted]).await
}

async fn sender(
    app: &Application,
    named: Option<SenderId>,
) -> Result<SenderId, Box<dyn std::error::Error + Send + Sync>> {
    if let Some(sender) = named {
        return Ok(sender);
    }
    let first = app.list_senders().await?.into_iter().next();
    Ok(first.ok_or(NO_SENDER)?.id)
}
