use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::{LogFormat, LogSettings, SettingsError};

/// Starts logging to standard error: standard output belongs to what the commands print.
pub(crate) fn start(settings: &LogSettings) -> Result<(), SettingsError> {
    let filter = EnvFilter::try_new(&settings.level);
    let filter = filter.map_err(|error| SettingsError::Value(format!("log.level cannot be read: {error}")))?;
    let pretty = match settings.format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let registry = tracing_subscriber::registry().with(filter);
    let started = if pretty {
        registry.with(tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal())).try_init()
    } else {
        registry.with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(stderr)).try_init()
    };
    // Only a second start in one process fails, and the first one goes on.
    started.or(Ok(()))
}
