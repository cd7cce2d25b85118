//! How a connection is reset without an answer.
//!
//! actix-web has no way to do so from a handler, so two things come together. The answer has a body that fails at its
//! first byte: actix then gives the connection up before it has written any of the answer, the head included. And the
//! socket, of which every connection keeps a second handle, is told not to linger, so that closing it sends a reset.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use socket2::{SockRef, Socket};

struct Connection(Socket);

/// Keeps a handle to the socket of a new connection.
pub(crate) fn remember(stream: &dyn Any, data: &mut Extensions) {
    let socket = stream.downcast_ref::<TcpStream>().map(|stream| SockRef::from(stream).try_clone());
    match socket {
        Some(Ok(socket)) => drop(data.insert(Connection(socket))),
        Some(Err(error)) => tracing::warn!(error = %error, "this connection can be closed, but not reset"),
        None => {}
    }
}

/// An answer that never comes: the client sees its connection reset.
pub(super) fn reset(request: &HttpRequest) -> HttpResponse {
    if let Some(Connection(socket)) = request.conn_data::<Connection>()
        && let Err(error) = socket.set_linger(Some(Duration::ZERO))
    {
        tracing::warn!(error = %error, "the connection is closed instead of reset");
    }
    HttpResponse::Ok().body(BoxBody::new(FailsAtOnce))
}

struct FailsAtOnce;

impl MessageBody for FailsAtOnce {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}
