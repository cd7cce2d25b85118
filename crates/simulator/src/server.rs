use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::handle::Handle;
use crate::http;
use crate::state::Shared;

/// Enough for what a simulator is for; requests that are held cost none.
const WORKERS: usize = 2;

/// A simulator that listens.
pub struct Simulator {
    address: SocketAddr,
    handle: Handle,
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
}

/// Binds the address and begins to serve, on the runtime this is called on.
///
/// # Errors
/// When the address cannot be bound.
pub async fn start(config: Config) -> std::io::Result<Simulator> {
    let listener = TcpListener::bind(config.listen)?;
    let address = listener.local_addr()?;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
    let shared = Arc::new(Shared::new(config, client.map_err(std::io::Error::other)?));
    let handle = Handle { shared: Arc::clone(&shared) };
    let data = web::Data::new(handle.clone());
    let server = HttpServer::new(move || App::new().app_data(data.clone()).configure(http::configure))
        .on_connect(http::remember_socket)
        .workers(WORKERS)
        .disable_signals()
        .listen(listener)?
        .run();
    Ok(Simulator { address, handle, server: server.handle(), serving: tokio::spawn(server) })
}

impl Simulator {
    /// The base URL, such as `http://127.0.0.1:8090`, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends at once: requests that are held and webhooks that wait are dropped.
    pub async fn stop(self) {
        self.handle.shared.stop();
        self.server.stop(false).await;
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error = %error, "the simulator did not end well"),
            Err(error) => tracing::error!(error = %error, "the simulator did not end well"),
        }
    }

    /// Serves until `shutdown` is done, then stops.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) {
        shutdown.await;
        self.stop().await;
    }
}
