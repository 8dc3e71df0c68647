//! The transposing copy: when it applies, and its parameters.
//!
//! A copy whose source is contiguous along another axis than its output would read one element from each line of memory. The
//! kernel turns tiles over those two axes in shared memory instead; further axes are a batch.

use smallvec::SmallVec;

use crate::backend::cuda::abi::{TW_MAX_BATCH, TwDivisor, TwTranspose};
use crate::layout::Loops;

/// Below this length of either axis most of a tile would be empty.
const SHORTEST: usize = 16;
/// Rows and columns of a tile of the kernel over elements.
const ELEMENT_TILE: usize = 32;
/// Chunks along either side of a tile of the kernel over vectors.
const CHUNKS: usize = 16;

/// A launch of the transposing copy.
#[derive(Debug)]
pub(super) struct Transpose {
    pub parameters: TwTranspose,
    pub blocks: u32,
    /// Whether the kernel over vectors can do it.
    pub vectors: bool,
}

/// The transposing copy of elements of `size` bytes from the operand 1 of `loops` to the output, in buffers at those addresses;
/// `None` where the two are contiguous along the same axis, or it is not worth it.
pub(super) fn plan(loops: &Loops<2>, size: usize, out: u64, x: u64) -> Option<Transpose> {
    let [out_strides, x_strides] = &loops.strides;
    let inner = loops.rank().checked_sub(1)?;
    // Along this axis the source is contiguous; along the innermost, the output.
    let along = x_strides.iter().position(|&stride| stride == 1).filter(|&axis| axis != inner)?;
    let (rows, columns) = (loops.shape[inner], loops.shape[along]);
    if out_strides[inner] != 1 || x_strides[inner] == 0 || rows.min(columns) < SHORTEST {
        return None;
    }
    let batch: SmallVec<[usize; 8]> = (0..inner).filter(|&axis| axis != along).collect();
    if batch.len() > TW_MAX_BATCH as usize {
        return None;
    }
    let (out, x) = (out + (loops.offsets[0] * size) as u64, x + (loops.offsets[1] * size) as u64);
    // Bytes move in chunks of 8, or a thread's block of 16 x 16 would not fit in its registers.
    let chunk = if size == 1 { 8 } else { 16 };
    let vector = chunk / size;
    let whole = |pointer: u64, contiguous: usize, strides: &[isize], own: usize| {
        pointer.is_multiple_of(chunk as u64)
            && contiguous.is_multiple_of(vector)
            && strides.iter().enumerate().all(|(axis, s)| axis == own || s.unsigned_abs().is_multiple_of(vector))
    };
    let vectors = whole(x, columns, x_strides, along) && whole(out, rows, out_strides, inner);
    let tile = if vectors { CHUNKS * vector } else { ELEMENT_TILE };

    let (column_tiles, row_tiles) = (columns.div_ceil(tile), rows.div_ceil(tile));
    let blocks = batch
        .iter()
        .try_fold(column_tiles.checked_mul(row_tiles)?, |blocks, &axis| blocks.checked_mul(loops.shape[axis]))
        .filter(|&blocks| blocks <= TwDivisor::MAX_DIVIDEND as usize)?;
    let mut parameters = TwTranspose {
        out,
        x,
        rows: u32::try_from(rows).ok()?,
        columns: u32::try_from(columns).ok()?,
        out_stride: out_strides[along] as i64,
        x_stride: x_strides[inner] as i64,
        column_tiles: TwDivisor::new(column_tiles as u32),
        row_tiles: TwDivisor::new(row_tiles as u32),
        batch_rank: batch.len() as u32,
        ..TwTranspose::default()
    };
    for (i, &axis) in batch.iter().enumerate() {
        parameters.batch[i] = TwDivisor::new(loops.shape[axis] as u32);
        parameters.out_batch_strides[i] = out_strides[axis] as i64;
        parameters.x_batch_strides[i] = x_strides[axis] as i64;
    }
    Some(Transpose { parameters, blocks: blocks as u32, vectors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Layout, Order, collapse};

    fn of(shape: &[usize], strides: &[isize], offset: usize, size: usize) -> Option<Transpose> {
        let out = Layout::contiguous("test", shape, size).unwrap();
        let x = Layout::from_parts(shape.into(), strides.into(), offset);
        plan(&collapse([&out, &x], Order::Any), size, 1 << 20, 1 << 30)
    }

    #[test]
    fn a_transposed_matrix_goes_by_vectors_when_both_sides_are_whole() {
        let Transpose { parameters: p, blocks, vectors } = of(&[128, 192], &[1, 128], 0, 4).unwrap();
        assert!(vectors);
        assert_eq!((p.rows, p.columns, p.out_stride, p.x_stride, blocks), (192, 128, 192, 128, 6));
        assert!(!of(&[128, 192], &[1, 128], 1, 4).unwrap().vectors, "the source is misaligned");
        assert!(!of(&[130, 192], &[1, 130], 0, 4).unwrap().vectors, "the columns are no multiple of the chunk");
        assert!(!of(&[128, 192], &[1, 129], 0, 4).unwrap().vectors, "the source's rows are misaligned");
    }

    #[test]
    fn what_is_not_transposed() {
        assert!(of(&[128, 192], &[192, 1], 0, 4).is_none(), "contiguous");
        assert!(of(&[128, 192], &[0, 1], 0, 4).is_none(), "rows broadcast");
        assert!(of(&[128, 192], &[1, 0], 0, 4).is_none(), "columns broadcast");
        assert!(of(&[3, 192], &[1, 3], 0, 4).is_none(), "too short");
        assert!(of(&[128, 192], &[2, 256], 0, 4).is_none(), "nowhere contiguous");
        assert!(of(&[128, 192], &[1, -128], 128 * 191, 4).is_some(), "backwards");
    }

    #[test]
    fn further_axes_are_a_batch() {
        let p = of(&[5, 64, 7, 32], &[64 * 7 * 32, 1, 64, 64 * 7], 0, 2).unwrap();
        assert_eq!((p.parameters.batch_rank, p.blocks), (2, 5 * 7));
        assert_eq!(p.parameters.batch[..2].iter().map(|d| d.divisor).collect::<Vec<_>>(), [5, 7]);
        assert_eq!(p.parameters.x_batch_strides[..2], [64 * 7 * 32, 64]);
        assert_eq!(p.parameters.out_batch_strides[..2], [64 * 7 * 32, 32]);
    }
}
