use std::collections::BTreeSet;

use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::{App, test};

use super::*;

const OPENAPI: &str = include_str!("testdata/openapi.json");

async fn call(request: test::TestRequest) -> ServiceResponse<impl MessageBody> {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let app = test::init_service(
        App::new().app_data(web::Data::new(document)).configure(configure).configure(crate::assets::configure),
    )
    .await;
    test::call_service(&app, request.to_request()).await
}

async fn page(path: &str) -> String {
    let answer = call(test::TestRequest::get().uri(path)).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    String::from_utf8(test::read_body(answer).await.to_vec()).unwrap()
}

async fn pages() -> Vec<String> {
    vec![page("/docs").await, page("/docs/reference").await, page("/docs/errors").await]
}

/// Every start tag, from `<` to `>`. Text is escaped, so every `<` begins a tag, and our attributes hold no `>`.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()).filter(|tag| !tag.starts_with('/'))
}

fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    tags(html).flat_map(|tag| tag.split(start.as_str()).skip(1)).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[actix_web::test]
async fn pages_hold_nothing_that_the_policy_forbids() {
    for html in pages().await {
        for tag in tags(&html) {
            let tag = tag.replace('\n', " ");
            assert!(!tag.contains(" style="), "{tag}");
            assert!(!tag.split(' ').any(|part| part.starts_with("on") && part.contains('=')), "{tag}");
            assert!(!tag.starts_with("script") || tag.contains(" src=\"/"), "{tag}");
            assert!(!tag.starts_with("style") && !tag.starts_with("iframe") && !tag.starts_with("form"), "{tag}");
        }
        for address in attributes(&html, "src").into_iter().chain(attributes(&html, "href")) {
            assert!(address.starts_with('#') || (address.starts_with('/') && !address.starts_with("//")), "{address}");
        }
    }
}

#[actix_web::test]
async fn ids_are_unique_and_every_link_on_a_page_has_its_target() {
    for html in pages().await {
        let ids = attributes(&html, "id");
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len());
        for reference in ["aria-labelledby", "aria-describedby", "for"] {
            assert!(attributes(&html, reference).iter().all(|id| unique.contains(id)), "{reference}");
        }
        for target in attributes(&html, "href").iter().filter_map(|href| href.strip_prefix('#')) {
            assert!(unique.contains(target), "#{target}");
        }
    }
}

#[actix_web::test]
async fn links_between_the_pages_lead_somewhere() {
    let (guide, reference, errors) = (page("/docs").await, page("/docs/reference").await, page("/docs/errors").await);
    for html in [&guide, &reference, &errors] {
        for href in attributes(html, "href").into_iter().filter(|href| href.starts_with("/docs")) {
            let (path, anchor) = href.split_once('#').unwrap_or((href, ""));
            let target = match path {
                "/docs" => &guide,
                "/docs/reference" => &reference,
                "/docs/errors" => &errors,
                asset => {
                    assert_eq!(call(test::TestRequest::get().uri(asset)).await.status(), StatusCode::OK, "{asset}");
                    continue;
                }
            };
            assert!(anchor.is_empty() || attributes(target, "id").contains(&anchor), "{href}");
        }
    }
}

#[actix_web::test]
async fn pages_carry_the_security_headers_and_no_key() {
    for path in ["/docs", "/docs/reference", "/docs/errors"] {
        let answer = call(test::TestRequest::get().uri(path)).await;
        for (name, value) in PAGE_HEADERS {
            assert_eq!(answer.headers().get(name).unwrap(), value, "{path}");
        }
    }
    for html in pages().await {
        assert!(!html.contains("sk_test_wa1_") && !html.contains("sk_live_wa1_"));
    }
}

#[actix_web::test]
async fn the_root_leads_to_the_guide_and_other_methods_are_refused() {
    let answer = call(test::TestRequest::get().uri("/")).await;
    assert_eq!(
        (answer.status(), answer.headers().get("location").unwrap().as_bytes()),
        (StatusCode::FOUND, &b"/docs"[..])
    );
    for path in ["/", "/docs", "/docs/reference", "/docs/errors", "/assets/docs/docs.css"] {
        let refused = call(test::TestRequest::post().uri(path)).await.status();
        assert_eq!(refused, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert!(
            call(test::TestRequest::with_uri(path).method(actix_web::http::Method::HEAD)).await.status().as_u16() < 400
        );
    }
}

#[actix_web::test]
async fn an_asset_that_is_known_is_not_sent_again() {
    let first = call(test::TestRequest::get().uri("/assets/docs/docs.css")).await;
    assert_eq!(first.headers().get("content-type").unwrap(), "text/css; charset=utf-8");
    assert_eq!(first.headers().get("cache-control").unwrap(), "public, max-age=3600");
    let etag = first.headers().get("etag").unwrap().clone();
    let again = test::TestRequest::get().uri("/assets/docs/docs.css").insert_header(("if-none-match", etag));
    assert_eq!(call(again).await.status(), StatusCode::NOT_MODIFIED);
    let packed = test::TestRequest::get().uri("/assets/docs/docs.css").insert_header(("accept-encoding", "gzip"));
    let packed = call(packed).await;
    assert_eq!(packed.headers().get("content-encoding").unwrap(), "gzip");
    assert_eq!(packed.headers().get("vary").unwrap(), "accept-encoding");
    for unknown in ["/assets/none.css", "/assets/..%2f..%2fCargo.toml"] {
        assert_eq!(call(test::TestRequest::get().uri(unknown)).await.status(), StatusCode::NOT_FOUND, "{unknown}");
    }
}
