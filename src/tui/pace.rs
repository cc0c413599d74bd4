//! How often the screen is drawn: once per interval in the long run, with a few frames in advance, so that answers to what was just
//! done are on the screen at once, and a flood of them costs no more than the interval allows.

use std::time::Duration;
use tokio::time::Instant;

/// Frames that may follow each other without waiting. A start needs five: empty, the buffers that were kept, connected, names of schemas,
/// names of tables; and the first key after it is not to wait.
const BURST: u32 = 6;

/// See the module. No frame waits longer than the interval.
pub struct Pace {
    every: Duration,
    /// When all frames so far would have been drawn, one per interval (the generic cell rate algorithm, ITU-T I.371).
    paid: Option<Instant>,
}

impl Pace {
    pub fn new(every: Duration) -> Pace {
        Pace { every, paid: None }
    }

    /// When the next frame may be drawn; `None` for at once.
    pub fn due(&self) -> Option<Instant> {
        self.paid?.checked_sub(self.every * (BURST - 1))
    }

    /// A frame was drawn.
    pub fn drew(&mut self, now: Instant) {
        self.paid = Some(self.paid.map_or(now, |paid| paid.max(now)) + self.every);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_frames_at_once_and_then_one_per_interval() {
        let every = Duration::from_millis(16);
        let (began, mut pace) = (Instant::now(), Pace::new(every));
        let (mut now, mut last, mut frames) = (began, began, 0);
        // A program that would draw each 100 µs, for a second.
        while now < began + Duration::from_secs(1) {
            if pace.due().is_none_or(|due| due <= now) {
                pace.drew(now);
                assert!(now - last <= every, "no frame waits longer than the interval: {:?}", now - last);
                (last, frames) = (now, frames + 1);
            }
            if now < began + Duration::from_millis(1) {
                assert!(frames <= BURST);
            }
            now += Duration::from_micros(100);
        }
        assert!(frames <= 1000 / 16 + BURST, "{frames} frames in a second");
        assert!(frames >= 1000 / 16, "{frames} frames in a second");
    }

    #[test]
    fn the_first_frame_after_a_rest_never_waits() {
        let mut pace = Pace::new(Duration::from_millis(33));
        let began = Instant::now();
        for i in 0..9 {
            pace.drew(began + Duration::from_millis(33 * i));
        }
        let later = began + Duration::from_millis(500);
        assert!(pace.due().is_some_and(|due| due <= later));
    }
}
