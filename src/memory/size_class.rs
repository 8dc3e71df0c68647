//! Size classes: what a request is rounded to, so that blocks of slightly different tensors are interchangeable.
//!
//! | request          | rounded up to                              | waste                    |
//! |------------------|--------------------------------------------|--------------------------|
//! | up to 2 KiB      | a multiple of 512 B                        | under 512 B              |
//! | up to 64 MiB     | one of four steps between powers of two    | under a fifth of a block |
//! | above            | a multiple of 2 MiB                        | under 2 MiB              |

use std::ops::RangeInclusive;

/// The smallest block, and the alignment of every block's size.
pub(super) const GRANULE: usize = 512;
const STEPS_PER_DOUBLING: usize = 4;
const LARGE: usize = 64 << 20;
const LARGE_GRANULE: usize = 2 << 20;

/// The block size for a request, or `None` where no address space could hold it. Zero bytes take the smallest block,
/// so that every tensor has an address of its own.
pub(super) fn round_up(bytes: usize) -> Option<usize> {
    let bytes = bytes.max(1);
    let step = if bytes > LARGE {
        LARGE_GRANULE
    } else {
        // The largest power of two strictly below the request starts its doubling.
        let below = bytes.next_power_of_two() / 2;
        (below / STEPS_PER_DOUBLING).max(GRANULE)
    };
    bytes.checked_next_multiple_of(step).filter(|&size| size <= isize::MAX as usize)
}

/// The sizes of cached blocks that may serve a block of `size` (itself rounded), best fit first: small ones only their
/// own class, large ones up to a quarter more, because a new large block costs more than the waste.
pub(super) fn fitting(size: usize) -> RangeInclusive<usize> {
    let slack = if size > LARGE { size / 4 } else { 0 };
    size..=size.saturating_add(slack)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classes_of_small_sizes() {
        let classes: Vec<usize> = (1..=8192).map(|bytes| round_up(bytes).unwrap()).collect();
        let mut distinct = classes.clone();
        distinct.dedup();
        let expected = [512, 1024, 1536, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192];
        assert_eq!(distinct, expected);
    }

    #[test]
    fn edges() {
        assert_eq!(round_up(0), Some(GRANULE));
        assert_eq!(round_up(LARGE), Some(LARGE));
        assert_eq!(round_up(LARGE + 1), Some(LARGE + LARGE_GRANULE));
        assert_eq!(round_up(isize::MAX as usize), None);
        assert_eq!(round_up(usize::MAX), None);
        let largest = (isize::MAX as usize / LARGE_GRANULE) * LARGE_GRANULE;
        assert_eq!(round_up(largest), Some(largest));
        assert_eq!(round_up(largest + 1), None);
    }

    proptest! {
        #[test]
        fn rounding_is_bounded_monotone_and_idempotent(bytes in (0u32..60).prop_flat_map(|bits| 0usize..=1 << bits)) {
            let size = round_up(bytes).unwrap();
            prop_assert!(size >= bytes && size.is_multiple_of(GRANULE));
            prop_assert_eq!(round_up(size), Some(size));
            prop_assert!(round_up(bytes + 1).unwrap() >= size);
            let waste = size - bytes.max(1);
            let bound = if bytes <= 2048 { GRANULE } else if bytes <= LARGE { size / 5 + 1 } else { LARGE_GRANULE };
            prop_assert!(waste < bound, "{bytes} wastes {waste}");
        }

        #[test]
        fn a_fitting_block_wastes_at_most_a_quarter(bytes in 1usize..=1 << 40) {
            let size = round_up(bytes).unwrap();
            let fitting = fitting(size);
            prop_assert_eq!(*fitting.start(), size);
            let slack = if size > LARGE { size / 4 } else { 0 };
            prop_assert_eq!(*fitting.end(), size + slack);
        }
    }
}
