//! What the machine can do at best, measured before anything is held against it; and what a call costs.

use std::time::Instant;

use half::{bf16, f16};
use serde_json::{Value, json};
use tilework::{BackendKind, Device, Float, Result, Tensor};

use super::measure::median;

/// Bandwidth of a copy (read and write) and of reading alone, and the matmul rate by type.
pub fn ceilings(device: &Device, quick: bool) -> Result<Value> {
    let slow = runs_on_a_processor(device);
    let x = Tensor::<f32>::randn(if slow { 1 << 24 } else { 1 << 29 }, 1, device)?;
    let [copy, read] = bandwidths(device, quick, &[x])?;
    let n = if slow { 512 } else { 8192 };
    let matmul = json!({
        "f32": matmul::<f32>(device, quick, n)?,
        "f16": matmul::<f16>(device, quick, n)?,
        "bf16": matmul::<bf16>(device, quick, n)?,
    });
    Ok(json!({ "copy_bytes_per_s": copy, "read_bytes_per_s": read, "matmul_flops_per_s": matmul }))
}

/// Measures the bandwidths again, by calls that move `bytes` each, and keeps what is greater. A processor has other work too, and is
/// not equally fast at all sizes.
pub fn raise(ceilings: &mut Value, device: &Device, bytes: f64) -> Result<()> {
    // Too many for a cache.
    let sets = (256e6 / bytes).ceil() as u64;
    let tensor = |seed| Tensor::<f32>::randn((bytes / 8.0).ceil() as usize, seed, device);
    let measured = bandwidths(device, true, &(0..sets).map(tensor).collect::<Result<Vec<_>>>()?)?;
    for (name, measured) in ["copy_bytes_per_s", "read_bytes_per_s"].into_iter().zip(measured) {
        ceilings[name] = ceilings[name].as_f64().unwrap_or(0.0).max(measured).into();
    }
    Ok(())
}

pub fn runs_on_a_processor(device: &Device) -> bool {
    device.kind() == BackendKind::Cpu || device.info().is_software
}

/// Bytes a second of copying and of summing each tensor.
fn bandwidths(device: &Device, quick: bool, tensors: &[Tensor<f32>]) -> Result<[f64; 2]> {
    let bytes: f64 = tensors.iter().map(|x| 4.0 * x.len() as f64).sum();
    let copy = seconds(device, quick, || tensors.iter().try_for_each(|x| x.to_contiguous().map(drop)))?;
    let read = seconds(device, quick, || tensors.iter().try_for_each(|x| x.sum().map(drop)))?;
    Ok([2.0 * bytes / copy, bytes / read])
}

fn matmul<T: Float>(device: &Device, quick: bool, n: usize) -> Result<f64> {
    let (a, b) = (Tensor::<T>::randn((n, n), 1, device)?, Tensor::<T>::randn((n, n), 2, device)?);
    Ok(2.0 * (n as f64).powi(3) / seconds(device, quick, || a.matmul(&b))?)
}

/// The shortest of a few timings of `work`: a ceiling is the best that was seen.
fn seconds<R>(device: &Device, quick: bool, work: impl Fn() -> Result<R>) -> Result<f64> {
    work()?;
    let mut best = f64::INFINITY;
    // A processor is seldom undisturbed.
    let rounds = match quick {
        _ if runs_on_a_processor(device) => 30,
        true => 3,
        false => 10,
    };
    for _ in 0..rounds {
        let (_, time) = device.time(|| {
            work()?;
            work()
        })?;
        best = best.min(time.as_secs_f64() / 2.0);
    }
    Ok(best)
}

/// What calls cost on the host: one small addition, a chain read back, and the first call of a kernel against the second.
pub fn launch(device: &Device) -> Result<Value> {
    let (x, y) = (Tensor::<f32>::randn(1024, 1, device)?, Tensor::<f32>::randn(1024, 2, device)?);
    let timed = |work: &dyn Fn() -> Result<()>| {
        let begin = Instant::now();
        work()?;
        Ok::<_, tilework::Error>(begin.elapsed().as_secs_f64())
    };
    // No other case takes the cosine of an f32 tensor, so its kernel is not there yet.
    let cosine = || x.cos()?.to_vec().map(drop);
    let (first, second) = (timed(&cosine)?, timed(&cosine)?);
    const CALLS: usize = 2000;
    let adds = || (0..CALLS).try_for_each(|_| x.add(&y).map(drop));
    adds()?;
    device.synchronize()?;
    let mut per_add = vec![];
    for _ in 0..5 {
        per_add.push(timed(&adds)? / CALLS as f64);
        device.synchronize()?;
    }
    let small = Tensor::<f32>::randn(1000, 3, device)?;
    let chain = || small.mul(1.5)?.add(0.5)?.relu()?.tanh()?.mul(&small)?.to_vec().map(drop);
    chain()?;
    let chains = (0..50).map(|_| timed(&chain)).collect::<Result<Vec<_>>>()?;
    Ok(
        json!({ "host_s_per_add": median(per_add), "chain_of_5_s": median(chains), "first_call_s": first, "second_call_s": second }),
    )
}
