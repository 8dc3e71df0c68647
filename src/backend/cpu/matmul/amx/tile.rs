//! Tiles, and the unit that multiplies them.

use std::arch::asm;
use std::arch::x86_64::*;
use std::marker::PhantomData;
use std::sync::OnceLock;

use half::bf16;

use crate::backend::cpu::matmul::gemm::Rows;

/// Rows and columns of a block: two tiles.
pub const EDGE: usize = 32;

/// Sixteen rows of 64 bytes. Of `a`: rows of 32 steps. Of `b`: pairs of steps, of sixteen columns each.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub struct Tile(pub [[u32; 16]; 16]);

/// The sums of a block; a row has those of its even columns, then those of the odd ones, as tiles of `b` have them.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub struct Block(pub [[f32; EDGE]; EDGE]);

impl Default for Block {
    fn default() -> Self {
        Self([[0.0; EDGE]; EDGE])
    }
}

/// Says that this machine has AMX with bf16, which this process may use, and the vectors of AVX-512 for 16 bits.
#[derive(Clone, Copy)]
pub struct Machine(());

pub fn machine() -> Option<Machine> {
    static FOUND: OnceLock<bool> = OnceLock::new();
    FOUND
        .get_or_init(|| is_x86_feature_detected!("xsave") && has_vectors() && has_tiles() && may_use_tiles())
        .then_some(Machine(()))
}

fn has_vectors() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl")
}

/// Whether the processor has AMX with bf16, and the system keeps its registers.
fn has_tiles() -> bool {
    const BF16: u32 = 1 << 22;
    const TILE: u32 = 1 << 24;
    /// Of the mask of what is kept: tiles' shapes and tiles.
    const KEPT: u64 = 3 << 17;
    let features = __cpuid_count(7, 0).edx;
    // SAFETY: the processor has AVX-512, which is found only where the system uses this register.
    features & (BF16 | TILE) == BF16 | TILE && unsafe { _xgetbv(0) } & KEPT == KEPT
}

/// Asks Linux for the tiles, once for all threads: they make the state of a thread larger by 8 KiB.
fn may_use_tiles() -> bool {
    const ARCH_PRCTL: isize = 158;
    const REQUEST_PERMISSION: usize = 0x1023;
    const TILES: usize = 18;
    let result: isize;
    // SAFETY: a call to the system that reads and writes no memory of this process; the two registers are those it overwrites.
    unsafe {
        asm!(
            "syscall",
            inout("rax") ARCH_PRCTL => result, in("rdi") REQUEST_PERMISSION, in("rsi") TILES,
            out("rcx") _, out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// The unit of the core that this thread runs on, set up for whole tiles as long as this lives.
pub struct Unit {
    /// It is the thread's.
    here: PhantomData<*const ()>,
}

impl Unit {
    pub fn new(_: Machine) -> Self {
        #[repr(C, align(64))]
        struct Shapes {
            palette: u8,
            start_row: u8,
            reserved: [u8; 14],
            row_bytes: [u16; 16],
            rows: [u8; 16],
        }
        let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
        row_bytes[..8].fill(64);
        rows[..8].fill(16);
        let shapes = Shapes { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows };
        // SAFETY: the machine has AMX; what is read are these 64 bytes, the shapes of eight tiles of palette 1.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &shapes, options(nostack, readonly)) };
        Self { here: PhantomData }
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // SAFETY: the unit was set up, so the machine has AMX.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// Fetches a tile of a later step.
macro_rules! fetch {
    ($tiles:literal, [$($line:literal)*], $at:literal) => {
        concat!($("prefetcht0 [{", $tiles, "} + ", $at, " + 64 * ", $line, "]\n",)*)
    };
    ($tiles:literal, $at:literal) => {
        fetch!($tiles, [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15], $at)
    };
}

/// The loop over the steps, for as many of the four tiles of a block as are wanted: which are moved between memory and registers
/// before and after, and the instructions of a step.
macro_rules! block {
    ([$($tile:literal at $at:literal),*], [$($step:expr),*], $a:ident, $b:ident, $steps:ident, $block:ident, $first:ident) => {
        asm!(
            $(concat!("tilezero tmm", $tile),)*
            "test {first:e}, {first:e}",
            "jnz 2f",
            $(concat!("tileloadd tmm", $tile, ", [{block} + {row} + ", $at, "]"),)*
            "2:",
            $($step,)*
            "add {a}, 2048",
            "add {b}, 2048",
            "dec {steps}",
            "jnz 2b",
            $(concat!("tilestored [{block} + {row} + ", $at, "], tmm", $tile),)*
            a = inout(reg) $a => _, b = inout(reg) $b => _, steps = inout(reg) $steps => _,
            block = in(reg) $block, first = in(reg) u32::from($first), line = in(reg) 64usize, row = in(reg) 128usize,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

impl Unit {
    /// Adds the product of two times two tiles a step to the block, or, the `first` time, puts it there. Rows from `rows` on may stay as
    /// they are.
    pub fn multiply(&self, a: &[Tile], b: &[Tile], rows: usize, block: &mut Block, first: bool) {
        assert!(a.len() == b.len() && !a.is_empty() && a.len().is_multiple_of(2));
        let steps = a.len() / 2;
        let (a, b, block) = (a.as_ptr(), b.as_ptr(), std::ptr::from_mut(block));
        // SAFETY: the unit is set up for tiles of 1024 bytes, and does not leave the thread. In each of the steps, of which there is
        // one, at most two tiles of `a` and of `b` are read, and what is written is in the block.
        unsafe {
            match rows > EDGE / 2 {
                true => block!(
                    ["0" at "0", "1" at "64", "2" at "2048", "3" at "2112"],
                    [
                        "tileloadd tmm4, [{a} + {line}]",
                        "tileloadd tmm6, [{b} + {line}]",
                        "tdpbf16ps tmm0, tmm4, tmm6",
                        fetch!("a", 4096),
                        "tileloadd tmm7, [{b} + {line} + 1024]",
                        "tdpbf16ps tmm1, tmm4, tmm7",
                        fetch!("b", 4096),
                        "tileloadd tmm5, [{a} + {line} + 1024]",
                        "tdpbf16ps tmm2, tmm5, tmm6",
                        fetch!("a", 5120),
                        "tdpbf16ps tmm3, tmm5, tmm7",
                        fetch!("b", 5120)
                    ],
                    a, b, steps, block, first
                ),
                false => block!(
                    ["0" at "0", "1" at "64"],
                    [
                        "tileloadd tmm4, [{a} + {line}]",
                        "tileloadd tmm6, [{b} + {line}]",
                        "tdpbf16ps tmm0, tmm4, tmm6",
                        fetch!("b", 4096),
                        "tileloadd tmm7, [{b} + {line} + 1024]",
                        "tdpbf16ps tmm1, tmm4, tmm7",
                        fetch!("b", 5120)
                    ],
                    a, b, steps, block, first
                ),
            }
        }
    }
}

/// The even and the odd element of a pair.
#[inline(always)]
fn elements(pair: u32) -> [f32; 2] {
    [f32::from_bits(pair << 16), f32::from_bits(pair & 0xFFFF_0000)]
}

impl Block {
    /// As [`Unit::multiply`], by vectors, which do not take subnormal numbers for zeros.
    pub fn add_exactly(&mut self, a: &[Tile], b: &[Tile], first: bool, _: Machine) {
        if first {
            *self = Self::default();
        }
        // SAFETY: the machine has these vectors.
        unsafe { self.add_by_vectors(a, b) }
    }

    /// The order of a unit: in a step the products with even and with odd elements are added up apart, then both to the sum.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn add_by_vectors(&mut self, a: &[Tile], b: &[Tile]) {
        for (a, b) in a.as_chunks::<2>().0.iter().zip(b.as_chunks::<2>().0) {
            for (i, line) in self.0.iter_mut().enumerate() {
                for (sums, b) in line.as_chunks_mut::<16>().0.iter_mut().zip(b) {
                    let [mut even, mut odd] = [[0f32; 16]; 2];
                    for (&x, b) in a[i / 16].0[i % 16].iter().zip(&b.0) {
                        let x = elements(x);
                        for j in 0..16 {
                            let y = elements(b[j]);
                            even[j] = x[0].mul_add(y[0], even[j]);
                            odd[j] = x[1].mul_add(y[1], odd[j]);
                        }
                    }
                    for j in 0..16 {
                        sums[j] += even[j] + odd[j];
                    }
                }
            }
        }
    }

    /// Writes the sums of this `height` and `width`, rounded.
    ///
    /// # Safety
    /// So many rows must be valid for writes, and accessed by no one else meanwhile.
    pub unsafe fn write(&self, to: Rows<bf16>, shape: [usize; 2], _: Machine) {
        // SAFETY: the machine has these vectors, and the caller vouches for the rows.
        unsafe { self.write_by_vectors(to, shape) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn write_by_vectors(&self, to: Rows<bf16>, [height, width]: [usize; 2]) {
        for (i, sums) in self.0[..height].iter().enumerate() {
            // SAFETY: a row of a block is two vectors.
            let [even, odd] = [0, 1].map(|half| unsafe { _mm512_loadu_ps(sums.as_ptr().add(half * EDGE / 2)) });
            let line = _mm512_mask_blend_epi16(0xAAAA_AAAA, _mm512_srli_epi32::<16>(rounded(even)), rounded(odd));
            let to = to.at(i, 0);
            // SAFETY: the caller vouches for the rows.
            unsafe {
                _mm512_mask_storeu_epi16(to.cast(), u32::MAX >> (EDGE - width), line);
            }
        }
    }
}

/// Numbers rounded to bf16, which are the upper halves of the lanes, to nearest even; a NaN stays one.
#[inline]
#[target_feature(enable = "avx512f")]
fn rounded(x: __m512) -> __m512i {
    let bits = _mm512_castps_si512(x);
    let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
    let rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
    let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
    _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x40_0000))
}
