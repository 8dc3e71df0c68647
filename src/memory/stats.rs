//! What a device's allocator tells about itself.

/// A snapshot of a device's memory as its allocator sees it: the same figures for every backend.
///
/// Sizes are in bytes and count whole blocks: a request is rounded up to its size class, so a tensor of 10 bytes holds
/// 512. `reserved - in_use` is cached: freed by tensors, kept for the next ones, and given back by trimming.
///
/// Taking a snapshot never waits for the device; it takes time proportional to the number of distinct block sizes that
/// are cached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Blocks handed out since the device was opened.
    pub allocations: u64,
    /// How many of [`allocations`](Self::allocations) were served by a cached block instead of new memory.
    pub reuses: u64,
    /// Bytes in blocks that tensors hold now.
    pub in_use: usize,
    /// The highest value that [`in_use`](Self::in_use) has had.
    pub peak_in_use: usize,
    /// Bytes obtained from the device and not given back: in use and cached.
    pub reserved: usize,
    /// Size of the largest cached block, 0 where none is cached.
    pub largest_free: usize,
    /// The most bytes that may be reserved, if a limit is set.
    pub limit: Option<usize>,
}
