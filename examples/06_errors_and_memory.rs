//! Lesson 6: what goes wrong, and what memory costs. Methods return errors, operators panic with the same words.

use tilework::{Device, Error, Result, Tensor};

fn main() -> Result<()> {
    let device = Device::best();
    let a = Tensor::<f32>::ones((2, 3), &device)?;
    let b = Tensor::<f32>::ones((4, 5), &device)?;

    // An error names the operation, the shapes and the rule, and changes nothing.
    let error = a.matmul(&b).expect_err("3 is not 4");
    println!("{error}");
    assert!(matches!(error, Error::ShapeMismatch { op: "matmul", .. }));
    println!("{}", a.add(&b).expect_err("the shapes do not broadcast"));
    println!("{}", Tensor::<f32>::zeros([usize::MAX, 2], &device).expect_err("no address space for it"));

    // Freed memory is kept for the next tensor of about that size: a second allocation costs no call to the driver.
    device.trim_memory();
    drop(Tensor::<f32>::zeros(1 << 20, &device)?);
    let before = device.memory_stats();
    drop(Tensor::<f32>::zeros(1 << 20, &device)?);
    let after = device.memory_stats();
    assert_eq!(after.reserved, before.reserved);
    assert_eq!(after.reuses, before.reuses + 1);
    println!("{after:?}");

    // A limit turns a machine that would start to thrash into an error, after which work goes on.
    device.set_memory_limit(Some(after.in_use + (8 << 20)));
    match Tensor::<f32>::zeros(64 << 20, &device) {
        Err(error @ Error::OutOfMemory { .. }) => println!("{error}"),
        other => panic!("256 MiB do not fit below a limit of 8 MiB more: {other:?}"),
    }
    device.set_memory_limit(None);
    assert_eq!(a.sum()?.item()?, 6.0);

    println!("{} bytes given back", device.trim_memory());
    Ok(())
}
