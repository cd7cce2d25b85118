use std::sync::mpsc as blocking;
use std::task::{Context, Poll, Waker};

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use tempfile::TempDir;

use super::*;

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
    }
}

struct Bench {
    writer: Workers,
    commits: Arc<AtomicU64>,
    address: Address,
    _directory: TempDir,
}

/// A writer on a new file with one table.
fn bench(queue: usize) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let address = Address::find(&directory.path().join("notes.db"), true).unwrap();
    let mut connection = address.connect(Role::Writer).unwrap();
    Address::use_wal(&mut connection).unwrap();
    connection.batch_execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT").unwrap();
    let commits = Arc::new(AtomicU64::new(0));
    let writer = Workers::writer(&address, queue, Arc::clone(&commits)).unwrap();
    Bench { writer, commits, address, _directory: directory }
}

fn insert(id: i64) -> impl FnMut(&mut SqliteConnection) -> Result<(), Failure> + Send + 'static {
    move |connection| {
        diesel::insert_into(notes::table).values((notes::id.eq(id), notes::text.eq("x"))).execute(connection)?;
        Ok(())
    }
}

fn stored(bench: &Bench) -> Vec<i64> {
    let mut connection = bench.address.connect(Role::Reader).unwrap();
    notes::table.select(notes::id).order(notes::id).load(&mut connection).unwrap()
}

/// Puts a call in the queue, and leaves its answer for later.
fn queue<T>(call: impl Future<Output = T> + 'static) -> std::pin::Pin<Box<dyn Future<Output = T>>> {
    let mut call = Box::pin(call);
    let poll = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(poll, Poll::Pending), "the writer is busy");
    call
}

/// Keeps the writer busy until the sender is dropped, so that what is queued meanwhile makes one batch.
async fn keep_busy(writer: &'static Workers) -> (blocking::Sender<()>, impl Future<Output = StoreResult<()>>) {
    let (release, wait) = blocking::channel::<()>();
    let (began, begins) = oneshot::channel();
    let mut began = Some(began);
    let busy = queue(writer.call(move |_| {
        if let Some(began) = began.take() {
            began.send(()).unwrap();
        }
        // It ends when the sender is dropped.
        let _ = wait.recv();
        Ok(())
    }));
    begins.await.unwrap();
    (release, busy)
}

/// Tests may leak: it makes the calls' futures live as long as they like.
fn leaked(queue: usize) -> &'static Bench {
    Box::leak(Box::new(bench(queue)))
}

#[tokio::test]
async fn what_comes_in_together_is_committed_together() {
    let bench = leaked(1024);
    let (release, busy) = keep_busy(&bench.writer).await;
    let calls: Vec<_> = (0..64).map(|id| queue(bench.writer.call(insert(id)))).collect();
    drop(release);
    busy.await.unwrap();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(bench.commits.load(Ordering::Relaxed), 2, "one for whatever kept it busy, one for all 64");
    assert_eq!(stored(bench), (0..64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_bad_operation_fails_alone() {
    let bench = leaked(1024);
    let (release, busy) = keep_busy(&bench.writer).await;
    let before = queue(bench.writer.call(insert(1)));
    let duplicate = queue(bench.writer.call(insert(1)));
    let panicking = queue(bench.writer.call(|connection| {
        insert(2)(connection)?;
        panic!("on purpose");
        #[expect(unreachable_code, reason = "it gives the closure its type")]
        Ok(())
    }));
    let unreadable = queue(bench.writer.call(|connection| {
        insert(3)(connection)?;
        Err::<(), _>(crate::rows::Unreadable("notes.text").into())
    }));
    let after = queue(bench.writer.call(insert(4)));
    drop(release);
    busy.await.unwrap();

    before.await.unwrap();
    assert!(matches!(duplicate.await, Err(StoreError::Unavailable(_))));
    let Err(StoreError::Unavailable(source)) = panicking.await else { panic!("it answered something else") };
    assert_eq!(source.to_string(), "a store operation panicked");
    let Err(StoreError::Corrupt(source)) = unreadable.await else { panic!("it answered something else") };
    assert_eq!(source.to_string(), "notes.text holds a value that this program does not write");
    after.await.unwrap();
    assert_eq!(stored(bench), [1, 4], "whatever the bad ones did is rolled back");
    bench.writer.call(insert(5)).await.unwrap();
}

#[tokio::test]
async fn a_caller_that_has_gone_changes_nothing_for_the_others() {
    let bench = leaked(1024);
    let (release, busy) = keep_busy(&bench.writer).await;
    let first = queue(bench.writer.call(insert(1)));
    drop(queue(bench.writer.call(insert(2))));
    drop(queue(bench.writer.call(|_| -> Result<(), Failure> { panic!("on purpose, and nobody to tell") })));
    let last = queue(bench.writer.call(insert(3)));
    drop(release);
    drop(busy);
    first.await.unwrap();
    last.await.unwrap();
    assert_eq!(stored(bench), [1, 2, 3], "what was asked for is done all the same");
}

#[tokio::test]
async fn a_full_queue_says_so_at_once() {
    let bench = leaked(2);
    let (release, busy) = keep_busy(&bench.writer).await;
    let waiting = [queue(bench.writer.call(insert(1))), queue(bench.writer.call(insert(2)))];
    let refused = bench.writer.call(insert(3)).await;
    assert!(matches!(refused, Err(StoreError::Overloaded)));
    drop(release);
    busy.await.unwrap();
    for call in waiting {
        call.await.unwrap();
    }
    assert_eq!(stored(bench), [1, 2]);
}

#[tokio::test]
async fn the_end_of_what_was_begun_waits_for_its_place_and_gets_it_first() {
    let bench = leaked(1);
    let (release, busy) = keep_busy(&bench.writer).await;
    let waiting = queue(bench.writer.call(insert(1)));
    let end = queue(bench.writer.finish(insert(2)));
    drop(release);
    busy.await.unwrap();
    for call in [waiting, end] {
        call.await.unwrap();
    }
    assert_eq!(stored(bench), [1, 2]);
}

#[tokio::test]
async fn dropping_the_workers_carries_out_what_is_queued() {
    let bench = leaked(1024);
    let writer = Workers::writer(&bench.address, 16, Arc::new(AtomicU64::new(0))).unwrap();
    {
        let mut context = Context::from_waker(Waker::noop());
        for id in 0..10 {
            // Polled once, the call is in the queue; what becomes of its future does not matter then.
            let _ = std::pin::pin!(writer.call(insert(id))).poll(&mut context);
        }
    }
    drop(writer);
    assert_eq!(stored(bench), (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_disk_fails_what_does_not_fit_and_nothing_else() {
    let bench = leaked(1024);
    bench.writer.call(insert(1)).await.unwrap();
    let limit = |connection: &mut SqliteConnection| {
        // SQLite answers as on a full disk when the file may not grow any further.
        Ok(connection.batch_execute("PRAGMA max_page_count = 8")?)
    };
    bench.writer.call(limit).await.unwrap();
    let too_much = bench.writer.call(|connection| {
        let text = "x".repeat(1_000_000);
        diesel::insert_into(notes::table).values((notes::id.eq(2), notes::text.eq(text))).execute(connection)?;
        Ok(())
    });
    let Err(StoreError::Unavailable(source)) = too_much.await else { panic!("it answered something else") };
    assert_eq!(source.to_string(), "database or disk is full");
    bench.writer.call(insert(3)).await.unwrap();
    assert_eq!(stored(bench), [1, 3]);
}

#[tokio::test]
async fn a_database_that_is_locked_fails_a_batch_as_a_whole_and_recovers() {
    let bench = leaked(1024);
    let impatient = |connection: &mut SqliteConnection| Ok(connection.batch_execute("PRAGMA busy_timeout = 1")?);
    bench.writer.call(impatient).await.unwrap();
    let mut other = bench.address.connect(Role::Writer).unwrap();
    let (release, busy) = keep_busy(&bench.writer).await;
    let calls: Vec<_> = (0..10).map(|id| queue(bench.writer.call(insert(id)))).collect();
    drop(release);
    // Either this waits for the writer, or the writer's next batch meets this.
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    busy.await.unwrap();
    let mut refused = 0;
    for call in calls {
        refused += usize::from(matches!(call.await, Err(StoreError::Unavailable(_))));
    }
    other.batch_execute("ROLLBACK").unwrap();
    assert!(refused == 10 || refused == 0, "{refused} of 10");
    bench.writer.call(insert(100)).await.unwrap();
    assert_eq!(stored(bench).len(), 11 - refused);
}

#[tokio::test]
async fn a_reader_cannot_write_and_survives_a_panic() {
    let bench = leaked(16);
    bench.writer.call(insert(1)).await.unwrap();
    let readers = Workers::readers(&bench.address, 16, 1, "reader").unwrap();
    assert!(matches!(readers.call(insert(2)).await, Err(StoreError::Unavailable(_))));
    let panicking = readers.call(|_| -> Result<(), Failure> { panic!("on purpose") });
    assert!(matches!(panicking.await, Err(StoreError::Unavailable(_))));
    let read = readers.call(|connection| Ok(notes::table.select(notes::id).load::<i64>(connection)?));
    assert_eq!(read.await.unwrap(), [1]);
}

#[test]
fn every_connection_has_its_pragmas() {
    let bench = bench(16);
    for (role, cache_size, query_only) in [(Role::Writer, -8000, 0), (Role::Reader, -2000, 1)] {
        let mut connection = bench.address.connect(role).unwrap();
        for (pragma, expected) in [
            ("busy_timeout", 5000),
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("trusted_schema", 0),
            ("temp_store", 2),
            ("wal_autocheckpoint", 1000),
            ("cache_size", cache_size),
            ("query_only", query_only),
        ] {
            let value = diesel::dsl::sql::<BigInt>(&format!("PRAGMA {pragma}")).get_result::<i64>(&mut connection);
            assert_eq!(value.unwrap(), expected, "{pragma} of the {role:?}");
        }
        let journal = diesel::dsl::sql::<Text>("PRAGMA journal_mode").get_result::<String>(&mut connection);
        assert_eq!(journal.unwrap(), "wal", "of the {role:?}");
    }
}
