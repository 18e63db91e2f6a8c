//! A server that has released something, honest or not.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use tokio::runtime::Runtime;

/// How a path is answered.
#[derive(Clone)]
pub(crate) enum Answer {
    /// With this.
    File(Vec<u8>),
    /// With this, for whoever sends this header.
    Guarded(&'static str, Vec<u8>),
    /// By sending on to there.
    Moved(String),
    /// Without end.
    Endless,
    /// With a beginning, and then nothing for ever.
    Silent,
    /// With fewer bytes than it says.
    CutShort,
}

#[derive(Default)]
struct Shelf {
    answers: Mutex<HashMap<String, Answer>>,
    asked: Mutex<Vec<(String, Option<String>)>>,
}

/// A running server. It ends with its runtime.
pub(crate) struct Server {
    pub(crate) address: String,
    shelf: Arc<Shelf>,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shelf = Arc::new(Shelf::default());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shelf));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, shelf, _runtime: runtime }
    }

    /// Answers a path so from now on. Gives its URL.
    pub(crate) fn at(&self, path: &str, answer: Answer) -> String {
        self.shelf.answers.lock().unwrap().insert(path.to_owned(), answer);
        format!("http://{}{path}", self.address)
    }

    /// What was asked for, each with the login that was sent.
    pub(crate) fn asked(&self) -> Vec<(String, Option<String>)> {
        self.shelf.asked.lock().unwrap().clone()
    }
}

async fn answer(State(shelf): State<Arc<Shelf>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let login = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    assert!(request.method().is_safe(), "comparing only reads");
    shelf.asked.lock().unwrap().push((path.clone(), login.clone()));
    let answer = shelf.answers.lock().unwrap().get(&path).cloned();
    match answer {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Answer::File(content)) => content.into_response(),
        Some(Answer::Guarded(wanted, content)) if login.as_deref() == Some(wanted) => content.into_response(),
        Some(Answer::Guarded(..)) => StatusCode::UNAUTHORIZED.into_response(),
        Some(Answer::Moved(to)) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Some(Answer::Endless) => {
            let piece = Bytes::from(vec![0; 64 * 1024]);
            Body::from_stream(futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()))).into_response()
        }
        Some(Answer::Silent) => {
            let start = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"beginning"))]);
            let silence = futures_util::stream::pending();
            Body::from_stream(futures_util::StreamExt::chain(start, silence)).into_response()
        }
        Some(Answer::CutShort) => {
            let start = [Ok(Bytes::from_static(b"beginning")), Err(std::io::Error::other("no more"))];
            let body = Body::from_stream(futures_util::stream::iter(start));
            ([(header::CONTENT_LENGTH, "100000")], body).into_response()
        }
    }
}
