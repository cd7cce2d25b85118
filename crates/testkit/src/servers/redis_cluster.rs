use super::redis::{RedisKind, RedisServer};
use super::{free_port, wait_until};

/// Every key is in one of so many slots; each node serves a part of them.
const PARTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// A cluster of three masters without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts one, and waits until every node knows that all slots are served. That takes two seconds: so long does a
    /// master wait before it takes writes.
    #[must_use]
    pub fn start(kind: RedisKind) -> Self {
        let buses: Vec<String> = PARTS.iter().map(|_| free_port().to_string()).collect();
        let start = |bus: &String| RedisServer::start_with(kind, &["--cluster-enabled", "yes", "--cluster-port", bus]);
        let nodes: Vec<RedisServer> = buses.iter().map(start).collect();
        for ((node, (first, last)), epoch) in nodes.iter().zip(PARTS).zip(1..) {
            assert_eq!(node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]), "OK");
            assert_eq!(node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &format!("{epoch}")]), "OK");
            let first_port = nodes[0].port().to_string();
            assert_eq!(node.command(&["CLUSTER", "MEET", "127.0.0.1", &first_port, &buses[0]]), "OK");
        }
        wait_until("a cluster whose nodes know each other", || {
            nodes.iter().all(|node| {
                let info = node.command(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
        });
        Self { nodes }
    }

    /// `redis+cluster://127.0.0.1:…,127.0.0.1:…,127.0.0.1:…`.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// Its three nodes.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// Forgets everything.
    pub fn flush(&self) {
        self.nodes.iter().for_each(RedisServer::flush);
    }
}
