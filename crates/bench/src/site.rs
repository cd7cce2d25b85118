//! An installation: what it keeps its data in, and its keys.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use whatotp_domain::Mode;
use whatotp_testkit::create_key;

use crate::Failure;
use crate::callers::{Bearer, Numbers, Sends};
use crate::growth::{self, Rows};
use crate::load::Load;
use crate::server::Server;
use crate::store::{Engine, Store};

/// The limits stay on; they are only out of reach. A year of deliveries is not swept away while it is measured.
const SETTINGS: &[(&str, &str)] = &[
    ("WHATOTP_LISTEN", "127.0.0.1:0"),
    ("WHATOTP_LIMITS__PRODUCT_PER_MINUTE", "100000000"),
    ("WHATOTP_LIMITS__KEY_PER_MINUTE", "100000000"),
    ("WHATOTP_RETENTION__DELIVERY_DAYS", "400"),
];

/// For a single request.
const PATIENCE: Duration = Duration::from_secs(60);

/// It goes with its directory and its servers when it is dropped.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    pub(crate) directory: TempDir,
    settings: Vec<(String, String)>,
    /// For numbers that nobody here has written to.
    pub(crate) numbers: Numbers,
    /// A test key and a live key, where there are some.
    pub(crate) keys: Option<(Bearer, Bearer)>,
}

impl Site {
    /// An empty one; `settings` come on top of the bench's.
    pub(crate) async fn empty(engine: Engine, settings: Vec<(String, String)>) -> Result<Self, Failure> {
        let (store, directory) = (Store::start(engine).await?, TempDir::new()?);
        let own = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = own.chain(store.settings()).chain(settings).collect();
        Ok(Self { engine, store, directory, settings, numbers: Numbers::default(), keys: None })
    }

    /// One with keys, a code that was sent, and so much data.
    pub(crate) async fn found(
        binary: &Path,
        engine: Engine,
        settings: Vec<(String, String)>,
        rows: Rows,
    ) -> Result<Self, Failure> {
        let mut site = Self::empty(engine, settings).await?;
        let first = Server::start(binary, &[], &site).await?;
        let test = Bearer::new(first.test_key()?);
        let send = Sends { most: 1, ..Sends::new(&test, &site.numbers) };
        Load { connections: 1, duration: PATIENCE, rate: None }.run(&first.address, vec![send]).await?;
        first.stop().await?;
        let live = create_key(binary, site.directory.path(), &site.settings(), Mode::Live);
        site.keys = Some((test, Bearer::new(&live)));
        if !rows.is_none() {
            growth::fill(&site, rows).await?;
        }
        Ok(site)
    }

    /// The environment of its processes.
    pub(crate) fn settings(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}
