//! Our own server with nothing to write to: HTTP, authentication, limits, parsing, ciphers and rules are those of
//! `whatotp`, and the stores that a request asks answer from memory.

mod deliveries;
mod memory;
mod sessions;
mod templates;

use std::io::Write as _;
use std::sync::Arc;

use whatotp::server::Server;
use whatotp::settings::Settings;
use whatotp::wiring::{self, Outside, Role};
use whatotp_application::Ports;
use whatotp_domain::{AccountScope, Mode};

use crate::Failure;
use memory::Memory;

/// At most so many templates are known: an account begins with three.
const TEMPLATES: u32 = 100;

pub(crate) fn serve() -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let settings = Settings::load(None, std::env::vars().collect())?;
        let outside = Outside::default();
        // Accounts and keys are as on any server: they are read once in a few seconds.
        let app = wiring::application(&settings, Role::Own, &outside).await?;
        let first_run = app.set_up().await?.ok_or("the directory is not empty")?;
        let scope = AccountScope { account: first_run.account, mode: Mode::Test };
        let templates = app.ports().templates.list_templates(scope, None, TEMPLATES).await?;
        let memory = Arc::new(Memory::new(templates));
        let app = app.with_ports(Ports {
            sessions: memory.clone(),
            deliveries: memory.clone(),
            templates: memory,
            ..app.ports().clone()
        });
        let server = Server::start(&settings, app, wiring::limiter(&settings, &outside).await?)?;
        let mut output = std::io::stdout();
        writeln!(output, "{}\nlistening on http://{}", first_run.key.expose(), server.address())?;
        tokio::signal::ctrl_c().await?;
        Ok(())
    })
}
