//! What a failure says, and the matrix of a run.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use tilework::DType;

use crate::element::{TestElement, Value};

/// Why a check did not hold, ready to be printed.
#[derive(Debug)]
pub struct Failure(pub String);

impl From<tilework::Error> for Failure {
    fn from(error: tilework::Error) -> Self {
        Failure(format!("the operation returned an error\n  {error}\n  {error:?}"))
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Failure(text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an element should be: `value`, and how far a result may lie from it.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    pub value: Value,
    /// The largest absolute error; zero demands `value` rounded once, to the bit.
    pub allowed: f64,
    /// Whether a zero may have either sign.
    pub any_zero: bool,
}

impl Want {
    pub fn exactly(value: Value) -> Self {
        Self { value, allowed: 0.0, any_zero: false }
    }

    /// `None` if `got` will do, else itself.
    pub fn judge<T: TestElement>(self, got: T) -> Option<Want> {
        let holds = self.error(got).is_some_and(|error| error <= self.allowed);
        (!holds).then_some(self)
    }

    /// The distance of `got` from the value: zero if it is the value rounded; `None` if one of them is NaN, or a zero has the
    /// wrong sign.
    fn error<T: TestElement>(self, got: T) -> Option<f64> {
        if got.same(T::round(self.value)) {
            return Some(0.0);
        }
        let (Some(format), Value::Float(want), Value::Float(got)) = (T::FORMAT, self.value, got.value()) else {
            let distance = got.value().float() - self.value.float();
            // An integer beyond 2^53 that differs must not be lost in the conversion.
            return Some(if distance == 0.0 { 1.0 } else { distance.abs() });
        };
        if want.is_nan() || got.is_nan() {
            return None;
        }
        if want == 0.0 && got == 0.0 {
            return self.any_zero.then_some(0.0);
        }
        let finite = |v: f64| v.clamp(-format.overflow(), format.overflow());
        // Where f64 cannot hold what follows its largest number, infinity and that number still differ.
        let gap = if format.overflow() == f64::MAX && want.is_infinite() != got.is_infinite() {
            format.ulp(f64::MAX)
        } else {
            0.0
        };
        Some((finite(got) - finite(want)).abs() + gap)
    }
}

/// The first mismatches and the worst one, of all elements of a result.
pub fn compare<T: TestElement>(
    shape: &[usize],
    got: &[T],
    judge: impl Fn(usize, T) -> Option<Want>,
) -> Result<(), Failure> {
    let length: usize = shape.iter().product();
    if got.len() != length {
        return Err(Failure(format!("the result has {} elements, and shape {shape:?} has {length}", got.len())));
    }
    let mut wrong = 0;
    let mut worst: Option<(f64, usize, Want)> = None;
    let mut first: Option<(usize, Want)> = None;
    for (i, &x) in got.iter().enumerate() {
        let Some(want) = judge(i, x) else { continue };
        wrong += 1;
        first.get_or_insert((i, want));
        // In units of what is allowed, so that a tiny element with a tight bound counts as much as a large one.
        let scale = want.allowed.max(T::FORMAT.map_or(1.0, |format| format.ulp(want.value.float())));
        let badness = want.error(x).map_or(f64::INFINITY, |error| error / scale);
        if worst.is_none_or(|(most, ..)| badness > most) {
            worst = Some((badness, i, want));
        }
    }
    let (Some((_, at, want)), Some(first)) = (worst, first) else { return Ok(()) };
    let mut text = format!("{wrong} of {length} elements are wrong\n");
    describe(&mut text, "worst", shape, at, got[at], want);
    if first.0 != at {
        describe(&mut text, "first", shape, first.0, got[first.0], first.1);
    }
    Err(Failure(text))
}

/// As [`compare`], with a reference of the same type and no tolerance.
pub fn compare_bits<T: TestElement>(shape: &[usize], got: &[T], want: &[T]) -> Result<(), Failure> {
    compare(shape, got, |i, x| (!x.same(want[i])).then(|| Want::exactly(want[i].value())))
}

fn describe<T: TestElement>(text: &mut String, which: &str, shape: &[usize], at: usize, got: T, want: Want) {
    let rounded = T::round(want.value);
    let digits = size_of::<T>() * 2;
    let ulps = match got.ulps_to(rounded) {
        Some(distance) if T::FORMAT.is_some() => format!("{distance} ULP"),
        Some(distance) => format!("a difference of {distance}"),
        None => "NaN on one side".into(),
    };
    let value = match want.value {
        Value::Float(v) => format!("{v:e}"),
        Value::Int(v) => v.to_string(),
    };
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "  {which} at index {:?} (element {at}): {ulps}\n    got      {got:?} (0x{:0digits$x})\n    expected {rounded:?} (0x{:0digits$x}), exactly {value}, error allowed {:e}\n",
        index(shape, at),
        got.bits(),
        rounded.bits(),
        want.allowed,
    );
}

/// The index of the `n`-th element in row-major order.
fn index(shape: &[usize], mut n: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = n % shape[axis];
        n /= shape[axis];
    }
    index
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Passed { checks: usize },
    Failed,
    Ignored { reason: String },
}

/// One case of the run.
#[derive(Clone, Debug)]
pub struct Record {
    pub operation: String,
    pub dtype: Option<DType>,
    pub backend: &'static str,
    pub ending: Ending,
}

/// The matrix operation x backend x dtype, and the reasons for what was ignored.
pub fn matrix(records: &[Record], backends: &[(&'static str, String)]) -> String {
    let mut cells: BTreeMap<(&str, &str, Option<DType>), char> = BTreeMap::new();
    for record in records {
        let mark = match record.ending {
            Ending::Passed { .. } => '+',
            Ending::Failed => 'X',
            Ending::Ignored { .. } => 'i',
        };
        let cell = cells.entry((&record.operation, record.backend, record.dtype)).or_insert(mark);
        // A failure outweighs the rest; a pass outweighs an ignored case of the same operation.
        if mark == 'X' || (mark == '+' && *cell == 'i') {
            *cell = mark;
        }
    }
    let operations: std::collections::BTreeSet<&str> = records.iter().map(|r| r.operation.as_str()).collect();
    let width = operations.iter().map(|name| name.len()).max().unwrap_or(0);
    let columns: Vec<Option<DType>> = DType::ALL.into_iter().map(Some).chain([None]).collect();
    let title = |column: Option<DType>| column.map_or("-", DType::name);
    let mut text = String::from("\nconformance matrix: + passed, X failed, i ignored, . not defined\n");
    let heading: Vec<String> = columns.iter().map(|&c| format!("{:>4}", title(c))).collect();
    for (backend, device) in backends {
        let _ = writeln!(text, "\n{:width$} {}   {device}", backend, heading.join(" "));
        for operation in &operations {
            let row: Vec<String> = columns
                .iter()
                .map(|&column| format!("{:>4}", cells.get(&(*operation, *backend, column)).unwrap_or(&'.')))
                .collect();
            let _ = writeln!(text, "{operation:width$} {}", row.join(" "));
        }
    }
    let mut totals: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for record in records {
        let [passed, failed, ignored, checks] = totals.entry(record.backend).or_default();
        match &record.ending {
            Ending::Passed { checks: n } => {
                *passed += 1;
                *checks += n;
            }
            Ending::Failed => *failed += 1,
            Ending::Ignored { reason } => {
                *ignored += 1;
                *reasons.entry((record.backend, reason)).or_default() += 1;
            }
        }
    }
    text.push('\n');
    for (backend, [passed, failed, ignored, checks]) in totals {
        let _ =
            writeln!(text, "{backend}: {passed} cases passed ({checks} checks), {failed} failed, {ignored} ignored");
    }
    for ((backend, reason), count) in reasons {
        let _ = writeln!(text, "  {backend}: {count} ignored: {reason}");
    }
    text
}
