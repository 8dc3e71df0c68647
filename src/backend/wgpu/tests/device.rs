//! The machinery on a device.

use std::sync::Arc;

use super::super::{Gpu, Memory, Wgpu, adapter};
use super::{Tensor, open};
use crate::backend::{Backend, Source, op};
use crate::dtype::{DType, Scalar};
use crate::error::Error;
use crate::layout::Layout;
use crate::memory::{Pool, PoolConfig};

const NONE: [Scalar; 2] = [Scalar::Int(0); 2];

/// The first adapter with changed limits or pool, as another machine might have them.
fn open_with(config: PoolConfig, change: impl FnOnce(&mut wgpu::Limits)) -> Wgpu {
    let adapter::Opened { device, queue, info, faults, cooperative } = adapter::open(0).expect("an adapter");
    let mut gpu = Gpu::new(device, queue, faults);
    change(&mut gpu.limits);
    let gpu = Arc::new(gpu);
    let pool = Pool::new(Memory(Arc::clone(&gpu)), config);
    Wgpu { info, gpu, cooperative, pool, normal_table: Default::default() }
}

fn layout(shape: &[usize], strides: &[isize], offset: usize) -> Layout {
    Layout::from_parts(shape.into(), strides.into(), offset)
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn a_second_call_compiles_nothing() {
    let gpu = open();
    let x = Tensor::new(&gpu, &[1.0f32, -2.0, 3.0]);
    let out = Tensor::empty(&gpu, DType::F32, &[3]);
    let call = || {
        gpu.unary(op::Unary::Relu, NONE, x.operand(), out.operand()).unwrap();
        let (a, b) = (Source::Tensor(x.operand()), Source::Scalar(Scalar::Float(2.0)));
        gpu.binary(op::Binary::Mul, a, b, out.operand()).unwrap();
        out.read::<f32>(&gpu)
    };
    assert_eq!(call(), [2.0, -4.0, 6.0]);
    let compiled = gpu.gpu.kernels.compiled();
    assert_eq!(call(), [2.0, -4.0, 6.0]);
    assert_eq!((compiled, gpu.gpu.kernels.compiled()), (2, 2));
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn every_length_and_start_leaves_the_neighbours_alone() {
    let gpu = open();
    for len in [1, 2, 3, 4, 5, 7, 8, 9, 255, 1027] {
        for start in 0..5 {
            let out = Tensor::new(&gpu, &vec![77u8; len + 12]);
            let at = layout(&[len], &[1], start);
            gpu.fill(Scalar::Int(5), out.view(&at)).unwrap();
            let got = out.read::<u8>(&gpu);
            let expected: Vec<u8> =
                (0..len + 12).map(|i| if (start..start + len).contains(&i) { 5 } else { 77 }).collect();
            assert_eq!(got, expected, "{len} from {start}");
        }
    }
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn strided_outputs_write_their_elements_alone() {
    let gpu = open();
    let x = Tensor::new(&gpu, &(0..600u16).map(|i| half::f16::from_f32(f32::from(i))).collect::<Vec<_>>());
    let out = Tensor::new(&gpu, &vec![half::f16::from_f32(-1.0); 3000]);
    let (from, to) = (layout(&[20, 30], &[1, 20], 0), layout(&[20, 30], &[-90, 3], 20 * 90 + 1));
    gpu.copy(x.view(&from), out.view(&to)).unwrap();
    let got = out.read::<half::f16>(&gpu);
    let mut expected = vec![half::f16::from_f32(-1.0); 3000];
    for i in 0..20 {
        for j in 0..30 {
            expected[20 * 90 + 1 - 90 * i + 3 * j] = half::f16::from_f32((i + 20 * j) as f32);
        }
    }
    assert!(got == expected);
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn operands_may_share_the_outputs_buffer() {
    let gpu = open();
    let x = Tensor::new(&gpu, &(0..1000).collect::<Vec<i32>>());
    let (a, b) = (Source::Tensor(x.operand()), Source::Tensor(x.operand()));
    gpu.binary(op::Binary::Add, a, b, x.operand()).unwrap();
    // Even elements from odd ones.
    let (even, odd) = (layout(&[500], &[2], 0), layout(&[500], &[2], 1));
    gpu.unary(op::Unary::Neg, NONE, x.view(&odd), x.view(&even)).unwrap();
    let expected: Vec<i32> = (0..1000).map(|i| if i % 2 == 0 { -2 * (i + 1) } else { 2 * i }).collect();
    assert_eq!(x.read::<i32>(&gpu), expected);
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn many_axes_and_few_immediates() {
    for immediates in [128, 0] {
        let gpu = open_with(PoolConfig::default(), |limits| limits.max_immediate_size = immediates);
        let shape = [2usize; 12];
        let x = Tensor::new(&gpu, &(0..4096u32).collect::<Vec<_>>());
        let out = Tensor::empty(&gpu, DType::U32, &shape);
        // Bits of the index swapped in pairs: no two axes can be merged.
        let strides: Vec<isize> = (0..12).map(|axis| 1isize << ((11 - axis) ^ 1)).collect();
        gpu.copy(x.view(&layout(&shape, &strides, 0)), out.operand()).unwrap();
        let swap = |i: u32| (i & 0xaaa) >> 1 | (i & 0x555) << 1;
        assert_eq!(out.read::<u32>(&gpu), (0..4096).map(swap).collect::<Vec<_>>(), "{immediates}");
    }
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn operations_are_split_to_fit_bindings_and_grids() {
    let gpu = open_with(PoolConfig::default(), |limits| {
        limits.max_storage_buffer_binding_size = 4096;
        limits.max_compute_workgroups_per_dimension = 2;
    });
    let x = Tensor::new(&gpu, &(0..30_011).map(|i| (i % 251) as u8).collect::<Vec<_>>());
    let out = Tensor::empty(&gpu, DType::F32, &[30_011]);
    gpu.copy(x.operand(), out.operand()).unwrap();
    assert_eq!(out.read::<f32>(&gpu), (0..30_011).map(|i| (i % 251) as f32).collect::<Vec<_>>());
    let reversed = layout(&[30_011], &[-1], 30_010);
    let back = Tensor::empty(&gpu, DType::U8, &[30_011]);
    gpu.copy(x.view(&reversed), back.operand()).unwrap();
    assert_eq!(back.read::<u8>(&gpu), (0..30_011).rev().map(|i| (i % 251) as u8).collect::<Vec<_>>());
    let random = Tensor::empty(&gpu, DType::F32, &[5000]);
    gpu.random(op::Random::Uniform, 7, random.operand()).unwrap();
    let whole = open();
    let expected = Tensor::empty(&whole, DType::F32, &[5000]);
    whole.random(op::Random::Uniform, 7, expected.operand()).unwrap();
    assert_eq!(random.read::<f32>(&gpu), expected.read::<f32>(&whole));
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn a_write_waits_for_the_recorded_readers_of_the_memory_it_reuses() {
    let gpu = open();
    let sum = Tensor::new(&gpu, &vec![0.0f32; 1 << 16]);
    for i in 0..200 {
        let x = Tensor::new(&gpu, &vec![i as f32; 1 << 16]);
        gpu.binary(op::Binary::Add, Source::Tensor(sum.operand()), Source::Tensor(x.operand()), sum.operand()).unwrap();
    }
    assert!(sum.read::<f32>(&gpu).iter().all(|&v| v == 19_900.0));
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn reads_longer_than_a_staging_buffer() {
    let gpu = open();
    let n = 20 << 20;
    let x = Tensor::new(&gpu, &(0..n as u32).collect::<Vec<_>>());
    assert!(x.read::<u32>(&gpu).iter().zip(0..).all(|(&got, i)| got == i));
    let mut bytes = [0u8; 7];
    gpu.read(&x.buffer, 4 * 1000 + 1..4 * 1000 + 8, &mut bytes).unwrap();
    let all: Vec<u8> = (1000..1002u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(bytes, all[1..]);
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn poisoned_memory_is_nan() {
    let gpu = open_with(PoolConfig { poison: true, bypass: true }, |_| {});
    let x = Tensor::empty(&gpu, DType::F32, &[33]);
    assert!(x.read::<f32>(&gpu).iter().all(|v| v.is_nan()));
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn too_much_memory_is_an_error_and_work_goes_on() {
    let gpu = open();
    for bytes in [1usize << 40, usize::MAX / 2] {
        assert!(matches!(gpu.allocate(bytes), Err(Error::OutOfMemory { requested, .. }) if requested == bytes));
    }
    let x = Tensor::new(&gpu, &[1.0f32; 10]);
    assert_eq!(x.read::<f32>(&gpu), [1.0; 10]);
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn a_lost_device_says_so() {
    let gpu = open();
    let x = Tensor::new(&gpu, &[1.0f32; 10]);
    let out = Tensor::empty(&gpu, DType::F32, &[10]);
    gpu.gpu.device.destroy();
    let operation = || gpu.unary(op::Unary::Neg, NONE, x.operand(), out.operand()).and_then(|()| gpu.synchronize());
    for _ in 0..2 {
        assert!(matches!(operation(), Err(Error::DeviceLost { .. })));
        assert!(gpu.is_lost());
    }
    assert!(matches!(gpu.allocate(4), Err(Error::DeviceLost { .. })));
    let mut bytes = [0; 4];
    assert!(matches!(gpu.read(&x.buffer, 0..4, &mut bytes), Err(Error::DeviceLost { .. })));
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn an_adapter_that_is_not_there_is_an_error() {
    assert!(matches!(Wgpu::new(1000), Err(Error::BackendUnavailable { backend: "wgpu", .. })));
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn conversions_are_those_of_rust() {
    let gpu = open();
    let floats = [0.0f32, -0.0, 0.5, -1.7, 255.9, 300.0, -5.0, 3e9, -3e9, 5e9, f32::NAN, f32::INFINITY, 1e-45];
    let x = Tensor::new(&gpu, &floats);
    macro_rules! check {
        ($x:expr, $values:expr, $($t:ty),*) => {$(
            let out = Tensor::empty(&gpu, <$t as crate::dtype::Element>::DTYPE, &[$values.len()]);
            gpu.copy($x.operand(), out.operand()).unwrap();
            let expected: Vec<$t> = $values.iter().map(|&v| v as $t).collect();
            assert_eq!(out.read::<$t>(&gpu), expected, "{}", stringify!($t));
        )*};
    }
    check!(x, floats, i32, u32, u8, i64);
    let longs = [0i64, 1, -1, 300, i64::MAX, i64::MIN, 1 << 40, (1 << 53) + 1, -(1 << 24) - 1];
    let y = Tensor::new(&gpu, &longs);
    check!(y, longs, i32, u32, u8, f32, f64);
    let doubles = [0.1f64, -2.5e10, 1e300, f64::NAN, 7.9, -7.9, 255.5];
    let z = Tensor::new(&gpu, &doubles);
    check!(z, doubles, i32, u32, u8, i64);
    let half = Tensor::empty(&gpu, DType::F16, &[doubles.len()]);
    gpu.copy(z.operand(), half.operand()).unwrap();
    let got = half.read::<half::f16>(&gpu);
    for (&got, &v) in got.iter().zip(&doubles) {
        assert!(got == half::f16::from_f64(v) || v.is_nan() && got.is_nan(), "{v}: {got}");
    }
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn half_types_round_to_nearest_even() {
    let gpu = open();
    let values: Vec<f32> = (0..1u32 << 18)
        .map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9)))
        .chain((0..=u16::MAX).map(|bits| half::f16::from_bits(bits).to_f32()))
        // Halfway between neighbours, and one step to either side.
        .chain((0..=u16::MAX).flat_map(|bits| {
            [-1i32, 0, 1].map(|d| f32::from_bits(((u32::from(bits) << 16) + 0x8000).wrapping_add_signed(d)))
        }))
        .chain((0..0x7bffu16).flat_map(|bits| {
            let middle = (half::f16::from_bits(bits).to_f32() + half::f16::from_bits(bits + 1).to_f32()) / 2.0;
            [-1i32, 0, 1].map(|d| f32::from_bits(middle.to_bits().wrapping_add_signed(d)))
        }))
        .collect();
    let x = Tensor::new(&gpu, &values);
    let (f16s, bf16s) =
        (Tensor::empty(&gpu, DType::F16, &[values.len()]), Tensor::empty(&gpu, DType::BF16, &[values.len()]));
    gpu.copy(x.operand(), f16s.operand()).unwrap();
    gpu.copy(x.operand(), bf16s.operand()).unwrap();
    let (f16s, bf16s) = (f16s.read::<half::f16>(&gpu), bf16s.read::<half::bf16>(&gpu));
    for (i, &v) in values.iter().enumerate() {
        let (h, b) = (half::f16::from_f32(v), half::bf16::from_f32(v));
        assert!(f16s[i].to_bits() == h.to_bits() || h.is_nan() && f16s[i].is_nan(), "{v:e}: {} {h}", f16s[i]);
        assert!(bf16s[i].to_bits() == b.to_bits() || b.is_nan() && bf16s[i].is_nan(), "{v:e}: {} {b}", bf16s[i]);
    }
}
