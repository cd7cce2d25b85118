use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _, RedisError};
use thiserror::Error;

/// What marks the scheme of a cluster.
const CLUSTER: &str = "+cluster";

/// Where the server is, or some nodes of the cluster are.
///
/// One server: `redis://[user:password@]host[:port][/database]`. A cluster:
/// `redis+cluster://[user:password@]host:port,host:port`, with one node or more; the others are learnt from them.
/// `rediss` instead of `redis` is TLS, verified against the system's certificates; `valkey` and `valkeys` mean the same.
pub struct RedisAddress(Kind);

enum Kind {
    Server(Box<Client>),
    Cluster(Box<ClusterClient>),
}

/// Why a URL names no server. It never holds the URL, which may hold a password.
#[derive(Debug, Error)]
pub enum RedisAddressError {
    /// It has no scheme that is known.
    #[error(
        "the URL must begin with redis://, rediss://, redis+cluster:// or rediss+cluster:// (or the same with valkey)"
    )]
    Scheme,
    /// It has a part that cannot be read.
    #[error("the URL cannot be read: {0}")]
    Unreadable(&'static str),
}

impl RedisAddress {
    /// Reads a URL. Connects to nobody.
    pub fn parse(url: &str) -> Result<Self, RedisAddressError> {
        let (scheme, rest) = url.split_once("://").ok_or(RedisAddressError::Scheme)?;
        let plain = scheme.strip_suffix(CLUSTER).unwrap_or(scheme);
        if !["redis", "rediss", "valkey", "valkeys"].contains(&plain) {
            return Err(RedisAddressError::Scheme);
        }
        let kind = if plain == scheme {
            let info = url.into_connection_info().map_err(|error| unreadable(&error))?;
            Kind::Server(Box::new(Client::open(info).map_err(|error| unreadable(&error))?))
        } else {
            let client = ClusterClientBuilder::new(nodes(plain, rest)).build();
            Kind::Cluster(Box::new(client.map_err(|error| unreadable(&error))?))
        };
        Ok(Self(kind))
    }

    /// Opens a connection, which many calls share. Whoever calls sets a deadline.
    pub(crate) async fn connect(&self) -> Result<Connection, RedisError> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        Ok(match &self.0 {
            Kind::Server(client) => {
                Connection::Server(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Kind::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
        })
    }
}

/// An open connection.
#[derive(Clone)]
pub(crate) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// One URL for each node: they share everything but host and port.
fn nodes(scheme: &str, rest: &str) -> Vec<String> {
    let (credentials, hosts) = rest.rsplit_once('@').map_or(("", rest), |(credentials, hosts)| (credentials, hosts));
    let at = if credentials.is_empty() { "" } else { "@" };
    let (hosts, path) = hosts.find(['/', '?']).map_or((hosts, ""), |end| hosts.split_at(end));
    hosts.split(',').map(|host| format!("{scheme}://{credentials}{at}{host}{path}")).collect()
}

/// The client's words about a URL, without what it may quote of it.
fn unreadable(error: &RedisError) -> RedisAddressError {
    RedisAddressError::Unreadable(match error.kind() {
        redis::ErrorKind::InvalidClientConfig => "its parts do not go together",
        _ => "not a URL with a host, a port and a database",
    })
}
