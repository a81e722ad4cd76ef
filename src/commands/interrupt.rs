//! Ctrl-C while a verb works: the first one asks it to end with what it has, a second one ends the
//! program.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use tokio::signal::unix::{SignalKind, signal};

/// What a program ends with after a second Ctrl-C: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// A flag that is set at Ctrl-C, from now on. Where the system gives no signals it stays unset and
/// Ctrl-C ends the program.
pub fn flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let (listening, listens) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        runtime.block_on(async {
            let Ok(mut signals) = signal(SignalKind::interrupt()) else { return };
            drop(listening);
            signals.recv().await;
            set.store(true, Ordering::Relaxed);
            signals.recv().await;
            std::process::exit(INTERRUPTED);
        });
    });
    // Ends when the other side is dropped: it listens, or never will.
    let _ = listens.recv();
    flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_sets_the_flag_and_ends_nothing() {
        let flag = flag();
        assert!(!flag.load(Ordering::Relaxed));
        let own = std::process::id().to_string();
        std::process::Command::new("kill").args(["-INT", &own]).status().unwrap();
        while !flag.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    }
}
