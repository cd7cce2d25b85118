use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use whatotp_application::{Application, Failure, FirstRun, error_chain};
use whatotp_domain::LinkKind;
use whatotp_ports::Topic;

use super::{Outcome, say};
use crate::http::one_time_link;
use crate::logging;
use crate::server::Server;
use crate::settings::{ServerRole, Settings};
use crate::wiring::{self, Outside, Role};

/// How long the first look at WhatsApp's templates may hold up the start.
const FIRST_SYNC: Duration = Duration::from_secs(5);

/// `whatotp serve`
pub(crate) async fn serve(settings: &Settings) -> Outcome {
    logging::start(&settings.log)?;
    let outside = Outside::default();
    let app = wiring::application(settings, Role::Own, &outside).await?;
    first_sync(&app).await;
    let signals = Signals::listen()?;
    let server = start(settings, app.clone(), &outside).await?;
    miss_the_first(settings, &app).await?;
    say(format!("listening on http://{}", server.address()));
    run_until_told_to_stop(server, signals, settings.server.drain()).await
}

/// `whatotp`: makes what is missing, says how to begin, and serves.
pub(crate) async fn quick_start(settings: &Settings) -> Outcome {
    logging::start(&settings.log)?;
    let outside = Outside::default();
    let app = wiring::application(settings, Role::Own, &outside).await?;
    first_sync(&app).await;
    let signals = Signals::listen()?;
    let server = start(settings, app.clone(), &outside).await?;
    // Not before it listens: a key that is made is shown, now or never.
    let first_run = app.set_up().await?;
    welcome(settings, &format!("http://{}", server.address()), first_run.as_ref())?;
    show_the_console(&app, &settings.console.public_url_at(server.address())).await?;
    say(format!("listening on http://{}", server.address()));
    // Nobody balances load over a quick start: Ctrl-C ends it at once.
    run_until_told_to_stop(server, signals, Duration::ZERO).await
}

/// Where the console is, and at the first start by which link its first user comes in.
async fn show_the_console(app: &Application, url: &str) -> Result<(), Failure> {
    match app.first_bootstrap_link().await? {
        Some(token) => {
            say(format!(
                "  The console    {}  (for its first user: once, within the hour)",
                one_time_link(url, LinkKind::Bootstrap, &token)
            ));
        }
        None => say(format!("  The console    {url}/console")),
    }
    say("");
    Ok(())
}

/// A server's output is read by others than its owner, so the link is not in it.
async fn miss_the_first(settings: &Settings, app: &Application) -> Result<(), Failure> {
    if settings.role != ServerRole::Worker && !app.ports().users.has_users().await? {
        tracing::info!(
            "the console has no user yet: `whatotp user bootstrap` makes the link by which the first one comes in"
        );
    }
    Ok(())
}

/// Reads the templates before the first request needs one. WhatsApp being out of reach is no reason not to start: codes
/// go out in what was known before, and the background tries again.
async fn first_sync(app: &Application) {
    match tokio::time::timeout(FIRST_SYNC, app.sync_templates()).await {
        Ok(Ok(_)) => {}
        Ok(Err(failure)) => tracing::error!(error = error_chain(&failure), "the templates could not be synchronised"),
        Err(_elapsed) => {
            tracing::warn!("WhatsApp did not list its templates in time: they are read in the background");
            app.ports().wakeups.announce(Topic::Templates);
        }
    }
}

async fn start(
    settings: &Settings,
    app: Application,
    outside: &Outside,
) -> Result<Server, Box<dyn Error + Send + Sync>> {
    let limiter = wiring::limiter(settings, outside).await?;
    let started = Server::start(settings, app, limiter);
    started.map_err(|error| format!("cannot listen on {}: {error}; change the setting listen", settings.listen).into())
}

fn welcome(settings: &Settings, url: &str, first_run: Option<&FirstRun>) -> Result<(), crate::settings::SettingsError> {
    let database = settings.database()?;
    say("");
    say(format!("  Your data      {} (back it up together with {})", database, settings.master_key_file.display()));
    if let Some(FirstRun { key, .. }) = first_run {
        let key = key.expose();
        say(format!("  Your test key  {key}  (shown only now)"));
        say("");
        say("  Send a code, and read it in the sandbox inbox (nothing leaves this machine):");
        say("");
        say(format!(
            "curl {url}/v1/otp/send -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \
             -d '{{\"to\":\"+12025550100\",\"channel\":\"whatsapp\"}}'"
        ));
        say("");
        say(format!("curl '{url}/v1/sandbox/messages?limit=1' -H 'Authorization: Bearer {key}'"));
        say("");
        say(format!("  The guide      {url}/docs#key={key}"));
    } else {
        say("  Your test key  was shown at the first start; make another: whatotp keys create --mode test");
        say(format!("  The guide      {url}/docs"));
    }
    Ok(())
}

/// SIGTERM and SIGINT. From the moment this listens they no longer end the process by themselves, so it has to be there
/// before anybody is told that the server is.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns when one comes.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves until SIGTERM or SIGINT. A second one ends the process at once.
async fn run_until_told_to_stop(server: Server, mut signals: Signals, drain: Duration) -> Outcome {
    signals.next().await;
    tracing::info!("stopping: running requests are brought to their end; a second signal stops at once");
    tokio::select! {
        () = server.stop(drain) => {
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        () = signals.next() => Ok(ExitCode::FAILURE),
    }
}
