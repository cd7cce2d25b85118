use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::Stream;

/// A chunked body that stays until its request is answered, whoever reads it.
///
/// When the reader of a chunked body goes away before its end, actix-http reads on and discards, to use the connection
/// again: without a deadline, so a client that never ends its body keeps the connection for ever, even one that was
/// refused for want of a key. While somebody still holds the body, it closes the connection after the answer instead, as
/// it does for bodies of declared length.
#[derive(Clone)]
pub(super) struct UnreadBody(Rc<RefCell<Payload>>);

impl UnreadBody {
    /// Takes hold of a request's body, if it is chunked.
    pub(super) fn of(request: &mut ServiceRequest) -> Option<Self> {
        request.headers().contains_key(header::TRANSFER_ENCODING).then(|| {
            let (_, payload) = request.parts_mut();
            let held = Self(Rc::new(RefCell::new(payload.take())));
            request.set_payload(Payload::Stream { payload: Box::pin(held.clone()) });
            held
        })
    }

    /// Lets go when the answer is sent.
    pub(super) fn until_sent(self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        response.map_body(|_, body| BoxBody::new(Answer { body, _held: self }))
    }
}

impl Stream for UnreadBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(cx)
    }
}

struct Answer {
    body: BoxBody,
    _held: UnreadBody,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}
