//! Tests of the pool over a simulated device; under `--cfg loom`, checks of every interleaving of a few threads.

#[cfg(not(loom))]
mod behaviour;
#[cfg(not(loom))]
mod fake;
#[cfg(loom)]
mod interleavings;
#[cfg(not(loom))]
mod properties;
