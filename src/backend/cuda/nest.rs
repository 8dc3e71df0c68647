//! The host's half of `tilework/nest.h`: loops over several axes as one index.

use super::abi::{TW_MAX_RANK, TwNest, TwWideDivisor};

/// The largest rank of a [`TwNest`].
pub(crate) const MAX_RANK: usize = TW_MAX_RANK as usize;

impl TwWideDivisor {
    /// A divisor of 1 to 2^62.
    pub(crate) const fn new(divisor: u64) -> Self {
        debug_assert!(divisor > 0 && divisor <= 1 << 62);
        let shift = divisor.next_power_of_two().trailing_zeros();
        let excess = (1u128 << shift) - divisor as u128;
        let multiplier = ((excess << 64) / divisor as u128 + 1) as u64;
        Self { divisor, multiplier, shift }
    }
}

impl TwNest {
    /// Loops over `shape` (at most [`MAX_RANK`] axes, outermost first) with a list of strides for each operand.
    pub(crate) fn new<const N: usize>(shape: &[usize], strides: [&[isize]; N]) -> Self {
        debug_assert!(shape.len() <= MAX_RANK && N <= 3);
        let mut nest = Self { rank: shape.len() as u32, ..Self::default() };
        for (axis, &len) in shape.iter().enumerate() {
            nest.sizes[axis] = TwWideDivisor::new(len as u64);
            for (operand, strides) in strides.iter().enumerate() {
                nest.strides[operand][axis] = strides[axis] as i64;
            }
        }
        nest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tilework_host_twins::{twin_divide_wide, twin_nest_offset};

    fn divide(n: u64, divisor: u64) -> u64 {
        let TwWideDivisor { multiplier, shift, .. } = TwWideDivisor::new(divisor);
        // SAFETY: arithmetic on values alone.
        unsafe { twin_divide_wide(n, multiplier, shift) }
    }

    #[test]
    fn exact_beside_multiples_and_powers_of_two() {
        let powers =
            (0..63u32).flat_map(|bit| (0..5u64).map(move |near| (1u64 << bit).saturating_add(near) - 2.min(1 << bit)));
        let numbers: Vec<u64> = powers.chain(0..40).collect();
        let most = (1u64 << 63) - 1;
        for divisor in numbers.iter().copied().filter(|&d| d > 0 && d <= 1 << 62) {
            let last = most / divisor;
            let around = [1, 2, last / 2, last].into_iter().flat_map(|k| {
                let n = k * divisor;
                [n.saturating_sub(1), n, (n + 1).min(most)]
            });
            for n in around.chain(numbers.iter().copied()) {
                assert_eq!(divide(n, divisor), n / divisor, "{n} / {divisor}");
            }
        }
    }

    proptest! {
        #[test]
        fn exact_at_random(n in 0..1u64 << 63, bits in 0u32..62, noise: u64) {
            let divisor = (1u64 << bits) | (noise & ((1 << bits) - 1));
            prop_assert_eq!(divide(n, divisor), n / divisor);
        }

        #[test]
        fn an_index_becomes_the_offset_of_its_coordinates(
            axes in prop::collection::vec((1usize..9, -1000isize..1000), 0..=MAX_RANK),
            pick: prop::sample::Index,
        ) {
            let shape: Vec<usize> = axes.iter().map(|axis| axis.0).collect();
            let strides: Vec<isize> = axes.iter().map(|axis| axis.1).collect();
            let n = pick.index(shape.iter().product());
            let mut rest = n;
            let mut expected = 0;
            for (&len, &stride) in shape.iter().zip(&strides).rev() {
                expected += (rest % len) as isize * stride;
                rest /= len;
            }
            let nest = TwNest::new(&shape, [&strides]);
            // SAFETY: the struct has the layout of the one that the twin reads, by abi.rs.
            let found = unsafe { twin_nest_offset((&raw const nest).cast(), n as u64) };
            prop_assert_eq!(found, expected as i64);
        }
    }
}
