//! The machinery under the CUDA backend, on a GPU: transfers, memory and threads. Without one all tests are reported as ignored.
//!
//! What operations compute is the conformance suite's matter; here it is what happens around them.

use half::{bf16, f16};
use libtest_mimic::{Arguments, Failed, Trial};
use ndarray::s;
use tilework::{Activation, Device, Error, Float, MatmulOptions, Precision, Tensor};

type Case = fn(&Device) -> Result<(), Failed>;

const CASES: [(&str, Case); 9] = [
    ("transfers_of_every_length_around_a_slot", transfers_of_every_length_around_a_slot),
    ("small_uploads_behind_a_busy_stream", small_uploads_behind_a_busy_stream),
    ("a_part_is_read_from_its_offset", a_part_is_read_from_its_offset),
    ("out_of_memory_and_on", out_of_memory_and_on),
    ("tensors_dropped_in_flight", tensors_dropped_in_flight),
    ("threads_share_a_device", threads_share_a_device),
    ("threads_multiply_at_once", threads_multiply_at_once),
    ("products_begin_beside_others", products_begin_beside_others),
    ("trimming_gives_memory_back", trimming_gives_memory_back),
];

fn main() {
    let device = Device::cuda(0);
    let trials = CASES.map(|(name, case)| match &device {
        Ok(device) => {
            let device = device.clone();
            Trial::test(name, move || case(&device))
        }
        Err(error) => Trial::test(format!("{name}: {error}"), || Ok(())).with_ignored_flag(true),
    });
    // One after the other: some look at the statistics of the device that all share.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials.into()).exit();
}

/// Numbers that differ from place to place and from tensor to tensor.
fn pattern(len: usize, seed: u32) -> Vec<u32> {
    (0..len as u32).map(|i| (i ^ seed.rotate_left(16)).wrapping_mul(0x9E37_79B9).wrapping_add(seed)).collect()
}

fn check(got: &[u32], expected: &[u32], what: &str) -> Result<(), Failed> {
    match got.iter().zip(expected).position(|(a, b)| a != b) {
        None if got.len() == expected.len() => Ok(()),
        at => Err(format!("{what}: {} elements of {}, first difference at {at:?}", got.len(), expected.len()).into()),
    }
}

/// A slot of pinned memory has 4 MiB, a ring four of them.
fn transfers_of_every_length_around_a_slot(device: &Device) -> Result<(), Failed> {
    const SLOT: usize = (4 << 20) / 4;
    for base in [0, 1, 16, 128 << 10, SLOT / 2, SLOT, 2 * SLOT, 4 * SLOT, 5 * SLOT, 11 * SLOT] {
        for len in [base.saturating_sub(1), base, base + 1] {
            let expected = pattern(len, len as u32);
            let tensor = Tensor::from_vec(expected.clone(), len, device)?;
            check(&tensor.to_vec()?, &expected, &format!("{len} words"))?;
        }
    }
    Ok(())
}

/// 100 MB of small uploads while the GPU has work: the ring comes round several times before the first of them is copied.
fn small_uploads_behind_a_busy_stream(device: &Device) -> Result<(), Failed> {
    let mut busy = Tensor::<f32>::ones(1 << 27, device)?;
    for _ in 0..50 {
        busy = busy.mul(1.000_1f32)?;
    }
    let len = |i: usize| 1 + i * 7919 % 5000;
    let tensors: Result<Vec<_>, Error> =
        (0..10_000).map(|i| Tensor::from_vec(pattern(len(i), i as u32), len(i), device)).collect();
    for (i, tensor) in tensors?.into_iter().enumerate() {
        check(&tensor.to_vec()?, &pattern(len(i), i as u32), &format!("upload {i}"))?;
    }
    Ok(())
}

fn a_part_is_read_from_its_offset(device: &Device) -> Result<(), Failed> {
    let all = pattern(100_000, 3);
    let tensor = Tensor::from_vec(all.clone(), 100_000, device)?;
    for (start, end) in [(0, 1), (1, 2), (99_999, 100_000), (12_345, 67_890)] {
        let (_, tail) = tensor.split_at(ndarray::Axis(0), start)?;
        let (part, _) = tail.split_at(ndarray::Axis(0), end - start)?;
        check(&part.to_vec()?, &all[start..end], &format!("{start}..{end}"))?;
    }
    Ok(())
}

fn out_of_memory_and_on(device: &Device) -> Result<(), Failed> {
    let before = device.memory_stats().in_use;
    let elements = 1usize << 40;
    match Tensor::<f32>::zeros(elements, device) {
        Err(Error::OutOfMemory { requested, .. }) if requested == 4 * elements => {}
        other => return Err(format!("4 TiB gave {:?}", other.map(|_| ())).into()),
    }
    if device.memory_stats().in_use != before {
        return Err("the failed request is counted as in use".into());
    }
    let sum = Tensor::<f32>::ones(1000, device)?.add(1.0f32)?.to_vec()?;
    if sum == vec![2.0; 1000] { Ok(()) } else { Err("the next operation went wrong".into()) }
}

/// The memory of a tensor that is dropped while it is being read goes to the next one, which is written later.
fn tensors_dropped_in_flight(device: &Device) -> Result<(), Failed> {
    let x = Tensor::<f32>::ones(1 << 24, device)?;
    let mut sums = Vec::new();
    for i in 0..100u8 {
        let y = x.add(f32::from(i))?;
        let z = y.add(1.0f32)?;
        drop(y);
        let other = x.mul(-1.0f32)?;
        sums.push((i, z));
        drop(other);
        if sums.len() == 8 {
            for (i, z) in sums.drain(..) {
                if z.to_vec()?.iter().any(|&v| v != f32::from(i) + 2.0) {
                    return Err(format!("sum {i} was overwritten").into());
                }
            }
        }
    }
    Ok(())
}

fn threads_share_a_device(device: &Device) -> Result<(), Failed> {
    let shared = Tensor::<f32>::ones(10_000, device)?;
    let work = |thread: u8| -> Result<(), Failed> {
        for round in 0..200u8 {
            let own = Tensor::from_vec(vec![f32::from(round); 10_000], 10_000, device)?;
            let sum = own.add(&shared)?.mul(f32::from(thread))?.to_vec()?;
            let expected = (f32::from(round) + 1.0) * f32::from(thread);
            if sum.iter().any(|&v| v != expected) {
                return Err(format!("thread {thread}, round {round}: not {expected}").into());
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    })
}

/// Kernels that leave notes for each other in the same memory: products of f32 whose elements have few magnitudes and many, a deep k that
/// is split between clusters, a sum in parts. What a thread gets beside the others is what it gets alone.
fn threads_multiply_at_once(device: &Device) -> Result<(), Failed> {
    const ROUNDS: usize = 40;
    let few = Tensor::<f32>::randn((1024, 1024), 1, device)?;
    let many = few.mul(8.0)?.exp()?.mul(&few)?;
    let deep = [(64, 65_536), (65_536, 64)].map(|shape| Tensor::<bf16>::randn(shape, 2, device));
    let [rows, columns] = deep;
    let (rows, columns) = (rows?, columns?);
    let long = Tensor::<f32>::randn(1 << 22, 3, device)?;
    type Work<'a> = &'a (dyn Fn() -> tilework::Result<Tensor<f32>> + Sync);
    let works: [Work; 4] =
        [&|| few.matmul(&few), &|| many.matmul(&many), &|| rows.matmul(&columns)?.cast::<f32>(), &|| long.sum()];
    let bits = |x: Tensor<f32>| Ok::<_, Error>(x.to_vec()?.into_iter().map(f32::to_bits).collect::<Vec<u32>>());
    let alone = works.iter().map(|work| bits(work()?)).collect::<Result<Vec<_>, Error>>()?;
    std::thread::scope(|scope| {
        let threads: Vec<_> = works
            .iter()
            .zip(&alone)
            .enumerate()
            .map(|(i, (work, alone))| {
                scope.spawn(move || {
                    (0..ROUNDS).try_for_each(|round| {
                        // Several are on their way at a time.
                        let beside = (0..4).map(|_| work()).collect::<Result<Vec<_>, Error>>()?;
                        beside
                            .into_iter()
                            .try_for_each(|x| check(&bits(x)?, alone, &format!("work {i}, round {round}")))
                    })
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| Failed::from("a thread panicked"))?)
    })
}

/// Products that read nothing which is still being written begin beside those before them; the others wait. Whatever of that happens,
/// results are those of operations of which each has ended before the next begins.
fn products_begin_beside_others(device: &Device) -> Result<(), Failed> {
    fn programs<T: Float>(device: &Device, precision: Precision, sizes: &[usize]) -> Result<(), Failed> {
        for &size in sizes {
            for seed in 0..3 {
                let [beside, apart] = [false, true].map(|apart| program::<T>(device, precision, size, seed, apart));
                let what = format!("{} {precision:?}, size {size}, program {seed}", std::any::type_name::<T>());
                check(&beside?, &apart?, &what)?;
            }
        }
        Ok(())
    }
    programs::<bf16>(device, Precision::F32, &[64, 256, 1024, 1200])?;
    programs::<f16>(device, Precision::F32, &[64, 512])?;
    programs::<f32>(device, Precision::F32, &[64, 256, 1024])?;
    programs::<f32>(device, Precision::Tf32, &[64, 256, 1024])?;
    programs::<f64>(device, Precision::F32, &[64, 256])
}

/// A random program on a few tensors `x` and matrices `w` that multiply them, whose memory is soon another's: products, narrow ones, ones of
/// batches, with epilogues, by transposes, operations in place, uploads. The bits of some results on the way and of all at the end; `apart`
/// with a wait after each step. The matrices keep lengths about as they are, so that what is read too early shows at the end. Either factor
/// may be what the product before it makes.
fn program<T: Float>(
    device: &Device,
    precision: Precision,
    size: usize,
    seed: u32,
    apart: bool,
) -> Result<Vec<u32>, Error> {
    const STEPS: usize = 300;
    const TENSORS: usize = 6;
    const KEPT: usize = 16;
    let scale = (size as f64).sqrt().recip();
    let fresh = |seed| Tensor::<T>::randn((size, size), seed, device)?.mul(T::from_f64(scale));
    let mut x =
        (0..TENSORS as u64).map(|i| Tensor::randn((size, size), i, device)).collect::<Result<Vec<_>, Error>>()?;
    let mut w = (0..TENSORS as u64).map(|i| fresh(100 + i)).collect::<Result<Vec<_>, Error>>()?;
    let mut rows =
        (0..TENSORS).map(|i| x[i].slice(s![..16, ..])?.mul(T::from_f64(1.0))).collect::<Result<Vec<_>, Error>>()?;
    let mut kept = Vec::new();
    let choices = pattern(4 * STEPS, seed);
    for (number, step) in choices.chunks(4).enumerate() {
        let [a, b, to] = [0, 1, 2].map(|i| step[i] as usize / 7 % TENSORS);
        let plain = MatmulOptions { precision, ..Default::default() };
        match step[3] / 7 % 18 {
            0..6 => x[to] = x[a].matmul_with(&w[b], plain)?,
            6 => x[to] = x[a].t().matmul_with(&w[b], plain)?,
            7 => x[to] = x[a].matmul_with(&w[b].t(), plain)?,
            8 => x[to] = x[a].matmul_with(&w[b], MatmulOptions { c: Some(&x[to]), beta: 0.6, alpha: 0.8, ..plain })?,
            9 => {
                let gelu = MatmulOptions { activation: Activation::Gelu, alpha: 1.7, ..plain };
                x[to] = x[a].matmul_with(&w[b], gelu)?;
            }
            10 | 11 => rows[to] = rows[a].matmul_with(&w[b], plain)?,
            12 => w[to] = fresh(1000 + number as u64)?,
            13 => w[to] *= T::from_f64(-1.0),
            14 | 15 => w[to] = w[a].matmul_with(&w[b], plain)?,
            16 => {
                let element = |i: usize| T::from_f64(((i * (a + 3) + b) % 17) as f64 / 5.0 - 1.6);
                x[to] = Tensor::from_vec((0..size * size).map(element).collect(), (size, size), device)?;
            }
            _ => {
                let batch = (3, size, size);
                let thrice = |x: &Tensor<T>| x.insert_axis(ndarray::Axis(0))?.broadcast(batch)?.mul(T::from_f64(1.0));
                x[to] = thrice(&x[a])?.matmul_with(&thrice(&w[b])?, plain)?.index_axis(ndarray::Axis(0), 1)?;
            }
        }
        if apart {
            device.synchronize()?;
        }
        if number % KEPT == 0 {
            kept.push(x[to].clone());
        }
    }
    let mut bits = Vec::new();
    let mut alive = 0;
    for tensor in kept.iter().chain(&x).chain(&rows) {
        let values = tensor.to_vec()?;
        alive += values.iter().filter(|v| v.to_f64().is_finite() && v.to_f64() != 0.0).count();
        bits.extend(values.iter().map(|v| (v.to_f64() as f32).to_bits()));
    }
    assert!(2 * alive > bits.len(), "{alive} elements of {} are numbers other than zero", bits.len());
    Ok(bits)
}

fn trimming_gives_memory_back(device: &Device) -> Result<(), Failed> {
    drop(Tensor::<f32>::ones(1 << 26, device)?);
    let given_back = device.trim_memory();
    let stats = device.memory_stats();
    // With the pool off (TILEWORK_POOL=off) nothing is cached, so there is nothing to give back.
    if (given_back >= 256 << 20 || std::env::var_os("TILEWORK_POOL").is_some()) && stats.reserved == stats.in_use {
        return Ok(());
    }
    Err(format!("{given_back} bytes given back, and then {stats:?}").into())
}
