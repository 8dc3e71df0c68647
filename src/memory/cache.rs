//! The pool's bookkeeping, which lives under its lock: free blocks by stream and size, and how far each stream is
//! known to have come.

use std::collections::{BTreeMap, VecDeque};

use super::{MemoryStats, RawMemory, StreamId, size_class};

/// A block that nobody holds.
pub(super) struct FreeBlock<R: RawMemory> {
    pub(super) block: R::Block,
    pub(super) size: usize,
}

/// A moment of a stream: how many releases it had seen.
pub(super) type Ticket = u64;

/// What one stream released, and how much of that the device has passed.
pub(super) struct Timeline<R: RawMemory> {
    /// Free blocks by size, each with the ticket of its release, oldest in front. Emptied queues stay: their size will
    /// return.
    free: BTreeMap<usize, VecDeque<(Ticket, FreeBlock<R>)>>,
    /// The ticket of the latest release.
    released: Ticket,
    /// Releases up to this ticket are behind a fence that was passed.
    passed: Ticket,
    /// The one fence under way, with the latest ticket before it.
    fence: Option<(Ticket, R::Fence)>,
}

impl<R: RawMemory> Timeline<R> {
    fn new() -> Self {
        Self { free: BTreeMap::new(), released: 0, passed: 0, fence: None }
    }

    fn next_ticket(&mut self) -> Ticket {
        self.released += 1;
        self.released
    }

    fn put(&mut self, free: FreeBlock<R>) {
        let ticket = self.next_ticket();
        self.free.entry(free.size).or_default().push_back((ticket, free));
    }

    /// For the stream itself: the best fitting block, the one released last, whose memory is the likeliest to be in a
    /// cache.
    fn take_newest(&mut self, size: usize) -> Option<FreeBlock<R>> {
        let mut fitting = self.free.range_mut(size_class::fitting(size));
        fitting.find_map(|(_, queue)| queue.pop_back()).map(|(_, free)| free)
    }

    /// For another stream: the best fitting block, the one released first, if the device has passed its release.
    fn take_oldest_passed(&mut self, size: usize, raw: &R, stream: StreamId) -> Option<FreeBlock<R>> {
        let mut fitting = self.free.range(size_class::fitting(size));
        let (size, ticket) = fitting.find_map(|(&size, queue)| queue.front().map(|&(ticket, _)| (size, ticket)))?;
        if !self.has_passed(ticket, raw, stream) {
            return None;
        }
        self.free.get_mut(&size)?.pop_front().map(|(_, free)| free)
    }

    /// Whether the device has passed the release with this ticket. If that is unknown and no fence is under way,
    /// records one.
    fn has_passed(&mut self, ticket: Ticket, raw: &R, stream: StreamId) -> bool {
        while self.passed < ticket {
            let (before, fence) = self.fence.get_or_insert_with(|| (self.released, raw.fence(stream)));
            if !raw.passed(fence) {
                return false;
            }
            self.passed = *before;
            self.fence = None;
        }
        true
    }
}

/// A released block that streams other than its own may still be using.
pub(super) struct SharedBlock<R: RawMemory> {
    pub(super) free: FreeBlock<R>,
    pub(super) stream: StreamId,
    /// The other streams, each with the moment that the device must have passed there.
    pub(super) others: Vec<(StreamId, Ticket)>,
}

/// Everything that trimming takes out of the cache.
pub(super) struct Drained<R: RawMemory> {
    pub(super) free: Vec<(StreamId, FreeBlock<R>)>,
    pub(super) shared: VecDeque<SharedBlock<R>>,
}

pub(super) struct Cache<R: RawMemory> {
    timelines: Vec<Timeline<R>>,
    /// Looked at in the order of release and only up to the first that must wait.
    shared: VecDeque<SharedBlock<R>>,
    /// Kept up to date but for `largest_free`.
    pub(super) stats: MemoryStats,
}

impl<R: RawMemory> Cache<R> {
    pub(super) fn new() -> Self {
        Self { timelines: Vec::new(), shared: VecDeque::new(), stats: MemoryStats::default() }
    }

    /// A cached block of at least `size` that is safe to use on `stream`.
    pub(super) fn take(&mut self, size: usize, raw: &R, stream: StreamId) -> Option<FreeBlock<R>> {
        if let Some(own) = self.timeline(stream).take_newest(size) {
            return Some(own);
        }
        if self.settle_shared(raw)
            && let Some(own) = self.timeline(stream).take_newest(size)
        {
            return Some(own);
        }
        let others = (0..StreamId::COUNT).map(StreamId).zip(&mut self.timelines).filter(|(other, _)| *other != stream);
        others.into_iter().find_map(|(other, timeline)| timeline.take_oldest_passed(size, raw, other))
    }

    /// Puts back a block that was used on `stream` and on the streams whose bits are set in `others`.
    pub(super) fn put(&mut self, free: FreeBlock<R>, stream: StreamId, others: u64) {
        if others == 0 {
            self.timeline(stream).put(free);
            return;
        }
        let others = (0..StreamId::COUNT).map(StreamId).filter(|other| others & other.bit() != 0);
        let others = others.map(|other| (other, self.timeline(other).next_ticket())).collect();
        self.shared.push_back(SharedBlock { free, stream, others });
    }

    /// Moves shared blocks that their other streams are done with to their own stream; true if any was.
    fn settle_shared(&mut self, raw: &R) -> bool {
        let mut settled = false;
        while let Some(front) = self.shared.front_mut() {
            let timelines = &mut self.timelines;
            front.others.retain(|&(other, ticket)| !timelines[other.index()].has_passed(ticket, raw, other));
            if !front.others.is_empty() {
                break;
            }
            if let Some(SharedBlock { free, stream, .. }) = self.shared.pop_front() {
                self.timeline(stream).put(free);
                settled = true;
            }
        }
        settled
    }

    /// Empties the cache. The blocks stay counted as reserved until they are given back.
    pub(super) fn drain(&mut self) -> Drained<R> {
        let mut drained = Drained { free: Vec::new(), shared: std::mem::take(&mut self.shared) };
        for (stream, timeline) in (0..StreamId::COUNT).map(StreamId).zip(&mut self.timelines) {
            let queues = std::mem::take(&mut timeline.free).into_values();
            drained.free.extend(queues.flatten().map(|(_, free)| (stream, free)));
        }
        drained
    }

    /// Takes out the fence to wait for until the release with this ticket is passed; `None` if it already is.
    pub(super) fn fence_before(&mut self, ticket: Ticket, raw: &R, stream: StreamId) -> Option<(Ticket, R::Fence)> {
        let timeline = self.timeline(stream);
        if timeline.has_passed(ticket, raw, stream) { None } else { timeline.fence.take() }
    }

    /// Notes that the device has passed everything up to this ticket.
    pub(super) fn note_passed(&mut self, ticket: Ticket, stream: StreamId) {
        let timeline = self.timeline(stream);
        timeline.passed = timeline.passed.max(ticket);
    }

    pub(super) fn largest_free(&self) -> usize {
        let largest = |timeline: &Timeline<R>| {
            let mut sizes = timeline.free.iter().rev();
            sizes.find(|(_, queue)| !queue.is_empty()).map(|(&size, _)| size)
        };
        self.timelines.iter().filter_map(largest).max().unwrap_or(0)
    }

    fn timeline(&mut self, stream: StreamId) -> &mut Timeline<R> {
        let index = stream.index();
        if self.timelines.len() <= index {
            self.timelines.resize_with(index + 1, Timeline::new);
        }
        &mut self.timelines[index]
    }
}
