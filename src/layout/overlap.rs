//! Whether layouts over one buffer share elements: what an in-place operation must know before it writes.

use super::Layout;

impl Layout {
    /// Whether two different indices may reach one element. May err towards `true` for exotic strides, never towards `false`.
    pub fn overlaps_itself(&self) -> bool {
        if self.is_empty() {
            return false;
        }
        // Sorted by stride, each axis must step over everything the smaller ones reach.
        let mut axes: super::SmallVec<[(usize, usize); 6]> = self
            .shape
            .iter()
            .zip(&self.strides)
            .filter(|&(&n, _)| n > 1)
            .map(|(&n, &stride)| (stride.unsigned_abs(), n))
            .collect();
        axes.sort_unstable();
        let mut reach = 0usize;
        for (stride, n) in axes {
            if stride <= reach {
                return true;
            }
            reach += stride * (n - 1);
        }
        false
    }

    /// Whether writing through `self` may change what is read through `other` at a different index.
    ///
    /// Layouts that are equal element by element do not conflict: an elementwise kernel reads each element before it writes it.
    pub fn conflicts_with(&self, other: &Layout) -> bool {
        let (Some((low, high)), Some((other_low, other_high))) = (self.span(), other.span()) else {
            return false;
        };
        if high < other_low || other_high < low || self.same_elements(other) {
            return false;
        }
        !self.interleaves(other)
    }

    /// Whether every index reaches the same element in both (axes of length 1 may have any stride).
    pub fn same_elements(&self, other: &Layout) -> bool {
        self.offset == other.offset
            && self.shape == other.shape
            && (0..self.rank()).all(|a| self.shape[a] == 1 || self.strides[a] == other.strides[a])
    }

    /// Whether all strides of both share a divisor that their offsets do not: even against odd columns, say.
    fn interleaves(&self, other: &Layout) -> bool {
        let steps = |layout: &Layout| {
            let pairs = layout.shape.iter().zip(&layout.strides);
            pairs.filter(|&(&n, _)| n > 1).fold(0usize, |g, (_, &stride)| gcd(g, stride.unsigned_abs()))
        };
        let g = gcd(steps(self), steps(other));
        g > 1 && self.offset % g != other.offset % g
    }
}

fn gcd(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
