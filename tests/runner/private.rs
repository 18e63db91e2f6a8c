//! A repository that nobody may read without a token, cloned by a job with its own.

use std::path::Path;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    git_backend,
    hosted::{hosted, run_of},
};

/// What every job's own token begins with.
const OF_JOBS: &str = "ghs_SIMULATED";

/// Serves the repositories below a folder to whoever shows a job's token, and gives the address.
async fn serve(root: &Path) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(guarded).with_state(root.to_owned());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn guarded(root: State<std::path::PathBuf>, request: Request) -> Response<Body> {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let login = shown.strip_prefix("Basic ").and_then(|login| STANDARD.decode(login).ok()).unwrap_or_default();
    if String::from_utf8_lossy(&login).starts_with(&format!("x-access-token:{OF_JOBS}")) {
        return git_backend::backend(root, request).await;
    }
    let refused = Response::builder().status(StatusCode::UNAUTHORIZED).header("www-authenticate", "Basic realm=\"git\"");
    refused.body(Body::empty()).unwrap()
}

#[test]
fn a_private_repository_is_cloned_with_the_token_of_the_job_which_is_written_nowhere() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rig = hosted();
    let server = runtime.block_on(serve(rig.project.beside("origin.git").parent().unwrap()));
    let [mirror, origin] = ["mirror.git", "origin.git"].map(|name| format!("{server}/{name}"));
    // No other way to the source.
    let rig = rig.plan(|plan| plan.mirror.clone_from(&mirror));
    rig.forge.with(|world| (world.server, world.clone_url) = (server, Some(origin)));
    let (id, _) = run_of(&rig, "canship-drill.yml", &json!({ "spare": "by-hand" }));
    rig.forge.with(|world| {
        let kept = world.artifacts.iter().find(|artifact| artifact.run == id).unwrap();
        assert!(!String::from_utf8_lossy(&kept.zip).contains(OF_JOBS));
        let mut caches = world.caches.iter().flat_map(|cache| &cache.files);
        assert!(caches.all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains(OF_JOBS)));
        assert!(!world.the_run(id).jobs[0].log.contains(OF_JOBS));
    });
}
