use reqwest::Method;

use crate::support::{Stage, answer};

#[tokio::test]
async fn the_page_brings_all_it_needs_and_runs_nothing_else() {
    let stage = Stage::new().await;
    let page = answer(stage.request(Method::GET, "/")).await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
    let html = page.body.as_str().unwrap();
    assert!(!html.contains("style=") && !html.contains("onclick"), "the policy would refuse it");
    let linked: Vec<&str> =
        html.split(['"', '\'']).filter(|part| part.starts_with("/simulator/") && !part.contains("/api/")).collect();
    assert!(linked.len() >= 3, "{linked:?}");
    for path in linked {
        let file = answer(stage.request(Method::GET, path)).await;
        assert_eq!(file.status, 200, "{path}");
        let text = file.body.as_str().unwrap().replace("http://www.w3.org/2000/svg", "");
        for elsewhere in ["http:", "https:", "//cdn", "@import", "innerHTML", "eval("] {
            assert!(!text.contains(elsewhere), "{path} has {elsewhere}");
        }
    }
}
