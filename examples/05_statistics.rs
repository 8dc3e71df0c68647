//! Lesson 5: reductions over any axes, masks, and a small simulation.

use ndarray::Axis;
use tilework::{Device, Result, Tensor};

fn main() -> Result<()> {
    let device = Device::best();

    // A thousand random walks of 365 steps, as one matrix product with a triangle of ones.
    let (walks, days) = (1000, 365);
    let steps = Tensor::<f32>::randn([walks, days], 7, &device)?;
    let rows = Tensor::arange(0.0f32, days as f32, 1.0, &device)?;
    let earlier = rows.insert_axis(Axis(1))?.le(&rows)?;
    let triangle = earlier.where_cond(1.0f32, 0.0f32)?;
    let paths = steps.matmul(&triangle)?;

    // Reductions along an axis, over a set of axes, or over everything.
    let last = paths.index_axis(Axis(1), days - 1)?;
    let mean = last.mean()?.item()?;
    let deviation = last.var(1.0)?.sqrt()?.item()?;
    println!(
        "after a year: mean {mean:.2}, standard deviation {deviation:.2} (theory: 0 and {:.2})",
        (days as f32).sqrt()
    );
    assert!((deviation - (days as f32).sqrt()).abs() < 1.5);

    let highest = paths.max_axis(Axis(1))?;
    let day = paths.argmax_axis(Axis(1))?;
    println!("walk 0 peaks at {:.2} on day {}", highest.to_vec()?[0], day.to_vec()?[0]);

    // Masks are tensors of bool: comparisons make them, logic combines them, `where_cond` chooses by them.
    let ruined = paths.min_axis(Axis(1))?.lt(-30.0)?;
    let rich = highest.gt(30.0)?;
    let both = (&ruined & &rich).where_cond(1.0f32, 0.0f32)?.sum()?.item()?;
    println!("{both} walks were both 30 under and 30 over");

    // Half-precision inputs still sum in f32: 4096 ones are 4096, which f16 alone can't count to.
    let ones = Tensor::<half::f16>::ones(4096, &device)?;
    assert_eq!(ones.sum()?.item()?.to_f32(), 4096.0);
    Ok(())
}
