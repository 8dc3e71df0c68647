//! One test for each promise of the pool.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::fake::Fake;
use crate::error::Error;
use crate::memory::{MemoryStats, Pool, PoolConfig, StreamId};

const A: StreamId = StreamId::DEFAULT;
const B: StreamId = StreamId(1);
const C: StreamId = StreamId(2);
const MIB: usize = 1 << 20;
const BYPASS: PoolConfig = PoolConfig { bypass: true, poison: false };

fn device(capacity: usize) -> (Arc<Fake>, Arc<Pool<Arc<Fake>>>) {
    let fake = Fake::with_capacity(capacity);
    (fake.clone(), Pool::new(fake, PoolConfig::default()))
}

#[test]
fn a_released_block_is_reused_on_its_stream_without_a_fence() {
    let (fake, pool) = device(MIB);
    let first = pool.allocate(1000, A).unwrap();
    fake.queue(&first, A);
    let range = first.range();
    drop(first);
    let second = pool.allocate(700, A).unwrap();
    assert_eq!(second.range(), range);
    assert_eq!((second.bytes(), second.size(), second.stream()), (700, 1024, A));
    assert_eq!((fake.allocations(), fake.fences()), (1, 0));
}

#[test]
fn the_block_released_last_is_reused_first() {
    let (_fake, pool) = device(MIB);
    let blocks = [pool.allocate(512, A).unwrap(), pool.allocate(512, A).unwrap()];
    let last = blocks[1].range();
    drop(blocks);
    assert_eq!(pool.allocate(512, A).unwrap().range(), last);
}

#[test]
fn another_stream_gets_a_block_only_behind_a_fence_and_one_fence_covers_all() {
    let (fake, pool) = device(MIB);
    let blocks = [(); 3].map(|()| pool.allocate(512, A).unwrap());
    blocks.iter().for_each(|block| fake.queue(block, A));
    drop(blocks);
    assert_eq!(fake.fences(), 0);

    let other = pool.allocate(512, B).unwrap();
    fake.check_handed_out(&other, B);
    assert_eq!((fake.allocations(), fake.fences()), (4, 1));

    fake.finish(A);
    let reused = [(); 3].map(|()| pool.allocate(512, B).unwrap());
    reused.iter().for_each(|block| fake.check_handed_out(block, B));
    assert_eq!((fake.allocations(), fake.fences()), (4, 1));
}

#[test]
fn a_block_released_after_a_fence_needs_a_later_one() {
    let (fake, pool) = device(MIB);
    let [first, second] = [(); 2].map(|()| pool.allocate(512, A).unwrap());
    fake.queue(&first, A);
    drop(first);
    let _fenced = pool.allocate(512, B).unwrap();
    fake.queue(&second, A);
    drop(second);
    fake.advance(A, 1);
    let one = pool.allocate(512, B).unwrap();
    fake.check_handed_out(&one, B);
    assert_eq!(fake.allocations(), 3);
    let two = pool.allocate(512, B).unwrap();
    fake.check_handed_out(&two, B);
    assert_eq!(fake.allocations(), 4);
}

#[test]
fn a_shared_block_waits_for_the_streams_it_was_used_on() {
    let (fake, pool) = device(MIB);
    let block = pool.allocate(512, A).unwrap();
    let range = block.range();
    fake.queue(&block, B);
    fake.queue(&block, C);
    drop(block);
    fake.finish(B);
    assert_eq!(pool.stats().largest_free, 0);
    assert_ne!(pool.allocate(600, A).unwrap().range(), range);
    assert_ne!(pool.allocate(512, A).unwrap().range(), range);
    fake.finish(C);
    let _newer = pool.allocate(512, A).unwrap();
    assert_eq!(pool.allocate(512, A).unwrap().range(), range);
}

#[test]
fn large_blocks_are_a_best_fit_within_a_quarter() {
    let (fake, pool) = device(1024 * MIB);
    let [small, large, huge] = [80, 96, 200].map(|mib| pool.allocate(mib * MIB, A).unwrap());
    let [first, second] = [&small, &large].map(|block| block.range());
    drop((huge, large, small));
    assert_eq!(pool.stats().largest_free, 200 * MIB);
    let best = pool.allocate(79 * MIB, A).unwrap();
    assert_eq!((best.range(), best.size()), (first, 80 * MIB));
    assert_eq!(pool.allocate(78 * MIB, A).unwrap().range(), second);
    assert_eq!(fake.allocations(), 3);
    let _too_loose = pool.allocate(150 * MIB, A).unwrap();
    assert_eq!(fake.allocations(), 4);
}

#[test]
fn statistics() {
    let (_fake, pool) = device(MIB);
    assert_eq!(pool.stats(), MemoryStats::default());
    let [one, two] = [600, 5000].map(|bytes| pool.allocate(bytes, A).unwrap());
    drop(one);
    let held = MemoryStats {
        allocations: 2,
        reuses: 0,
        in_use: 5120,
        peak_in_use: 6144,
        reserved: 6144,
        largest_free: 1024,
        limit: None,
    };
    assert_eq!(pool.stats(), held);
    let again = pool.allocate(1024, A).unwrap();
    let reused = MemoryStats { allocations: 3, reuses: 1, in_use: 6144, largest_free: 0, ..held };
    assert_eq!(pool.stats(), reused);
    drop((again, two));
    assert_eq!(pool.trim(), 6144);
    let trimmed = MemoryStats { in_use: 0, reserved: 0, ..reused };
    assert_eq!(pool.stats(), trimmed);
}

#[test]
fn zero_bytes_are_a_block_of_their_own() {
    let (_fake, pool) = device(MIB);
    let [one, two] = [(); 2].map(|()| pool.allocate(0, A).unwrap());
    assert_eq!((one.bytes(), one.size()), (0, 512));
    assert_ne!(one.range(), two.range());
}

#[test]
fn out_of_memory_trims_once_and_then_fails_with_the_figures() {
    let (fake, pool) = device(16 * 1024);
    let kept = pool.allocate(4096, A).unwrap();
    let cached = pool.allocate(8192, A).unwrap();
    fake.queue(&cached, A);
    drop(cached);
    let _grown = pool.allocate(12 * 1024, A).unwrap();
    assert_eq!(pool.stats().reserved, 16 * 1024);

    let error = pool.allocate(1, A).err().unwrap();
    let (requested, in_use, reserved, limit) = (1, 16 * 1024, 16 * 1024, None);
    assert_eq!(error, Error::OutOfMemory { requested, in_use, reserved, limit });
    drop(kept);
    pool.allocate(1, A).unwrap();
}

#[test]
fn out_of_memory_waits_for_shared_blocks() {
    let (fake, pool) = device(1024);
    let block = pool.allocate(1024, A).unwrap();
    fake.queue(&block, B);
    drop(block);
    let block = pool.allocate(512, A).unwrap();
    fake.check_handed_out(&block, A);
}

#[test]
fn sizes_beyond_the_address_space_are_out_of_memory() {
    let (_fake, pool) = device(MIB);
    for bytes in [usize::MAX, isize::MAX as usize] {
        let error = pool.allocate(bytes, A).err().unwrap();
        assert_eq!(error, Error::OutOfMemory { requested: bytes, in_use: 0, reserved: 0, limit: None });
    }
    pool.allocate(1, A).unwrap();
}

#[test]
fn the_limit_bounds_what_is_reserved() {
    let (fake, pool) = device(MIB);
    pool.set_limit(Some(4096));
    let block = pool.allocate(2048, A).unwrap();
    drop(pool.allocate(1024, A).unwrap());
    let second = pool.allocate(2048, A).unwrap();
    assert_eq!((pool.stats().reserved, fake.bytes_allocated()), (4096, 4096));
    let error = pool.allocate(512, A).err().unwrap();
    assert_eq!(error, Error::OutOfMemory { requested: 512, in_use: 4096, reserved: 4096, limit: Some(4096) });

    drop(second);
    pool.set_limit(Some(1024));
    assert_eq!(pool.stats().reserved, 2048);
    assert!(pool.allocate(512, A).is_err());
    drop(block);
    pool.allocate(512, A).unwrap();
    assert_eq!(pool.stats().reserved, 512);
    pool.set_limit(None);
    pool.allocate(MIB / 2, A).unwrap();
}

#[test]
fn other_errors_pass_through_untouched() {
    let (fake, pool) = device(MIB);
    let cached = pool.allocate(512, A).unwrap();
    drop(cached);
    let failure = Error::Driver { device: "fake".to_owned(), op: Some("allocate"), message: "broken".to_owned() };
    fake.fail_next(failure.clone());
    assert_eq!(pool.allocate(1024, A).err(), Some(failure));
    assert_eq!(pool.stats().reserved, 512, "nothing was trimmed");
    pool.allocate(1024, A).unwrap();
}

#[test]
fn bypass_takes_exact_sizes_and_keeps_nothing() {
    let fake = Fake::with_capacity(MIB);
    let pool = Pool::new(fake.clone(), BYPASS);
    let [none, odd] = [0, 1001].map(|bytes| pool.allocate(bytes, A).unwrap());
    assert_eq!((none.size(), odd.size()), (1, 1001));
    fake.queue(&odd, B);
    drop(odd);
    assert_eq!((pool.stats().reserved, fake.bytes_allocated()), (1, 1));
    let _again = pool.allocate(1001, A).unwrap();
    assert_eq!((pool.stats().reuses, fake.allocations()), (0, 3));
}

#[test]
fn dropping_the_pool_frees_everything_after_the_last_block() {
    let (fake, pool) = device(MIB);
    let [kept, cached, shared] = [512, 1024, 2048].map(|bytes| pool.allocate(bytes, A).unwrap());
    fake.queue(&shared, B);
    drop((cached, shared, pool));
    assert_eq!(fake.bytes_allocated(), 3584);
    drop(kept);
    assert_eq!(fake.bytes_allocated(), 0);
}

#[test]
fn a_panic_while_blocks_are_held_leaves_the_pool_usable() {
    let (fake, pool) = device(MIB);
    let held = AssertUnwindSafe(pool.clone());
    let panicked = catch_unwind(move || {
        let _block = held.allocate(512, A).unwrap();
        panic!("in user code");
    });
    assert!(panicked.is_err());
    assert_eq!(pool.stats().in_use, 0);
    drop(pool.allocate(512, A).unwrap());

    // And one with the lock held, which poisons it.
    fake.panic_at_fence(true);
    assert!(catch_unwind(AssertUnwindSafe(|| pool.allocate(512, B))).is_err());
    fake.panic_at_fence(false);
    pool.allocate(512, B).unwrap();
    let MemoryStats { allocations, reuses, in_use, reserved, .. } = pool.stats();
    assert_eq!((allocations, reuses, in_use, reserved), (3, 2, 0, 512));
}

#[test]
fn threads_share_a_pool() {
    let (fake, pool) = device(64 * MIB);
    thread::scope(|scope| {
        for index in 0..4u8 {
            let (fake, pool) = (&fake, &pool);
            scope.spawn(move || {
                let stream = StreamId(index % 2);
                for round in 0..200usize {
                    let block = pool.allocate(512 + 700 * (round % 7), stream).unwrap();
                    fake.check_handed_out(&block, stream);
                    fake.queue(&block, stream);
                    if round % 50 == 49 {
                        pool.trim();
                    }
                    fake.advance(stream, 1);
                }
            });
        }
    });
    let stats = pool.stats();
    assert_eq!((stats.allocations, stats.in_use), (800, 0));
    assert_eq!(stats.reuses, 800 - fake.allocations());
    assert_eq!(stats.reserved, fake.bytes_allocated());
}

#[test]
fn configuration_by_environment() {
    let parse = |pool: &str, poison: &str| {
        PoolConfig::from_variables(|name| match name {
            "TILEWORK_POOL" => Some(pool.to_owned()),
            "TILEWORK_POISON" => Some(poison.to_owned()),
            _ => None,
        })
    };
    assert_eq!(parse("off", "1"), PoolConfig { bypass: true, poison: true });
    assert_eq!(parse("on", "0"), PoolConfig::default());
    assert_eq!(PoolConfig::from_variables(|_| None), PoolConfig::default());
}

#[test]
fn streams_are_numbered_below_their_count() {
    assert_eq!(StreamId::new(0), Some(StreamId::DEFAULT));
    assert!(StreamId::new(63).is_some());
    assert_eq!(StreamId::new(64), None);
}

#[test]
#[ignore = "a measurement, meaningful in release: cargo test --release --lib memory -- --ignored --nocapture"]
fn a_hot_allocation_and_release_take_under_200_ns() {
    let (_fake, pool) = device(1024 * MIB);
    let held: Vec<_> = (0..1000).map(|index| pool.allocate(index * 1111, A).unwrap()).collect();
    drop(held);
    for bytes in [1000, 1 << 20, 100 << 20] {
        drop(pool.allocate(bytes, A).unwrap());
        let round = || {
            let start = Instant::now();
            for _ in 0..10_000 {
                drop(std::hint::black_box(pool.allocate(std::hint::black_box(bytes), A)));
            }
            start.elapsed() / 10_000
        };
        let best = (0..20).map(|_| round()).min().unwrap_or_default();
        println!("{bytes} bytes: {} ns", best.as_nanos());
        assert!(best < Duration::from_nanos(200));
    }
}
