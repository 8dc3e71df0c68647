//! A product against a rival, turn by turn: against cuBLAS, or with its epilogue against itself without.
//!
//! A GPU at its power limit drifts, so two measurements one after the other are not comparable to a few per cent. Here both sides
//! are recorded as CUDA graphs that take about as long, on the same inputs in the same rotation, on one stream, and timed by the
//! same marks; the two take turns, who begins alternates, and the ratio is the median over the pairs.
//!
//! The products of a graph have nothing to do with each other, so ours may begin beside those before them. Against cuBLAS a second graph
//! has each wait for the one before it; and where an output has the shape of a, a third is a chain of layers: each product multiplies what
//! the one before it made, by another b.

mod cublas;
mod graph;
mod library;
mod plan;

use std::error::Error;
use std::ffi::c_void;
use std::time::Duration;

use serde_json::{Value, json};
use tilework::{Device, Element, Float, Result as Done, Tensor};

use self::cublas::Cublas;
use self::graph::Graph;
use self::plan::Plan;
use crate::case::{Case, Product, Work};
use crate::measure::{Effort, median};
use crate::work::{Inputs, Output, Scaled, run};

/// Pairs of replays for a ratio beside the main one; even, so that each side begins as often.
const FEW_TURNS: usize = 4;

/// The most calls in a graph.
const MOST_CALLS: usize = 1024;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The rivals that there are on a CUDA device.
pub struct Rivals {
    device: Device,
    stream: *mut c_void,
    /// Or why it is not here.
    cublas: Result<Cublas, String>,
}

impl Rivals {
    /// `None` on other devices, where nothing can be recorded.
    pub fn open(device: &Device) -> Option<Self> {
        Some(Self { cublas: Cublas::open(device), ..Self::without_cublas(device)? })
    }

    /// The same but for cuBLAS: products have our times alone.
    pub fn without_cublas(device: &Device) -> Option<Self> {
        let stream = device.cuda_stream()?;
        Some(Self { device: device.clone(), stream, cublas: Err("it was not asked for".into()) })
    }

    /// Which cuBLAS there is, or why there is none.
    pub fn cublas(&self) -> String {
        let version = self.cublas.as_ref().map_err(String::clone).and_then(Cublas::version);
        version.map_or_else(|why| format!("nobody: {why}"), |version| format!("cuBLAS {version}"))
    }

    /// Races `case`, which takes about `once` and has run on all of `inputs`. Null if it has no rival.
    pub fn race<T: Float>(&self, case: &Case, inputs: &[Inputs<T>], once: Duration, effort: Effort) -> Value {
        let heat = Heat { case, inputs, effort, calls: calls(effort.batch, once, inputs.len()) };
        let outcome = match case.work {
            Work::Matmul(_) | Work::ScaledMatmul(_) if case.group == "matmul" => match &self.cublas {
                Ok(cublas) => self.against_cublas(cublas, heat),
                Err(_) => self.unrivalled(heat),
            },
            Work::LinearResidual => self.against_plain(heat),
            _ => return Value::Null,
        };
        outcome.unwrap_or_else(|error| json!({ "status": format!("failed: {error}") }))
    }

    fn against_cublas<T: Float>(&self, cublas: &Cublas, heat: Heat<T>) -> Outcome<Value> {
        let Heat { case, inputs, effort, .. } = heat;
        let scales = match &inputs[0].scaled {
            Some(Scaled { scales: [a, b], .. }) => Some([address(a)?, address(b)?]),
            None => None,
        };
        let plan = Plan::new(cublas, case, scales)?;
        let ours = product(case, &inputs[0])?;
        let zeros = || Tensor::<T>::zeros(ours.shape(), &self.device);
        let scratch = zeros()?;
        let addresses = inputs.iter().map(addresses).collect::<Outcome<Vec<_>>>()?;
        let mut rival = Rival { device: &self.device, plan, addresses, out: address(&scratch)? };
        let times = self.times(&rival)?;
        let &(fastest, once_theirs) = times.iter().min_by_key(|(_, time)| *time).ok_or("no algorithm works")?;
        let out = zeros()?;
        rival.out = address(&out)?;
        rival.call(fastest, 0)?;
        check_same(&ours, &out)?;
        drop(ours);
        let calls = |once| calls(effort.batch, once, inputs.len());
        let [ours, waiting] = [false, true].map(|waits| self.ours(case, heat, waits));
        let (ours, theirs) = (ours?, self.theirs(&rival, fastest, calls(once_theirs))?);
        let mut row = self.take_turns(&ours, &theirs, 2 * effort.batches)?;
        row["rival"] = "cuBLAS".into();
        row["by"] = rival.plan.ways[fastest].to_string().into();
        // Its own choice is the first way; of cuBLASLt, which alone multiplies 8-bit factors, the first proposal.
        row["own"] = match times[0] {
            (0, _) if fastest == 0 => row["ratio"].clone(),
            (0, once) => self.take_turns(&ours, &self.theirs(&rival, 0, calls(once))?, FEW_TURNS)?["ratio"].take(),
            _ => Value::Null,
        };
        row["waiting"] = self.take_turns(&waiting?, &theirs, FEW_TURNS)?["ratio"].take();
        if let Some((ours, theirs)) = self.chains(&rival, fastest, heat)? {
            let mut chain = self.take_turns(&ours, &theirs, FEW_TURNS)?;
            row["chain"] = chain["ratio"].take();
            row["chain_s"] = chain["ours_s"].take();
        }
        Ok(row)
    }

    /// Both sides of a chain of layers, if the case can be one: row-major, an output having the shape of a.
    fn chains<T: Float>(&self, rival: &Rival, way: usize, heat: Heat<T>) -> Outcome<Option<(Side, Side)>> {
        let Heat { case, inputs, calls, .. } = heat;
        let k = case.shape[3];
        match case.work {
            Work::Matmul(Product { transposed: [false, false], packed: false, .. }) if case.shape[2] == k => {}
            _ => return Ok(None),
        }
        // Lengths stay about as they are.
        let scale = T::from_f64((k as f64).sqrt().recip());
        let layers = inputs.iter().filter_map(|set| set.b.as_ref()).map(|b| b.mul(scale)).collect::<Done<Vec<_>>>()?;
        let first = &inputs[0].a;
        let layer = |x: Tensor<T>, i: usize| {
            product(case, &Inputs { b: Some(layers[i % layers.len()].clone()), ..Inputs::of(x) })
        };
        let turns = [Tensor::<T>::zeros(first.shape(), &self.device)?, Tensor::zeros(first.shape(), &self.device)?];
        let [even, odd] = [address(&turns[0])?, address(&turns[1])?];
        let (factors, start) = (layers.iter().map(address).collect::<Outcome<Vec<_>>>()?, address(first)?);
        let call = |i: usize| {
            let [a, out] = if i.is_multiple_of(2) { [odd, even] } else { [even, odd] };
            rival.call_on(way, if i == 0 { start } else { a }, factors[i % factors.len()], out)
        };
        (0..2).try_for_each(call)?;
        check_same(&layer(layer(first.clone(), 0)?, 1)?, &turns[1])?;
        // What these read and write is free memory when this returns, of which nobody takes any until they have been timed.
        let theirs = Graph::record(self.stream, || (0..calls).try_for_each(call))?;
        let ours = Graph::record(self.stream, || (0..calls).try_fold(first.clone(), layer).map(drop))?;
        Ok(Some((Side { graph: ours, calls }, Side { graph: theirs, calls })))
    }

    /// Our times, without cuBLAS.
    fn unrivalled<T: Float>(&self, heat: Heat<T>) -> Outcome<Value> {
        let mut row = json!({ "rival": "cuBLAS", "status": "absent" });
        for (name, waits) in [("ours_s", false), ("waiting_s", true)] {
            let side = self.ours(heat.case, heat, waits)?;
            side.seconds(&self.device)?;
            let times =
                (0..2 * heat.effort.batches).map(|_| side.seconds(&self.device)).collect::<Outcome<Vec<_>>>()?;
            row[name] = median(times).into();
        }
        Ok(row)
    }

    /// The same product without what follows it.
    fn against_plain<T: Float>(&self, heat: Heat<T>) -> Outcome<Value> {
        let plain = Case { work: Work::MATMUL, ..heat.case.clone() };
        run(&plain, &heat.inputs[0])?;
        let (ours, theirs) = (self.ours(heat.case, heat, true)?, self.ours(&plain, heat, true)?);
        let mut row = self.take_turns(&ours, &theirs, 2 * heat.effort.batches)?;
        row["rival"] = "plain".into();
        Ok(row)
    }

    /// Our side, which does `case` on the heat's inputs: outputs come from the pool, one after the other from the same block. If it waits, no
    /// product begins beside another.
    fn ours<T: Float>(&self, case: &Case, heat: Heat<T>, waits: bool) -> Outcome<Side> {
        let Heat { inputs, calls, .. } = heat;
        let call = |i: usize| {
            // Who asks for the stream may enqueue what the next operation has to wait for.
            if waits {
                self.device.cuda_stream();
            }
            run(case, &inputs[i % inputs.len()]).map(drop)
        };
        let graph = Graph::record(self.stream, || (0..calls).try_for_each(call).map_err(Into::into));
        Ok(Side { graph: graph?, calls })
    }

    /// The side of a way of cuBLAS's, by its number.
    fn theirs(&self, rival: &Rival, way: usize, calls: usize) -> Outcome<Side> {
        let graph = Graph::record(self.stream, || (0..calls).try_for_each(|i| rival.call(way, i)));
        Ok(Side { graph: graph?, calls })
    }

    /// The numbers of cuBLAS's ways that work, of which there is one at least, and how long a call takes.
    fn times(&self, rival: &Rival) -> Outcome<Vec<(usize, Duration)>> {
        let mut times = vec![];
        let mut refused = String::new();
        for way in 0..rival.plan.ways.len() {
            // An algorithm may be proposed and still refuse.
            if let Err(error) = rival.call(way, 0) {
                refused = error.to_string();
                continue;
            }
            let few = self.theirs(rival, way, 2)?;
            few.seconds(&self.device)?;
            let about = Duration::from_secs_f64(few.seconds(&self.device)?);
            let many = self.theirs(rival, way, calls(Duration::from_millis(1), about, 2).min(64))?;
            let mut time = f64::INFINITY;
            for _ in 0..3 {
                time = time.min(many.seconds(&self.device)?);
            }
            times.push((way, Duration::from_secs_f64(time)));
        }
        if times.is_empty() { Err(format!("no algorithm works: {refused}").into()) } else { Ok(times) }
    }

    fn take_turns(&self, ours: &Side, theirs: &Side, turns: usize) -> Outcome<Value> {
        let seconds = |side: &Side| side.seconds(&self.device);
        seconds(ours)?;
        seconds(theirs)?;
        let (mut our_times, mut their_times, mut ratios) = (vec![], vec![], vec![]);
        for turn in 0..turns {
            let (our, their) = if turn % 2 == 0 {
                let our = seconds(ours)?;
                (our, seconds(theirs)?)
            } else {
                let their = seconds(theirs)?;
                (seconds(ours)?, their)
            };
            our_times.push(our);
            their_times.push(their);
            ratios.push(their / our);
        }
        Ok(
            json!({ "status": "ok", "ours_s": median(our_times), "theirs_s": median(their_times), "ratio": median(ratios) }),
        )
    }
}

/// What is raced: a case, on inputs in rotation.
struct Heat<'a, T: Float> {
    case: &'a Case,
    inputs: &'a [Inputs<T>],
    effort: Effort,
    /// How many calls our graphs have.
    calls: usize,
}

// Not derived, which would ask the same of `T`.
impl<T: Float> Clone for Heat<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Float> Copy for Heat<'_, T> {}

/// One side of a race: its calls, recorded.
struct Side {
    graph: Graph,
    calls: usize,
}

impl Side {
    /// Seconds for a call.
    fn seconds(&self, device: &Device) -> Outcome<f64> {
        Ok(self.graph.time(device)?.as_secs_f64() / self.calls as f64)
    }
}

/// cuBLAS's side of a race, to be recorded.
struct Rival<'a> {
    device: &'a Device,
    plan: Plan<'a>,
    /// Of a and b in each set of inputs.
    addresses: Vec<[u64; 2]>,
    out: u64,
}

impl Rival<'_> {
    /// Call number `i`, on the inputs whose turn it is, in the way of this number.
    fn call(&self, way: usize, i: usize) -> Outcome<()> {
        let [a, b] = self.addresses[i % self.addresses.len()];
        self.call_on(way, a, b, self.out)
    }

    /// A call on factors and an output at these addresses.
    fn call_on(&self, way: usize, a: u64, b: u64, out: u64) -> Outcome<()> {
        // What our next operation reads, this may write.
        self.device.cuda_stream();
        Ok(self.plan.call(&self.plan.ways[way], a, b, out)?)
    }
}

/// How many calls a graph has: all inputs have a turn, and it takes about `batch`.
fn calls(batch: Duration, once: Duration, sets: usize) -> usize {
    let calls = (batch.as_secs_f64() / once.as_secs_f64().max(1e-9)).ceil() as usize;
    calls.max(sets).clamp(1, MOST_CALLS)
}

fn addresses<T: Float>(inputs: &Inputs<T>) -> Outcome<[u64; 2]> {
    if let Some(scaled) = &inputs.scaled {
        return Ok([address(&scaled.a)?, address(&scaled.b)?]);
    }
    Ok([address(&inputs.a)?, address(inputs.b.as_ref().ok_or("no second factor")?)?])
}

fn address<T: Element>(x: &Tensor<T>) -> Outcome<u64> {
    Ok(x.cuda_pointer().ok_or("not a CUDA device")?)
}

fn product<T: Float>(case: &Case, inputs: &Inputs<T>) -> Outcome<Tensor<T>> {
    match run(case, inputs)? {
        Output::Tensor(out) => Ok(out),
        _ => Err("not a tensor".into()),
    }
}

/// What computes something else is no rival. Ours was verified; theirs has to agree with it to well within the coarsest rounding.
fn check_same<T: Float>(ours: &Tensor<T>, theirs: &Tensor<T>) -> Outcome<()> {
    let largest = |x: &Tensor<T>| x.abs()?.max()?.item();
    let (apart, size) = (largest(&ours.sub(theirs)?)?.to_f64(), largest(ours)?.to_f64());
    if apart <= 0.02 * size { Ok(()) } else { Err(format!("results differ by {apart:e}, at {size:e}").into()) }
}
