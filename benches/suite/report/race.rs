//! Tables of the races: against cuBLAS by precision, and what an epilogue costs.

use super::results::{Race, Row, Run};
use super::table::{Table, dash, geometric_mean, micros, ratio};

pub const CUBLAS: &str = "cuBLAS";
pub const WHERE: &str = "where";
const PLAIN: &str = "plain";

/// The columns of a race against cuBLAS in the table of a group.
pub const HEADER: [&str; 6] =
    ["raced µs", "cuBLAS µs", "ratio to cuBLAS", "to its own choice", "if each waits", "in a chain"];

pub fn cells(row: &Row) -> [String; 6] {
    match row.race(CUBLAS) {
        Some(race) if race.status == "ok" => {
            let [ours, theirs] = [race.ours, race.theirs].map(micros);
            let [best, own, waiting, chain] = [race.ratio, race.own, race.waiting, race.chain].map(ratio);
            [ours, theirs, best, own, waiting, chain]
        }
        Some(race) if race.status == "absent" => [dash(), "absent".into(), dash(), dash(), dash(), dash()],
        _ => [(); 6].map(|()| dash()),
    }
}

/// A table for each rival that was raced.
pub fn tables(run: &Run) -> Vec<Table> {
    [against_cublas(run), epilogues(run)].into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn against_cublas(run: &Run) -> Table {
    let raced: Vec<(&Row, f64)> = run.rows.iter().filter_map(|row| Some((row, row.race(CUBLAS)?.ratio?))).collect();
    let mut precisions: Vec<&str> = vec![];
    for (row, _) in &raced {
        if !precisions.contains(&row.precision.as_str()) {
            precisions.push(&row.precision);
        }
    }
    let line = |precision: &str| {
        let of: Vec<(&Row, f64)> = raced.iter().filter(|(row, _)| row.precision == precision).copied().collect();
        let ratios: Vec<f64> = of.iter().map(|(_, ratio)| *ratio).collect();
        let some = |ratio: fn(&Race) -> Option<f64>| -> Vec<f64> {
            of.iter().filter_map(|(row, _)| row.race(CUBLAS).and_then(ratio)).collect()
        };
        let mean = |ratio| Some(some(ratio)).filter(|all| all.len() == of.len()).and_then(|all| geometric_mean(&all));
        let worst = of.iter().min_by(|(_, a), (_, b)| a.total_cmp(b));
        vec![
            precision.to_owned(),
            ratios.len().to_string(),
            ratio(geometric_mean(&ratios)),
            ratio(mean(|race| race.own)),
            ratio(mean(|race| race.waiting)),
            ratio(geometric_mean(&some(|race| race.chain))),
            ratio(worst.map(|(_, ratio)| *ratio)),
            worst.map_or_else(dash, |(row, _)| format!("{} {}", row.work, row.size())),
        ]
    };
    Table {
        title: "matrix products beside cuBLAS, in turns".into(),
        header: vec![
            "precision",
            "cases",
            "geometric mean of ratios",
            "to its own choice",
            "if each waits",
            "chains",
            "least ratio",
            WHERE,
        ],
        rows: precisions.into_iter().map(line).collect(),
        words: 1,
    }
}

fn epilogues(run: &Run) -> Table {
    let line = |row: &Row, race: &Race| {
        vec![
            format!("{} {}", row.work, row.dtype),
            row.size(),
            micros(race.ours),
            micros(race.theirs),
            race.ratio.map_or_else(dash, |ratio| format!("{:+.1}%", 100.0 * (1.0 / ratio - 1.0))),
        ]
    };
    let raced = run.rows.iter().filter_map(|row| Some((row, row.race(PLAIN)?)));
    Table {
        title: "epilogues beside the plain product, in turns".into(),
        header: vec!["case", "shape", "µs", "plain µs", "more"],
        rows: raced.map(|(row, race)| line(row, race)).collect(),
        words: 2,
    }
}
