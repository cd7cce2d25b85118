//! The style sheets, scripts and the icon of the pages, embedded in the binary.

use std::fmt::Write as _;

use actix_web::http::header::{self, HeaderMap};
use actix_web::middleware::Compress;
use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::errors::ErrorCode;
use crate::http::Problem;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

/// Mounts them, compressed for those who take it. (The console's pages are not compressed: they hold a secret beside what
/// others wrote, and its length would tell it. <https://www.breachattack.com>)
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    let files = web::resource("/assets/{file:.+}").wrap(Compress::default());
    cfg.service(files.route(web::get().to(serve)).route(web::head().to(serve)));
}

/// The address of an asset, with a mark of its content, so that a new version is a new address.
pub(crate) fn href(name: &str) -> String {
    match Files::get(name) {
        Some(file) => format!("/assets/{name}?v={}", mark(&file)),
        None => format!("/assets/{name}"),
    }
}

async fn serve(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let file = Files::get(&name).ok_or_else(|| Problem::new(ErrorCode::NotFound))?;
    // Weak, because the same bytes may travel compressed.
    let etag = format!("W/\"{}\"", mark(&file));
    let unchanged = matches_etag(request.headers(), &etag);
    let mut answer = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((header::ETAG, etag))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if unchanged {
        return Ok(answer.finish());
    }
    Ok(answer.content_type(content_type(&name)).body(file.data.into_owned()))
}

/// Sixteen hexadecimal digits of the content's SHA-256.
fn mark(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash().iter().take(8).fold(String::new(), |mut mark, byte| {
        // Writing to a String cannot fail.
        let _ = write!(mark, "{byte:02x}");
        mark
    })
}

fn matches_etag(headers: &HeaderMap, etag: &str) -> bool {
    let opaque = etag.trim_start_matches("W/");
    headers
        .get_all(header::IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|candidate| candidate == "*" || candidate.trim_start_matches("W/") == opaque)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_has_a_known_type_and_loads_nothing_from_elsewhere() {
        for name in Files::iter() {
            assert_ne!(content_type(&name), "application/octet-stream", "{name}");
            let text = String::from_utf8(Files::get(&name).unwrap().data.into_owned()).unwrap();
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for forbidden in ["http:", "https:", "url(//", "@import", "import("] {
                assert!(!text.contains(forbidden), "{name} contains {forbidden}");
            }
        }
    }

    #[test]
    fn the_example_script_stays_short() {
        let script = Files::get("example.js").unwrap();
        assert!(std::str::from_utf8(&script.data).unwrap().lines().count() <= 150);
    }
}
