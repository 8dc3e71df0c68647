//! How products are cut into tasks for threads.
//!
//! A task is a tile of the output. Large tiles are good for what copies cost, small ones for cores that are not equally fast: in a virtual
//! machine one may have half the speed of another, and who takes a tile last keeps all others waiting. So the last tiles may be cut
//! into four.

/// What a choice depends on beside shapes.
pub struct Costs {
    /// Rows and columns of a block, which tiles are made of.
    pub block: [usize; 2],
    /// Those of the largest tile.
    pub tile: [usize; 2],
    /// What an element of `a` and of `b` costs before it can be multiplied, in multiplications.
    pub copy: [f32; 2],
    /// What it costs to begin a task, in multiplications.
    pub task: f32,
}

/// Parts of its last task that a thread works alone.
const APART: f32 = 0.6;

/// A cut of equal products.
#[derive(Clone, Copy)]
pub struct Cut {
    shape: [usize; 2],
    tile: [usize; 2],
    /// Rows and columns of tiles.
    grid: [usize; 2],
    /// Tiles of all products that stay whole.
    whole: usize,
    /// Rows and columns of a part of the others.
    part: [usize; 2],
    pub tasks: usize,
}

/// A tile or a part of one.
pub struct Task {
    pub batch: usize,
    pub at: [usize; 2],
    /// Rows and columns, of which there may be none.
    pub shape: [usize; 2],
}

impl Cut {
    /// The cut of `count` products of `shape` that `threads` need the least time for.
    pub fn new([m, n, k]: [usize; 3], count: usize, threads: usize, costs: &Costs) -> Self {
        let block = costs.block;
        let mut best = (f32::INFINITY, Self::of([m, n], count, block, block, 0));
        let candidates = |axis: usize, len: usize| {
            let blocks = len.div_ceil(block[axis]);
            let most = (costs.tile[axis] / block[axis]).min(blocks);
            // Each a quarter smaller than the one before, and as many parts of the same size as that makes.
            std::iter::successors(Some(most), |&b| (b > 1).then_some(b - b.div_ceil(4)))
                .map(move |b| blocks.div_ceil(blocks.div_ceil(b)) * block[axis])
        };
        for rows in candidates(0, m) {
            for columns in candidates(1, n) {
                for quartered in [0, threads] {
                    let cut = Self::of([m, n], count, [rows, columns], block, quartered);
                    let time = cut.time(k, threads, costs);
                    if time < best.0 {
                        best = (time, cut);
                    }
                }
            }
        }
        best.1
    }

    /// The cut into tiles of which the last `quartered` are cut into four.
    fn of([m, n]: [usize; 2], count: usize, tile: [usize; 2], block: [usize; 2], quartered: usize) -> Self {
        let grid = [m.div_ceil(tile[0]), n.div_ceil(tile[1])];
        let tiles = count * grid[0] * grid[1];
        let whole = tiles.saturating_sub(quartered);
        let part = [0, 1].map(|axis| tile[axis].div_ceil(2 * block[axis]) * block[axis]);
        Self { shape: [m, n], tile, grid, whole, part, tasks: whole + 4 * (tiles - whole) }
    }

    /// An estimate of the time for `k` steps, in multiplications.
    fn time(&self, k: usize, threads: usize, costs: &Costs) -> f32 {
        let task = |[rows, columns]: [usize; 2]| {
            let [rows, columns] = [rows as f32, columns as f32];
            (rows * columns + costs.copy[0] * rows + costs.copy[1] * columns) * k as f32 + costs.task
        };
        let (whole, part) = (task(self.tile), task(self.part));
        let last = if self.tasks > self.whole { part } else { whole };
        let apart = if threads > 1 { APART * last } else { 0.0 };
        (self.whole as f32 * whole + (self.tasks - self.whole) as f32 * part) / threads as f32 + apart
    }

    /// The task of this number, which is below [`tasks`](Self::tasks).
    pub fn task(&self, number: usize) -> Task {
        let [tile, part] = match number.checked_sub(self.whole) {
            None => [number, 0],
            Some(rest) => [self.whole + rest / 4, rest % 4],
        };
        let (batch, tile) = (tile / (self.grid[0] * self.grid[1]), tile % (self.grid[0] * self.grid[1]));
        let place = [tile / self.grid[1], tile % self.grid[1]];
        let [mut at, mut shape] = [[0; 2]; 2];
        for axis in 0..2 {
            let mut start = place[axis] * self.tile[axis];
            let mut end = (start + self.tile[axis]).min(self.shape[axis]);
            if number >= self.whole {
                start = (start + [part / 2, part % 2][axis] * self.part[axis]).min(end);
                end = (start + self.part[axis]).min(end);
            }
            at[axis] = start;
            shape[axis] = end - start;
        }
        Task { batch, at, shape }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_cover_each_element_of_each_product_once() {
        let costs = Costs { block: [12, 32], tile: [384, 768], copy: [32.0; 2], task: 20_000.0 };
        for shape in [[1, 1], [1, 700], [12, 32], [13, 33], [257, 384], [700, 65], [1000, 1000]] {
            for count in [1, 3] {
                for threads in [1, 2, 16] {
                    for k in [1, 100, 5000] {
                        let cut = Cut::new([shape[0], shape[1], k], count, threads, &costs);
                        let mut covered = vec![0u8; count * shape[0] * shape[1]];
                        for Task { batch, at, shape: part } in (0..cut.tasks).map(|number| cut.task(number)) {
                            for row in at[0]..at[0] + part[0] {
                                let start = (batch * shape[0] + row) * shape[1] + at[1];
                                covered[start..start + part[1]].iter_mut().for_each(|n| *n += 1);
                            }
                        }
                        assert!(
                            covered.iter().all(|&n| n == 1),
                            "{shape:?}, {count} products, {threads} threads, k of {k}"
                        );
                    }
                }
            }
        }
    }
}
