//! What a plugin's code prints while it is called. It comes by a stream of its own, which a host has to read: a plugin
//! of go-plugin waits else, once the pipe behind it is full.

use std::sync::{Arc, Mutex, PoisonError};

use plugin_host::Connection;
use tokio::task::JoinHandle;

#[derive(Default)]
pub struct Prints {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Prints {
    pub fn follow(&mut self, connection: &Connection) {
        let (mut stdio, text) = (connection.stdio(), self.text.clone());
        self.reader = Some(tokio::spawn(async move {
            // Old plugins have no such stream.
            let Ok(answer) = stdio.stream_stdio(()).await else { return };
            let mut stream = answer.into_inner();
            while let Ok(Some(printed)) = stream.message().await {
                let printed = String::from_utf8_lossy(&printed.data).into_owned();
                text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&printed);
            }
        }));
    }

    /// It holds the connection open.
    pub fn leave(&mut self) {
        self.reader.take().iter().for_each(JoinHandle::abort);
    }

    pub fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
