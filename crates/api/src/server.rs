//! The server: a listener, the HTTP workers, the delivery worker and the sweeper, and their end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use whatotp_application::{Application, error_chain};
use whatotp_ports::RateLimiter;

use crate::context::Context;
use crate::http::{ConsoleAddress, KnownKeys, edge, no_such_route};
use crate::settings::{ServerRole, Settings};
use crate::{assets, console, docs, openapi, routes, worker};

/// A connection that sends no next request is closed after this.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// A request's head must be there by then.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a client may take none of what was sent to it.
#[cfg(target_os = "linux")]
const UNREAD_TIMEOUT: Duration = Duration::from_secs(20);

/// How long HTTP workers that have no request left may take to end.
const RELEASE: Duration = Duration::from_secs(5);

/// A server that listens.
pub struct Server {
    address: SocketAddr,
    handle: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    background: Vec<JoinHandle<()>>,
    draining: watch::Sender<bool>,
    released: mpsc::Receiver<()>,
}

impl Server {
    /// Binds the address, begins to serve, and works on the outbox.
    pub fn start(settings: &Settings, app: Application, limiter: Arc<dyn RateLimiter>) -> std::io::Result<Self> {
        let mut server = Self::without_background(settings, app.clone(), limiter)?;
        let draining = &server.draining;
        server.background.push(tokio::spawn(worker::exchange_traffic(app.clone(), draining.subscribe())));
        if settings.role == ServerRole::Api {
            return Ok(server);
        }
        server.background.extend([
            tokio::spawn(worker::deliver(app.clone(), settings.delivery.concurrency, draining.subscribe())),
            tokio::spawn(worker::sweep(app.clone(), draining.subscribe())),
            tokio::spawn(worker::sync_templates(app, settings.whatsapp.template_sync_minutes, draining.subscribe())),
        ]);
        Ok(server)
    }

    /// Binds the address and begins to serve. The outbox is left to somebody else: to a test, which drives
    /// [`Application::deliver_due`] on a clock of its own.
    pub fn without_background(
        settings: &Settings,
        app: Application,
        limiter: Arc<dyn RateLimiter>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(settings.listen)?;
        drop_who_does_not_read(&listener)?;
        let address = listener.local_addr()?;
        let (draining, drained) = watch::channel(false);
        let (held, released) = mpsc::channel(1);
        let contact = settings.security_contact.trim();
        let context = web::Data::new(Context {
            app,
            limiter,
            limits: settings.limits.clone(),
            trusted_proxies: settings.trusted_proxies.clone(),
            console: ConsoleAddress {
                public_url: settings.console.public_url_at(address),
                listens_at: format!("http://{address}"),
            },
            body_timeout: settings.server.body_timeout(),
            handler_timeout: settings.server.handler_timeout(),
            known_keys: KnownKeys::default(),
            webhook_secrets: settings.whatsapp.webhook_secrets(),
            endpoint: settings.whatsapp.endpoint(),
            otp_template: settings.whatsapp.otp_template().to_owned(),
            security_contact: (!contact.is_empty()).then(|| contact.to_owned()),
            draining: drained,
            held,
        });
        let document = openapi::document();
        let written = web::Data::new(routes::meta::Written::new(&document));
        let document = web::Data::new(document);
        let role = settings.role;
        let mut server = HttpServer::new(move || {
            App::new()
                .app_data(context.clone())
                .app_data(document.clone())
                .app_data(written.clone())
                .wrap(from_fn(edge))
                .configure(|cfg| mount(role, cfg))
                .default_service(web::to(no_such_route))
        })
        .disable_signals()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(u64::from(settings.server.shutdown_seconds));
        if settings.server.workers > 0 {
            server = server.workers(settings.server.workers);
        }
        let server = server.listen(listener)?.run();
        let handle = server.handle();
        Ok(Self { address, handle, serving: tokio::spawn(server), background: Vec::new(), draining, released })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says no on `/readyz` for a while, then takes no new connections, lets running requests end, and returns when the
    /// background work has stopped too. Long polls and event streams end at once: their callers come back elsewhere.
    pub async fn stop(mut self, drain: Duration) {
        self.draining.send_replace(true);
        tokio::time::sleep(drain).await;
        self.handle.stop(true).await;
        for task in self.background {
            if let Err(error) = task.await {
                tracing::error!(error = error_chain(&error), "a background task did not end well");
            }
        }
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error = error_chain(&error), "the server did not end well"),
            Err(error) => tracing::error!(error = error_chain(&error), "the server did not end well"),
        }
        // The HTTP workers are threads of their own. Until the last of them has let go of the store, it is not closed, and
        // what is committed stands partly in the database's side files.
        if tokio::time::timeout(RELEASE, self.released.recv()).await.is_err() {
            tracing::warn!("the HTTP workers did not end in time; the database is tidied up at the next start");
        }
    }
}

/// Has the system close connections whose other end takes no more of an answer: actix-web has no deadline for that, and a
/// client that never reads would keep its connection for ever. What is set on a listener holds for all it accepts.
#[cfg(target_os = "linux")]
fn drop_who_does_not_read(listener: &TcpListener) -> std::io::Result<()> {
    socket2::SockRef::from(listener).set_tcp_user_timeout(Some(UNREAD_TIMEOUT))
}

/// Other systems have no such option.
#[cfg(not(target_os = "linux"))]
fn drop_who_does_not_read(_: &TcpListener) -> std::io::Result<()> {
    Ok(())
}

/// A worker answers nobody but those who ask whether it lives.
fn mount(role: ServerRole, cfg: &mut web::ServiceConfig) {
    routes::configure_health(cfg);
    if role != ServerRole::Worker {
        routes::configure(cfg);
        docs::configure(cfg);
        assets::configure(cfg);
        console::configure(cfg);
    }
}
