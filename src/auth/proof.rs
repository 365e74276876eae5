//! Whether the cloud has accepted an access key yet.
//!
//! Five refusals in a row lock a key for five minutes (signing guide), and a run may read dozens of instances at once.
//! So the first call goes alone, the others wait for it, and once the key is refused no further call is made.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{Mutex, MutexGuard};

use crate::transport::{Refusal, Response};

/// A refusal comes in a fraction of a second. A first call that takes longer has other troubles, and the others need
/// not share them.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Default)]
pub struct Proof {
    accepted: AtomicBool,
    refused: OnceLock<Refusal>,
    first: Mutex<()>,
}

impl Proof {
    /// Waits for the first call, if that is under way. An error if the key is known to be refused.
    pub async fn turn(&self) -> Result<Option<MutexGuard<'_, ()>>, Refusal> {
        let guard = if self.accepted.load(Ordering::Relaxed) {
            None
        } else {
            tokio::time::timeout(PATIENCE, self.first.lock()).await.ok()
        };
        match self.refused.get() {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(guard.filter(|_| !self.accepted.load(Ordering::Relaxed))),
        }
    }

    /// Learns from an answer.
    pub fn learn(&self, response: &Response) {
        if response.status != StatusCode::UNAUTHORIZED {
            // A fault of a server on the way says nothing about the key.
            if !response.status.is_server_error() {
                self.accepted.store(true, Ordering::Relaxed);
            }
            return;
        }
        // A policy's denial comes as 401 at times, and concerns one call only.
        let refusal = Refusal::read(response);
        if refusal.code.is_empty() || refusal.is_gateway("0301") {
            let _ = self.refused.set(refusal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tests::answer;

    const REFUSED: &str = r#"{"error_code":"APIGW.0301","error_msg":"verify aksk signature fail"}"#;

    #[tokio::test(start_paused = true)]
    async fn others_wait_for_the_first_call_and_share_its_refusal() {
        let proof = Proof::default();
        let first = proof.turn().await.unwrap();
        let others = async { tokio::join!(proof.turn(), proof.turn()) };
        let end = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            proof.learn(&answer(401, &[], REFUSED));
            drop(first);
        };
        let ((one, two), ()) = tokio::join!(others, end);
        assert!(one.is_err() && two.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_accepted_call_nobody_waits() {
        let proof = Proof::default();
        let first = proof.turn().await.unwrap();
        proof.learn(&answer(404, &[], ""));
        let started = tokio::time::Instant::now();
        assert!(proof.turn().await.unwrap().is_none());
        assert_eq!(started.elapsed(), Duration::ZERO);
        drop(first);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_call_holds_the_others_up_for_seconds_only() {
        let proof = Proof::default();
        let _first = proof.turn().await.unwrap();
        let started = tokio::time::Instant::now();
        assert!(proof.turn().await.is_ok());
        assert_eq!(started.elapsed(), PATIENCE);
    }

    #[test]
    fn a_denial_and_a_server_s_fault_prove_nothing() {
        let proof = Proof::default();
        proof.learn(&answer(401, &[], r#"{"error":{"code":"EPS.0003","message":"no"}}"#));
        proof.learn(&answer(502, &[], ""));
        assert!(proof.refused.get().is_none() && !proof.accepted.load(Ordering::Relaxed));
    }
}
