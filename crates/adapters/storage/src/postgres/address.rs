//! Where the database is, and how sure of it we want to be.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::{PostgresOpenError, PostgresSettings};

/// How the connection is protected, in libpq's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// Not at all.
    Disable,
    /// Encrypted if the server can; whoever it is.
    Prefer,
    /// Encrypted, whoever the server is.
    Require,
    /// Encrypted, and the server has a certificate from an authority we trust.
    VerifyCa,
    /// As above, and the certificate is for the name we asked for.
    VerifyFull,
}

/// A database's URL, understood.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// The authorities to trust instead of the operating system's.
    pub(super) root_certificates: Option<PathBuf>,
}

impl Address {
    /// Reads a URL. `sslmode` and `sslrootcert` are taken out of it: the driver knows neither in full.
    pub(super) fn parse(url: &SecretString) -> Result<Self, PostgresOpenError> {
        let url = url.expose_secret();
        let wrong = |what: &str| PostgresOpenError::Url { reason: what.to_owned() };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong("it does not begin with postgres:// or postgresql://"));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut tls, mut root_certificates, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", mode)) => tls = Some(Tls::parse(mode).ok_or_else(|| wrong("its sslmode is unknown"))?),
                Some(("sslrootcert", path)) => {
                    let path = percent_decoded(path).ok_or_else(|| wrong("its sslrootcert is no path"))?;
                    root_certificates = Some(PathBuf::from(path)).filter(|path| path.as_os_str() != "system");
                }
                _ => rest.push(pair),
            }
        }
        let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        // The driver's error quotes what it could not read, which may be a password.
        let mut config: Config = url.parse().or(Err(wrong("it cannot be read")))?;
        // As libpq has it: who names authorities wants them to be asked.
        let tls = match (tls, &root_certificates) {
            (Some(Tls::Require), Some(_)) => Tls::VerifyCa,
            (Some(tls), _) => tls,
            (None, Some(_)) => Tls::VerifyFull,
            (None, None) => Tls::Prefer,
        };
        config.ssl_mode(match tls {
            Tls::Disable => SslMode::Disable,
            Tls::Prefer => SslMode::Prefer,
            Tls::Require | Tls::VerifyCa | Tls::VerifyFull => SslMode::Require,
        });
        Ok(Self { config, tls, root_certificates })
    }

    /// Sets what every connection of a store begins with.
    pub(super) fn configure(&mut self, settings: &PostgresSettings) {
        let config = &mut self.config;
        if config.get_application_name().is_none() {
            config.application_name(settings.application_name.as_str());
        }
        config.connect_timeout(settings.connect_timeout).tcp_user_timeout(TCP_GIVES_UP_AFTER);
        config.keepalives_idle(KEEPALIVE).keepalives_interval(KEEPALIVE).keepalives_retries(3);
        if !settings.transaction_pooler {
            let set = settings.session().map(|(name, value)| format!("-c {name}={value}"));
            let own = config.get_options().map(str::to_owned);
            config.options(own.into_iter().chain(set).collect::<Vec<_>>().join(" "));
        }
    }
}

/// A server that has vanished without a word is given up by then.
const TCP_GIVES_UP_AFTER: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(5);

impl Tls {
    fn parse(mode: &str) -> Option<Self> {
        Some(match mode {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// `%2F` as `/`.
fn percent_decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, PostgresOpenError> {
        Address::parse(&SecretString::from(url))
    }

    #[test]
    fn a_url_says_where_and_how_sure() {
        let address = parse("postgresql://me:pw@db.example:6432/otp?sslmode=verify-full&application_name=x").unwrap();
        assert_eq!(address.tls, Tls::VerifyFull);
        assert_eq!(address.config.get_application_name(), Some("x"));
        assert_eq!((address.config.get_ports(), address.config.get_dbname()), (&[6432][..], Some("otp")));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require);
        let address = parse("postgres://me@db.example/otp?sslrootcert=/etc/our%20ca.pem&sslmode=verify-ca").unwrap();
        assert_eq!(address.root_certificates, Some(PathBuf::from("/etc/our ca.pem")));
        assert_eq!(parse("postgres://me@db.example/otp").unwrap().tls, Tls::Prefer);
    }

    #[test]
    fn who_names_authorities_wants_them_to_be_asked() {
        for (query, tls) in [
            ("sslrootcert=ca.pem", Tls::VerifyFull),
            ("sslrootcert=ca.pem&sslmode=require", Tls::VerifyCa),
            ("sslmode=require", Tls::Require),
        ] {
            assert_eq!(parse(&format!("postgres://db/otp?{query}")).unwrap().tls, tls, "{query}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for url in
            ["mysql://me:geheim@db/otp", "postgres://me:geheim@db:port/otp", "postgres://me:geheim@db/otp?sslmode=tls"]
        {
            let error = parse(url).err().expect("it is refused").to_string();
            assert!(!error.contains("geheim"), "{error}");
        }
    }
}
