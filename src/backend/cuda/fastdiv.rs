//! The host's half of `tilework/fastdiv.h`: turns a divisor into the multiplication and shift that replace it.

use super::abi::TwDivisor;

impl TwDivisor {
    /// The largest dividend that `tw::divide` takes.
    pub(crate) const MAX_DIVIDEND: u32 = (1 << 31) - 1;

    /// A divisor of 1 to 2^31; 0 counts as 1, since the axis of length 0 that it comes from has no index to divide.
    pub(crate) const fn new(divisor: u32) -> TwDivisor {
        let divisor = if divisor == 0 { 1 } else { divisor };
        debug_assert!(divisor <= 1 << 31);
        let shift = divisor.next_power_of_two().trailing_zeros();
        let excess = (1u64 << shift) - divisor as u64;
        let multiplier = ((excess << 32) / divisor as u64 + 1) as u32;
        TwDivisor { divisor, multiplier, shift }
    }
}

#[cfg(test)]
mod tests {
    use super::TwDivisor;
    use proptest::prelude::*;
    use tilework_host_twins::twin_divide;

    fn divide(n: u32, divisor: u32) -> u32 {
        let TwDivisor { multiplier, shift, .. } = TwDivisor::new(divisor);
        // SAFETY: arithmetic on values alone.
        unsafe { twin_divide(n, multiplier, shift) }
    }

    /// The numbers within 2 of a power of two, up to `most`, and the small ones.
    fn edges(most: u32) -> Vec<u32> {
        let powers = (0..32).flat_map(|bit| (-2i64..=2).map(move |near| (1i64 << bit) + near));
        let mut edges: Vec<u32> =
            powers.chain(0..600).filter_map(|n| u32::try_from(n).ok()).filter(|&n| n <= most).collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    #[test]
    fn exact_at_every_pair_of_edges() {
        for divisor in edges(1 << 31).into_iter().filter(|&d| d > 0) {
            // Multiples of the divisor and their neighbours are where a rounded reciprocal goes wrong first.
            let last = TwDivisor::MAX_DIVIDEND / divisor;
            let around = [1, 2, 3, last / 2, last]
                .map(|k: u32| k.saturating_mul(divisor))
                .into_iter()
                .flat_map(|n| [n.saturating_sub(1), n, n.saturating_add(1)]);
            for n in edges(TwDivisor::MAX_DIVIDEND).into_iter().chain(around).filter(|&n| n <= TwDivisor::MAX_DIVIDEND)
            {
                assert_eq!(divide(n, divisor), n / divisor, "{n} / {divisor}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn exact_at_random(n in 0..=TwDivisor::MAX_DIVIDEND, bits in 0u32..32, noise: u32) {
            let divisor = (1u32 << bits) | (noise & ((1 << bits) - 1));
            let divisor = divisor.min(1 << 31);
            prop_assert_eq!(divide(n, divisor), n / divisor);
        }
    }
}
