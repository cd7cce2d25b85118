//! Wake-ups between processes.

use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client};
use whatotp_domain::{DeliveryId, SessionId};
use whatotp_ports::{Subscription, Topic, Wakeups};

use super::connection::Dialer;
use super::{PostgresOpenError, PostgresSettings};

/// What PostgreSQL calls the topics' place.
const CHANNEL: &str = "whatotp";

/// How many announcements may wait to be sent. What is too much is lost: whoever waits looks again by itself.
const QUEUE: usize = 4096;

/// How many are sent with one statement.
const BATCH: usize = 256;

/// How long to wait before the next try when the database cannot be reached.
const PAUSE: Duration = Duration::from_secs(1);

/// Wakes this process at once, and the others by `NOTIFY`.
///
/// It has one connection of its own, on which it both tells and listens. That must not go through a transaction pooler,
/// which hands the listening to somebody else: a service behind one does without. Losing the connection loses
/// announcements, and nothing else.
pub struct PostgresWakeups {
    local: Arc<dyn Wakeups>,
    others: mpsc::Sender<Topic>,
}

impl PostgresWakeups {
    /// Begins to listen, on the runtime that it is called on, and goes on until it is dropped. It does not wait for the
    /// database.
    pub fn start(settings: &PostgresSettings, local: Arc<dyn Wakeups>) -> Result<Self, PostgresOpenError> {
        let dialer = Dialer::new(settings)?;
        let (others, topics) = mpsc::channel(QUEUE);
        tokio::spawn(run(dialer, topics, Arc::clone(&local)));
        Ok(Self { local, others })
    }
}

impl Wakeups for PostgresWakeups {
    fn announce(&self, topic: Topic) {
        self.local.announce(topic);
        // A full queue loses it, which is allowed.
        let _ = self.others.try_send(topic);
    }

    fn subscribe(&self, topic: Topic) -> Box<dyn Subscription> {
        self.local.subscribe(topic)
    }
}

async fn run(dialer: Dialer, mut topics: mpsc::Receiver<Topic>, local: Arc<dyn Wakeups>) {
    let mut is_down = false;
    while !topics.is_closed() {
        match listen(&dialer, &mut topics, &local, &mut is_down).await {
            Ok(()) => return,
            Err(error) if !is_down => {
                is_down = true;
                tracing::warn!(error = %error, "wake-ups from other processes are lost until the database is back");
            }
            Err(_) => {}
        }
        // Announcements that nobody can be told of are dropped meanwhile.
        let closed = async { while topics.recv().await.is_some() {} };
        if tokio::time::timeout(PAUSE, closed).await.is_ok() {
            return;
        }
    }
}

/// Tells and listens, until the topics end.
async fn listen(
    dialer: &Dialer,
    topics: &mut mpsc::Receiver<Topic>,
    local: &Arc<dyn Wakeups>,
    is_down: &mut bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (client, mut connection) = dialer.ends().await?;
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let driver = tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notification(told))
                    if heard.send((told.process_id(), topic(told.payload()))).is_err() =>
                {
                    return;
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    });
    let listening = tell_and_hear(&client, topics, &mut hearing, local, is_down).await;
    driver.abort();
    listening
}

async fn tell_and_hear(
    client: &Client,
    topics: &mut mpsc::Receiver<Topic>,
    hearing: &mut mpsc::UnboundedReceiver<(i32, Option<Topic>)>,
    local: &Arc<dyn Wakeups>,
    is_down: &mut bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
    let me: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?;
    let notify =
        client.prepare(&format!("SELECT pg_notify('{CHANNEL}', topic) FROM unnest($1::text[]) AS k (topic)")).await?;
    if std::mem::take(is_down) {
        tracing::info!("wake-ups from other processes are back");
    }
    // What was announced while nobody listened: whoever works off the outbox looks once more.
    local.announce(Topic::Outbox);
    local.announce(Topic::Templates);
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            told = hearing.recv() => match told {
                // What this process tells it has heard already.
                Some((process, Some(topic))) if process != me => local.announce(topic),
                Some(_) => {}
                None => return Err("the connection has ended".into()),
            },
            taken = topics.recv_many(&mut batch, BATCH) => {
                if taken == 0 {
                    return Ok(());
                }
                let texts: HashSet<String> = batch.drain(..).map(text).collect();
                client.execute(&notify, &[&texts.into_iter().collect::<Vec<_>>()]).await?;
            }
        }
    }
}

/// `session:otp_…`, `message:msg_…`, `outbox` or `templates`: ids and nothing else.
fn text(topic: Topic) -> String {
    match topic {
        Topic::Session(session) => format!("session:{session}"),
        Topic::Message(message) => format!("message:{message}"),
        Topic::Outbox => "outbox".to_owned(),
        Topic::Templates => "templates".to_owned(),
    }
}

/// Reads what [`text`] writes. Anything else was written by a newer program, or by nobody we know.
fn topic(text: &str) -> Option<Topic> {
    match text.split_once(':') {
        Some(("session", id)) => SessionId::parse(id).ok().map(Topic::Session),
        Some(("message", id)) => DeliveryId::parse(id).ok().map(Topic::Message),
        None if text == "outbox" => Some(Topic::Outbox),
        None if text == "templates" => Some(Topic::Templates),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use whatotp_domain::Timestamp;

    use super::*;

    #[test]
    fn every_topic_is_read_back_and_nothing_else_is() {
        let now = Timestamp::from_unix_ms(1);
        let (session, message) = (SessionId::new(now, [1; 10]), DeliveryId::new(now, [1; 10]));
        for one in [Topic::Session(session), Topic::Message(message), Topic::Outbox, Topic::Templates] {
            assert_eq!(topic(&text(one)), Some(one));
        }
        for else_ in ["", "session", "session:msg_1", "else", "outbox:1"] {
            assert_eq!(topic(else_), None, "{else_}");
        }
    }
}
