use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};
use whatotp_domain::{
    AccountId, ApiKeyId, CannedReplyId, ConsoleSessionId, DeliveryId, LinkId, SenderId, SessionId, TemplateId,
    TicketId, UserId,
};

use super::problem::Problem;
use crate::errors::ErrorCode;

/// The id in a path. A text that is no id of the wanted kind is answered like an id that nobody has.
pub(crate) struct Id<T>(pub T);

/// A kind of id that can stand in a path.
pub(crate) trait PathId: Sized {
    const NOT_FOUND: ErrorCode;

    fn read(text: &str) -> Option<Self>;
}

impl PathId for SessionId {
    const NOT_FOUND: ErrorCode = ErrorCode::SessionNotFound;

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathId for DeliveryId {
    const NOT_FOUND: ErrorCode = ErrorCode::MessageNotFound;

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathId for TemplateId {
    const NOT_FOUND: ErrorCode = ErrorCode::TemplateNotFound;

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathId for UserId {
    const NOT_FOUND: ErrorCode = ErrorCode::MemberNotFound;

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathId for LinkId {
    const NOT_FOUND: ErrorCode = ErrorCode::InvitationNotFound;

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathId for ConsoleSessionId {
    const NOT_FOUND: ErrorCode = ErrorCode::ConsoleSessionNotFound;

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathId for ApiKeyId {
    const NOT_FOUND: ErrorCode = ErrorCode::KeyNotFound;

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathId for AccountId {
    const NOT_FOUND: ErrorCode = ErrorCode::AccountNotFound;

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathId for SenderId {
    const NOT_FOUND: ErrorCode = ErrorCode::SenderNotFound;

    fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

impl PathId for TicketId {
    const NOT_FOUND: ErrorCode = ErrorCode::TicketNotFound;

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathId for CannedReplyId {
    const NOT_FOUND: ErrorCode = ErrorCode::CannedReplyNotFound;

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl<T: PathId> FromRequest for Id<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().iter().next().and_then(|(_, text)| T::read(text));
        ready(id.map(Self).ok_or_else(|| Problem::new(T::NOT_FOUND)))
    }
}

/// Everything that has no route.
pub(crate) async fn no_such_route(request: HttpRequest) -> Result<actix_web::HttpResponse, Problem> {
    // TRACE would echo the request's headers; it is refused even where nothing is.
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        let allow = actix_web::http::header::HeaderValue::from_static("GET, HEAD, POST");
        return Err(Problem::new(ErrorCode::MethodNotAllowed).header(actix_web::http::header::ALLOW, allow));
    }
    Err(Problem::new(ErrorCode::NotFound))
}
