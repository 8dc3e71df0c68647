//! The conformance suite: every operation, on every element type, shape and memory layout, against one oracle on every backend.
//!
//! `README.md` beside this file says how to run it and how to read a failure. In short:
//! `cargo test --test conformance`, `-- elementwise/exp` for a part, `-- --matrix` for the table at the end,
//! `TILEWORK_CONFORMANCE=full` for everything, `smoke` for a little of each case.
//!
//! By default the memory pools hand out memory filled with NaN (`TILEWORK_POISON=1`), so that an element that a kernel forgets
//! to write is seen; `TILEWORK_POISON=0` runs the suite in the mode that users have.

mod element;
mod layouts;
mod oracle;
mod report;
mod runner;
mod tolerance;
mod values;
mod vocabulary;

mod accuracy;
mod convert;
mod determinism;
mod einsum;
mod elementwise;
mod errors;
mod faults;
mod inplace;
mod matmul;
mod matmul_packed;
mod matmul_scaled;
mod matmul_tf32;
mod norm;
mod random;
mod reduce;
mod sizes;
mod softmax;

use std::process::ExitCode;
use std::sync::Arc;

use runner::{Backends, Level, Records, Suite};

fn main() -> ExitCode {
    if std::env::var_os("TILEWORK_POISON").is_none() {
        // SAFETY: no other thread has been started yet, so none reads the environment.
        unsafe { std::env::set_var("TILEWORK_POISON", "1") };
    }
    let (matrix, arguments): (Vec<String>, Vec<String>) = std::env::args().partition(|argument| argument == "--matrix");
    let arguments = libtest_mimic::Arguments::from_iter(arguments);

    let mut suite = Suite::default();
    convert::cases(&mut suite);
    elementwise::cases(&mut suite);
    inplace::cases(&mut suite);
    reduce::cases(&mut suite);
    softmax::cases(&mut suite);
    norm::cases(&mut suite);
    matmul::cases(&mut suite);
    matmul_packed::cases(&mut suite);
    matmul_scaled::cases(&mut suite);
    matmul_tf32::cases(&mut suite);
    accuracy::cases(&mut suite);
    einsum::cases(&mut suite);
    random::cases(&mut suite);
    sizes::cases(&mut suite);
    determinism::cases(&mut suite);
    errors::cases(&mut suite);
    faults::cases(&mut suite);

    let (backends, records) = (Arc::new(Backends::default()), Records::default());
    let trials = suite.trials(&backends, Level::from_env(), &records);
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !matrix.is_empty() && !arguments.list {
        print!("{}", report::matrix(&records.all(), &backends.described()));
    }
    conclusion.exit_code()
}
