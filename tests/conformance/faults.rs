//! What goes wrong around the operations: memory that runs out, panics, threads, tensors dropped while work is under way.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::s;
use tilework::{Error, Result, Tensor};

use crate::runner::{Context, Outcome, Suite};

const FAMILY: &str = "faults";

pub fn cases(suite: &mut Suite) {
    suite.alone(FAMILY, "memory", "past the limit", past_the_limit);
    suite.alone(FAMILY, "memory", "past all there is", past_all_memory);
    suite.alone(FAMILY, "memory", "returned", memory_is_returned);
    suite.general(FAMILY, "panic", "between operations", panic_between_operations);
    suite.general(FAMILY, "threads", "share a tensor", threads_share_a_tensor);
    suite.general(FAMILY, "drop", "while work is under way", drop_in_flight);
}

/// The device computes: a sum and a product of known numbers.
fn works(ctx: &Context) -> Outcome {
    let x = Tensor::<f32>::arange(0.0, 1000.0, 1.0, &ctx.device)?;
    ctx.check_bits(&[], &[x.mul(2.0)?.sum()?.item()?], &[999_000.0]);
    Ok(())
}

fn past_the_limit(ctx: &Context) -> Outcome {
    let device = &ctx.device;
    works(ctx)?;
    device.synchronize()?;
    device.trim_memory();
    let limit = device.memory_stats().reserved + (8 << 20);
    device.set_memory_limit(Some(limit));
    let outcome = (|| {
        for attempt in 0..3 {
            ctx.at(format_args!("64 MiB with a limit of 8 MiB more than in use, attempt {attempt}"));
            let want = "OutOfMemory { requested: 67108864 or more, limit: the one set, .. }";
            ctx.check_error_that(Tensor::<f32>::zeros(16 << 20, device), want, |error| {
                matches!(error, Error::OutOfMemory { requested, limit: l, .. } if *requested >= 64 << 20 && *l == Some(limit))
            });
            ctx.at("normal work afterwards");
            works(ctx)?;
        }
        ctx.at("an operation whose result does not fit");
        let x = Tensor::<f32>::zeros(1 << 10, device)?;
        let wide = x.broadcast((1 << 14, 1 << 10))?;
        ctx.check_error_that(wide.add(1.0), "OutOfMemory", |error| matches!(error, Error::OutOfMemory { .. }));
        works(ctx)
    })();
    device.set_memory_limit(None);
    outcome?;
    ctx.at("64 MiB once the limit is lifted");
    ctx.check_bits(&[], &[Tensor::<f32>::ones(16 << 20, device)?.slice(s![-1])?.item()?], &[1.0]);
    Ok(())
}

fn past_all_memory(ctx: &Context) -> Outcome {
    ctx.at("64 TiB");
    let result = Tensor::<f32>::zeros(1usize << 44, &ctx.device);
    ctx.check_error_that(
        result,
        "OutOfMemory { requested: 2^46 or more, .. }",
        |error| matches!(error, Error::OutOfMemory { requested, .. } if *requested >= 1 << 46),
    );
    ctx.at("normal work afterwards");
    works(ctx)
}

fn memory_is_returned(ctx: &Context) -> Outcome {
    let device = &ctx.device;
    device.synchronize()?;
    let before = device.memory_stats().in_use;
    for _ in 0..50 {
        let x = Tensor::<f32>::ones(1 << 16, device)?;
        x.add(&x)?.mul(&x)?.sum()?.item()?;
    }
    device.synchronize()?;
    let after = device.memory_stats().in_use;
    ctx.at("bytes in use after 50 chains of operations whose tensors are dropped");
    ctx.check_that(after <= before, || format!("{before} before, {after} after"));
    Ok(())
}

fn panic_between_operations(ctx: &Context) -> Outcome {
    let x = Tensor::<f32>::arange(0.0, 1000.0, 1.0, &ctx.device)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _alive = x.add(1.0);
        // Without the hook's message: this panic is the test.
        std::panic::resume_unwind(Box::new("user code"));
    }));
    ctx.at("a panic with a tensor alive and work under way");
    ctx.check_that(outcome.is_err(), || "the panic was lost".into());
    ctx.check_bits(&[], &[x.sum()?.item()?], &[499_500.0]);
    let device = ctx.device.clone();
    let thread = std::thread::spawn(move || {
        let _alive = Tensor::<f32>::ones(1000, &device).and_then(|x| x.add(1.0));
        std::panic::resume_unwind(Box::new("user code"));
    });
    ctx.at("a panic in another thread");
    ctx.check_that(thread.join().is_err(), || "the panic was lost".into());
    works(ctx)
}

fn threads_share_a_tensor(ctx: &Context) -> Outcome {
    let x = Tensor::<f32>::arange(0.0, 10_000.0, 1.0, &ctx.device)?;
    let work = |k: usize| -> Result<Vec<f32>> {
        let mut y = x.mul(k as f32)?;
        for _ in 0..10 {
            y = y.add(&x)?;
        }
        y.to_vec()
    };
    let results: Vec<Result<Vec<f32>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|k| scope.spawn(move || work(k))).collect();
        threads.into_iter().map(|thread| thread.join().expect("the thread did not panic")).collect()
    });
    for (k, result) in results.into_iter().enumerate() {
        let want: Vec<f32> = (0..10_000).map(|i| (i * (k + 10)) as f32).collect();
        ctx.at(format_args!("thread {k}"));
        ctx.check_bits(&[10_000], &result?, &want);
    }
    Ok(())
}

/// Memory of a dropped tensor may be given to the next while kernels still read it: results must not show it.
fn drop_in_flight(ctx: &Context) -> Outcome {
    const N: usize = 1 << 18;
    let x = Tensor::<f32>::ones(N, &ctx.device)?;
    let mut kept = Vec::new();
    for round in 0..30 {
        let mut y = x.add(round as f32)?;
        for _ in 0..5 {
            // Every intermediate is dropped as soon as the next operation is enqueued.
            y = y.add(&x)?.sub(&x)?;
        }
        drop(Tensor::<f32>::full(N, f32::NAN, &ctx.device)?);
        kept.push(y);
    }
    for (round, y) in kept.iter().enumerate() {
        ctx.at(format_args!("round {round}"));
        ctx.check_bits(&[N], &y.to_vec()?, &vec![1.0 + round as f32; N]);
    }
    Ok(())
}
