//! An HTTPS server for static files. Its certificate authority is private.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use cloud_simulator::TlsProxy;
use terraform_runner::Workspace;

/// A running server. Its thread ends with the process.
pub struct Server {
    files: Arc<Mutex<BTreeMap<String, File>>>,
    requests: Arc<Mutex<Vec<String>>>,
    proxy: TlsProxy,
}

#[derive(Clone)]
struct File {
    content_type: &'static str,
    content: Vec<u8>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = TlsProxy::in_front_of(listener.local_addr().unwrap());
        let server = Self { files: Arc::default(), requests: Arc::default(), proxy };
        let (files, requests) = (server.files.clone(), server.requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (files, requests) = (files.clone(), requests.clone());
                thread::spawn(move || {
                    let respond = |request: &str, path: &str| {
                        requests.lock().unwrap().push(request.to_owned());
                        files.lock().unwrap().get(path).cloned()
                    };
                    // The client may close the connection at any time.
                    let _ = stream.and_then(|stream| serve(stream, respond));
                });
            }
        });
        server
    }

    /// Adds or replaces a file.
    pub fn add(&self, path: &str, content_type: &'static str, content: impl Into<Vec<u8>>) {
        let file = File { content_type, content: content.into() };
        self.files.lock().unwrap().insert(path.to_owned(), file);
    }

    /// Removes a file, so that the response is 404.
    pub fn remove(&self, path: &str) {
        assert!(self.files.lock().unwrap().remove(path).is_some(), "{path}");
    }

    /// The host and port.
    pub fn authority(&self) -> String {
        self.proxy.url().replace("https://127.0.0.1", "localhost")
    }

    /// The number of GET requests for this path.
    pub fn request_count(&self, path: &str) -> usize {
        let request = format!("GET {path} HTTP/1.1");
        self.requests.lock().unwrap().iter().filter(|line| **line == request).count()
    }

    /// Makes Terraform trust the server in all later commands.
    pub fn trust_in(&self, workspace: &mut Workspace) {
        let ca_file = workspace.write_file("ca.pem", self.proxy.ca_certificate()).file_path("ca.pem");
        workspace.set_env("SSL_CERT_FILE", ca_file.display().to_string());
    }
}

/// Serves one request. `file` returns the file for a request line and its path.
fn serve(stream: TcpStream, file: impl Fn(&str, &str) -> Option<File>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // A request without a body ends with an empty line.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let file = file(&request, path);
    let status = if file.is_some() { "200 OK" } else { "404 Not Found" };
    let File { content_type, content } =
        file.unwrap_or(File { content_type: "text/plain", content: Vec::new() });
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    )?;
    if method == "HEAD" { Ok(()) } else { stream.write_all(&content) }
}
