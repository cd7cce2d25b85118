//! The console, as people use it: from the link that the first start prints to the statistics.

use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use whatotp_testkit::ServerProcess;

use super::Browser;

const PASSWORD: &str = "four quiet otters knit lanterns";
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody at a browser, in front of a server of their own.
struct Visit {
    server: ServerProcess,
    browser: Browser,
}

impl Visit {
    /// Comes in by the link that the first start prints.
    async fn first() -> Self {
        let server = ServerProcess::builder(env!("CARGO_BIN_EXE_whatotp")).start();
        server.wait_for_line("/console/welcome#token=");
        let logs = server.logs();
        let link =
            logs.split_whitespace().find(|word| word.contains("/console/welcome#token=")).expect("the first link");
        let visit = Self { browser: Browser::start().await, server };
        visit.client().goto(link).await.unwrap();
        visit.fill("#name", "Ada Owner").await;
        visit.fill("#email", "ada@example.com").await;
        visit.fill("#password", PASSWORD).await;
        visit.press("Go on").await;
        visit.heading("Today").await;
        visit
    }

    fn client(&self) -> &Client {
        &self.browser.client
    }

    async fn go(&self, path: &str) {
        self.client().goto(&format!("{}{path}", self.server.base_url())).await.unwrap();
    }

    async fn found(&self, xpath: &str) -> Element {
        match self.client().wait().at_most(PATIENCE).for_element(Locator::XPath(xpath)).await {
            Ok(element) => element,
            Err(error) => {
                let page = self.client().find(Locator::Css("body")).await.unwrap().text().await.unwrap();
                panic!("{xpath}: {error}\n{page}\n{}", self.server.logs());
            }
        }
    }

    async fn heading(&self, text: &str) {
        self.found(&format!("//h1[contains(normalize-space(), '{text}')]")).await;
    }

    async fn fill(&self, css: &str, text: &str) {
        let field = self.client().wait().at_most(PATIENCE).for_element(Locator::Css(css)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    async fn press(&self, label: &str) {
        self.found(&format!("//button[contains(normalize-space(), '{label}')]")).await.click().await.unwrap();
    }

    async fn text_of(&self, css: &str) -> String {
        let visible = Locator::Css(css);
        self.client().wait().at_most(PATIENCE).for_element(visible).await.unwrap().text().await.unwrap()
    }

    /// What a program asks the API for.
    fn api(&self, key: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.server.base_url());
        let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
        let mut request = agent.post(&url).content_type("application/json");
        if !key.is_empty() {
            request = request.header("authorization", &format!("Bearer {key}"));
        }
        let mut answer = request.send(body.to_string()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(answer.status().is_success(), "{path} {body}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// A test key, made as a person makes one.
    async fn key(&self) -> String {
        self.go("/console/keys").await;
        self.fill("#name", "checkout").await;
        self.press("Make the key").await;
        self.found("//section[@id='made' and not(@hidden)]").await;
        self.text_of("#made-key").await.trim().to_owned()
    }

    /// What the browser's security policy stopped on this page, since it was opened.
    async fn violations(&self) -> Value {
        let script = "
            const done = arguments[arguments.length - 1];
            const seen = [];
            const watch = new ReportingObserver(reports => seen.push(...reports.map(one => JSON.stringify(one.body))),
                { types: ['csp-violation'], buffered: true });
            watch.observe();
            requestAnimationFrame(() => requestAnimationFrame(() => done(seen)));";
        self.client().execute_async(script, Vec::new()).await.unwrap()
    }
}

#[tokio::test]
async fn from_the_first_link_to_a_code_its_timeline_a_ticket_its_answer_and_the_figures() {
    let visit = Visit::first().await;
    let key = visit.key().await;
    assert!(key.starts_with("sk_test_"), "{key}");
    let curl = visit.text_of("#made-curl").await;
    assert!(curl.contains(&key) && curl.contains(visit.server.base_url()), "{curl}");

    let sent = visit.api(&key, "/v1/otp/send", &json!({"to": "+12025550100", "channel": "whatsapp"}));
    visit.go("/console/sandbox").await;
    let code = visit.found("//p[@class='bubble-code']").await.text().await.unwrap();
    let guess = json!({"session_id": sent["session_id"], "code": code});
    assert_eq!(visit.api(&key, "/v1/otp/verify", &guess)["verified"], true);

    visit.go("/console/deliveries?mode=test").await;
    visit.found("//tbody//a[contains(., '0100')]").await.click().await.unwrap();
    visit.found("//ol[@class='timeline']//b[contains(., 'accepted')]").await;
    visit.found("//ol[@class='timeline']//b[contains(., 'verified')]").await;

    visit.found("//a[contains(., 'Open a ticket')]").await.click().await.unwrap();
    visit.fill("#subject", "My customer got no code").await;
    visit.fill("#body", "She waited ten minutes.").await;
    visit.press("Open the ticket").await;
    visit.heading("My customer got no code").await;
    visit.found("//aside//ol[@class='timeline']").await;

    visit.go("/console/admin/tickets").await;
    visit.found("//a[contains(., 'My customer got no code')]").await.click().await.unwrap();
    visit.fill("#body", "It arrived: see the timeline.").await;
    visit.press("Send").await;
    visit.found("//article[contains(., 'It arrived: see the timeline.')]").await;
    visit.go("/console/tickets").await;
    visit.found("//td[contains(., 'waiting for the customer')]").await;

    visit.go("/console/statistics?mode=test").await;
    let verified = visit.found("//dl[@class='figures']/div[dt='Verified']/dd").await.text().await.unwrap();
    assert!(verified.starts_with('1') && verified.contains("100.0 %"), "{verified}");
    assert_eq!(visit.violations().await, json!([]));

    visit.go("/console/sandbox").await;
    visit.fill("#example-key", &key).await;
    visit.press("Run").await;
    visit.found("//div[@id='example-log']/p[contains(., 'verified: true')]").await;
    visit.found("(//p[@class='bubble-code'])[2]").await;
    assert_eq!(visit.violations().await, json!([]));
}

/// Every page there is, once there is something on it.
const PAGES: [&str; 28] = [
    "/console",
    "/console?mode=test",
    "/console/deliveries?mode=test",
    "/console/deliveries?number=nobody",
    "/console/statistics?mode=test",
    "/console/statistics?mode=test&by=country",
    "/console/statistics?from=2026-01-01&to=2025-01-01",
    "/console/tickets",
    "/console/tickets/new",
    "/console/keys",
    "/console/templates",
    "/console/templates?mode=test",
    "/console/templates/new",
    "/console/sandbox",
    "/console/members",
    "/console/log",
    "/console/settings",
    "/console/admin/tickets",
    "/console/admin/accounts",
    "/console/admin/senders",
    "/console/admin/blocks",
    "/console/admin/dead-letters",
    "/console/admin/canned-replies",
    "/console/admin/logs",
    "/console/nowhere",
    "/console/login",
    "/console/welcome",
    "/console/join",
];

impl Visit {
    /// A token for programs.
    fn token(&self) -> String {
        let log_in = json!({"email": "ada@example.com", "password": PASSWORD});
        self.api("", "/api/v1/auth/login", &log_in)["access_token"].as_str().unwrap().to_owned()
    }

    /// A member of this role; their token.
    fn member(&self, owner: &str, role: &str) -> String {
        let invite = json!({"email": format!("{role}@example.com"), "role": role});
        let invited = self.api(owner, "/api/v1/invitations", &invite);
        let link = invited["link"].as_str().unwrap();
        let token = link.split_once("#token=").unwrap().1;
        let join = json!({"token": token, "name": format!("The {role}"), "password": PASSWORD});
        self.api("", "/api/v1/auth/register", &join)["access_token"].as_str().unwrap().to_owned()
    }

    fn page(&self, token: &str, path: &str) -> (u16, String) {
        let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
        let request = agent.get(format!("{}{path}", self.server.base_url()));
        let mut answer = request.header("authorization", format!("Bearer {token}")).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// Something of every kind: a key, a code, a ticket.
    async fn furnish(&self) {
        let key = self.key().await;
        let sent = self.api(&key, "/v1/otp/send", &json!({"to": "+12025550100", "channel": "whatsapp"}));
        self.api(&key, "/v1/otp/send", &json!({"to": "+12025550104", "channel": "whatsapp"}));
        let ticket = json!({"subject": "Where is it?", "body": "Nothing came.", "linked_id": sent["session_id"]});
        self.api(&self.token(), "/api/v1/tickets", &ticket);
    }

    /// The addresses of what the lists lead to: one delivery, one ticket from either side, one template and its editor, one account.
    async fn details(&self) -> Vec<String> {
        let mut found = Vec::new();
        for list in [
            "/console/deliveries?mode=test",
            "/console/tickets",
            "/console/admin/tickets",
            "/console/templates?mode=test",
            "/console/admin/accounts",
        ] {
            self.go(list).await;
            let link = self.found("//tbody//a").await.attr("href").await.unwrap().unwrap();
            found.push(link);
        }
        let editors = found.iter().filter(|link| link.contains("/templates/"));
        let editors: Vec<String> = editors.map(|link| link.replace('?', "/edit?locale=en&")).collect();
        found.extend(editors);
        found
    }
}

#[tokio::test]
async fn no_page_has_anything_that_a_screen_reader_stumbles_over_or_that_the_policy_stops() {
    let visit = Visit::first().await;
    visit.furnish().await;
    let axe = std::env::var("WHATOTP_TEST_AXE").expect("axe-core is missing: run ./scripts/test.sh, which installs it");
    let axe = std::fs::read_to_string(axe).unwrap();
    let details = visit.details().await;
    for path in PAGES.into_iter().map(str::to_owned).chain(details) {
        visit.go(&path).await;
        visit.found("//h1").await;
        assert_eq!(visit.violations().await, json!([]), "{path}");
        visit.client().execute(&axe, Vec::new()).await.unwrap();
        let script = "
            const done = arguments[arguments.length - 1];
            axe.run(document, { resultTypes: ['violations'] }).then(found => done(found.violations
                .filter(one => ['serious', 'critical'].includes(one.impact))
                .map(one => `${one.id}: ${one.nodes.map(node => node.html).join(' ')}`)));";
        for theme in ["light", "dark"] {
            let dress = format!("document.documentElement.dataset.theme = '{theme}'");
            visit.client().execute(&dress, Vec::new()).await.unwrap();
            let stumbles = visit.client().execute_async(script, Vec::new()).await.unwrap();
            assert_eq!(stumbles, json!([]), "{path} in {theme}");
        }
    }
}

#[tokio::test]
async fn each_role_sees_its_pages_and_no_others() {
    let visit = Visit::first().await;
    let owner = visit.token();
    // owner, admin, developer, support, viewer
    let matrix = [
        ("/console", "200 200 200 200 200"),
        ("/console/deliveries", "200 200 200 200 200"),
        ("/console/statistics", "200 200 200 200 200"),
        ("/console/tickets", "200 200 200 200 200"),
        ("/console/tickets/new", "200 200 200 200 403"),
        ("/console/keys", "200 200 200 403 403"),
        ("/console/templates", "200 200 200 200 200"),
        ("/console/templates/new", "200 200 200 403 403"),
        ("/console/sandbox", "200 200 200 200 403"),
        ("/console/members", "200 200 200 200 200"),
        ("/console/log", "200 200 403 403 403"),
        ("/console/settings", "200 200 200 200 200"),
        ("/console/admin/tickets", "200 403 403 403 403"),
        ("/console/admin/accounts", "200 403 403 403 403"),
        ("/console/admin/senders", "200 403 403 403 403"),
        ("/console/admin/blocks", "200 403 403 403 403"),
        ("/console/admin/dead-letters", "200 403 403 403 403"),
        ("/console/admin/canned-replies", "200 403 403 403 403"),
        ("/console/admin/logs", "200 403 403 403 403"),
    ];
    let others = ["admin", "developer", "support", "viewer"].map(|role| visit.member(&owner, role));
    let everybody: Vec<String> = std::iter::once(owner).chain(others).collect();
    for (path, row) in matrix {
        let seen: Vec<String> = everybody.iter().map(|token| visit.page(token, path).0.to_string()).collect();
        assert_eq!(seen.join(" "), row, "{path}");
    }
    // Nobody is led to a page that refuses them.
    for token in &everybody {
        let (_, page) = visit.page(token, "/console");
        let nav = page.split_once("<nav").unwrap().1.split_once("</nav>").unwrap().0;
        for link in nav.split("href=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(href, _)| href) {
            assert_eq!(visit.page(token, link).0, 200, "{link}");
        }
    }
}

#[tokio::test]
async fn naughty_strings_stay_text_wherever_they_are_shown() {
    let visit = Visit::first().await;
    let owner = visit.token();
    let strings = std::env::var("WHATOTP_TEST_BLNS").expect("the strings are missing: run ./scripts/test.sh");
    let strings: Vec<String> = serde_json::from_str(&std::fs::read_to_string(strings).unwrap()).unwrap();
    let fits =
        |text: &&String| !text.trim().is_empty() && !text.chars().any(char::is_control) && text.chars().count() <= 100;
    let naughty: Vec<&String> = strings.iter().filter(fits).filter(|text| text.contains(['<', '"', '\''])).collect();
    assert!(naughty.len() > 100, "{}", naughty.len());
    let ticket = visit.api(&owner, "/api/v1/tickets", &json!({"subject": naughty[0], "body": naughty[0]}));
    let ticket = ticket["id"].as_str().unwrap();
    for (at, text) in naughty.iter().enumerate().take(150) {
        visit.api(&owner, &format!("/api/v1/tickets/{ticket}/comments"), &json!({"body": text}));
        if at % 10 == 0 {
            visit.api(&owner, "/api/v1/keys", &json!({"name": text, "mode": "test"}));
            visit.api(&owner, "/api/v1/tickets", &json!({"subject": text, "body": text}));
            visit.api(&owner, "/api/v1/admin/canned-replies", &json!({"title": text, "body": text}));
            visit.api(&owner, "/api/v1/admin/accounts", &json!({"name": text}));
            let block = json!({"kind": "country", "key": "DE", "reason": text});
            visit.api(&owner, "/api/v1/admin/blocks", &block);
        }
    }
    let query = naughty.iter().take(40).map(|text| text.replace(['&', '#', '%', '+'], "")).collect::<String>();
    let filters = format!("/console/deliveries?number={query}&status={query}&country={query}&request_id={query}");
    let ticket_pages = [format!("/console/tickets/{ticket}"), format!("/console/admin/tickets/{ticket}")];
    let shown = [
        "/console/tickets",
        "/console/keys",
        "/console/log",
        "/console/admin/tickets",
        "/console/admin/accounts",
        "/console/admin/blocks",
        "/console/admin/logs",
    ]
    .map(str::to_owned);
    for path in shown.into_iter().chain(ticket_pages).chain([filters]) {
        visit.go(&path).await;
        visit.found("//h1").await;
        // An alert would have made both fail.
        assert_eq!(visit.violations().await, json!([]), "{path}");
        let scripts = visit.client().execute("return document.scripts.length + document.querySelectorAll('main script, main iframe, main svg:not(.chart), main img[onerror], main [onload]').length", Vec::new());
        assert_eq!(scripts.await.unwrap(), json!(3), "{path}");
    }
}

#[tokio::test]
async fn whoever_tries_passwords_is_told_to_wait() {
    let visit = Visit::first().await;
    visit.go("/console/settings").await;
    visit.press("Log out").await;
    visit.heading("Log in").await;
    for _ in 0..25 {
        visit.fill("#email", "ada@example.com").await;
        visit.fill("#password", "not the right password at all").await;
        visit.press("Log in").await;
        let told = visit.found("//form[not(@aria-busy)]//div[@role='alert']").await.text().await.unwrap();
        if told.contains("Try again in") {
            return;
        }
    }
    panic!("nobody was told to wait");
}

#[tokio::test]
async fn every_page_is_small() {
    let visit = Visit::first().await;
    visit.furnish().await;
    for path in PAGES {
        visit.go(path).await;
        visit.found("//h1").await;
        let script =
            "return performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
            .map(entry => entry.encodedBodySize).reduce((sum, size) => sum + size, 0)";
        let size = visit.client().execute(script, Vec::new()).await.unwrap().as_f64().unwrap();
        assert!(size > 1_000.0 && size < 100_000.0, "{path} takes {size} bytes");
    }
}
