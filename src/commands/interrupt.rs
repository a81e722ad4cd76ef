//! Ctrl-C while a verb works: the first one asks it to end with what it has, a second one ends the
//! program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a program ends with after a second Ctrl-C: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// A flag that is set at Ctrl-C.
pub fn flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            set.store(true, Ordering::Relaxed);
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(INTERRUPTED);
            }
        });
    });
    flag
}
