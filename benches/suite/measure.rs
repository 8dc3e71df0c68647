//! Three times for a case: what the device needs, what a caller waits, and what a round trip from host to host takes.

use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use half::{bf16, f16};
use serde_json::{Value, json};
use tilework::{BackendKind, DType, Device, Error, Float, Result, Tensor};

use super::case::{Case, Input, Work};
use super::race::Rivals;
use super::verify::verify;
use super::work::{Inputs, Output, prepare, run};

/// Bytes of inputs over which calls rotate, so that none lies in a cache: four times the largest L2 there is.
const ROTATED: f64 = 256e6;
/// The most sets of inputs, for products and for the rest.
const MOST_SETS: [usize; 2] = [1024, 64];
/// The most memory that a case may take.
const MEMORY: f64 = 16e9;

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Calls in a row are timed together for about as long.
    pub batch: Duration,
    pub batches: usize,
    /// A case that takes longer for one call is skipped, and said to be.
    pub longest_call: Duration,
}

impl Effort {
    pub fn new(quick: bool, device: &Device) -> Self {
        let slow = device.kind() == BackendKind::Cpu || device.info().is_software;
        let longest_call = Duration::from_millis(if slow { 400 } else { 2000 });
        if quick {
            return Self { batch: Duration::from_millis(if slow { 15 } else { 4 }), batches: 3, longest_call };
        }
        Self { batch: Duration::from_millis(12), batches: 5, longest_call }
    }
}

/// The case with its times, or with the reason why it has none.
pub fn measure(case: &Case, device: &Device, rivals: Option<&Rivals>, effort: Effort) -> Value {
    let result = match case.dtype {
        DType::F16 => times::<f16>(case, device, rivals, effort),
        DType::BF16 | DType::F8E4M3 => times::<bf16>(case, device, rivals, effort),
        DType::F64 => times::<f64>(case, device, rivals, effort),
        _ => times::<f32>(case, device, rivals, effort),
    };
    let mut row = case.json();
    match result {
        Ok(Outcome::Times { sets, device, call, round_trip, race }) => {
            row["status"] = "ok".into();
            row["sets"] = sets.into();
            row["device_s"] = json!(device);
            row["call_s"] = json!(call);
            row["round_trip_s"] = json!(round_trip);
            if !race.is_null() {
                row["race"] = race;
            }
        }
        Ok(Outcome::Wrong(what)) => row["status"] = format!("wrong: {what}").into(),
        Ok(Outcome::Skipped(why)) => row["status"] = format!("skipped: {why}").into(),
        Err(error @ Error::Unsupported { .. }) => row["status"] = format!("unsupported: {error}").into(),
        Err(error) => row["status"] = format!("failed: {error}").into(),
    }
    row
}

enum Outcome {
    Times { sets: usize, device: Option<f64>, call: f64, round_trip: Option<f64>, race: Value },
    Wrong(String),
    Skipped(String),
}

fn times<T: Float>(case: &Case, device: &Device, rivals: Option<&Rivals>, effort: Effort) -> Result<Outcome> {
    if case.bytes() > MEMORY || device.info().memory.is_some_and(|total| case.bytes() * 1.5 > total as f64) {
        return Ok(Outcome::Skipped("it needs more memory than the benchmark takes".into()));
    }
    // A cheap guess before anything large is made: this much no slow device does in the time.
    let slow = device.kind() == BackendKind::Cpu || device.info().is_software;
    let threads = if device.kind() == BackendKind::Cpu { available_parallelism().map_or(1, usize::from) } else { 1 };
    let guess = case.flops().unwrap_or(0.0) / (10e9 * threads as f64) + case.bytes() / 1e9;
    if slow && guess > 2.0 * effort.longest_call.as_secs_f64() {
        return Ok(Outcome::Skipped(format!("more than {:?} for one call is expected here", effort.longest_call)));
    }
    let first: Inputs<T> = prepare(case, 0, device)?;
    if let Some(wrong) = verify(case, &first, &run(case, &first)?)? {
        return Ok(Outcome::Wrong(wrong));
    }
    device.synchronize()?;
    let begin = Instant::now();
    finish(device, run(case, &first)?)?;
    let once = begin.elapsed();
    if once > effort.longest_call {
        return Ok(Outcome::Skipped(format!("one call takes {once:?}")));
    }
    if matches!(case.work, Work::Upload | Work::Download) {
        return transfer(case, device, effort, &first);
    }
    let sets = sets(case);
    let mut inputs = vec![first];
    for set in 1..sets {
        inputs.push(prepare(case, set as u64, device)?);
    }
    let calls = (effort.batch.as_secs_f64() / once.as_secs_f64()).clamp(2.0, 200.0) as usize;
    let mut next = 0;
    let mut turn = || {
        next += 1;
        &inputs[next % sets]
    };
    let mut on_device = vec![];
    for _ in 0..effort.batches {
        let (_, time) = device.time(|| {
            for _ in 0..calls {
                run(case, turn())?;
            }
            Ok(())
        })?;
        on_device.push(time.as_secs_f64() / calls as f64);
    }
    let mut waited = vec![];
    for _ in 0..effort.batches.max(5) {
        let begin = Instant::now();
        finish(device, run(case, turn())?)?;
        waited.push(begin.elapsed().as_secs_f64());
    }
    let race = rivals.map_or(Value::Null, |rivals| rivals.race(case, &inputs, once, effort));
    let round_trip = if case.bytes() <= 64e6 && !case.is_scaled() {
        Some(round_trip(case, device, effort, &inputs[0])?)
    } else {
        None
    };
    Ok(Outcome::Times { sets, device: Some(median(on_device)), call: median(waited), round_trip, race })
}

/// How many sets of inputs it takes that none lies in a cache when its turn comes.
fn sets(case: &Case) -> usize {
    // Products are raced from 256 x 256 up, and there the results, which are written and not read, do not count.
    let (bytes, most) = match case.input {
        Input::Random if case.is_product() => (case.input_bytes(), MOST_SETS[0]),
        _ => (case.bytes(), MOST_SETS[1]),
    };
    ((ROTATED / bytes).ceil() as usize).clamp(1, most)
}

/// Waits for a result where it is.
fn finish<T: Float>(device: &Device, output: Output<T>) -> Result<()> {
    drop(output);
    device.synchronize()
}

/// From host arrays to a host array.
fn round_trip<T: Float>(case: &Case, device: &Device, effort: Effort, inputs: &Inputs<T>) -> Result<f64> {
    let host = |x: &Tensor<T>| Ok::<_, Error>((x.to_vec()?, x.shape().to_vec()));
    let kept = |x: &Option<Tensor<T>>| x.as_ref().map(host).transpose();
    let (a, b) = (host(&inputs.a)?, kept(&inputs.b)?);
    let mut times = vec![];
    for _ in 0..effort.batches {
        // The vectors are the caller's data, not part of the trip.
        let (a, b) = (a.clone(), b.clone());
        let begin = Instant::now();
        let upload = |(elements, shape): (Vec<T>, Vec<usize>)| Tensor::from_vec(elements, shape, device);
        let (a, b) = (upload(a)?, b.map(upload).transpose()?);
        let packed = match &b {
            Some(b) if inputs.packed.is_some() => Some(b.pack()?),
            _ => None,
        };
        let trip = Inputs { a, b, packed, c: inputs.c.clone(), d: inputs.d.clone(), scaled: None };
        match run(case, &trip)? {
            Output::Tensor(out) => drop(out.to_vec()?),
            Output::Index(out) => drop(out.to_vec()?),
            Output::Host(out) => drop(out),
        }
        times.push(begin.elapsed().as_secs_f64());
    }
    Ok(median(times))
}

/// Copies between host and device, by the caller's clock.
fn transfer<T: Float>(case: &Case, device: &Device, effort: Effort, inputs: &Inputs<T>) -> Result<Outcome> {
    let elements = inputs.a.to_vec()?;
    let mut times = vec![];
    for _ in 0..effort.batches.max(5) {
        if case.work == Work::Download {
            let begin = Instant::now();
            let back = inputs.a.to_vec()?;
            times.push(begin.elapsed().as_secs_f64());
            drop(back);
        } else {
            let elements = elements.clone();
            let begin = Instant::now();
            let there = Tensor::from_vec(elements, case.len(), device)?;
            device.synchronize()?;
            times.push(begin.elapsed().as_secs_f64());
            drop(there);
        }
    }
    Ok(Outcome::Times { sets: 1, device: None, call: median(times), round_trip: None, race: Value::Null })
}

pub fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
