//! Who is plugged into which port.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use whatotp_application::{Application, Ports};
use whatotp_ports::{
    AccountStore, ApiKeyStore, AuditStore, Clock, ConsoleSessionStore, DeliveryStore, DestinationStore, Entropy,
    EventStore, IdempotencyStore, LinkStore, MasterKeyStore, PersonalDataStore, QuotaStore, RateLimiter, SenderStore,
    SessionStore, TemplateStore, TicketStore, TrafficStore, UserStore, Wakeups, random,
};
use whatotp_redis::RedisRateLimiter;
use whatotp_storage::postgres::{self, PostgresOpenError, PostgresStore, PostgresWakeups};
use whatotp_storage::{OpenError, SqliteSettings, SqliteStore, is_unused, migrate};
use whatotp_system::{LocalRateLimiter, LocalWakeups, SystemClock, SystemEntropy};
use whatotp_vault::{KeyFileError, Keyring, MasterKeys};
use whatotp_whatsapp::{ClientError, CloudApi, Sandbox};

use crate::settings::{Database, Settings, SettingsError};

/// What is plugged in from outside: a test brings a clock of its own.
#[derive(Clone)]
pub struct Outside {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
}

impl Default for Outside {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
    }
}

/// Why the parts cannot be put together. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// The configuration.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The database, where it is PostgreSQL.
    #[error(transparent)]
    Postgres(#[from] PostgresOpenError),
    /// The master keys.
    #[error(transparent)]
    MasterKey(#[from] KeyFileError),
    /// The database answers otherwise than it should.
    #[error(transparent)]
    Application(#[from] whatotp_application::Failure),
    /// The client for WhatsApp.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Randomness.
    #[error(transparent)]
    Entropy(#[from] whatotp_ports::EntropyError),
    /// One of the two is there, the other is not.
    #[error(
        "there is a master key at {master_key} but no database at {database}: correct database_url, or run \
         `whatotp migrate` if this is meant to be a new database"
    )]
    NoDatabase {
        /// Where it should be.
        database: PathBuf,
        /// Where the key is.
        master_key: PathBuf,
    },
    /// One of the two is there, the other is not.
    #[error(
        "there is a database at {database} but no master key at {master_key}: correct master_key_file, or restore the \
         key from its backup; a new one could not read what is stored"
    )]
    NoMasterKey {
        /// Where the database is.
        database: String,
        /// Where the key should be.
        master_key: PathBuf,
    },
    /// A directory that somebody else has to make.
    #[error("there is no directory {path}: correct {setting}, or make the directory")]
    NoDirectory {
        /// Which.
        path: PathBuf,
        /// Who names it.
        setting: &'static str,
    },
    /// The directory of a default path.
    #[error("the directory {path} cannot be made: {reason}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
}

/// What a process is to do with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Own it: serve, and work on the outbox.
    Own,
    /// Work beside the process that owns it, for one short command.
    Beside,
    /// The same, only to look: where there is no database none is made.
    Look,
}

/// The use cases over the configured adapters.
pub async fn application(settings: &Settings, role: Role, outside: &Outside) -> Result<Application, WiringError> {
    let local: Arc<dyn Wakeups> = Arc::new(LocalWakeups::default());
    let (mut keyring, stores, wakeups) = match settings.database()? {
        Database::Sqlite(path) => {
            let keyring = Keyring::new(found_or_founded(settings, &path, role, outside)?);
            let sqlite = SqliteSettings {
                path,
                create: false,
                exclusive: role == Role::Own,
                readers: settings.sqlite.readers,
                queue: settings.sqlite.queue,
            };
            (keyring, Stores::from(Arc::new(SqliteStore::open(&sqlite, outside.clock.now())?)), local)
        }
        Database::Postgres(url) => {
            let keyring = Keyring::new(keys_of_postgres(settings, &url, role, outside).await?);
            let postgres = settings.postgres(url);
            let store = Arc::new(PostgresStore::open(&postgres).await?);
            let wakeups = if postgres.transaction_pooler || role != Role::Own {
                local
            } else {
                Arc::new(PostgresWakeups::start(&postgres, local)?)
            };
            (keyring, Stores::from(store), wakeups)
        }
    };
    let cloud_api = Arc::new(CloudApi::new(settings.whatsapp.timeouts(settings.delivery.channel_timeout_seconds))?);
    let ports = Ports {
        clock: outside.clock.clone(),
        entropy: outside.entropy.clone(),
        sessions: stores.sessions,
        deliveries: stores.deliveries,
        idempotency: stores.idempotency,
        accounts: stores.accounts,
        keys: stores.keys,
        templates: stores.templates,
        senders: stores.senders,
        events: stores.events,
        audit: stores.audit,
        tickets: stores.tickets,
        destinations: stores.destinations,
        quotas: stores.quotas,
        traffic: stores.traffic,
        users: stores.users,
        console_sessions: stores.console_sessions,
        links: stores.links,
        master_keys: stores.master_keys,
        personal_data: stores.personal_data,
        live_channel: cloud_api.clone(),
        catalog: cloud_api,
        sandbox: Arc::new(Sandbox),
        wakeups,
    };
    Application::bind_master_keys(&ports, &mut keyring, role != Role::Look).await?;
    let app = Application::new(ports, Arc::new(keyring), settings.policy());
    if role == Role::Own {
        app.configure_sender(settings.whatsapp.sender()?).await?;
    }
    Ok(app)
}

/// One database behind every storage port.
struct Stores {
    sessions: Arc<dyn SessionStore>,
    deliveries: Arc<dyn DeliveryStore>,
    idempotency: Arc<dyn IdempotencyStore>,
    accounts: Arc<dyn AccountStore>,
    keys: Arc<dyn ApiKeyStore>,
    templates: Arc<dyn TemplateStore>,
    senders: Arc<dyn SenderStore>,
    events: Arc<dyn EventStore>,
    audit: Arc<dyn AuditStore>,
    tickets: Arc<dyn TicketStore>,
    destinations: Arc<dyn DestinationStore>,
    quotas: Arc<dyn QuotaStore>,
    traffic: Arc<dyn TrafficStore>,
    users: Arc<dyn UserStore>,
    console_sessions: Arc<dyn ConsoleSessionStore>,
    links: Arc<dyn LinkStore>,
    master_keys: Arc<dyn MasterKeyStore>,
    personal_data: Arc<dyn PersonalDataStore>,
}

impl<S> From<Arc<S>> for Stores
where
    S: SessionStore
        + DeliveryStore
        + IdempotencyStore
        + AccountStore
        + ApiKeyStore
        + TemplateStore
        + SenderStore
        + EventStore
        + AuditStore
        + TicketStore
        + DestinationStore
        + QuotaStore
        + TrafficStore
        + UserStore
        + ConsoleSessionStore
        + LinkStore
        + MasterKeyStore
        + PersonalDataStore
        + 'static,
{
    fn from(store: Arc<S>) -> Self {
        Self {
            sessions: store.clone(),
            deliveries: store.clone(),
            idempotency: store.clone(),
            accounts: store.clone(),
            keys: store.clone(),
            templates: store.clone(),
            senders: store.clone(),
            events: store.clone(),
            audit: store.clone(),
            tickets: store.clone(),
            destinations: store.clone(),
            quotas: store.clone(),
            traffic: store.clone(),
            users: store.clone(),
            console_sessions: store.clone(),
            links: store.clone(),
            master_keys: store.clone(),
            personal_data: store,
        }
    }
}

/// The request limiter: shared through Redis where that is configured, and this process's own while it is out of reach.
pub async fn limiter(settings: &Settings, outside: &Outside) -> Result<Arc<dyn RateLimiter>, SettingsError> {
    let local = Arc::new(LocalRateLimiter::new(outside.clock.clone(), settings.limits.subjects));
    Ok(match settings.redis()? {
        None => local,
        Some(address) => Arc::new(RedisRateLimiter::connect(address, local).await),
    })
}

/// The master keys of an installation on PostgreSQL. The database is there before we are, so a key file without any data
/// is how each process but the first begins; data without a key file is a loss.
async fn keys_of_postgres(
    settings: &Settings,
    url: &SecretString,
    role: Role,
    outside: &Outside,
) -> Result<MasterKeys, WiringError> {
    let master_key = settings.master_key_file.clone();
    let found = master_key.exists();
    if !found && (role == Role::Look || !postgres::is_unused(url).await?) {
        let database = Database::Postgres(url.clone()).to_string();
        return Err(WiringError::NoMasterKey { database, master_key });
    }
    if !found {
        find_directory(&master_key, "master_key_file")?;
    }
    if role != Role::Look {
        postgres::migrate(url, false).await?;
    }
    if found {
        return Ok(MasterKeys::load(&master_key)?);
    }
    match MasterKeys::create(&master_key, random(&*outside.entropy)?) {
        // Another process that starts at the same moment was faster.
        Err(KeyFileError::Exists { .. }) => Ok(MasterKeys::load(&master_key)?),
        created => Ok(created?),
    }
}

/// The master keys of the installation. A database and its key are made together, when neither is there; when one of
/// them is, the other is missing and not new. Only a database that nobody has used yet gets a key later: it is what
/// `whatotp migrate` makes, and what a first start leaves that was cut off.
fn found_or_founded(
    settings: &Settings,
    database: &Path,
    role: Role,
    outside: &Outside,
) -> Result<MasterKeys, WiringError> {
    let master_key = settings.master_key_file.clone();
    match (database.exists(), master_key.exists()) {
        (true, true) => return Ok(MasterKeys::load(&master_key)?),
        (true, false) if !is_unused(database)? => {
            return Err(WiringError::NoMasterKey { database: database.display().to_string(), master_key });
        }
        (false, true) => return Err(WiringError::NoDatabase { database: database.to_owned(), master_key }),
        (false, false) if role == Role::Look => {
            return Err(OpenError::NoDatabase { path: database.to_owned() }.into());
        }
        (true, false) if role == Role::Look => return Ok(MasterKeys::load(&master_key)?),
        (_, false) => {}
    }
    // Both directories, before anything is made in either.
    find_directory(database, "database_url")?;
    find_directory(&master_key, "master_key_file")?;
    migrate(database, false)?;
    Ok(MasterKeys::create(&master_key, random(&*outside.entropy)?)?)
}

/// `data/` is ours to make; any other directory that is missing is a mistyped path.
fn find_directory(file: &Path, setting: &'static str) -> Result<(), WiringError> {
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if directory == Path::new("data") {
        let failed = |reason| WiringError::Directory { path: directory.to_owned(), reason };
        return std::fs::create_dir_all(directory).map_err(failed);
    }
    if directory.is_dir() {
        return Ok(());
    }
    Err(WiringError::NoDirectory { path: directory.to_owned(), setting })
}
