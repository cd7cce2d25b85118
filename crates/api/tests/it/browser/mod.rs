//! The pages in a real Chromium.

#[cfg(test)]
mod console;
#[cfg(test)]
mod docs;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) struct Browser {
    pub(crate) client: Client,
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

impl Driver {
    /// Chromedriver takes a free port of IPv6 and wants the same one of IPv4, where somebody may be: it then ends
    /// without naming a port, and the next one takes another.
    fn start() -> (Self, u16) {
        let chromedriver = std::env::var("WHATOTP_TEST_CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        let start = || {
            let driver = Command::new(&chromedriver).arg("--port=0").stdout(Stdio::piped()).spawn();
            let mut driver = Self(driver.expect("chromedriver is missing: run ./scripts/test.sh, which installs it"));
            let lines = BufReader::new(driver.0.stdout.take().unwrap()).lines();
            let port = lines.map_while(Result::ok).find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse().ok()
            })?;
            Some((driver, port))
        };
        std::iter::repeat_with(start).take(10).flatten().next().expect("chromedriver names its port")
    }
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let (driver, port) = Driver::start();
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
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { client, _driver: driver, _profile: profile }
    }

    /// Everything that the page was made of, and everything that it complained about.
    pub(crate) async fn resources_and_complaints(&self) -> (Vec<String>, Vec<String>) {
        let script = "return performance.getEntriesByType('resource').map(entry => entry.name)";
        let resources = self.client.execute(script, Vec::new()).await.unwrap();
        let strings = |value: &Value| -> Vec<String> {
            value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        let complaints = self.client.execute("return window.__complaints ?? []", Vec::new()).await.unwrap();
        (strings(&resources), strings(&complaints))
    }
}
