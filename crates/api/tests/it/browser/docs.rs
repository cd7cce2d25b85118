//! The documentation, with every host but this machine out of reach.

use std::time::Duration;

use fantoccini::Locator;
use serde_json::json;
use whatotp_testkit::ServerProcess;

use super::Browser;

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
