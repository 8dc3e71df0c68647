//! A simulated device: an address space, streams that advance when the test says so, and an eye on every misuse of
//! memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use crate::error::Error;
use crate::memory::{PooledBlock, RawError, RawMemory, StreamId};

/// Work that was queued on a stream and touches a range of addresses.
struct Use {
    range: Range<usize>,
    stream: StreamId,
    position: u64,
}

#[derive(Default)]
struct State {
    capacity: usize,
    /// Allocated ranges, end by start.
    allocated: BTreeMap<usize, usize>,
    allocations: u64,
    fences: u64,
    queued: [u64; 8],
    done: [u64; 8],
    uses: Vec<Use>,
    fail_next: Option<Error>,
    panic_at_fence: bool,
}

impl State {
    /// The lowest gap that has room.
    fn gap(&self, bytes: usize) -> Option<usize> {
        let starts = self.allocated.keys().copied().chain([self.capacity]);
        let ends = [0].into_iter().chain(self.allocated.values().copied());
        ends.zip(starts).find(|&(end, start)| start - end >= bytes).map(|(end, _)| end)
    }

    fn in_flight(&self, range: Range<usize>) -> impl Iterator<Item = &Use> {
        let overlaps = move |used: &&Use| used.range.start < range.end && range.start < used.range.end;
        self.uses.iter().filter(|used| self.done[used.stream.index()] < used.position).filter(overlaps)
    }
}

#[derive(Default)]
pub(super) struct Fake(Mutex<State>);

pub(super) struct Block {
    start: usize,
    bytes: usize,
}

impl Block {
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.bytes
    }
}

impl Fake {
    pub(super) fn with_capacity(capacity: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { capacity, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn allocations(&self) -> u64 {
        self.state().allocations
    }

    pub(super) fn fences(&self) -> u64 {
        self.state().fences
    }

    pub(super) fn bytes_allocated(&self) -> usize {
        self.state().allocated.iter().map(|(start, end)| end - start).sum()
    }

    /// What is allocated, in the order of addresses.
    pub(super) fn allocated(&self) -> Vec<Range<usize>> {
        self.state().allocated.iter().map(|(&start, &end)| start..end).collect()
    }

    pub(super) fn has_gap(&self, bytes: usize) -> bool {
        self.state().gap(bytes).is_some()
    }

    pub(super) fn fail_next(&self, error: Error) {
        self.state().fail_next = Some(error);
    }

    pub(super) fn panic_at_fence(&self, panic: bool) {
        self.state().panic_at_fence = panic;
    }

    /// Queues work on a stream that uses a block, and tells the block as a backend must.
    pub(super) fn queue(&self, block: &PooledBlock<Arc<Self>>, stream: StreamId) {
        block.record_use(stream);
        let mut state = self.state();
        state.queued[stream.index()] += 1;
        let position = state.queued[stream.index()];
        state.uses.push(Use { range: block.range(), stream, position });
    }

    /// Lets a stream do up to `steps` of the work queued on it.
    pub(super) fn advance(&self, stream: StreamId, steps: u64) {
        let mut state = self.state();
        let index = stream.index();
        state.done[index] = state.queued[index].min(state.done[index].saturating_add(steps));
        let done = state.done;
        state.uses.retain(|used| done[used.stream.index()] < used.position);
    }

    pub(super) fn finish(&self, stream: StreamId) {
        self.advance(stream, u64::MAX);
    }

    /// Panics if a block that was just handed out for `stream` may still be touched by work of another stream.
    pub(super) fn check_handed_out(&self, block: &PooledBlock<Arc<Self>>, stream: StreamId) {
        let state = self.state();
        if let Some(used) = state.in_flight(block.range()).find(|used| used.stream != stream) {
            panic!("{:?} handed out for {stream:?} while {:?} uses it", block.range(), used.stream);
        }
    }
}

impl RawMemory for Arc<Fake> {
    type Block = Block;
    type Fence = (StreamId, u64);

    fn allocate(&self, bytes: usize, _stream: StreamId) -> Result<Block, RawError> {
        assert_ne!(bytes, 0);
        let mut state = self.state();
        if let Some(error) = state.fail_next.take() {
            return Err(RawError::Other(error));
        }
        let start = state.gap(bytes).ok_or(RawError::OutOfMemory)?;
        assert!(state.in_flight(start..start + bytes).next().is_none(), "memory given back is still in use");
        state.allocated.insert(start, start + bytes);
        state.allocations += 1;
        Ok(Block { start, bytes })
    }

    fn free(&self, block: Block, bytes: usize, stream: StreamId) {
        if thread::panicking() {
            return; // The first failure is the one to report.
        }
        assert_eq!(block.bytes, bytes);
        let mut state = self.state();
        let end = state.allocated.remove(&block.start);
        assert_eq!(end, Some(block.range().end), "freed twice");
        let foreign = state.in_flight(block.range()).find(|used| used.stream != stream);
        assert!(foreign.is_none(), "freed while another stream uses it");
        drop(state);
        // As `cuMemFree` does: wait for the work that may use it.
        self.finish(stream);
    }

    fn fence(&self, stream: StreamId) -> Self::Fence {
        let mut state = self.state();
        assert!(!state.panic_at_fence, "a fence that panics");
        state.fences += 1;
        (stream, state.queued[stream.index()])
    }

    fn passed(&self, &(stream, position): &Self::Fence) -> bool {
        self.state().done[stream.index()] >= position
    }

    fn wait(&self, &(stream, position): &Self::Fence) {
        let missing = position.saturating_sub(self.state().done[stream.index()]);
        self.advance(stream, missing);
    }
}
