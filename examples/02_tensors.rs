//! Lesson 2: making tensors, and getting ndarray arrays back.

use ndarray::{Array2, array};
use tilework::{Device, Result, Tensor};

fn main() -> Result<()> {
    let device = Device::best();

    // From an ndarray array or view of any rank and strides.
    let image: Array2<f32> = array![[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]];
    let x = Tensor::from_ndarray(&image, &device)?;
    let mirrored = Tensor::from_ndarray(&image.t(), &device)?;
    assert_eq!(mirrored.shape(), [3, 2]);

    // From a vector with a shape, or from a rule.
    let counted = Tensor::from_vec((0..6).collect::<Vec<i32>>(), (2, 3), &device)?;
    let zeros = Tensor::<f32>::zeros((2, 3), &device)?;
    let steps = Tensor::arange(0.0f32, 1.0, 0.25, &device)?;
    let identity = Tensor::<f32>::eye(3, &device)?;
    assert_eq!(counted.len(), 6);
    assert_eq!(steps.to_vec()?, [0.0, 0.25, 0.5, 0.75]);

    // Random numbers are a function of a key and the element's index: the same bits on every backend, every time.
    let noise = Tensor::<f32>::randn([2, 3], 42, &device)?;
    let same = Tensor::<f32>::randn([2, 3], 42, &Device::cpu())?;
    assert_eq!(noise.to_vec()?, same.to_vec()?);

    // Operators are ndarray's. They take tensors and numbers, and broadcast.
    let y = (&x + &noise * 0.1) * 2.0 - 1.0;
    let z = y.matmul(&identity)? + zeros;

    // Everything above was only asked for; this waits for the result.
    let back = z.to_ndarray()?;
    assert_eq!(back.shape(), [2, 3]);
    println!("{back:.3}");

    // A tensor prints as its array would.
    println!("{counted}");
    println!("{counted:?}");
    Ok(())
}
