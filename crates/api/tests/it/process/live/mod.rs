//! Live mode as it is run: the program as a process, and the simulator as its WhatsApp.

mod crash;
mod doctor;
mod figures;
mod round_trip;
mod secrecy;
mod senders;
mod simulator;
mod templates;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tempfile::TempDir;
use whatotp_domain::Mode;
use whatotp_simulator::{Config, Handle, Limits, SenderConfig, Simulator};
use whatotp_testkit::{ServerBuilder, ServerProcess, create_key};

use super::client::{Answer, Client};
use super::{BINARY, Ran, run, without_limits};

const SENDER: &str = "100000000000001";
const OTHER_SENDER: &str = "100000000000002";
const WABA: &str = "200000000000001";
const TOKEN: &str = "simulator-access-token";
const PHONE: &str = "+14155550123";

/// A simulator in this process, and a directory in which the program works with it.
struct Stage {
    simulator: Simulator,
    directory: TempDir,
    variables: Vec<(String, String)>,
}

/// A simulator at a port of its own that limits nobody.
fn config() -> Config {
    Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        limits: Limits { pair: None, messages_per_second: None },
        ..Config::default()
    }
}

/// The same with a second number of the same business account.
fn with_two_senders() -> Config {
    let other = SenderConfig {
        phone_number_id: OTHER_SENDER.to_owned(),
        display_phone_number: "+1 202-555-0199".to_owned(),
        verified_name: "Second Number".to_owned(),
        access_token: "token-of-the-second".to_owned(),
        ..SenderConfig::default()
    };
    Config { other_senders: vec![other], ..config() }
}

impl Stage {
    async fn start() -> Self {
        Self::with(config()).await
    }

    /// The settings name the simulator's first number.
    async fn with(config: Config) -> Self {
        let sender = config.sender.clone();
        let mut stage = Self::without_sender(config).await;
        stage.set("PHONE_NUMBER_ID", &sender.phone_number_id);
        stage.set("WABA_ID", &sender.waba_id);
        stage.set("ACCESS_TOKEN", &sender.access_token);
        stage
    }

    /// The settings name the simulator, and none of its numbers.
    async fn without_sender(config: Config) -> Self {
        let (app_secret, verify_token) = (config.app_secret.clone(), config.verify_token.clone());
        let simulator = whatotp_simulator::start(config).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut stage = Self { simulator, directory, variables: Vec::new() };
        let url = stage.simulator.url();
        stage.set("BASE_URL", &url);
        stage.set("APP_SECRET", &app_secret);
        stage.set("VERIFY_TOKEN", &verify_token);
        stage
    }

    /// A setting of `[whatsapp]`, in place of what it was.
    fn set(&mut self, name: &str, value: &str) {
        self.set_any(&format!("WHATOTP_WHATSAPP__{name}"), value);
    }

    fn set_any(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// A server that is not started yet, without limits that a test could meet.
    fn builder(&self) -> ServerBuilder {
        let server = without_limits(super::server(self.directory.path())).arg("serve");
        self.variables.iter().fold(server, |server, (name, value)| server.env(name, value))
    }

    /// A server, which WhatsApp's webhooks go to.
    fn serve(&self) -> ServerProcess {
        let server = self.builder().start();
        self.phones().set_webhook_url(Some(format!("{}/webhooks/whatsapp", server.base_url())));
        server
    }

    fn phones(&self) -> Handle {
        self.simulator.handle()
    }

    fn live_key(&self) -> String {
        create_key(BINARY.as_ref(), self.directory.path(), &self.variables(), Mode::Live)
    }

    /// Runs the program to its end.
    fn run(&self, arguments: &[&str]) -> Ran {
        run(self.directory.path(), &self.variables(), arguments)
    }

    /// The same, with this on its standard input.
    fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = Command::new(BINARY);
        command.current_dir(self.directory.path()).env_clear().envs(self.variables()).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// What a command that must go well prints.
    fn printed(&self, arguments: &[&str]) -> String {
        went_well(self.run(arguments))
    }

    /// What a command that must fail says of it, on both outputs.
    fn failed(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        format!("{}{}", ran.stdout, ran.stderr)
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let text = self.printed(arguments);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"))
    }
}

/// What it printed, and nothing on standard error.
fn went_well(ran: Ran) -> String {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    ran.stdout
}

async fn send(client: &Client, to: &str) -> Answer {
    client.post("/v1/otp/send", &serde_json::json!({"to": to, "channel": "whatsapp"}), None).await.unwrap()
}

/// Follows a session's or message's delivery until it has been here.
async fn wait_for(client: &Client, path: &str, status: &str) -> Answer {
    let mut seen = client.get(path).await.unwrap();
    // A wait ends with a change, or after 25 seconds; a delivery changes five times at most.
    for _ in 0..6 {
        let steps = seen.body["delivery"]["timeline"].as_array().unwrap();
        if steps.iter().any(|step| step["status"] == status) {
            return seen;
        }
        seen = client.get(&format!("{path}?wait_seconds=25")).await.unwrap();
    }
    panic!("it was never {status}: {seen:?}");
}

/// The value of `X-Hub-Signature-256`, as Meta computes it.
fn sign(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body);
    let hex: Vec<String> = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={}", hex.concat())
}
