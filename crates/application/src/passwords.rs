use std::sync::Arc;

use tokio::sync::Semaphore;
use whatotp_domain::{EmailAddress, Password, PasswordError};
use whatotp_ports::random;
use whatotp_vault::PasswordHash;
use zxcvbn::Score;

use crate::{Application, Failure};

/// Hashes that may wait for a core, for each core: about a third of a second. More are turned away.
const WAITING: usize = 16;

/// How many passwords are hashed at a time: as many as there are cores. Each takes 19 MiB and a core for tens of
/// milliseconds, so without a bound a flood of log-ins would take everything from those who send codes.
pub(crate) struct PasswordWork {
    cores: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Default for PasswordWork {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { cores: Arc::new(Semaphore::new(cores)), queue: Arc::new(Semaphore::new(cores * WAITING)) }
    }
}

impl PasswordWork {
    /// Does `work` beside the threads that answer requests.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let place = Arc::clone(&self.queue).try_acquire_owned().or(Err(Failure::Busy))?;
        let core = Arc::clone(&self.cores).acquire_owned().await.or(Err(Failure::Busy))?;
        // A caller that goes away does not stop it, so the permits go with it.
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((core, place));
            done
        });
        working.await.or(Err(Failure::Busy))
    }
}

impl Application {
    /// Whether the password is this hash's, and if so, a new hash when the old one was made with less work than today's.
    pub(crate) async fn check_password(
        &self,
        hash: PasswordHash,
        password: Password,
    ) -> Result<(bool, Option<PasswordHash>), Failure> {
        let salt = random(&*self.ports.entropy)?;
        let check = move || {
            let matches = hash.matches(&password);
            (matches, (matches && hash.is_outdated()).then(|| PasswordHash::make(&password, salt)))
        };
        self.passwords.run(check).await
    }

    /// Hashes a password that somebody chose, unless it is among the first that anybody would try for them.
    pub(crate) async fn hash_password(
        &self,
        password: Password,
        email: &EmailAddress,
        name: &str,
    ) -> Result<Result<PasswordHash, PasswordError>, Failure> {
        let salt = random(&*self.ports.entropy)?;
        let about_them = [email.as_str().to_owned(), name.to_owned(), "whatotp".to_owned()];
        let hash = move || {
            let about_them: Vec<&str> = about_them.iter().map(String::as_str).collect();
            if zxcvbn::zxcvbn(password.expose(), &about_them).score() < Score::Three {
                return Err(PasswordError::TooCommon);
            }
            Ok(PasswordHash::make(&password, salt))
        };
        self.passwords.run(hash).await
    }
}
