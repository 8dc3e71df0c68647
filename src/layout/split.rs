//! Large operations as several smaller ones: for kernels with a fixed rank, an index width or a binding size.

use super::Layout;
use crate::error::Result;

/// Elements to a multiple of which long axes are cut.
const ALIGNMENT: usize = 64;

/// Calls `run` with parts of `layouts` (all of one shape) that `fits` accepts, in row-major order.
///
/// A part that does not fit is halved, or nearly, along its longest axis among `axes`; one that can't be halved further goes to `run` as
/// it is, which then has to refuse it.
pub(crate) fn split<const N: usize>(
    layouts: [Layout; N],
    axes: &[usize],
    fits: &impl Fn(&[Layout; N]) -> bool,
    run: &mut impl FnMut(&[Layout; N]) -> Result<()>,
) -> Result<()> {
    let shape = layouts[0].shape();
    let longest = axes.iter().copied().max_by_key(|&axis| (shape[axis], std::cmp::Reverse(axis)));
    match longest {
        Some(axis) if shape[axis] > 1 && !fits(&layouts) => {
            let len = shape[axis];
            // A long axis is cut where vectors of every element type are whole.
            let half = if len < 2 * ALIGNMENT { len / 2 } else { (len / 2).next_multiple_of(ALIGNMENT) };
            let (head, tail) = (
                layouts.each_ref().map(|l| l.narrow(axis, 0, half)),
                layouts.each_ref().map(|l| l.narrow(axis, half, len - half)),
            );
            split(head, axes, fits, run)?;
            split(tail, axes, fits, run)
        }
        _ => run(&layouts),
    }
}
