//! Random histories on several streams, against what must hold after each step.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::fake::Fake;
use crate::error::Error;
use crate::memory::{Pool, PoolConfig, PooledBlock, StreamId, size_class};

/// One device on which every block is small, and one that has room for large ones.
const CAPACITIES: [usize; 2] = [1 << 20, 1 << 30];
const STREAMS: u8 = 3;

#[derive(Clone, Debug)]
enum Step {
    Allocate {
        bytes: usize,
        stream: StreamId,
    },
    /// Work on a stream that uses a held block.
    Use {
        block: prop::sample::Index,
        stream: StreamId,
    },
    Release {
        block: prop::sample::Index,
    },
    /// The device does some of the work of a stream.
    Advance {
        stream: StreamId,
        steps: u64,
    },
    Trim,
    Limit(Option<usize>),
}

fn step(capacity: usize) -> impl Strategy<Value = Step> {
    let stream = || (0..STREAMS).prop_map(StreamId);
    // Few distinct sizes, so that reuse is common; now and then one that cannot be had.
    let bytes = prop_oneof![
        8 => prop::sample::select(vec![0, 1, 512, 513, 4000, 4096, capacity / 15, capacity / 14, capacity / 5]),
        2 => 0..capacity / 4,
        1 => prop::sample::select(vec![capacity, capacity + 1, usize::MAX]),
    ];
    prop_oneof![
        8 => (bytes, stream()).prop_map(|(bytes, stream)| Step::Allocate { bytes, stream }),
        6 => (any::<prop::sample::Index>(), stream()).prop_map(|(block, stream)| Step::Use { block, stream }),
        7 => any::<prop::sample::Index>().prop_map(|block| Step::Release { block }),
        4 => (stream(), 1..4u64).prop_map(|(stream, steps)| Step::Advance { stream, steps }),
        1 => Just(Step::Trim),
        1 => prop::option::of(0..capacity).prop_map(Step::Limit),
    ]
}

/// What the pool should say of itself, kept beside it.
struct Model {
    fake: Arc<Fake>,
    pool: Arc<Pool<Arc<Fake>>>,
    held: Vec<PooledBlock<Arc<Fake>>>,
    allocations: u64,
    peak: usize,
    limit: Option<usize>,
    /// Starts of blocks that were used on a second stream since they were handed out: once
    /// released, they may be kept out of the cache for a while.
    shared: BTreeSet<usize>,
}

impl Model {
    fn new(capacity: usize, config: PoolConfig) -> Self {
        let fake = Fake::with_capacity(capacity);
        let pool = Pool::new(fake.clone(), config);
        Self { fake, pool, held: Vec::new(), allocations: 0, peak: 0, limit: None, shared: BTreeSet::new() }
    }

    fn in_use(&self) -> usize {
        self.held.iter().map(PooledBlock::size).sum()
    }

    /// What a request takes of the device, if any device could serve it.
    fn size(&self, bytes: usize) -> Option<usize> {
        let size = size_class::round_up(bytes)?;
        Some(if self.pool.config().bypass { bytes.max(1) } else { size })
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Allocate { bytes, stream } => self.allocate(bytes, stream),
            Step::Use { block, stream } if !self.held.is_empty() => {
                let block = block.get(&self.held);
                self.fake.queue(block, stream);
                if stream != block.stream() {
                    self.shared.insert(block.range().start);
                }
            }
            Step::Release { block } if !self.held.is_empty() => {
                self.held.swap_remove(block.index(self.held.len()));
            }
            Step::Use { .. } | Step::Release { .. } => {}
            Step::Advance { stream, steps } => self.fake.advance(stream, steps),
            Step::Trim => {
                let before = self.fake.bytes_allocated();
                assert_eq!(self.pool.trim(), before - self.fake.bytes_allocated());
                assert_eq!(self.fake.bytes_allocated(), self.in_use());
            }
            Step::Limit(limit) => {
                self.limit = limit;
                self.pool.set_limit(limit);
                let reserved = self.fake.bytes_allocated();
                assert!(limit.is_none_or(|limit| reserved <= limit) || reserved == self.in_use());
            }
        }
    }

    fn allocate(&mut self, bytes: usize, stream: StreamId) {
        let before = self.fake.allocations();
        match self.pool.allocate(bytes, stream) {
            Ok(block) => {
                assert_eq!((block.bytes(), block.range().len()), (bytes, block.size()));
                assert!(self.size(bytes).is_some_and(|size| size_class::fitting(size).contains(&block.size())));
                for other in &self.held {
                    let apart = block.range().end <= other.range().start || other.range().end <= block.range().start;
                    assert!(apart, "{:?} and {:?} are both held", block.range(), other.range());
                }
                self.fake.check_handed_out(&block, stream);
                self.shared.remove(&block.range().start);
                self.held.push(block);
                self.allocations += 1;
                self.peak = self.peak.max(self.in_use());
                let grew = self.fake.allocations() > before;
                assert!(!grew || self.limit.is_none_or(|limit| self.fake.bytes_allocated() <= limit));
            }
            Err(Error::OutOfMemory { requested, in_use, reserved, limit }) => {
                assert_eq!((requested, in_use, limit), (bytes, self.in_use(), self.limit));
                assert_eq!(reserved, self.fake.bytes_allocated());
                self.check_shortage(bytes);
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    /// After a failure there must have been no way to serve it.
    fn check_shortage(&self, bytes: usize) {
        let Some(size) = self.size(bytes) else {
            return;
        };
        assert_eq!(self.fake.bytes_allocated(), self.in_use(), "something cached was not given back");
        let beyond_limit = self.limit.is_some_and(|limit| self.in_use() + size > limit);
        assert!(beyond_limit || !self.fake.has_gap(size), "there was room for {size}");
    }

    fn check_statistics(&self) {
        let stats = self.pool.stats();
        let in_use = self.in_use();
        assert_eq!((stats.in_use, stats.peak_in_use, stats.limit), (in_use, self.peak, self.limit));
        assert_eq!(stats.allocations, self.allocations);
        assert_eq!(stats.reuses, self.allocations - self.fake.allocations());
        assert_eq!(stats.reserved, self.fake.bytes_allocated());

        let held: BTreeSet<usize> = self.held.iter().map(|block| block.range().start).collect();
        let mut cached = self.fake.allocated();
        cached.retain(|range| !held.contains(&range.start));
        let possible = cached.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        cached.retain(|range| !self.shared.contains(&range.start));
        let certain = cached.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let expected = certain..=possible;
        assert!(expected.contains(&stats.largest_free), "{} not in {expected:?}", stats.largest_free);
        if self.pool.config().bypass {
            assert_eq!((stats.reserved, stats.reuses, stats.largest_free), (in_use, 0, 0));
        }
    }
}

fn history() -> impl Strategy<Value = (usize, Vec<Step>)> {
    let capacity = prop::sample::select(CAPACITIES.to_vec());
    capacity.prop_flat_map(|capacity| (Just(capacity), prop::collection::vec(step(capacity), 0..120)))
}

proptest! {
    #[test]
    fn histories((capacity, steps) in history(), bypass in prop::bool::weighted(0.1)) {
        let mut model = Model::new(capacity, PoolConfig { bypass, poison: false });
        for step in steps {
            model.apply(step);
            model.check_statistics();
        }
        let fake = model.fake.clone();
        drop(model);
        prop_assert_eq!(fake.bytes_allocated(), 0);
    }
}
