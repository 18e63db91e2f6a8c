//! A registry that takes no login, and repeats in its refusal what it was sent.

#![cfg(test)]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// It ends with the process.
pub(crate) struct Registry {
    pub(crate) address: String,
    heard: Arc<Mutex<String>>,
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::giving(None)
    }

    /// One with a token service that gives this token to everybody.
    pub(crate) fn giving(token: Option<&str>) -> Self {
        let token = token.map(str::to_owned);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever asks may leave before the answer.
                drop(answer(&stream, &log, token.as_deref()));
            }
        });
        Self { address, heard }
    }

    /// The logins that were sent.
    pub(crate) fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

fn answer(mut stream: &TcpStream, log: &Mutex<String>, token: Option<&str>) -> std::io::Result<()> {
    let (mut login, mut asks_for_token) = (None, false);
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        asks_for_token |= line.starts_with("GET /token");
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            login = Some(value.to_owned());
        }
    }
    let challenge = match token {
        Some(_) => format!("Bearer realm=\"http://{}/token\",service=\"echo\"", stream.local_addr()?),
        None => "Basic realm=\"echo\"".to_owned(),
    };
    let challenge = format!("WWW-Authenticate: {challenge}\r\n");
    let (status, headers, words) = match login {
        _ if asks_for_token => ("200 OK", "", String::new()),
        None => ("401 Unauthorized", challenge.as_str(), "who are you?".to_owned()),
        Some(login) => {
            let bytes = login.strip_prefix("Basic ").and_then(|encoded| STANDARD.decode(encoded).ok()).unwrap_or_default();
            let words = format!("you sent {login}, which is {}", String::from_utf8_lossy(&bytes));
            log.lock().unwrap().push_str(&words);
            ("403 Forbidden", "", words)
        }
    };
    let body = serde_json::json!({ "token": token, "errors": [{ "code": "DENIED", "message": words }] }).to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
