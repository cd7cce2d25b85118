use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use whatotp::settings::Settings;
use whatotp_testkit::{ServerBuilder, ServerProcess};

use super::super::client::Client;
use super::{BINARY, PHONE, run, send, wait_for};

fn simulator() -> ServerProcess {
    ServerProcess::builder(BINARY).arg("simulator").arg("--listen").arg("127.0.0.1:0").start()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_where_it_is_shows_its_page_and_ends_when_asked() {
    for ask in [ServerProcess::terminate, ServerProcess::interrupt] {
        let mut simulator = simulator();
        let stdout = simulator.stdout();
        assert!(stdout.ends_with(&format!("listening on {}\n", simulator.base_url())), "{stdout}");
        let address = simulator.base_url().trim_start_matches("http://");
        assert!(stdout.contains(&format!("whatotp simulator --listen {address} --print-config")), "{stdout}");
        let page = reqwest::get(format!("{}/", simulator.base_url())).await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        ask(&simulator);
        assert_eq!(simulator.wait().code(), Some(0), "{}", simulator.logs());
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = run(Path::new("."), &[], &["simulator", "--listen", &address]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.contains(&address) && refused.stderr.contains("--listen"), "{refused:?}");
}

#[test]
fn its_configuration_can_be_used_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    for (listen, base_url) in [
        (&[][..], "http://127.0.0.1:8090"),
        (&["--listen", "127.0.0.1:1234"], "http://127.0.0.1:1234"),
        (&["--listen", "0.0.0.0:1234"], "http://127.0.0.1:1234"),
        (&["--listen", "[::1]:1234"], "http://[::1]:1234"),
    ] {
        let printed = run(directory.path(), &[], &[&["simulator", "--print-config"], listen].concat());
        assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
        let file = directory.path().join("simulator.toml");
        std::fs::write(&file, printed.stdout).unwrap();
        let settings = Settings::load(Some(&file), whatotp::settings::Variables::new()).unwrap();
        assert_eq!(settings.whatsapp.endpoint().base_url, base_url);
        assert!(settings.whatsapp.sender().unwrap().is_some() && settings.whatsapp.missing_for_webhooks().is_none());
    }
    let any = run(directory.path(), &[], &["simulator", "--print-config", "--listen", "127.0.0.1:0"]);
    assert!(any.code == Some(1) && any.stderr.contains("--listen"), "{any:?}");
}

/// The ports that the documentation names, and others in their place: a test must not depend on who else is there.
const DOCUMENTED: [u16; 2] = [8090, 8080];

/// Two ports that nobody listens on, below those that the system gives to whoever wants any. No two tests get the same.
fn free_ports() -> [u16; 2] {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let nth = TAKEN.fetch_add(1, Ordering::SeqCst);
    let begin = 20_000 + (std::process::id() * 8 + nth * 4) % 8_000;
    let mut free = (begin..32_000)
        .filter_map(|port| u16::try_from(port).ok())
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    [free.next().unwrap(), free.next().unwrap()]
}

/// The lines between the first fence after `heading` and its end.
fn shell_lines(document: &str, heading: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(document);
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once(heading).unwrap_or_else(|| panic!("{document} has no {heading}"));
    let (_, code) = section.split_once("```sh\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    code.lines().map(|line| line.split(" #").next().unwrap().trim().to_owned()).collect()
}

/// An empty directory in which `whatotp` is this build's, at other ports.
struct Visitor {
    directory: tempfile::TempDir,
    bin: tempfile::TempDir,
    ports: [u16; 2],
}

impl Visitor {
    fn new() -> Self {
        let bin = tempfile::tempdir().unwrap();
        let [simulator, server] = free_ports();
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = simulator ]; then shift; set -- simulator --listen 127.0.0.1:{simulator} \
             --webhook-url http://127.0.0.1:{server}/webhooks/whatsapp \"$@\"; fi\n\
             export WHATOTP_LISTEN=127.0.0.1:{server}\nexec {BINARY} \"$@\"\n"
        );
        let whatotp = bin.path().join("whatotp");
        std::fs::write(&whatotp, script).unwrap();
        std::fs::set_permissions(&whatotp, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory: tempfile::tempdir().unwrap(), bin, ports: [simulator, server] }
    }

    /// The line in a shell of its own, which it takes the place of.
    fn shell(&self, line: &str) -> ServerBuilder {
        let line = line.trim_end_matches('&').trim();
        // Redirected or with variables of its own, it is over soon; a server has to be the process that is killed.
        let line = if line.starts_with("whatotp") { format!("exec {line}") } else { line.to_owned() };
        let path = self.bin.path().display();
        ServerProcess::builder("/bin/sh")
            .directory(self.directory.path())
            .arg("-c")
            .arg(format!("PATH={path}:$PATH; export PATH; {line}"))
    }

    /// Runs a line to its end, at our ports, and returns what it prints.
    fn run(&self, line: &str) -> String {
        let line = DOCUMENTED.iter().zip(self.ports).fold(line.to_owned(), |line, (documented, ours)| {
            line.replace(&format!("127.0.0.1:{documented}"), &format!("127.0.0.1:{ours}"))
        });
        let mut shell = self.shell(&line).spawn();
        assert_eq!(shell.wait().code(), Some(0), "{line}: {}", shell.logs());
        shell.stdout()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_three_lines_of_the_readme_are_all_it_takes() {
    let lines = shell_lines("README.md", "## Live mode without a Meta account");
    let [print, simulate, serve] = &lines[..] else { panic!("these are not three lines: {lines:#?}") };
    let visitor = Visitor::new();
    visitor.run(print);
    let simulator = visitor.shell(simulate).start();
    let server = visitor.shell(serve).start();
    assert!(server.stdout().contains("sk_test_wa1_"), "the server of the third line is a first start");

    let key = visitor.run("whatotp keys create --mode live --config simulator.toml");
    let client = Client::new(&server, key.lines().next().unwrap());
    let sent = send(&client, PHONE).await;
    assert_eq!(sent.status, 200, "{sent:?}\n{}", server.logs());
    let path = format!("/v1/otp/{}", sent.body["session_id"].as_str().unwrap());
    wait_for(&client, &path, "delivered").await;
    let chat = reqwest::get(format!("{}/simulator/api/messages", simulator.base_url())).await.unwrap();
    let chat: Value = serde_json::from_str(&chat.text().await.unwrap()).unwrap();
    let body = json!({"session_id": sent.body["session_id"], "code": chat["messages"][0]["code"]});
    assert_eq!(client.post("/v1/otp/verify", &body, None).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_whatsapp_page_work_in_their_order() {
    let visitor = Visitor::new();
    let lines = shell_lines("docs/WHATSAPP.md", "## 1. Without a Meta account");
    let [print, simulate, serve] = &lines[..] else { panic!("these are not three lines: {lines:#?}") };
    visitor.run(print);
    let simulator = visitor.shell(simulate).start();
    let _server = visitor.shell(serve).start();
    let lines = shell_lines("docs/WHATSAPP.md", "In another terminal");
    let [create, request @ ..] = &lines[..] else { panic!("{lines:#?}") };
    let key = visitor.run(create);
    let key = key.lines().next().unwrap();
    let sent = visitor.run(&format!("KEY={key}\n{}", request.join("\n").replace("curl ", "curl --silent --fail ")));
    let sent: Value = serde_json::from_str(&sent).unwrap_or_else(|error| panic!("{error}: {sent}"));
    assert_eq!((&sent["mode"], &sent["status"]), (&json!("live"), &json!("pending")));
    let chat = reqwest::get(format!("{}/simulator/api/messages?to={PHONE}", simulator.base_url())).await.unwrap();
    assert!(chat.text().await.unwrap().contains("verification_code"));

    // What section 2 has below "Send", with the simulator's configuration.
    for line in shell_lines("docs/WHATSAPP.md", "### Send") {
        if line.starts_with("whatotp ") && !line.contains("keys create") {
            visitor.run(&format!("{line} --config simulator.toml"));
        }
    }
}
