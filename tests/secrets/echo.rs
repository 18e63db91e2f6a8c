//! A registry that repeats what it was sent: in its refusal, or in the address where an upload goes on.

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
        Self::with(Manner::Refusing)
    }

    /// One with a token service that gives this token to everybody.
    pub(crate) fn giving(token: Option<&str>) -> Self {
        Self::with(token.map_or(Manner::Refusing, |token| Manner::Giving(token.to_owned())))
    }

    /// One that takes the login and opens uploads at an address with the password in it, but cancels none.
    pub(crate) fn taking() -> Self {
        Self::with(Manner::Taking)
    }

    /// One that says no in these words, to everybody.
    pub(crate) fn saying(words: &str) -> Self {
        Self::with(Manner::Saying(words.to_owned()))
    }

    fn with(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever asks may leave before the answer.
                drop(answer(&stream, &log, &manner));
            }
        });
        Self { address, heard }
    }

    /// The logins that were sent.
    pub(crate) fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

/// What it does with those who ask.
enum Manner {
    Refusing,
    Giving(String),
    Taking,
    Saying(String),
}

fn answer(mut stream: &TcpStream, log: &Mutex<String>, manner: &Manner) -> std::io::Result<()> {
    let (mut login, mut asked) = (None, String::new());
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if asked.is_empty() {
            asked.clone_from(&line);
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            login = Some(value.to_owned());
        }
    }
    let token = if let Manner::Giving(token) = manner { Some(token) } else { None };
    let challenge = match token {
        Some(_) => format!("Bearer realm=\"http://{}/token\",service=\"echo\"", stream.local_addr()?),
        None => "Basic realm=\"echo\"".to_owned(),
    };
    let challenge = format!("WWW-Authenticate: {challenge}\r\n");
    let (status, headers, words) = match (login, manner) {
        (_, Manner::Saying(words)) => ("403 Forbidden", String::new(), words.clone()),
        _ if asked.starts_with("GET /token") => ("200 OK", String::new(), String::new()),
        (None, _) => ("401 Unauthorized", challenge, "who are you?".to_owned()),
        (Some(login), _) => {
            let bytes = login.strip_prefix("Basic ").and_then(|encoded| STANDARD.decode(encoded).ok()).unwrap_or_default();
            let sent = String::from_utf8_lossy(&bytes).into_owned();
            let words = format!("you sent {login}, which is {sent}");
            log.lock().unwrap().push_str(&words);
            let password = sent.split(':').next_back().unwrap_or_default();
            match manner {
                Manner::Taking if asked.starts_with("POST") => {
                    ("202 Accepted", format!("Location: /v2/acme/blobs/uploads/{password}\r\n"), String::new())
                }
                Manner::Taking if asked.starts_with("GET") => ("200 OK", String::new(), String::new()),
                _ => ("403 Forbidden", String::new(), words),
            }
        }
    };
    let json = serde_json::json!({ "token": token, "errors": [{ "code": "DENIED", "message": &words }] }).to_string();
    // Git shows what a server says as plain text only.
    let (kind, body) = if asked.contains("/info/refs") { ("text/plain", words) } else { ("application/json", json) };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}Content-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
