//! The engine by itself: one prepared statement in a loop over the server's own table of sessions, durable as the server
//! has it.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use tokio::task::JoinSet;
use whatotp::wiring::Outside;
use whatotp_domain::SessionId;
use whatotp_ports::random;

use crate::Failure;
use crate::database::{Database, connect};
use crate::load::{Heard, Load, now};
use crate::report::Row;
use crate::site::Site;

/// As many rows as a batch of the server's may have.
const BATCH: usize = 64;

/// A session is stored, and afterwards verified: both by its id, the one parameter.
struct Statements {
    insert: String,
    update: String,
}

/// Measures the engine of a site in which a code was sent, while no server runs.
pub(crate) async fn measure(site: &Site, load: Load) -> Result<Vec<Row>, Failure> {
    let database = Database::open(site).await?;
    let statements = statements(&database).await?;
    let first = SessionId::earliest_at(Outside::default().clock.now());
    let found = match (&database, site.store.postgres()) {
        (Database::Sqlite(connection), _) => sqlite(connection, &statements, load)?,
        (Database::Postgres(_), Some(url)) => postgres(&url, &statements, load).await?,
        (Database::Postgres(_), None) => return Err("there is no PostgreSQL".into()),
    };
    // The site may serve another round, and be no larger then.
    database.run(&format!("DELETE FROM otp_sessions WHERE id >= '{first}'")).await?;
    let store = site.engine.name();
    Ok(found.iter().map(|(what, heard)| Row::new((store, what), load.connections, heard, None)).collect())
}

async fn statements(database: &Database) -> Result<Statements, Failure> {
    let (columns, literal) = (database.columns("otp_sessions").await?, database.words().literal);
    let values = columns.iter().map(|column| match column.as_str() {
        "id" => "'$1'".to_owned(),
        column => format!("{literal}({column})"),
    });
    let values: Vec<String> = values.collect();
    let model = format!("SELECT {} FROM otp_sessions WHERE status = 'pending' LIMIT 1", values.join(" || ',' || "));
    let values = database.text(&model).await?;
    let account = database.text("SELECT account_id FROM otp_sessions LIMIT 1").await?;
    Ok(Statements {
        insert: format!("INSERT INTO otp_sessions ({}) VALUES ({values})", columns.join(", ")),
        update: format!(
            "UPDATE otp_sessions SET attempts = attempts + 1, status = 'verified', finished_at = created_at + 1
             WHERE account_id = '{account}' AND id = $1 AND status = 'pending' AND attempts < attempts_max
             RETURNING *"
        ),
    })
}

type Found = (&'static str, Heard<()>);

fn new_id(outside: &Outside) -> Result<String, Failure> {
    Ok(SessionId::new(outside.clock.now(), random(&*outside.entropy)?).to_string())
}

fn heard(start: Instant, mut times: Vec<std::time::Duration>) -> Heard<()> {
    let took = start.elapsed();
    times.sort_unstable();
    Heard { callers: Vec::new(), times, turned_away: Vec::new(), took }
}

/// One connection, as there is one that writes in the server.
fn sqlite(connection: &Connection, statements: &Statements, load: Load) -> Result<Vec<Found>, Failure> {
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000; PRAGMA cache_size = -8000;")?;
    let outside = Outside::default();
    let (mut insert, mut update) = (connection.prepare(&statements.insert)?, connection.prepare(&statements.update)?);
    let (mut ids, mut found) = (Vec::new(), Vec::new());
    for (what, batch) in [("raw insert", 1), ("raw insert, 64 a commit", BATCH)] {
        let (start, mut times) = (now(), Vec::new());
        while start.elapsed() < load.duration {
            let asked = now();
            let transaction = connection.unchecked_transaction()?;
            for _ in 0..batch {
                let id = new_id(&outside)?;
                insert.execute([&id])?;
                ids.push(id);
            }
            transaction.commit()?;
            times.extend(std::iter::repeat_n(asked.elapsed(), batch));
        }
        found.push((what, heard(start, times)));
    }
    let mut ids = ids.into_iter();
    for (what, batch) in [("raw update", 1), ("raw update, 64 a commit", BATCH)] {
        let (start, mut times) = (now(), Vec::new());
        while start.elapsed() < load.duration && ids.len() >= batch {
            let asked = now();
            let transaction = connection.unchecked_transaction()?;
            for id in ids.by_ref().take(batch) {
                update.query_row([&id], |_| Ok(()))?;
            }
            transaction.commit()?;
            times.extend(std::iter::repeat_n(asked.elapsed(), batch));
        }
        found.push((what, heard(start, times)));
    }
    Ok(found)
}

/// A connection for each of the clients, one row in a commit: as pgbench does it.
async fn postgres(url: &str, statements: &Statements, load: Load) -> Result<Vec<Found>, Failure> {
    let (insert, mut ids) = clients(url, &statements.insert, load, Vec::new()).await?;
    ids.reverse();
    let (update, _) = clients(url, &statements.update, load, ids).await?;
    Ok(vec![("raw insert", insert), ("raw update", update)])
}

/// Runs the statement for these ids, each client for its share of them; for new ones when there are none.
async fn clients(
    url: &str,
    statement: &str,
    load: Load,
    ids: Vec<String>,
) -> Result<(Heard<()>, Vec<String>), Failure> {
    let (statement, mut tasks) = (Arc::<str>::from(statement), JoinSet::new());
    let is_new = ids.is_empty();
    let mut all = Vec::new();
    for nth in 0..load.connections {
        let client = connect(url).await?;
        let share: Vec<String> = ids.iter().skip(nth).step_by(load.connections).cloned().collect();
        all.push((client, share));
    }
    let start = now();
    for (client, share) in all {
        let statement = statement.clone();
        tasks.spawn(async move {
            let outside = Outside::default();
            let statement = client.prepare(&statement).await?;
            let (mut share, mut done, mut times) = (share.into_iter(), Vec::new(), Vec::new());
            while start.elapsed() < load.duration {
                let Some(id) = (if is_new { Some(new_id(&outside)?) } else { share.next() }) else { break };
                let asked = now();
                let touched = client.execute(&statement, &[&id]).await?;
                times.push(asked.elapsed());
                if touched != 1 {
                    return Err(format!("a statement touched {touched} rows").into());
                }
                done.push(id);
            }
            Ok::<_, Failure>((done, times))
        });
    }
    let (mut ids, mut times) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (own, took) = done??;
        ids.extend(own);
        times.extend(took);
    }
    Ok((heard(start, times), ids))
}
