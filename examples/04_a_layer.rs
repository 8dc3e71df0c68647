//! Lesson 4: a layer of a network. Normalise, project, activate, classify; and the same with fewer passes over memory.

use ndarray::Axis;
use tilework::{Activation, Device, MatmulOptions, Result, Tensor};

fn main() -> Result<()> {
    let device = Device::best();
    let (batch, features, hidden, classes) = (32, 256, 512, 10);
    let x = Tensor::<f32>::randn([batch, features], 1, &device)?;
    let gain = Tensor::<f32>::ones(features, &device)?;
    let w1 = Tensor::<f32>::randn([features, hidden], 2, &device)? * 0.05;
    let b1 = Tensor::<f32>::zeros(hidden, &device)?;
    let w2 = Tensor::<f32>::randn([hidden, classes], 3, &device)? * 0.05;

    // Step by step: five kernels.
    let normal = x.rms_norm(1, Some(&gain), 1e-5)?;
    let stepwise = (normal.matmul(&w1)? + &b1).gelu()?;

    // Fused: the bias and the activation ride on the product, before it is written.
    let options = MatmulOptions { bias: Some(&b1), activation: Activation::Gelu, ..Default::default() };
    let fused = normal.matmul_with(&w1, options)?;

    let difference = (&stepwise - &fused).abs()?.max()?.item()?;
    println!("largest difference between the two: {difference:e}");
    assert!(difference < 1e-4);

    // Probabilities, and the class of each row.
    let logits = fused.matmul(&w2)?;
    let probabilities = logits.softmax(Axis(1))?;
    let class = probabilities.argmax_axis(Axis(1))?;
    assert_eq!(class.shape(), [batch]);
    let sums = probabilities.sum_axis(Axis(1))?;
    assert!(sums.sub(1.0)?.abs()?.max()?.item()? < 1e-5);

    // Nothing has waited for the device but `item`; this waits for the classes alone.
    println!("classes of the first rows: {:?}", &class.to_vec()?[..8]);

    // The same in bf16: half the memory, sums still in f32.
    let half = normal.cast::<half::bf16>()?.matmul(&w1.cast()?)?.cast::<f32>()?;
    let error = (&half - &normal.matmul(&w1)?).norm()?.item()? / half.norm()?.item()?;
    println!("relative error of the bf16 product: {error:.4}");
    assert!(error < 0.01);
    Ok(())
}
