//! Who gets into the console, and from where.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use whatotp_domain::{Actor, EmailAddress};
use whatotp_ports::Clock as _;
use whatotp_vault::{LinkToken, TotpSecret};

use crate::support::{Answer, Client, TestApp, text, unused};

const ADA: &str = "ada@example.org";
const GRACE: &str = "grace@example.org";
const PASSWORD: &str = "seven quiet otters paint";
const OTHER_PASSWORD: &str = "nine loud herons whistle";
/// For tests that log in more often than a minute has room for.
const OFTEN: &[(&str, &str)] = &[("WHATOTP_LIMITS__AUTH_PER_MINUTE", "100000")];
/// The answers of a link that makes somebody a member.
const LINK: &str = "/console/join#token=";

struct Console {
    app: TestApp,
    /// Nobody is logged in.
    open: Client,
}

impl Console {
    async fn start() -> Self {
        Self::with(OFTEN).await
    }

    async fn with(variables: &[(&str, &str)]) -> Self {
        let app = TestApp::with(variables).await;
        let open = app.api.without("authorization");
        Self { app, open }
    }

    async fn bootstrap_token(&self) -> LinkToken {
        self.app.app.bootstrap_link().await.unwrap().unwrap()
    }

    /// The first user, as a program.
    async fn first(&self) -> Client {
        let token = self.bootstrap_token().await;
        let body = json!({"token": token.expose(), "name": "Ada", "email": ADA, "password": PASSWORD});
        self.bearer(&self.open.post("/api/v1/auth/register", body).await)
    }

    fn bearer(&self, answer: &Answer) -> Client {
        self.open.with_key(&text(&answer.success(200)["access_token"]))
    }

    async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.open.post("/api/v1/auth/login", json!({"email": email, "password": password})).await
    }

    /// Somebody whom `by` invites, as a program.
    async fn member(&self, by: &Client, email: &str, role: &str) -> Client {
        let made = by.post("/api/v1/invitations", json!({"email": email, "role": role})).await.success(201);
        let body = json!({"token": token_of(&made), "name": "Grace", "password": PASSWORD});
        self.bearer(&self.open.post("/api/v1/auth/register", body).await)
    }

    /// The first user, as a browser on a page of ours: with the cookie, and without.
    async fn browser(&self) -> (Client, String) {
        self.first().await;
        let page = self.open.with("origin", &format!("http://{}", self.open.address()));
        let body = json!({"email": ADA, "password": PASSWORD, "transport": "cookie"});
        let answer = page.post("/api/v1/auth/login", body).await;
        let body = answer.success(200);
        assert_eq!(body.get("access_token"), None, "no script gets to see it");
        let cookie = answer.header("set-cookie").unwrap().to_owned();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert!(pair.starts_with("__Host-session=cst_"), "{cookie}");
        assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax");
        (page.with("cookie", pair), text(&body["csrf_token"]))
    }
}

fn token_of(invitation: &Value) -> String {
    let link = text(&invitation["link"]);
    link.split_once(LINK).unwrap_or_else(|| panic!("{link}")).1.to_owned()
}

async fn delete(client: &Client, path: &str) -> Answer {
    client.send(client.request(&Method::DELETE, path)).await
}

async fn patch(client: &Client, path: &str, body: Value) -> Answer {
    client.send(client.request(&Method::PATCH, path).json(&body)).await
}

#[track_caller]
fn is_done(answer: &Answer) {
    assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{answer:?}");
}

#[tokio::test]
async fn the_first_user_comes_in_by_a_link_that_works_once() {
    let console = Console::start().await;
    let token = console.bootstrap_token().await;
    let body = json!({"token": token.expose(), "name": "Ada", "email": ADA, "password": PASSWORD});
    let answer = console.open.post("/api/v1/auth/register", body.clone()).await.success(200);
    assert_eq!(answer["user"]["role"], "owner");
    assert_eq!(answer["user"]["operator"], true);
    assert_eq!(answer["user"]["account_id"], console.app.account.to_string());
    assert_eq!(answer["user"]["permissions"].as_array().unwrap().len(), 13);
    console.open.post("/api/v1/auth/register", body).await.problem(410, "link_invalid");
    assert_eq!(console.app.app.bootstrap_link().await.unwrap().map(drop), None);
}

#[tokio::test]
async fn what_is_wrong_with_a_registration_is_said_field_by_field() {
    let console = Console::start().await;
    let token = console.bootstrap_token().await;
    let register = |body: Value| {
        let open = console.open.clone();
        async move { open.post("/api/v1/auth/register", body).await }
    };
    let good = json!({"token": token.expose(), "name": "Ada", "email": ADA, "password": PASSWORD});
    let but = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (field, value, code) in [
        ("password", json!("fourteen chars"), "too_short"),
        ("password", json!("p".repeat(1001)), "too_long"),
        ("password", json!("passwordpassword"), "too_common"),
        ("email", json!("ada"), "invalid_email"),
        ("email", json!(null), "required"),
        ("name", json!(null), "required"),
        ("name", json!(" "), "too_short"),
        ("token", json!("clt_x"), "invalid_token"),
        ("transport", json!("carrier pigeon"), "invalid_transport"),
        ("role", json!("owner"), "unknown_field"),
    ] {
        register(but(field, value)).await.is_invalid(field, code);
    }
    register(good).await.success(200);
}

#[tokio::test]
async fn an_answer_to_a_wrong_log_in_says_nothing_of_who_has_an_account() {
    let console = Console::start().await;
    console.first().await;
    let mut answers = Vec::new();
    for (email, password) in [(ADA, OTHER_PASSWORD), (GRACE, PASSWORD)] {
        let answer = console.log_in(email, password).await;
        answer.problem(401, "invalid_credentials");
        let mut body = answer.body();
        body["request_id"] = json!(null);
        let names: BTreeSet<String> = answer.headers.keys().map(ToString::to_string).collect();
        answers.push((body, names));
    }
    assert_eq!(answers[0], answers[1]);
    for email in [ADA, GRACE] {
        for _ in 0..9 {
            console.log_in(email, "wrong").await.problem(401, "invalid_credentials");
        }
        let waits = console.log_in(email, PASSWORD).await;
        waits.problem(429, "log_in_limited");
        assert_eq!(waits.retry_after(), 30);
    }
    console.app.advance(30);
    console.log_in(ADA, PASSWORD).await.success(200);
}

#[tokio::test]
async fn no_minute_sees_more_than_twenty_requests_of_one_address() {
    let console = Console::with(&[]).await;
    for _ in 0..20 {
        console.open.get("/api/v1/auth/me").await.problem(401, "session_required");
    }
    let refused = console.log_in(ADA, PASSWORD).await;
    refused.problem(429, "rate_limited");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"auth\";q=20;w=60"));
    console.open.get("/api/v1/members").await.problem(401, "session_required");
    console.app.api.get("/v1/templates").await.success(200);
    console.app.advance(59);
    console.log_in(ADA, PASSWORD).await.problem(429, "rate_limited");
    console.app.advance(1);
    console.app.tick();
    console.log_in(ADA, PASSWORD).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_session_that_somebody_brings_along_is_not_the_one_they_get() {
    let console = Console::start().await;
    let (browser, _) = console.browser().await;
    let body = json!({"email": ADA, "password": PASSWORD, "transport": "cookie"});
    let again = browser.post("/api/v1/auth/login", body).await;
    let new = again.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let fixed = browser.with("cookie", &new);
    let sessions = fixed.get("/api/v1/auth/sessions").await.success(200);
    let ids: Vec<&Value> = sessions["data"].as_array().unwrap().iter().map(|session| &session["id"]).collect();
    assert_eq!(ids.len(), 3, "each log-in is a session of its own");
    let invented = format!("__Host-session=cst_{}", "A".repeat(43));
    browser.with("cookie", &invented).get("/api/v1/auth/me").await.problem(401, "session_required");
}

#[tokio::test]
async fn a_session_ends_unused_after_half_an_hour_and_used_after_half_a_day() {
    let console = Console::start().await;
    let me = console.first().await;
    console.app.advance(1799);
    me.get("/api/v1/auth/me").await.success(200);
    console.app.advance(1800);
    me.get("/api/v1/auth/me").await.problem(401, "session_required");
    let me = console.bearer(&console.log_in(ADA, PASSWORD).await);
    for _ in 0..24 {
        console.app.advance(1799);
        me.get("/api/v1/auth/me").await.success(200);
    }
    console.app.advance(24);
    me.get("/api/v1/auth/me").await.problem(401, "session_required");
}

#[tokio::test]
async fn whoever_logs_out_or_renews_leaves_a_dead_token_behind() {
    let console = Console::start().await;
    let me = console.first().await;
    let renewed = console.bearer(&me.post_nothing("/api/v1/auth/refresh").await);
    me.get("/api/v1/auth/me").await.problem(401, "session_required");
    let other = console.bearer(&console.log_in(ADA, PASSWORD).await);
    is_done(&renewed.post_nothing("/api/v1/auth/logout").await);
    renewed.get("/api/v1/auth/me").await.problem(401, "session_required");
    other.get("/api/v1/auth/me").await.success(200);
    let (browser, csrf) = {
        let page = console.open.with("sec-fetch-site", "same-origin");
        let body = json!({"email": ADA, "password": PASSWORD, "transport": "cookie"});
        let answer = page.post("/api/v1/auth/login", body).await;
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        (page.with("cookie", &cookie), text(&answer.body()["csrf_token"]))
    };
    let out = browser.with("x-csrf-token", &csrf).post("/api/v1/auth/logout", json!({})).await;
    is_done(&out);
    assert!(out.header("set-cookie").unwrap().ends_with("; Max-Age=0"), "{out:?}");
}

#[tokio::test]
async fn a_change_by_cookie_needs_our_page_its_token_and_json() {
    let console = Console::start().await;
    let (browser, csrf) = console.browser().await;
    let refused = |answer: Answer| answer.problem(403, "cross_site_request");
    browser.get("/api/v1/auth/me").await.success(200);
    let path = "/api/v1/auth/refresh";
    refused(browser.post(path, json!({})).await);
    refused(browser.with("x-csrf-token", &csrf.replace(&csrf[..1], "x")).post(path, json!({})).await);
    let ours = browser.with("x-csrf-token", &csrf);
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
    ] {
        refused(ours.with(name, value).post(path, json!({})).await);
    }
    refused(ours.without("origin").post(path, json!({})).await);
    // What a form of another page can send.
    for enctype in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"] {
        let form = browser.with("origin", "https://evil.example");
        refused(form.post_raw(path, Some(enctype), "{\"a\":\"=\"}").await);
        refused(ours.post_raw(path, Some(enctype), "{}").await);
        let log_in = format!("{{\"email\":\"{ADA}\",\"password\":\"{PASSWORD}\",\"transport\":\"cookie\"}}");
        let stranger = console.open.with("origin", "https://evil.example");
        refused(stranger.post_raw("/api/v1/auth/login", Some(enctype), log_in).await);
    }
    let elsewhere = json!({"email": ADA, "password": PASSWORD, "transport": "cookie"});
    refused(console.open.post("/api/v1/auth/login", elsewhere).await);
    // Nothing of that did anything: the token is as it was.
    let renewed = ours.with("sec-fetch-site", "same-origin").post(path, json!({})).await;
    assert_eq!(renewed.success(200).get("access_token"), None);
    browser.get("/api/v1/auth/me").await.problem(401, "session_required");
}

#[tokio::test]
async fn the_public_address_counts_as_ours_and_stands_in_links_whatever_the_host_header_says() {
    let settings = [OFTEN[0], ("WHATOTP_CONSOLE__PUBLIC_URL", "https://otp.example.org/")];
    let console = Console::with(&settings).await;
    let me = console.first().await;
    let page = console.open.with("origin", "https://otp.example.org");
    let body = json!({"email": ADA, "password": PASSWORD, "transport": "cookie"});
    page.post("/api/v1/auth/login", body).await.success(200);
    let evil = me.with("host", "evil.example");
    let made = evil.post("/api/v1/invitations", json!({"email": GRACE, "role": "viewer"})).await.success(201);
    assert!(text(&made["link"]).starts_with("https://otp.example.org/console/join#token=clt_"), "{made}");
}

#[tokio::test]
async fn an_api_key_is_no_session_and_a_session_is_no_api_key() {
    let console = Console::start().await;
    let me = console.first().await;
    console.app.api.get("/api/v1/auth/me").await.problem(401, "session_required");
    console.app.api.get("/api/v1/members").await.problem(401, "session_required");
    me.get("/v1/templates").await.problem(401, "invalid_api_key");
}

#[tokio::test]
async fn a_role_does_what_it_may_and_nothing_else() {
    let console = Console::start().await;
    let owner = console.first().await;
    let viewer = console.member(&owner, GRACE, "viewer").await;
    let admin = console.member(&owner, "admin@example.org", "admin").await;
    let members = viewer.get("/api/v1/members").await.success(200);
    assert_eq!(members["data"].as_array().unwrap().len(), 3);
    let id = |email: &str| {
        let found = members["data"].as_array().unwrap().iter().find(|member| member["email"] == email).unwrap();
        format!("/api/v1/members/{}", text(&found["id"]))
    };
    let (owners, viewers) = (id(ADA), id(GRACE));
    let refused = viewer.get("/api/v1/invitations").await;
    refused.problem(403, "permission_denied");
    assert!(refused.detail().contains("manage_members"), "{}", refused.detail());
    let invitation = json!({"email": "x@example.org", "role": "viewer"});
    viewer.post("/api/v1/invitations", invitation).await.problem(403, "permission_denied");
    patch(&viewer, &viewers, json!({"role": "owner"})).await.problem(403, "permission_denied");
    delete(&viewer, &owners).await.problem(403, "permission_denied");

    patch(&admin, &viewers, json!({"role": "support"})).await.success(200);
    patch(&admin, &viewers, json!({"role": "owner"})).await.problem(403, "permission_denied");
    patch(&admin, &owners, json!({"role": "viewer"})).await.problem(403, "permission_denied");
    delete(&admin, &owners).await.problem(403, "permission_denied");
    let an_owner = json!({"email": "x@example.org", "role": "owner"});
    admin.post("/api/v1/invitations", an_owner).await.problem(403, "permission_denied");

    delete(&owner, &owners).await.problem(409, "last_owner");
    patch(&owner, &owners, json!({"role": "admin"})).await.problem(409, "last_owner");
    patch(&owner, &owners, json!({"disabled": true})).await.problem(409, "last_owner");
    let disabled = patch(&owner, &viewers, json!({"disabled": true})).await.success(200);
    assert_eq!(disabled["disabled"], true);
    viewer.get("/api/v1/auth/me").await.problem(401, "session_required");
    console.log_in(GRACE, PASSWORD).await.problem(401, "invalid_credentials");
    patch(&owner, &viewers, json!({"disabled": false})).await.success(200);
    console.log_in(GRACE, PASSWORD).await.success(200);
    is_done(&delete(&owner, &viewers).await);
    delete(&owner, &viewers).await.problem(404, "member_not_found");
    patch(&owner, &format!("/api/v1/members/{}", unused("usr")), json!({"role": "viewer"}))
        .await
        .problem(404, "member_not_found");
    patch(&owner, "/api/v1/members/somebody", json!({})).await.problem(404, "member_not_found");
}

#[tokio::test]
async fn members_are_changed_only_by_whoever_has_just_typed_their_password() {
    let console = Console::start().await;
    let owner = console.first().await;
    let invitation = json!({"email": GRACE, "role": "viewer"});
    let made = owner.post("/api/v1/invitations", invitation.clone()).await.success(201);
    let path = format!("/api/v1/invitations/{}", text(&made["id"]));
    console.app.advance(600);
    owner.post("/api/v1/invitations", invitation).await.problem(403, "reauthentication_required");
    delete(&owner, &path).await.problem(403, "reauthentication_required");
    owner.post("/api/v1/auth/totp", json!({})).await.problem(403, "reauthentication_required");
    let member = format!("/api/v1/members/{}", unused("usr"));
    patch(&owner, &member, json!({"role": "viewer"})).await.problem(403, "reauthentication_required");
    delete(&owner, &member).await.problem(403, "reauthentication_required");

    let again = |password: &str| {
        let (owner, body) = (owner.clone(), json!({"password": password}));
        async move { owner.post("/api/v1/auth/reauthenticate", body).await }
    };
    again("wrong").await.problem(401, "invalid_credentials");
    let fresh = console.bearer(&again(PASSWORD).await);
    owner.get("/api/v1/auth/me").await.problem(401, "session_required");
    is_done(&delete(&fresh, &path).await);
    delete(&fresh, &path).await.problem(404, "invitation_not_found");
}

#[tokio::test]
async fn an_invitation_is_listed_sent_again_and_accepted_once() {
    let console = Console::start().await;
    let owner = console.first().await;
    let made = owner.post("/api/v1/invitations", json!({"email": GRACE, "role": "developer"})).await.success(201);
    let listed = owner.get("/api/v1/invitations").await.success(200);
    assert_eq!(listed["data"][0]["id"], made["id"]);
    assert_eq!(listed["data"][0].get("link"), None, "it is shown once");
    let path = format!("/api/v1/invitations/{}/resend", text(&made["id"]));
    let again = owner.post(&path, json!({})).await.success(200);
    let accept = |invitation: &Value| {
        let body = json!({"token": token_of(invitation), "name": "Grace", "password": PASSWORD});
        let open = console.open.clone();
        async move { open.post("/api/v1/auth/register", body).await }
    };
    accept(&made).await.problem(410, "link_invalid");
    let member = accept(&again).await.success(200);
    assert_eq!((&member["user"]["role"], &member["user"]["email"]), (&json!("developer"), &json!(GRACE)));
    accept(&again).await.problem(410, "link_invalid");
    let taken = owner.post("/api/v1/invitations", json!({"email": GRACE, "role": "viewer"})).await.success(201);
    accept(&taken).await.problem(409, "email_taken");
    let late =
        owner.post("/api/v1/invitations", json!({"email": "x@example.org", "role": "viewer"})).await.success(201);
    console.app.advance(7 * 86_400);
    accept(&late).await.problem(410, "link_invalid");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_a_reset_all_of_them() {
    let console = Console::start().await;
    let me = console.first().await;
    let other = console.bearer(&console.log_in(ADA, PASSWORD).await);
    let change = |current: &str, new: &str| {
        let (me, body) = (me.clone(), json!({"current_password": current, "new_password": new}));
        async move { me.post("/api/v1/auth/password", body).await }
    };
    change("wrong", OTHER_PASSWORD).await.problem(401, "invalid_credentials");
    change(PASSWORD, "passwordpassword").await.is_invalid("new_password", "too_common");
    is_done(&change(PASSWORD, OTHER_PASSWORD).await);
    me.get("/api/v1/auth/me").await.success(200);
    other.get("/api/v1/auth/me").await.problem(401, "session_required");
    console.log_in(ADA, PASSWORD).await.problem(401, "invalid_credentials");

    let app = &console.app.app;
    let user = app.find_user_by_email(&EmailAddress::parse(ADA).unwrap()).await.unwrap().unwrap();
    let token = app.reset_link(&user, Actor::CommandLine).await.unwrap();
    let body = json!({"token": token.expose(), "password": PASSWORD});
    is_done(&console.open.post("/api/v1/auth/register", body.clone()).await);
    console.open.post("/api/v1/auth/register", body).await.problem(410, "link_invalid");
    me.get("/api/v1/auth/me").await.problem(401, "session_required");
    console.log_in(ADA, PASSWORD).await.success(200);
}

#[tokio::test]
async fn sessions_are_seen_and_ended_by_their_own_user_only() {
    let console = Console::start().await;
    let owner = console.first().await;
    let member = console.member(&owner, GRACE, "admin").await;
    let other = console.bearer(&console.log_in(ADA, PASSWORD).await);
    let listed = owner.get("/api/v1/auth/sessions").await.success(200);
    let sessions = listed["data"].as_array().unwrap();
    assert_eq!(sessions.iter().map(|one| one["current"].as_bool().unwrap()).filter(|current| *current).count(), 1);
    let others = sessions.iter().find(|one| one["current"] == false).unwrap();
    let path = format!("/api/v1/auth/sessions/{}", text(&others["id"]));
    delete(&member, &path).await.problem(404, "console_session_not_found");
    is_done(&delete(&owner, &path).await);
    delete(&owner, &path).await.problem(404, "console_session_not_found");
    other.get("/api/v1/auth/me").await.problem(401, "session_required");
    owner.get("/api/v1/auth/me").await.success(200);
}

/// RFC 4648.
fn of_base32(text: &str) -> TotpSecret {
    let mut bits = String::new();
    for letter in text.bytes() {
        let digit = if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
        bits.extend((0..5).rev().map(|bit| if digit >> bit & 1 == 1 { '1' } else { '0' }));
    }
    let bytes: Vec<u8> = (0..20).map(|at| u8::from_str_radix(&bits[8 * at..8 * at + 8], 2).unwrap()).collect();
    TotpSecret::from_bytes(&bytes).unwrap()
}

#[tokio::test]
async fn a_second_factor_is_set_up_asked_for_and_turned_off() {
    let console = Console::start().await;
    let me = console.first().await;
    let offer = me.post("/api/v1/auth/totp", json!({})).await.success(200);
    assert!(text(&offer["qr"]).starts_with("data:image/svg+xml,%3Csvg"));
    let secret = of_base32(&text(&offer["secret"]));
    assert!(text(&offer["url"]).contains(&text(&offer["secret"])));
    let code = || secret.code_at(console.app.clock.now().unix_seconds().try_into().unwrap());
    console.log_in(ADA, PASSWORD).await.success(200);
    me.post("/api/v1/auth/totp/confirm", json!({"code": "000000"})).await.is_invalid("code", "wrong_code");
    let kept = me.post("/api/v1/auth/totp/confirm", json!({"code": code()})).await.success(200);
    let recovery: Vec<String> = kept["recovery_codes"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(recovery.len(), 10);
    assert_eq!(me.get("/api/v1/auth/me").await.success(200)["recovery_codes_left"], 10);

    console.log_in(ADA, PASSWORD).await.problem(401, "second_factor_required");
    console.log_in(ADA, "wrong").await.problem(401, "invalid_credentials");
    console.app.advance(30);
    let with = |code: String| {
        let (open, body) = (console.open.clone(), json!({"email": ADA, "password": PASSWORD, "code": code}));
        async move { open.post("/api/v1/auth/login", body).await }
    };
    let now = code();
    with(now.clone()).await.success(200);
    with(now).await.problem(401, "invalid_credentials");
    with(recovery[3].clone()).await.success(200);
    with(recovery[3].clone()).await.problem(401, "invalid_credentials");
    is_done(&delete(&me, "/api/v1/auth/totp").await);
    console.log_in(ADA, PASSWORD).await.success(200);
}

#[tokio::test]
async fn an_answer_of_the_console_is_kept_nowhere() {
    let console = Console::start().await;
    let me = console.first().await;
    for path in ["/api/v1/auth/me", "/api/v1/members", "/api/v1/auth/sessions"] {
        let answer = me.get(path).await;
        answer.success(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    me.get("/api/v1/nothing").await.problem(404, "not_found");
    me.get("/api/v1/auth/nothing").await.problem(404, "not_found");
    me.get("/api/v1/auth/login").await.problem(405, "method_not_allowed");
}
