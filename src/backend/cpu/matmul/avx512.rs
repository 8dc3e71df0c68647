//! A block of a product in registers, in the machine code of AVX-512: twelve rows by two vectors.
//!
//! A step is 24 multiply-adds, two of which begin in a clock. The instructions around them are free as long as the core is this
//! thread's own; where another thread shares it, as in most virtual machines, they take time from them. A compiler makes 42 to 53 of a
//! step, because it reads each element of `a` into a vector first. Here a multiply-add reads it by itself in every second or third row;
//! in all of them there would be more reads than the two that begin in a clock.

use std::arch::asm;
use std::arch::x86_64::{__m512, __m512d, _mm512_setzero_pd, _mm512_setzero_ps};

use super::gemm::Matrix;

/// Rows of a block.
pub const ROWS: usize = 12;

/// What a type is called in machine code.
macro_rules! of {
    (f32 bytes) => {
        "4"
    };
    (f64 bytes) => {
        "8"
    };
    (f32 one) => {
        "ss"
    };
    (f64 one) => {
        "sd"
    };
    (f32 all) => {
        "ps"
    };
    (f64 all) => {
        "pd"
    };
    (f32 memory) => {
        "dword ptr "
    };
    (f64 memory) => {
        "qword ptr "
    };
    (f32 repeated) => {
        "{{1to16}}"
    };
    (f64 repeated) => {
        "{{1to8}}"
    };
}

/// The instructions of a row whose element, at `$at`, is an operand of its multiply-adds.
macro_rules! own {
    ($t:tt, $at:expr, $x:literal, $y:literal) => {
        concat!(
            concat!("vfmadd231", of!($t all), " ", $x, ", zmm24, ", of!($t memory), $at, of!($t repeated), "\n"),
            concat!("vfmadd231", of!($t all), " ", $y, ", zmm25, ", of!($t memory), $at, of!($t repeated)),
        )
    };
}

/// Those of a row whose element is read once.
macro_rules! splat {
    ($t:tt, $at:expr, $x:literal, $y:literal) => {
        concat!(
            concat!("vbroadcast", of!($t one), " zmm26, ", of!($t memory), $at, "\n"),
            concat!("vfmadd231", of!($t all), " ", $x, ", zmm24, zmm26\n"),
            concat!("vfmadd231", of!($t all), " ", $y, ", zmm25, zmm26"),
        )
    };
}

/// Where the element of a row is in a step of twelve beside each other.
macro_rules! beside {
    ($t:tt, $row:literal) => {
        concat!("[{a} + ", of!($t bytes), " * ", $row, "]")
    };
}

/// A loop over the steps: the rows' instructions, what goes on to the next step, and the operands of both.
macro_rules! steps {
    ($s:ident, $b:ident, $b_step:expr, $steps:ident, [$($row:expr),* $(,)?], [$($next:literal),*], $($operands:tt)*) => {
        asm!(
            "2:",
            "vmovups zmm24, [{b}]",
            "vmovups zmm25, [{b} + 64]",
            $($row,)*
            $($next,)*
            "add {b}, {b_step}",
            "dec {steps}",
            "jnz 2b",
            $($operands)*
            b = inout(reg) $b => _, b_step = in(reg) $b_step, steps = inout(reg) $steps => _,
            inout("zmm0") $s[0][0], inout("zmm1") $s[0][1], inout("zmm2") $s[1][0], inout("zmm3") $s[1][1],
            inout("zmm4") $s[2][0], inout("zmm5") $s[2][1], inout("zmm6") $s[3][0], inout("zmm7") $s[3][1],
            inout("zmm8") $s[4][0], inout("zmm9") $s[4][1], inout("zmm10") $s[5][0], inout("zmm11") $s[5][1],
            inout("zmm12") $s[6][0], inout("zmm13") $s[6][1], inout("zmm14") $s[7][0], inout("zmm15") $s[7][1],
            inout("zmm16") $s[8][0], inout("zmm17") $s[8][1], inout("zmm18") $s[9][0], inout("zmm19") $s[9][1],
            inout("zmm20") $s[10][0], inout("zmm21") $s[10][1], inout("zmm22") $s[11][0], inout("zmm23") $s[11][1],
            out("zmm24") _, out("zmm25") _, out("zmm26") _,
            options(nostack, readonly),
        )
    };
}

macro_rules! sums {
    ($name:ident, $t:tt, $vector:ident, $zero:ident) => {
        /// The sums of `steps` products of twelve elements of `a` and two vectors of `b`, whose steps lie `b_step` elements apart.
        ///
        /// # Safety
        /// The processor must have AVX-512F, there must be a step, and what the products are of must be valid for reads.
        #[target_feature(enable = "avx512f")]
        pub unsafe fn $name(a: Matrix<$t>, b: *const $t, b_step: isize, steps: usize) -> [[$vector; 2]; ROWS] {
            let bytes = |elements: isize| elements * size_of::<$t>() as isize;
            let (start, row, column) = (a.start, bytes(a.row), bytes(a.column));
            let mut s = [[$zero(); 2]; ROWS];
            // SAFETY: the caller vouches for what is read: in each step twelve elements of `a` and two vectors of `b`. Nothing is
            // written but the registers that are named.
            unsafe {
                if [a.row, a.column] == [1, ROWS as isize] {
                    steps!(
                        s, b, bytes(b_step), steps,
                        [
                            splat!($t, beside!($t, 0), "zmm0", "zmm1"),
                            own!($t, beside!($t, 1), "zmm2", "zmm3"),
                            splat!($t, beside!($t, 2), "zmm4", "zmm5"),
                            own!($t, beside!($t, 3), "zmm6", "zmm7"),
                            splat!($t, beside!($t, 4), "zmm8", "zmm9"),
                            own!($t, beside!($t, 5), "zmm10", "zmm11"),
                            splat!($t, beside!($t, 6), "zmm12", "zmm13"),
                            own!($t, beside!($t, 7), "zmm14", "zmm15"),
                            splat!($t, beside!($t, 8), "zmm16", "zmm17"),
                            own!($t, beside!($t, 9), "zmm18", "zmm19"),
                            splat!($t, beside!($t, 10), "zmm20", "zmm21"),
                            own!($t, beside!($t, 11), "zmm22", "zmm23")
                        ],
                        ["add {a}, {column}"],
                        a = inout(reg) start => _, column = in(reg) column,
                    );
                } else {
                    // Every third row has a pointer, from which addressing reaches the next two.
                    let third = |i: isize| start.wrapping_offset(i * a.row);
                    steps!(
                        s, b, bytes(b_step), steps,
                        [
                            own!($t, "[{a0}]", "zmm0", "zmm1"),
                            splat!($t, "[{a0} + {row}]", "zmm2", "zmm3"),
                            splat!($t, "[{a0} + 2 * {row}]", "zmm4", "zmm5"),
                            own!($t, "[{a3}]", "zmm6", "zmm7"),
                            splat!($t, "[{a3} + {row}]", "zmm8", "zmm9"),
                            splat!($t, "[{a3} + 2 * {row}]", "zmm10", "zmm11"),
                            own!($t, "[{a6}]", "zmm12", "zmm13"),
                            splat!($t, "[{a6} + {row}]", "zmm14", "zmm15"),
                            splat!($t, "[{a6} + 2 * {row}]", "zmm16", "zmm17"),
                            own!($t, "[{a9}]", "zmm18", "zmm19"),
                            splat!($t, "[{a9} + {row}]", "zmm20", "zmm21"),
                            splat!($t, "[{a9} + 2 * {row}]", "zmm22", "zmm23")
                        ],
                        ["add {a0}, {column}", "add {a3}, {column}", "add {a6}, {column}", "add {a9}, {column}"],
                        a0 = inout(reg) start => _, a3 = inout(reg) third(3) => _,
                        a6 = inout(reg) third(6) => _, a9 = inout(reg) third(9) => _,
                        row = in(reg) row, column = in(reg) column,
                    );
                }
            }
            s
        }
    };
}
sums!(sums_f32, f32, __m512, _mm512_setzero_ps);
sums!(sums_f64, f64, __m512d, _mm512_setzero_pd);
