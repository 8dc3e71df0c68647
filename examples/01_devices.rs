//! Lesson 1: devices. Which ones there are, which one is taken, and what each can do.
//!
//! `cargo run --example 01_devices` (with `TILEWORK_DEVICE=cpu`, `cuda`, `cuda:1` or `wgpu` to choose).

use tilework::{DType, Device, Result, Tensor};

fn main() -> Result<()> {
    // Every device that can be opened on this machine, with this build's features.
    for device in Device::all() {
        let info = device.info();
        println!("{device}");
        println!(
            "  memory: {}",
            info.memory.map_or("unknown".into(), |bytes| format!("{:.1} GiB", bytes as f64 / 2f64.powi(30)))
        );
        println!("  dtypes: {:?}", info.dtypes);
        for (fact, value) in &info.facts {
            println!("  {fact}: {value}");
        }
    }

    // The best one: TILEWORK_DEVICE if it is set, else CUDA, else a GPU through wgpu, else the CPU. This can't fail.
    let device = Device::best();
    println!("best: {device}");

    // Opening by name can: the error says what is missing and how to get it.
    match "cuda:99".parse::<Device>() {
        Ok(device) => println!("a machine with a hundred GPUs: {device}"),
        Err(error) => println!("{error}"),
    }

    // A tensor lives on one device, and moves when it is told to.
    let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0], 3, &device)?;
    let on_cpu = x.to_device(&Device::cpu())?;
    assert_eq!(on_cpu.to_vec()?, [1.0, 2.0, 3.0]);

    // Not every GPU has every element type; asking first is cheaper than being refused.
    if device.supports(DType::F64) {
        let precise = x.cast::<f64>()?;
        assert_eq!(precise.sum()?.item()?, 6.0);
    }
    Ok(())
}
