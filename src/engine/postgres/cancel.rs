//! The way round a busy connection: cancel requests, and the gate that keeps them from hitting the next statement.

use super::connect::Dialer;
use crate::engine::session::Canceller;
use crate::model::Result;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};

/// Milliseconds that a cancel waits for a statement to begin.
const GRACE: u32 = 50;

/// Shared by the actor, which runs statements, and whoever wants to end one.
pub(super) struct Control {
    pub dialer: Arc<Dialer>,
    pub process: i32,
    secret: i32,
    gate: Arc<Mutex<()>>,
    running: AtomicBool,
    asked: AtomicBool,
    /// Wakes the reader when a cancel was asked for, so that it sees to its effect.
    wake: Notify,
}

impl Control {
    pub fn new(dialer: Arc<Dialer>, process: i32, secret: i32) -> Self {
        Control {
            dialer,
            process,
            secret,
            gate: Arc::new(Mutex::new(())),
            running: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    /// A statement starts.
    pub fn begin(&self) {
        self.asked.store(false, Ordering::SeqCst);
        self.running.store(true, Ordering::SeqCst);
    }

    /// Waits until no cancel request is under way. True when one was sent for this statement.
    pub async fn end(&self) -> bool {
        let _quiet = self.gate.lock().await;
        self.running.store(false, Ordering::SeqCst);
        self.asked.load(Ordering::SeqCst)
    }

    /// Whether a cancel was asked for since the statement started.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Returns when a cancel was asked for.
    pub async fn wanted(&self) {
        self.wake.notified().await;
    }

    /// Cancels in the background, because the caller has to go on reading for the server to notice.
    pub fn again(self: &Arc<Self>) {
        // When the gate is taken, a cancel is under way already.
        if let Ok(guard) = self.gate.clone().try_lock_owned() {
            let this = self.clone();
            this.asked.store(true, Ordering::SeqCst);
            tokio::spawn(async move {
                // Failing leaves the statement running; the reader then drains it to its end.
                let _ = this.dialer.cancel(this.process, this.secret).await;
                drop(guard);
            });
        }
    }
}

impl Canceller for Control {
    fn cancel(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async {
            // A statement that was just handed over may not have reached its actor.
            for _ in 0..GRACE {
                if self.running.load(Ordering::SeqCst) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let _guard = self.gate.lock().await;
            if !self.running.load(Ordering::SeqCst) {
                return Ok(());
            }
            self.asked.store(true, Ordering::SeqCst);
            self.wake.notify_one();
            self.dialer.cancel(self.process, self.secret).await
        })
    }
}
