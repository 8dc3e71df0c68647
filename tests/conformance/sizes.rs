//! Sizes that break index arithmetic: every short length, more elements than a grid has threads, more bytes than a binding
//! holds, and, at the full level, offsets past 2^31.

use ndarray::s;
use tilework::{Device, Number, Tensor};

use crate::element::{TestElement, Value, each_element};
use crate::report::Want;
use crate::runner::{Context, Level, Outcome, Suite};

const FAMILY: &str = "sizes";

pub fn cases(suite: &mut Suite) {
    each_element!(T in numbers {
        suite.case::<T>(FAMILY, "add", "lengths 1 to 515", probe::<T>, lengths::<T>);
    });
    each_element!(T in [f32, u8, half::f16] {
        // wgpu dispatches at most 65,535 groups of 256 along one axis.
        suite.case::<T>(FAMILY, "add", "past 65,535 groups", probe::<T>, |ctx| large::<T>(ctx, 65_535 * 256 + 259));
    });
    // 128 MiB is the largest binding that WebGPU guarantees, and 2 GiB what most drivers stop at.
    suite.case::<f32>(FAMILY, "add", "past a binding of 128 MiB", probe::<f32>, |ctx| large::<f32>(ctx, (1 << 25) + 5));
    suite.case::<f32>(FAMILY, "add", "past a binding of 2 GiB", probe::<f32>, |ctx| {
        at_full(ctx, |ctx| large::<f32>(ctx, (1 << 29) + 5))
    });
    suite.case::<u8>(FAMILY, "add", "past 2^31 elements", probe::<u8>, |ctx| {
        at_full(ctx, |ctx| large::<u8>(ctx, (1 << 31) + 7))
    });
    suite.case::<u8>(FAMILY, "slice", "offsets past 2^31", probe::<u8>, |ctx| at_full(ctx, far_views));
    suite.case::<u8>(FAMILY, "sum", "past 2^31 elements", probe::<u8>, |ctx| at_full(ctx, far_sum));
}

fn probe<T: TestElement + Number>(device: &Device) -> tilework::Result<()> {
    Tensor::<T>::ones(1, device)?.add(T::ONE)?.to_vec().map(drop)
}

/// The body at the full level; at the default one the case is ignored, and says so.
fn at_full(ctx: &Context, body: impl Fn(&Context) -> Outcome) -> Outcome {
    match ctx.level {
        Level::Full => body(ctx),
        Level::Smoke | Level::Default => ctx.ignore("needs gigabytes of memory: run with TILEWORK_CONFORMANCE=full"),
    }
}

/// Every length of a vectorised kernel's body and tail, aligned and one element past it.
fn lengths<T: TestElement + Number>(ctx: &Context) -> Outcome {
    let mut rng = ctx.rng();
    let (a, b) = (rng.small_ints::<T>(520, 50), rng.small_ints::<T>(520, 50));
    let (x, y) = (Tensor::from_vec(a.clone(), 520, &ctx.device)?, Tensor::from_vec(b.clone(), 520, &ctx.device)?);
    for n in ctx.some(1..=515usize) {
        // Odd lengths from an element that no vector load is aligned at.
        let start = n % 2;
        let sum = x.slice(s![start..start + n])?.add(&y.slice(s![..n])?)?.to_vec()?;
        ctx.at(format_args!("length {n} from element {start}"));
        let want = |i: usize| T::from_f64(a[i + start].to_f64() + b[i].to_f64());
        ctx.check(&[n], &sum, |i, got| Want::exactly(want(i).value()).judge(got));
    }
    Ok(())
}

/// `x + x` over `n` elements that follow a pattern of prime length, so that no wrong index finds the right value by luck.
fn large<T: TestElement + Number>(ctx: &Context, n: usize) -> Outcome {
    const PERIOD: usize = 113;
    let x = pattern::<T>(ctx, n, PERIOD)?;
    let y = x.add(&x)?;
    ctx.at(format_args!("{n} elements"));
    ctx.check_that(y.shape() == [n], || format!("the result has shape {:?}", y.shape()));
    // Read in parts, so that the host never holds all.
    const PART: usize = 1 << 26;
    for start in (0..n).step_by(PART) {
        let end = (start + PART).min(n);
        let part = y.slice(s![start as isize..end as isize])?.to_vec()?;
        let want = |i: usize| Want::exactly(T::from_f64(2.0 * ((start + i) % PERIOD) as f64).value());
        ctx.check(&[end - start], &part, |i, got| want(i).judge(got));
    }
    Ok(())
}

/// `i % period` for `n` elements, made on the device from a short vector.
fn pattern<T: TestElement + Number>(ctx: &Context, n: usize, period: usize) -> Result<Tensor<T>, tilework::Error> {
    let ramp: Vec<T> = (0..period).map(|i| T::from_f64(i as f64)).collect();
    let rows = n.div_ceil(period);
    let repeated = Tensor::from_vec(ramp, (1, period), &ctx.device)?.broadcast((rows, period))?.to_contiguous()?;
    repeated.reshape(rows * period)?.slice(s![..n as isize])
}

/// Strided views whose elements lie beyond 2^31, while their own number is small.
fn far_views(ctx: &Context) -> Outcome {
    const PERIOD: usize = 251;
    let n: usize = (1 << 31) + 4096;
    let x = pattern::<u8>(ctx, n, PERIOD)?;
    let at = |i: usize| (i % PERIOD) as u8;
    ctx.at("a slice past 2^31");
    let start = (1usize << 31) + 17;
    let tail = x.slice(s![start as isize..start as isize + 1000])?;
    ctx.check_bits(&[1000], &tail.add(1)?.to_vec()?, &(0..1000).map(|i| at(start + i) + 1).collect::<Vec<u8>>());
    ctx.at("a stride of 2^30");
    let sparse = x.slice(s![..;1 << 30])?;
    ctx.check_bits(&[3], &sparse.add(1)?.to_vec()?, &[at(0) + 1, at(1 << 30) + 1, at(1 << 31) + 1]);
    ctx.at("all of it backwards");
    let reversed = x.slice(s![..;-1])?.slice(s![..1000])?;
    ctx.check_bits(&[1000], &reversed.add(1)?.to_vec()?, &(0..1000).map(|i| at(n - 1 - i) + 1).collect::<Vec<u8>>());
    Ok(())
}

/// Integer sums wrap the same whatever their length: of a long one by counting.
fn far_sum(ctx: &Context) -> Outcome {
    const PERIOD: usize = 251;
    let n: usize = (1 << 31) + 4096;
    let x = pattern::<u8>(ctx, n, PERIOD)?;
    let sum = |m: usize| (m as u64).wrapping_mul(m.wrapping_sub(1) as u64) / 2;
    let want = (n / PERIOD) as u64 * sum(PERIOD) + sum(n % PERIOD);
    ctx.at(format_args!("{n} elements"));
    ctx.check(&[], &[x.sum()?.item()?], |_, got| Want::exactly(Value::Int(i128::from(want))).judge(got));
    Ok(())
}
