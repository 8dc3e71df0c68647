//! The caching allocator that every backend shares.

mod stats;

pub use stats::MemoryStats;
