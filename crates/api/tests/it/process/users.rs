use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::{run, server, without_limits};

const ADA: &str = "ada@example.org";
const PASSWORD: &str = "seven quiet otters paint";

fn printed(directory: &Path, arguments: &[&str]) -> String {
    let ran = run(directory, &[], arguments);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

fn refused(directory: &Path, arguments: &[&str], why: &str) {
    let ran = run(directory, &[], arguments);
    assert!(ran.code != Some(0) && ran.stderr.contains(why), "{ran:?}");
}

/// The token of a link to this page that a command printed.
fn token(said: &str, leads_to: &str) -> String {
    let link = said.lines().next().unwrap();
    let (page, token) = link.split_once("#token=").unwrap_or_else(|| panic!("{said}"));
    assert_eq!(page, format!("http://127.0.0.1:8080/console/{leads_to}"));
    token.to_owned()
}

async fn log_in(client: &Client, password: &str) -> Answer {
    client.post("/api/v1/auth/login", &json!({"email": ADA, "password": password}), None).await.unwrap()
}

async fn follow(client: &Client, token: &str) -> u16 {
    let body = json!({"token": token, "name": "Ada", "email": ADA, "password": PASSWORD});
    client.request(Method::POST, "/api/v1/auth/register").json(&body).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_runs_the_machine_lets_the_first_user_in_and_helps_those_who_are_locked_out() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = without_limits(server(directory)).start();
    let client = Client::new(&server, "");
    assert!(printed(directory, &["user", "list"]).contains("whatotp user bootstrap"));
    let first = token(&printed(directory, &["user", "bootstrap"]), "welcome");
    let second = token(&printed(directory, &["user", "bootstrap"]), "welcome");
    assert_eq!([follow(&client, &first).await, follow(&client, &second).await], [410, 200]);
    refused(directory, &["user", "bootstrap"], "there is a user already");
    refused(directory, &["user", "unlock", "nobody"], "name@example.org");
    refused(directory, &["user", "disable", "nobody@example.org"], "nobody logs in with this address");

    for _ in 0..10 {
        assert_eq!(log_in(&client, "wrong").await.code(), "invalid_credentials");
    }
    assert_eq!(log_in(&client, PASSWORD).await.code(), "log_in_limited");
    printed(directory, &["user", "unlock", ADA]);
    assert_eq!(log_in(&client, PASSWORD).await.status, 200);

    let reset = token(&printed(directory, &["user", "reset-password", ADA]), "reset");
    let body = json!({"token": reset, "password": "nine loud herons whistle"});
    let set = client.request(Method::POST, "/api/v1/auth/register").json(&body).send().await.unwrap();
    assert_eq!(set.status(), 204);
    assert_eq!(log_in(&client, PASSWORD).await.status, 401);
    assert_eq!(log_in(&client, "nine loud herons whistle").await.status, 200);

    refused(directory, &["user", "disable", ADA], "last owner");
    // Somebody else, who is no owner.
    let invited = {
        let session = log_in(&client, "nine loud herons whistle").await.body["access_token"].clone();
        let body = json!({"email": "bob@example.org", "role": "viewer"});
        Client::new(&server, session.as_str().unwrap()).post("/api/v1/invitations", &body, None).await.unwrap().body
    };
    let invited = invited["link"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    let body = json!({"token": invited, "name": "Bob", "password": "nine calm herons whistle"});
    let joined = client.request(Method::POST, "/api/v1/auth/register").json(&body).send().await.unwrap();
    assert_eq!(joined.status(), 200);
    let bob = json!({"email": "bob@example.org", "password": "nine calm herons whistle"});
    let comes_in = async || client.post("/api/v1/auth/login", &bob, None).await.unwrap().status;
    assert_eq!(comes_in().await, 200);
    assert!(printed(directory, &["user", "disable", "bob@example.org"]).contains("cannot log in"));
    assert_eq!(comes_in().await, 401);
    assert!(printed(directory, &["user", "disable", "bob@example.org", "--undo"]).contains("can log in"));
    assert_eq!(comes_in().await, 200);

    let operates = || -> Value {
        let listed: Value = serde_json::from_str(&printed(directory, &["user", "list", "--json"])).unwrap();
        listed[0]["operator"].clone()
    };
    assert_eq!(operates(), true);
    printed(directory, &["user", "operator", ADA, "--revoke"]);
    assert_eq!(operates(), false);
    printed(directory, &["user", "operator", ADA]);
    assert_eq!(operates(), true);
    assert!(printed(directory, &["user", "reset-totp", ADA]).contains("had no second factor"));
    let text = printed(directory, &["user", "list"]);
    assert!(
        text.lines().any(|line| line.contains(ADA) && line.contains("owner") && line.contains("operator")),
        "{text}"
    );
    let logs = server.logs();
    for secret in [ADA, PASSWORD, &second, &reset] {
        assert!(!logs.contains(secret), "{secret} is in the logs");
    }
}
