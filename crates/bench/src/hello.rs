//! The same HTTP stack with nothing behind it: JSON in, JSON out.

use std::io::Write as _;
use std::net::TcpListener;

use actix_web::{App, HttpServer, web};
use serde::{Deserialize, Serialize};

use crate::Failure;

#[derive(Deserialize)]
struct Asked {
    to: String,
}

#[derive(Serialize)]
struct Said {
    to: String,
    status: &'static str,
}

pub(crate) fn serve() -> Result<(), Failure> {
    actix_web::rt::System::new().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
        let hello =
            |asked: web::Json<Asked>| async move { web::Json(Said { to: asked.into_inner().to, status: "hello" }) };
        HttpServer::new(move || App::new().route("/hello", web::post().to(hello))).listen(listener)?.run().await?;
        Ok(())
    })
}
