//! Determinism: the same inputs on the same device give the same bits, run after run and whatever else the device does.

use ndarray::{Axis, s};
use tilework::{Device, Float, Result, Tensor};

use crate::element::{TestElement, each_element};
use crate::runner::{Context, Outcome, Suite};

const FAMILY: &str = "determinism";

pub fn cases(suite: &mut Suite) {
    each_element!(T in floats {
        for (name, call) in representatives::<T>() {
            let probe = move |device: &Device| call(&Tensor::ones((6, 4), device)?)?.to_vec().map(drop);
            suite.case::<T>(FAMILY, name, "again and from two threads", probe, move |ctx| check(ctx, call));
        }
    });
}

type Call<T> = fn(&Tensor<T>) -> Result<Tensor<T>>;

/// What each family does with the order of its work, by the public methods' names.
fn representatives<T: Float>() -> [(&'static str, Call<T>); 8] {
    [
        ("exp", |x| x.exp()),
        ("sum", |x| x.sum()),
        ("sum_axis", |x| x.sum_axis(Axis(0))),
        ("var", |x| x.var(1.0)),
        ("softmax", |x| x.softmax(Axis(1))),
        ("layer_norm", |x| x.layer_norm(1, None, None, 1e-5)),
        ("matmul", |x| x.slice(s![..;2, ..])?.matmul(&x.slice(s![1..;2, ..])?.t())),
        ("randn", |x| Tensor::randn(x.shape(), 3, x.device())),
    ]
}

fn check<T: TestElement + Float>(ctx: &Context, call: Call<T>) -> Outcome {
    let x = Tensor::from_vec(ctx.rng().elements::<T>(611 * 307, 3.0), (611, 307), &ctx.device)?;
    let first = call(&x)?;
    let (shape, first) = (first.shape().to_vec(), first.to_vec()?);
    for run in 1..ctx.scaled(3, 20, 100) {
        ctx.at(format_args!("run {run}, against the first"));
        ctx.check_bits(&shape, &call(&x)?.to_vec()?, &first);
    }
    // The smoke level is for tools that watch memory; compute-sanitizer's race check hangs now and then where two threads launch.
    if ctx.scaled(true, false, false) {
        return Ok(());
    }
    let runs = || (0..3).map(|_| call(&x)?.to_vec()).collect::<Vec<Result<Vec<T>>>>();
    let results: Vec<Result<Vec<T>>> = std::thread::scope(|scope| {
        let threads = [scope.spawn(runs), scope.spawn(runs)];
        threads.into_iter().flat_map(|thread| thread.join().expect("the thread did not panic")).collect()
    });
    ctx.at("two threads at once, against the first");
    for result in results {
        ctx.check_bits(&shape, &result?, &first);
    }
    Ok(())
}
