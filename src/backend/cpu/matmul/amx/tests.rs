//! The parts that need the units; whole products are tested in `src/backend/cpu/tests.rs`, wherever they are computed.

use half::bf16;

use super::pack::{Form, Least, Lines, STEPS};
use super::tile::{self, Block, EDGE, Machine, Tile, Unit};

const ZERO: Tile = Tile([[0; 16]; 16]);

fn here() -> Machine {
    tile::machine().expect("this machine has no AMX that it lets this process use")
}

/// Numbers of both signs between 2^(low) and 2^(low + 7).
fn numbers(low: i32) -> impl FnMut() -> bf16 {
    let mut state = 1u64;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let bits = (state >> 40) as u16;
        bf16::from_bits((bits & 0x8000) | (((low + 127) as u16) << 7).wrapping_add(bits & 0x03FF))
    }
}

/// The element of a row or column and a step among packed tiles of so many steps.
fn element(tiles: &[Tile], form: Form, steps: usize, line: usize, step: usize) -> u16 {
    let first = 2 * (line / EDGE * steps.div_ceil(STEPS) + step / STEPS);
    let (line, pair) = (line % EDGE, step % STEPS / 2);
    let both = match form {
        Form::Rows => tiles[first + line / 16].0[line % 16][pair],
        Form::Columns => tiles[first + line % 2].0[pair][line / 2],
    };
    (both >> (step % 2 * 16)) as u16
}

#[test]
#[ignore = "needs AMX"]
fn packed_elements_are_where_they_belong_whatever_the_strides() {
    let mut next = numbers(-3);
    let memory: Vec<u16> = (0..70 * 100 * 3).map(|_| next().to_bits()).collect();
    for lines in [1usize, 7, 16, 17, 32, 33, 70] {
        for steps in [1usize, 2, 31, 32, 33, 100] {
            let last = memory.len() as isize - 1;
            for (start, strides) in [
                (0, [steps as isize, 1]),
                (0, [1, lines as isize]),
                (0, [3, 3 * lines as isize]),
                (last, [-(steps as isize), -1]),
                (last, [-1, -(lines as isize)]),
                (5, [0, 1]),
                (5, [1, 0]),
            ] {
                for form in [Form::Rows, Form::Columns] {
                    let at = |line: usize, step: usize| {
                        memory[(start + line as isize * strides[0] + step as isize * strides[1]) as usize]
                    };
                    let mut out = vec![Tile([[7; 16]; 16]); 2 * lines.div_ceil(EDGE) * steps.div_ceil(STEPS)];
                    let part = Lines { start: memory.as_ptr().wrapping_offset(start), strides, lines, steps };
                    // SAFETY: all strides stay inside the memory.
                    let least = unsafe { part.pack(form, &mut out, here()) };
                    for line in 0..lines.next_multiple_of(EDGE) {
                        for step in 0..steps.next_multiple_of(STEPS) {
                            let want = if line < lines && step < steps { at(line, step) } else { 0 };
                            let got = element(&out, form, steps, line, step);
                            assert_eq!(got, want, "{lines} lines of {steps}, {strides:?}, at {line}, {step}");
                        }
                    }
                    let magnitudes = (0..lines * steps).map(|i| at(i / steps, i % steps) & 0x7FFF);
                    assert_eq!(least, Least::of(magnitudes.min().unwrap()));
                }
            }
        }
    }
}

#[test]
#[ignore = "needs AMX"]
fn vectors_and_the_unit_give_the_same_bits() {
    for low in [-4, -40, 30] {
        let mut next = numbers(low);
        let mut tiles = |count: usize| {
            let mut tiles = vec![ZERO; count];
            let pairs = tiles.iter_mut().flat_map(|tile| tile.0.as_flattened_mut());
            pairs.for_each(|pair| *pair = u32::from(next().to_bits()) | u32::from(next().to_bits()) << 16);
            tiles
        };
        for steps in [1, 2, 9] {
            let (a, b) = (tiles(2 * steps), tiles(2 * steps));
            for rows in [EDGE, 9] {
                let [mut by_unit, mut by_vectors] = [Block::default(); 2];
                for first in [true, false] {
                    Unit::new(here()).multiply(&a, &b, rows, &mut by_unit, first);
                    by_vectors.add_exactly(&a, &b, first, here());
                    let bits = |block: &Block| block.0[..rows].as_flattened().iter().map(|x| x.to_bits()).collect();
                    let [by_unit, by_vectors]: [Vec<u32>; 2] = [bits(&by_unit), bits(&by_vectors)];
                    assert!(by_unit == by_vectors, "{steps} steps from 2^{low}, {rows} rows, first: {first}");
                }
            }
        }
    }
}

#[test]
#[ignore = "needs AMX"]
fn sums_are_rounded_as_everywhere() {
    let special = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE / 3.0, 1.0 + 1.0 / 256.0];
    // A NaN whose payload lies in the half that is lost; ties to even, both ways.
    let bits = [0x7F80_0001, 0xFF80_0001, 0x3F80_8000, 0x3F81_8000, 0x3F81_8001, 0x0000_8001];
    let values: Vec<f32> = special.into_iter().chain(bits.map(f32::from_bits)).cycle().take(EDGE * EDGE).collect();
    let mut block = Block::default();
    // Even columns, then odd ones.
    for (i, &x) in values.iter().enumerate() {
        block.0[i / EDGE][i % EDGE / 2 + i % 2 * 16] = x;
    }
    for [height, width] in [[EDGE, EDGE], [3, 17], [1, 1]] {
        let mut out = vec![bf16::MAX; EDGE * EDGE];
        let rows = super::Rows { start: out.as_mut_ptr(), row: EDGE as isize };
        // SAFETY: the rows lie in `out`.
        unsafe { block.write(rows, [height, width], here()) };
        for (i, (got, &x)) in out.iter().zip(&values).enumerate() {
            let want = if i / EDGE < height && i % EDGE < width { bf16::from_f32(x) } else { bf16::MAX };
            assert_eq!(got.to_bits(), want.to_bits(), "{x} at {i}");
        }
    }
}

#[test]
fn units_get_nothing_that_they_would_take_for_zero() {
    let least = |x: f32| Least::of(bf16::from_f32(x).to_bits());
    let (zeros, tiny) = (Least::of(0), f32::MIN_POSITIVE / 2.0);
    // Products of neighbours of 2^-56 differ by 2^-126.
    let bound = (-56f32).exp2();
    for (a, b, subnormal) in [
        (least(1.0), least(1.0), false),
        (least(bound), least(bound), false),
        (least(bound), least(0.9 * bound), true),
        (least(tiny), least(1e30), true),
        (least(f32::MIN_POSITIVE), least((14f32).exp2()), false),
        (zeros, zeros, false),
        (zeros, least(f32::MIN_POSITIVE), false),
        (zeros, least(tiny), true),
    ] {
        assert_eq!(Least::may_be_subnormal(a, b), subnormal);
        assert_eq!(Least::may_be_subnormal(b, a), subnormal);
    }
}
