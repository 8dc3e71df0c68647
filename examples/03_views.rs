//! Lesson 3: views. Slicing, transposing and broadcasting cost nothing, and views share their elements.

use ndarray::{Axis, s};
use tilework::{Device, Error, Result, Tensor};

fn main() -> Result<()> {
    let device = Device::best();
    let x = Tensor::arange(0i32, 24, 1, &device)?.reshape((2, 3, 4))?;

    // ndarray's `s!`: ranges, steps, negative steps, single indices, new axes.
    assert_eq!(x.slice(s![0, .., 1])?.to_vec()?, [1, 5, 9]);
    assert_eq!(x.slice(s![1, 2, ..;-2])?.to_vec()?, [23, 21]);
    assert_eq!(x.slice(s![.., .., ..2])?.shape(), [2, 3, 2]);

    // Axes move without a copy; kernels read any strides.
    assert_eq!(x.t().shape(), [4, 3, 2]);
    assert_eq!(x.permuted_axes([1, 0, 2])?.strides(), [4, 12, 1]);
    assert_eq!(x.permuted_axes([1, 0, 2])?.sum_axis(Axis(2))?.to_vec()?, [6, 54, 22, 70, 38, 86]);

    // Length 1 stretches, by stride 0.
    let row = Tensor::from_vec(vec![10, 20, 30, 40], 4, &device)?;
    assert_eq!(row.broadcast((3, 4))?.strides(), [0, 1]);
    assert_eq!((&x + &row).shape(), [2, 3, 4]);

    // Reshaping is a view where strides can express it, and a copy where they can't.
    assert_eq!(x.reshape((6, 4))?.strides(), [4, 1]);
    assert_eq!(x.t().reshape(24)?.slice(s![..4])?.to_vec()?, [0, 12, 4, 16]);

    // Writing through a view is seen by all who share the elements; a copy has its own.
    let copy = x.to_contiguous()?;
    let mut corner = x.slice(s![0, ..2, ..2])?;
    corner += 100;
    corner.slice(s![0, ..])?.assign(7)?;
    assert_eq!(x.slice(s![0, ..2, ..])?.to_vec()?, [7, 7, 2, 3, 104, 105, 6, 7]);
    assert_eq!(copy.slice(s![0, 0, ..])?.to_vec()?, [0, 1, 2, 3]);

    // What would read elements that it has just overwritten is refused.
    let mut tail = row.slice(s![1..])?;
    let refused = tail.add_assign(&row.slice(s![..3])?);
    assert!(matches!(refused, Err(Error::Overlap { .. })));
    assert_eq!(row.to_vec()?, [10, 20, 30, 40]);
    Ok(())
}
