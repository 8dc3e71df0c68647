//! The runner: families contribute cases, the runner runs each on every backend under a name of its own.
//!
//! A name is `family/operation/dtype/what/backend`. Whether a case can run is decided by asking: a backend that does not open,
//! or that answers the case's probe (the operation on a tiny tensor) with `Unsupported`, makes it *ignored*, with the
//! reason. After a probe that succeeded, `Unsupported` is a failure like any other error.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use libtest_mimic::{Completion, Failed, Trial};
use tilework::{BackendKind, DType, Device, Error};

use crate::element::TestElement;
use crate::report::{self, Ending, Failure, Record, Want};
use crate::values::Rng;

/// What a case returns; `?` turns an error of the library into a failure.
pub type Outcome = Result<(), Failure>;

/// How much to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Every case and kernel with few shapes and values, for tools that slow each launch a hundred times.
    Smoke,
    /// Minutes on two cores.
    Default,
    /// Everything, for a machine with a GPU: tensors past 2 GiB and 2^31 elements among it.
    Full,
}

impl Level {
    /// From `TILEWORK_CONFORMANCE`.
    pub fn from_env() -> Self {
        match std::env::var("TILEWORK_CONFORMANCE") {
            Ok(level) if level == "smoke" => Level::Smoke,
            Ok(level) if level == "full" => Level::Full,
            Ok(level) if level != "default" && !level.is_empty() => {
                panic!("TILEWORK_CONFORMANCE={level}: the levels are `smoke`, `default` and `full`")
            }
            _ => Level::Default,
        }
    }
}

/// Where a case runs, what it draws its numbers from, and where its checks report.
pub struct Context {
    pub device: Device,
    pub level: Level,
    seed: u64,
    at: RefCell<String>,
    checks: Cell<usize>,
    failures: RefCell<Vec<String>>,
    ignored: Cell<Option<&'static str>>,
}

impl Context {
    pub fn backend(&self) -> BackendKind {
        self.device.kind()
    }

    /// What is given for the level.
    pub fn scaled<T>(&self, smoke: T, default: T, full: T) -> T {
        match self.level {
            Level::Smoke => smoke,
            Level::Default => default,
            Level::Full => full,
        }
    }

    /// All of `items`, or at the smoke level each third one from the first on.
    pub fn some<I: IntoIterator>(&self, items: I) -> impl Iterator<Item = I::Item> {
        items.into_iter().step_by(self.scaled(3, 1, 1))
    }

    /// Random numbers that depend on the seed and the case's name alone.
    pub fn rng(&self) -> Rng {
        Rng::new(self.seed)
    }

    /// Names the checks that follow.
    pub fn at(&self, place: impl Display) {
        *self.at.borrow_mut() = place.to_string();
    }

    /// Every element of `got` must satisfy `judge`, which answers with what it wanted otherwise.
    pub fn check<T: TestElement>(&self, shape: &[usize], got: &[T], judge: impl Fn(usize, T) -> Option<Want>) {
        self.note(report::compare(shape, got, judge));
    }

    /// `got` must be `want` to the bit.
    pub fn check_bits<T: TestElement>(&self, shape: &[usize], got: &[T], want: &[T]) {
        self.note(report::compare_bits(shape, got, want));
    }

    /// `holds`, or a failure that says `otherwise`.
    pub fn check_that(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.note(if holds { Ok(()) } else { Err(Failure(otherwise())) });
    }

    /// `result` must be the error `want`, to the last field.
    pub fn check_error<R>(&self, result: tilework::Result<R>, want: &Error) {
        self.check_error_that(result, &format!("{want:?}"), |error| error == want);
    }

    /// `result` must be an error that `is_right`; `want` says in words which.
    pub fn check_error_that<R>(&self, result: tilework::Result<R>, want: &str, is_right: impl FnOnce(&Error) -> bool) {
        self.note(match result {
            Err(error) if is_right(&error) => Ok(()),
            Err(error) => Err(Failure(format!("another error\n    got      {error:?}\n    expected {want}"))),
            Ok(_) => Err(Failure(format!("no error\n    expected {want}"))),
        });
    }

    /// Has the case counted as ignored, for a reason that only its body knows; what it checks all the same can still fail.
    pub fn ignore(&self, reason: &'static str) -> Outcome {
        self.ignored.set(Some(reason));
        Ok(())
    }

    fn note(&self, outcome: Outcome) {
        self.checks.set(self.checks.get() + 1);
        if let Err(failure) = outcome {
            self.failures.borrow_mut().push(format!("{}: {failure}", self.at.borrow()));
        }
    }
}

type Body = dyn Fn(&Context) -> Outcome + Send + Sync;
type Probe = dyn Fn(&Device) -> tilework::Result<()> + Send + Sync;

/// Something to be checked on every backend.
struct Case {
    family: &'static str,
    operation: String,
    dtype: Option<DType>,
    what: String,
    /// Whether nothing else may run at the same time, because it changes the device for everybody.
    alone: bool,
    probe: Arc<Probe>,
    body: Arc<Body>,
}

/// The cases of all families.
#[derive(Default)]
pub struct Suite {
    cases: Vec<Case>,
}

impl Suite {
    /// Adds a case of `operation` on elements of `T`. `probe` asks whether the device has the operation for the type.
    pub fn case<T: TestElement>(
        &mut self,
        family: &'static str,
        operation: &str,
        what: &str,
        probe: impl Fn(&Device) -> tilework::Result<()> + Send + Sync + 'static,
        body: impl Fn(&Context) -> Outcome + Send + Sync + 'static,
    ) {
        self.push(family, operation, Some(T::DTYPE), what, false, Arc::new(probe), Arc::new(body));
    }

    /// Adds a case that belongs to no single element type and needs f32 and i32 alone, which every backend has.
    pub fn general(
        &mut self,
        family: &'static str,
        operation: &str,
        what: &str,
        body: impl Fn(&Context) -> Outcome + Send + Sync + 'static,
    ) {
        self.push(family, operation, None, what, false, Arc::new(|_: &Device| Ok(())), Arc::new(body));
    }

    /// As [`general`](Self::general), with no other case running meanwhile.
    pub fn alone(
        &mut self,
        family: &'static str,
        operation: &str,
        what: &str,
        body: impl Fn(&Context) -> Outcome + Send + Sync + 'static,
    ) {
        self.push(family, operation, None, what, true, Arc::new(|_: &Device| Ok(())), Arc::new(body));
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a case, in order")]
    fn push(
        &mut self,
        family: &'static str,
        operation: &str,
        dtype: Option<DType>,
        what: &str,
        alone: bool,
        probe: Arc<Probe>,
        body: Arc<Body>,
    ) {
        self.cases.push(Case { family, operation: operation.into(), dtype, what: what.into(), alone, probe, body });
    }

    /// The product of cases and backends.
    pub fn trials(self, backends: &Arc<Backends>, level: Level, records: &Records) -> Vec<Trial> {
        let seed = base_seed();
        let mut trials = Vec::new();
        for case in self.cases {
            let dtype = case.dtype.map_or("-", DType::name);
            let case = Arc::new(case);
            for backend in Backends::NAMES {
                let name = format!("{}/{}/{dtype}/{}/{backend}", case.family, case.operation, case.what);
                let (case, backends, records) = (Arc::clone(&case), Arc::clone(backends), records.clone());
                let trial_name = name.clone();
                trials.push(Trial::ignorable_test(name, move || {
                    let pending = records.begin(&case.operation, case.dtype, backend);
                    let ending = run(&case, &trial_name, backends.open(backend), level, seed);
                    pending.end(ending)
                }));
            }
        }
        trials
    }
}

/// Runs one case on one device.
fn run(case: &Case, name: &str, device: Result<Device, Error>, level: Level, seed: u64) -> Result<Ending, Failed> {
    static DEVICES: RwLock<()> = RwLock::new(());
    let (_shared, _alone);
    if case.alone {
        _alone = DEVICES.write().unwrap_or_else(PoisonError::into_inner);
    } else {
        _shared = DEVICES.read().unwrap_or_else(PoisonError::into_inner);
    }

    let device = match device {
        Ok(device) => device,
        Err(error) => return Ok(Ending::Ignored { reason: error.to_string() }),
    };
    match (case.probe)(&device) {
        Ok(()) => {}
        Err(error @ Error::Unsupported { .. }) => return Ok(Ending::Ignored { reason: error.to_string() }),
        Err(error) => return Err(format!("the probe on a tiny tensor failed\n  {error}\n  {error:?}").into()),
    }
    let context = Context {
        device,
        level,
        seed: seed ^ fnv1a(name),
        at: RefCell::default(),
        checks: Cell::default(),
        failures: RefCell::default(),
        ignored: Cell::default(),
    };
    if let Err(failure) = (case.body)(&context) {
        context.note(Err(failure));
    }
    let failures = context.failures.into_inner();
    if failures.is_empty() {
        return Ok(match context.ignored.get() {
            Some(reason) => Ending::Ignored { reason: reason.into() },
            None => Ending::Passed { checks: context.checks.get() },
        });
    }
    const SHOWN: usize = 3;
    let mut text = format!("{} of {} checks failed on {}\n\n", failures.len(), context.checks.get(), context.device);
    text.push_str(&failures.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n\n"));
    if failures.len() > SHOWN {
        let rest = failures[SHOWN..].iter().filter_map(|failure| failure.split(": ").next());
        text.push_str(&format!("\n\nand also at: {}", rest.take(40).collect::<Vec<_>>().join("; ")));
    }
    let variable = match level {
        Level::Smoke => "TILEWORK_CONFORMANCE=smoke ",
        Level::Default => "",
        Level::Full => "TILEWORK_CONFORMANCE=full ",
    };
    text.push_str(&format!(
        "\n\nto reproduce: {variable}TILEWORK_CONFORMANCE_SEED={seed} cargo test --test conformance -- --exact '{name}'\n"
    ));
    Err(text.into())
}

/// The devices under test, one of each backend, opened when the first case asks.
#[derive(Default)]
pub struct Backends {
    opened: Mutex<Vec<(&'static str, Result<Device, Error>)>>,
}

impl Backends {
    pub const NAMES: [&str; 3] = ["cpu", "wgpu", "cuda"];

    /// The device, or why there is none.
    pub fn open(&self, name: &'static str) -> Result<Device, Error> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, device)) = opened.iter().find(|(opened, _)| *opened == name) {
            return device.clone();
        }
        let device: Result<Device, Error> = name.parse();
        opened.push((name, device.clone()));
        device
    }

    /// Each backend with the name of its device, or why it is absent.
    pub fn described(&self) -> Vec<(&'static str, String)> {
        Self::NAMES
            .into_iter()
            .map(|name| (name, self.open(name).map_or_else(|error| error.to_string(), |device| device.to_string())))
            .collect()
    }
}

/// How every case of the run ended.
#[derive(Clone, Default)]
pub struct Records(Arc<Mutex<Vec<Record>>>);

impl Records {
    fn begin(&self, operation: &str, dtype: Option<DType>, backend: &'static str) -> Pending<'_> {
        let record = Record { operation: operation.into(), dtype, backend, ending: Ending::Failed };
        Pending { records: self, record }
    }

    pub fn all(&self) -> Vec<Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A case that runs; recorded as failed when it is dropped, so that a panic is too.
struct Pending<'a> {
    records: &'a Records,
    record: Record,
}

impl Pending<'_> {
    fn end(mut self, ending: Result<Ending, Failed>) -> Result<Completion, Failed> {
        let ending = ending?;
        self.record.ending = ending.clone();
        Ok(match ending {
            Ending::Ignored { reason } => Completion::ignored_with(reason),
            _ => Completion::Completed,
        })
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.records.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.record.clone());
    }
}

/// `TILEWORK_CONFORMANCE_SEED`, else the same numbers in every run.
fn base_seed() -> u64 {
    match std::env::var("TILEWORK_CONFORMANCE_SEED") {
        Ok(seed) => seed.parse().unwrap_or_else(|_| panic!("TILEWORK_CONFORMANCE_SEED={seed}: not a number")),
        Err(_) => 0,
    }
}

/// FNV-1a: gives every case numbers of its own.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
