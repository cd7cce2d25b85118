use serde_json::json;

use super::*;

fn sample() -> String {
    let document: Value = serde_json::from_str(include_str!("testdata/openapi.json")).unwrap();
    render(&document).unwrap()
}

#[test]
fn the_sample_is_laid_out_with_its_fields_headers_and_answers() {
    let html = sample();
    for expected in [
        "WhatOTP API",
        "id=\"op-send-otp\"",
        "<code>to</code> <span class=\"required\">required</span>",
        "4 to 8",
        "Default <code>300</code>",
        "One of: whatsapp",
        "<code>delivery.status</code>",
        "<code>data[].code</code>",
        "Retry-After",
        "recipient_unreachable",
        "curl -sS &#34;$OTP_URL/v1/otp/send&#34;",
        "scope otp:send",
        "<a href=\"/docs/errors#session_not_found\"><code>session_not_found</code></a>",
    ] {
        assert!(html.contains(expected), "{expected} is missing");
    }
}

#[test]
fn what_is_missing_is_left_out_and_never_a_panic() {
    for document in [
        json!(null),
        json!({"paths": {"/x": {"get": {}}, "/y": null, "/z": {"post": {"requestBody": {}, "responses": {"200": 1}}}}}),
        json!({"paths": {"/x": {"get": {"parameters": [null, {}], "security": [{"none": []}], "tags": [1]}}}}),
        json!({"tags": [{}], "paths": {"/x": {"get": {"responses": {"default": {"content": {"text/plain": {}}}}}}}}),
        json!({"paths": {"/x": {"get": {"responses": {"200": {"content": {"a/json": {"schema": {"$ref": "#/none"}}}}}}}}}),
    ] {
        assert!(render(&document).is_ok(), "{document}");
    }
}

#[test]
fn text_from_the_document_is_escaped() {
    let document = json!({"info": {"title": "<b>", "description": "`<i>`"}, "paths": {"/<x>": {"get": {
        "summary": "<script>", "responses": {"200": {"description": "<img>"}}
    }}}});
    let html = render(&document).unwrap();
    for forbidden in ["<b>", "<i>", "<x>", "<script>", "<img>"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}
