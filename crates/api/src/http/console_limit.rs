use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::{Error, web};

use super::member::session_hash;
use super::problem::Problem;
use super::rate_limit::{CONSOLE, console_rule, refusal, write_headers};
use crate::context::Context;
use crate::errors::ErrorCode;

/// Lets a request to the console's API through when its session has room for one more this minute. One without a session is
/// not counted: it is refused before anything is looked up.
pub(crate) async fn limit_console(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let Some(ctx) = request.app_data::<web::Data<Context>>() else {
        return Ok(request.error_response(Problem::new(ErrorCode::InternalError)).map_into_boxed_body());
    };
    let Some(session) = session_hash(request.headers()) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let rules = [console_rule(ctx, &session)];
    let decision = ctx.limiter.admit(&rules).await;
    let mut limits = HeaderMap::new();
    write_headers(&mut limits, &CONSOLE, &rules, &decision);
    let mut response = if decision.admitted {
        next.call(request).await?.map_into_boxed_body()
    } else {
        request.error_response(refusal(&decision.states)).map_into_boxed_body()
    };
    for (name, value) in limits {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
