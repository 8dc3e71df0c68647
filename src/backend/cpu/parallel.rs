//! Work spread over the cores, on threads that run nothing but this backend's own work.
//!
//! An operation holds the locks of its buffers while it runs. Were it to wait inside rayon's global pool, rayon would fill the
//! waiting time with any other task, perhaps one of the user's that wants the same buffers, and the thread would wait for
//! itself. So the backend has a pool of its own, whose tasks never take a lock, and whoever asks it for work blocks.

use std::ops::Range;
use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Elements below which an operation stays on the calling thread: waking the pool costs as much as these take.
pub const THRESHOLD: usize = 32 * 1024;

/// One thread per core, or as many as `RAYON_NUM_THREADS` says; `None` where threads can't be had.
static POOL: LazyLock<Option<ThreadPool>> =
    LazyLock::new(|| ThreadPoolBuilder::new().thread_name(|i| format!("tilework-cpu-{i}")).build().ok());

/// The number of threads that work on one operation.
pub fn threads() -> usize {
    POOL.as_ref().map_or(1, ThreadPool::current_num_threads)
}

/// Runs `work`, which may fork by [`for_each`] and [`join`], on the pool if it is `large`, else on this thread.
pub fn run<R: Send>(large: bool, work: impl FnOnce() -> R + Send) -> R {
    match POOL.as_ref() {
        Some(pool) if large && pool.current_num_threads() > 1 => match rayon::current_thread_index() {
            None => pool.install(work),
            // A thread of some other rayon pool would steal work while it waits; a fresh thread waits idly.
            Some(_) if pool.current_thread_index().is_none() => {
                std::thread::scope(|scope| match scope.spawn(|| pool.install(work)).join() {
                    Ok(result) => result,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
            }
            Some(_) => work(),
        },
        _ => work(),
    }
}

/// Calls `work` with consecutive ranges of at most `grain` that cover `0..count`; in parallel when inside [`run`].
pub fn for_each(count: usize, grain: usize, work: &(impl Fn(Range<usize>) + Sync)) {
    fn halve(range: Range<usize>, grain: usize, work: &(impl Fn(Range<usize>) + Sync)) {
        let grains = range.len().div_ceil(grain);
        if grains <= 1 {
            return work(range);
        }
        let middle = range.start + grains / 2 * grain;
        join(|| halve(range.start..middle, grain, work), || halve(middle..range.end, grain, work));
    }
    if count > 0 {
        halve(0..count, grain.max(1), work);
    }
}

/// Both results, computed in parallel when inside [`run`].
pub fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    if POOL.as_ref().is_some_and(|pool| pool.current_thread_index().is_some()) { rayon::join(a, b) } else { (a(), b()) }
}
