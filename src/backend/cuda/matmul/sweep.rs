//! What is chosen, held against a sweep of all forms on one GPU: `benches/sweep/nvidia-h200.tsv`, which `scripts/run_bench.sh --sweep` wrote.
//!
//! The time of a form is what the plans minimise: some of the time alone, where each product waits for the one before it, and some of the
//! time among others. Forms were measured one after another while the GPU's clock drifted: the same kernel differs by up to 7 %.

use std::collections::BTreeMap;

use super::choose::tests::{H200, problem};
use super::choose::{Choice, Tile, choose};
use super::choose_wide::{can_pass, may_split};
use super::problem::Problem;
use super::wgmma_plan::{ALONE, CANDIDATES, plan_among, plan_named, whole};
use super::{fp8, tf32};
use crate::backend::Precision;
use crate::dtype::DType;

const TABLE: &str = include_str!("../../../../benches/sweep/nvidia-h200.tsv");

/// How much slower than the fastest form a choice may be: once, and in the geometric mean over the shapes of a precision.
const MOST: f64 = 1.10;
const MEAN: f64 = 1.02;

/// A form that was tried on a product, and microseconds.
struct Tried {
    precision: &'static str,
    shape: &'static str,
    form: &'static str,
    time: f64,
}

fn tried() -> Vec<Tried> {
    let line = |line: &'static str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [precision, shape, form, among, alone] = fields[..] else { panic!("{line}") };
        let [among, alone]: [f64; 2] = [among, alone].map(|time| time.parse().unwrap());
        Tried { precision, shape, form, time: ALONE * alone + (1.0 - ALONE) * among }
    };
    TABLE.lines().skip(1).map(line).collect()
}

/// The problem of a line.
fn problem_of(precision: &str, shape: &str) -> Problem {
    let sizes: Vec<u64> = shape.split('x').map(|size| size.parse().unwrap()).collect();
    let [batch, m, n, k] = sizes[..] else { panic!("{shape}") };
    let (dtype, precision) = match precision {
        "bf16" => (DType::BF16, Precision::F32),
        "f8e4m3" => (DType::F8E4M3, Precision::F32),
        "f64" => (DType::F64, Precision::F32),
        "tf32" => (DType::F32, Precision::Tf32),
        "f32, the default" => (DType::F32, Precision::F32),
        "f32, fused multiply-adds" => (DType::F32, Precision::Fma),
        other => panic!("{other}"),
    };
    let mut problem = Problem { precision, ..problem(dtype, m, n, k) };
    problem.parameters.batch = [1, batch as u32];
    for x in [&mut problem.parameters.a, &mut problem.parameters.b] {
        x.batch[1] = if batch == 1 { 0 } else { 1 };
    }
    problem
}

/// What computes the problem if this form is forced; `None` where the form cannot, and its line is that of another.
fn resolve(form: &str, problem: &Problem) -> Option<Choice> {
    let (family, form) = form.split_once('/').unwrap();
    let named =
        |candidates, problem: &Problem| Some(plan_named(form, candidates, problem, H200.multiprocessors, ALONE)?.1);
    let tile = || *Tile::ALL.iter().find(|tile| tile.name() == form).unwrap();
    Some(match family {
        "wgmma" => Choice::Wgmma(named(&CANDIDATES, problem)?),
        "fp8" => Choice::Wgmma(named(&fp8::PRECISE, problem)?),
        "tf32" => {
            let (problem, candidates) = tf32::candidates(problem)?;
            Choice::Tf32(named(candidates, &problem)?)
        }
        "tf32_pass" => {
            let halves = Problem { dtype: DType::F16, ..*problem };
            Choice::Tf32Pass(can_pass(problem, &H200).then(|| named(whole(), &halves))??)
        }
        "simt" => Choice::Simt(tile()),
        "simt_ring" => Choice::SimtRing { tile: tile(), parts: 1 },
        "dmma" => Choice::Dmma { tile: tile(), parts: 1 },
        "split" => may_split(problem, &H200).then(|| Choice::Split(tile()))?,
        other => panic!("{other}"),
    })
}

/// What is chosen, but for the parts of k, which follow from the tile.
fn chosen(problem: &Problem) -> Option<Choice> {
    match choose(problem, &H200) {
        _ if problem.dtype == DType::F8E4M3 => {
            Some(Choice::Wgmma(plan_among("fp8", &fp8::PRECISE, problem, H200.multiprocessors)))
        }
        Some(Choice::SimtRing { tile, .. }) => Some(Choice::SimtRing { tile, parts: 1 }),
        Some(Choice::Dmma { tile, .. }) => Some(Choice::Dmma { tile, parts: 1 }),
        // Kernels without forms.
        Some(Choice::Burst | Choice::Batch) => None,
        other => other,
    }
}

#[test]
fn every_candidate_was_swept() {
    let tried = tried();
    let families = [("wgmma", &CANDIDATES[..]), ("fp8", &fp8::PRECISE[..])];
    for (family, candidate) in families.iter().flat_map(|(family, list)| list.iter().map(move |one| (family, one))) {
        // What splits k between clusters is in it with the number of parts.
        let form = format!("{family}/{}", candidate.name());
        assert!(tried.iter().any(|tried| tried.form.starts_with(&form)), "{form} is not in the sweep: make it again");
    }
}

#[test]
fn choices_are_the_fastest_that_were_measured_or_nearly() {
    let mut lines: BTreeMap<(&str, &str), Vec<Tried>> = BTreeMap::new();
    for tried in tried() {
        lines.entry((tried.precision, tried.shape)).or_default().push(tried);
    }
    // What computes products of f32 by fused multiply-adds may compute others too.
    let fused: Vec<_> = tried().into_iter().filter(|tried| tried.precision == "f32, fused multiply-adds").collect();
    for tried in fused {
        if let Some(lines) = lines.get_mut(&("f32, the default", tried.shape)) {
            lines.push(tried);
        }
    }
    let mut slower: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut slow = vec![];
    for ((precision, shape), lines) in &lines {
        let problem = problem_of(precision, shape);
        let Some(chosen) = chosen(&problem) else { continue };
        let possible = || lines.iter().filter_map(|line| Some((line, resolve(line.form, &problem)?)));
        let best = possible().map(|(line, _)| line).min_by(|a, b| a.time.total_cmp(&b.time)).unwrap();
        let own = possible().find(|(_, choice)| *choice == chosen);
        let Some((own, _)) = own else {
            slow.push(format!("{precision} {shape}: {chosen:?} is not in the sweep"));
            continue;
        };
        let ratio = own.time / best.time;
        println!("{precision} {shape}: {} {:.2}, fastest {} {:.2} us", own.form, own.time, best.form, best.time);
        slower.entry(precision).or_default().push(ratio);
        if ratio > MOST {
            slow.push(format!(
                "{precision} {shape}: {} {:.2}, {} {:.2} us: {ratio:.2}",
                own.form, own.time, best.form, best.time
            ));
        }
    }
    for (precision, ratios) in slower {
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        println!("{precision}: {} shapes, in the mean {mean:.3} of the fastest form's time", ratios.len());
        if mean > MEAN || ratios.len() < 15 {
            slow.push(format!("{precision}: {mean:.3} over {} shapes", ratios.len()));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}
