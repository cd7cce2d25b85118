use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use whatotp_domain::Mode;
use whatotp_testkit::{PostgresServer, ServerProcess, create_key};

use super::client::{Answer, Client};
use super::connection::{Connection, request};
use super::database::Database;
use super::history::other;
use super::searching::{Search, Secret};
use super::{BINARY, files_in, run, server, without_limits};

/// A magic number, one that is not, and two ways in which the provider is of no help.
const NUMBERS: [&str; 4] = ["+12025550177", "+14155552671", "+12025550103", "+12025550105"];
const ROUNDS: usize = 12;

/// Everything that was said to the server and is none of a log's business.
#[derive(Default)]
pub(super) struct Planted(pub Vec<Secret>);

impl Planted {
    pub(super) fn add(&mut self, what: &'static str, value: impl AsRef<[u8]>) {
        self.0.push(Secret { what, value: value.as_ref().to_vec() });
    }

    /// A new value that stands nowhere else.
    pub(super) fn invent(&mut self, what: &'static str) -> String {
        let value = format!("Planted{:04}-Zaphod", self.0.len());
        self.add(what, &value);
        value
    }

    pub(super) fn add_key(&mut self, key: &str) {
        self.add("an API key", key);
        let random = key.rsplit('_').next().unwrap();
        self.add("an API key's random part", &random[..30]);
    }
}

/// A server that tells all it can.
struct Talkative {
    server: ServerProcess,
    directory: TempDir,
    database: Database,
    client: Client,
    planted: Planted,
    key: String,
}

impl Talkative {
    fn start(database: Database) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = create_key(BINARY.as_ref(), directory.path(), &database.variables(), Mode::Test);
        let mut planted = Planted::default();
        planted.add_key(&key);
        for number in NUMBERS {
            planted.add("a number", number);
            planted.add("a number without its plus", &number[1..]);
        }
        let file = std::fs::read_to_string(directory.path().join("data/master.key")).unwrap();
        let master_key = file.lines().find(|line| !line.starts_with('#')).unwrap();
        planted.add("the master key", master_key);
        planted.add("the master key's bytes", from_base64(master_key));
        let server = without_limits(database.used_by(server(directory.path())))
            .arg("serve")
            .env("WHATOTP_LOG__LEVEL", "trace")
            .env("WHATOTP_OTP__COOLDOWN_SECONDS", "0")
            .env("WHATOTP_OTP__SENDS_PER_SESSION", "10")
            .env("WHATOTP_OTP__SENDS_PER_10_MINUTES", "10000")
            .env("WHATOTP_OTP__SENDS_PER_HOUR", "10000")
            .env("WHATOTP_OTP__SENDS_PER_DAY", "10000")
            .start();
        let client = Client::new(&server, &key);
        Self { server, directory, database, client, planted, key }
    }

    async fn post(&mut self, path: &str, body: &Value) -> Answer {
        let once = self.planted.invent("an idempotency key");
        let first = self.client.post(path, body, Some(&once)).await.unwrap();
        let again = self.client.post(path, body, Some(&once)).await.unwrap();
        assert!(again.replayed || first.status >= 400, "{again:?}");
        if let Some(receipt) = first.body["receipt"].as_str() {
            self.planted.add("a receipt's signature", receipt.rsplit('.').next().unwrap());
        }
        first
    }

    /// Everything it can be asked, rightly and wrongly. The codes are among what is planted then.
    async fn be_used(&mut self) {
        for round in 0..ROUNDS {
            for number in NUMBERS {
                self.verify_a_number(number, &format!("purpose {round}")).await;
            }
            self.send_a_message(NUMBERS[round % 3]).await;
        }
        self.make_mistakes().await;
        let codes = self.planted.0.iter().filter(|secret| secret.what == "a code").count();
        assert_eq!(codes, 2 * ROUNDS, "two of the numbers get their codes");
    }

    /// A session from its send to its end.
    async fn verify_a_number(&mut self, to: &str, purpose: &str) {
        let metadata = json!({self.planted.invent("a metadata key"): self.planted.invent("a metadata value")});
        let body = json!({"to": to, "channel": "whatsapp", "length": 8, "purpose": purpose, "metadata": metadata});
        let sent = self.post("/v1/otp/send", &body).await;
        let Some(id) = sent.body["session_id"].as_str().map(str::to_owned) else {
            assert!([422, 503].contains(&sent.status), "{sent:?}");
            return;
        };
        self.post(&format!("/v1/otp/{id}/resend"), &json!({})).await;
        let inbox = self.client.get(&format!("/v1/sandbox/messages?session_id={id}&to=%2B{}", &to[1..])).await.unwrap();
        let code = inbox.body["data"][0]["code"].as_str().unwrap().to_owned();
        self.planted.add("a code", &code);
        let wrong = other(&code);
        self.planted.add("a wrong code", &wrong);
        let verify = |code: &str| json!({"session_id": &id, "code": code});
        assert_eq!(self.post("/v1/otp/verify", &verify(&wrong)).await.status, 422);
        let arabic: String = code.bytes().map(|digit| char::from_u32(0x630 + u32::from(digit)).unwrap()).collect();
        self.planted.add("a code in other digits", &arabic);
        assert_eq!(self.post("/v1/otp/verify", &verify(&arabic)).await.status, 200);
        assert_eq!(self.post("/v1/otp/verify", &verify(&code)).await.status, 409);
        self.post(&format!("/v1/otp/{id}/cancel"), &json!({})).await;
        let seen = self.client.get(&format!("/v1/otp/{id}?wait_seconds=1")).await.unwrap();
        assert_eq!(seen.body["status"], "verified");
    }

    async fn send_a_message(&mut self, to: &str) {
        let variables =
            json!({"first_name": self.planted.invent("a variable"), "order_id": self.planted.invent("a variable")});
        let metadata = json!({"name": self.planted.invent("a metadata value")});
        let body =
            json!({"phone_number": to, "template_id": "order_update", "variables": variables, "metadata": metadata});
        let sent = self.post("/v1/messages/send", &body).await;
        let path = format!("/v1/messages/{}", sent.body["message_id"].as_str().unwrap());
        self.client.get(&format!("{path}?wait_seconds=1")).await.unwrap();
        self.post(&format!("{path}/cancel"), &json!({})).await;
        let other = self.planted.invent("a variable of no template");
        let unknown = json!({"phone_number": to, "template_id": "order_update", "variables": {"first_name": other}});
        assert_eq!(self.post("/v1/messages/send", &unknown).await.status, 422);
        self.client.get(&format!("/v1/messages?phone_number=%2B{}", &to[1..])).await.unwrap();
    }

    /// Requests that are wrong in every way there is, each with something that should not be repeated.
    async fn make_mistakes(&mut self) {
        let secret = self.planted.invent("a value in a bad request");
        let number = NUMBERS[1];
        for body in [
            json!({"to": &secret, "channel": &secret, "length": &secret, "purpose": format!("{secret}\n"), "locale": &secret}),
            json!({"to": number, "channel": "whatsapp", "metadata": {"name": [&secret]}}),
            json!({"session_id": &secret, "code": &secret}),
            json!([&secret]),
        ] {
            for path in ["/v1/otp/send", "/v1/otp/verify", "/v1/messages/send"] {
                assert!(self.post(path, &body).await.status >= 400);
            }
        }
        let stranger = self.stranger();
        let mut connection = Connection::open(self.server.base_url()).await.unwrap();
        let authorization = format!("authorization: Bearer {}\r\n", self.key);
        let json = "content-type: application/json\r\n";
        let body = format!(r#"{{"to":"{number}","code":"{secret}"#);
        for (target, headers) in [
            ("/v1/otp/send".to_owned(), format!("{authorization}{json}")),
            ("/v1/otp/send".to_owned(), format!("{authorization}content-type: text/{secret}\r\n")),
            ("/v1/otp/send".to_owned(), format!("authorization: Bearer {stranger}\r\n{json}")),
            ("/v1/otp/send".to_owned(), format!("authorization: Basic {secret}\r\n{json}")),
            ("/v1/otp/send".to_owned(), format!("x-api-key: {}\r\ncookie: key={}\r\n{json}", self.key, self.key)),
            (format!("/v1/otp/send?api_key={}", self.key), format!("{authorization}{json}")),
            (format!("/v1/otp/{secret}/resend"), format!("{authorization}{json}")),
            (format!("/{secret}/{number}?{secret}"), json.to_owned()),
            (format!("/v1/messages?phone_number={secret}&key={}", self.key), authorization.clone()),
        ] {
            connection.write(&request("POST", &target, &headers, Some(body.as_bytes()))).await.unwrap();
            let reply = connection.reply().await.unwrap();
            assert!(reply.status >= 400, "{target}: {}", reply.head);
            connection = Connection::open(self.server.base_url()).await.unwrap();
        }
        // No HTTP at all.
        connection.write(format!("{secret}\r\n{authorization}\r\n\r\n").as_bytes()).await.unwrap();
        let _ = connection.reply().await;
        // A body that breaks off.
        let mut connection = Connection::open(self.server.base_url()).await.unwrap();
        let head = format!("{authorization}{json}content-length: 1000\r\n");
        connection.write(&request("POST", "/v1/otp/send", &head, None)).await.unwrap();
        connection.write(body.as_bytes()).await.unwrap();
        drop(connection);
    }

    /// A key of the right form that is of no use any more.
    fn stranger(&mut self) -> String {
        let variables = self.database.variables();
        let create = run(self.directory.path(), &variables, &["keys", "create", "--mode", "live", "--json"]);
        let made: Value = serde_json::from_str(&create.stdout).unwrap();
        let (id, key) = (made["key_id"].as_str().unwrap(), made["key"].as_str().unwrap().to_owned());
        assert_eq!(run(self.directory.path(), &variables, &["keys", "revoke", id]).code, Some(0));
        self.planted.add_key(&key);
        key
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    let value = |character: u8| match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let bits = text.trim_end_matches('=').bytes().flat_map(|character| {
        let value = value(character);
        (0..6).rev().map(move |bit| value >> bit & 1)
    });
    let bits: Vec<u8> = bits.collect();
    bits.chunks_exact(8).map(|eight| eight.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_the_log_or_on_the_disk() {
    let mut talkative = Talkative::start(Database::Sqlite);
    talkative.be_used().await;
    let Talkative { mut server, directory, planted, .. } = talkative;
    let search = Search::new(planted.0.clone());
    // As it is while it runs, with what is not yet moved from the write-ahead log; and as it is left behind.
    let mut searched = search_files(&search, directory.path());
    server.terminate();
    server.wait();
    searched += search_files(&search, directory.path());
    println!("{searched} bytes of files, no hit");
    assert_nothing_in_the_log(&search, &planted, &server.logs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_a_dump_or_in_the_files_of_postgresql() {
    let mut talkative = Talkative::start(Database::postgres().await);
    talkative.be_used().await;
    let Talkative { server, directory, planted, database, .. } = talkative;
    let Database::Postgres(mut postgres, database) = database else { panic!("it is PostgreSQL") };
    let search = Search::new(planted.0.clone());
    let dump = postgres.dump(database.name()).await;
    let rows = |table: &str| {
        let text = String::from_utf8_lossy(&dump);
        let begin = text.find(&format!("\npublic.{table}\n")).unwrap_or_else(|| panic!("{table} is not in the dump"));
        text[begin..].lines().skip(2).take_while(|line| line.contains('\t')).count()
    };
    for (table, at_least) in [("otp_sessions", 2 * ROUNDS), ("deliveries", 5 * ROUNDS), ("idempotency_claims", 1)] {
        assert!(rows(table) >= at_least, "the dump is not whole: {} rows of {table}", rows(table));
    }
    assert_nothing_in(&search, "the dump", &dump);
    assert_nothing_in_the_log(&search, &planted, &server.logs());
    drop(server);
    for file in files_in(directory.path()).iter().filter(|path| path.is_file() && !path.ends_with("data/master.key")) {
        assert_nothing_in(&search, &file.display().to_string(), &std::fs::read(file).unwrap());
    }
    let searched = search_cluster(&search, &mut postgres).await;
    assert_eq!(searched.hits, Vec::<String>::new());
    println!("{} bytes of dump and {} bytes of PostgreSQL's files, no hit", dump.len(), searched.bytes);

    // Had they been stored, as bytes or as text, both ways of looking would have seen every one of them.
    postgres.start_again();
    postgres.execute(database.name(), "CREATE TABLE leak (what text, as_bytes bytea, as_text text)").await;
    for secret in &planted.0 {
        let hex = secret.value.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let text = std::str::from_utf8(&secret.value).map_or("NULL".to_owned(), |text| format!("'{text}'"));
        for (bytes, text) in [(format!("'\\x{hex}'"), "NULL"), ("NULL".to_owned(), text.as_str())] {
            let leak = format!("INSERT INTO leak VALUES ($${}$$, {bytes}, {text})", secret.what);
            postgres.execute(database.name(), &leak).await;
        }
    }
    let dump = String::from_utf8(postgres.dump(database.name()).await).unwrap();
    let leaked: Vec<_> =
        dump.split("\npublic.leak\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(leaked.len(), 2 * planted.0.len());
    for line in leaked.iter().filter(|line| !line.ends_with("\\N\t\\N")) {
        assert!(!search.hits(line.as_bytes()).is_empty(), "{line} would go unseen");
    }
    let searched = search_cluster(&search, &mut postgres).await;
    let of_each = planted.0.iter().map(|secret| String::from_utf8_lossy(&secret.value).into_owned());
    let unseen: Vec<_> = of_each.filter(|value| !searched.hits.contains(value)).collect();
    assert_eq!(unseen, Vec::<String>::new(), "in the files");
}

/// What was found in the files of a PostgreSQL.
struct Searched {
    bytes: usize,
    hits: Vec<String>,
}

/// Stops the server when all that it was told is in its tables' files, and searches them and its write-ahead log.
async fn search_cluster(search: &Search, postgres: &mut PostgresServer) -> Searched {
    postgres.execute("postgres", "CHECKPOINT").await;
    postgres.stop();
    let mut searched = Searched { bytes: 0, hits: Vec::new() };
    for file in files_in(&postgres.data()).iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(file).unwrap();
        searched.hits.extend(search.hits(&bytes).into_iter().map(|hit| hit.value));
        searched.bytes += bytes.len();
    }
    searched
}

/// Nothing is in the log, and everything would have been seen in it.
fn assert_nothing_in_the_log(search: &Search, planted: &Planted, log: &str) {
    assert!(log.contains("\"level\":\"TRACE\""), "the log does not hold all it could");
    assert_nothing_in(search, "the log", log.as_bytes());
    println!("{} secrets in {} forms: in {} bytes of log, no hit", planted.0.len(), search.forms(), log.len());
    assert_would_be_found(search, &planted.0, log.as_bytes());
}

/// In the middle of this, every secret would have been noticed.
pub(super) fn assert_would_be_found(search: &Search, planted: &[Secret], log: &[u8]) {
    let (before, after) = log.split_at(log.len() / 2);
    let (before, after) = (&before[before.len().saturating_sub(1_000)..], &after[..after.len().min(1_000)]);
    for secret in planted {
        let tampered = [before, b" ", &secret.value[..], b" ", after].concat();
        assert!(!search.hits(&tampered).is_empty(), "{secret:?} would go unseen");
    }
}

/// Searches everything that the server has written but the master key, and returns how much that was.
pub(super) fn search_files(search: &Search, directory: &Path) -> usize {
    let files: Vec<_> = files_in(directory).into_iter().filter(|path| path.is_file()).collect();
    assert!(files.iter().any(|path| path.ends_with("data/whatotp.db")));
    let searched = files.iter().filter(|path| !path.ends_with("data/master.key")).map(|path| {
        let bytes = std::fs::read(path).unwrap();
        assert_nothing_in(search, &path.display().to_string(), &bytes);
        bytes.len()
    });
    searched.sum()
}

pub(super) fn assert_nothing_in(search: &Search, place: &str, bytes: &[u8]) {
    let hits = search.hits(bytes);
    let Some(first) = hits.first() else { return };
    let around = &bytes[first.at.saturating_sub(200)..bytes.len().min(first.at + 200)];
    panic!("{} hits in {place}, the first is {first:?}:\n{}", hits.len(), String::from_utf8_lossy(around));
}
