use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{self, Bytes};
use actix_web::{Error, HttpRequest, HttpResponse};
use futures_util::stream;
use whatotp_application::{Change, Watch, error_chain};

use crate::context::Context;
use crate::http::{Fields, Problem, fields};

/// A comment this often keeps proxies from closing a quiet stream.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The `wait_seconds` of a query, which has nothing else.
pub(super) fn wait_seconds(request: &HttpRequest) -> Result<Option<Duration>, Problem> {
    let mut query = Fields::of_query(request.query_string())?;
    let wait = query.optional("wait_seconds", fields::integer(1, 25));
    query.finish(Some(wait.map(|seconds| Duration::from_secs(u64::from(seconds)))))
}

/// Waits for a change, for `at_most` so long. Does not wait for what will never change any more, or while the server is
/// about to stop.
pub(super) async fn wait_for_change<V: PartialEq>(
    ctx: &Context,
    watch: &mut Watch<V>,
    at_most: Duration,
    is_settled: fn(&V) -> bool,
) -> Result<(), Problem> {
    if is_settled(watch.seen()) {
        return Ok(());
    }
    tokio::select! {
        changed = watch.changed(at_most) => changed.map(drop).map_err(Problem::from),
        () = ctx.drained() => Ok(()),
    }
}

/// Where a stream stands.
struct Stream<V> {
    ctx: web::Data<Context>,
    watch: Watch<V>,
    next: Next,
}

enum Next {
    /// Say how things are.
    Tell,
    /// Wait for a change.
    Wait,
    /// Nothing will change any more.
    End,
}

/// What is watched, as server-sent events: one at once, one for every change, until nothing will change any more.
pub(super) fn events_of<V: PartialEq + 'static>(
    ctx: web::Data<Context>,
    watch: Watch<V>,
    is_settled: fn(&V) -> bool,
    render: fn(&V) -> serde_json::Result<String>,
) -> HttpResponse {
    let start = Stream { ctx, watch, next: Next::Tell };
    let events = stream::unfold(start, move |mut stream| async move {
        match stream.next {
            Next::End => return None,
            Next::Tell => {}
            Next::Wait => {
                let changed = tokio::select! {
                    changed = stream.watch.changed(HEARTBEAT) => changed,
                    () = stream.ctx.drained() => return None,
                };
                match changed {
                    Ok(Change::Seen) => {}
                    Ok(Change::Gone) => return None,
                    Ok(Change::None) => return Some((Ok(Bytes::from_static(b": still here\n\n")), stream)),
                    Err(failure) => {
                        tracing::error!(error = error_chain(&failure), "an event stream was cut short");
                        return None;
                    }
                }
            }
        }
        let seen = stream.watch.seen();
        stream.next = if is_settled(seen) { Next::End } else { Next::Wait };
        let data = render(seen).ok()?;
        Some((Ok::<_, Error>(Bytes::from(format!("event: status\ndata: {data}\n\n"))), stream))
    });
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream; charset=utf-8"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events)
}
