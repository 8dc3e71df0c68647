//! Every interleaving of a few threads, by loom: `RUSTFLAGS="--cfg loom" cargo test --lib --no-default-features
//! memory`.

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::memory::{Pool, PoolConfig, PooledBlock, RawError, RawMemory, StreamId};

const A: StreamId = StreamId::DEFAULT;
const B: StreamId = StreamId(1);

/// A device with room for so many blocks. Its streams are done with their work, at once or when waited for.
struct Device {
    capacity: usize,
    done: AtomicBool,
    live: Mutex<BTreeSet<usize>>,
    next: AtomicUsize,
}

impl Device {
    fn with_capacity(capacity: usize) -> Arc<Self> {
        let (live, next) = (Mutex::new(BTreeSet::new()), AtomicUsize::new(0));
        Arc::new(Self { capacity, done: AtomicBool::new(true), live, next })
    }

    fn make_busy(&self) {
        self.done.store(false, Ordering::SeqCst);
    }

    fn live(&self) -> usize {
        self.live.lock().unwrap().len()
    }
}

/// A block, marked while somebody holds it.
struct Block {
    id: usize,
    held: AtomicUsize,
}

impl RawMemory for Arc<Device> {
    type Block = Block;
    type Fence = ();

    fn allocate(&self, _bytes: usize, _stream: StreamId) -> Result<Block, RawError> {
        let mut live = self.live.lock().unwrap();
        if live.len() == self.capacity {
            return Err(RawError::OutOfMemory);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        live.insert(id);
        Ok(Block { id, held: AtomicUsize::new(0) })
    }

    fn free(&self, block: Block, _bytes: usize, _stream: StreamId) {
        assert!(self.live.lock().unwrap().remove(&block.id), "freed twice");
        assert_eq!(block.held.load(Ordering::Relaxed), 0, "freed while held");
    }

    fn fence(&self, _stream: StreamId) {}

    fn passed(&self, (): &()) -> bool {
        self.done.load(Ordering::SeqCst)
    }

    fn wait(&self, (): &()) {
        self.done.store(true, Ordering::SeqCst);
    }
}

/// Holds a block for a moment, in which nobody else may.
fn hold(block: PooledBlock<Arc<Device>>) {
    assert_eq!(block.held.fetch_add(1, Ordering::Relaxed), 0, "held twice");
    thread::yield_now();
    block.held.fetch_sub(1, Ordering::Relaxed);
}

fn finish(device: &Arc<Device>, pool: Arc<Pool<Arc<Device>>>, allocations: u64) {
    let stats = pool.stats();
    assert_eq!((stats.allocations, stats.in_use), (allocations, 0));
    assert_eq!(stats.reserved, 512 * device.live());
    drop(pool);
    assert_eq!(device.live(), 0);
}

#[test]
fn two_streams_and_a_trim() {
    loom::model(|| {
        let device = Device::with_capacity(2);
        let pool = Pool::new(device.clone(), PoolConfig::default());
        let other = pool.clone();
        let thread = thread::spawn(move || hold(other.allocate(100, B).unwrap()));
        hold(pool.allocate(100, A).unwrap());
        pool.trim();
        thread.join().unwrap();
        finish(&device, pool, 2);
    });
}

#[test]
fn a_block_is_given_up_while_another_thread_runs_short() {
    loom::model(|| {
        let device = Device::with_capacity(1);
        let pool = Pool::new(device.clone(), PoolConfig::default());
        let block = pool.allocate(100, A).unwrap();
        let other = pool.clone();
        let thread = thread::spawn(move || other.allocate(600, A).map(drop).is_ok());
        drop(block);
        let served = thread.join().unwrap();
        // Short or not, the next request is served.
        drop(pool.allocate(600, A).unwrap());
        let stats = pool.stats();
        assert_eq!((stats.allocations, stats.in_use), (2 + u64::from(served), 0));
        drop(pool);
        assert_eq!(device.live(), 0);
    });
}

#[test]
fn a_request_waits_for_a_trim_in_progress() {
    loom::model(|| {
        let device = Device::with_capacity(1);
        let pool = Pool::new(device.clone(), PoolConfig::default());
        drop(pool.allocate(100, A).unwrap());
        let other = pool.clone();
        let thread = thread::spawn(move || other.trim());
        hold(pool.allocate(600, A).unwrap());
        thread.join().unwrap();
        assert_eq!(pool.stats().allocations, 2);
        drop(pool);
        assert_eq!(device.live(), 0);
    });
}

#[test]
fn a_request_that_is_short_waits_for_a_shared_block_beside_a_trim() {
    loom::model(|| {
        let device = Device::with_capacity(1);
        let pool = Pool::new(device.clone(), PoolConfig::default());
        let block = pool.allocate(100, A).unwrap();
        block.record_use(B);
        device.make_busy();
        drop(block);
        let other = pool.clone();
        let thread = thread::spawn(move || other.trim());
        hold(pool.allocate(600, B).unwrap());
        thread.join().unwrap();
        assert_eq!(pool.stats().allocations, 2);
        drop(pool);
        assert_eq!(device.live(), 0);
    });
}

#[test]
fn a_block_shared_by_two_threads_and_streams() {
    loom::model(|| {
        let device = Device::with_capacity(1);
        let pool = Pool::new(device.clone(), PoolConfig::default());
        let block = Arc::new(pool.allocate(100, A).unwrap());
        let other = block.clone();
        let thread = thread::spawn(move || {
            other.record_use(B);
            drop(other);
        });
        block.record_use(StreamId(2));
        drop(block);
        thread.join().unwrap();
        hold(pool.allocate(100, A).unwrap());
        finish(&device, pool, 2);
    });
}

#[test]
fn the_limit_holds_while_two_threads_grow() {
    loom::model(|| {
        let device = Device::with_capacity(usize::MAX);
        let pool = Pool::new(device.clone(), PoolConfig::default());
        pool.set_limit(Some(512));
        let other = pool.clone();
        let thread = thread::spawn(move || other.allocate(100, B).map(hold).is_ok());
        let here = pool.allocate(100, A).map(hold).is_ok();
        assert!(pool.stats().reserved <= 512 && device.live() <= 1);
        let there = thread.join().unwrap();
        assert!(here || there, "one of them had the limit to itself");
        finish(&device, pool, u64::from(here) + u64::from(there));
    });
}
