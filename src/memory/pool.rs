//! The pool: what it does about a request, and the block it hands out.
//!
//! Two locks. `cache` guards the bookkeeping and is held for a few dozen nanoseconds, so that a release never waits
//! for a device. `growth` is held while memory is obtained or given back; only its holder changes `reserved`, so the
//! limit is exact, and a request that is short of memory waits for a trim in progress instead of failing beside it.
//! `growth` is taken before `cache`.

use std::ops::Deref;
use std::sync::Arc;

use super::cache::{Cache, FreeBlock, Ticket};
use super::sync::{AtomicU64, Mutex, Ordering};
use super::{MemoryStats, PoolConfig, RawError, RawMemory, StreamId, size_class};
use crate::error::Error;

/// The caching allocator of one device.
pub(crate) struct Pool<R: RawMemory> {
    raw: R,
    config: PoolConfig,
    cache: Mutex<Cache<R>>,
    growth: Mutex<()>,
}

impl<R: RawMemory> Pool<R> {
    pub(crate) fn new(raw: R, config: PoolConfig) -> Arc<Self> {
        Arc::new(Self { raw, config, cache: Mutex::new(Cache::new()), growth: Mutex::new(()) })
    }

    pub(crate) fn config(&self) -> PoolConfig {
        self.config
    }

    /// A block of at least `bytes` for work on `stream`, with unspecified contents. Zero bytes give a block like any
    /// other.
    ///
    /// Where memory or the limit falls short, gives back everything cached, waiting for the device if it must, and
    /// tries once more.
    pub(crate) fn allocate(self: &Arc<Self>, bytes: usize, stream: StreamId) -> Result<PooledBlock<R>, Error> {
        let class = size_class::round_up(bytes).ok_or_else(|| self.out_of_memory(bytes))?;
        let size = if self.config.bypass { bytes.max(1) } else { class };
        let free = match self.reuse(size, stream) {
            Some(free) => free,
            None => self.grow(size, stream).map_err(|error| match error {
                RawError::OutOfMemory => self.out_of_memory(bytes),
                RawError::Other(error) => error,
            })?,
        };
        Ok(PooledBlock {
            block: Some(free.block),
            bytes,
            size: free.size,
            stream,
            other_streams: AtomicU64::new(0),
            pool: Arc::clone(self),
        })
    }

    pub(crate) fn stats(&self) -> MemoryStats {
        let cache = self.cache.lock();
        MemoryStats { largest_free: cache.largest_free(), ..cache.stats }
    }

    /// Sets the most bytes that may be reserved. Trims if more are; what tensors hold beyond it stays theirs, and
    /// nothing new is obtained until enough of it is released.
    pub(crate) fn set_limit(&self, limit: Option<usize>) {
        let _growth = self.growth.lock();
        let exceeded = {
            let mut cache = self.cache.lock();
            cache.stats.limit = limit;
            limit.is_some_and(|limit| cache.stats.reserved > limit)
        };
        if exceeded {
            self.give_back_cached();
        }
    }

    /// Gives everything cached back to the device and returns how many bytes that was. Waits for streams that still
    /// use a block which they shared; apart from that it waits only if the backend's `free` does.
    pub(crate) fn trim(&self) -> usize {
        let _growth = self.growth.lock();
        self.give_back_cached()
    }

    /// Serves a request from the cache.
    fn reuse(&self, size: usize, stream: StreamId) -> Option<FreeBlock<R>> {
        if self.config.bypass {
            return None;
        }
        let mut cache = self.cache.lock();
        let free = cache.take(size, &self.raw, stream)?;
        cache.stats.reuses += 1;
        count_handed_out(&mut cache.stats, free.size);
        Some(free)
    }

    /// Serves a request with new memory.
    fn grow(&self, size: usize, stream: StreamId) -> Result<FreeBlock<R>, RawError> {
        let _growth = self.growth.lock();
        // While this request waited for the lock, a block may have come back.
        if let Some(free) = self.reuse(size, stream) {
            return Ok(free);
        }
        self.obtain(size, stream).or_else(|error| match error {
            RawError::OutOfMemory => {
                self.give_back_cached();
                self.obtain(size, stream)
            }
            other => Err(other),
        })
    }

    /// New memory within the limit. The caller holds `growth`.
    fn obtain(&self, size: usize, stream: StreamId) -> Result<FreeBlock<R>, RawError> {
        let MemoryStats { reserved, limit, .. } = self.cache.lock().stats;
        let room = limit.unwrap_or(usize::MAX).saturating_sub(reserved);
        if size > room {
            return Err(RawError::OutOfMemory);
        }
        let block = self.raw.allocate(size, stream)?;
        let mut cache = self.cache.lock();
        cache.stats.reserved += size;
        count_handed_out(&mut cache.stats, size);
        Ok(FreeBlock { block, size })
    }

    /// Empties the cache into the device. The caller holds `growth`.
    fn give_back_cached(&self) -> usize {
        let drained = self.cache.lock().drain();
        for shared in &drained.shared {
            shared.others.iter().for_each(|&(other, ticket)| self.wait(other, ticket));
        }
        let shared = drained.shared.into_iter().map(|shared| (shared.stream, shared.free));
        let mut given_back = 0;
        for (stream, FreeBlock { block, size }) in drained.free.into_iter().chain(shared) {
            self.raw.free(block, size, stream);
            given_back += size;
        }
        self.cache.lock().stats.reserved -= given_back;
        given_back
    }

    /// Waits until the device has passed a moment of a stream, with the cache unlocked.
    fn wait(&self, stream: StreamId, ticket: Ticket) {
        loop {
            let pending = self.cache.lock().fence_before(ticket, &self.raw, stream);
            let Some((before, fence)) = pending else {
                return;
            };
            self.raw.wait(&fence);
            self.cache.lock().note_passed(before, stream);
        }
    }

    fn release(&self, free: FreeBlock<R>, stream: StreamId, other_streams: u64) {
        {
            let mut cache = self.cache.lock();
            cache.stats.in_use -= free.size;
            cache.put(free, stream, other_streams);
        }
        if self.config.bypass {
            self.trim();
        }
    }

    fn out_of_memory(&self, requested: usize) -> Error {
        let MemoryStats { in_use, reserved, limit, .. } = self.cache.lock().stats;
        Error::OutOfMemory { requested, in_use, reserved, limit }
    }
}

impl<R: RawMemory> Drop for Pool<R> {
    fn drop(&mut self) {
        self.trim();
    }
}

fn count_handed_out(stats: &mut MemoryStats, size: usize) {
    stats.allocations += 1;
    stats.in_use += size;
    stats.peak_in_use = stats.peak_in_use.max(stats.in_use);
}

/// A block of a pool's memory, which goes back to the pool when this is dropped.
pub(crate) struct PooledBlock<R: RawMemory> {
    /// `None` only while it is being dropped.
    block: Option<R::Block>,
    bytes: usize,
    size: usize,
    stream: StreamId,
    /// A bit for each stream but its own.
    other_streams: AtomicU64,
    pool: Arc<Pool<R>>,
}

impl<R: RawMemory> PooledBlock<R> {
    /// The bytes that were asked for.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bytes that there are: at least as many.
    #[cfg(any(test, feature = "cuda"))]
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The stream that it was allocated for.
    #[cfg(test)]
    pub(crate) fn stream(&self) -> StreamId {
        self.stream
    }

    /// Says that work which uses this block is being queued on `stream`. Needed for every stream but its own.
    #[cfg_attr(not(test), expect(dead_code, reason = "devices have one stream so far"))]
    pub(crate) fn record_use(&self, stream: StreamId) {
        if stream != self.stream {
            // Relaxed: whoever drops the block has exclusive access, and how it got that orders this before it.
            self.other_streams.fetch_or(stream.bit(), Ordering::Relaxed);
        }
    }
}

impl<R: RawMemory> Deref for PooledBlock<R> {
    type Target = R::Block;

    fn deref(&self) -> &R::Block {
        match &self.block {
            Some(block) => block,
            None => unreachable!("the block is taken out only by drop"),
        }
    }
}

impl<R: RawMemory> Drop for PooledBlock<R> {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            let others = self.other_streams.load(Ordering::Relaxed);
            self.pool.release(FreeBlock { block, size: self.size }, self.stream, others);
        }
    }
}
