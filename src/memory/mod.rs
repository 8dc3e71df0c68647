//! The caching allocator: blocks that tensors give up are kept and handed to later ones, because asking a device for
//! memory costs microseconds to milliseconds and often waits for it.
//!
//! A [`Pool`] stands on [`RawMemory`], the few things a backend must offer. Work on a device is queued, not done, when
//! a tensor is dropped, so a cached block may still be in use *there*. Three rules make its reuse safe:
//!
//! 1. Work on one stream runs in order. A block released on a stream is reusable on that stream at once.
//! 2. Another stream may have it when the device has passed a *fence*: a point of the first stream that lies after the
//!    release. A later point is as good, so no fence is recorded until some other stream wants a block, and that one
//!    fence then vouches for every block which the first stream released before it. A pool with a single stream never
//!    records any.
//! 3. A block that was also used on streams other than its own ([`PooledBlock::record_use`]) waits outside the cache
//!    until those streams have passed a fence; then rule 1 holds for it.

mod cache;
mod pool;
mod size_class;
mod stats;
mod sync;
#[cfg(test)]
mod tests;

pub(crate) use pool::{Pool, PooledBlock};
pub use stats::MemoryStats;

use crate::error::Error;

/// What a backend offers the pool: memory, and points in the course of a stream.
///
/// The pool calls `allocate`, `free` and `wait` with its cache unlocked, `fence` and `passed` with it locked; none of
/// them may call back into the pool.
pub(crate) trait RawMemory: Send + Sync + 'static {
    /// A piece of device memory. Dropping it need not free it: the pool hands each one to [`free`](Self::free).
    type Block: Send + Sync + 'static;
    /// A point in the work queued on a stream.
    type Fence: Send + 'static;

    /// A new block of `bytes` (never 0), first used on `stream`. Fails with `OutOfMemory` only after the memory of all
    /// earlier `free`s has become available, waiting for it if need be.
    fn allocate(&self, bytes: usize, stream: StreamId) -> Result<Self::Block, RawError>;

    /// Gives back a block that `allocate` returned for the same `bytes`. Work queued on `stream` may still be using
    /// it, so the memory must stay valid until that work is done: free in stream order, or defer, or wait. All other
    /// streams are done with it.
    fn free(&self, block: Self::Block, bytes: usize, stream: StreamId);

    /// A fence behind everything that has been asked of `stream` so far, including work that is recorded but not yet
    /// submitted.
    fn fence(&self, stream: StreamId) -> Self::Fence;

    /// Whether the device has passed the fence. Never waits. On a lost device every fence is passed.
    fn passed(&self, fence: &Self::Fence) -> bool;

    /// Returns when the device has passed the fence.
    fn wait(&self, fence: &Self::Fence);
}

/// Why [`RawMemory::allocate`] failed.
#[derive(Debug)]
pub(crate) enum RawError {
    /// The device has too little memory left: the pool trims its cache and tries again.
    OutOfMemory,
    /// Anything else; handed to the caller as it is.
    #[cfg_attr(
        not(any(feature = "cuda", feature = "portable")),
        allow(dead_code, reason = "the CPU has no other failure")
    )]
    Other(Error),
}

/// An in-order queue of a device, numbered densely from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamId(u8);

impl StreamId {
    /// The stream of a device that has only one.
    pub(crate) const DEFAULT: Self = Self(0);
    /// How many streams a pool tells apart; a device with more lets some share a number, which must then be ordered
    /// among themselves.
    pub(crate) const COUNT: u8 = 64;

    /// Stream number `index`, or `None` from [`COUNT`](Self::COUNT) on.
    #[cfg(test)]
    pub(crate) const fn new(index: u8) -> Option<Self> {
        if index < Self::COUNT { Some(Self(index)) } else { None }
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }

    fn bit(self) -> u64 {
        1 << self.0
    }
}

/// How a pool behaves, for tests and tools that look for faults which caching would hide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PoolConfig {
    /// Nothing is rounded, cached or reused: each block is new, of the exact size, and is given back on release.
    pub(crate) bypass: bool,
    /// The backend fills each block that it is handed with bytes 0xFF (NaN in every float type) before anything else
    /// uses it.
    pub(crate) poison: bool,
}

impl PoolConfig {
    /// `TILEWORK_POOL=off` sets `bypass`, `TILEWORK_POISON=1` sets `poison`; any other value leaves them unset.
    pub(crate) fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is = |name, value| variable(name).as_deref() == Some(value);
        Self { bypass: is("TILEWORK_POOL", "off"), poison: is("TILEWORK_POISON", "1") }
    }
}
