use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Problem, json};

/// That all is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Is the process alive?
///
/// Asks nothing else, so that an outage of the database does not restart every process.
#[utoipa::path(get, path = "/livez", operation_id = "livez", tag = "Health", security(()),
    responses((status = 200, description = "It is.", body = Health)))]
pub(crate) async fn live() -> Result<HttpResponse, Problem> {
    json(HttpResponse::Ok(), &Health { status: "ok" })
}

/// Can it serve?
///
/// Asks the storage. 503 while that does not answer, and once the process is about to stop.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "Health", security(()),
    responses((status = 200, description = "It can.", body = Health)))]
pub(crate) async fn ready(ctx: web::Data<Context>) -> Result<HttpResponse, Problem> {
    if ctx.is_draining() {
        let detail = "The process is about to stop; send requests to another one.";
        return Err(Problem::new(ErrorCode::Overloaded).detail(detail).retry_after(5));
    }
    ctx.app.check().await?;
    json(HttpResponse::Ok(), &Health { status: "ok" })
}
