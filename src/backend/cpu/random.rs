//! Random numbers: Philox 4x32-10, a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3").
//!
//! The four words of counter `c` serve the elements `4c .. 4c + 4`. A uniform number is made of as many high bits of its word as
//! its type's precision holds, so it is exact and below 1; for f64 that takes two words, and a counter serves two elements. A
//! normal number is a function of one word for every type.

use super::blocks::{BLOCK, Section};
use super::operand::{Output, View};
use super::parallel;
use super::storage::Storage;
use crate::backend::normal::normal;
use crate::backend::op::Random;
use crate::dtype::DType;

/// Four random words for `counter`, a pure function of it and the key.
#[inline(always)]
fn philox(counter: u64, key: u64) -> [u32; 4] {
    let mut x = [counter as u32, (counter >> 32) as u32, 0, 0];
    let mut key = [key as u32, (key >> 32) as u32];
    for _ in 0..10 {
        let even = u64::from(x[0]) * 0xD251_1F53;
        let odd = u64::from(x[2]) * 0xCD9E_8D57;
        x = [(odd >> 32) as u32 ^ x[1] ^ key[0], odd as u32, (even >> 32) as u32 ^ x[3] ^ key[1], even as u32];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    x
}

/// Writes the words from element `start` (a multiple of 4) on; as many as there is room for.
struct Words<'a> {
    key: u64,
    start: usize,
    words: &'a mut [u32],
}

impl pulp::NullaryFnOnce for Words<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        /// Counters at a time: the words of each go to four arrays first, so that the loop over them is SIMD code.
        const COUNTERS: usize = 64;
        let mut counter = (self.start / 4) as u64;
        for words in self.words.chunks_mut(4 * COUNTERS) {
            let mut planes = [[0; COUNTERS]; 4];
            #[allow(clippy::needless_range_loop, reason = "this is the form that becomes SIMD code")]
            for i in 0..COUNTERS {
                let words = philox(counter.wrapping_add(i as u64), self.key);
                for word in 0..4 {
                    planes[word][i] = words[word];
                }
            }
            for (i, words) in words.chunks_mut(4).enumerate() {
                for (word, plane) in words.iter_mut().zip(&planes) {
                    *word = plane[i];
                }
            }
            counter = counter.wrapping_add(COUNTERS as u64);
        }
    }
}

/// Fills the row-major `out` with numbers that each take `WORDS` words.
fn draw<S: Storage, const WORDS: usize>(key: u64, out: &View, number: impl Fn([u32; WORDS]) -> S::Compute + Sync) {
    let output = Output::new::<S>(out);
    let len = out.layout.len();
    let work = |blocks: std::ops::Range<usize>| {
        let (mut words, mut stage) = ([0; 2 * BLOCK], Vec::new());
        for block in blocks {
            let start = block * BLOCK;
            let count = BLOCK.min(len - start);
            let words = &mut words[..count * WORDS];
            pulp::Arch::new().dispatch(Words { key, start: start * WORDS, words });
            let section =
                Section { shape: &[len], strides: &[1], offset: out.layout.offset() as isize, start, len: count };
            // SAFETY: the operation holds the exclusive lock, `View::new` checked the layout, which is row-major, and every
            // block is written by one call alone.
            unsafe {
                output.write(&section, &mut stage, |out| {
                    for (out, words) in out.iter_mut().zip(words.as_chunks().0) {
                        *out = number(*words);
                    }
                });
            }
        }
    };
    parallel::run(len >= parallel::THRESHOLD, || {
        parallel::for_each(len.div_ceil(BLOCK), parallel::THRESHOLD / 4 / BLOCK, &work);
    });
}

/// Fills `out`; `false` if the distribution isn't defined for the type.
pub fn random(op: Random, key: u64, out: &View) -> bool {
    match (op, out.dtype) {
        (Random::Uniform, DType::F32) => draw::<f32, 1>(key, out, |[w]| (w >> 8) as f32 * 2f32.powi(-24)),
        (Random::Uniform, DType::F16) => draw::<half::f16, 1>(key, out, |[w]| (w >> 21) as f32 * 2f32.powi(-11)),
        (Random::Uniform, DType::BF16) => draw::<half::bf16, 1>(key, out, |[w]| (w >> 24) as f32 * 2f32.powi(-8)),
        (Random::Uniform, DType::F64) => draw::<f64, 2>(key, out, |[high, low]| {
            let bits = u64::from(high) << 32 | u64::from(low);
            (bits >> 11) as f64 * 2f64.powi(-53)
        }),
        (Random::Normal, DType::F32) => draw::<f32, 1>(key, out, |[w]| normal(w)),
        (Random::Normal, DType::F16) => draw::<half::f16, 1>(key, out, |[w]| normal(w)),
        (Random::Normal, DType::BF16) => draw::<half::bf16, 1>(key, out, |[w]| normal(w)),
        (Random::Normal, DType::F64) => draw::<f64, 1>(key, out, |[w]| f64::from(normal(w))),
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::philox;

    /// The known answers that come with the authors' implementation (Random123).
    #[test]
    fn philox_gives_the_published_words() {
        assert_eq!(philox(0, 0), [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]);
    }
}
