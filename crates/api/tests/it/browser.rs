//! The documentation in a real Chromium, with every host but this machine out of reach.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tempfile::TempDir;
use whatotp_testkit::ServerProcess;

struct Browser {
    client: Client,
    _driver: Driver,
    _profile: TempDir,
}

/// chromedriver, ended with the test.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Browser {
    async fn start() -> Self {
        let chromedriver = std::env::var("WHATOTP_TEST_CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        let driver = Command::new(chromedriver).arg("--port=0").stdout(Stdio::piped()).spawn();
        let mut driver = Driver(driver.expect("chromedriver is missing: run ./scripts/test.sh, which installs it"));
        let lines = BufReader::new(driver.0.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let profile = TempDir::new().unwrap();
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--window-size=1280,1400".to_owned(),
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let mut options = json!({"args": arguments});
        if let Ok(chromium) = std::env::var("WHATOTP_TEST_CHROMIUM") {
            options["binary"] = chromium.into();
        }
        let capabilities = json!({
            "goog:chromeOptions": options,
        });
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{}", port.expect("chromedriver names its port")))
            .await
            .unwrap();
        Self { client, _driver: driver, _profile: profile }
    }

    /// Everything that the page was made of, and everything that it complained about.
    async fn resources_and_complaints(&self) -> (Vec<String>, Vec<String>) {
        let script = "return performance.getEntriesByType('resource').map(entry => entry.name)";
        let resources = self.client.execute(script, Vec::new()).await.unwrap();
        let strings = |value: &Value| -> Vec<String> {
            value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        let complaints = self.client.execute("return window.__complaints ?? []", Vec::new()).await.unwrap();
        (strings(&resources), strings(&complaints))
    }
}

fn quick_start() -> (ServerProcess, String) {
    let server = ServerProcess::builder(env!("CARGO_BIN_EXE_whatotp")).start();
    let logs = server.logs();
    let link = logs.split_whitespace().find(|word| word.contains("/docs#key=")).expect("the guide's link").to_owned();
    (server, link)
}

#[tokio::test]
async fn the_example_execution_runs_live_in_a_browser_without_a_network() {
    let (server, link) = quick_start();
    let browser = Browser::start().await;
    let client = &browser.client;
    client.goto(&link).await.unwrap();
    let run = client.wait().at_most(Duration::from_secs(20)).for_element(Locator::Css("#example-run")).await.unwrap();
    let address = client.current_url().await.unwrap();
    assert!(!address.as_str().contains("sk_test_"), "the key stays in the address: {address}");
    run.click().await.unwrap();
    let last = Locator::XPath("//div[@id='example-log']/p[contains(., 'in total') or contains(@class, 'error')]");
    client.wait().at_most(Duration::from_secs(20)).for_element(last).await.unwrap();
    let log = client.find(Locator::Css("#example-log")).await.unwrap().text().await.unwrap();
    let lines: Vec<&str> = log.lines().map(|line| line.split_once("] ").unwrap().1).collect();
    assert_eq!(lines[0], "EXEC: POST /v1/otp/send");
    assert!(lines[1].starts_with("SUCCESS: 200 OK | session_id: otp_"), "{log}");
    assert!(lines.last().unwrap().starts_with("SUCCESS: 200 OK | verified: true | "), "{log}");
    let (resources, _) = browser.resources_and_complaints().await;
    assert!(!resources.is_empty());
    for resource in resources {
        assert!(resource.starts_with(server.base_url()), "{resource} comes from elsewhere");
    }
    client.clone().close().await.unwrap();
}

#[tokio::test]
async fn a_live_key_is_refused_by_the_browser_before_anything_is_sent() {
    let (server, _) = quick_start();
    let browser = Browser::start().await;
    let client = &browser.client;
    client.goto(&format!("{}/docs#key=sk_live_not_a_real_key", server.base_url())).await.unwrap();
    let refused = Locator::XPath("//div[@id='example-log']/p[contains(., 'live key')]");
    client.wait().at_most(Duration::from_secs(20)).for_element(refused).await.unwrap();
    let field = client.find(Locator::Css("#example-key")).await.unwrap();
    assert_eq!(field.prop("value").await.unwrap().as_deref(), Some(""));
    let (resources, _) = browser.resources_and_complaints().await;
    assert!(resources.iter().all(|resource| !resource.contains("/v1/")), "{resources:?}");
    client.clone().close().await.unwrap();
}

#[tokio::test]
async fn every_page_obeys_its_own_security_policy_in_a_browser() {
    let (server, _) = quick_start();
    let browser = Browser::start().await;
    for page in ["/docs", "/docs/reference", "/docs/errors"] {
        // The policy's violations are only told while somebody listens, so the page is put together again, listening.
        browser.client.goto(&format!("{}{page}", server.base_url())).await.unwrap();
        let script = "
            const done = arguments[arguments.length - 1];
            window.__complaints = [];
            document.addEventListener('securitypolicyviolation', event => window.__complaints.push(event.violatedDirective));
            const again = [...document.querySelectorAll('link[rel=stylesheet], script[src]')].map(old => {
              const fresh = document.createElement(old.tagName);
              for (const { name, value } of old.attributes) fresh.setAttribute(name, value);
              return new Promise(resolve => { fresh.onload = resolve; fresh.onerror = resolve; document.head.append(fresh); });
            });
            Promise.all(again).then(() => done(again.length));";
        let loaded = browser.client.execute_async(script, Vec::new()).await.unwrap();
        assert!(loaded.as_u64().unwrap() > 0, "{page} has neither style nor script");
        let (resources, complaints) = browser.resources_and_complaints().await;
        assert_eq!(complaints, Vec::<String>::new(), "{page}");
        assert!(resources.iter().all(|resource| resource.starts_with(server.base_url())), "{page}: {resources:?}");
        // The policy is in force: what it forbids does not run.
        let script = "
            const inline = document.createElement('script');
            inline.textContent = 'window.__ran = true';
            document.body.append(inline);
            return window.__ran === true;";
        assert_eq!(browser.client.execute(script, Vec::new()).await.unwrap(), json!(false), "{page}");
    }
    browser.client.clone().close().await.unwrap();
}
