use std::net::Ipv4Addr;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use whatotp_simulator::{Config, SenderConfig};

use super::{Outcome, say};
use crate::cli::whatsapp::Simulator;
use crate::logging;
use crate::settings::{LogFormat, LogSettings};

/// `whatotp simulator`
pub(crate) async fn run(options: Simulator) -> Outcome {
    let config = Config { listen: options.listen, webhook_url: Some(options.webhook_url.clone()), ..Config::default() };
    if options.print_config {
        say(configuration(&config)?);
        return Ok(ExitCode::SUCCESS);
    }
    logging::start(&LogSettings {
        level: "info,actix_server=warn,actix_http=off".to_owned(),
        format: LogFormat::Auto,
    })?;
    let is_default = config.listen == Config::default().listen;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let simulator = whatotp_simulator::start(config).await.map_err(|error| {
        std::io::Error::new(error.kind(), format!("cannot listen on {}: {error}; change --listen", options.listen))
    })?;
    let url = simulator.url();
    let listen = if is_default { String::new() } else { format!(" --listen {}", url.trim_start_matches("http://")) };
    say("");
    say(format!("  The phones     {url}"));
    say(format!("  Webhooks to    {}", options.webhook_url));
    say(format!("  To use it      whatotp simulator{listen} --print-config > simulator.toml"));
    say("                 whatotp --config simulator.toml");
    say("");
    say(format!("listening on {url}"));
    simulator
        .run_until(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await;
    Ok(ExitCode::SUCCESS)
}

/// The settings that make a server talk to the simulator.
fn configuration(config: &Config) -> Result<String, &'static str> {
    let SenderConfig { phone_number_id, waba_id, access_token, .. } = &config.sender;
    let (app_secret, verify_token) = (&config.app_secret, &config.verify_token);
    let mut listen = config.listen;
    if listen.port() == 0 {
        return Err("port 0 is any free one: name one with --listen");
    }
    if listen.ip().is_unspecified() {
        // That is where to listen, not where to connect to. Plain http is for this machine only.
        listen.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!(
        "# For `whatotp --config`: live keys send to `whatotp simulator`. These credentials are public.\n\
         [whatsapp]\n\
         base_url = \"http://{listen}\"\n\
         phone_number_id = \"{phone_number_id}\"\n\
         waba_id = \"{waba_id}\"\n\
         access_token = \"{access_token}\"\n\
         app_secret = \"{app_secret}\"\n\
         verify_token = \"{verify_token}\""
    ))
}
