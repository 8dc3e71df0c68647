use std::collections::HashMap;

use tilework_host_twins::{
    twin_mma_chunk, twin_tile_at, twin_wgmma_descriptor, twin_wgmma_descriptor_step, twin_wgmma_work,
};

fn tile_at(index: u32, tiles_m: u32, tiles_n: u32, group: u32) -> [u32; 3] {
    let mut tile = [0; 3];
    // SAFETY: the pointer is to a live array of the length that twins.h declares.
    unsafe { twin_tile_at(index, tiles_m, tiles_n, group, tile.as_mut_ptr()) };
    tile
}

#[test]
fn every_tile_is_visited_once() {
    for tiles_m in 1..=20 {
        for tiles_n in 1..=20 {
            for group in 1..=tiles_m {
                let batches = 3;
                let mut seen = vec![false; (tiles_m * tiles_n * batches) as usize];
                for index in 0..tiles_m * tiles_n * batches {
                    let [m, n, batch] = tile_at(index, tiles_m, tiles_n, group);
                    assert!(
                        m < tiles_m && n < tiles_n && batch < batches,
                        "{tiles_m} x {tiles_n} by {group}: {m}, {n}"
                    );
                    let tile = &mut seen[((batch * tiles_m + m) * tiles_n + n) as usize];
                    assert!(!std::mem::replace(tile, true), "{tiles_m} x {tiles_n} by {group}: {m}, {n} twice");
                }
            }
        }
    }
}

/// A full band of 8 rows of tiles is left only when all its columns are done.
#[test]
fn tiles_are_walked_in_bands() {
    let band = |index| tile_at(index, 20, 9, 8)[0] / 8;
    assert!((0..20 * 9).is_sorted_by_key(band));
    assert_eq!((0..10).map(|index| tile_at(index, 20, 9, 8)[1]).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
}

/// The last index that a launch may have is still exact.
#[test]
fn large_grids_do_not_overflow() {
    let last = (1 << 31) - 1;
    assert_eq!(tile_at(last, 1, 1 << 31, 1), [0, last, 0]);
    assert_eq!(tile_at(last, 1 << 31, 1, 8), [last, 0, 0]);
    assert_eq!(tile_at(last, 1, 1, 1), [0, 0, last]);
}

/// In clusters of every shape, every tile is computed over all of k, each block of k once, and has a number of its own.
#[test]
fn clusters_cover_every_tile_and_all_of_k() {
    let batch = [2, 3];
    for [tiles_m, tiles_n, depth] in [[1, 1, 64], [3, 5, 33], [8, 4, 32]] {
        for [rows, slices] in [[1, 1], [2, 1], [4, 1], [1, 8], [2, 4]] {
            for splits in [1, 3] {
                let problem = [tiles_m, tiles_n, batch[0], batch[1], 2, splits];
                let place = |block: u32| [rows, slices, block % rows, block / rows];
                let work = |index, block: u32| {
                    let mut work = [0; 7];
                    // SAFETY: the pointers are to live arrays of the lengths that twins.h declares.
                    let items = unsafe {
                        twin_wgmma_work(problem.as_ptr(), place(block).as_ptr(), index, depth, work.as_mut_ptr())
                    };
                    (items, work)
                };
                let mut parts = HashMap::new();
                let mut numbers = HashMap::new();
                for index in 0..work(0, 0).0 {
                    for block in 0..rows * slices {
                        let [m, n, outer, inner, tile, begin, end] = work(index, block).1;
                        assert!(outer < batch[0] && inner < batch[1] && begin < end && end <= depth);
                        assert_eq!(*numbers.entry(tile).or_insert((m, n, outer, inner)), (m, n, outer, inner));
                        parts.entry((m, n, outer, inner)).or_insert_with(Vec::new).push((begin, end));
                    }
                }
                for m in 0..tiles_m {
                    for n in 0..tiles_n {
                        for matrix in 0..batch[0] * batch[1] {
                            let mut found = parts[&(m, n, matrix / batch[1], matrix % batch[1])].clone();
                            found.sort_unstable();
                            assert_eq!((found[0].0, found[found.len() - 1].1), (0, depth));
                            assert!(found.windows(2).all(|pair| pair[0].1 == pair[1].0), "{found:?}");
                        }
                    }
                }
                assert_eq!(numbers.len(), parts.len());
            }
        }
    }
}

/// Fields of a shared-memory descriptor as the PTX ISA numbers its bits.
#[test]
fn descriptors_of_factors() {
    for address in (0..227 << 10).step_by(1024) {
        for mn_major in [false, true] {
            // SAFETY: both functions take values alone.
            let (descriptor, step) =
                unsafe { (twin_wgmma_descriptor(address, mn_major, 64), twin_wgmma_descriptor_step(mn_major)) };
            assert_eq!(descriptor & 0x3fff, u64::from(address >> 4));
            assert_eq!(descriptor >> 16 & 0x3fff, if mn_major { 64 * 128 / 16 } else { 1 }, "between blocks of 64");
            assert_eq!(descriptor >> 32 & 0x3fff, 1024 / 16, "between atoms");
            assert_eq!(descriptor >> 49 & 7, 0, "buffers are aligned to atoms");
            assert_eq!(descriptor >> 62, 1, "the 128-byte swizzle");
            // Four steps of 16 stay in the row of a K-major factor, and in the buffer of an MN-major one.
            assert_eq!(step, if mn_major { 16 * 128 / 16 } else { 16 * 2 / 16 });
            assert_eq!((descriptor + 3 * step) >> 14, descriptor >> 14, "steps do not carry out of the address");
        }
    }
}

/// A block of 128 x 32 fills 8 KiB without gaps, and the rows of one matrix load lie in different banks.
#[test]
fn chunks_of_a_block() {
    // SAFETY: the function takes values alone.
    let chunk = |mn_major, l, k| unsafe { twin_mma_chunk(mn_major, l, k) };
    for mn_major in [false, true] {
        let chunks: Vec<u32> = match mn_major {
            false => (0..128)
                .flat_map(|l| (0..32).step_by(8).map(move |k| (l, k)))
                .map(|(l, k)| chunk(false, l, k))
                .collect(),
            true => {
                (0..32).flat_map(|k| (0..128).step_by(8).map(move |l| (l, k))).map(|(l, k)| chunk(true, l, k)).collect()
            }
        };
        let mut sorted = chunks.clone();
        sorted.sort();
        assert_eq!(sorted, (0..8192).step_by(16).collect::<Vec<_>>());
        for first in (0..128).step_by(8) {
            for k in (0..32).step_by(8) {
                let banks =
                    (0..8).map(|row| if mn_major { chunk(true, first, k + row) } else { chunk(false, first + row, k) });
                let mut banks: Vec<u32> = banks.map(|byte| byte / 16 % 8).collect();
                banks.sort();
                assert_eq!(banks, [0, 1, 2, 3, 4, 5, 6, 7], "matrix at {first}, {k}");
            }
        }
    }
}
