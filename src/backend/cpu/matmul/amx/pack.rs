//! Factors packed as tiles.

use std::arch::x86_64::*;

use super::tile::{EDGE, Machine, Tile};

/// Steps of a tile.
pub const STEPS: usize = 32;

/// A part of a factor: rows of `a` or columns of `b`.
#[derive(Clone, Copy)]
pub struct Lines {
    pub start: *const u16,
    /// From a line to the next, and from a step to the next.
    pub strides: [isize; 2],
    pub lines: usize,
    pub steps: usize,
}

/// What a row of a tile is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// 32 steps of a line, as the unit takes `a`.
    Rows,
    /// A pair of steps of 16 lines, as it takes `b`: the even ones of 32 in one tile, the odd ones in another.
    Columns,
}

/// The bits of the least magnitude of a part, less one: zeros, which do not count, become the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least(u16);

impl Least {
    #[cfg(test)]
    pub fn of(magnitude: u16) -> Self {
        Self(magnitude.wrapping_sub(1))
    }

    /// Whether a factor, or a sum of products of these factors, may be subnormal.
    ///
    /// A factor with the exponent bits `e` is a multiple of 2^(e - 134), and a sum of products, rounded or not, is a multiple of the
    /// product of such units: if that is no less than 2^-126, the least normal f32, then so is each sum that is not zero.
    pub fn may_be_subnormal(a: Self, b: Self) -> bool {
        let [a, b] = [a, b].map(|least| (u32::from(least.0) + 1) >> 7);
        a == 0 || b == 0 || a + b < 2 * 134 - 126
    }
}

impl Lines {
    /// Packs the part: for each 32 lines and each 32 steps two tiles, filled up with zeros. Returns how small its numbers are.
    ///
    /// # Safety
    /// The part must be valid for reads, written by no one meanwhile, and lie outside `out`.
    pub unsafe fn pack(&self, form: Form, out: &mut [Tile], _: Machine) -> Least {
        // SAFETY: the machine has these vectors, and the caller vouches for the part.
        unsafe { self.pack_by_vectors(form, out) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn pack_by_vectors(&self, form: Form, out: &mut [Tile]) -> Least {
        let (groups, deep) = (self.lines.div_ceil(EDGE), self.steps.div_ceil(STEPS));
        let pairs = &mut out.as_chunks_mut::<2>().0[..groups * deep];
        let mut least = _mm512_set1_epi16(-1);
        for i in 0..groups * deep {
            // Along what lies closer together, so that memory is read straight on.
            let [group, step] = if self.strides[0] == 1 { [i % groups, i / groups] } else { [i / deep, i % deep] };
            let (first, begin) = ((group * EDGE) as isize, (step * STEPS) as isize);
            let start = self.start.wrapping_offset(first * self.strides[0] + begin * self.strides[1]);
            let (lines, steps) = (EDGE.min(self.lines - group * EDGE), STEPS.min(self.steps - step * STEPS));
            let part = Lines { start, lines, steps, ..*self };
            let pair = &mut pairs[group * deep + step];
            let [along_steps, along_lines] = [self.strides[1] == 1, self.strides[0] == 1];
            // SAFETY: the caller vouches for the whole, of which this is a part.
            unsafe {
                match [along_steps, along_lines] {
                    [true, _] => part.along_steps(form, pair, &mut least),
                    [_, true] => part.along_lines(pair, &mut least),
                    _ => part.apart(form, pair, &mut least),
                }
            }
            if along_lines && !along_steps {
                if form == Form::Rows {
                    turn(pair);
                    in_order(pair);
                }
            } else if form == Form::Columns {
                turn(pair);
            }
        }
        Least(from_vector(least).into_iter().flat_map(|x| [x as u16, (x >> 16) as u16]).min().unwrap_or(u16::MAX))
    }

    /// Two tiles whose rows are the lines: one after the other, or, to be turned to columns, the even and the odd ones.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn along_steps(&self, form: Form, pair: &mut [Tile; 2], least: &mut __m512i) {
        let [next, other] = if form == Form::Rows { [1, EDGE / 2] } else { [2, 1] };
        let mask = u32::MAX >> (STEPS - self.steps);
        let mut all = *least;
        for (half, tile) in pair.iter_mut().enumerate() {
            for (i, row) in tile.0.iter_mut().enumerate() {
                let line = half * other + i * next;
                let mask = if line < self.lines { mask } else { 0 };
                let at = self.start.wrapping_offset(line as isize * self.strides[0]);
                // SAFETY: the caller vouches for the elements that the mask leaves.
                let x = unsafe { _mm512_maskz_loadu_epi16(mask, at.cast()) };
                all = lesser(all, x);
                *row = from_vector(x);
            }
        }
        *least = all;
    }

    /// Two tiles of 16 rows each, a row being a pair of steps of the even lines, and of the odd.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn along_lines(&self, [even, odd]: &mut [Tile; 2], least: &mut __m512i) {
        let mask = u32::MAX >> (EDGE - self.lines);
        let mut all = *least;
        for p in 0..STEPS / 2 {
            let [x, y] = [2 * p, 2 * p + 1].map(|step| {
                let mask = if step < self.steps { mask } else { 0 };
                let at = self.start.wrapping_offset(step as isize * self.strides[1]);
                // SAFETY: as in `along_steps`.
                unsafe { _mm512_maskz_loadu_epi16(mask, at.cast()) }
            });
            all = lesser(lesser(all, x), y);
            even.0[p] = from_vector(_mm512_mask_blend_epi16(0xAAAA_AAAA, x, _mm512_slli_epi32::<16>(y)));
            odd.0[p] = from_vector(_mm512_mask_blend_epi16(0xAAAA_AAAA, _mm512_srli_epi32::<16>(x), y));
        }
        *least = all;
    }

    /// As [`along_steps`](Self::along_steps), element by element.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn apart(&self, form: Form, pair: &mut [Tile; 2], least: &mut __m512i) {
        let mut lines = [[0u16; STEPS]; EDGE];
        for (i, line) in lines.iter_mut().enumerate().take(self.lines) {
            for (p, x) in line.iter_mut().enumerate().take(self.steps) {
                let at = i as isize * self.strides[0] + p as isize * self.strides[1];
                // SAFETY: the caller vouches for the elements.
                *x = unsafe { *self.start.offset(at) };
            }
        }
        let part = Lines { start: lines.as_ptr().cast(), strides: [STEPS as isize, 1], lines: EDGE, steps: STEPS };
        // SAFETY: the part is that array.
        unsafe { part.along_steps(form, pair, least) };
    }
}

/// The lesser of magnitudes less one, those of `x` among them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn lesser(least: __m512i, x: __m512i) -> __m512i {
    let magnitude = _mm512_and_si512(x, _mm512_set1_epi16(0x7FFF));
    _mm512_min_epu16(least, _mm512_sub_epi16(magnitude, _mm512_set1_epi16(1)))
}

/// Brings even and odd lines into their order.
fn in_order(pair: &mut [Tile; 2]) {
    let [even, odd] = *pair;
    let lines = pair.iter_mut().flat_map(|tile| tile.0.as_chunks_mut::<2>().0);
    for (i, [x, y]) in lines.enumerate() {
        (*x, *y) = (even.0[i], odd.0[i]);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn from_vector(x: __m512i) -> [u32; 16] {
    // SAFETY: both are 64 bytes of any values.
    unsafe { std::mem::transmute(x) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn to_vector(x: [u32; 16]) -> __m512i {
    // SAFETY: as in `from_vector`.
    unsafe { std::mem::transmute(x) }
}

/// Transposes tiles of pairs of steps: squares of eight, four, two and one change places.
#[inline]
#[target_feature(enable = "avx512f")]
fn turn(pair: &mut [Tile; 2]) {
    for tile in pair {
        let mut rows = [_mm512_setzero_si512(); 16];
        for (row, x) in rows.iter_mut().zip(tile.0) {
            *row = to_vector(x);
        }
        exchange::<8>(&mut rows);
        exchange::<4>(&mut rows);
        exchange::<2>(&mut rows);
        exchange::<1>(&mut rows);
        for (row, x) in tile.0.iter_mut().zip(rows) {
            *row = from_vector(x);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn exchange<const EDGE: usize>(rows: &mut [__m512i; 16]) {
    let [upper, lower] = [to_vector(const { lanes(EDGE, false) }), to_vector(const { lanes(EDGE, true) })];
    for i in (0..16).filter(|i| i & EDGE == 0) {
        let [x, y] = [rows[i], rows[i + EDGE]];
        rows[i] = _mm512_permutex2var_epi32(x, upper, y);
        rows[i + EDGE] = _mm512_permutex2var_epi32(x, lower, y);
    }
}

/// Which lanes of two rows the upper or the lower of them gets, those of the other being from 16 on.
const fn lanes(edge: usize, lower: bool) -> [u32; 16] {
    let mut lanes = [0; 16];
    let mut i = 0;
    while i < 16 {
        let (right, own) = (i & edge != 0, i & edge == if lower { edge } else { 0 });
        let lane = if own { i } else { i ^ edge };
        lanes[i] = (if right { 16 + lane } else { lane }) as u32;
        i += 1;
    }
    lanes
}
