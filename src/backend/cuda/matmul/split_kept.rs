//! A matrix of f32 whose split is kept: for products that have it on the right (`split.rs`), which then pass over the left factor alone.
//!
//! Kept is what the pass saw of the elements, the shifts of the columns and the planes of f16. Where a product turns out to need the
//! planes of bf16, because of either factor, they are made anew from the elements, as they are without.

use super::choose_wide::SPLIT_DEPTH;
use super::split::{COLUMNS, DEPTH, MODULE, MOST_BYTES, MOST_DEPTH, Pass, Stretches, factor, groups, start_pass};
use crate::backend::Operand;
use crate::backend::cuda::abi::{TwMatrix, TwSplit, TwSplitFactor};
use crate::backend::cuda::{Buffer, Cuda, kernels, pointer};
use crate::dtype::DType;
use crate::error::Result;

const OP: &str = "pack";

/// Bytes for what was seen, at the start of the memory.
const SEEN: u64 = 256;

/// The split of a matrix of f32, in memory of its own.
pub(crate) struct Kept {
    memory: Buffer,
    places: Places,
}

/// Where things lie in the memory, from its start.
#[derive(Debug, PartialEq, Eq)]
struct Places {
    shifts: u64,
    planes: u64,
    bytes: u64,
}

impl Places {
    /// For a matrix of `k` rows and `n` columns; `None` where that is too large.
    fn new(k: u64, n: u64) -> Option<Self> {
        let columns = n.checked_next_multiple_of(COLUMNS).filter(|columns| columns < &(1 << 31))?;
        let planes = SEEN + (4 * columns).next_multiple_of(256);
        // Two planes of two bytes.
        let bytes = columns.checked_mul(Stretches::new(k).depth * DEPTH * 4)?.checked_add(planes)?;
        (k <= MOST_DEPTH && bytes <= MOST_BYTES).then_some(Self { shifts: SEEN, planes, bytes })
    }
}

/// The split of a row-major matrix, or `None` where products would have no use for it.
pub(super) fn keep(cuda: &Cuda, matrix: &Operand) -> Result<Option<Kept>> {
    let (shape, strides) = (matrix.layout.shape(), matrix.layout.strides());
    let [k, n] = [shape[0] as u64, shape[1] as u64];
    let useful = matrix.dtype == DType::F32 && k >= SPLIT_DEPTH && kernels::has_module(cuda.context(), MODULE);
    let Some(places) = Places::new(k, n).filter(|_| useful && n > 0) else { return Ok(None) };
    let memory = cuda.cleared(OP, places.bytes as usize, SEEN as usize)?;
    let kept = Kept { memory, places };

    let [row, column] = [strides[0] as i64, strides[1] as i64];
    let aligned = pointer(matrix).is_multiple_of(16) && row % 4 == 0 && column == 1;
    let x = TwMatrix { pointer: pointer(matrix), row, column, batch: [0; 2], aligned: aligned.into() };
    let mut columns = factor(&x, [column, row], [n, COLUMNS], [1; 2]);
    kept.lend(&mut columns);
    let stretches = Stretches::new(k);
    let split = TwSplit {
        // The pass is launched for the first alone.
        factors: [columns; 2],
        seen: columns.kept,
        k,
        depth: stretches.depth as u32,
        chunk: stretches.chunk as u32,
        ..TwSplit::default()
    };
    let blocks = groups(&columns) as u32 * stretches.cluster;
    start_pass(cuda, OP, Pass::Planes, blocks, Some(stretches.cluster), &split)?;
    Ok(Some(kept))
}

impl Kept {
    /// Says in `factor`, the one that was split, where its split lies.
    pub fn lend(&self, factor: &mut TwSplitFactor) {
        let start = self.memory.pointer();
        factor.kept = start;
        factor.shifts = start + self.places.shifts;
        factor.planes[0] = start + self.places.planes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_and_planes_lie_one_after_another() {
        let places = Places::new(1000, 200).unwrap();
        assert_eq!(places, Places { shifts: 256, planes: 256 + 1024, bytes: 256 + 1024 + 256 * 1024 * 4 });
    }

    #[test]
    fn what_overflows_is_not_kept() {
        for (k, n) in [(1 << 18, 1 << 40), (1 << 19, 64), (1 << 18, 1 << 30), (64, u64::MAX)] {
            assert_eq!(Places::new(k, n), None);
        }
    }
}
