//! The families under criterion, for watching a change: `cargo bench --bench families -- softmax`, on `TILEWORK_DEVICE`.
//!
//! The same cases as the tables of `suite`, but with criterion's statistics and its comparison with the previous run. What is timed
//! is the device's work, by its own clock.

#[path = "suite/case.rs"]
#[allow(dead_code, reason = "the suite has cases of other kinds too")]
mod case;
#[path = "suite/families.rs"]
mod families;
#[path = "suite/products.rs"]
mod products;
#[path = "suite/verify.rs"]
mod verify;
#[path = "suite/work.rs"]
mod work;

use std::time::Duration;

use case::{Case, Work};
use criterion::{Criterion, Throughput};
use half::{bf16, f16};
use tilework::{BackendKind, DType, Device, Float, Result};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    let device = Device::best();
    println!("{device}");
    let cases = [families::cases(), products::cases()].concat();
    let wanted = |case: &Case| suits(case, &device) && products::is_quick(case) && products::suits(case, &device);
    for case in cases.into_iter().filter(wanted) {
        match case.dtype {
            DType::F16 => bench::<f16>(&mut criterion, &case, &device),
            DType::BF16 => bench::<bf16>(&mut criterion, &case, &device),
            DType::F64 => bench::<f64>(&mut criterion, &case, &device),
            _ => bench::<f32>(&mut criterion, &case, &device),
        }
    }
    criterion.final_summary();
}

/// Transfers have no device time; and processors get what they can do in a moment.
fn suits(case: &Case, device: &Device) -> bool {
    let slow = device.kind() == BackendKind::Cpu || device.info().is_software;
    let moment = case.bytes() < 10e6 && case.flops().unwrap_or(0.0) < 1e9;
    !matches!(case.work, Work::Upload | Work::Download) && (!slow || moment)
}

fn bench<T: Float>(criterion: &mut Criterion, case: &Case, device: &Device) {
    let mut group = criterion.benchmark_group(case.group);
    group.throughput(match case.flops() {
        Some(flops) => Throughput::Elements(flops as u64),
        None => Throughput::Bytes(case.bytes() as u64),
    });
    group.bench_function(case.id(), |bencher| {
        let inputs = checked(work::prepare::<T>(case, 0, device));
        let wrong = checked(work::run(case, &inputs).and_then(|output| verify::verify(case, &inputs, &output)));
        assert_eq!(wrong, None, "{}", case.id());
        bencher.iter_custom(|calls| {
            let work = || (0..calls).try_for_each(|_| work::run(case, &inputs).map(drop));
            checked(device.time(work)).1
        });
    });
    group.finish();
}

#[track_caller]
fn checked<R>(result: Result<R>) -> R {
    result.unwrap_or_else(|error| panic!("{error}"))
}
